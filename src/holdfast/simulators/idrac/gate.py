"""Who may pass: credentials, privileges, lockdown (contract §4, §12.17)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.accounts import Account
from holdfast.simulators.idrac.errors import DropConnection, Info, Refusal, refuse
from holdfast.simulators.idrac.persona import ROOT
from holdfast.simulators.idrac.routes import Rule

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

CHALLENGE = {"WWW-Authenticate": 'Basic realm="RedfishService"'}


@dataclass(frozen=True)
class Identity:
    """Whom a request comes from."""

    account: Account
    session: str | None = None


def _unauthorised(message_id: str) -> Refusal:
    base = Info("AccessDenied", ("the resource",)) if message_id == "SYS415" else Info("NoValidSession")
    return Refusal(401, (Info(message_id), base), dict(CHALLENGE))


def check_password(bmc: Bmc, username: str, password: str, client: str, via: str = "REDFISH") -> Account:
    """The account of a right password; 401 otherwise, and a block of the address after three wrong ones."""
    late = bmc.faults.peek("late-logins", now=bmc.now)
    refused = bmc.faults.peek("password-locked", now=bmc.now) is not None
    refused |= late is not None and bmc.now < bmc.life.last_reset + late.number("seconds")
    account = None if refused else bmc.accounts.login(username, password)
    if account is not None:
        return account
    bmc.record("USR0031", username, client, via, category="Audit")
    if bmc.setting("IPBlocking.1.BlockEnable") == "Enabled":
        penalty = float(bmc.setting("IPBlocking.1.PenaltyTime"))
        blocked = bmc.guard.failed(
            client,
            count=int(bmc.setting("IPBlocking.1.FailCount")),
            window_s=float(bmc.setting("IPBlocking.1.FailWindow")),
            penalty_s=penalty,
        )
        if blocked:
            bmc.record("USR0034", username, client, via, str(int(penalty)), category="Audit")
    raise _unauthorised("SYS415")


def identify(bmc: Bmc, headers: dict[str, str], client: str) -> Identity | None:
    """The user of a request by token or by Basic; None without credentials; 401 with wrong ones."""
    token = headers.get("x-auth-token")
    if token is not None:
        if bmc.faults.take("expired-token", now=bmc.now):
            bmc.sessions.close_all()
        session = bmc.sessions.by_token(token)
        account = bmc.accounts.named(session.username) if session is not None else None
        if session is None or account is None:
            raise _unauthorised("SYS416")
        return Identity(account, session.id)
    authorization = headers.get("authorization", "")
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _unauthorised("SYS415") from None
    account = check_password(bmc, username, password, client)
    if bmc.persona.logs_basic_logins:
        bmc.record("USR0030", username, client, "REDFISH", category="Audit")
    return Identity(account)


def password_due(account: Account) -> Info:
    """The message that an account must first change its password."""
    return Info("PasswordChangeRequired", (f"{ROOT}/AccountService/Accounts/{account.id}",))


def require(bmc: Bmc, identity: Identity | None, rule: Rule, path: str) -> Identity:
    """Refuse who may not: 401 without credentials, 403 without the privilege or under lockdown."""
    if identity is None:
        raise _unauthorised("SYS416")
    if identity.account.password_change_required and not path.endswith(f"/Accounts/{identity.account.id}"):
        raise Refusal(403, (password_due(identity.account),))
    privileges = bmc.accounts.privileges(identity.account)
    own = rule.privilege == "ConfigureUsers" and path.endswith(f"/Accounts/{identity.account.id}")
    if rule.privilege not in privileges and not (own and "ConfigureSelf" in privileges):
        raise Refusal(403, (Info("RAC0506"), Info("InsufficientPrivilege")))
    if rule.locked and bmc.locked_down:
        raise refuse(403, "SYS406")
    return identity


def admit(bmc: Bmc, client: str) -> None:
    """Drop connections of a blocked address, and all while the iDRAC is down."""
    if bmc.life.phase == "down" or bmc.guard.blocked(client):
        raise DropConnection


def host_accepted(bmc: Bmc, host: str) -> bool:
    """Whether the Host header is one of the iDRAC's names; asked only while HostHeaderCheck is on (contract §3)."""
    if bmc.setting("WebServer.1.HostHeaderCheck") != "Enabled":
        return True
    name = bmc.setting("NIC.1.DNSRacName")
    known = {bmc.setting("IPv4.1.Address"), name, f"{name}.{bmc.setting('NIC.1.DNSDomainName')}"}
    known.update(entry.strip() for entry in bmc.setting("WebServer.1.ManualDNSEntry").split(","))
    return host.rpartition(":")[0] in known or host in known

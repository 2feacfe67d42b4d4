"""iDRAC, system and Lifecycle attributes: defaults shared by all simulators, changes kept by each (contract §12.13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.accounts import PRIVILEGE_MASKS, SLOTS, Account
from holdfast.simulators.idrac.attribute_data import (
    DEPENDENCIES,
    IDRAC_DEFAULTS,
    LIFECYCLE_DEFAULTS,
    READ_ONLY,
    SWITCHES,
    SYSTEM_DEFAULTS,
    Value,
)
from holdfast.simulators.idrac.errors import Info
from holdfast.simulators.idrac.wire import Json

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

IDRAC, SYSTEM, LIFECYCLE = "iDRAC.Embedded.1", "System.Embedded.1", "LifecycleController.Embedded.1"
GROUPS = (IDRAC, SYSTEM, LIFECYCLE)
_DEFAULTS: Mapping[str, Mapping[str, Value]] = {
    IDRAC: IDRAC_DEFAULTS,
    SYSTEM: SYSTEM_DEFAULTS,
    LIFECYCLE: LIFECYCLE_DEFAULTS,
}


class Attributes:
    """All attributes of one iDRAC."""

    def __init__(self, bmc: Bmc) -> None:
        self._bmc = bmc
        self.changed: dict[str, Value] = {}
        server = bmc.server
        gateway = bmc.world.bmc_network.rsplit(".", 1)[0] + ".1"
        self._own: dict[str, Value] = {
            "Info.1.Version": bmc.persona.firmware,
            "Info.1.Type": bmc.hw.generation_text,
            "NIC.1.MACAddress": server.bmc_mac,
            "NIC.1.DNSRacName": f"idrac-{server.service_tag}",
            "NIC.1.DNSDomainName": bmc.world.domain,
            "IPv4.1.Address": server.bmc_ip,
            "IPv4.1.Gateway": gateway,
            "IPv4.1.DNS1": bmc.world.firewall_lan_ip,
            "ServerOS.1.HostName": server.hostname,
            "ServerTopology.1.RackName": bmc.world.cluster_name,
        }

    def get(self, name: str) -> Value:
        """The value of an attribute; KeyError when there is none of this name."""
        if name in self.changed:
            return self.changed[name]
        if name in self._own:
            return self._own[name]
        for defaults in _DEFAULTS.values():
            if name in defaults:
                return defaults[name]
        raise KeyError(name)

    def all(self, group: str) -> Json:
        """All attributes of a group, with the users' attributes drawn from the accounts."""
        found: Json = {name: self.get(name) for name in _DEFAULTS[group]}
        if group == IDRAC:
            found.update(self._users())
        return found

    def _users(self) -> Iterator[tuple[str, Value]]:
        roles = self._bmc.persona.generation >= 10
        for number in range(1, SLOTS + 1):
            account = self._bmc.accounts.members.get(str(number)) or Account(str(number))
            prefix = f"Users.{number}"
            yield f"{prefix}.UserName", account.username
            yield f"{prefix}.Password", None
            yield f"{prefix}.Enable", "Enabled" if account.enabled else "Disabled"
            if roles:
                yield f"{prefix}.Role", account.role
            else:
                yield f"{prefix}.Privilege", PRIVILEGE_MASKS.get(account.role, 0)
            yield f"{prefix}.IpmiLanPrivilege", "No Access"
            yield f"{prefix}.SolEnable", "Disabled"
            yield f"{prefix}.ProtocolEnable", "Disabled"
            yield f"{prefix}.AuthenticationProtocol", "SHA"
            yield f"{prefix}.PrivacyProtocol", "AES"
            yield f"{prefix}.SSHPublicKey1", "" if not account.keys else next(iter(account.keys.values()))

    def group_of(self, name: str) -> str | None:
        """The group that has an attribute."""
        for group, defaults in _DEFAULTS.items():
            if name in defaults:
                return group
        if name.startswith("Users.") and name in dict(self._users()):
            return IDRAC
        return None

    def problem(self, group: str, name: str, value: object, together: Mapping[str, object]) -> Info | None:
        """Why a value cannot be set, or None when it can."""
        pointer = (f"#/Attributes/{name}",)
        if self.group_of(name) != group or name in READ_ONLY:
            return Info("SYS409", (name,), pointer)
        if name in DEPENDENCIES:
            other, needed = DEPENDENCIES[name]
            if together.get(other, self.get(other)) != needed:
                return Info("SYS410", (name,), pointer)
        if isinstance(value, bool) or not isinstance(value, str | int | type(None)):
            return Info("SYS424", (str(value), name), pointer)
        if name.startswith("Users."):
            return None if isinstance(value, str | int) else Info("SYS424", (str(value), name), pointer)
        default = self.get(name)
        if isinstance(default, int) and not isinstance(value, int) and not str(value).lstrip("-").isdigit():
            return Info("SYS424", (str(value), name), pointer)
        if default in SWITCHES and value not in SWITCHES:
            return Info("SYS426", (str(value), name), pointer)
        return None

    def set(self, name: str, value: Value) -> bool:
        """Set an attribute that `problem` let through; whether that changed anything."""
        if name.startswith("Users."):
            return self._set_user(name, value)
        old = self.get(name)
        if isinstance(old, int) and isinstance(value, str):
            value = int(value)
        if old == value:
            return False
        self.changed[name] = value
        shown = "******" if any(part in name for part in ("Password", "Community", "Key")) else str(value)
        self._bmc.record("SYS141", name, str(old) if shown == str(value) else "******", shown, category="Configuration")
        if name == "Lockdown.1.SystemLockdown":
            self._bmc.record("RAC0721", str(value), category="Audit")
        return True

    def _set_user(self, name: str, value: Value) -> bool:
        _, number, field = name.split(".", 2)
        account = self._bmc.accounts.members.get(number)
        if account is None:
            return False
        before = (account.username, account.password, account.enabled, account.role)
        text = "" if value is None else str(value)
        if field == "UserName":
            account.username = text
            if not text:
                account.enabled, account.role, account.password = False, "None", ""
        elif field == "Password":
            account.password = text
        elif field == "Enable":
            account.enabled = text == "Enabled"
        elif field == "Privilege":
            masks = {str(mask): role for role, mask in PRIVILEGE_MASKS.items()}
            account.role = masks.get(text, account.role)
        elif field == "Role" and text in self._bmc.accounts.roles():
            account.role = text
        return before != (account.username, account.password, account.enabled, account.role)

    def patch(self, group: str, values: Mapping[str, object]) -> tuple[list[Info], int]:
        """Set what can be set; the problems with the rest and how many values changed (partial, contract E9)."""
        problems: list[Info] = []
        changed = 0
        for name, value in values.items():
            found = self.problem(group, name, value, values)
            if found is not None:
                problems.append(found)
            elif isinstance(value, str | int) or value is None:
                changed += self.set(name, value)
        return problems, changed

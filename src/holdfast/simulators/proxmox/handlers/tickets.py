"""Login, permissions, realms (contract sections 2 and 15.1)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.auth import login_refused
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter, forbidden
from holdfast.simulators.proxmox.values import Row

_CAPABILITIES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "vms": ("/vms", ("VM.",)),
    "storage": ("/storage", ("Datastore.",)),
    "access": ("/access", ("User.", "Group.", "Realm.", "Permissions.")),
    "nodes": ("/nodes", ("Sys.",)),
    "dc": ("/", ("Sys.", "SDN.")),
    "sdn": ("/sdn", ("SDN.",)),
    "mapping": ("/mapping", ("Mapping.",)),
}
_ROOTS = (
    "/",
    "/access",
    "/access/groups",
    "/access/realm",
    "/mapping",
    "/mapping/notifications",
    "/nodes",
    "/pool",
    "/sdn",
    "/storage",
    "/vms",
)


@answers("GET /access/ticket")
def get_ticket(call: Call) -> Answer:
    """A dummy: only there so that the login page can be asked for."""
    return None


@answers("POST /access/ticket")
def login(call: Call) -> Answer:
    """Verify a password (or valid ticket, or answer to a challenge) and give a ticket."""
    authenticator, access = call.authenticator, call.cluster.access
    userid = call.params.text("username")
    if "realm" in call.params and "@" not in userid:
        userid = f"{userid}@{call.params.text('realm')}"
    user = access.users.get(userid)
    if user is None:
        raise login_refused()
    password = call.params.text("password")
    challenge = call.params.maybe("tfa-challenge")
    if challenge is not None:
        authenticator.answer_challenge(user, challenge, password)
    elif not authenticator.password_holds(userid, password):
        raise login_refused()
    elif user.needs_factor and not password.startswith("PVE:"):
        return {
            "username": userid,
            "ticket": authenticator.challenge_for(user),
            "CSRFPreventionToken": authenticator.csrf_for(userid),
            "NeedTFA": 1,
        }
    capabilities: Row = {}
    for name, (path, prefix) in _CAPABILITIES.items():
        held = access.allowed(userid, path)
        capabilities[name] = {privilege: 1 for privilege in sorted(held) if privilege.startswith(prefix)}
    return {
        "username": userid,
        "ticket": authenticator.ticket_for(userid),
        "CSRFPreventionToken": authenticator.csrf_for(userid),
        "clustername": call.cluster.name,
        "cap": capabilities,
    }


@answers("POST /access/vncticket")
def verify_vnc_ticket(call: Call) -> Answer:
    """Console tickets are not issued for use elsewhere, so none is valid here."""
    raise login_refused()


@answers("GET /access/permissions")
def get_permissions(call: Call) -> Answer:
    """Effective privileges by path; of somebody else only with Sys.Audit on /access."""
    access = call.cluster.access
    userid = call.params.text("userid", call.who)
    if userid != call.who and not call.who == userid.partition("!")[0] and not call.allowed("/access", "Sys.Audit"):
        raise forbidden("/access, Sys.Audit")
    if userid.partition("!")[0] not in access.users:
        raise ApiError(f"no such user ('{userid}')")
    if "path" in call.params:
        paths = [call.params.text("path")]
    else:
        pools = {f"/pool/{name}" for name in call.cluster.pools}
        paths = sorted({*_ROOTS, *(grant.path for grant in access.grants), *pools, *access.pool_of})
    answer: Row = {}
    for path in paths:
        held = access.allowed(userid, path)
        if held or "path" in call.params:
            answer[path] = dict.fromkeys(sorted(held), 1)
    return answer


@answers("GET /access/domains")
def list_realms(call: Call) -> Answer:
    """Realms to choose from at login; needs no login."""
    rows: list[Row] = []
    for name, section in call.cluster.sections["domains"].items():
        row: Row = {"realm": name, "type": section["type"]}
        for key in ("comment", "default", "tfa"):
            if key in section:
                row[key] = (
                    int(section[key]) if key == "default" else section[key].partition(",")[0].removeprefix("type=")
                )
        rows.append(row)
    return rows


@answers("PUT /access/password")
def change_password(call: Call) -> Answer:
    """Set a password; users other than root confirm with their own."""
    access = call.cluster.access
    userid = call.params.text("userid")
    user = access.users.get(userid)
    if user is None:
        raise ApiError(f"no such user ('{userid}')")
    if call.who != "root@pam":
        confirmation = call.params.maybe("confirmation-password")
        if confirmation is None:
            raise bad_parameter("confirmation-password", "confirmation-password is required")
        if not call.authenticator.password_holds(call.who, confirmation):
            raise ApiError("authentication failure", 401)
    if user.realm not in ("pam", "pve"):
        raise ApiError(f"can't change password on auth type '{user.realm}'")
    user.password = call.params.text("password")
    return None


@answers("POST /access/openid/auth-url", "POST /access/openid/login")
def refuse_openid(call: Call) -> Answer:
    """No realm of the simulated cluster is an OpenID one."""
    realm = call.params.text("realm", "openid")
    section = call.cluster.sections["domains"].get(realm)
    if section is None and "realm" in call.params:
        raise ApiError(f"auth domain '{realm}' does not exist")
    if section is None or section["type"] != "openid":
        raise ApiError("wrong realm type (not openid)")
    raise login_refused()

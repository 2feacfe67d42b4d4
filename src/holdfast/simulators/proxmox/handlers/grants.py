"""Groups, roles, the access control list, realms (contract section 15.10)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.access import Grant, Group
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError, TaskError, bad_parameter
from holdfast.simulators.proxmox.permissions import require_permission_change
from holdfast.simulators.proxmox.sections import Sections
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Row

_REALMS: Final = Sections(
    "domains", "realm", "domains.cfg", "POST /access/domains", "realm", frozenset({"password", "client-key"})
)
_FIXED_REALMS: Final = frozenset({"pam", "pve"})


@answers("GET /access/groups")
def list_groups(call: Call) -> Answer:
    """Groups the caller may see."""
    rows: list[Row] = []
    for name, group in call.cluster.access.groups.items():
        where = f"/access/groups/{name}"
        if not call.allowed(where, "User.Modify", "Sys.Audit", "Group.Allocate", any_of=True):
            continue
        row: Row = {"groupid": name, "users": ",".join(_members(call, name))}
        if group.comment:
            row["comment"] = group.comment
        rows.append(row)
    return rows


def _members(call: Call, group: str) -> list[str]:
    return sorted(user.userid for user in call.cluster.access.users.values() if group in user.groups)


def _group(call: Call) -> Group:
    name = call.params.text("groupid")
    group = call.cluster.access.groups.get(name)
    if group is None:
        raise ApiError(f"group '{name}' does not exist")
    return group


@answers("GET /access/groups/{groupid}")
def get_group(call: Call) -> Answer:
    """One group with its members."""
    group = _group(call)
    row: Row = {"members": _members(call, call.params.text("groupid"))}
    if group.comment:
        row["comment"] = group.comment
    return row


@answers("POST /access/groups")
def create_group(call: Call) -> Answer:
    """A new group."""
    name, groups = call.params.text("groupid"), call.cluster.access.groups
    call.cluster.require_writable("user.cfg")
    if name in groups:
        raise ApiError(f"create group failed: group '{name}' already exists")
    groups[name] = Group(call.params.maybe("comment"))
    return None


@answers("PUT /access/groups/{groupid}")
def change_group(call: Call) -> Answer:
    """Change the comment."""
    call.cluster.require_writable("user.cfg")
    _group(call).comment = call.params.maybe("comment")
    return None


@answers("DELETE /access/groups/{groupid}")
def delete_group(call: Call) -> Answer:
    """Delete a group and its grants."""
    _group(call)
    access, name = call.cluster.access, call.params.text("groupid")
    call.cluster.require_writable("user.cfg")
    del access.groups[name]
    for user in access.users.values():
        user.groups.discard(name)
    access.revoke_subject("group", name)
    return None


# -- roles ------------------------------------------------------------------------------------------------------------


def _privileges(call: Call) -> frozenset[str]:
    words = call.params.words("privs")
    for word in words:
        if word not in call.cluster.access.known:
            raise ApiError(f"invalid privilege '{word}'")
    return frozenset(words)


@answers("GET /access/roles")
def list_roles(call: Call) -> Answer:
    """All roles."""
    access = call.cluster.access
    return [
        {"roleid": name, "privs": ",".join(sorted(held)), "special": int(name in access.builtin)}
        for name, held in sorted(access.roles.items())
    ]


def _role(call: Call) -> frozenset[str]:
    name = call.params.text("roleid")
    held = call.cluster.access.roles.get(name)
    if held is None:
        raise ApiError(f"role '{name}' does not exist")
    return held


@answers("GET /access/roles/{roleid}")
def get_role(call: Call) -> Answer:
    """Privileges of one role."""
    return dict.fromkeys(sorted(_role(call)), 1)


@answers("POST /access/roles")
def create_role(call: Call) -> Answer:
    """A new role."""
    access, name = call.cluster.access, call.params.text("roleid")
    call.cluster.require_writable("user.cfg")
    if name in access.roles:
        raise ApiError(f"create role failed: role '{name}' already exists")
    if name.startswith("PVE"):
        raise bad_parameter("roleid", "cannot use role ID starting with the (case-insensitive) 'PVE' namespace")
    access.roles[name] = _privileges(call)
    access.changed()
    return None


@answers("PUT /access/roles/{roleid}")
def change_role(call: Call) -> Answer:
    """Change a role of one's own."""
    access, name, held = call.cluster.access, call.params.text("roleid"), _role(call)
    call.cluster.require_writable("user.cfg")
    if name in access.builtin:
        raise ApiError(f"update role failed: auto-generated role '{name}' cannot be modified")
    wanted = _privileges(call)
    access.roles[name] = held | wanted if call.params.flag("append") else wanted
    access.changed()
    return None


@answers("DELETE /access/roles/{roleid}")
def delete_role(call: Call) -> Answer:
    """Delete a role of one's own."""
    access, name = call.cluster.access, call.params.text("roleid")
    _role(call)
    call.cluster.require_writable("user.cfg")
    if name in access.builtin:
        raise ApiError(f"delete role failed: auto-generated role '{name}' cannot be deleted")
    del access.roles[name]
    access.grants = [grant for grant in access.grants if grant.role != name]
    access.changed()
    return None


# -- access control list ----------------------------------------------------------------------------------------------


@answers("GET /access/acl")
def list_grants(call: Call) -> Answer:
    """The list; without Sys.Audit on /access only paths whose grants the caller may change."""
    everything = call.allowed("/access", "Sys.Audit", "Permissions.Modify", any_of=True)
    rows: list[Row] = []
    for grant in call.cluster.access.grants:
        if not everything and not call.allowed(grant.path, "Permissions.Modify"):
            continue
        rows.append(
            {
                "path": grant.path,
                "type": grant.kind,
                "ugid": grant.subject,
                "roleid": grant.role,
                "propagate": int(grant.propagate),
            }
        )
    call.cluster.rng.shuffle(rows)
    return rows


def _subjects(call: Call) -> list[tuple[str, str]]:
    access, params = call.cluster.access, call.params
    found: list[tuple[str, str]] = []
    for name in params.words("groups"):
        if name not in access.groups:
            raise ApiError(f"no such group '{name}'")
        found.append(("group", name))
    for name in params.words("users"):
        if name not in access.users:
            raise ApiError(f"no such user ('{name}')")
        found.append(("user", name))
    for name in params.words("tokens"):
        user, _, token = name.partition("!")
        if user not in access.users or token not in access.users[user].tokens:
            raise ApiError(f"no such token '{token}' for user '{user}'")
        found.append(("token", name))
    if not found:
        raise bad_parameter("users", "either 'users', 'groups' or 'tokens' is required.")
    return found


@answers("PUT /access/acl")
def set_grants(call: Call) -> Answer:
    """Add or remove lines of the list."""
    access, params = call.cluster.access, call.params
    call.cluster.require_writable("user.cfg")
    path = "/" + "/".join(part for part in params.text("path").split("/") if part)
    if path.split("/")[1] not in ("", "nodes", "vms", "storage", "pool", "sdn", "access", "mapping"):
        raise bad_parameter("path", f"invalid ACL path '{path}'")
    require_permission_change(access, call.who, path) if call.who != "root@pam" else None
    subjects = _subjects(call)
    for role in params.words("roles"):
        if role not in access.roles:
            raise ApiError(f"role '{role}' does not exist")
        for kind, subject in subjects:
            kept = [
                one
                for one in access.grants
                if (one.path, one.kind, one.subject, one.role) != (path, kind, subject, role)
            ]
            if not params.flag("delete"):
                kept.append(Grant(path, kind, subject, role, params.flag("propagate", True)))
            access.grants = kept
    access.changed()
    return None


# -- realms -----------------------------------------------------------------------------------------------------------


def _realm(call: Call) -> dict[str, str]:
    section = _REALMS.all(call).get(_REALMS.ident(call))
    if section is None:
        raise ApiError(f"domain '{_REALMS.ident(call)}' does not exist")
    return section


@answers("GET /access/domains/{realm}")
def get_realm(call: Call) -> Answer:
    """One realm."""
    _realm(call)
    row = _REALMS.row(call, _REALMS.ident(call))
    row.pop("realm")
    return row


@answers("POST /access/domains")
def create_realm(call: Call) -> Answer:
    """A new realm."""
    call.cluster.require_writable("domains.cfg")
    name, kind = _REALMS.ident(call), call.params.text("type")
    if name in _REALMS.all(call):
        raise ApiError(f"add auth server failed: domain '{name}' already exists")
    if kind in _FIXED_REALMS:
        raise ApiError(f"add auth server failed: unable to create builtin type '{kind}'")
    required = {
        "ldap": ("server1", "base_dn", "user_attr"),
        "ad": ("server1", "domain"),
        "openid": ("issuer-url", "client-id"),
    }
    for option in required[kind]:
        if option not in call.params:
            raise bad_parameter(option, f"missing value for required option '{option}'")
    section = _REALMS.given(call)
    if call.params.flag("default"):
        for other in _REALMS.all(call).values():
            other.pop("default", None)
    _REALMS.all(call)[name] = section
    return None


@answers("PUT /access/domains/{realm}")
def change_realm(call: Call) -> Answer:
    """Change a realm."""
    _realm(call)
    if call.params.flag("default"):
        for other in _REALMS.all(call).values():
            other.pop("default", None)
    _REALMS.change(call)
    return None


@answers("DELETE /access/domains/{realm}")
def delete_realm(call: Call) -> Answer:
    """Delete a realm."""
    _realm(call)
    if _REALMS.ident(call) in _FIXED_REALMS:
        raise ApiError(f"delete auth server failed: can't remove builtin domain '{_REALMS.ident(call)}'")
    _REALMS.remove(call)
    return None


@answers("POST /access/domains/{realm}/sync")
def sync_realm(call: Call) -> Answer:
    """Fetch users from a directory: the simulated network has none."""
    section = _realm(call)
    if section["type"] not in ("ldap", "ad"):
        raise ApiError(f"Cannot sync realm type '{section['type']}'! Only LDAP/AD realms can be synced.")
    name = _REALMS.ident(call)

    def work() -> Work:
        yield (
            f"got 0 users and 0 groups to sync from realm '{name}'"
            if call.params.flag("dry-run")
            else f"syncing {name}"
        )
        yield Pause()
        raise TaskError(f"Connect to '{section.get('server1', '')}' failed: Connection timed out")

    return call.fork("auth-realm-sync", name, work(), 0.3)

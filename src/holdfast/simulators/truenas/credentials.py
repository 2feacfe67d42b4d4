"""Who a session is: a user, by what means it logged in, and the roles it has (contract sections 5.2 and 14)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from holdfast.simulators.truenas.errors import Row
from holdfast.simulators.truenas.wire import from_epoch

FULL_ADMIN = "FULL_ADMIN"

# Roles that bundle others. Every X_WRITE includes X_READ, and READONLY_ADMIN every role that ends in _READ.
_BUNDLES: dict[str, tuple[str, ...]] = {
    "SHARING_ADMIN": ("READONLY_ADMIN", "DATASET_WRITE", "SHARING_WRITE", "FILESYSTEM_ATTRS_WRITE", "SERVICE_READ"),
    "REPLICATION_ADMIN": (
        "KEYCHAIN_CREDENTIAL_WRITE",
        "REPLICATION_TASK_CONFIG_WRITE",
        "REPLICATION_TASK_WRITE",
        "SNAPSHOT_TASK_WRITE",
        "SNAPSHOT_WRITE",
    ),
    "SHARING_WRITE": ("SHARING_ISCSI_WRITE", "SHARING_NFS_WRITE", "SHARING_SMB_WRITE", "SHARING_READ"),
    "SHARING_READ": ("SHARING_ISCSI_READ", "SHARING_NFS_READ", "SHARING_SMB_READ"),
    "FILESYSTEM_FULL_CONTROL": ("FILESYSTEM_ATTRS_WRITE", "FILESYSTEM_DATA_WRITE"),
    "VM_DEVICE_READ": ("VM_READ",),
    "VM_DEVICE_WRITE": ("VM_WRITE", "VM_DEVICE_READ"),
    "REPLICATION_TASK_WRITE_PULL": ("REPLICATION_TASK_WRITE",),
}
# Write roles whose read twin is not included.
_NO_READ_TWIN = frozenset({"SYSTEM_AUDIT_WRITE", "SERVICE_WRITE"})
_ISCSI = ("AUTH", "EXTENT", "GLOBAL", "HOST", "INITIATOR", "PORTAL", "TARGET", "TARGETEXTENT")
_ISCSI_ROLE = re.compile(r"SHARING_ISCSI_(READ|WRITE)")


def expand_roles(roles: Iterable[str]) -> frozenset[str]:
    """These roles and all they include. READONLY_ADMIN stays itself: see `satisfies`."""
    found: set[str] = set()
    waiting = list(roles)
    while waiting:
        role = waiting.pop()
        if role in found:
            continue
        found.add(role)
        waiting += _BUNDLES.get(role, ())
        if role.endswith("_WRITE") and role not in _NO_READ_TWIN:
            waiting.append(f"{role.removesuffix('_WRITE')}_READ")
        bundle = _ISCSI_ROLE.fullmatch(role)
        if bundle:
            waiting += [f"SHARING_ISCSI_{part}_{bundle[1]}" for part in _ISCSI]
    return frozenset(found)


@cache
def satisfies(held: frozenset[str], wanted: str) -> bool:
    """Whether the expanded roles contain the wanted one."""
    return FULL_ADMIN in held or wanted in held or ("READONLY_ADMIN" in held and wanted.endswith("_READ"))


@dataclass
class Credential:
    """A logged-in identity.

    Attributes:
        kind: The appliance's word: API_KEY, LOGIN_PASSWORD, LOGIN_TWOFACTOR, LOGIN_ONETIME_PASSWORD or TOKEN.
        roles: Expanded roles; `become_readonly` narrows them for this session only.
        login_at: Seconds since the epoch.
        expires_at: When the session ages out.
    """

    kind: str
    username: str
    uid: int
    roles: frozenset[str]
    login_id: str
    login_at: float
    expires_at: float
    api_key: tuple[int, str] | None = None
    parent: Credential | None = None
    web_shell: bool = False
    attributes: tuple[str, ...] = ("LOCAL", "SYS_ADMIN")

    @property
    def full_admin(self) -> bool:
        """Whether every method may be called."""
        return FULL_ADMIN in self.roles

    def has_role(self, wanted: Iterable[str]) -> bool:
        """Whether one of the wanted roles is held."""
        return self.full_admin or any(satisfies(self.roles, role) for role in wanted)

    def session_data(self) -> Row:
        """`credentials_data` of `auth.sessions`."""
        if self.parent is not None:
            parent: Row = {"credentials": self.parent.kind, "credentials_data": self.parent.session_data()}
            return {"parent": parent, "login_id": self.login_id, "username": self.username}
        data: Row = {"username": self.username, "login_id": self.login_id, "login_at": from_epoch(self.login_at)}
        if self.api_key is not None:
            data["api_key"] = {"id": self.api_key[0], "name": self.api_key[1]}
        return data

    def job_data(self) -> Row:
        """`credentials` of a job object."""
        data: Row = {"username": self.username}
        if self.api_key is not None:
            data["api_key"] = {"id": self.api_key[0], "name": self.api_key[1]}
        return {"type": self.kind, "data": data}

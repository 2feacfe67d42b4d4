"""Users, tokens, roles, grants."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.proxmox.reading import Key
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson


class UserRow(Row):
    """A user. expires_at 0: never. api_access: names of its API tokens (no secrets)."""

    identified_by = ("user",)

    user: Annotated[Untrusted, Key("userid")]
    enabled: Annotated[bool | None, Key("enable")] = None
    expires_at: Annotated[int | None, Key("expire")] = None
    realm_type: Annotated[Untrusted | None, Key("realm-type")] = None
    groups: list[Untrusted] | None = None
    email: Untrusted | None = None
    firstname: Untrusted | None = None
    lastname: Untrusted | None = None
    comment: Untrusted | None = None
    api_access: list[Untrusted] | None = None


class UserPage(Page[UserRow]):
    """Users."""


class ApiAccess(Row):
    """An API token: full name, whether its rights are separate from the user's. Its secret is never shown."""

    id: Untrusted
    separated: bool | None = None
    expires_at: int | None = None
    comment: Untrusted | None = None


class ApiAccessPage(Page[ApiAccess]):
    """API tokens."""


class RoleRow(Row):
    """A role and its privileges. builtin roles cannot be changed."""

    identified_by = ("role",)

    role: Annotated[Untrusted, Key("roleid")]
    privileges: Annotated[list[Untrusted] | None, Key("privs")] = None
    builtin: Annotated[bool | None, Key("special")] = None


class RolePage(Page[RoleRow]):
    """Roles."""


class GrantRow(Row):
    """A grant: on a path, to a user, group or token, with a role; propagate: also below the path."""

    identified_by = ("path", "to", "kind", "role")

    path: Untrusted
    to: Annotated[Untrusted, Key("ugid")]
    kind: Annotated[Untrusted, Key("type")]
    role: Annotated[Untrusted, Key("roleid")]
    propagate: bool | None = None


class GrantPage(Page[GrantRow]):
    """Grants."""


class Permissions(Answer):
    """Effective privileges by path, and which groups of tools will work with them."""

    account: Untrusted
    paths: UntrustedJson
    works: list[Untrusted] | None = None
    lacks: UntrustedJson | None = None


class GroupRow(Row):
    """A group of users."""

    identified_by = ("group",)

    group: Annotated[Untrusted, Key("groupid")]
    comment: Untrusted | None = None
    users: list[Untrusted] | None = None


class GroupPage(Page[GroupRow]):
    """Groups."""


class PoolRow(Row):
    """A resource pool."""

    identified_by = ("pool",)

    pool: Annotated[Untrusted, Key("poolid")]
    comment: Untrusted | None = None


class PoolPage(Page[PoolRow]):
    """Pools."""


class PoolMember(Row):
    """A guest (type qemu or lxc) or a storage in a pool."""

    type: Untrusted
    vmid: int | None = None
    name: Untrusted | None = None
    storage: Untrusted | None = None
    node: Untrusted | None = None
    status: Untrusted | None = None


class Pool(Answer):
    """A pool with its members."""

    pool: Untrusted
    comment: Untrusted | None = None
    members: list[PoolMember]

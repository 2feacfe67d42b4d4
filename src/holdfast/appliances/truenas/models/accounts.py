"""Users, groups, API keys. Never a secret."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Page, Row
from holdfast.control.cleaning import Untrusted


class User(Row):
    """A local user."""

    id: int
    uid: int
    username: Untrusted
    full_name: Untrusted | None = None
    email: Untrusted | None = None
    shell: Untrusted | None = None
    smb: bool | None = None
    locked: bool | None = None
    password_disabled: bool | None = None
    two_factor: Annotated[bool | None, From("twofactor_auth_configured")] = None
    roles: list[Untrusted] | None = None


class UserPage(Page[User]):
    """Users."""


class Group(Row):
    """A local group."""

    id: int
    gid: int
    name: Untrusted
    smb: bool | None = None
    members: int | None = None
    roles: list[Untrusted] | None = None


class GroupPage(Page[Group]):
    """Groups."""


class ApiKey(Row):
    """An API key, without the key."""

    id: int
    name: Untrusted
    username: Untrusted | None = None
    created: Annotated[Untrusted | None, From("created_at")] = None
    expires: Annotated[Untrusted | None, From("expires_at")] = None
    revoked: bool | None = None
    why_revoked: Annotated[Untrusted | None, From("revoked_reason")] = None


class ApiKeyPage(Page[ApiKey]):
    """API keys."""


class Privilege(Row):
    """Roles that members of groups have."""

    id: int
    name: Untrusted
    builtin: Annotated[Untrusted | None, From("builtin_name")] = None
    groups: list[Untrusted]
    roles: list[Untrusted]
    web_shell: bool | None = None


class PrivilegePage(Page[Privilege]):
    """Privileges."""


class Role(Row):
    """A role and the roles that it includes."""

    name: Untrusted
    title: Untrusted | None = None
    includes: list[Untrusted] | None = None


class RolePage(Page[Role]):
    """Roles."""


class Member(Row):
    """A member of a group. `primary`: it is the user's own group."""

    id: int
    uid: int
    username: Untrusted
    locked: bool | None = None
    primary: bool | None = None


class MemberPage(Page[Member]):
    """Members of a group."""

"""Users, groups, tokens, roles and the access control list, and what they allow (contract section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from holdfast.simulators.proxmox.errors import forbidden
from holdfast.simulators.proxmox.roles import builtin_roles, privileges

ROOT: Final = "root@pam"


@dataclass
class Token:
    """An API token; `privsep` intersects its own grants with its user's."""

    secret: str
    privsep: bool = True
    expire: int = 0
    comment: str | None = None


@dataclass
class Factor:
    """A second factor: `secrets` holds the base32 secret of a "totp" or the unused keys of a "recovery"."""

    kind: str
    description: str
    created: int
    secrets: set[str]
    enable: bool = True


@dataclass
class User:
    """An account; times are seconds since the epoch, 0 means never."""

    userid: str
    password: str | None = None
    enable: bool = True
    expire: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    tokens: dict[str, Token] = field(default_factory=dict)
    factors: dict[str, Factor] = field(default_factory=dict)
    failed_factors: int = 0
    locked_totp: bool = False

    @property
    def realm(self) -> str:
        """The part after the at sign."""
        return self.userid.rpartition("@")[2]

    @property
    def needs_factor(self) -> bool:
        """Whether a second factor is enrolled."""
        return any(factor.enable for factor in self.factors.values())

    def factors_of(self, kind: str) -> list[Factor]:
        """Enabled second factors of one kind."""
        return [factor for factor in self.factors.values() if factor.kind == kind and factor.enable]


@dataclass(frozen=True)
class Grant:
    """One line of the access control list; `kind` is "user", "group" or "token"."""

    path: str
    kind: str
    subject: str
    role: str
    propagate: bool = True


@dataclass
class Group:
    """A group of users."""

    comment: str | None = None


class Access:
    """Who may do what. Results are cached until `changed()`."""

    def __init__(self, release: str) -> None:
        self.known = privileges(release)
        self.builtin = builtin_roles(release)
        self.roles: dict[str, frozenset[str]] = dict(self.builtin)
        self.users: dict[str, User] = {ROOT: User(ROOT)}
        self.groups: dict[str, Group] = {}
        self.grants: list[Grant] = []
        self.pool_of: dict[str, str] = {}
        self.withheld: set[tuple[str, str]] = set()
        self._cache: dict[tuple[str, str], frozenset[str]] = {}

    def changed(self) -> None:
        """Forget computed permissions; to be called after every change of users, roles, grants or pools."""
        self._cache.clear()

    def allowed(self, who: str, path: str) -> frozenset[str]:
        """The privileges a user or token holds on a path."""
        if who == ROOT:
            return self.known
        key = (who, path)
        found = self._cache.get(key)
        if found is None:
            found = self._effective(who, path) - {name for where, name in self.withheld if _covers(where, path)}
            self._cache[key] = found
        return found

    def holds(self, who: str, path: str, names: Iterable[str], *, any_of: bool = False) -> bool:
        """Whether all (or any) of the privileges are held on the path."""
        held = self.allowed(who, path)
        return any(name in held for name in names) if any_of else all(name in held for name in names)

    def require(self, who: str, path: str, names: Iterable[str], *, any_of: bool = False) -> None:
        """403 naming path and missing privilege unless they are held."""
        wanted = tuple(names)
        held = self.allowed(who, path)
        if any_of:
            if not any(name in held for name in wanted):
                raise forbidden(f"{path}, {'|'.join(wanted)}")
            return
        for name in wanted:
            if name not in held:
                raise forbidden(f"{path}, {name}")

    def _effective(self, who: str, path: str) -> frozenset[str]:
        userid, separator, name = who.partition("!")
        user = self.users.get(userid)
        if user is None:
            return frozenset()
        # A token of root is not root, but root's own share of the intersection is everything.
        base = self.known if userid == ROOT else self._privileges(path, "user", userid)
        if not separator:
            return base
        token = user.tokens.get(name)
        if token is None:
            return frozenset()
        return base & self._privileges(path, "token", who) if token.privsep else base

    def _privileges(self, path: str, kind: str, subject: str) -> frozenset[str]:
        roles = self.roles_at(path, kind, subject)
        if "NoAccess" in roles:
            return frozenset()
        held = frozenset[str]().union(*(self.roles.get(role, frozenset()) for role in roles))
        pool = self.pool_of.get(path)
        if pool is not None:
            pool_roles = self.roles_at(f"/pool/{pool}", kind, subject)
            if "NoAccess" not in pool_roles:
                held = held.union(*(self.roles.get(role, frozenset()) for role in pool_roles))
        return held

    def roles_at(self, path: str, kind: str, subject: str) -> dict[str, bool]:
        """Roles in force on a path and whether they propagate: the deepest level wins, users win over their groups."""
        groups = self.users[subject].groups if kind == "user" and subject in self.users else set[str]()
        found: dict[str, bool] = {}
        for level in _levels(path):
            own: dict[str, bool] = {}
            shared: dict[str, bool] = {}
            for grant in self.grants_at(level):
                if not grant.propagate and level != path:
                    continue
                if grant.kind == kind and grant.subject == subject:
                    own[grant.role] = grant.propagate
                elif grant.kind == "group" and grant.subject in groups:
                    shared[grant.role] = grant.propagate
            found = own or shared or found
        return found

    def grants_at(self, path: str) -> list[Grant]:
        """Lines of the list for exactly this path."""
        return [grant for grant in self.grants if grant.path == path]

    def revoke_subject(self, kind: str, subject: str) -> None:
        """Remove every line that names this user, group or token."""
        self.grants = [grant for grant in self.grants if (grant.kind, grant.subject) != (kind, subject)]
        self.changed()


def _levels(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part]
    return ["/", *("/" + "/".join(parts[: depth + 1]) for depth in range(len(parts)))]


def _covers(where: str, path: str) -> bool:
    return where in ("/", path) or path.startswith(f"{where}/")

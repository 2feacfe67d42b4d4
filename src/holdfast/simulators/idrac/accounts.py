"""Users and roles: sixteen fixed slots up to iDRAC9, real members on iDRAC10 (contract §12.12)."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.simulators.idrac.body import invalid, not_listed
from holdfast.simulators.idrac.errors import refuse

SLOTS = 16
MAX_MEMBERS = 31
MIN_PASSWORD, MAX_PASSWORD = 8, 40

LOGIN = "Login"
CONFIGURE_MANAGER = "ConfigureManager"
CONFIGURE_USERS = "ConfigureUsers"
CONFIGURE_SELF = "ConfigureSelf"
CONFIGURE_COMPONENTS = "ConfigureComponents"

ROLES: dict[str, tuple[str, ...]] = {
    "Administrator": (LOGIN, CONFIGURE_MANAGER, CONFIGURE_USERS, CONFIGURE_SELF, CONFIGURE_COMPONENTS),
    "Operator": (LOGIN, CONFIGURE_SELF, CONFIGURE_COMPONENTS),
    "ReadOnly": (LOGIN, CONFIGURE_SELF),
    "None": (),
}
PRIVILEGE_MASKS = {"Administrator": 511, "Operator": 499, "ReadOnly": 1, "None": 0}


@dataclass
class Account:
    """A user: `id` is the slot number or member id."""

    id: str
    username: str = ""
    password: str = ""
    role: str = "None"
    enabled: bool = False
    locked: bool = False
    password_change_required: bool = False
    keys: dict[str, str] = field(default_factory=dict)


class Accounts:
    """All users of one iDRAC."""

    def __init__(self, *, slots: bool) -> None:
        self.slots = slots
        self.members: dict[str, Account] = {}
        self.custom_roles: dict[str, tuple[str, ...]] = {}
        if slots:
            for number in range(1, SLOTS + 1):
                self.members[str(number)] = Account(str(number))

    def put(self, slot: int, username: str, password: str, role: str) -> Account:
        """Fill a slot at construction."""
        account = Account(str(slot), username, password, role, enabled=True)
        self.members[account.id] = account
        return account

    def named(self, username: str) -> Account | None:
        """The user of this name."""
        for account in self.members.values():
            if username and account.username == username:
                return account
        return None

    def login(self, username: str, password: str) -> Account | None:
        """The user when name and password fit and the account may be used."""
        account = self.named(username)
        if account is None or not account.enabled or account.locked or account.role == "None":
            return None
        return account if account.password == password else None

    def privileges(self, account: Account) -> tuple[str, ...]:
        """What this user may do."""
        return ROLES.get(account.role) or self.custom_roles.get(account.role, ())

    def roles(self) -> dict[str, tuple[str, ...]]:
        """All roles, predefined first."""
        return {**ROLES, **self.custom_roles}

    def check_role(self, role: str) -> None:
        """Refuse a role that does not exist."""
        if role not in self.roles():
            raise not_listed("RoleId", role)

    def check_name(self, username: str, *, own: Account | None = None) -> None:
        """Refuse a name that is malformed or taken."""
        if not 1 <= len(username) <= 16 or any(c in username for c in '"/\\.@,;?<>&#%'):
            raise invalid("UserName", username)
        holder = self.named(username)
        if holder is not None and holder is not own:
            raise refuse(400, "SYS451", username, related=("#/UserName",))

    def check_password(self, password: str) -> None:
        """Refuse a password against the policy."""
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise refuse(400, "SYS446", related=("#/Password",))

    def create(self, username: str, password: str, role: str, *, enabled: bool) -> Account:
        """A new member (iDRAC10)."""
        if len(self.members) >= MAX_MEMBERS:
            raise refuse(400, "SYS451", username)
        number = 2
        while str(number) in self.members:
            number += 1
        account = Account(str(number), username, password, role, enabled)
        self.members[account.id] = account
        return account

    def last_administrator(self, account: Account) -> bool:
        """Whether no other enabled administrator would remain without this one."""
        return not any(
            other is not account and other.enabled and other.role == "Administrator" for other in self.members.values()
        )

"""What the tools for the configuration of an iDRAC return. Times as the iDRAC tells them."""

from __future__ import annotations

from holdfast.control.answers import Page, Row
from holdfast.control.cleaning import Untrusted


class Account(Row):
    """A user. `own` is the one that Holdfast logs in with; it is never changed by Holdfast."""

    id: Untrusted
    name: Untrusted
    role: Untrusted | None = None
    enabled: bool | None = None
    locked: bool | None = None
    own: bool = False


class AccountPage(Page[Account]):
    """Users. `free_slots` counts empty ones where slots are fixed (iDRAC 7 to 9)."""

    free_slots: int | None = None


class Role(Row):
    """A role with its privileges."""

    id: Untrusted
    privileges: list[Untrusted]
    predefined: bool | None = None


class RolePage(Page[Role]):
    """Roles."""

"""Network interfaces."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Page, Row
from holdfast.control.cleaning import Untrusted


class Interface(Row):
    """A network interface: what is configured, and what is."""

    id: Untrusted
    type: Untrusted
    description: Untrusted | None = None
    configured: list[Untrusted]
    actual: list[Untrusted]
    dhcp: Annotated[bool | None, From("ipv4_dhcp")] = None
    mtu: Annotated[int | None, From("mtu", "state.mtu")] = None
    link: Untrusted | None = None
    mac: Annotated[Untrusted | None, From("state.link_address")] = None


class InterfacePage(Page[Interface]):
    """Network interfaces."""

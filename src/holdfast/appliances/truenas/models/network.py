"""Network interfaces, routes, and the network configuration of the system."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Answer, Page, Row
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
    parent: Untrusted | None = None
    tag: int | None = None
    members: list[Untrusted] | None = None


class InterfacePage(Page[Interface]):
    """Network interfaces."""


class NetworkChanges(Answer):
    """Changes of interfaces that wait. `committed`: in effect, and taken back unless confirmed in time."""

    pending: bool
    committed: bool | None = None
    taken_back_in_s: int | None = None
    would_lose: list[Untrusted] | None = None
    would_restart: list[Untrusted] | None = None


class Route(Row):
    """A static route."""

    id: int
    destination: Untrusted
    gateway: Untrusted
    description: Untrusted | None = None


class RoutePage(Page[Route]):
    """Static routes."""


class NetworkInfo(Answer):
    """Names, gateways and name servers of the system."""

    hostname: Annotated[Untrusted | None, From("hostname_local", "hostname")] = None
    domain: Untrusted | None = None
    gateway: Annotated[Untrusted | None, From("ipv4gateway")] = None
    gateway_v6: Annotated[Untrusted | None, From("ipv6gateway")] = None
    gateways_in_use: list[Untrusted] | None = None
    nameservers: list[Untrusted]
    nameservers_in_use: list[Untrusted] | None = None
    hosts: list[Untrusted] | None = None

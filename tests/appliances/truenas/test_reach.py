"""Whether a route decides about the way back to Holdfast is told from what the appliance says of it; where that is not
enough, every route may.
"""

from __future__ import annotations

import ipaddress
from types import SimpleNamespace
from typing import cast

import pytest

from holdfast.appliances.truenas.reach import Way, own_way, refuse_cutting
from holdfast.appliances.truenas.writes import Ctx
from holdfast.errors import ConflictError, Executed
from holdfast.transport.values import JsonObject, JsonValue

LAN = ipaddress.ip_network("10.20.0.0/24")
LAN_V6 = ipaddress.ip_network("fd00::/64")


def way(source: str | None) -> Way:
    return Way(None if source is None else ipaddress.ip_address(source), (LAN, LAN_V6))


@pytest.mark.parametrize(
    ("source", "direct"),
    [
        ("10.20.0.50", True),
        ("fd00::50", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.21.0.50", False),
        ("fd01::50", False),
        (None, False),
    ],
)
def test_the_way_is_direct_from_connected_networks_and_the_machine_itself(source: str | None, direct: bool) -> None:
    assert way(source).direct is direct


@pytest.mark.parametrize(
    ("source", "destination", "decided"),
    [
        ("198.51.100.9", "198.51.0.0/16", True),
        ("198.51.100.9", "198.51.100.9/8", True),
        ("198.51.100.9", "0.0.0.0/0", True),
        ("198.51.100.9", "203.0.113.0/24", False),
        ("198.51.100.9", "::/0", False),
        ("10.20.0.50", "10.20.0.0/16", False),
        ("127.0.0.1", "127.0.0.0/8", False),
        (None, "203.0.113.0/24", True),
    ],
)
def test_a_route_decides_when_it_leads_to_a_holdfast_that_is_not_connected_or_not_known(
    source: str | None, destination: str, decided: bool
) -> None:
    assert way(source).decided_by(destination) is decided


@pytest.mark.parametrize("destination", ["", "odd", "10.0.0.0/99", "default", "10.0.0.0/255.0.255.0"])
def test_a_route_to_what_is_no_network_may_lead_to_a_holdfast_that_is_not_connected(destination: str) -> None:
    assert way("198.51.100.9").decided_by(destination) is True
    assert way(None).decided_by(destination) is True
    assert way("10.20.0.50").decided_by(destination) is False


@pytest.mark.parametrize(("source", "where"), [("198.51.100.9", "itself (198.51.100.9), and"), (None, "itself, and")])
def test_the_refusal_names_the_address_if_it_is_known(source: str | None, where: str) -> None:
    with pytest.raises(ConflictError, match="A route may cut TrueNAS off") as caught:
        refuse_cutting(way(source), "A route")
    assert where in caught.value.message
    assert caught.value.executed is Executed.NO


class Appliance:
    """Answers two queries with these rows, whatever a release makes of them."""

    def __init__(self, origin: JsonValue, *interfaces: JsonObject) -> None:
        sessions: list[JsonObject] = [] if origin == "no session" else [{"origin": origin}]
        self._rows = {"auth.sessions": sessions, "interface.query": list(interfaces)}

    async def query(self, method: str, *_: object) -> list[JsonObject]:
        return self._rows[method]


async def told(origin: JsonValue, *interfaces: JsonObject) -> Way:
    return await own_way(cast("Ctx", SimpleNamespace(client=Appliance(origin, *interfaces))))


def interface(*aliases: JsonValue) -> JsonObject:
    return {"id": "eno1", "state": {"aliases": list(aliases)}}


async def test_networks_of_all_interfaces_count_and_hardware_addresses_do_not() -> None:
    one = interface(
        {"type": "LINK", "address": "02:00:00:00:00:01"},
        {"type": "INET", "address": "10.20.0.14", "netmask": 24},
        {"type": "INET6", "address": "fd00::14", "netmask": "64"},
    )
    other = interface({"type": "INET", "address": "10.30.0.14", "netmask": 16})
    found = await told("10.20.0.50:54321", one, other)
    assert found == Way(ipaddress.ip_address("10.20.0.50"), (LAN, LAN_V6, ipaddress.ip_network("10.30.0.0/16")))


async def test_what_is_no_network_is_not_taken_for_a_connected_one() -> None:
    odd = interface(
        "10.20.0.14/24",
        {"type": "LINK", "address": "10.20.0.14", "netmask": 24},
        {"type": "INET", "address": "10.20.0.14"},
        {"type": "INET6", "netmask": 64},
    )
    found = await told("10.20.0.50", {"id": "eno1"}, {"id": "eno2", "state": {"aliases": None}}, odd)
    assert found == Way(ipaddress.ip_address("10.20.0.50"), ())


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("10.0.0.5:54321", "10.0.0.5"),
        ("[fd00::5]:443", "fd00::5"),
        ("fd00::5", "fd00::5"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("[::ffff:10.0.0.5]:443", "10.0.0.5"),
        ("pid:123", None),
        ("no session", None),
        ({"addr": "10.0.0.5"}, None),
        (167772165, None),
        (None, None),
    ],
)
async def test_the_address_is_read_from_the_origin_of_the_own_session(origin: JsonValue, address: str | None) -> None:
    found = (await told(origin)).source
    assert (None if found is None else str(found)) == address

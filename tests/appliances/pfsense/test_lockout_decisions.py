"""What the lock-out guard refuses, decided on lists of objects as the API tells them. How tools use it:
`test_lockout`.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.errors import LockOutError
from holdfast.appliances.pfsense.facts import Model
from holdfast.appliances.pfsense.kinds import BY_NAME
from holdfast.appliances.pfsense.lockout import Path, guard, own_path
from holdfast.appliances.pfsense.names import names_from
from holdfast.appliances.pfsense.packets import Packet
from holdfast.errors import Executed
from holdfast.transport.values import JsonObject, JsonValue

LAN: JsonObject = {
    "id": "lan",
    "if": "em1",
    "descr": "LAN",
    "enable": True,
    "typev4": "static",
    "ipaddr": "10.20.0.1",
    "subnet": 24,
    "ipaddrv6": "fd00::1",
    "subnetv6": 64,
}
WAN: JsonObject = {**LAN, "id": "wan", "if": "em0", "descr": "WAN", "ipaddr": "198.51.100.2", "ipaddrv6": "fd01::2"}
OFF: JsonObject = {**LAN, "id": "opt1", "if": "em2", "descr": "LAB", "enable": False, "ipaddr": None, "ipaddrv6": None}
INTERFACES = (WAN, LAN, OFF)
HERE, ELSEWHERE = "10.20.0.50", "203.0.113.9"


class Firewall:
    """Answers with these objects, as the API would."""

    def __init__(self, own: str | None = HERE, host: str = "10.20.0.1", **objects: list[JsonObject]) -> None:
        self.settings = SimpleNamespace(host=host, effective_port=8443, own_address=own)
        self._objects = {"NetworkInterface": list(INTERFACES), **objects}

    async def rows(self, model: Model, query: object = None) -> list[JsonObject]:
        return self._objects.get(model.name, [])

    @property
    def client(self) -> HTTPPfSenseClient:
        return cast("HTTPPfSenseClient", self)


async def refused(
    kind: str, before: list[JsonObject], after: list[JsonObject], firewall: Firewall | None = None
) -> str | None:
    """The guard's reason, if it refuses the change; a forced one it never does."""
    client = (firewall or Firewall()).client
    await guard(client, BY_NAME[kind], before, after, force=True)
    try:
        await guard(client, BY_NAME[kind], before, after, force=False)
    except LockOutError as error:
        found = error
    else:
        return None
    assert found.executed is Executed.NO
    start = "This change would cut off the address that Holdfast speaks from: "
    assert found.message.startswith(start)
    return found.message.removeprefix(start).removesuffix(". Nothing was executed.")


def rule(action: str = "pass", **fields: JsonValue) -> JsonObject:
    plain: JsonObject = {"interface": ["lan"], "ipprotocol": "inet", "source": "any", "destination": "any"}
    return {"type": action, **plain, **fields}


PASS, BLOCK = rule(descr="in"), rule("block", descr="shut", tracker=7)


# Whom it protects --------------------------------------------------------------------------------------------------


async def test_the_own_address_is_what_the_routing_table_says_unless_it_is_configured() -> None:
    names = names_from(INTERFACES, (), ())
    found = await own_path(Firewall(None, "127.0.0.1").client, names)
    assert (str(found.source), found.destination, found.port, found.interface) == ("127.0.0.1", None, 8443, None)
    found = await own_path(Firewall(HERE, "127.0.0.1").client, names)
    assert (str(found.source), found.destination, found.interface) == (HERE, None, "lan")
    found = await own_path(Firewall(HERE, "198.51.100.2").client, names)
    assert (str(found.source), str(found.destination), found.interface) == (HERE, "198.51.100.2", "lan")


@pytest.mark.parametrize(
    ("own", "host", "destination"),
    [
        (HERE, "198.51.100.2", "198.51.100.2"),
        (HERE, "10.20.0.99", "10.20.0.1"),
        ("fd00::50", "fd00::99", "fd00::1"),
        ("fd00::50", "10.20.0.1", None),
        (ELSEWHERE, "10.20.0.1", None),
    ],
)
async def test_the_packet_goes_to_the_own_address_of_the_carrier_when_the_host_is_none_of_the_firewall(
    own: str, host: str, destination: str | None
) -> None:
    packet = (await own_path(Firewall(own, host).client, names_from(INTERFACES, (), ()))).packet
    assert (None if packet is None else str(packet.destination)) == destination


async def test_the_packet_opens_a_tcp_connection_at_the_carrier() -> None:
    path = await own_path(Firewall().client, names_from(INTERFACES, (), ()))
    assert path.destination is not None
    assert path.packet == Packet("lan", "tcp", path.source, path.destination, None, 8443)


async def test_without_an_address_of_the_family_on_the_carrier_there_is_no_packet() -> None:
    known = await own_path(Firewall(HERE, "127.0.0.1").client, names_from(INTERFACES, (), ()))
    other = await own_path(Firewall("fd00::50", "::1").client, names_from(INTERFACES, (), ()))
    assert Path(other.source, None, 8443, known.names, "opt1").packet is None


# Which kinds -------------------------------------------------------------------------------------------------------


async def test_every_guarded_kind_is_checked_and_only_those_are() -> None:
    guarded = {name for name, kind in BY_NAME.items() if kind.guarded}
    assert guarded == {
        *("rule", "alias", "port_forward", "one_to_one_nat", "interface", "interface_group", "vlan", "bridge"),
        *("lagg", "static_route", "virtual_ip"),
    }
    assert await refused("rule", [PASS], [BLOCK]) is not None
    await guard(Firewall().client, replace(BY_NAME["rule"], guarded=False), [PASS], [BLOCK], force=False)
    await guard(Firewall().client, replace(BY_NAME["rule"], name="other"), [PASS], [BLOCK], force=False)


# Rules, aliases, groups --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([PASS], [BLOCK, PASS], "rule 'shut'"),
        ([PASS], [rule("block", tracker=7), PASS], "rule 7"),
        ([PASS], [rule("reject"), PASS], "rule 'to be made'"),
        ([PASS], [], "the default deny"),
        ([PASS], [rule("block", sched="nights", descr="late"), PASS], "rule 'late'"),
        ([PASS], [PASS, BLOCK], None),
        ([PASS], [rule("block", interface=["wan"]), PASS], None),
        ([BLOCK], [BLOCK, BLOCK], None),
        ([], [], None),
        ([BLOCK], [PASS], None),
        ([rule("block", sched="days"), PASS], [rule("block", sched="nights"), PASS], None),
        ([rule("block", sched="days"), PASS], [BLOCK], "rule 'shut'"),
        ([BLOCK], [rule("block", sched="days"), PASS], None),
    ],
)
async def test_rules_that_block_the_own_packet_which_passed_are_refused_and_named(
    before: list[JsonObject], after: list[JsonObject], told: str | None
) -> None:
    expected = None if told is None else f"{told} would block {HERE} to 10.20.0.1 port 8443"
    assert await refused("rule", before, after) == expected


async def test_rules_are_not_refused_where_the_carrier_cannot_be_told() -> None:
    assert await refused("rule", [PASS], [BLOCK], Firewall(ELSEWHERE)) is None


def hosts(*addresses: str) -> list[JsonObject]:
    return [{"name": "bad", "type": "host", "address": list(addresses)}]


async def test_an_alias_by_which_a_rule_blocks_the_own_packet_is_refused() -> None:
    rules = [rule("block", source="bad", descr="shut"), PASS]
    told = f"rule 'shut' would block {HERE} to 10.20.0.1 port 8443"
    there = Firewall(FirewallRule=rules, FirewallAlias=hosts(ELSEWHERE))
    assert await refused("alias", hosts(ELSEWHERE), hosts(ELSEWHERE, HERE), there) == told
    assert await refused("alias", hosts(ELSEWHERE), hosts("203.0.113.10"), there) is None
    assert await refused("rule", [PASS], rules, there) is None
    assert await refused("rule", [PASS], rules, Firewall(FirewallAlias=hosts(HERE))) == told


async def test_a_group_by_which_a_rule_blocks_the_own_packet_is_refused() -> None:
    there = Firewall(FirewallRule=[rule("block", interface=["IN"], source="bad"), PASS], FirewallAlias=hosts(HERE))
    without: list[JsonObject] = [{"ifname": "IN", "members": ["wan"]}]
    within: list[JsonObject] = [{"ifname": "IN", "members": ["wan", "lan"]}]
    assert await refused("interface_group", without, within, there) is not None
    assert await refused("interface_group", within, without, there) is None
    assert await refused("interface_group", without, [], there) is None


# Translation -------------------------------------------------------------------------------------------------------


def forward(**fields: JsonValue) -> JsonObject:
    plain: JsonObject = {"interface": "lan", "ipprotocol": "inet", "protocol": "tcp", "source": "any"}
    return {**plain, "destination": "lan:ip", "destination_port": "8443", "target": "10.20.0.60", **fields}


@pytest.mark.parametrize(
    ("before", "after", "cut"),
    [
        ([], [forward()], True),
        ([], [forward(floating=True)], True),
        ([], [forward(destination_port="443")], False),
        ([], [forward(disabled=True)], False),
        ([], [forward(nordr=True)], False),
        ([], [forward(nordr=True), forward()], False),
        ([], [forward(), forward(nordr=True)], True),
        ([forward(nordr=True), forward()], [forward()], True),
        ([forward()], [forward(), forward(descr="again")], False),
        ([forward()], [], False),
        ([], [], False),
    ],
)
async def test_a_port_forward_that_takes_the_own_connection_first_is_refused(
    before: list[JsonObject], after: list[JsonObject], cut: bool
) -> None:
    told = "its connection would be forwarded to another machine" if cut else None
    assert await refused("port_forward", before, after) == told
    assert await refused("port_forward", before, after, Firewall(ELSEWHERE)) is None


def mapping(external: str, **fields: JsonValue) -> JsonObject:
    return {"interface": "wan", "external": external, "source": "10.20.0.60", "destination": "any", **fields}


@pytest.mark.parametrize(
    ("before", "after", "cut"),
    [
        ([], [mapping("10.20.0.1")], True),
        ([], [mapping("10.20.0.0/28")], True),
        ([], [mapping("no address"), mapping("10.20.0.1")], True),
        ([], [mapping("no address")], False),
        ([], [mapping("10.20.0.2")], False),
        ([], [mapping("10.20.0.0", source="192.168.9.0/24")], True),
        ([], [mapping("10.20.0.77", source="192.168.9.0/24")], True),
        ([], [mapping("10.20.0.77", source="!192.168.9.0/24")], True),
        ([], [mapping("10.20.0.77", source="lan")], True),
        ([], [mapping("10.20.0.77", source="LAN")], True),
        ([], [mapping("10.20.0.77", source="lan:ip")], False),
        ([], [mapping("10.20.0.129", source="192.168.9.0/25")], False),
        ([], [mapping("10.20.0.77", source="fd00:9::/24")], False),
        ([], [mapping("10.20.0.77", source="any")], False),
        ([], [mapping("10.20.0.0/28", source="192.168.9.7")], True),
        ([], [mapping("10.20.0.1", disabled=True)], False),
        ([], [mapping("10.20.0.1", nobinat=True)], False),
        ([], [mapping("10.20.0.1", nobinat=True), mapping("10.20.0.0/28")], False),
        ([mapping("10.20.0.1", nobinat=True), mapping("10.20.0.0/28")], [mapping("10.20.0.0/28")], True),
        ([mapping("10.20.0.1")], [mapping("10.20.0.1"), mapping("10.20.0.1")], False),
        ([mapping("10.20.0.1")], [], False),
        ([], [], False),
    ],
)
async def test_a_mapping_of_the_firewalls_own_address_is_refused(
    before: list[JsonObject], after: list[JsonObject], cut: bool
) -> None:
    told = "the firewall's own address would be mapped to another machine" if cut else None
    assert await refused("one_to_one_nat", before, after) == told
    assert await refused("one_to_one_nat", before, after, Firewall(ELSEWHERE)) is None


# Interfaces and what they stand on ---------------------------------------------------------------------------------

CHANGES: list[JsonObject] = [
    {"enable": False},
    {"if": "em9"},
    {"typev4": "dhcp"},
    {"ipaddr": "10.20.0.2"},
    {"subnet": 16},
    {"typev6": "none"},
    {"ipaddrv6": "fd00::2"},
    {"subnetv6": 48},
]


@pytest.mark.parametrize("change", CHANGES)
async def test_the_carrier_is_neither_switched_off_nor_readdressed(change: JsonObject) -> None:
    told = "the interface lan carries its connection and would be switched off or readdressed"
    assert await refused("interface", [*INTERFACES], [WAN, {**LAN, **change}, OFF]) == told
    assert await refused("interface", [*INTERFACES], [{**WAN, **change}, LAN, OFF]) is None


async def test_the_carrier_is_not_deleted_but_renamed() -> None:
    assert await refused("interface", [*INTERFACES], [WAN, OFF]) == "lan carries it"
    assert await refused("interface", [*INTERFACES], [LAN]) is None
    assert await refused("interface", [*INTERFACES], [WAN, {**LAN, "descr": "office"}, OFF]) is None


async def test_no_interface_that_is_on_is_cut_where_the_carrier_cannot_be_told() -> None:
    far = Firewall(ELSEWHERE)
    told = "the interface wan may carry its connection and would be switched off or readdressed"
    assert await refused("interface", [*INTERFACES], [{**WAN, "enable": False}, LAN, OFF], far) == told
    assert await refused("interface", [*INTERFACES], [WAN, OFF], far) == "the interface lan carries it, or may"
    assert await refused("interface", [*INTERFACES], [WAN, LAN, {**OFF, "enable": True}], far) is None
    assert await refused("interface", [*INTERFACES], [WAN, LAN], far) is None


async def test_an_interface_that_is_off_carries_nothing() -> None:
    off: JsonObject = {**LAN, "enable": False}
    assert await refused("interface", [WAN, off], [WAN, {**LAN, "ipaddr": "10.20.0.2"}]) is None


def standing_on(device: str | None, **fields: JsonValue) -> Firewall:
    return Firewall(NetworkInterface=[{**WAN, **fields}, {**LAN, "if": device}])


@pytest.mark.parametrize(("kind", "field"), [("vlan", "vlanif"), ("bridge", "bridgeif"), ("lagg", "laggif")])
async def test_the_device_that_the_carrier_stands_on_is_not_deleted(kind: str, field: str) -> None:
    made: list[JsonObject] = [{field: "dev0"}, {field: "dev1"}]
    assert await refused(kind, made, made[:1], standing_on("dev1")) == "the interface lan stands on dev1"
    assert await refused(kind, made, made[1:], standing_on("dev1")) is None
    assert await refused(kind, made, [{field: None}, *made], standing_on(None)) is None
    assert await refused(kind, [{field: None}, *made], made, standing_on(None)) is None
    assert await refused(kind, made, made[:1], standing_on("em1", **{"if": "dev1"})) is None


@pytest.mark.parametrize(("kind", "field"), [("bridge", "bridgeif"), ("lagg", "laggif")])
async def test_the_carrier_or_its_device_is_neither_put_in_nor_taken_out(kind: str, field: str) -> None:
    told = "the interface lan stands on em1"
    for member in ("lan", "em1"):
        empty: list[JsonObject] = [{field: "dev0", "members": ["wan"]}]
        full: list[JsonObject] = [{field: "dev0", "members": ["wan", member]}]
        assert await refused(kind, empty, full) == told
        assert await refused(kind, full, empty) == told
        assert await refused(kind, full, [{**full[0], "descr": "same"}]) is None
    assert await refused(kind, [], [{field: "dev0", "members": ["wan", "em2"]}]) is None
    assert await refused(kind, [], [{field: "dev0", "members": None}]) is None


async def test_no_device_of_any_interface_is_deleted_where_the_carrier_cannot_be_told() -> None:
    far = Firewall(ELSEWHERE)
    assert await refused("vlan", [{"vlanif": "em0"}], [], far) == "the interface wan stands on em0"
    assert await refused("vlan", [{"vlanif": "em7"}], [], far) is None


async def test_what_takes_no_device_away_is_decided_without_a_request() -> None:
    class Silent(Firewall):
        async def rows(self, model: Model, query: object = None) -> list[JsonObject]:
            raise AssertionError(f"asked for {model.name}")

    made: list[JsonObject] = [{"vlanif": "em1.5"}]
    assert await refused("vlan", [], made, Silent()) is None
    assert await refused("bridge", made, made, Silent()) is None


# The way back ------------------------------------------------------------------------------------------------------


def route(network: str, gateway: str = "GW", **fields: JsonValue) -> JsonObject:
    return {"network": network, "gateway": gateway, **fields}


@pytest.mark.parametrize(
    ("before", "after", "cut"),
    [
        ([], [route("10.20.0.0/25")], True),
        ([route("10.20.0.0/25")], [], True),
        ([route("10.20.0.0/25")], [route("10.20.0.0/25", "OTHER")], True),
        ([route("10.20.0.0/25")], [route("10.20.0.0/26")], True),
        ([route("10.20.0.0/25")], [route("10.20.0.0/25", disabled=True)], True),
        ([route("10.20.0.0/25")], [route("10.20.0.0/25", descr="same")], False),
        ([], [route("10.20.0.0/25", disabled=True)], False),
        ([], [route("203.0.113.0/24")], False),
        ([], [route("some_alias")], False),
        ([route("some_alias")], [route("some_alias"), route("fd00::/64")], False),
    ],
)
async def test_routes_to_the_own_address_stay_as_they_are(
    before: list[JsonObject], after: list[JsonObject], cut: bool
) -> None:
    told = "the way back to it would change" if cut else None
    assert await refused("static_route", before, after) == told


async def test_the_virtual_address_that_is_spoken_to_is_not_taken_away() -> None:
    virtual: list[JsonObject] = [{"subnet": "10.20.0.7"}, {"subnet": "10.20.0.8"}, {"subnet": None}]
    there = Firewall(host="10.20.0.7")
    assert await refused("virtual_ip", virtual, virtual[1:], there) == "it speaks to the virtual address 10.20.0.7"
    assert await refused("virtual_ip", virtual, virtual[:1], there) is None
    assert await refused("virtual_ip", virtual[1:], virtual, there) is None

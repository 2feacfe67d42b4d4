"""The judgement whether rules still let somebody reach port 8006, rule by rule."""

from __future__ import annotations

import pytest

from holdfast.appliances.proxmox.firewallreach import Reach, reach
from holdfast.transport.values import JsonObject

ON: JsonObject = {"enable": 1}
OPEN: JsonObject = {"enable": 1, "policy_in": "ACCEPT"}
ACCEPT: JsonObject = {"pos": 5, "type": "in", "action": "ACCEPT", "enable": 1}
DROP: JsonObject = {"pos": 5, "type": "in", "action": "DROP", "enable": 1}
MINE = frozenset({"10.20.0.50"})


def lets_in(*rules: JsonObject, options: JsonObject = ON, own: frozenset[str] = MINE) -> bool:
    return reach(rules, options, {}, own) is Reach.OPEN


def shuts(rule: JsonObject, own: frozenset[str] = MINE) -> bool:
    """Whether a rule is the one that decides, where all else is accepted."""
    return reach([rule], OPEN, {}, own) < Reach.OPEN


@pytest.mark.parametrize("enable", [None, 0, "0", False, ""])
def test_a_firewall_that_is_off_lets_everybody_in(enable: str | int | None) -> None:
    assert lets_in(DROP, options={"enable": enable, "policy_in": "DROP"})
    assert lets_in(DROP, options={"policy_in": "DROP"})


@pytest.mark.parametrize("enable", [1, "1", True])
def test_a_firewall_that_is_on_goes_by_rules_and_then_by_its_policy_which_is_drop_unless_said(
    enable: str | int,
) -> None:
    assert not lets_in(DROP, options={"enable": enable, "policy_in": "ACCEPT"})
    assert not lets_in(options={"enable": enable})
    assert not lets_in(options={"enable": enable, "policy_in": "REJECT"})
    assert lets_in(options={"enable": enable, "policy_in": "ACCEPT"})
    assert lets_in(ACCEPT, options={"enable": enable})


def test_rules_apply_in_the_order_of_their_positions_and_those_without_one_first() -> None:
    first, last = {**DROP, "pos": "2"}, {**ACCEPT, "pos": 10}
    assert not lets_in(last, first)
    assert not lets_in(first, last)
    bare = {name: value for name, value in ACCEPT.items() if name != "pos"}
    assert lets_in(first, bare)


@pytest.mark.parametrize("enable", [0, "0", "", None])
def test_a_rule_that_is_switched_off_decides_nothing(enable: str | int | None) -> None:
    assert not lets_in({**ACCEPT, "enable": enable})
    assert not shuts({**DROP, "enable": enable})


def test_rules_for_what_goes_out_decide_nothing() -> None:
    assert not lets_in({**ACCEPT, "type": "out"})
    assert not shuts({**DROP, "type": "out"})


def test_a_security_group_decides_where_one_of_its_rules_does_and_lets_the_next_rule_decide_otherwise() -> None:
    group: JsonObject = {"pos": 0, "type": "group", "action": "mgmt", "enable": 1}
    other = {**ACCEPT, "dport": "22"}
    assert reach([group, DROP], ON, {"mgmt": [other, ACCEPT]}, MINE) is Reach.OPEN
    assert reach([group, ACCEPT], ON, {"mgmt": [DROP]}, MINE) is Reach.SHUT
    assert reach([group, ACCEPT], ON, {"mgmt": [other]}, MINE) is Reach.OPEN
    assert reach([group, DROP], OPEN, {"mgmt": [other]}, MINE) is Reach.SHUT
    assert reach([group, ACCEPT], ON, {}, MINE) is Reach.OPEN, "a group that is not there has no rules"
    assert reach([group], OPEN, {"mgmt": [{**DROP, "source": "192.0.2.0/24"}]}, MINE) is Reach.OPEN
    assert reach([{**ACCEPT, "type": "mgmt", "action": "ACCEPT"}], ON, {"ACCEPT": [ACCEPT]}, MINE) is Reach.SHUT


def test_rules_decide_where_their_source_is_this_machine_and_nothing_where_it_is_another() -> None:
    elsewhere = {"source": "192.0.2.0/24"}
    assert reach([{**ACCEPT, **elsewhere}, {**DROP, "pos": 6}], ON, {}, MINE) is Reach.SHUT
    assert reach([{**ACCEPT, **elsewhere}], ON, {}, MINE) is Reach.SHUT
    assert lets_in({**ACCEPT, "source": "10.20.0.0/24"}, {**DROP, "pos": 6})
    assert lets_in({**ACCEPT, "source": "192.0.2.1,10.20.0.50"})
    assert not shuts({**DROP, **elsewhere})
    assert reach([{**DROP, "action": "REJECT", "source": "10.20.0.0/24"}], OPEN, {}, MINE) is Reach.SHUT


@pytest.mark.parametrize(
    "more",
    [
        {"source": "+office"},
        {"source": "dc/office"},
        {"source": "192.0.2.1,office"},
        {"sport": "1024:65535", "proto": "tcp"},
        {"dest": "10.20.0.11"},
        {"iface": "vmbr1"},
        {"proto": "ip"},
        {"proto": "IP"},
        {"proto": "0"},
        {"proto": 0},
        {"proto": "all"},
        {"proto": "hopopt"},
        {"proto": "all", "dport": "8006"},
    ],
    ids=str,
)
def test_of_a_rule_that_may_match_or_not_both_ends_count(more: JsonObject) -> None:
    assert reach([{**ACCEPT, **more}], ON, {}, MINE) is Reach.PERHAPS
    assert reach([{**ACCEPT, **more}], OPEN, {}, MINE) is Reach.OPEN
    assert reach([{**DROP, **more}], OPEN, {}, MINE) is Reach.PERHAPS
    assert reach([{**DROP, **more}], ON, {}, MINE) is Reach.SHUT
    assert reach([{**DROP, **more}, {**ACCEPT, "pos": 6}], ON, {}, MINE) is Reach.PERHAPS
    assert reach([{**ACCEPT, **more}, {**DROP, "pos": 6}], OPEN, {}, MINE) is Reach.PERHAPS


def test_a_rule_for_every_protocol_and_another_port_decides_nothing() -> None:
    assert not shuts({**DROP, "proto": "all", "dport": "22"})


def test_a_security_group_on_one_interface_may_decide_or_not() -> None:
    group: JsonObject = {"pos": 0, "type": "group", "action": "mgmt", "enable": 1, "iface": "vmbr1"}
    assert reach([group], OPEN, {"mgmt": [DROP]}, MINE) is Reach.PERHAPS
    assert reach([group], ON, {"mgmt": [ACCEPT]}, MINE) is Reach.PERHAPS
    assert reach([group, ACCEPT], ON, {"mgmt": [ACCEPT]}, MINE) is Reach.OPEN


def test_an_unknown_machine_may_be_any() -> None:
    assert reach([{**ACCEPT, "source": "192.0.2.0/24"}], ON, {}, frozenset()) is Reach.PERHAPS
    assert lets_in(ACCEPT, own=frozenset())


@pytest.mark.parametrize("proto", ["tcp", "6", 6, "", None])
def test_rules_for_tcp_and_for_everything_decide(proto: str | int | None) -> None:
    assert lets_in({**ACCEPT, "proto": proto})
    assert shuts({**DROP, "proto": proto})


@pytest.mark.parametrize("proto", ["udp", "icmp", "17"])
def test_rules_for_other_protocols_decide_nothing(proto: str) -> None:
    assert not lets_in({**ACCEPT, "proto": proto})
    assert not shuts({**DROP, "proto": proto})


@pytest.mark.parametrize("ports", ["8006", "22,8006", "22, 8006", "8006:8010", "8000:8006", "1:65535", 8006, "", None])
def test_a_rule_for_the_port_decides(ports: str | int | None) -> None:
    assert lets_in({**ACCEPT, "dport": ports})
    assert shuts({**DROP, "dport": ports})


@pytest.mark.parametrize(
    "ports", ["22", "8007", "8005", "8007:9000", "1:8005", "https", "8000:x", "x:9000", "22,443", "8000:9²"]
)
def test_a_rule_for_other_ports_decides_nothing(ports: str) -> None:
    assert not lets_in({**ACCEPT, "dport": ports})
    assert not shuts({**DROP, "dport": ports})


def test_of_rules_for_some_source_ports_only_those_count_that_drop() -> None:
    assert not lets_in({**ACCEPT, "proto": "tcp", "sport": "1024:65535"})
    assert shuts({**DROP, "proto": "tcp", "sport": "1024:65535"})


@pytest.mark.parametrize("macro", ["PMG", "pmg"])
def test_the_macro_that_holds_the_same_port_decides(macro: str) -> None:
    assert shuts({**DROP, "macro": macro})
    assert lets_in({**ACCEPT, "macro": macro})


def test_macros_for_other_services_decide_nothing() -> None:
    assert not shuts({**DROP, "macro": "SSH"})
    assert not lets_in({**ACCEPT, "macro": "SSH"})


@pytest.mark.parametrize(
    "source",
    [
        "",
        "10.20.0.50",
        "10.20.0.0/24",
        "10.20.0.9/24",
        "192.0.2.1,10.20.0.50",
        "192.0.2.1, 10.20.0.50",
        "10.20.0.50-10.20.0.60",
        "10.20.0.40-10.20.0.50",
        "192.0.2.1-192.0.2.9,10.20.0.50",
        "+office",
        "dc/office",
        "192.0.2.1,office",
        "192.0.2.1-office",
    ],
)
def test_a_source_that_holds_this_machine_or_cannot_be_judged_may_be_it(source: str) -> None:
    assert shuts({**DROP, "source": source})


@pytest.mark.parametrize(
    "source",
    [
        "192.0.2.1",
        "192.0.2.0/24,198.51.100.7",
        "10.20.0.51-10.20.0.60",
        "10.20.0.1-10.20.0.49",
        "fd00::1-fd00::ffff",
        "fd00::/64",
    ],
)
def test_a_source_that_is_elsewhere_is_not_this_machine(source: str) -> None:
    assert not shuts({**DROP, "source": source})


def test_every_address_of_this_machine_counts_with_its_zone_and_none_known_may_be_any() -> None:
    own = frozenset({"10.20.0.50", "fe80::5%eth0"})
    assert shuts({**DROP, "source": "fe80::/64"}, own)
    assert shuts({**DROP, "source": "fe80::1-fe80::9"}, own)
    assert shuts({**DROP, "source": "10.20.0.50"}, own)
    assert not shuts({**DROP, "source": "192.0.2.1"}, own)
    assert shuts({**DROP, "source": "192.0.2.1"}, frozenset())


def test_a_range_with_ends_of_two_kinds_holds_nobody() -> None:
    assert not shuts({**DROP, "source": "fd00::1-10.20.0.99"})
    assert not shuts({**DROP, "source": "10.20.0.1-fd00::1"})
    assert not shuts({**DROP, "source": "10.20.0.50-fd00::1"})
    assert not shuts({**DROP, "source": "10.20.0.1-10.20.0.99"}, frozenset({"::a14:32"}))
    assert not shuts({**DROP, "source": "::1-::ffff:ffff"})

"""What tools say: which rule decides, what is wrong, what the logs hold; and how large an answer becomes."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from holdfast.appliances.pfsense.logs import parse_packet
from holdfast.control.rendering import size
from tests.appliances.pfsense.conftest import Open, simulator
from tests.appliances.pfsense.elsewhere import edit, stored
from tests.support.rooms import Room

CAP_BYTES = 32_000


async def every_page(fw: Room, tool: str, **arguments: Any) -> tuple[list[dict[str, Any]], int]:
    """All rows of a list, and the size of its largest answer in bytes."""
    rows: list[dict[str, Any]] = []
    largest, cursor = 0, None
    for _ in range(200):
        answer = await fw.call(tool, **arguments, **({"cursor": cursor} if cursor else {}))
        largest = max(largest, size(answer))
        items = answer["items"]
        assert isinstance(items, list)
        rows += [item for item in items if isinstance(item, dict)]
        cursor = answer.get("next_cursor")
        if cursor is None:
            return rows, largest
    raise AssertionError("the list does not end")


async def test_two_thousand_rules_are_paged_with_one_request_a_page_and_no_answer_is_too_large(fw: Room) -> None:
    simulator(fw).fill_rules(2000)
    await fw.call("pfsense_list_rules", limit=1)
    for limit in (50, 200):
        before = len(fw.arrivals)
        rows, largest = await every_page(fw, "pfsense_list_rules", limit=limit)
        sent = len(fw.arrivals) - before
        sys.stdout.write(f"2000 rules, limit {limit}: {sent} requests, largest answer {largest} bytes\n")
        assert len(rows) == len(stored(fw, "filter/rule"))
        assert len({row["ref"] for row in rows}) == len(rows)
        assert largest <= CAP_BYTES
        assert sent <= 2007 / min(limit, 100) + 1


async def test_one_rule_of_two_thousand_is_changed_with_as_many_requests_as_one_of_six(fw: Room) -> None:
    await fw.call("pfsense_list_rules", limit=1)
    simulator(fw).fill_rules(2000)
    rows, _ = await every_page(fw, "pfsense_list_rules", limit=200, description="filler 01234")
    before = len(fw.arrivals)
    answer = await fw.call("pfsense_update_rule", ref=rows[0]["ref"], changes={"log": True})
    assert answer["outcome"] == "applied"
    assert len(fw.arrivals) - before <= 12
    assert size(answer) < 4_000


async def test_lists_are_filtered_by_the_firewall_where_it_can(fw: Room) -> None:
    rows, _ = await every_page(fw, "pfsense_list_rules", interface="opt1", action="block")
    assert [row["description"] for row in rows] == ["BMCs reach nothing else"]
    assert "interface__contains=opt1" in fw.arrivals[-1].path or fw.arrivals[-1].query["interface__contains"] == "opt1"


async def test_an_alias_of_thousands_of_entries_is_cut_in_lists_and_by_the_cap_in_full(fw: Room) -> None:
    entries = [f"192.0.{n // 250}.{n % 250}" for n in range(5000)]
    row = {"name": "feed", "type": "host", "descr": "", "address": entries, "detail": [""] * 5000}
    edit(fw, "aliases/alias", [*stored(fw, "aliases/alias"), row])
    short = await fw.call("pfsense_list_aliases", search="feed")
    item = short["items"][0]  # type: ignore[index]
    assert isinstance(item, dict)
    assert item["entry_count"] == 5000
    assert size(short) < 1_000
    assert size(await fw.call("pfsense_list_aliases", search="feed", detail="full")) <= CAP_BYTES


@pytest.mark.parametrize(
    ("arguments", "action", "rule"),
    [
        ({"interface": "lan", "source": "10.20.0.50", "destination": "192.0.2.1"}, "pass", "Default allow LAN"),
        ({"interface": "wan", "source": "203.0.113.9", "destination": "10.20.9.11"}, "block", "nothing from outside"),
        ({"interface": "wan", "source": "203.0.113.9", "destination": "198.51.100.7"}, "block", None),
        (
            {
                "interface": "opt1",
                "source": "10.20.9.11",
                "destination": "10.20.9.1",
                "protocol": "udp",
                "destination_port": 123,
            },
            "pass",
            "may ask the time",
        ),
        ({"interface": "opt1", "source": "10.20.9.11", "destination": "10.20.0.11"}, "block", "reach nothing else"),
        ({"interface": "lan", "source": "fd00::5", "destination": "2001:db8::1"}, "block", None),
    ],
)
async def test_the_deciding_rule_is_named(fw: Room, arguments: dict[str, Any], action: str, rule: str | None) -> None:
    answer = await fw.call("pfsense_explain_traffic", **arguments)
    assert answer["action"] == action
    assert answer["certain"] is True
    decided = answer.get("decided_by")
    if rule is None:
        assert decided is None
        assert "default deny" in str(answer["notes"])
    else:
        assert rule in str(decided)


async def test_a_port_forward_is_followed_to_the_machine_inside(fw: Room) -> None:
    answer = await fw.call(
        "pfsense_explain_traffic",
        interface="wan",
        source="203.0.113.9",
        destination="198.51.100.7",
        destination_port=443,
    )
    assert answer["action"] == "pass"
    assert "port 443" in str(answer["forwarded_to"])
    assert "Associated rule" in str(answer["decided_by"])


async def test_what_an_exception_before_a_port_forward_takes_is_not_forwarded(fw: Room) -> None:
    forwards = stored(fw, "nat/rule")
    inward = next(row for row in forwards if row["destination_port"] == "443")
    edit(fw, "nat/rule", [{**inward, "nordr": True, "descr": "not this one"}, *forwards])
    answer = await fw.call(
        "pfsense_explain_traffic",
        interface="wan",
        source="203.0.113.9",
        destination="198.51.100.7",
        destination_port=443,
    )
    assert answer.get("forwarded_to") is None
    assert answer["action"] == "block"


async def test_what_depends_on_the_time_of_day_or_on_names_is_told_as_a_doubt(fw: Room) -> None:
    rows = stored(fw, "filter/rule")
    block = {**rows[1], "type": "block", "descr": "not at night", "sched": "workhours", "tracker": 1}
    edit(fw, "filter/rule", [block, *rows])
    where = {"interface": "lan", "source": "10.20.0.50", "destination": "192.0.2.1"}
    answer = await fw.call("pfsense_explain_traffic", **where)
    assert answer["action"] == "pass"
    assert answer["certain"] is False
    assert "not at night" in str(answer["doubts"])


async def test_floating_rules_count_first_and_the_last_of_those_that_are_not_quick_counts(fw: Room) -> None:
    rows = stored(fw, "filter/rule")
    floating = {**rows[1], "floating": True, "direction": "any", "interface": ["lan"], "type": "block"}
    quick = {**floating, "quick": True, "descr": "quick", "tracker": 2}
    slow = {**floating, "quick": False, "descr": "slow", "tracker": 3}
    where = {"interface": "lan", "source": "10.20.0.50", "destination": "192.0.2.1"}
    edit(fw, "filter/rule", [*rows, quick])
    assert "quick" in str((await fw.call("pfsense_explain_traffic", **where))["decided_by"])
    edit(fw, "filter/rule", [*rows, slow])
    assert (await fw.call("pfsense_explain_traffic", **where))["action"] == "pass"


async def test_a_healthy_firewall_has_no_problems_but_those_of_the_rack(fw: Room) -> None:
    answer = await fw.call("pfsense_health")
    assert set(answer["checked"]) >= {"gateways", "services", "interfaces", "certificates"}  # type: ignore[arg-type]


async def test_a_gateway_in_trouble_and_a_stopped_service_are_found(fw: Room) -> None:
    fw.simulator.set_fault("gateway-trouble", loss=40)
    await fw.call("pfsense_stop_service", service="ntpd")
    answer = await fw.call("pfsense_health")
    assert answer["healthy"] is False
    assert "gateway WANGW" in str(answer["problems"])
    assert "service ntpd" in str(answer["problems"])
    gateways, _ = await every_page(fw, "pfsense_list_gateways")
    assert gateways[0]["loss_percent"] == 40


async def test_what_an_account_may_not_see_is_a_note_of_the_health_check(open_firewall: Open) -> None:
    async with open_firewall(account="visitor") as fw:
        answer = await fw.call("pfsense_health")
        assert len(answer["notes"]) == 5  # type: ignore[arg-type]


async def test_the_firewalls_log_is_filtered_here_and_read_from_its_newest_line_on(fw: Room) -> None:
    answer = await fw.call("pfsense_firewall_log", action="block", interface="wan", port=22, limit=20)
    items = answer["items"]
    assert isinstance(items, list)
    assert len(items) == 20
    assert {(row["action"], row["interface"], row["destination_port"]) for row in items if isinstance(row, dict)} == {
        ("block", "igb0", 22)
    }
    times = [str(row["time"]) for row in items if isinstance(row, dict)]
    assert times == sorted(times, reverse=True)
    reads = [a for a in fw.arrivals if "/status/logs/firewall" in a.path]
    assert all(set(a.query) == {"limit", "offset"} for a in reads)
    more = await fw.call(
        "pfsense_firewall_log", action="block", interface="wan", port=22, limit=20, cursor=answer["next_cursor"]
    )
    assert str(more["items"][0]["time"]) < times[-1]  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("line", "protocol", "source", "port"),
    [
        (
            "<134>1 2026-11-23T12:00:00.000000+00:00 gate filterlog[78012] - - 4,,,1000000103,igb0,match,block,in,4,"
            "0x0,,54,1,0,none,6,tcp,60,203.0.113.9,198.51.100.7,51000,443,0,S,1,,64240,,mss",
            "tcp",
            "203.0.113.9",
            443,
        ),
        (
            "Nov 23 12:00:00 gate filterlog[78012]: 4,,,1000000103,igb0,match,pass,in,6,0x00,0x00000,64,UDP,17,80,"
            "fd00::5,2001:db8::1,546,547,80",
            "udp",
            "fd00::5",
            547,
        ),
        (
            "Nov 23 12:00:00 gate filterlog[1]: 4,,,1000000103,igb0,match,pass,in,4,0x0,,64,1,0,none,1,icmp,84,"
            "10.20.0.5,10.20.0.1,request,1,1",
            "icmp",
            "10.20.0.5",
            None,
        ),
    ],
)
def test_lines_of_the_packet_filter_are_taken_apart(line: str, protocol: str, source: str, port: int | None) -> None:
    packet = parse_packet(line)
    assert packet is not None
    assert (packet.protocol, packet.source, packet.destination_port) == (protocol, source, port)
    assert packet.tracker == "1000000103"
    assert packet.time is not None


@pytest.mark.parametrize("line", ["", "kernel: arp moved", "filterlog[1]: broken", "filterlog[1]: ,,,,,,,,9,x"])
def test_other_lines_are_no_packets_and_break_nothing(line: str) -> None:
    packet = parse_packet(line)
    assert packet is None or packet.source is None


@pytest.mark.parametrize("auth", ["basic", "jwt"])
async def test_the_other_ways_to_log_in_work_as_well(open_firewall: Open, auth: str) -> None:
    async with open_firewall() as spare:
        password = simulator(spare).password("holdfast")
    settings = f'username = "holdfast"\npassword = "{password}"\nauth = "{auth}"'
    async with open_firewall(settings=settings) as fw:
        answer = await fw.call("pfsense_create_alias", name="printers", type="host", entries=["10.20.0.60"])
        assert answer["outcome"] == "applied"
        assert all("X-API-Key" not in a.headers for a in fw.arrivals)


async def test_every_setting_can_be_read_and_none_lets_a_secret_out(fw: Room) -> None:
    from holdfast.appliances.pfsense.singles import SINGLES

    for single in SINGLES:
        answer = await fw.call("pfsense_get_settings", kind=single.name)
        assert answer["kind"] == single.name
        fields = answer["fields"]
        assert isinstance(fields, dict)
        assert not any(single.model.fields[name].hidden for name in fields)


async def test_every_kind_can_be_described_and_listed(fw: Room) -> None:
    from holdfast.appliances.pfsense.kinds import BY_NAME, READ_ONLY

    for name in (*BY_NAME, *READ_ONLY):
        described = await fw.call("pfsense_describe_object", kind=name)
        assert size(described) <= CAP_BYTES
        listed = await fw.call("pfsense_list_objects", kind=name)
        assert size(listed) <= CAP_BYTES

"""Logs searched by text, one time line of everything, telemetry thinned, parts read in few requests: at the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.transport.values import JsonValue
from tests.appliances.idrac.test_reads import PERSONAS, every_persona, items
from tests.support.rooms import Room, room

MODERN = ("9-14g", "9", "9-renamed", "10")


async def everything(lab: Room, tool: str, **arguments: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: object = None
    for _ in range(60):
        answer = await lab.call(tool, **arguments, **({"cursor": cursor} if cursor else {}))
        found += items(answer)
        cursor = answer.get("next_cursor")
        if cursor is None:
            return found
    raise AssertionError("the list does not end")


async def make_events(lab: Room) -> None:
    """A job that ends, a part that fails, and a restart of the host: all within the last minutes."""
    await lab.call("idrac_set_power", action="on")
    await lab.call("idrac_set_bios", attributes={"LogicalProc": "Disabled"})
    lab.clock.advance(30)
    await lab.call("idrac_set_power", action="restart_force")
    lab.clock.advance(400)
    lab.simulator.set_fault("component", id="PSU.Slot.2", health="Critical")
    lab.clock.advance(5)


@every_persona
async def test_the_time_line_merges_all_sources_in_the_order_of_time(persona: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        await make_events(lab)
        answer = await lab.call("idrac_get_timeline", limit=100)
        events = items(answer)
        moments = [event["at"] for event in events]
        assert moments == sorted(moments, reverse=True)
        sources = {event["source"] for event in events}
        assert sources >= {"lifecycle", "sel", "job"}
        assert ("fault" in sources) == (persona not in ("7", "8"))
        job = next(event for event in events if event["source"] == "job")
        around = [event["at"] for event in events if event["source"] == "lifecycle"]
        assert min(around) <= job["at"] <= max(moments)
        if persona in ("7", "8"):
            assert "faults" in str(answer["notes"])


async def test_a_page_of_the_time_line_goes_on_where_the_one_before_ended(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        await make_events(lab)
        whole = items(await lab.call("idrac_get_timeline", limit=120))
        first = await lab.call("idrac_get_timeline", limit=60)
        second = await lab.call("idrac_get_timeline", limit=60, cursor=first["next_cursor"])
        assert items(first) + items(second) == whole


async def test_the_time_line_is_filtered_by_severity_time_and_text(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        await make_events(lab)
        critical = items(await lab.call("idrac_get_timeline", severity="Critical", limit=40))
        assert {event["severity"] for event in critical} == {"Critical"}
        supply = items(await lab.call("idrac_get_timeline", contains="POWER SUPPLY 2", limit=20))
        assert supply
        assert all("power supply 2" in event["message"].lower() for event in supply)
        assert items(await lab.call("idrac_get_timeline", since="2035-01-01")) == []


async def test_a_source_that_fails_is_a_note_and_the_others_are_shown(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        await make_events(lab)
        lab.simulator.set_fault("html-error", path="/Sel/Entries", status=400)
        answer = await lab.call("idrac_get_timeline")
        assert {event["source"] for event in items(answer)} >= {"lifecycle", "fault"}
        assert any(note.startswith("sel:") for note in answer["notes"])  # type: ignore[union-attr]


@every_persona
async def test_a_time_line_takes_few_requests(persona: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        await lab.call("idrac_get_timeline")
        before = len(lab.arrivals)
        await lab.call("idrac_get_timeline")
        assert len(lab.arrivals) - before <= 6


@every_persona
@pytest.mark.parametrize("log", ["lifecycle", "sel"])
async def test_a_text_is_found_everywhere_in_a_log_page_by_page(persona: str, log: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        found = await everything(lab, "idrac_list_logs", log=log, contains="power supply 2", limit=30)
        assert found
        assert all("power supply 2" in entry["message"].lower() for entry in found)
        numbers = [entry["id"] for entry in found]
        assert len(numbers) == len(set(numbers))
        whole = await everything(lab, "idrac_list_logs", log=log, limit=200)
        wanted = [entry["id"] for entry in whole if "power supply 2" in entry["message"].lower()]
        assert numbers == wanted


async def test_one_search_looks_through_ten_pages_at_most_and_says_how_to_go_on(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        await lab.call("idrac_get_health")
        before = len(lab.arrivals)
        answer = await lab.call("idrac_list_logs", contains="nowhere to be found")
        assert len(lab.arrivals) - before <= 10
        assert items(answer) == []
        assert "next_cursor" in str(answer["notes"])
        assert answer["next_cursor"]


@pytest.mark.parametrize("persona", MODERN)
async def test_telemetry_reports_are_listed_and_read_a_row_for_each_metric_of_each_part(
    persona: str, tmp_path: Path
) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        if persona == "9-14g":
            error = await lab.fails("idrac_list_telemetry")
            assert error.code in ("permission_denied", "unsupported"), error
            return
        reports = items(await lab.call("idrac_list_telemetry"))
        assert not any(report["enabled"] for report in reports)
        assert "enabled" in str((await lab.call("idrac_get_telemetry", report="ThermalSensor"))["notes"])
        for name in ("Telemetry.1.EnableTelemetry", "TelemetryThermalSensor.1.EnableTelemetry"):
            lab.simulator.bmc.attributes.set(name, "Enabled")  # type: ignore[attr-defined]
        reports = items(await lab.call("idrac_list_telemetry"))
        assert [report["name"] for report in reports if report["enabled"]] == ["ThermalSensor"]
        answer = await lab.call("idrac_get_telemetry", report="ThermalSensor")
        rows = items(answer)
        assert len({(row["metric"], row["part"]) for row in rows}) == len(rows)
        assert all(row["samples"] == 1 for row in rows)
        chosen = items(await lab.call("idrac_get_telemetry", report="ThermalSensor", contains="inlet"))
        assert 0 < len(chosen) < len(rows)
        assert (await lab.fails("idrac_get_telemetry", report="NoSuchReport")).code == "not_found"


@pytest.mark.parametrize("persona", ["7", "8"])
async def test_old_generations_say_that_they_have_no_telemetry(persona: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        assert (await lab.fails("idrac_list_telemetry")).code == "unsupported"


def test_many_values_of_one_metric_become_one_row_with_their_range() -> None:
    from holdfast.appliances.idrac.telemetry import metrics_of

    values: list[JsonValue] = [
        {"MetricId": "Watts", "MetricValue": value, "Timestamp": f"2026-11-01T00:0{number}:00-06:00"}
        for number, value in enumerate(["100.5", "", "N/A", "99.5", "nan", "101"])
    ]
    (row,) = metrics_of({"MetricValues": values})
    assert (row.samples, row.latest, row.minimum, row.maximum, row.mean) == (6, "101", 99.5, 101.0, 100.333)


BOUNDS = {
    "processors": 2, "memory": 2, "storage": 8, "nics": 2, "adapters": 4, "pcie": 2, "gpus": 3, "firmware": 2,
    "power_supplies": 3,
}  # fmt: skip


@every_persona
async def test_each_section_of_the_inventory_takes_few_requests_however_many_parts_there_are(
    persona: str, tmp_path: Path
) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        await lab.call("idrac_get_health")
        await lab.call("idrac_get_thermals")
        for section, most in BOUNDS.items():
            before = len(lab.arrivals)
            await lab.call("idrac_list_inventory", section=section)
            assert len(lab.arrivals) - before <= most, section


@pytest.mark.parametrize("persona", ["7", "8"])
async def test_linked_devices_take_one_request_or_one_each_where_links_are_not_expanded(
    persona: str, tmp_path: Path
) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        found = items(await lab.call("idrac_list_inventory", section="pcie"))
        assert all(part["name"] and part["manufacturer"] for part in found)
    async with room("idrac", tmp_path, persona=persona) as lab:
        lab.simulator.set_fault("expand-refused")
        assert items(await lab.call("idrac_list_inventory", section="pcie")) == found
        asked = sum("$expand" in str(one.query) for one in lab.arrivals)
        assert items(await lab.call("idrac_list_inventory", section="pcie")) == found
        assert sum("$expand" in str(one.query) for one in lab.arrivals) == asked == 1


@every_persona
async def test_gpus_are_parts_of_their_own(persona: str, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona=persona) as lab:
        answer = await lab.call("idrac_list_inventory", section="gpus")
        found = items(answer)
        assert ("no video devices" in str(answer.get("notes"))) is (persona in ("7", "8") and not found)
        assert all(part["type"] == "GPU" for part in found)
        assert len(found) == len(lab.simulator.bmc.hw.gpus)  # type: ignore[attr-defined]
        if found:
            assert all(part["model"] for part in found)


async def test_a_controller_that_does_not_expand_has_its_drives_read_one_by_one(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        whole = items(await lab.call("idrac_list_inventory", section="storage"))
        lab.simulator.set_fault("expand-refused", path="/Storage/")
        assert items(await lab.call("idrac_list_inventory", section="storage")) == whole


def test_every_persona_is_driven() -> None:
    assert set(MODERN) < set(PERSONAS)

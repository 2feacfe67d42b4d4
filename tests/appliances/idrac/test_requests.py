"""Every request of every tool, on three generations, held against the Redfish standard and Dell's additions to it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from holdfast.control.caller import Caller
from holdfast.control.inventory import load_catalogue
from holdfast.simulators.base import Arrival
from tests.appliances.idrac.changes_table import TWO_TARGETS
from tests.appliances.idrac.redfish import FACTS, jobs_are_jobs, problems, source
from tests.appliances.idrac.table import CASES, Case, prepare
from tests.appliances.idrac.test_fleet import fleet
from tests.appliances.idrac.test_writes import GENERATIONS, lab_room
from tests.support.schemacoverage import count


def hold(release: str, tool: str, arrivals: list[Arrival]) -> None:
    """Hold requests to their descriptions, and count them."""
    assert arrivals
    outcomes: Counter[str] = Counter()
    for one in arrivals:
        found = problems(one.method, one.path, dict(one.query), one.body if one.body_complete else b"")
        outcomes["refused" if found else source(one.method, one.path)] += 1
        assert found == []
        assert jobs_are_jobs(one.path)
    count(release, tool, dict(outcomes))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_each_request_of_a_tool_is_one_that_the_standard_or_dell_allows(case: Case, tmp_path: Path) -> None:
    for persona in (one for one in GENERATIONS if one in case.only):
        (tmp_path / persona).mkdir()
        async with lab_room(tmp_path / persona, persona) as lab:
            arguments = await prepare(lab, case)
            if persona in case.lacking:
                await lab.fails(case.tool, **arguments)
            else:
                await lab.call(case.tool, **arguments)
            hold(f"iDRAC {persona}", case.tool, lab.arrivals)


async def test_each_request_of_the_tools_that_take_two_servers_is_allowed(tmp_path: Path) -> None:
    assert TWO_TARGETS == ("idrac_diff_bios",)
    async with fleet(tmp_path) as (rack, application):
        arguments = {"target": "pve1", "other": "pve2"}
        await application.dispatcher.call("idrac_diff_bios", dict(arguments), Caller("tester"))
        for host in ("pve1", "pve2"):
            hold(f"iDRAC {rack[host].simulator.persona}", "idrac_diff_bios", rack[host].state.arrivals)


def test_the_tables_have_every_tool() -> None:
    tools = {entry.name for entry in load_catalogue(("idrac",)).entries}
    assert {case.tool for case in CASES} | set(TWO_TARGETS) == tools


def _sent(body: object) -> bytes:
    return json.dumps(body).encode()


SYSTEM = "/redfish/v1/Systems/System.Embedded.1"


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "said"),
    [
        ("GET", "/redfish/v1/Systems/System.Embedded.1/Nothing", {}, b"", "this address"),
        ("GET", SYSTEM, {"$skip": "0"}, b"", "query $skip=0"),
        ("GET", SYSTEM, {"$expand": "*"}, b"", "query $expand"),
        ("GET", SYSTEM, {"depth": "1"}, b"", "query depth"),
        ("PUT", SYSTEM, {}, b"{}", "allows this"),
        ("PATCH", SYSTEM, {}, _sent({"PowerState": "On"}), "PowerState is unknown"),
        ("PATCH", SYSTEM, {}, _sent({"LocationIndicatorActive": "yes"}), "not boolean|null"),
        ("PATCH", SYSTEM, {}, _sent({"IndicatorLED": "Bright"}), "not one of"),
        ("PATCH", SYSTEM, {}, _sent({"Boot": {"BootSourceOverrideTarget": "Tape"}}), "not one of"),
        ("PATCH", SYSTEM, {}, _sent({"Boot": {"Colour": "red"}}), "Colour is unknown"),
        ("PATCH", SYSTEM, {}, b"not json", "no JSON"),
        ("POST", f"{SYSTEM}/Actions/ComputerSystem.Reset", {}, _sent({"ResetType": "Gently"}), "not one of"),
        ("POST", f"{SYSTEM}/Actions/ComputerSystem.Reset", {}, _sent({"Kind": "On"}), "Kind is unknown"),
        ("POST", f"{SYSTEM}/Actions/ComputerSystem.Explode", {}, b"{}", "allows this"),
        ("POST", f"{SYSTEM}/VirtualMedia/1/Actions/VirtualMedia.InsertMedia", {}, b"{}", "Image is missing"),
        ("DELETE", SYSTEM, {}, b"{}", "a body"),
        ("POST", "/redfish/v1/Sessions", {}, _sent({"UserName": "root"}), "Password is missing"),
    ],
)
def test_what_is_wrong_is_found(method: str, path: str, query: dict[str, str], body: bytes, said: str) -> None:
    assert said in str(problems(method, path, query, body))


def test_the_facts_are_of_the_standard() -> None:
    assert len(FACTS) > 80
    assert FACTS["ComputerSystem"]["actions"]["ComputerSystem.Reset"]["ResetType"].startswith("string: ")

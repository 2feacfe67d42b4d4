"""Requests are held against the Redfish standard and Dell's additions to it: those of two servers, and wrong ones.

Those of every tool of the tables, on every generation, are held where the tools are tried (`test_writes.py`).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdfast.appliances.idrac import messages
from holdfast.control.caller import Caller
from holdfast.control.inventory import load_catalogue
from tests.appliances.idrac.cases import GENERATIONS
from tests.appliances.idrac.changes_table import TWO_TARGETS
from tests.appliances.idrac.redfish import BASE, FACTS, hold, problems
from tests.appliances.idrac.table import CASES
from tests.appliances.idrac.test_fleet import fleet


@pytest.mark.parametrize("persona", GENERATIONS)
async def test_each_request_of_the_tools_that_take_two_servers_is_allowed(persona: str, tmp_path: Path) -> None:
    assert TWO_TARGETS == ("idrac_diff_bios",)
    async with fleet(tmp_path, persona=persona) as (rack, application):
        arguments = {"target": "pve1", "other": "pve2"}
        answer = await application.dispatcher.call("idrac_diff_bios", dict(arguments), Caller("tester"))
        assert "SystemServiceTag" in str(answer["items"])
        for host in ("pve1", "pve2"):
            hold(f"iDRAC {persona}", "idrac_diff_bios", rack[host].state.arrivals)


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


def test_messages_that_name_a_property_are_the_registry_s_and_have_that_argument() -> None:
    for ids, index in ((messages._FIRST, 0), (messages._SECOND, 1)):
        assert {one: max(BASE[one]) > index for one in ids} == dict.fromkeys(ids, True)

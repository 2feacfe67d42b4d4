"""Any read tool at many servers: equal answers told once, the silent ones named, nothing asked that need not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.control.caller import Caller
from holdfast.control.rendering import size
from holdfast.errors import HoldfastError
from holdfast.server.application import Application
from tests.appliances.idrac.table import CASES, WRITES
from tests.appliances.idrac.test_fleet import HOSTS, fleet

JOB = "JID_123456789012"
READS = {
    case.tool: {name: JOB if value == "@job" else value for name, value in case.arguments.items()}
    for case in reversed(CASES)
    if case not in WRITES and case.tool not in ("idrac_fleet_health", "idrac_fleet_read")
}
"""Read tools with arguments that are valid."""


async def read(application: Application, tool: str, **arguments: object) -> dict[str, Any]:
    given = {"read": tool, **arguments}
    return await application.dispatcher.call("idrac_fleet_read", given, Caller("tester"))


async def error(application: Application, tool: str, **arguments: object) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught:
        await read(application, tool, **arguments)
    return caught.value


def by_target(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: row for row in answer["items"] for name in row["targets"]}


@pytest.mark.parametrize("tool", sorted(READS))
async def test_every_read_tool_answers_for_many(tool: str, tmp_path: Path) -> None:
    async with fleet(tmp_path) as (_, application):
        arguments = {**READS[tool], **({"wait_s": 0} if tool == "idrac_wait_job" else {})}
        answer = await read(application, tool, arguments=arguments)
        assert answer["asked"] == 4
        assert set(by_target(answer)) == set(HOSTS)
        if not arguments:
            assert sum(row["result"] == "ok" for row in by_target(answer).values()) == answer["ok"] >= 3, answer


async def test_equal_answers_are_one_row_and_what_differs_comes_first(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (_, application):
        answer = await read(application, "idrac_system_info", fields=["power_state", "processors"])
        assert all(set(row["answer"]) <= {"power_state", "processors"} for row in answer["items"])
        sizes = [len(row["targets"]) for row in answer["items"]]
        assert sizes == sorted(sizes)
        assert sum(sizes) == 4


async def test_a_silent_server_is_named_and_the_others_answer(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (rack, application):
        rack["pve1"].fault("black-hole")
        answer = await read(application, "idrac_get_thermals", fields=["fans"])
        assert answer["silent"] == ["pve1"]
        assert by_target(answer)["pve1"]["result"] == "error"
        assert "unreachable" in by_target(answer)["pve1"]["error"]
        assert answer["ok"] == 3
        assert answer["items"][-1]["targets"] == ["pve1"]


async def test_the_last_good_answer_of_a_server_that_went_silent_is_shown_as_stale(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (rack, application):
        await read(application, "idrac_system_info")
        rack["pve1"].fault("refuse")
        answer = await read(application, "idrac_system_info", max_age_s=0)
        assert by_target(answer)["pve1"]["result"] == "stale"
        assert "age_s" in by_target(answer)["pve1"]
        assert by_target(answer)["pve1"]["answer"]["service_tag"]


async def test_kept_answers_are_not_asked_for_again_and_carry_their_age(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (rack, application):
        await read(application, "idrac_get_boot")
        counted = {host: rack[host].state.arrivals_total for host in HOSTS}
        again = await read(application, "idrac_get_boot")
        assert {host: rack[host].state.arrivals_total for host in HOSTS} == counted
        assert all("age_s" in row for row in again["items"])
        await read(application, "idrac_get_boot", max_age_s=0)
        assert all(rack[host].state.arrivals_total > counted[host] for host in HOSTS)


async def test_servers_are_chosen_by_name_tag_group_model_and_generation(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (rack, application):
        assert set(by_target(await read(application, "idrac_get_boot", names=["pve1"]))) == {"pve1"}
        assert set(by_target(await read(application, "idrac_get_boot", tag="lab"))) == {"pve2"}
        assert set(by_target(await read(application, "idrac_get_boot", group="hall-1"))) == {"pve3", "nas1"}
        assert set(by_target(await read(application, "idrac_get_boot", generation=8))) == {"pve3"}
        assert set(by_target(await read(application, "idrac_get_boot", model="r760"))) == {"nas1"}
        known = {host: rack[host].state.arrivals_total for host in HOSTS}
        await read(application, "idrac_get_boot", generation=8)
        others = [host for host in HOSTS if host != "pve3"]
        assert all(rack[host].state.arrivals_total == known[host] for host in others)


async def test_a_silent_server_of_unknown_model_is_named_and_not_asked_twice(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (rack, application):
        rack["pve1"].fault("black-hole")
        answer = await read(application, "idrac_get_boot", generation=8)
        assert answer["silent"] == ["pve1"]
        assert "not known" in answer["notes"][0]


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("idrac_set_power", {"arguments": {"action": "on"}}, "unknown_tool"),
        ("idrac_fleet_health", {}, "unknown_tool"),
        ("idrac_no_such_tool", {}, "unknown_tool"),
        ("idrac_get_boot", {"arguments": {"colour": "red"}}, "invalid_argument"),
        ("idrac_get_boot", {"arguments": {"target": "pve1"}}, "invalid_argument"),
        ("idrac_get_boot", {"tag": "nowhere"}, "invalid_argument"),
        ("idrac_get_boot", {"names": ["nowhere"]}, "unknown_target"),
    ],
)
async def test_a_call_that_is_wrong_for_all_is_refused_before_anything_is_sent(
    tool: str, arguments: dict[str, object], code: str, tmp_path: Path
) -> None:
    async with fleet(tmp_path) as (rack, application):
        assert (await error(application, tool, **arguments)).code == code
        assert sum(rack[host].state.arrivals_total for host in HOSTS) == 0


async def test_an_answer_of_many_fits_and_goes_on_by_its_cursor_without_asking_again(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (rack, application):
        logs: dict[str, object] = {"arguments": {"limit": 200}}
        seen: list[str] = []
        answer = await read(application, "idrac_list_logs", **logs)
        counted = sum(rack[host].state.arrivals_total for host in HOSTS)
        while True:
            assert size(answer) <= 32_000
            seen += by_target(answer)
            cursor = answer.get("next_cursor")
            if cursor is None:
                break
            answer = await read(application, "idrac_list_logs", cursor=cursor, **logs)
        assert sorted(seen) == sorted(HOSTS)
        assert sum(rack[host].state.arrivals_total for host in HOSTS) == counted


async def test_what_policy_denies_for_one_server_is_denied_in_the_fleet_as_well(tmp_path: Path) -> None:
    rules = """
[[rules]]
principals = ["*"]
risks = ["read"]
[[rules]]
principals = ["*"]
risks = ["read"]
effect = "deny"
tools = ["idrac_get_boot"]
targets = ["pve2"]
"""
    async with fleet(tmp_path, policy=rules) as (_, application):
        answer = await read(application, "idrac_get_boot")
        assert answer["silent"] == ["pve2"]
        assert "policy" in by_target(answer)["pve2"]["error"]

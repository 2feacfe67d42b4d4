"""The dry-run matrix, its bugs included, by version (contract §7.4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.pfsense.caller import Caller
from tests.simulators.pfsense.conftest import Start

ALIAS = {"name": "draft", "type": "host", "address": ["10.0.0.1"], "detail": ["x"]}


async def aliases(fw: Caller) -> list[str]:
    return [row["name"] for row in await fw.get("/firewall/aliases")]


@pytest.mark.parametrize("persona", ["2.8", "2.9", "2.10"])
async def test_single_operations_validate_and_store_nothing_since_2_8(start: Start, persona: str) -> None:
    fw = await start(persona)
    before = await fw.get("/firewall/aliases")
    made = await fw.post("/firewall/alias", ALIAS | {"dry_run": True})
    assert made["id"] == len(before)
    assert made["name"] == "draft"
    assert (await fw("PATCH", "/firewall/alias", {"id": 0, "descr": "draft", "dry_run": True})).data["descr"] == "draft"
    assert (await fw("DELETE", "/firewall/alias?id=0&dry_run=true")).status == 200
    headers = {"Prefer": "dry-run"}
    assert (await fw("POST", "/firewall/alias", ALIAS, headers=headers)).status == 200
    assert await fw.get("/firewall/aliases") == before
    assert (await fw.get("/firewall/apply"))["applied"] is True
    refused = await fw("POST", "/firewall/alias", ALIAS | {"type": "url", "dry_run": True})
    assert refused.error == (400, "FIELD_INVALID_CHOICE")


@pytest.mark.parametrize("persona", ["2.6", "2.7"])
async def test_before_2_8_the_flag_is_an_unknown_field_and_the_write_happens(start: Start, persona: str) -> None:
    fw = await start(persona)
    await fw.post("/firewall/alias", ALIAS | {"dry_run": True})
    assert "draft" in await aliases(fw)
    await fw("DELETE", "/firewall/alias?id=0&dry_run=true")
    assert "nas_hosts" not in await aliases(fw)
    assert (await fw("GET", "/firewall/aliases?dry_run=true")).status == 200


@pytest.mark.parametrize(
    ("query", "body", "headers"),
    [
        ("?type=host&dry_run=true", None, {}),
        ("", {"all": True, "dry_run": True}, {}),
        ("?type=host", None, {"Prefer": "dry-run"}),
    ],
)
@pytest.mark.parametrize("persona", ["2.8", "2.10"])
async def test_a_plural_delete_deletes_for_real(
    start: Start, persona: str, query: str, body: dict[str, Any] | None, headers: dict[str, str]
) -> None:
    fw = await start(persona)
    assert (await fw("DELETE", f"/firewall/aliases{query}", body, headers=headers)).status == 200
    assert "nas_hosts" not in await aliases(fw)


async def test_on_2_7_dry_run_alone_is_a_query_that_matches_everything(start: Start) -> None:
    fw = await start("2.7")
    await fw("DELETE", "/firewall/aliases?dry_run=true")
    assert await aliases(fw) == []


@pytest.mark.parametrize("persona", ["2.8", "2.10"])
async def test_a_put_with_the_header_is_500_and_stores_nothing(start: Start, persona: str) -> None:
    fw = await start(persona)
    reply = await fw("PUT", "/firewall/aliases", [ALIAS], headers={"Prefer": "dry-run"})
    assert reply.error == (500, "MODEL_CACHE_MODELSET_MISSING_SIGNATURE")
    assert len(await aliases(fw)) == 5


async def test_actions_are_not_executed(fw: Caller) -> None:
    dry = {"dry_run": True}
    machine = fw.sim.machine
    await fw.post("/diagnostics/command_prompt", {"command": "id"} | dry)
    await fw.post("/diagnostics/ping", {"host": "10.20.0.11"} | dry)
    await fw.post("/diagnostics/reboot", dry)
    await fw.post("/system/update", dry)
    await fw.post("/status/service", {"id": 0, "action": "stop"} | dry)
    await fw.post("/services/wake_on_lan/send", {"interface": "lan", "mac_addr": "00:11:22:33:44:55"} | dry)
    assert (machine.runtime.commands, machine.runtime.pings, machine.runtime.woken) == ([], [], [])
    assert (machine.downtime.spans, machine.runtime.stopped) == ([], set())


async def test_applying_dry_is_skipped_like_any_other_post(fw: Caller) -> None:
    await fw.post("/firewall/alias", ALIAS)
    await fw.post("/firewall/apply", {"dry_run": True})
    fw.clock.advance(60)
    assert (await fw.get("/firewall/apply"))["applied"] is False


async def test_the_flag_must_be_a_boolean(fw: Caller) -> None:
    reply = await fw("POST", "/firewall/alias", ALIAS | {"dry_run": "yes"})
    assert reply.error == (400, "ENDPOINT_DRY_RUN_FIELD_INVALID_TYPE")


async def test_deleting_all_states_ignores_the_flag(fw: Caller) -> None:
    assert await fw.get("/firewall/states")
    assert (await fw("DELETE", "/firewall/states", {"all": True, "dry_run": True})).status == 200
    assert await fw.get("/firewall/states") != []
    fw.clock.advance(6)
    assert await fw.get("/firewall/states", headers={"Connection": "close"}) == []

"""The verdict is the worst of its parts, and what could not be asked is never well."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.control.answers import JsonObject
from tests.appliances.truenas.harness import nas, raw


def part(answer: JsonObject, name: str) -> JsonObject:
    parts = answer["parts"]
    assert isinstance(parts, list)
    return next(one for one in parts if isinstance(one, dict) and one["part"] == name)


async def dismissed(made: object) -> None:
    """No alert waits."""
    page = await made.call("truenas_list_alerts")  # type: ignore[attr-defined]  # a Room
    for row in page["items"]:
        await made.call("truenas_dismiss_alert", uuid=row["uuid"])  # type: ignore[attr-defined]  # a Room


@pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])
async def test_a_system_without_trouble_is_well(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        await dismissed(made)
        answer = await made.call("truenas_health")
        assert answer["verdict"] == "ok", answer


async def test_a_broken_pool_makes_the_whole_critical_and_is_named(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await dismissed(made)
        made.running.fault("pool-degraded")
        answer = await made.call("truenas_health")
        assert answer["verdict"] == "critical"
        assert "tank is DEGRADED" in str(part(answer, "pools")["evidence"])


async def test_a_stopped_service_a_failed_job_and_a_needed_reboot_are_warnings(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await dismissed(made)
        await raw(made, "service.update", "ftp", {"enable": True})
        made.running.fault("job-fails", method="app.stop", reason="the work went wrong")
        await made.call("truenas_stop_app", app="syncthing")
        made.running.fault("reboot-required")
        answer = await made.call("truenas_health")
        assert answer["verdict"] == "warning"
        assert "ftp" in str(part(answer, "services")["evidence"])
        assert "the work went wrong" in str(part(answer, "jobs of the last day")["evidence"])
        assert "FIPS" in str(part(answer, "pending reboot")["evidence"])
        made.clock.advance(2 * 86_400)
        answer = await made.call("truenas_health")
        assert part(answer, "jobs of the last day")["verdict"] == "ok"


async def test_what_may_not_be_read_is_unknown_and_outweighed_by_what_is_known_to_be_bad(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await dismissed(made)
        made.running.fault("call-fails", method="alert.list", errno=13, reason="Not authorized", count=0)
        answer = await made.call("truenas_health")
        assert (answer["verdict"], part(answer, "alerts")["verdict"]) == ("unknown", "unknown")
        assert "READONLY_ADMIN" in str(answer["notes"])
        made.running.fault("pool-degraded")
        assert (await made.call("truenas_health"))["verdict"] == "critical"


async def test_a_system_that_nobody_reaches_gets_no_verdict_but_an_error(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("refuse")
        assert (await made.fails("truenas_health")).code in ("unreachable", "circuit_open")

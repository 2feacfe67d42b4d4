"""A fleet of sixty in one call: bounded, within its time, few tokens, the dead skipped once they are known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.appliances.idrac import fleet as fleet_module
from holdfast.appliances.idrac.configmodels import Subscription
from holdfast.appliances.kinds import settings_classes
from holdfast.config import TargetSettings, parse_config
from holdfast.control.caller import Caller
from holdfast.control.context import no_progress
from holdfast.control.rendering import size
from holdfast.resilience import deadline_scope
from holdfast.server.application import Application, Serving
from holdfast.simulators.rack import Rack
from holdfast.simulators.world import default_world
from tests.support.racks import shared_authority
from tests.support.realtime import REAL_TIME
from tests.support.rooms import says_yes

SERVERS = 60
DEAD = ("host0", "host20", "host40")
BYTES = 32_000
"""8 000 tokens."""


@asynccontextmanager
async def sixty(tmp_path: Path) -> AsyncIterator[tuple[Rack, Application]]:
    """Sixty servers, three of them black-holed."""
    world = default_world()
    machines = tuple(
        replace(world.servers[n % 4], hostname=f"host{n}", bmc_ip=f"10.20.1.{n}", service_tag=f"{n:07X}")
        for n in range(SERVERS)
    )
    async with Rack(world=replace(world, servers=machines), authority=shared_authority()) as rack:
        running = {machine.hostname: await rack.add("idrac", name=machine.hostname) for machine in machines}
        for name in DEAD:
            running[name].fault("black-hole")
        (tmp_path / "ca.pem").write_text(rack.authority.ca_pem)
        targets = "".join(
            f"""
[targets.idrac.{name}]
host = "127.0.0.1"
port = {one.port}
ca_file = "{tmp_path / "ca.pem"}"
username = "{one.credentials["username"]}"
password = "{one.credentials["password"]}"
mode = "operate"
connect_timeout = {1 if name in DEAD else 20}
retry_max_attempts = 1
circuit_breaker_fail_max = 1
circuit_breaker_probe_interval = 0
"""
            for name, one in running.items()
        )
        config = parse_config(f'{targets}\n[control]\nstate_dir = "{tmp_path / "state"}"\n', settings_classes())
        application = Application(config, Serving(toolsets=("all",)))
        async with application.running():
            yield rack, application


def takes(rack: Rack, number: int) -> int:
    """The most requests that this server takes at once (contract 9)."""
    return 2 if rack[f"host{number}"].simulator.persona in ("7", "8") else 4


async def call(application: Application, tool: str, **arguments: object) -> dict[str, Any]:
    return await application.dispatcher.call(tool, arguments, Caller("tester", ask=says_yes))


async def test_sixty_servers_answer_in_pages_that_fit_and_the_dead_cost_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_module, "AT_ONCE", 16)
    async with sixty(tmp_path) as (rack, application):
        seen: list[str] = []
        arguments: dict[str, object] = {"read": "idrac_get_health", "limit": 200}
        answer = await call(application, "idrac_fleet_read", **arguments)
        assert (answer["asked"], answer["ok"], answer["silent"]) == (SERVERS, SERVERS - len(DEAD), sorted(DEAD))
        counted = sum(rack[f"host{n}"].state.arrivals_total for n in range(SERVERS))
        while True:
            assert size(answer) <= BYTES
            seen += [name for row in answer["items"] for name in row["targets"]]
            if answer.get("next_cursor") is None:
                break
            answer = await call(application, "idrac_fleet_read", cursor=answer["next_cursor"], **arguments)
        assert sorted(seen) == sorted(f"host{n}" for n in range(SERVERS))
        assert sum(rack[f"host{n}"].state.arrivals_total for n in range(SERVERS)) == counted

        few = await call(application, "idrac_fleet_read", read="idrac_system_info", fields=["power_state", "health"])
        assert len(few["items"]) <= 6
        assert size(few) <= 4_000

        again = await call(application, "idrac_fleet_health", max_age_s=0)
        assert again["silent"] == sorted(DEAD)
        assert all("circuit_open" in row["error"] for row in again["items"] if row["result"] == "error")
        assert {n for n in range(SERVERS) if rack[f"host{n}"].state.max_in_flight > takes(rack, n)} == set()
        assert {n for n in range(SERVERS) if rack[f"host{n}"].state.max_writes_in_flight} == set()


@REAL_TIME
async def test_changes_amid_a_sweep_go_one_at_a_time_at_each_server_and_within_its_bound(tmp_path: Path) -> None:
    async with sixty(tmp_path) as (rack, application):
        changed = range(1, 9)
        for number in changed:
            rack[f"host{number}"].simulator.set_fault("slow", seconds=0.02)
        changes = [
            call(application, tool, target=f"host{number}", **arguments)
            for number in changed
            for tool, arguments in (("idrac_set_led", {"identify": True}), ("idrac_set_boot", {"source": "Pxe"}))
        ]
        sweeps = [call(application, "idrac_fleet_read", read="idrac_get_health", max_age_s=0) for _ in range(2)]
        answers = await asyncio.gather(*changes, *sweeps)
        assert {answer["outcome"] for answer in answers[: len(changes)]} == {"applied"}
        assert {rack[f"host{number}"].state.max_writes_in_flight for number in changed} == {1}
        assert {n for n in range(SERVERS) if rack[f"host{n}"].state.max_in_flight > takes(rack, n)} == set()
        assert {takes(rack, number) for number in changed} == {2, 4}


async def test_no_more_servers_are_asked_at_once_than_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way = most = 0
    async with sixty(tmp_path) as (_, application):
        sweep = fleet_module.Sweep(no_progress)

        async def ask(target: TargetSettings, limit_s: float) -> str:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            return target.name

        heard = await sweep.run(list(application.connections.targets("idrac")), ask)
        assert [one.found for one in heard] == [f"host{n}" for n in range(SERVERS)]
        assert most == fleet_module.AT_ONCE


@REAL_TIME
async def test_a_server_that_is_slow_has_its_own_time_and_the_others_theirs(tmp_path: Path) -> None:
    async with sixty(tmp_path) as (_, application):
        targets = list(application.connections.targets("idrac"))[:6]

        async def ask(target: TargetSettings, limit_s: float) -> str:
            await asyncio.sleep(5 if target.name == "host3" else 0)
            return target.name

        heard = await fleet_module.Sweep(no_progress, each_s=0.2).run(targets, ask)
        assert [one.result for one in heard] == ["ok", "ok", "ok", "error", "ok", "ok"]
        assert "no answer within" in str(heard[3].error)


async def test_a_server_that_answers_nonsense_does_not_take_the_answers_of_the_others(tmp_path: Path) -> None:
    async with sixty(tmp_path) as (_, application):
        targets = list(application.connections.targets("idrac"))[:4]

        async def ask(target: TargetSettings, limit_s: float) -> str:
            return Subscription.model_validate({"id": 5 if target.name == "host3" else target.name}).id

        heard = await fleet_module.Sweep(no_progress).run(targets, ask)
        assert [one.result for one in heard] == ["ok", "ok", "ok", "error"]


@REAL_TIME
async def test_when_the_time_of_the_call_is_over_the_rest_is_told_as_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_module, "AT_ONCE", 2)
    async with sixty(tmp_path) as (_, application):
        targets = list(application.connections.targets("idrac"))[:6]

        async def ask(target: TargetSettings, limit_s: float) -> str:
            await asyncio.sleep(1)
            return target.name

        with deadline_scope(4):
            heard = await fleet_module.Sweep(no_progress).run(targets, ask)
        assert [one.result for one in heard] == ["ok", "ok", "error", "error", "not_asked", "not_asked"]


@REAL_TIME
async def test_a_call_that_is_given_up_ends_what_it_asks(tmp_path: Path) -> None:
    async with sixty(tmp_path) as (rack, application):
        for name in ("host1", "host2", "host3"):
            rack[name].simulator.set_fault("slow", seconds=5.0)
        asked = asyncio.create_task(call(application, "idrac_fleet_health"))
        await asyncio.sleep(0.5)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await application.connections.close()
        left = [rack[f"host{n}"].simulator.sessions_open for n in range(SERVERS)]  # type: ignore[attr-defined]
        assert sum(left) == 0

"""The iDRAC's own address changes: it is looked for there, and nobody else is taken for it or told a credential."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.simulators.idrac import create
from holdfast.simulators.rack.running import RunningSimulator
from holdfast.simulators.world import World, default_world
from tests.appliances.idrac.cases import bmc_of
from tests.appliances.idrac.test_reads import every_persona
from tests.appliances.idrac.test_writes import lab_settings, sent
from tests.support.realtime import REAL_TIME
from tests.support.rooms import Room, room

OLD, NEW = "127.0.0.1", "127.0.0.2"
THERE = {"address": f"{NEW}/24", "gateway": "127.0.0.254"}


def real_world(tag: str | None = None) -> World:
    """A world whose servers have an iDRAC at the address where simulators listen."""
    world = default_world()
    return replace(
        world,
        servers=tuple(replace(one, bmc_ip=OLD, service_tag=tag or one.service_tag) for one in world.servers),
    )


@asynccontextmanager
async def reached(tmp_path: Path, persona: str = "9", settings: str = "") -> AsyncIterator[Room]:
    """A room whose iDRAC is reached at its own address."""
    more = f"{lab_settings(tmp_path)}\n{settings}"
    async with room("idrac", tmp_path, persona=persona, world=real_world(), settings=more) as lab:
        await lab.call("idrac_list_jobs")
        yield lab


@asynccontextmanager
async def another(lab: Room, tag: str = "OTHER42") -> AsyncIterator[RunningSimulator]:
    """Another server's iDRAC at the new address."""
    made = create(real_world(tag), lab.clock, "idrac", "9")
    running = RunningSimulator(made, lab.rack.authority, NEW)
    await running.start(lab.running.port)
    try:
        yield running
    finally:
        await running.stop()


def stays(lab: Room) -> None:
    """The iDRAC is at neither address any more."""
    simulator: Any = lab.simulator
    simulator._move = lambda address: lab.running.fault("refuse")


async def begun(lab: Room) -> None:
    """The change has reached the iDRAC."""
    for _ in range(1000):
        if sent(lab):
            return
        await asyncio.sleep(0.005)
    raise AssertionError("nothing was sent")


def told_nothing(other: RunningSimulator) -> bool:
    """Whether a stranger was asked nothing but its service root, without a login."""
    return all(
        (one.method, one.path) == ("GET", "/redfish/v1")
        and not {"authorization", "x-auth-token"} & {name.lower() for name in one.headers}
        for one in other.state.arrivals
    )


@every_persona
async def test_it_is_found_at_its_new_address_by_its_service_tag_and_the_operator_told_what_to_set(
    persona: str, tmp_path: Path
) -> None:
    async with reached(tmp_path, persona) as lab:
        answer: dict[str, Any] = await lab.call("idrac_set_address", **THERE)
        assert lab.running.host == NEW
        assert (answer["outcome"], answer["verified"]) == ("applied", True), answer
        told = str(answer["warnings"])
        assert f"service tag {bmc_of(lab).server.service_tag} answers at {NEW}" in told
        assert f"set host of target lab to {NEW}" in told
        assert answer["after"]["address"] == NEW
        assert sum(lab.slept) <= 60
        assert len([one for one in sent(lab) if one.startswith("PATCH")]) == 1
        assert (await lab.fails("idrac_system_info")).code == "unreachable"
        await lab.application.connections.close()
        assert len(bmc_of(lab).sessions.members) == 0


async def test_a_lost_answer_is_settled_at_the_new_address(tmp_path: Path) -> None:
    async with reached(tmp_path) as lab:
        lab.running.fault("lost-reply", method="PATCH", times=1)
        answer = await lab.call("idrac_set_address", **THERE)
        assert answer["outcome"] == "applied", answer
        assert len([one for one in sent(lab) if one.startswith("PATCH")]) == 1


async def test_an_answer_of_success_is_no_proof_when_it_is_at_neither_address(tmp_path: Path) -> None:
    async with reached(tmp_path) as lab:
        stays(lab)
        answer = await lab.call("idrac_set_address", **THERE)
        assert answer["outcome"] == "unknown", answer
        told = str(answer["warnings"])
        assert "Whether it moved is not known" in told
        assert f"set host of target lab to {NEW}" in told
        assert "F2" in told
        assert sum(lab.slept) <= 90


async def test_an_address_that_somebody_has_is_not_given(tmp_path: Path) -> None:
    async with reached(tmp_path) as lab, another(lab) as other:
        error = await lab.fails("idrac_set_address", **THERE)
        assert (error.code, error.executed) == ("refused", "no")
        assert "answers at 127.0.0.2 already" in str(error)
        assert sent(lab) == []
        assert other.state.arrivals
        assert told_nothing(other)


@REAL_TIME
async def test_another_server_at_the_new_address_is_not_taken_for_it_and_gets_no_credential(tmp_path: Path) -> None:
    async with reached(tmp_path) as lab:
        stays(lab)
        lab.simulator.set_fault("slow", method="PATCH", seconds=0.2)
        call = asyncio.create_task(lab.call("idrac_set_address", **THERE))
        await begun(lab)
        async with another(lab) as other:
            answer = await call
            assert answer["outcome"] in ("unknown", "not_applied"), answer
            assert "its service tag is OTHER42" in str(answer["warnings"])
            assert other.state.arrivals
            assert told_nothing(other)


@REAL_TIME
async def test_a_server_that_only_claims_the_service_tag_is_found_out_by_its_system(tmp_path: Path) -> None:
    async with reached(tmp_path) as lab:
        stays(lab)
        lab.simulator.set_fault("slow", method="PATCH", seconds=0.2)
        call = asyncio.create_task(lab.call("idrac_set_address", **THERE))
        await begun(lab)
        async with another(lab) as other:
            bmc: Any = other.simulator.bmc  # type: ignore[attr-defined]
            system, bmc.server = bmc.server, replace(bmc.server, service_tag=bmc_of(lab).server.service_tag)
            assert system.service_tag != bmc.server.service_tag
            answer = await call
            assert answer["outcome"] in ("unknown", "not_applied"), answer
            assert "its service tag is OTHER42" in str(answer["warnings"])


@REAL_TIME
async def test_a_certificate_that_the_rules_do_not_accept_ends_it_before_a_byte_of_http(tmp_path: Path) -> None:
    async with reached(tmp_path) as lab:
        stays(lab)
        lab.simulator.set_fault("slow", method="PATCH", seconds=0.2)
        call = asyncio.create_task(lab.call("idrac_set_address", **THERE))
        await begun(lab)
        async with another(lab) as other:
            other.fault("bad-cert")
            answer = await call
            assert answer["outcome"] == "unknown", answer
            assert "was told nothing" in str(answer["warnings"])
            assert other.state.arrivals == []


async def test_where_certificates_are_not_checked_nobody_logs_in_at_the_new_address(tmp_path: Path) -> None:
    async with reached(tmp_path) as lab:
        client: Any = await lab.application.connections.client(lab.application.config.targets[0])
        # As with verify = false; the room's configuration has a CA, which contradicts it.
        client.settings = client.settings.model_copy(update={"verify": False, "ca_file": None})
        opened = bmc_of(lab).sessions.opened
        answer = await lab.call("idrac_set_address", **THERE)
        assert answer["outcome"] == "applied", answer
        assert "nobody logged in there" in str(answer["warnings"])
        assert bmc_of(lab).sessions.opened == opened


async def test_behind_a_forwarded_port_it_is_looked_for_only_where_it_was(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9", settings=lab_settings(tmp_path)) as lab, another(lab) as other:
        answer = await lab.call("idrac_set_address", **THERE)
        assert other.state.connections_total == 0
        assert answer["outcome"] in ("applied", "unknown"), answer


@pytest.mark.parametrize("persona", ["9", "10"])
async def test_with_dhcp_it_is_not_known_where_it_went(persona: str, tmp_path: Path) -> None:
    async with reached(tmp_path, persona) as lab:
        client: Any = await lab.application.connections.client(lab.application.config.targets[0])
        planned = len(sent(lab))

        async def gone() -> bool:
            return len(sent(lab)) == planned

        client.answers = gone
        answer = await lab.call("idrac_set_address")
        assert answer["outcome"] == "unknown", answer
        assert "the address that DHCP gave" in str(answer["warnings"])

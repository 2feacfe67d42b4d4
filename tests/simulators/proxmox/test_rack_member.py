"""In a rack: TLS, arrival records, faults by name; and what else a user of the simulator sees."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.proxmox import PERSONAS, ProxmoxSimulator, create
from holdfast.simulators.world import default_world
from tests.simulators.proxmox.bench import START, bench
from tests.support import running


async def test_the_rack_runs_it_and_records_who_was_let_in() -> None:
    sim = create(default_world(), SimulatedClock(lambda: START), "pve")
    sim.delay_scale = 0
    async with running(sim) as member, aiohttp.ClientSession() as session:
        known = sim.credentials
        header = {"Authorization": f"PVEAPIToken={known['token_id']}={known['token_secret']}"}
        context = member.authority.client_context()
        url = f"{member.url}/api2/json/version"
        async with session.get(url, headers=header, ssl=context) as answer:
            assert (await answer.json())["data"]["release"] == "9.1"
        async with session.get(url, ssl=context) as answer:
            assert answer.status == 401
        assert [(one.path, one.authorised, one.status) for one in member.state.arrivals] == [
            ("/api2/json/version", True, 200),
            ("/api2/json/version", False, 401),
        ]


async def test_the_rack_finds_it_by_its_kind_and_passes_faults_on() -> None:
    async with running("proxmox", persona="8.4") as member, aiohttp.ClientSession() as session:
        simulator = member.simulator
        assert isinstance(simulator, ProxmoxSimulator)
        assert simulator.persona == "8.4"
        simulator.delay_scale = 0
        member.fault("node-stalled", node="pve2", delay_s=0)
        known = member.credentials
        header = {"Authorization": f"PVEAPIToken={known['token_id']}={known['token_secret']}"}
        context = member.authority.client_context()
        async with session.get(f"{member.url}/api2/json/nodes/pve2/status", headers=header, ssl=context) as answer:
            assert (answer.status, await answer.read()) == (596, b"")


def test_personas_are_the_two_releases() -> None:
    clock = SimulatedClock(lambda: START)
    assert PERSONAS == ("9.1", "8.4")
    assert create(default_world(), clock, "pve").persona == "9.1"
    with pytest.raises(ValueError, match="7\\.4"):
        create(default_world(), clock, "pve", "7.4")


def test_simulators_of_one_name_have_the_same_credentials_and_of_two_names_others() -> None:
    clock = SimulatedClock(lambda: START)
    first, again, other = (create(default_world(), clock, name) for name in ("pve", "pve", "lab"))
    assert first.credentials == again.credentials
    assert first.credentials != other.credentials
    assert set(first.credentials) == {"token_id", "token_secret"}
    assert set(first.password_credentials) == {"username", "password"}


async def test_another_node_can_be_contacted() -> None:
    async with bench() as one:
        runner = web.AppRunner(one.sim.app_at("pve2"))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/api2/json/cluster/status"
            async with one.session.get(url, headers=one.token()) as answer:
                rows = (await answer.json())["data"]
        finally:
            await runner.cleanup()
        assert {row["name"] for row in rows if row.get("local") == 1} == {"pve2"}


async def test_ceph_is_refused_where_it_is_not_installed() -> None:
    async with bench() as one:
        for path in ("/cluster/ceph/status", "/nodes/pve2/ceph/status", "/nodes/pve2/ceph/osd", "/cluster/ceph/flags"):
            answer = await one.refused("GET", path)
            assert (answer.status, answer.reason) == (500, "binary not installed: /usr/bin/ceph-mon")
        one.sim.install_ceph()
        health = (await one.get("/cluster/ceph/status"))["health"]
        assert health["status"] == "HEALTH_WARN"
        assert set(health["checks"]) == {"OSD_DOWN", "MON_DOWN"}


@pytest.mark.parametrize(("persona", "points"), [("9.1", 1440), ("8.4", 70)])
async def test_series_have_the_resolution_of_their_release(persona: str, points: int) -> None:
    async with bench(persona=persona) as one:
        rows = await one.get("/nodes/pve1/rrddata", timeframe="day")
        assert len(rows) == points
        assert all(row["cpu"] >= 0 for row in rows)
        assert ("pressurecpusome" in rows[-1]) == (persona == "9.1")


async def test_a_series_has_gaps_where_a_guest_did_not_run() -> None:
    async with bench() as one:
        assert await one.run("POST", "/nodes/pve2/qemu/110/status/start") == "OK"
        one.clock.advance(600)
        rows = await one.get("/nodes/pve2/qemu/110/rrddata", timeframe="hour")
        assert "cpu" not in rows[0]
        assert 0 <= rows[-1]["cpu"] <= 1


async def test_the_cluster_shows_the_same_rack_as_the_other_appliances() -> None:
    async with bench() as one:
        world = default_world()
        disks = await one.get("/nodes/pve1/disks/list")
        assert [row["serial"] for row in disks] == list(world.server("pve1").disk_serials)
        config = await one.get("/nodes/pve1/qemu/101/config")
        assert world.guests[0].mac.upper() in config["net0"]
        assert (await one.get("/storage/nas-vms"))["server"] == world.server("nas1").host_ip
        status = await one.get("/nodes/pve1/status")
        assert status["cpuinfo"]["model"] == world.server("pve1").cpu_model

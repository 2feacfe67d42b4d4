"""The simulator as a member of a rack: its own faults and those of the wire, its arrivals, several of a kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from holdfast.simulators.faultlist import CUT, FAULTS
from holdfast.simulators.rack import RunningSimulator
from holdfast.simulators.truenas import TrueNASSimulator
from tests.simulators.truenas.peer import PATIENCE_S, Peer, RpcError
from tests.support.racks import running, running_rack
from tests.support.realtime import REAL_TIME


@asynccontextmanager
async def visiting(sim: RunningSimulator) -> AsyncIterator[Peer]:
    """A socket that trusts the rack's CA and is logged in with the credentials that the rack names."""
    connector = aiohttp.TCPConnector(ssl=sim.authority.client_context())
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.ws_connect(f"{sim.url}/api/current", timeout=aiohttp.ClientWSTimeout(ws_close=1)) as socket,
    ):
        peer = Peer(socket)
        answer = await peer.call("auth.login_ex", {"mechanism": "API_KEY_PLAIN", **sim.credentials})
        assert answer["response_type"] == "SUCCESS"
        yield peer


def test_no_fault_has_the_name_of_one_of_the_wire() -> None:
    assert not set(TrueNASSimulator.fault_names) & {*FAULTS, CUT}


async def test_the_credentials_of_the_rack_log_in_and_calls_are_the_arrivals() -> None:
    async with running("truenas") as sim, visiting(sim) as peer:
        info = await peer.call("system.info")
        assert info["hostname"] == "nas1"
        assert [arrival.method for arrival in sim.state.arrivals] == ["auth.login_ex", "system.info"]
        assert all(arrival.executed for arrival in sim.state.arrivals)
        assert sim.state.arrivals_total == 2
        assert sim.state.in_flight == 0


async def test_boxes_of_several_releases_stand_in_one_rack() -> None:
    async with running_rack("truenas:25.04", "truenas", "truenas:26") as rack:
        seen = {}
        for name, sim in rack.items():
            async with visiting(sim) as peer:
                info = await peer.call("system.info")
                seen[name] = (info["hostname"], info["version"].split(".")[0:2])
        assert seen == {
            "truenas": ("nas1", ["25", "04"]),
            "truenas2": ("truenas2", ["25", "10"]),
            "truenas3": ("truenas3", ["26", "0"]),
        }


async def test_a_release_that_does_not_exist_is_refused() -> None:
    async with running_rack() as rack:
        with pytest.raises(ValueError, match=r"25\.04, 25\.10, 26, 27"):
            await rack.add("truenas", persona="13.0")


async def test_a_reply_lost_on_the_wire_was_executed() -> None:
    async with running("truenas") as sim, visiting(sim) as peer:
        sim.fault("lost-reply", times=1)
        await peer.send("user.update", 1, {})
        with pytest.raises(ConnectionError):
            await peer.frame()
        assert [(arrival.method, arrival.executed) for arrival in sim.state.arrivals[1:]] == [("user.update", True)]


async def test_a_cut_wire_forgets_the_session_but_not_the_jobs() -> None:
    async with running("truenas") as sim:
        async with visiting(sim) as peer:
            number = await peer.call("pool.scrub", 1, "START")
            sim.fault(CUT)
            with pytest.raises(ConnectionError):
                await peer.frame()
        async with visiting(sim) as peer:
            rows = await peer.call("core.get_jobs", [["id", "=", number]])
            assert [row["method"] for row in rows] == ["pool.scrub"]
            assert len(await peer.call("auth.sessions")) == 1


async def test_own_faults_are_switched_from_the_rack_and_healed() -> None:
    async with running("truenas") as sim, visiting(sim) as peer:
        sim.fault("call-fails", method="system.info")
        with pytest.raises(RpcError):
            await peer.call("system.info")
        sim.fault("call-fails", method="system.*", count=0)
        sim.heal()
        assert (await peer.call("system.info"))["hostname"] == "nas1"


async def test_the_key_is_revoked_when_the_wire_speaks_plain_http() -> None:
    async with running("truenas") as sim:
        sim.fault("plain-http")
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"http://{sim.host}:{sim.port}/api/current") as socket,
        ):
            answer = await Peer(socket).call("auth.login_ex", {"mechanism": "API_KEY_PLAIN", **sim.credentials})
            assert answer["response_type"] != "SUCCESS"
        sim.heal()
        with pytest.raises(AssertionError):
            async with visiting(sim):
                raise RuntimeError("a revoked key logged in")


@REAL_TIME
async def test_a_drip_slows_an_open_socket_down() -> None:
    async with running("truenas") as sim, visiting(sim) as peer:
        sim.fault("drip", bytes_per_s=50.0)
        await peer.send("system.info")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(peer.frame(), 0.3)
        sim.heal()
        assert "result" in await asyncio.wait_for(peer.frame(), PATIENCE_S)

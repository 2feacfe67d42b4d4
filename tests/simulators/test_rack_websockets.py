"""What the faults do to WebSockets, open ones and new ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from holdfast.simulators.rack import RunningSimulator
from tests.simulators.rackclient import BRIEFLY_S, PATIENTLY_S, settled
from tests.support import running
from tests.support.echo import EchoSimulator

ENDED = (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSE)


@asynccontextmanager
async def socket_to(sim: RunningSimulator) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{sim.url}/ws", ssl=sim.authority.client_context()) as socket,
    ):
        await socket.send_str("hello")
        assert await socket.receive_str(timeout=PATIENTLY_S) == "hello"
        yield socket


async def end_of(socket: aiohttp.ClientWebSocketResponse) -> str:
    """The text that still came before the socket ended."""
    text = ""
    while True:
        message = await socket.receive(timeout=PATIENTLY_S)
        if message.type in ENDED:
            return text
        text += message.data


async def test_a_socket_is_an_arrival_but_not_in_flight() -> None:
    async with running(EchoSimulator()) as sim, socket_to(sim):
        assert [a.path for a in sim.state.arrivals] == ["/ws"]
        assert sim.state.in_flight == 0
        assert sim.state.max_in_flight == 0


@pytest.mark.parametrize("fault", ["cut", "refuse", "hang-tls"])
async def test_open_sockets_are_aborted(fault: str) -> None:
    async with running(EchoSimulator()) as sim, socket_to(sim) as socket:
        sim.fault(fault)
        assert await end_of(socket) == ""


async def test_a_black_hole_silences_open_sockets() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, socket_to(sim) as socket:
        sim.fault("black-hole")
        await socket.send_str("lost")
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=BRIEFLY_S)
        assert echo.writes == 1
        sim.heal()
        assert await end_of(socket) == ""


async def test_an_upgrade_is_refused_by_503() -> None:
    async with running(EchoSimulator()) as sim, socket_to(sim) as open_already:
        sim.fault("http-503")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            async with socket_to(sim):
                pass
        assert refusal.value.status == 503
        await open_already.send_str("still there")
        assert await open_already.receive_str(timeout=PATIENTLY_S) == "still there"


async def test_reset_ends_an_open_socket_after_so_many_bytes() -> None:
    async with running(EchoSimulator()) as sim, socket_to(sim) as socket:
        sim.fault("reset", after_bytes=12, times=1)
        await socket.send_str("0123456789")
        assert await socket.receive_str(timeout=PATIENTLY_S) == "0123456789"
        await socket.send_str("again")
        assert await end_of(socket) == ""


async def test_drip_slows_an_open_socket_until_healed() -> None:
    async with running(EchoSimulator()) as sim, socket_to(sim) as socket:
        sim.fault("drip", bytes_per_s=1)
        await socket.send_str("x" * 100)
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=BRIEFLY_S)
        sim.heal("drip")
        assert await socket.receive_str(timeout=PATIENTLY_S) == "x" * 100


@pytest.mark.parametrize("opened", ["before", "after"])
async def test_lost_reply_executes_a_message_and_dies_before_its_answer(opened: str) -> None:
    echo = EchoSimulator()
    async with running(echo) as sim:
        if opened == "before":
            async with socket_to(sim) as socket:
                sim.fault("lost-reply", times=1)
                await socket.send_str("write")
                assert await end_of(socket) == ""
                assert echo.writes == 2
        else:
            sim.fault("lost-reply", times=1)
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"{sim.url}/ws", ssl=sim.authority.client_context()) as socket,
            ):
                await socket.send_str("write")
                assert await end_of(socket) == ""
                assert echo.writes == 1
        assert sim.active_faults() == ()
        async with socket_to(sim):
            pass


async def test_an_armed_lost_reply_is_disarmed_by_healing() -> None:
    async with running(EchoSimulator()) as sim, socket_to(sim) as socket:
        sim.fault("lost-reply")
        sim.heal("lost-reply")
        await socket.send_str("kept")
        assert await socket.receive_str(timeout=PATIENTLY_S) == "kept"


async def test_faults_of_other_paths_leave_a_socket_alone() -> None:
    async with running(EchoSimulator()) as sim, socket_to(sim) as socket:
        sim.fault("reset", after_bytes=0, path="/echo")
        sim.fault("lost-reply", path="/echo")
        await socket.send_str("kept")
        assert await socket.receive_str(timeout=PATIENTLY_S) == "kept"


async def test_stopping_ends_open_sockets() -> None:
    async with running(EchoSimulator()) as sim, socket_to(sim) as socket:
        await sim.stop()
        assert await asyncio.wait_for(end_of(socket), PATIENTLY_S) == ""
        await settled(lambda: sim.state.connections_open == 0, "nothing is open")

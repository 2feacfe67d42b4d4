"""Frames: what is a call, how it is answered, and what closes the socket (contract sections 2 and 3)."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.simulators.truenas.peer import Peer, standing
from tests.support.realtime import REAL_TIME


async def closing(peer: Peer) -> tuple[int | None, str]:
    """Wait for the close; its code and reason."""
    message = await asyncio.wait_for(peer.socket.receive(), 10)
    assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED), message
    code = message.data if message.type is aiohttp.WSMsgType.CLOSE else peer.socket.close_code
    return code, str(message.extra or "")


async def test_malformed_json_is_answered_and_the_socket_stays_open() -> None:
    async with standing() as stand:
        peer = await stand.connect()
        await peer.socket.send_str("{not json")
        frame = await peer.frame()
        assert frame["id"] is None
        assert frame["error"]["code"] == -32700
        assert "data" not in frame["error"]
        assert await peer.call("core.ping") == "pong"


async def test_a_batch_is_refused() -> None:
    async with standing() as stand:
        peer = await stand.connect()
        await peer.socket.send_json([{"jsonrpc": "2.0", "id": 1, "method": "core.ping"}])
        error = (await peer.frame())["error"]
        assert (error["code"], error["message"]) == (-32700, "Batch messages are not supported at this time")


@pytest.mark.parametrize(
    "message",
    [
        {"id": 1, "method": "core.ping"},
        {"jsonrpc": "1.0", "id": 1, "method": "core.ping"},
        {"jsonrpc": "2.0", "id": 1.5, "method": "core.ping"},
        {"jsonrpc": "2.0", "id": True, "method": "core.ping"},
        {"jsonrpc": "2.0", "id": 1, "method": 7},
        {"jsonrpc": "2.0", "id": 1, "method": "core.ping", "params": {}},
    ],
)
async def test_an_invalid_envelope_is_refused(message: dict[str, Any]) -> None:
    async with standing() as stand:
        peer = await stand.connect()
        await peer.socket.send_json(message)
        assert (await peer.frame())["error"]["code"] == -32600


async def test_params_may_be_absent_and_ids_may_be_numbers_or_null() -> None:
    async with standing() as stand:
        peer = await stand.connect()
        for number in (7, "seven", None):
            await peer.socket.send_json({"jsonrpc": "2.0", "id": number, "method": "core.ping"})
            assert await peer.frame() == {"jsonrpc": "2.0", "id": number, "result": "pong"}


async def test_a_notification_is_executed_and_never_answered() -> None:
    async with standing() as stand:
        peer = await stand.login()
        call = {"jsonrpc": "2.0", "method": "filesystem.mkdir", "params": [{"path": "/mnt/tank/home/made"}]}
        await peer.socket.send_json(call)
        await peer.socket.send_json({"jsonrpc": "2.0", "method": "no.such.method"})
        assert await peer.call("core.ping") == "pong"
        assert (await peer.call("filesystem.stat", "/mnt/tank/home/made"))["type"] == "DIRECTORY"


async def test_too_many_positional_arguments_are_refused() -> None:
    async with standing() as stand:
        peer = await stand.login()
        error = await peer.refused("system.info", 1)
        assert error.code == -32602
        assert error.data["extra"][0][1] == "Too many arguments (expected 0, found 1)"


@REAL_TIME
async def test_answers_come_in_the_order_of_completion() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("slow-call", method="system.info", delay_s=0.05)
        slow = await peer.send("system.info")
        quick = await peer.send("core.ping")
        assert (await peer.frame())["id"] == quick
        assert (await peer.frame())["id"] == slow


async def test_a_binary_frame_closes_with_1003() -> None:
    async with standing() as stand:
        peer = await stand.connect()
        await peer.socket.send_bytes(b"{}")
        assert (await closing(peer))[0] == 1003


async def test_an_anonymous_message_over_8_kb_closes_with_1007() -> None:
    async with standing() as stand:
        peer = await stand.connect()
        await peer.socket.send_str(" " * 8192)
        assert (await peer.frame())["error"]["code"] == -32700
        await peer.socket.send_str(" " * 8193)
        assert await closing(peer) == (1007, "Anonymous connection max message length is 8 kB")


async def test_a_message_over_64_kb_closes_with_1009() -> None:
    async with standing() as stand:
        peer = await stand.login()
        call = '{"jsonrpc":"2.0","id":1,"method":"core.ping"}'
        await peer.socket.send_str(call + " " * (65536 - len(call)))
        assert (await peer.frame())["result"] == "pong"
        await peer.socket.send_str(call + " " * (65537 - len(call)))
        assert await closing(peer) == (1009, "Max message length is 64 kB")


async def test_a_message_over_4_mib_is_cut_by_the_library() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.socket.send_str(" " * (4 * 1024 * 1024 + 1))
        # The close frame may be overtaken by the reset that unread bytes cause.
        assert (await closing(peer))[0] in (1009, 1006)


async def test_an_address_off_the_allow_list_is_closed_with_1008() -> None:
    async with standing() as stand:
        stand.simulator.set_fault("not-allowed")
        peer = await stand.connect()
        assert await closing(peer) == (1008, "You are not allowed to access this resource")


async def test_times_travel_as_dates_in_milliseconds() -> None:
    async with standing() as stand:
        peer = await stand.login()
        moment = (await peer.call("system.info"))["datetime"]
        assert abs(moment["$date"] / 1000 - stand.clock.now()) < 5
        expiry = {"$date": 1_900_000_000_000}
        key = await peer.call("api_key.create", {"name": "k", "username": "mcp", "expires_at": expiry})
        assert key["expires_at"] == expiry


@REAL_TIME
async def test_the_proxy_cuts_a_silent_socket_but_a_ping_keeps_it() -> None:
    async with standing("25.10") as stand:
        silent, pinging = await stand.login(), await stand.login()
        stand.clock.advance(40)
        await pinging.socket.ping()
        await asyncio.sleep(0.05)
        stand.clock.advance(30)
        assert (await closing(silent))[0] == 1006
        assert await pinging.call("core.ping") == "pong"


async def test_26_waits_an_hour_before_it_cuts_a_silent_socket() -> None:
    async with standing("26") as stand:
        peer = await stand.login()
        stand.clock.advance(3500)
        assert await peer.call("core.ping") == "pong"
        stand.clock.advance(3601)
        assert (await closing(peer))[0] == 1006


async def test_every_arrival_is_recorded_with_its_method() -> None:
    async with standing() as stand:
        peer = await stand.connect()
        await peer.call("core.ping")
        await peer.refused("system.info")
        last, refused = stand.simulator.state.arrivals[-2:]
        assert (last.method, last.path, last.authorised, last.executed) == ("core.ping", "/api/current", False, True)
        assert (refused.method, refused.executed) == ("system.info", False)
        assert b'"core.ping"' in last.body
        assert stand.simulator.state.in_flight == 0
        assert stand.simulator.state.max_in_flight == 1

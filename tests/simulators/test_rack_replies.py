"""Faults of an answer's bytes: reset, truncate, drip, malformed-json."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from tests.simulators.rackclient import BRIEFLY_S, connected, settled
from tests.support import running
from tests.support.echo import EchoSimulator
from tests.support.realtime import PATIENT_S, REAL_TIME


@pytest.mark.parametrize(("fault", "how"), [("reset", "reset"), ("truncate", "closed")])
@pytest.mark.parametrize("path", ["/size/1000", "/stream/1000"])
async def test_the_connection_ends_after_so_many_bytes_of_the_body(fault: str, how: str, path: str) -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault(fault, after_bytes=300)
        connection.send("GET", path)
        ending = await connection.until_the_end()
        assert ending.how == how
        assert ending.head.startswith(b"HTTP/1.1 200 ")
        assert len(ending.body) == 300


@REAL_TIME
async def test_a_reset_after_a_large_part_still_delivers_that_part() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("reset", after_bytes=4_000_000)
        connection.send("GET", "/size/5000000")
        await asyncio.sleep(BRIEFLY_S)
        ending = await connection.until_the_end()
        assert (ending.how, len(ending.body)) == ("reset", 4_000_000)


@pytest.mark.parametrize("fault", ["reset", "truncate"])
async def test_the_whole_body_never_arrives_however_short_it_is(fault: str) -> None:
    async with running(EchoSimulator()) as sim:
        sim.fault(fault, after_bytes=10_000)
        async with connected(sim) as connection:
            connection.send("GET", "/size/5")
            ending = await connection.until_the_end()
            assert ending.body == b"x" * 4
        async with connected(sim) as connection:
            connection.send("DELETE", "/echo/1")
            assert (await connection.until_the_end()).data == b""


async def test_reset_executes_the_request() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, connected(sim) as connection:
        sim.fault("reset", after_bytes=0, times=1)
        connection.send("POST", "/echo", b"x")
        ending = await connection.until_the_end()
        assert (ending.how, ending.body) == ("reset", b"")
        assert ending.head
        assert echo.writes == 1
        async with connected(sim) as again:
            assert b'"writes": 2' in (await again.ask("POST", "/echo", b"x")).body


async def test_an_error_answer_is_reset_in_its_middle_too() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("reset", after_bytes=3)
        connection.send("GET", "/nowhere")
        ending = await connection.until_the_end()
        assert ending.head.startswith(b"HTTP/1.1 404 ")
        assert (ending.how, ending.body) == ("reset", b"404")


@REAL_TIME
async def test_a_dripping_body_comes_at_the_given_rate_and_the_head_at_once() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("drip", bytes_per_s=100)
        connection.send("GET", "/size/30")
        began = time.monotonic()
        head = await connection.reader.readuntil(b"\r\n\r\n")
        # At the body's rate the head alone would take longer than this.
        assert time.monotonic() - began < len(head) / 100
        began = time.monotonic()
        assert await connection.reader.readexactly(30) == b"x" * 30
        assert 0.2 <= time.monotonic() - began < 3


async def test_a_dripping_answer_is_in_flight_until_its_last_byte_and_healing_lets_the_rest_go() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("drip", bytes_per_s=1)
        connection.send("GET", "/size/500")
        await connection.reader.readuntil(b"\r\n\r\n")
        assert (await connection.until_the_end(BRIEFLY_S)).how == "silent"
        assert sim.state.in_flight == 1
        sim.heal("drip")
        await asyncio.wait_for(connection.reader.readexactly(500), PATIENT_S)
        await settled(lambda: sim.state.in_flight == 0, "the answer is complete")
        assert (await connection.ask("GET", "/size/3")).body == b"xxx"


async def test_a_connection_to_be_closed_is_closed_after_its_last_drop() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("drip", bytes_per_s=500)
        connection.send("GET", "/size/50", b"", "Connection: close")
        ending = await connection.until_the_end()
        assert (ending.how, ending.body) == ("closed", b"x" * 50)


async def test_a_client_that_leaves_a_dripping_answer_ends_it() -> None:
    async with running(EchoSimulator()) as sim:
        sim.fault("drip", bytes_per_s=1)
        async with connected(sim) as connection:
            connection.send("GET", "/size/500")
            await connection.reader.readuntil(b"\r\n\r\n")
        await settled(lambda: sim.state.connections_open == 0, "the connection is gone")
        await settled(lambda: sim.state.in_flight == 0, "the answer is given up")


async def test_malformed_json_has_agreeing_headers_and_half_a_body() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, connected(sim) as connection:
        sim.fault("malformed-json", times=1)
        answer = await connection.ask("POST", "/echo", b"x")
        assert b"Content-Type: application/json" in answer.head
        with pytest.raises(json.JSONDecodeError):
            json.loads(answer.body)
        assert echo.writes == 1
        json.loads((await connection.ask("POST", "/echo", b"x")).body)

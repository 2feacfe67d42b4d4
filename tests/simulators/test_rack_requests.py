"""Faults of a request: latency, stall, drop-before, lost-reply, http-503, login-page, redirect, garbage, oversize."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from email.utils import parsedate_to_datetime

import pytest

from tests.simulators.rackclient import BRIEFLY_S, connected, settled
from tests.support import running
from tests.support.echo import EchoSimulator
from tests.support.realtime import PATIENT_S, REAL_TIME


@REAL_TIME
async def test_latency_delays_the_request_before_it_is_executed() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, connected(sim) as connection:
        sim.fault("latency", seconds=0.1)
        began = time.monotonic()
        connection.send("POST", "/echo", b"x")
        await settled(lambda: sim.state.in_flight == 1, "the request arrives")
        assert echo.writes == 0
        await connection.answer()
        assert time.monotonic() - began >= 0.1
        assert echo.writes == 1


async def test_healing_ends_a_latency_at_once() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("latency", seconds=3600)
        connection.send("GET", "/echo")
        await settled(lambda: sim.state.in_flight == 1, "the request arrives")
        sim.heal("latency")
        assert (await connection.answer()).head.startswith(b"HTTP/1.1 200 ")


async def test_requests_in_flight_together_are_counted() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as one, connected(sim) as two, connected(sim) as three:
        sim.fault("stall")
        for connection in (one, two, three):
            connection.send("GET", "/echo")
        await settled(lambda: sim.state.in_flight == 3, "all three arrive")
        sim.heal()
        for connection in (one, two, three):
            await connection.answer()
        await settled(lambda: sim.state.in_flight == 0, "all three are answered")
        assert (sim.state.max_in_flight, sim.state.max_writes_in_flight) == (3, 0)


@REAL_TIME
async def test_writes_in_flight_together_are_counted_apart_also_when_nobody_waits_for_them_any_more() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as one, connected(sim) as two, connected(sim) as three:
        sim.fault("latency", seconds=0.2)
        one.send("POST", "/echo", b"x")
        await settled(lambda: sim.state.writes_in_flight == 1, "the first write arrives")
        one.writer.transport.abort()
        two.send("DELETE", "/echo")
        three.send("GET", "/echo")
        await settled(lambda: sim.state.in_flight == 3, "all three arrive")
        await two.answer()
        await three.answer()
        await settled(lambda: sim.state.in_flight == sim.state.writes_in_flight == 0, "all three are answered")
        assert (sim.state.max_in_flight, sim.state.max_writes_in_flight) == (3, 2)


async def test_stall_keeps_a_request_unexecuted_until_healed() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, connected(sim) as connection:
        sim.fault("stall")
        connection.send("POST", "/echo", b"x")
        assert (await connection.until_the_end(BRIEFLY_S)).how == "silent"
        assert echo.writes == 0
        assert sim.state.arrivals[0].executed is False
        sim.heal()
        await connection.answer()
        assert echo.writes == 1


async def test_stall_after_execution_withholds_only_the_answer() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, connected(sim) as connection:
        sim.fault("stall", execute=True, times=1)
        connection.send("POST", "/echo", b"x")
        assert (await connection.until_the_end(BRIEFLY_S)).how == "silent"
        assert echo.writes == 1
        async with connected(sim) as other:
            await other.ask("GET", "/echo")
        sim.heal("stall")
        assert b'"writes": 1' in (await connection.answer()).body


async def test_drop_before_resets_without_executing() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, connected(sim) as connection:
        sim.fault("drop-before")
        connection.send("POST", "/echo", b"x")
        ending = await connection.until_the_end()
        assert (ending.how, ending.data) == ("reset", b"")
        assert echo.writes == 0
        [arrival] = sim.state.arrivals
        assert (arrival.body, arrival.executed, arrival.status) == (b"x", False, None)


async def test_lost_reply_executes_writes_and_dies_before_the_answer() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim:
        sim.fault("lost-reply", times=2)
        for number in (1, 2):
            async with connected(sim) as connection:
                connection.send("POST", "/echo", b"x")
                ending = await connection.until_the_end()
                assert (ending.how, ending.data) == ("reset", b"")
                assert echo.writes == number
        async with connected(sim) as connection:
            assert b'"writes": 3' in (await connection.ask("POST", "/echo", b"x")).body
        assert [(a.executed, a.status) for a in sim.state.arrivals] == [(True, 200)] * 3


async def test_lost_reply_leaves_reads_alone_unless_asked() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("lost-reply")
        assert (await connection.ask("GET", "/echo")).head.startswith(b"HTTP/1.1 200 ")
        sim.fault("lost-reply", method="get", path="/echo")
        connection.send("GET", "/echo")
        assert (await connection.until_the_end()).how == "reset"


async def test_lost_reply_also_loses_answers_without_body_errors_and_answers_that_a_handler_sends_itself() -> None:
    async with running(EchoSimulator()) as sim:
        sim.fault("lost-reply", method="any")
        for method, path in (("DELETE", "/echo/1"), ("GET", "/nowhere"), ("GET", "/stream/1000")):
            async with connected(sim) as connection:
                connection.send(method, path)
                ending = await connection.until_the_end()
                assert (ending.how, ending.data) == ("reset", b""), path
        assert [a.status for a in sim.state.arrivals] == [204, 404, None]


async def test_faults_match_by_method_and_path() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("http-503", method="DELETE", path="/echo")
        assert (await connection.ask("DELETE", "/size/1")).head.startswith(b"HTTP/1.1 405 ")
        assert (await connection.ask("GET", "/echo")).head.startswith(b"HTTP/1.1 200 ")
        assert (await connection.ask("DELETE", "/echo")).head.startswith(b"HTTP/1.1 503 ")
        [fault] = sim.active_faults()
        assert fault.hits == 1


async def test_http_503_names_seconds_or_a_date_or_nothing() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, connected(sim) as connection:
        sim.fault("http-503", retry_after_s=7)
        assert b"\r\nRetry-After: 7\r\n" in (await connection.ask("POST", "/echo", b"x")).head + b"\r\n"
        sim.fault("http-503", retry_after_s=90, retry_after_form="date")
        head = (await connection.ask("POST", "/echo", b"x")).head.decode()
        date = next(line.split(": ", 1)[1] for line in head.split("\r\n") if line.startswith("Retry-After"))
        assert parsedate_to_datetime(date).timestamp() == echo.clock.now() + 90
        sim.fault("http-503", retry_after_s=0, status=502)
        head = (await connection.ask("POST", "/echo", b"x")).head.decode()
        assert head.startswith("HTTP/1.1 502 ")
        assert "Retry-After" not in head
        assert echo.writes == 0


async def test_a_bounded_fault_ends_after_its_times() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("http-503", times=2)
        statuses = [(await connection.ask("GET", "/echo")).head[9:12] for _ in range(3)]
        assert statuses == [b"503", b"503", b"200"]
        assert sim.active_faults() == ()


async def test_the_login_page_is_html_with_status_200() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, connected(sim) as connection:
        sim.fault("login-page")
        answer = await connection.ask("POST", "/echo", b"x")
        assert answer.head.startswith(b"HTTP/1.1 200 ")
        assert b"Content-Type: text/html" in answer.head
        assert b"<form" in answer.body
        assert echo.writes == 0


async def test_a_redirect_points_elsewhere() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("redirect", location="https://192.0.2.1/x")
        answer = await connection.ask("GET", "/echo")
        assert answer.head.startswith(b"HTTP/1.1 302 ")
        assert b"\r\nLocation: https://192.0.2.1/x" in answer.head


async def test_garbage_is_not_http_and_ends_the_connection() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, connected(sim) as connection:
        sim.fault("garbage")
        connection.send("POST", "/echo", b"x")
        ending = await connection.until_the_end()
        assert ending.how == "closed"
        assert ending.data
        assert b"HTTP/1" not in ending.data
        assert echo.writes == 0


@pytest.mark.parametrize("compressed", [False, True])
async def test_oversize_sends_a_valid_document_of_the_wanted_size(compressed: bool) -> None:
    size = 3_000_000
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("oversize", size_bytes=size, compressed=compressed)
        connection.send("GET", "/echo", b"", "Connection: close")
        ending = await connection.until_the_end()
        if compressed:
            assert b"Content-Encoding: gzip" in ending.head
            assert len(ending.data) < size / 50
            body = gzip.decompress(_dechunked(ending.body))
        else:
            body = ending.body
        assert len(body) == size
        assert set(json.loads(body)) == {"data"}


def _dechunked(data: bytes) -> bytes:
    body = b""
    while data:
        length, _, data = data.partition(b"\r\n")
        body += data[: int(length, 16)]
        data = data[int(length, 16) + 2 :]
    return body


async def test_healing_stops_an_oversized_answer() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("oversize", size_bytes=10**12)
        connection.send("GET", "/echo")
        await connection.reader.readexactly(1_000_000)
        sim.heal()
        assert (await connection.until_the_end()).how in ("closed", "reset")


async def test_the_simulators_own_faults_pass_through_and_end_with_the_others() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("sulk")
        assert (await connection.ask("GET", "/echo")).head.startswith(b"HTTP/1.1 418 ")
        sim.heal()
        assert (await connection.ask("GET", "/echo")).head.startswith(b"HTTP/1.1 200 ")


async def test_a_client_that_leaves_while_sending_its_body_does_no_harm() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim:
        async with connected(sim) as connection:
            connection.writer.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
            await settled(lambda: sim.state.in_flight == 1, "the head arrives")
        await settled(lambda: sim.state.in_flight == 0, "the request is given up")
        assert echo.writes == 0
        async with connected(sim) as connection:
            await connection.ask("GET", "/echo")


async def test_stopping_releases_stalled_requests() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("stall")
        connection.send("GET", "/echo")
        await settled(lambda: sim.state.in_flight == 1, "the request arrives")
        await asyncio.wait_for(sim.stop(), PATIENT_S)
    await asyncio.sleep(0)
    assert sim.state.in_flight == 0

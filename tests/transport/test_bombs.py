"""Answers made to exhaust us: each is refused in time, and memory hardly grows."""

from __future__ import annotations

import asyncio
import gc
import gzip
import resource
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path

import pytest

from holdfast.errors import AttemptTimeoutError, DeadlineError, LimitError, ProtocolError
from holdfast.resilience import deadline_scope
from holdfast.transport import Limits, Request
from tests.support.realtime import REAL_TIME
from tests.transport.peers import Exchange, listening, peer, transport_to
from tests.transport.proofs import PROMISED, Recorder, Stopwatch, record

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_MIB = 1024 * 1024


@lru_cache(maxsize=1)
def _gzip_bomb() -> bytes:
    """About 204 kB that become 210 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * _MIB
    return b"".join([packer.compress(block) for _ in range(200)] + [packer.flush()])


def _whole(body: bytes, *fields: bytes) -> Callable[[Exchange], Awaitable[None]]:
    async def answer(exchange: Exchange) -> None:
        lines = b"".join(field + b"\r\n" for field in fields)
        await exchange.write(_HEAD + lines + b"Content-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 65536):
            await exchange.write(body[start : start + 65536])

    return answer


async def _announced_100_mb(exchange: Exchange) -> None:
    await exchange.write(_HEAD + b"Content-Length: 104857600\r\n\r\n")
    await _pour(exchange, b"[" + b"1," * 32767 + b"1", 1600)


async def _chunked_100_mb(exchange: Exchange) -> None:
    await exchange.write(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    await _pour(exchange, b"10000\r\n" + b"1" * 65536 + b"\r\n", 1600)


async def _pour(exchange: Exchange, block: bytes, times: int) -> None:
    for _ in range(times):
        await exchange.write(block)


_DEPTH = 100_000
BOMBS = {
    "gzip bomb": (_whole(_gzip_bomb(), b"Content-Encoding: gzip"), "ratio"),
    "gzip bomb in many members": (_whole(gzip.compress(b" " * _MIB) * 100, b"Content-Encoding: gzip"), "ratio"),
    "deflate bomb": (_whole(zlib.compress(b" " * (64 * _MIB), 9), b"Content-Encoding: deflate"), "ratio"),
    "100 MB, announced": (_announced_100_mb, "wire_bytes"),
    "100 MB in chunks": (_chunked_100_mb, "wire_bytes"),
    "depth bomb": (_whole(b"[" * _DEPTH + b"]" * _DEPTH), "json_depth"),
    "million-digit number": (_whole(b'{"a": ' + b"9" * 1_000_000 + b"}"), "number_chars"),
    "four million values": (_whole(b"[" + b"0," * 3_900_000 + b"0]"), "json_nodes"),
}


def _peak_rss() -> int:
    """Highest resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@REAL_TIME
@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused_with_a_typed_error_and_little_memory(name: str, record_property: Recorder) -> None:
    assert len(BOMBS) == PROMISED["bombs"]
    deadline_s = 5.0
    bomb, limit = BOMBS[name]
    async with peer(bomb) as server, transport_to(server.url) as http:
        await _warm_up()
        gc.collect()
        tracemalloc.start()
        before, before_rss = tracemalloc.get_traced_memory()[0], _peak_rss()
        watch = Stopwatch()
        try:
            with pytest.raises(LimitError) as caught:
                (await http.send(Request("GET", "/", attempt_timeout_s=deadline_s))).json()
            elapsed = watch.elapsed_s()
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
    growth = max(peak, _peak_rss() - before_rss) / _MIB
    record(record_property, "bomb_memory_growth_mib", growth)
    assert elapsed < deadline_s + PROMISED["drip_overrun_s_max"]
    assert growth < PROMISED["bomb_memory_growth_mib_max"]
    assert caught.value.details["limit"] == limit


async def _warm_up() -> None:
    """Have everything imported and cached before memory is measured."""
    async with peer(_whole(b"{}")) as small, transport_to(small.url) as http:
        await http.send(Request("GET", "/"))


async def test_an_announced_size_over_the_limit_is_refused_before_the_body_is_read() -> None:
    async def announce_only(exchange: Exchange) -> None:
        await exchange.write(_HEAD + b"Content-Length: 104857600\r\n\r\n")
        await exchange.reader.read()

    async with peer(announce_only) as server, transport_to(server.url) as http:
        with pytest.raises(LimitError):
            await http.send(Request("GET", "/", attempt_timeout_s=30))


async def test_what_unpacks_to_more_than_the_limit_is_refused_however_it_was_packed() -> None:
    limits = Limits(decoded_bytes=100_000)
    for packed, fields in ((gzip.compress(b"x" * 100_001), [b"Content-Encoding: gzip"]), (b"x" * 100_001, [])):
        async with peer(_whole(packed, *fields)) as server, transport_to(server.url, limits=limits) as http:
            with pytest.raises(LimitError) as caught:
                await http.send(Request("GET", "/"))
        assert caught.value.details["limit"] == "decoded_bytes"


async def test_after_a_bomb_the_connection_is_not_used_again() -> None:
    async with peer(BOMBS["gzip bomb"][0]) as server, transport_to(server.url) as http:
        for _ in range(2):
            with pytest.raises(LimitError):
                await http.send(Request("GET", "/"))
        assert server.connections == 2


async def test_what_compresses_well_but_stays_small_is_accepted() -> None:
    body = gzip.compress(b"[" + b'"",' * 200_000 + b'""]')
    async with peer(_whole(body, b"Content-Encoding: gzip")) as server, transport_to(server.url) as http:
        value = (await http.send(Request("GET", "/"))).json()
    assert isinstance(value, list)
    assert len(value) == 200_001


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "deflate", "raw deflate", "identity", ""])
async def test_the_compressions_that_were_offered_are_understood(coding: str) -> None:
    plain = b'{"data": "' + b"abc " * 50_000 + b'"}'
    packed = plain
    if "gzip" in coding.lower():
        packed = gzip.compress(plain[:1000]) + gzip.compress(plain[1000:])  # two members, which gzip allows
    elif coding == "deflate":
        packed = zlib.compress(plain)
    elif coding == "raw deflate":
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(plain) + packer.flush()
    field = [b"Content-Encoding: " + coding.removeprefix("raw ").encode()] if coding else []
    async with peer(_whole(packed, *field)) as server, transport_to(server.url) as http:
        assert (await http.send(Request("GET", "/"))).body == plain
        assert server.arrivals[0].headers["accept-encoding"] == "gzip, deflate"


# -- drips -------------------------------------------------------------------------------------------------------------

_DEADLINE_S = 0.2


def _drip(first: bytes, drop: bytes, every_s: float) -> Callable[[Exchange], Awaitable[None]]:
    async def answer(exchange: Exchange) -> None:
        await exchange.write(first)
        for _ in range(int(3 / every_s)):
            await exchange.write(drop)
            await asyncio.sleep(every_s)

    return answer


_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_LONG = _HEAD + b"Content-Length: 1000000\r\n\r\n"
_PACKED = _HEAD + b"Content-Encoding: gzip\r\n"
_STARTS = {
    "before the status": (b"", b"H"),
    "in the status line": (b"HTTP/1.1 200 ", b"O"),
    "header by header": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "in one header": (b"HTTP/1.1 200 OK\r\nX-A: ", b"b"),
    "early hints": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "byte by byte": (_LONG, b"1"),
    "blanks": (_LONG, b" "),
    "chunk by chunk": (_CHUNKED, b"1\r\n1\r\n"),
    "in a chunk size": (_CHUNKED, b"0"),
    "until the end of the connection": (_HEAD + b"\r\n", b"1"),
}
DRIPS = {
    f"{name}, every {pause * 1000:g} ms": (*start, pause) for name, start in _STARTS.items() for pause in (0.001, 0.05)
}


@REAL_TIME
@pytest.mark.parametrize("name", DRIPS)
async def test_a_dripping_answer_ends_at_the_deadline(name: str, record_property: Recorder) -> None:
    assert len(DRIPS) == PROMISED["drip_patterns"]
    async with peer(_drip(*DRIPS[name])) as server, transport_to(server.url) as http:
        await _warm_up()
        watch = Stopwatch()
        # A size that never ends may be refused as malformed before the time is up.
        with pytest.raises((AttemptTimeoutError, ProtocolError)):
            await http.send(Request("GET", "/", attempt_timeout_s=_DEADLINE_S))
        overrun = watch.elapsed_s() - _DEADLINE_S
    record(record_property, "drip_overrun_s", overrun)
    assert overrun < PROMISED["drip_overrun_s_max"]


async def test_a_dripping_download_ends_at_the_deadline_and_leaves_no_file(tmp_path: Path) -> None:
    listing = tmp_path.iterdir
    async with peer(_drip(_LONG, b"1", 0.01)) as server, transport_to(server.url) as http:
        with pytest.raises(AttemptTimeoutError):
            await http.download(Request("GET", "/", attempt_timeout_s=_DEADLINE_S), tmp_path / "file")
    assert list(listing()) == []


@REAL_TIME
async def test_an_upload_that_nobody_reads_ends_at_the_deadline() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # a peer that reads nothing has no public switch
        await asyncio.sleep(3)

    async with listening(deaf) as server, transport_to(server.url) as http:
        watch = Stopwatch()
        with pytest.raises(AttemptTimeoutError):
            await http.send(Request("PUT", "/", content=b"x" * (32 * _MIB), attempt_timeout_s=_DEADLINE_S))
        assert watch.elapsed_s() < _DEADLINE_S + PROMISED["drip_overrun_s_max"]


@REAL_TIME
async def test_the_enclosing_deadline_shortens_an_attempt() -> None:
    async with peer(_drip(_LONG, b"1", 0.01)) as server, transport_to(server.url) as http:
        watch = Stopwatch()
        with deadline_scope(_DEADLINE_S), pytest.raises(AttemptTimeoutError):
            await http.send(Request("GET", "/", attempt_timeout_s=30))
        assert watch.elapsed_s() < _DEADLINE_S + PROMISED["drip_overrun_s_max"]
        arrived = len(server.arrivals)
        with deadline_scope(0), pytest.raises(DeadlineError) as caught:
            await http.send(Request("POST", "/"))
        assert len(server.arrivals) == arrived
    assert caught.value.executed.value == "no"


async def test_cancelling_a_call_passes_through_and_frees_its_slot() -> None:
    sent = asyncio.Event()
    async with (
        peer(_drip(_LONG, b"1", 0.01)) as server,
        transport_to(server.url, on_send=lambda _event: sent.set()) as http,
    ):
        task = asyncio.create_task(http.send(Request("GET", "/")))
        await asyncio.wait_for(sent.wait(), 5)
        assert http.pool.in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert http.pool.in_flight == 0

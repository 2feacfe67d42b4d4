"""Slow clients, slow handlers, too few file descriptors: the rack waits instead of losing anything."""

from __future__ import annotations

import asyncio
import io
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from tests.simulators.rackclient import BRIEFLY_S, Connection, connected, settled
from tests.support import running
from tests.support.echo import EchoSimulator
from tests.support.realtime import REAL_TIME

LARGE = 8_000_000


@REAL_TIME
async def test_a_client_that_reads_slowly_holds_the_handler_back_and_gets_everything() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        connection.send("GET", f"/stream/{LARGE}", b"", "Connection: close")
        await asyncio.sleep(BRIEFLY_S)
        assert sim.state.in_flight == 1
        ending = await connection.until_the_end()
        assert ending.how == "closed"
        assert ending.body.count(b"y") == LARGE


@REAL_TIME
async def test_healing_ends_an_answer_that_a_client_does_not_read() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("reset", after_bytes=LARGE - 1)
        connection.send("GET", f"/size/{LARGE}")
        await settled(lambda: sim.state.in_flight == 1, "the request arrives")
        await asyncio.sleep(BRIEFLY_S)
        assert sim.state.in_flight == 1
        sim.heal("reset")
        await settled(lambda: sim.state.in_flight == 0, "it ends")
        assert (await connection.until_the_end()).how == "reset"


@REAL_TIME
async def test_an_upload_waits_while_the_handler_does_and_through_a_black_hole() -> None:
    async with running(EchoSimulator()) as sim, aiohttp.ClientSession() as session:
        sim.fault("stall", times=1)
        form = aiohttp.FormData()
        form.add_field("image", io.BytesIO(b"z" * LARGE), filename="image.bin")

        async def upload() -> int:
            trust = sim.authority.client_context()
            async with session.post(f"{sim.url}/upload", data=form, ssl=trust) as answer:
                return int((await answer.json())["bytes"])

        uploading = asyncio.create_task(upload())
        await settled(lambda: sim.state.in_flight == 1, "the upload begins")
        sim.fault("black-hole", late_delivery=True)
        sim.heal("stall")
        await asyncio.sleep(BRIEFLY_S)
        assert not uploading.done()
        sim.heal("black-hole")
        assert await asyncio.wait_for(uploading, 10) == LARGE


async def test_a_black_hole_stops_a_dripping_answer_and_a_cut_one() -> None:
    async with running(EchoSimulator()) as sim:
        sim.fault("drip", bytes_per_s=200, times=1)
        sim.fault("reset", after_bytes=LARGE // 2, path="/size")
        async with connected(sim) as dripping, connected(sim) as cut:
            dripping.send("GET", "/stream/100", b"", "Connection: close")
            cut.send("GET", f"/size/{LARGE}")
            await dripping.reader.readuntil(b"\r\n\r\n")
            await cut.reader.readuntil(b"\r\n\r\n")
            sim.fault("black-hole", late_delivery=True)
            before = await dripping.until_the_end(BRIEFLY_S)
            assert before.how == "silent"
            assert (await cut.until_the_end(BRIEFLY_S)).how == "silent"
            sim.heal("black-hole")
            after = await dripping.until_the_end()
            assert after.how == "closed"
            assert (before.data + after.data).count(b"y") == 100
            assert (await cut.until_the_end()).how == "reset"


@contextmanager
def no_more_files() -> Iterator[None]:
    """Let this process open no further file for a moment."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@REAL_TIME
async def test_a_connection_that_found_no_file_descriptor_is_accepted_a_little_later() -> None:
    async with running(EchoSimulator()) as sim:
        client = socket.socket()
        client.setblocking(False)
        with no_more_files():
            await asyncio.get_running_loop().sock_connect(client, (sim.host, sim.port))
            await asyncio.sleep(0.05)
            assert sim.state.connections_total == 0
        await settled(lambda: sim.state.connections_total == 1, "the connection is accepted")
        reader, writer = await asyncio.open_connection(
            sock=client, ssl=sim.authority.client_context(), server_hostname="localhost"
        )
        assert (await Connection(reader, writer).ask("GET", "/size/2")).body == b"xx"
        writer.transport.abort()

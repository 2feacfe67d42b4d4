"""The helpers that all rooms' tests lean on."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest

from tests.simulators.rackclient import Connection
from tests.support import free_port, raw_server, running_in_thread, schema_lines, schemas_dir
from tests.support.echo import EchoSimulator
from tests.support.racks import shared_authority


def test_the_schemas_are_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOLDFAST_SCHEMAS", str(tmp_path))
    assert schemas_dir() == tmp_path
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n', encoding="utf-8")
    assert schema_lines("x.jsonl") == ({"a": 1}, {"a": 2})


def test_without_schemas_a_test_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOLDFAST_SCHEMAS", str(tmp_path / "nowhere"))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"schemas are not at .*nowhere"):
        schemas_dir()


def test_in_ci_missing_schemas_fail_the_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOLDFAST_SCHEMAS", str(tmp_path / "nowhere"))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="HOLDFAST_SCHEMAS"):
        schemas_dir()


def test_the_vendors_schemas_read_as_objects() -> None:
    for name in ("proxmox-9.1.jsonl", "truenas-25.10.jsonl", "pfsense-2.10-endpoints.jsonl"):
        assert all(isinstance(line, dict) for line in schema_lines(name))


async def test_a_raw_server_answers_bytes_after_the_head_of_a_request() -> None:
    async with raw_server(b"HTTP/1.1 204 No Content\r\n\r\n") as server:
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await reader.read() == b"HTTP/1.1 204 No Content\r\n\r\n"
            writer.close()
        assert server.connections == 2
        assert bytes(server.received[0]) == b"GET / HTTP/1.1\r\n\r\n"


async def test_a_raw_server_can_speak_tls_and_be_programmed() -> None:
    async def say_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello " + await reader.readexactly(2))
        await writer.drain()

    authority = shared_authority()
    async with raw_server(say_hello, ssl_context=authority.server_context()) as server:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=authority.client_context(), server_hostname="localhost"
        )
        writer.write(b"me")
        assert await reader.read() == b"hello me"
        writer.close()


async def test_a_raw_server_ends_clients_that_hang_on() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await asyncio.Event().wait()

    async with raw_server(never) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"x")
    assert (await Connection(reader, writer).until_the_end()).how in ("closed", "reset")
    writer.close()


async def test_what_fails_in_a_raw_servers_handler_fails_the_test() -> None:
    async def wrong(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read(2) == b"no"

    async def visit() -> None:
        async with raw_server(wrong) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"me")
            assert await reader.read() == b""
            writer.close()

    with pytest.raises(AssertionError):
        await visit()


async def test_free_ports_can_be_listened_on_and_none_is_one_that_the_system_hands_out() -> None:
    first = free_port(following=2)
    for port in (first, first + 1, first + 2):
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", port)
        assert server.sockets[0].getsockname()[1] == port < 32_768
        server.close()
        await server.wait_closed()


def test_ports_in_use_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port(following=2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first + 1))
        choices = iter([first, first + 2])
        monkeypatch.setattr("tests.support.sockets.secrets.choice", lambda _ports: next(choices))
        assert free_port(following=1) == first + 2


def test_a_fault_can_be_switched_from_the_tests_thread() -> None:
    with running_in_thread(EchoSimulator()) as sim:
        sim.do(lambda simulator: simulator.fault("drip", bytes_per_s=5))
        assert json.loads(json.dumps([f.as_json()["fault"] for f in sim.running.active_faults()])) == ["drip"]
        sim.do(lambda simulator: simulator.heal())
        assert sim.running.active_faults() == ()
        with pytest.raises(LookupError):
            sim.do(lambda simulator: simulator.fault("explode"))

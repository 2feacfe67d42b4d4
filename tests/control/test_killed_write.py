"""A server that is killed in the middle of a write leaves an open intent, and the next start settles it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from holdfast.control.ledger import LedgerReader
from holdfast.control.statefiles import load_or_create_key
from holdfast.simulators.rack import Rack, RunningSimulator
from tests.support.racks import shared_authority

# Where in a write the process dies: the fault holds the write at that point until it is killed.
POINTS = [
    ("before the appliance has executed it", "latency", {"method": "POST", "seconds": 60}, "not_applied"),
    ("after the appliance has executed it", "lost-reply", {"method": "POST", "times": 1}, "applied"),
]


def configuration(tmp_path: Path, running: RunningSimulator, ca_pem: str) -> Path:
    (tmp_path / "ca.pem").write_text(ca_pem)
    credentials = "\n".join(f'{key} = "{value}"' for key, value in running.credentials.items())
    config = tmp_path / "holdfast.toml"
    config.write_text(
        f'[targets.proxmox.lab]\nhost = "127.0.0.1"\nport = {running.port}\nca_file = "ca.pem"\nmode = "operate"\n'
        f'{credentials}\n[control]\nstate_dir = "state"\n'
    )
    return config


async def serve(config: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "holdfast", "serve", "--config", str(config), "--log-format", "json"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def send(process: asyncio.subprocess.Process, message: dict[str, object]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    await process.stdin.drain()


async def initialize(process: asyncio.subprocess.Process) -> None:
    hello: dict[str, object] = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    await send(process, {"id": 1, "method": "initialize", "params": hello})
    assert process.stdout is not None
    async with asyncio.timeout(30):
        await process.stdout.readline()
    await send(process, {"method": "notifications/initialized"})


def reader(tmp_path: Path) -> LedgerReader:
    state = tmp_path / "state"
    return LedgerReader(state / "ledger", key=load_or_create_key(state / "key"))


async def until(condition: object, limit_s: float = 20.0) -> None:
    assert callable(condition)
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("where", "fault", "options", "truth"), POINTS, ids=[point[0] for point in POINTS])
async def test_a_write_whose_server_was_killed_is_never_doubled_and_is_settled_by_the_next(
    tmp_path: Path, where: str, fault: str, options: dict[str, str | int], truth: str
) -> None:
    async with Rack("proxmox", authority=shared_authority()) as rack:
        running = rack["proxmox"]
        config = configuration(tmp_path, running, rack.authority.ca_pem)
        running.fault(fault, **options)
        first = await serve(config)
        await initialize(first)
        call = {"name": "proxmox_start_guest", "arguments": {"guest": "build"}}
        await send(first, {"id": 2, "method": "tools/call", "params": call})

        def sent() -> bool:
            return any(arrival.method == "POST" for arrival in running.state.arrivals)

        await until(sent)
        first.send_signal(signal.SIGKILL)
        await first.wait()
        running.heal()
        left = reader(tmp_path).unsettled()
        assert len(left) == 1, f"killed {where}: the ledger must show one open write"

        second = await serve(config)
        await initialize(second)
        await until(lambda: not reader(tmp_path).unsettled())
        outcome = reader(tmp_path).show().records[0]
        assert outcome.kind == "outcome"
        assert outcome.body["result"] == truth
        assert second.stdin is not None
        second.stdin.close()
        await second.wait()
        posts = [arrival for arrival in running.state.arrivals if arrival.method == "POST"]
        assert len(posts) == 1
        assert reader(tmp_path).verify().ok

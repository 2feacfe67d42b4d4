"""A server that is killed in the middle of a write leaves an open intent, and the next start settles it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.control.ledger import LedgerReader
from holdfast.control.statefiles import load_or_create_key
from holdfast.simulators.rack import Rack, RunningSimulator
from tests.support.racks import shared_authority


@dataclass(frozen=True)
class Point:
    """Where in a write the process dies: the appliance holds this request until then.

    `posts` is how often the write must have arrived in the end, `truth` what the ledger must say of it (None: it had
    not come to an intent yet).
    """

    where: str
    method: str
    path: str
    execute: bool
    posts: int
    truth: str | None


POINTS = [
    Point("while it looks for the guest", "GET", "/api2/json/cluster/resources", True, 0, None),
    Point("while it reads the state before", "GET", "/api2/json/nodes/pve2/qemu/110/status/current", True, 0, None),
    Point("while it reads the identity", "GET", "/api2/json/cluster/status", True, 0, None),
    Point(
        "sent, executed only after its death",
        "POST",
        "/api2/json/nodes/pve2/qemu/110/status/start",
        False,
        1,
        "applied",
    ),
    Point("executed, not answered", "POST", "/api2/json/nodes/pve2/qemu/110/status/start", True, 1, "applied"),
    Point("while it follows the task", "GET", "/api2/json/nodes/pve2/tasks", True, 1, "applied"),
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


async def until(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Wait for something that another process does."""
    for _ in range(round(limit_s / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in time")


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.where)
async def test_a_write_whose_server_was_killed_is_never_doubled_and_is_settled_by_the_next(
    tmp_path: Path, point: Point
) -> None:
    async with Rack("proxmox", authority=shared_authority()) as rack:
        running = rack["proxmox"]
        config = configuration(tmp_path, running, rack.authority.ca_pem)
        running.fault("stall", method=point.method, path=point.path, execute=point.execute)
        first = await serve(config)
        await initialize(first)
        call = {"name": "proxmox_start_guest", "arguments": {"guest": "build"}}
        await send(first, {"id": 2, "method": "tools/call", "params": call})
        arrivals = running.state.arrivals
        await until(lambda: any(a.method == point.method and a.path.startswith(point.path) for a in arrivals))
        first.send_signal(signal.SIGKILL)
        await first.wait()
        running.heal()
        left = reader(tmp_path).unsettled() if (tmp_path / "state" / "ledger").is_dir() else []
        assert len(left) == (0 if point.truth is None else 1), f"killed {point.where}"

        second = await serve(config)
        await initialize(second)
        if point.truth is not None:
            await until(lambda: not reader(tmp_path).unsettled())
            outcome = reader(tmp_path).show().records[0]
            assert outcome.kind == "outcome"
            assert outcome.body["result"] == point.truth
            assert reader(tmp_path).verify().ok
        assert second.stdin is not None
        second.stdin.close()
        await second.wait()
        assert sum(arrival.method == "POST" for arrival in arrivals) == point.posts

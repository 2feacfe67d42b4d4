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
from tests.control.killing import STEPS
from tests.support.racks import shared_authority
from tests.support.realtime import REAL_TIME


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


ROOT = Path(__file__).resolve().parents[2]
START_GUEST: dict[str, object] = {
    "id": 2,
    "method": "tools/call",
    "params": {"name": "proxmox_start_guest", "arguments": {"guest": "build"}},
}
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


async def serve(config: Path, dies: str | None = None) -> asyncio.subprocess.Process:
    """A server that settles soon; with `dies`, one that is killed at that step of a write.

    See `tests.control.impatient` and `tests.control.killing`.
    """
    command = ("tests.control.impatient",) if dies is None else ("tests.control.killing", dies)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *command, "serve", "--config", str(config), "--log-format", "json"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # As from a terminal, also where this runs under nohup: what is ignored here would be ignored there.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
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
    async with asyncio.timeout(90):
        await process.stdout.readline()
    await send(process, {"method": "notifications/initialized"})


def reader(tmp_path: Path) -> LedgerReader:
    state = tmp_path / "state"
    return LedgerReader(state / "ledger", key=load_or_create_key(state / "key"))


async def until(condition: Callable[[], bool], limit_s: float = 90.0) -> None:
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
        await send(first, START_GUEST)
        arrivals = running.state.arrivals
        await until(lambda: any(a.method == point.method and a.path.startswith(point.path) for a in arrivals))
        first.send_signal(signal.SIGKILL)
        await first.wait()
        running.heal()
        await settled_by_the_next(tmp_path, config, point.truth, open_writes=0 if point.truth is None else 1)
        assert sum(arrival.method == "POST" for arrival in arrivals) == point.posts


async def settled_by_the_next(tmp_path: Path, config: Path, truth: str | None, open_writes: int) -> None:
    """The killed server has left so many open writes, and another one finds out what became of them."""
    left = reader(tmp_path).unsettled() if (tmp_path / "state" / "ledger").is_dir() else []
    assert len(left) == open_writes
    second = await serve(config)
    await initialize(second)
    if truth is not None:
        await until(lambda: not reader(tmp_path).unsettled())
        outcomes = [record.body["result"] for record in reader(tmp_path).records() if record.kind == "outcome"]
        # What a dead process left open is first noted as unknown, then as what was read back.
        assert outcomes == (["unknown", truth] if open_writes else [truth])
        assert reader(tmp_path).verify().ok
    assert second.stdin is not None
    second.stdin.close()
    await second.wait()


# By step: how often the write must have arrived, and what the ledger must say (None: nothing, there was no intent).
TRUTHS: dict[str, tuple[int, str | None]] = {
    "after the plan is kept": (0, None),
    "after the plan is used up": (0, None),
    "after the intent is on the ledger": (0, "not_applied"),
    "before the request leaves": (0, "not_applied"),
    "after the answer has come": (1, "applied"),
    "before the state is read back": (1, "applied"),
    "before the outcome is on the ledger": (1, "applied"),
    "after the outcome is on the ledger": (1, "applied"),
}


@pytest.mark.parametrize("step", STEPS)
async def test_a_write_whose_server_dies_between_two_steps_is_never_doubled_and_is_settled_by_the_next(
    tmp_path: Path, step: str
) -> None:
    posts, truth = TRUTHS[step]
    async with Rack("proxmox", authority=shared_authority()) as rack:
        running = rack["proxmox"]
        config = configuration(tmp_path, running, rack.authority.ca_pem)
        first = await serve(config, dies=step)
        await initialize(first)
        await send(first, START_GUEST)
        async with asyncio.timeout(90):
            assert await first.wait() == -signal.SIGKILL
        settled = step == "after the outcome is on the ledger"
        await settled_by_the_next(tmp_path, config, truth, open_writes=0 if truth is None or settled else 1)
        assert sum(arrival.method == "POST" for arrival in running.state.arrivals) == posts


@pytest.mark.parametrize("ending", ["its client goes", "SIGTERM", "SIGINT", "SIGHUP"])
async def test_a_write_whose_server_is_ended_meanwhile_is_never_doubled_and_is_settled_by_the_next(
    tmp_path: Path, ending: str
) -> None:
    async with Rack("proxmox", authority=shared_authority()) as rack:
        running = rack["proxmox"]
        config = configuration(tmp_path, running, rack.authority.ca_pem)
        path = "/api2/json/nodes/pve2/qemu/110/status/start"
        running.fault("stall", method="POST", path=path, execute=True)
        first = await serve(config)
        await initialize(first)
        await send(first, START_GUEST)
        await until(lambda: any(arrival.path.startswith(path) for arrival in running.state.arrivals))
        assert first.stdin is not None
        if ending == "its client goes":
            first.stdin.close()
        else:
            first.send_signal(signal.Signals[ending])
        async with asyncio.timeout(90):
            await first.wait()
        running.heal()
        [left] = reader(tmp_path).unsettled()
        second = await serve(config)
        await initialize(second)
        await until(lambda: not reader(tmp_path).unsettled())
        last = [record.body for record in reader(tmp_path).records() if record.kind == "outcome"][-1]
        assert (last["id"], last["result"]) == (left.id, "applied")
        assert reader(tmp_path).verify().ok
        assert sum(arrival.method == "POST" for arrival in running.state.arrivals) == 1
        assert second.stdin is not None
        second.stdin.close()
        await second.wait()


@REAL_TIME
async def test_a_write_that_a_living_server_has_under_way_is_settled_by_no_other(tmp_path: Path) -> None:
    async with Rack("proxmox", authority=shared_authority()) as rack:
        running = rack["proxmox"]
        config = configuration(tmp_path, running, rack.authority.ca_pem)
        path = "/api2/json/nodes/pve2/qemu/110/status/start"
        running.fault("stall", method="POST", path=path, execute=False)
        first = await serve(config)
        await initialize(first)
        await send(first, START_GUEST)
        await until(lambda: any(arrival.path.startswith(path) for arrival in running.state.arrivals))
        second = await serve(config)
        await initialize(second)
        await until(lambda: sum(record.kind == "opened" for record in reader(tmp_path).records()) == 2)
        third = await serve(config)  # the second has looked, and the third finds what it has left
        await initialize(third)
        await until(lambda: sum(record.kind == "opened" for record in reader(tmp_path).records()) == 3)
        await asyncio.sleep(1)
        assert [record for record in reader(tmp_path).records() if record.kind == "outcome"] == []
        running.heal()
        assert first.stdout is not None
        async with asyncio.timeout(90):
            await first.stdout.readline()
        outcomes = [record.body["result"] for record in reader(tmp_path).records() if record.kind == "outcome"]
        assert outcomes == ["applied"]
        assert sum(arrival.method == "POST" for arrival in running.state.arrivals) == 1
        for process in (first, second, third):
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


def test_a_write_is_killed_at_no_fewer_than_ten_points() -> None:
    assert len(POINTS) + len(STEPS) >= 10

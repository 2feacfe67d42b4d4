"""Start, memory, cost of a call and size of the tool list, against a bare server of the same SDK."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.rows import Row, middle, show

STARTS = 9
CALLS_A_ROUND = 40
ROUNDS = 15
_INITIALIZE: dict[str, object] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}
# Nothing is sent to these addresses: tools/list and circuits_list ask no appliance.
_CONFIG = """
[targets.pfsense.one]
host = "127.0.0.1"
api_key = "env:BENCH_SECRET"
[targets.truenas.one]
host = "127.0.0.1"
api_key = "env:BENCH_SECRET"
username = "root"
[targets.idrac.one]
host = "127.0.0.1"
username = "root"
password = "env:BENCH_SECRET"
[targets.proxmox.one]
host = "127.0.0.1"
token_id = "ops@pve!bench"
token_secret = "env:BENCH_SECRET"
"""


@dataclass
class Server:
    """A server process driven by raw JSON-RPC lines."""

    process: subprocess.Popen[bytes]
    last_id: int = 0

    def request(self, method: str, params: dict[str, object]) -> dict[str, object]:
        """Send a request and wait for its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.last_id += 1
        self._send({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params})
        while True:
            answer: dict[str, object] = json.loads(self.process.stdout.readline())
            if answer.get("id") == self.last_id:
                return answer

    def _send(self, message: dict[str, object]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def shake_hands(self) -> None:
        """The handshake of 2025-11-25."""
        self.request("initialize", _INITIALIZE)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def memory_mib(self) -> float:
        """Resident memory."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20


@contextmanager
def running(command: list[str]) -> Iterator[Server]:
    """A server process, ended on leaving."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "BENCH_SECRET": "not-a-real-secret-of-anything"},
    )
    try:
        yield Server(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=20)


def _start(command: list[str]) -> tuple[float, float, dict[str, object]]:
    started = time.perf_counter()
    with running(command) as server:
        server.shake_hands()
        listed = server.request("tools/list", {})
        took = time.perf_counter() - started
        return took, server.memory_mib(), listed


def _per_call(bare: list[str], ours: list[str]) -> tuple[list[float], list[float]]:
    """Seconds for each call of both servers, in alternating rounds."""
    with running(bare) as yardstick, running(ours) as server:
        pairs = ((yardstick, "circuits"), (server, "circuits_list"))
        times: tuple[list[float], list[float]] = ([], [])
        for one, _ in pairs:
            one.shake_hands()
        for round_number in range(ROUNDS + 1):
            for (one, tool), taken in zip(pairs, times, strict=True):
                call: dict[str, object] = {"name": tool, "arguments": {}}
                started = time.perf_counter()
                for _ in range(CALLS_A_ROUND):
                    one.request("tools/call", call)
                if round_number:  # the first round imports what is imported late
                    taken.append((time.perf_counter() - started) / CALLS_A_ROUND)
        return times


def _size(listed: dict[str, object]) -> int:
    result = listed["result"]
    assert isinstance(result, dict)
    return len(json.dumps(result["tools"], ensure_ascii=False, separators=(",", ":")).encode())


def run() -> list[Row]:
    """Measure; rounds of both servers alternate."""
    bare = [sys.executable, "-m", "benchmarks.yardstick"]
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        config = Path(folder) / "holdfast.toml"
        config.write_text(_CONFIG)
        ours = [sys.executable, "-m", "holdfast", "serve", "--config", str(config)]
        starts: list[tuple[float, float]] = []
        memories: list[tuple[float, float]] = []
        listed: dict[str, object] = {}
        for round_number in range(STARTS + 1):
            bare_s, bare_mib, _ = _start(bare)
            our_s, our_mib, listed = _start(ours)
            if round_number:  # the first round warms the file cache
                starts.append((bare_s, our_s))
                memories.append((bare_mib, our_mib))
        bare_calls, our_calls = _per_call(bare, ours)
        rows = [
            Row.at_most(
                "start: spawn to tools/list, all four appliances, against a bare one-tool server",
                middle(our for _, our in starts) / middle(base for base, _ in starts),
                "x",
                1.2,
            ),
            Row.at_most("the same, our time", middle(our for _, our in starts) * 1000, "ms", None),
            Row.at_most(
                "resident memory after tools/list, against the bare server",
                middle(our for _, our in memories) / middle(base for base, _ in memories),
                "x",
                1.25,
            ),
            Row.at_most(
                "tool call over stdio through registry and control, against a bare function",
                middle(our_calls) / middle(bare_calls),
                "x",
                1.3,
            ),
        ]
        for kind in ("pfsense", "truenas", "idrac", "proxmox"):
            _, _, one = _start([*ours, "--only", kind])
            rows.append(Row.at_most(f"tools/list of {kind}, default", _size(one) / 4, "tokens", 5000))
        rows.append(Row.at_most("tools/list of all four, default", _size(listed) / 4, "tokens", 12_000))
        rows.append(Row.at_most("the same in bytes", _size(listed), "bytes", None))
    return rows


if __name__ == "__main__":
    show(run())

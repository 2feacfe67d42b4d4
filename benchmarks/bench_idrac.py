"""200 simulated iDRACs, one in twenty black-holed: a health sweep over TLS, then the same again.

The simulators run in a process of their own. Settings of the targets: 2 s to connect, 2 attempts, and a circuit that
opens after 1 failed call. Timed are: the first sweep, with nothing known; five more that ask every live server again
while the circuits of the dead are open; one within the age that answers may have (nothing is asked); and a last one,
with slower servers, while two things are changed and three read at every live one. Of the five the median counts; the
best and the processor time of this process are shown beside it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import IO, Final, TypeAlias

from benchmarks.rows import Row, show
from holdfast.appliances.kinds import settings_classes
from holdfast.config import parse_config
from holdfast.control.caller import Caller, Question, Reply
from holdfast.server.application import Application, Serving

Call: TypeAlias = tuple[str, dict[str, object]]
SERVERS: Final = 200
DEAD: Final = 10
FIRST_S: Final = 12.0
AGAIN_S: Final = 0.6
REPEATS: Final = 5
CHANGES: Final[tuple[Call, ...]] = (("idrac_set_led", {"identify": True}), ("idrac_set_boot", {"source": "Pxe"}))
"""What is changed at every live server amid the last sweep."""
READS: Final[tuple[Call, ...]] = (("idrac_get_health", {}), ("idrac_list_jobs", {}), ("idrac_get_boot", {}))
"""What is read there meanwhile."""
CHANGED_AT_ONCE: Final = 32
"""Servers that are changed at once."""
SLOW_S: Final = 0.02
"""Longer time for each request then, so that those of one server meet, seconds."""

_CHILD: Final = """
import asyncio, json, sys
from benchmarks.bench_idrac import serve
asyncio.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


async def serve(ca_file: str, servers: int, dead: int) -> None:
    """Run the simulators. A line makes them slower, another one has them tell what they counted."""
    from holdfast.simulators.base import SimulatedClock
    from holdfast.simulators.rack import Rack
    from holdfast.simulators.world import default_world

    world = default_world()
    machines = tuple(
        replace(world.servers[n % 4], hostname=f"host{n}", bmc_ip=f"10.20.{n // 250}.{n % 250}", service_tag=f"{n:07X}")
        for n in range(servers)
    )
    async with Rack(world=replace(world, servers=machines), clock=SimulatedClock(time.time)) as rack:
        running = [await rack.add("idrac", name=machine.hostname) for machine in machines]
        _write(ca_file, rack.authority.ca_pem)
        for number in black_holed(servers, dead):
            running[number].fault("black-hole")
        ports = [[one.port, one.credentials["username"], one.credentials["password"]] for one in running]
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        for one in running:
            one.simulator.set_fault("slow", seconds=SLOW_S)
        await asyncio.to_thread(sys.stdin.readline)
        most = {
            f"most_{generation}": max(
                (one.state.max_in_flight for one in running if (one.simulator.persona in ("7", "8")) is older),
                default=0,
            )
            for generation, older in (("7_8", True), ("9_10", False))
        }
        writes = max(one.state.max_writes_in_flight for one in running)
        left = sum(one.simulator.sessions_open for one in running)  # type: ignore[attr-defined]  # iDRACs only
        requests = sum(one.state.arrivals_total for one in running)
        sys.stdout.write(json.dumps({**most, "writes": writes, "left": left, "requests": requests}) + "\n")
        sys.stdout.flush()


def black_holed(servers: int, dead: int) -> range:
    """Numbers of the servers that do not answer."""
    return range(0, servers, servers // dead)[:dead]


def _write(name: str, content: str) -> None:
    Path(name).write_text(content)


def _config(folder: Path, ports: list[tuple[int, str, str]]) -> str:
    os.environ.update({f"BENCH_PASSWORD_{number}": password for number, (_, _, password) in enumerate(ports)})
    targets = [
        f"""
[targets.idrac.host{number}]
host = "127.0.0.1"
port = {port}
ca_file = "{folder / "ca.pem"}"
username = "{user}"
password = "env:BENCH_PASSWORD_{number}"
mode = "operate"
connect_timeout = 2
retry_max_attempts = 2
retry_max_wait = 1
circuit_breaker_fail_max = 1
"""
        for number, (port, user, _) in enumerate(ports)
    ]
    return "".join(targets) + f'\n[control]\nstate_dir = "{folder / "state"}"\n'


@dataclass
class Sweeps:
    """What the sweeps took, seconds, and how many servers the last one missed."""

    first: float = 0.0
    again: list[float] = field(default_factory=list)
    again_cpu: list[float] = field(default_factory=list)
    kept: float = 0.0
    changed: float = 0.0
    applied: int = 0
    silent: int = -1


async def _says_yes(question: Question) -> Reply:
    return Reply.ACCEPTED


async def _sweeps(folder: Path, ports: list[tuple[int, str, str]], dead: range, slower: Callable[[], None]) -> Sweeps:
    application = Application(parse_config(_config(folder, ports), settings_classes()), Serving(toolsets=("all",)))
    took = Sweeps()

    caller = Caller("bench", ask=_says_yes)
    gate = asyncio.Semaphore(CHANGED_AT_ONCE)

    async def call(number: int, tool: str, arguments: dict[str, object]) -> object:
        answer = await application.dispatcher.call(tool, {"target": f"host{number}", **arguments}, caller)
        return answer.get("outcome")

    async def change(number: int) -> int:
        async with gate:
            ends = await asyncio.gather(*(call(number, *one) for one in (*CHANGES, *READS)))
            return ends.count("applied")

    async def sweep(max_age_s: int) -> tuple[float, float]:
        began, worked = time.perf_counter(), time.process_time()
        answer = await application.dispatcher.call("idrac_fleet_health", {"max_age_s": max_age_s}, caller)
        found = answer["silent"]
        took.silent = len(found) if isinstance(found, list) else -1
        return time.perf_counter() - began, time.process_time() - worked

    async with application.running():
        took.first, _ = await sweep(60)
        for _ in range(REPEATS):
            seconds, worked = await sweep(0)
            took.again.append(seconds)
            took.again_cpu.append(worked)
        took.kept, _ = await sweep(60)
        slower()
        began = time.perf_counter()
        changes = asyncio.gather(*(change(number) for number in range(len(ports)) if number not in dead))
        await sweep(0)
        took.applied = sum(await changes)
        took.changed = time.perf_counter() - began
    return took


def _line(to: IO[bytes]) -> None:
    to.write(b"\n")
    to.flush()


def measure(servers: int = SERVERS, dead: int = DEAD) -> tuple[Sweeps, dict[str, int]]:
    """The sweeps, and what the simulators counted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-c", _CHILD, str(folder / "ca.pem"), str(servers), str(dead)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            try:
                ports = [(int(port), str(user), str(word)) for port, user, word in json.loads(child.stdout.readline())]
                go_on = partial(_line, child.stdin)
                took = asyncio.run(_sweeps(folder, ports, black_holed(servers, dead), go_on))
                go_on()
                counted: dict[str, int] = json.loads(child.stdout.readline())
            finally:
                child.stdin.close()
                child.terminate()
    return took, counted


def run() -> list[Row]:
    """The rows of the benchmark."""
    took, counted = measure()
    changes = (SERVERS - DEAD) * len(CHANGES)
    again = f"iDRAC: the same, {SERVERS - DEAD} live ones asked again, circuits of the dead open"
    return [
        Row.at_most(f"iDRAC: health of {SERVERS} servers, {DEAD} black-holed, first", took.first, "s", FIRST_S),
        Row.at_most(f"{again}, median of {REPEATS}", median(took.again), "s", AGAIN_S),
        Row.at_most(f"{again}, best of {REPEATS}", min(took.again), "s", None),
        Row.at_most(f"{again}, processor time of the client", median(took.again_cpu), "s", None),
        Row.at_most("iDRAC: the same within a minute, answers kept", took.kept, "s", AGAIN_S),
        Row.at_most(
            f"iDRAC: each live one changed {len(CHANGES)} and read {len(READS)} times amid a sweep",
            took.changed,
            "s",
            None,
        ),
        Row("iDRAC: changes that were carried out", took.applied, "changes", changes, took.applied == changes),
        Row("iDRAC: servers that did not answer", took.silent, "servers", DEAD, took.silent == DEAD),
        Row.at_most("iDRAC: most requests under way at one iDRAC 7 or 8", counted["most_7_8"], "requests", 2),
        Row.at_most("iDRAC: most requests under way at one iDRAC 9 or 10", counted["most_9_10"], "requests", 4),
        Row.at_most("iDRAC: most changes under way at one server", counted["writes"], "requests", 1),
        Row.at_most("iDRAC: sessions left behind", counted["left"], "sessions", 0),
        Row.at_most("iDRAC: requests of all sweeps, per live server", counted["requests"] / (SERVERS - DEAD), "", None),
    ]


if __name__ == "__main__":
    show(run())

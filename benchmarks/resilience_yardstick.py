"""The yardstick: a loopback GET with aiohttp, keep-alive, JSON, the server in a process of its own.

``python -m benchmarks.resilience_yardstick`` is that server; it prints its port and ends with its parent's pipe.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web

ROOT: Final = Path(__file__).parents[1]
Get = Callable[[], Awaitable[object]]


@asynccontextmanager
async def loopback_get() -> AsyncIterator[Get]:
    """A function that makes one GET over a warm connection."""
    server = subprocess.Popen(  # noqa: ASYNC220 - starts once, before anything is measured
        [sys.executable, "-m", "benchmarks.resilience_yardstick"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = int(await asyncio.to_thread(server.stdout.readline))
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:

            async def get() -> object:
                async with session.get(f"http://127.0.0.1:{port}/") as answer:
                    return await answer.json()

            for _ in range(50):
                await get()
            yield get
    finally:
        server.terminate()
        server.communicate()


async def rounds(
    timed: Mapping[str, tuple[Callable[[int], Awaitable[None]], int]], count: int
) -> dict[str, list[float]]:
    """Times every entry once in each of `count` rounds.

    Args:
        timed: By name: what runs `n` times, and how many times that is in a round.
        count: Number of rounds.

    Returns microseconds for one run, by name, one value for each round.
    """
    taken: dict[str, list[float]] = {name: [] for name in timed}
    for number in range(count + 1):
        for name, (work, times) in timed.items():
            begun = time.perf_counter()
            await work(times)
            elapsed = (time.perf_counter() - begun) / times * 1e6
            if number:  # the first round only warms up
                taken[name].append(elapsed)
    return taken


async def alternating(first: Get, second: Get, times: int) -> float:
    """Median duration of the second over that of the first, made in turns, so that noise meets both alike."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for call, durations in zip((first, second), taken, strict=True):
            begun = time.perf_counter()
            await call()
            durations.append(time.perf_counter() - begun)
    return statistics.median(taken[1]) / statistics.median(taken[0])


def over(taken: Mapping[str, list[float]], name: str, base: str) -> float:
    """Median over the rounds of what `name` takes more than `base` in the same round, in microseconds."""
    return statistics.median(a - b for a, b in zip(taken[name], taken[base], strict=True))


async def _serve() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "uptime_s": 12345})

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve())

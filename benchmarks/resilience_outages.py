"""Outages in virtual time: what each strategy costs the appliance and the callers.

Ten clients make one call a second each (nine reads in ten) to one appliance that answers in 20 ms, until it fails in
one of four ways. The network is idealised; the libraries are the real ones. Deterministic, no real waiting.

Strategies: ``bare`` (an HTTP session with a pool of 30 and 30 s per request), ``tenacity`` (the same with the guide's
decorator), ``stock`` (pybreaker's `calling` around that), ``holdfast`` (`Executor` with a health probe).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from statistics import mean
from typing import Final
from unittest import mock

import aiohttp
import pybreaker
import tenacity
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from holdfast.resilience import Events, Executor, Operation, Policy, remaining_s
from holdfast.resilience.testing import START, VirtualTimeLoop, run_virtual

CLIENTS: Final = 10
EVERY_S: Final = 1.0
FAULT_AT_S: Final = 20.0
AFTER_S: Final = 75.0
HEALTHY_S: Final = 0.02
POOL: Final = 30
TIMEOUT_S: Final = 30.0
CONNECT_TIMEOUT_S: Final = 5.0
RETRY_AFTER_S: Final = 5
HOST_PATIENCE_S: Final = 60.0
FAULTS: Final = ("blackhole", "refused", "unavailable", "flapping")
FAULT_NAMES: Final = {
    "blackhole": "black hole",
    "refused": "refused",
    "unavailable": "503, `Retry-After: 5`",
    "flapping": "flapping 2 s / 2 s",
}
STRATEGIES: Final = ("bare", "tenacity", "stock", "holdfast")
WITH_BREAKER: Final = ("stock", "holdfast")
LENGTHS_S: Final = tuple(range(90, 201, 10))


@dataclass
class Tally:
    """What one outage cost.

    Attributes:
        issued: Calls begun during the fault.
        succeeded: Those of them that got an answer.
        sent: Requests that reached the wire during the fault, health probes included.
        wasted_s: Client-seconds spent in calls, begun during the fault, that failed.
        longest_s: The longest call.
        too_late: Calls that ended later than an MCP host waits.
        lag_s: Seconds after the fault until the last failed call began.
    """

    issued: int = 0
    succeeded: int = 0
    sent: int = 0
    wasted_s: float = 0.0
    longest_s: float = 0.0
    too_late: int = 0
    lag_s: float = 0.0
    times: list[float] = field(default_factory=list)


class Appliance:
    """One appliance on an idealised network."""

    def __init__(self, loop: VirtualTimeLoop, fault: str, length_s: float, tally: Tally) -> None:
        self._loop = loop
        self._fault = fault
        self._until = FAULT_AT_S + length_s
        self._tally = tally

    @property
    def in_fault(self) -> bool:
        """Whether the fault period lasts, flapping included."""
        return FAULT_AT_S <= self._loop.time() < self._until

    async def request(self, connect_timeout_s: float | None) -> str:
        """One request. Raises what aiohttp would raise."""
        now = self._loop.time()
        if not self.in_fault:
            await asyncio.sleep(HEALTHY_S)
            return "ok"
        self._tally.sent += 1
        if self._fault == "blackhole":
            if connect_timeout_s is None:
                await asyncio.sleep(3_600)
            await asyncio.sleep(connect_timeout_s or 0)
            raise aiohttp.ConnectionTimeoutError("connection timed out")
        if self._fault == "unavailable":
            await asyncio.sleep(HEALTHY_S)
            raise unavailable()
        if self._fault == "refused" or int((now - FAULT_AT_S) // 2) % 2 == 0:
            await asyncio.sleep(0.001)
            raise ConnectionRefusedError("Connection refused")
        await asyncio.sleep(HEALTHY_S)
        return "ok"


def unavailable() -> aiohttp.ClientResponseError:
    """The error of a 503 answer with Retry-After."""
    url = URL("https://appliance/")
    asked: CIMultiDict[str] = CIMultiDict()
    info = aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(asked), url)
    headers = CIMultiDict({"Retry-After": str(RETRY_AFTER_S)})
    return aiohttp.ClientResponseError(info, (), status=503, message="Service Unavailable", headers=headers)


Caller = Callable[[bool], Awaitable[str]]
"""Makes one logical call; the argument says whether it only reads."""


def bare(appliance: Appliance) -> Caller:
    """An HTTP session as the guide configures it: pool of 30 per host, 30 s in all, waiting for the pool included."""
    pool = asyncio.Semaphore(POOL)

    async def call(reads: bool) -> str:
        async with asyncio.timeout(TIMEOUT_S), pool:
            return await appliance.request(None)

    return call


def with_tenacity(appliance: Appliance) -> Caller:
    """The guide's decorator around that."""
    inner = bare(appliance)
    return tenacity.retry(
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_exponential(multiplier=1, min=1, max=10),
        retry=tenacity.retry_if_exception_type((ConnectionError, TimeoutError, aiohttp.ClientError)),
        reraise=True,
    )(inner)


def with_stock_breaker(appliance: Appliance) -> Caller:
    """pybreaker around that, the only way its public methods allow around an await."""
    inner = with_tenacity(appliance)
    breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=60)

    async def call(reads: bool) -> str:
        with breaker.calling():
            return await inner(reads)

    return call


def with_holdfast(appliance: Appliance, loop: VirtualTimeLoop) -> Caller:
    """An executor with the guide's defaults and a health probe."""
    read, write = Operation("read", retry_safe=True), Operation("write")

    async def attempt() -> str:
        async with asyncio.timeout(min(TIMEOUT_S, remaining_s() or TIMEOUT_S)):
            return await appliance.request(CONNECT_TIMEOUT_S)

    executor = Executor("appliance", Policy(), probe=attempt, clock=loop.clock(), events=Events(lambda event: None))

    async def call(reads: bool) -> str:
        return await executor.run(read if reads else write, attempt)

    return call


@cache
def outage(strategy: str, fault: str, length_s: float = 120.0, seed: int = 1) -> Tally:
    """Runs one outage.

    Args:
        strategy: One of `STRATEGIES`.
        fault: One of `FAULTS`.
        length_s: How long it lasts.
        seed: Chooses which calls write.
    """
    with _wall_time_of_pybreaker():
        return run_virtual(lambda loop: _outage(loop, strategy, fault, length_s, seed))


async def _outage(loop: VirtualTimeLoop, strategy: str, fault: str, length_s: float, seed: int) -> Tally:
    tally = Tally()
    _Wall.loop = loop
    appliance = Appliance(loop, fault, length_s, tally)
    makers: dict[str, Callable[[], Caller]] = {
        "bare": lambda: bare(appliance),
        "tenacity": lambda: with_tenacity(appliance),
        "stock": lambda: with_stock_breaker(appliance),
        "holdfast": lambda: with_holdfast(appliance, loop),
    }
    call = makers[strategy]()
    chance = random.Random(seed)
    end = FAULT_AT_S + length_s
    calls: list[asyncio.Task[None]] = []

    async def one(reads: bool) -> None:
        begun = loop.time()
        faulty = FAULT_AT_S <= begun < end
        tally.issued += faulty
        ok = False
        try:
            await call(reads)
            ok = True
        except Exception as error:  # noqa: BLE001 - every failure of a call is a result here
            logging.getLogger(__name__).debug("call failed: %r", error)
        took = loop.time() - begun
        tally.longest_s = max(tally.longest_s, took)
        tally.too_late += took > HOST_PATIENCE_S
        if faulty:
            tally.succeeded += ok
            tally.wasted_s += 0.0 if ok else took
        if not ok and begun >= end:
            tally.lag_s = max(tally.lag_s, begun - end)

    async def client(offset: float) -> None:
        for beat in range(int(FAULT_AT_S + length_s + AFTER_S)):
            await asyncio.sleep(max(0.0, beat * EVERY_S + offset - loop.time()))
            calls.append(asyncio.create_task(one(chance.random() < 0.9)))

    await asyncio.gather(*(client(number * EVERY_S / CLIENTS) for number in range(CLIENTS)))
    await asyncio.gather(*calls)
    return tally


def lags(strategy: str, fault: str, lengths: tuple[int, ...] = LENGTHS_S) -> list[float]:
    """Seconds from recovery to the last failed call, for each length of the fault."""
    return [outage(strategy, fault, length).lag_s for length in lengths]


def table() -> str:
    """The comparison as it stands in docs/resilience.md."""
    lines = [
        "| Fault | Strategy | requests sent | of 1 200 calls answered | client-seconds lost | longest call | lag |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for fault, name in FAULT_NAMES.items():
        for strategy in STRATEGIES:
            tally = outage(strategy, fault)
            lag = f"{mean(lags(strategy, fault, (90, 120, 150))):.1f} s" if strategy in WITH_BREAKER else "–"
            shown = f"**{strategy}**" if strategy == "holdfast" else strategy
            lines.append(
                f"| {name} | {shown} | {tally.sent:,} | {tally.succeeded:,} | {tally.wasted_s:,.0f} "
                f"| {tally.longest_s:.1f} s | {lag} |"
            )
    return "\n".join(lines)


class _Wall(datetime):
    """pybreaker goes by the wall clock, so that one must be virtual, too."""

    loop: VirtualTimeLoop

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # only ever called with UTC
        return datetime.fromtimestamp(START + cls.loop.time(), UTC)


def _wall_time_of_pybreaker() -> mock._patch[type[datetime]]:
    return mock.patch.object(pybreaker, "datetime", _Wall)


if __name__ == "__main__":
    print(table())

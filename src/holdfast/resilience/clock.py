"""Time and chance, injectable: what is measured is monotonic, what is shown is wall time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """Sources of time, sleep and randomness.

    Attributes:
        monotonic: Seconds since an arbitrary point; never goes back. Every interval is measured with it.
        wall: Seconds since 1970 (UTC); only shown, never compared.
        sleep: Sleeps the given seconds, for coroutines.
        sleep_sync: Sleeps the given seconds, for threads.
        random: A number in [0, 1); drives jitter.
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    sleep_sync: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random


SYSTEM_CLOCK = Clock()


def utc(seconds: float) -> datetime:
    """The UTC time that is `seconds` after the start of 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def guide_time(seconds: float | None) -> str | None:
    """`seconds` after the start of 1970 as the guide's metrics show it: ``2024-01-01 12:00:00`` (UTC)."""
    return None if seconds is None else utc(seconds).strftime("%Y-%m-%d %H:%M:%S")

"""Executors and attempts for tests in a loop of virtual time."""

from __future__ import annotations

import asyncio

from holdfast.resilience import Events, Executor, Policy
from holdfast.resilience.testing import Recorder, VirtualTimeLoop


def executor_in(loop: VirtualTimeLoop, heard: Recorder | None = None, **policy: float) -> Executor:
    """An executor named ``api`` on the loop's clock; keywords are fields of its policy."""
    chosen = Policy(**policy)  # type: ignore[arg-type]  # checked by Policy itself
    return Executor("api", chosen, clock=loop.clock(), events=Events(heard or Recorder()))


async def answers() -> str:
    """An attempt that answers at once."""
    return "ok"


async def hangs() -> str:
    """An attempt that answers never."""
    await asyncio.sleep(1_000_000)
    return "never"


async def refuses() -> str:
    """An attempt that fails at once."""
    raise ConnectionError("refused")

"""Waiting for a write that pfSense holds up: its lock is waited for up to 61 s (contract 9.2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Final, TypeVar

from holdfast.appliances.pfsense.client import WRITE_ATTEMPT_S, HTTPPfSenseClient
from holdfast.control.context import Context

T = TypeVar("T")
REPORT_EVERY_S: Final = 5.0


async def patiently(
    ctx: Context[HTTPPfSenseClient], work: Coroutine[object, object, T], what: str, limit_s: float = WRITE_ATTEMPT_S
) -> T:
    """The result of a write, with progress told while it takes long. Cancelling this cancels the write."""
    task = asyncio.create_task(work)
    began = time.monotonic()
    try:
        while not (await asyncio.wait({task}, timeout=REPORT_EVERY_S))[0]:
            passed = time.monotonic() - began
            await ctx.progress(
                passed, limit_s, f"{what}: pfSense has not answered yet; another write may hold its lock"
            )
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})

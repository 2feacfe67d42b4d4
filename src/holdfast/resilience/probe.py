"""The health probe: while the circuit is open, somebody's wish to call is the occasion to ask whether it is over.

No background polling: nobody calls, nobody asks. The caller who gave the occasion does not wait for the answer.
Success makes the circuit half-open; one real call then decides.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutinefunction

from holdfast.resilience.circuit import OPEN
from holdfast.resilience.core import Core
from holdfast.resilience.deadline import DEADLINE, narrow
from holdfast.resilience.events import EventKind

Probe = Callable[[], Awaitable[object]] | Callable[[], object]
"""Asks the other side something cheap; returning is success, raising is failure."""

_log = logging.getLogger("holdfast.resilience")


class Prober:
    """Runs the probe, one at a time, at most every `circuit_breaker_probe_interval` seconds.

    Attributes:
        probe: The probe, None when there is none or it is turned off.
    """

    __slots__ = ("_asynchronous", "_core", "_due", "_lock", "_running", "_task", "probe")

    def __init__(self, core: Core, probe: Probe | None) -> None:
        self._core = core
        self.probe = probe if core.policy.circuit_breaker_probe_interval > 0 else None
        self._asynchronous = probe is not None and iscoroutinefunction(probe)
        self._lock = threading.Lock()
        self._running = False
        self._due = 0.0
        self._task: asyncio.Task[None] | None = None

    def demand(self) -> None:
        """A call was rejected: starts a probe if one is due. Returns at once, never raises."""
        core = self._core
        now = core.now()
        if now < self._due:
            return
        machine = core.machine
        interval = core.policy.circuit_breaker_probe_interval
        with self._lock:
            if self._running or machine.state != OPEN or machine.isolated is not None:
                return
            if now < max(self._due, machine.opened_mono + interval):
                return
            self._running = True
            self._due = now + interval
        try:
            self._start(machine.generation)
        except BaseException:
            self._running = False
            raise

    async def aclose(self) -> None:
        """Cancels a probe under way and waits for its end."""
        task = self._task
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    def _start(self, generation: int) -> None:
        # The probe is nobody's nested call: it inherits neither deadline nor other context.
        context = contextvars.Context()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is not None:
            self._task = loop.create_task(self._ask(generation), context=context)
        elif self._asynchronous:
            self._running = False  # no event loop to run it on; the next coroutine that is rejected starts it
        else:
            threading.Thread(
                target=context.run, args=(self._ask_sync, generation), name=f"{self._core.name} probe", daemon=True
            ).start()

    async def _ask(self, generation: int) -> None:
        probe, limit = self.probe, self._limit()
        token = DEADLINE.set(narrow(None, limit, self._core.now))
        try:
            async with asyncio.timeout(limit):
                answer = probe() if probe is not None else None
                if isawaitable(answer):
                    await answer
        except Exception as error:  # noqa: BLE001 - whatever the probe raises means: not yet
            self._failed(error)
        else:
            self._succeeded(generation)
        finally:
            DEADLINE.reset(token)
            self._running = False

    def _ask_sync(self, generation: int) -> None:
        probe = self.probe
        DEADLINE.set(narrow(None, self._limit(), self._core.now))
        try:
            if probe is not None:
                probe()
        except Exception as error:  # noqa: BLE001 - whatever the probe raises means: not yet
            self._failed(error)
        else:
            self._succeeded(generation)
        finally:
            self._running = False

    def _limit(self) -> float:
        policy = self._core.policy
        return min(policy.connect_timeout, policy.timeout)

    def _succeeded(self, generation: int) -> None:
        core = self._core
        core.stats.probes_ok += 1
        core.tell(EventKind.PROBE_OK)
        core.machine.probe_succeeded(generation)

    def _failed(self, error: Exception) -> None:
        core = self._core
        core.stats.probes_failed += 1
        core.tell(EventKind.PROBE_FAILED, error=error)

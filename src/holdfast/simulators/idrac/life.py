"""The iDRAC's own life: it restarts, is away for minutes, and wakes up in stages (contract §10, §14)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.simulators.idrac.timeline import Timeline

UP, DOWN, STARTING, WAKING = "up", "down", "starting", "waking"


@dataclass
class LifePace:
    """Simulated seconds. A restart takes `reset_s` in all, after `grace_s` in which it still answers."""

    reset_s: float = 180.0
    grace_s: float = 3.0
    stale_ready_s: float = 60.0
    systems_empty_s: float = 20.0


class Life:
    """Whether and how the iDRAC answers."""

    def __init__(self, timeline: Timeline, forget: Callable[[], None], record: Callable[..., None]) -> None:
        self._timeline = timeline
        self._forget = forget
        self._record = record
        self.pace = LifePace()
        self.phase = UP
        self.last_reset = timeline.now() - 3_196_800.0
        self.restarts = 0
        self.systems_empty_until = 0.0
        self.lc_busy_until = 0.0
        self._restarting = False

    @property
    def restarting(self) -> bool:
        """Whether a restart is under way, from its order to readiness."""
        return self._restarting

    @property
    def systems_empty(self) -> bool:
        """Whether Systems is an empty collection now (contract §2 no. 5)."""
        return self.phase == WAKING or self._timeline.now() < self.systems_empty_until

    @property
    def lc_status(self) -> str:
        """As GetRemoteServicesAPIStatus says it; during the grace time it is stale and says Ready."""
        if self.phase == WAKING:
            return "NotInitialized"
        return "ReloadingData" if self._timeline.now() < self.lc_busy_until else "Ready"

    def restart(self, *, seconds: float | None = None, reason: str = "user initiated") -> None:
        """Order a restart; ordering it again while one is under way changes nothing."""
        if self._restarting:
            return
        self._restarting = True
        total = self.pace.reset_s if seconds is None else seconds
        self._timeline.after(self.pace.grace_s, lambda: self._go_down(total, reason))

    def _go_down(self, total: float, reason: str) -> None:
        self.phase = DOWN
        self._forget()
        self._timeline.after(total * 0.6, lambda: self._set(STARTING))
        self._timeline.after(total * 0.8, self._wake)
        self._timeline.after(total, lambda: self._ready(reason))

    def _set(self, phase: str) -> None:
        self.phase = phase

    def _wake(self) -> None:
        self.phase = WAKING
        self.last_reset = self._timeline.now()
        self.restarts += 1

    def _ready(self, reason: str) -> None:
        self.phase = UP
        self._restarting = False
        self._record("RAC0182", reason, category="Audit")

    def clear_lifecycle(self) -> None:
        """Restart the Lifecycle services, as JID_CLEARALL_FORCE does: Systems is empty for a while (§8.4)."""
        now = self._timeline.now()
        self.lc_busy_until = now + self.pace.stale_ready_s
        self.systems_empty_until = now + self.pace.systems_empty_s

"""The server behind the iDRAC: its power state changes take time and leave records (contract §10, §12.2, §14)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.simulators.idrac.errors import refuse
from holdfast.simulators.idrac.timeline import Appointment, Timeline

ON, OFF, POWERING_ON, POWERING_OFF = "On", "Off", "PoweringOn", "PoweringOff"


@dataclass
class HostPace:
    """How long things take, in simulated seconds; small by default so that demonstrations move.

    An operating system takes its time to shut down, here too: 20 to 90 s (contract §14).
    """

    power_on_s: float = 2.0
    post_s: float = 4.0
    boot_s: float = 4.0
    graceful_s: float = 60.0
    graceful_timeout_s: float = 300.0
    cycle_off_s: float = 2.0
    guard_s: float = 10.0
    """iDRAC10 refuses `On` this soon after the host went off."""


class Host:
    """Power state, self test and boot of the host."""

    def __init__(self, timeline: Timeline, record: Callable[..., None], *, on: bool, strict_on: bool) -> None:
        self._timeline = timeline
        self._record = record
        self._strict_on = strict_on
        self._next: Appointment | None = None
        self.pace = HostPace()
        self.state = ON if on else OFF
        self.boot_progress = "OSRunning" if on else "None"
        self.last_reset = timeline.now() - 4_492_800.0
        self.off_since = timeline.now() - 86_400.0
        self.ignores_acpi = False
        self.on_post: list[Callable[[], None]] = []
        """Called when the self test begins: staged configuration is applied there."""
        self.on_booted: list[Callable[[], None]] = []
        self.resets = 0

    @property
    def on(self) -> bool:
        """Whether the host has power."""
        return self.state in (ON, POWERING_OFF)

    @property
    def server_status(self) -> str:
        """As GetRemoteServicesAPIStatus says it."""
        if self.state in (OFF, POWERING_ON):
            return "PoweredOff"
        return "OutOfPOST" if self.boot_progress in ("OSRunning", "OSBootStarted") else "InPOST"

    def reset(self, kind: str) -> None:
        """Carry out a ResetType that this generation allows; 409 when the host already is in that state."""
        if kind == "On":
            self._refuse_if(self.state in (ON, POWERING_ON), "ON")
            if self._strict_on and self._timeline.now() - self.off_since < self.pace.guard_s:
                raise refuse(409, "PSU501", "OFF")
            self._power_on()
            return
        if kind == "PushPowerButton":
            if self.state in (ON, POWERING_ON):
                self._shut_down()
            else:
                self._power_on()
            return
        self._refuse_if(self.state == OFF, "OFF")
        if kind == "ForceOff":
            self._off()
        elif kind == "GracefulShutdown":
            self._shut_down()
        elif kind == "GracefulRestart":
            self._shut_down(then_on=True)
        elif kind == "ForceRestart":
            self._record("SYS1003")
            self._restart()
        elif kind == "PowerCycle":
            self._record("SYS1002")
            self._off()
            self._next = self._timeline.after(self.pace.cycle_off_s, self._power_on)
        elif kind == "Nmi":
            self._record("SYS1005")
            self._restart()

    def _refuse_if(self, already: bool, word: str) -> None:
        if already:
            raise refuse(409, "PSU501", word)

    def _cancel(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _power_on(self) -> None:
        self._cancel()
        self._record("SYS1000")
        self.state = POWERING_ON
        self._next = self._timeline.after(self.pace.power_on_s, self._powered)

    def _powered(self) -> None:
        self.state = ON
        self._restart()

    def _restart(self) -> None:
        self._cancel()
        self.resets += 1
        self.last_reset = self._timeline.now()
        self.state = ON
        self.boot_progress = "PrimaryProcessorInitializationStarted"
        for hook in list(self.on_post):
            hook()
        self._next = self._timeline.after(self.pace.post_s, self._initialised)

    def _initialised(self) -> None:
        self.boot_progress = "SystemHardwareInitializationComplete"
        self._next = self._timeline.after(self.pace.boot_s, self._booted)

    def _booted(self) -> None:
        self._next = None
        self.boot_progress = "OSRunning"
        self._record("SYS198")
        for hook in list(self.on_booted):
            hook()

    def _shut_down(self, *, then_on: bool = False) -> None:
        self._cancel()
        if self.ignores_acpi:
            self._timeline.after(self.pace.graceful_timeout_s, lambda: self._record("SYS051"))
            return
        self.state = POWERING_OFF

        def gone() -> None:
            self._off()
            if then_on:
                self._next = self._timeline.after(self.pace.cycle_off_s, self._power_on)

        self._next = self._timeline.after(self.pace.graceful_s, gone)

    def _off(self) -> None:
        self._cancel()
        self._record("SYS1001")
        self.state = OFF
        self.boot_progress = "None"
        self.off_since = self._timeline.now()

    def hold_post(self, seconds: float) -> None:
        """Keep the host in its self test so much longer, because a job is being applied."""
        if self._next is not None and self.boot_progress == "PrimaryProcessorInitializationStarted":
            self._next.cancel()
            self._next = self._timeline.after(self.pace.post_s + seconds, self._initialised)

    def ensure_on(self) -> None:
        """Bring the host up, without complaint when it already is."""
        if self.state == OFF:
            self._power_on()

    def ensure_off(self) -> None:
        """Take the host down at once, without complaint when it already is."""
        if self.state != OFF:
            self._off()

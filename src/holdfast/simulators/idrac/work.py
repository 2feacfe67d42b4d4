"""Work done as jobs, apart from firmware, storage and profiles: settings, reboots, scheduled calls (contract §8.4)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body, jobs
from holdfast.simulators.idrac.errors import refuse
from holdfast.simulators.idrac.jobs import Job, Outcome, Step
from holdfast.simulators.idrac.persona import MGR, SYS
from holdfast.simulators.idrac.timeline import parse_time
from holdfast.simulators.idrac.wire import Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.simulators.idrac.bmc import Bmc

ON_RESET, IMMEDIATE = "OnReset", "Immediate"
MAINTENANCE_START, MAINTENANCE_RESET = "AtMaintenanceWindowStart", "InMaintenanceWindowOnReset"
_DAY_S = 86_400.0


class ApplyTime:
    """When staged settings are to be applied."""

    def __init__(self, kind: str, start: float = 0.0) -> None:
        self.kind = kind
        self.start = start


def read_apply_time(bmc: Bmc, value: object, allowed: tuple[str, ...]) -> ApplyTime:
    """The `@Redfish.SettingsApplyTime` of a request."""
    if not isinstance(value, dict):
        raise body.wrong_type("@Redfish.SettingsApplyTime", value)
    kind = body.text(value, "ApplyTime", allowed=allowed)
    if kind not in (MAINTENANCE_START, MAINTENANCE_RESET):
        return ApplyTime(kind)
    text = body.text(value, "MaintenanceWindowStartTime")
    start = parse_time(text)
    if start is None:
        raise refuse(400, "SYS436", related=("#/MaintenanceWindowStartTime",))
    if start <= bmc.shown_now:
        raise refuse(400, "SYS440", related=("#/MaintenanceWindowStartTime",))
    body.integer(value, "MaintenanceWindowDurationInSeconds", low=1, high=86_400 * 30)
    return ApplyTime(kind, start)


class Work:
    """Creates jobs and does what they are for."""

    def __init__(self, bmc: Bmc) -> None:
        self._bmc = bmc

    def stage(
        self,
        name: str,
        kind: str,
        device: str,
        target: str | None,
        seconds: float,
        effect: Callable[[], Outcome | None],
        *,
        when: ApplyTime | None = None,
        on_delete: Callable[[], None] | None = None,
    ) -> Job:
        """A job that waits for the next restart of the host, or for its maintenance window."""
        when = when or ApplyTime(ON_RESET)
        job = self._bmc.jobs.add(
            name,
            kind,
            (Step(jobs.RUNNING, "PR20", seconds),),
            effect,
            device=device,
            target=target,
            waits=True,
            not_before=when.start,
            on_delete=on_delete,
        )
        if when.kind == MAINTENANCE_START:
            self._bmc.timeline.after(when.start - self._bmc.shown_now, lambda: self._restart_for(job))
        elif when.kind == IMMEDIATE:
            # "Immediate" for such settings restarts the host now (contract §12.7 trap 1, §12.15).
            self._bmc.timeline.after(0.5, lambda: self._restart_for(job))
        return job

    def _restart_for(self, job: Job) -> None:
        if job.id in self._bmc.jobs.jobs and job.begun is None:
            self._bmc.restart_host()

    def configure_boot(self, order: list[str]) -> Job:
        """A staged job that changes the boot order."""
        boot = self._bmc.boot

        def apply() -> None:
            boot.apply_pending()

        def forget() -> None:
            boot.pending_order = None
            boot.pending_enabled.clear()

        return self.stage(
            "Configure: BIOS.Setup.1-1",
            "BIOSConfiguration",
            "BIOS.Setup.1-1",
            f"{SYS}/Settings" if self._bmc.persona.boot_settings else SYS,
            self._bmc.jobs.pace.bios_s,
            apply,
            on_delete=forget,
        )

    def configure_bios(self, when: ApplyTime | None = None) -> Job:
        """A staged job that applies the pending BIOS settings; SYS011 when they are committed already."""
        bmc = self._bmc
        if bmc.bios.committed:
            raise refuse(400, "SYS011")
        if bmc.jobs.busy_device("BIOS.Setup.1-1"):
            raise refuse(400, "RAC0679")

        def apply() -> None:
            for name, (old, new) in bmc.bios.apply().items():
                bmc.record("SYS141", f"BIOS.Setup.1-1#{name}", str(old), str(new), category="Configuration")
            bmc.boot.mode = "UEFI" if bmc.bios.get("BootMode") == "Uefi" else "Legacy"

        job = self.stage(
            "Configure: BIOS.Setup.1-1",
            "BIOSConfiguration",
            "BIOS.Setup.1-1",
            f"{SYS}/Bios/Settings",
            bmc.jobs.pace.bios_s,
            apply,
            when=when,
            on_delete=bmc.bios.discard,
        )
        bmc.bios.commit()
        return job

    def commit_settings(self, target: str, content: Json) -> Job:
        """A job for staged settings, created the old way by naming them (§8.4)."""
        body.closed(content, {"TargetSettingsURI", "StartTime", "EndTime", "StartTimeInterval", "RebootJobType"})
        if target == f"{SYS}/Bios/Settings":
            if not self._bmc.bios.pending:
                raise refuse(400, "RAC0720")
            return self.configure_bios()
        if target.startswith(f"{SYS}/BootSources") or target.endswith("/DellBootSources/Settings"):
            if self._bmc.boot.pending_order is None and not self._bmc.boot.pending_enabled:
                raise refuse(400, "RAC0720")
            return self.configure_boot(self._bmc.boot.pending_order or self._bmc.boot.order)
        raise body.invalid("TargetSettingsURI", target)

    def reboot_job(self, kind: str) -> Job:
        """A reboot that waits to be put in the queue."""
        names = {
            "PowerCycle": "RebootPowerCycle",
            "GracefulRebootWithForcedShutdown": "RebootForce",
            "GracefulRebootWithoutForcedShutdown": "RebootNoForce",
        }

        def restart() -> Outcome:
            self._bmc.restart_host(cycle=kind == "PowerCycle")
            return Outcome(jobs.REBOOT_COMPLETED, "RED030")

        return self._bmc.jobs.add(
            f"Reboot: {kind}",
            names[kind],
            (Step(jobs.REBOOT_PENDING, "RED029", self._bmc.jobs.pace.other_s),),
            restart,
            prefix="RID",
            waits=True,
        )

    def setup_queue(self, names: list[str], start: str) -> None:
        """Run jobs at a time: the configuration waits, the reboot (RID) brings it about."""
        queue = self._bmc.jobs
        found = []
        for name in names:
            job = queue.find(name)
            if job is None:
                raise refuse(400, "SUP024", name)
            found.append(job)
        delay = 0.0
        if start != "TIME_NOW":
            moment = parse_time(start)
            if moment is None:
                raise refuse(400, "SYS436")
            delay = max(0.0, moment - self._bmc.shown_now)
        for job in found:
            if job.id.startswith("RID_"):
                job.waits = False
                queue.begin(job, delay)

    def schedule_call(self, payload: Json, schedule: Json) -> Job:
        """A job that repeats an action by the calendar (§8.4): resets, consistency checks, clearing the SEL."""
        target = body.text(payload, "TargetUri")
        raw = body.text(payload, "HttpBody", default="{}")
        try:
            content = json.loads(raw)
        except ValueError:
            raise body.invalid("HttpBody", raw) from None
        action = self._scheduled_action(target, content if isinstance(content, dict) else {})
        start = parse_time(body.text(schedule, "InitialStartTime"))
        if start is None:
            raise refuse(400, "SYS436")
        if start <= self._bmc.shown_now:
            raise refuse(400, "SYS440")
        interval = body.text(schedule, "RecurrenceInterval", default="")
        times = body.integer(schedule, "MaxOccurrences", low=1, high=1000, default=1)
        every = _interval(interval) if interval else 0.0
        job = self._bmc.jobs.add(
            f"Scheduled: {target.rsplit('/', 1)[-1]}",
            "ScheduledAction",
            (Step(jobs.RUNNING, "PR20", self._bmc.jobs.pace.other_s),),
            lambda: None,
            waits=True,
            not_before=start,
        )
        job.schedule, job.payload_uri = schedule, target
        job.waits = False

        def occur(left: int) -> None:
            if job.id not in self._bmc.jobs.jobs:
                return
            action()
            if left > 1 and every:
                self._bmc.timeline.after(every, lambda: occur(left - 1))
            else:
                self._bmc.jobs.begin(job)

        self._bmc.timeline.after(start - self._bmc.shown_now, lambda: occur(times if every else 1))
        return job

    def _scheduled_action(self, target: str, content: Json) -> Callable[[], None]:
        bmc = self._bmc
        if target == f"{SYS}/Actions/ComputerSystem.Reset":
            kind = body.text(content, "ResetType", allowed=bmc.persona.reset_types)
            return lambda: bmc.reset_quietly(kind)
        if target == f"{MGR}/Actions/Manager.Reset":
            return lambda: bmc.life.restart(reason="scheduled")
        if target == f"{MGR}/LogServices/Sel/Actions/LogService.ClearLog":
            return lambda: bmc.sel.clear(keep_numbers=False)
        if target.endswith("/Actions/Volume.CheckConsistency"):
            return lambda: None
        raise body.invalid("TargetUri", target)


def _interval(text: str) -> float:
    """Seconds of "P1D", "PT12H" or "P7D"."""
    days, _, rest = text.removeprefix("P").partition("T")
    if not text.startswith("P"):
        raise body.invalid("RecurrenceInterval", text)
    seconds = 0.0
    if days:
        if not (days.endswith("D") and days[:-1].isdigit()):
            raise body.invalid("RecurrenceInterval", text)
        seconds += int(days[:-1]) * _DAY_S
    if rest:
        if not (rest[:-1].isdigit() and rest[-1] in "HMS"):
            raise body.invalid("RecurrenceInterval", text)
        seconds += int(rest[:-1]) * {"H": 3600.0, "M": 60.0, "S": 1.0}[rest[-1]]
    return seconds

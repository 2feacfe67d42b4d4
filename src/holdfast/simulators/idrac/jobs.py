"""The job queue: what takes time, what waits for a restart of the host, what fails (contract §8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.errors import message_text, refuse
from holdfast.simulators.idrac.persona import MGR, ROOT
from holdfast.simulators.idrac.timeline import Appointment, iso

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

MAX_JOBS = 256
NEW, SCHEDULED, DOWNLOADING, DOWNLOADED = "New", "Scheduled", "Downloading", "Downloaded"
RUNNING, COMPLETED, WITH_ERRORS, FAILED = "Running", "Completed", "CompletedWithErrors", "Failed"
INTERVENTION, REBOOT_PENDING, REBOOT_COMPLETED = "UserIntervention", "RebootPending", "RebootCompleted"
ENDED = frozenset({COMPLETED, WITH_ERRORS, FAILED, INTERVENTION, REBOOT_COMPLETED, "RebootFailed"})
ACTIVE = frozenset({RUNNING, DOWNLOADING, REBOOT_PENDING})


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    state: str = COMPLETED
    message_id: str = "PR19"
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """A part of a job's life: the state shown, its message, and how long in simulated seconds."""

    state: str
    message_id: str
    seconds: float


@dataclass
class JobFile:
    """A file that a job leaves for download."""

    name: str
    content: bytes
    content_type: str = "application/octet-stream"


@dataclass
class Job:
    """One job. `device` is what it works on: jobs of one device exclude each other."""

    id: str
    name: str
    kind: str
    created: float
    steps: tuple[Step, ...]
    effect: Callable[[], Outcome | None]
    device: str | None = None
    target: str | None = None
    waits: bool = False
    not_before: float = 0.0
    on_delete: Callable[[], None] | None = None
    pre: tuple[Step, ...] = ()
    """What comes before a staged job waits: the download of a package."""
    check: Callable[[], Outcome | None] | None = None
    """Asked after `pre`; an outcome ends the job there."""
    ready: Callable[[], None] | None = None
    """Called when the job begins to wait."""
    state: str = NEW
    message_id: str = "JCP000"
    args: tuple[str, ...] = ()
    percent: int | None = 0
    begun: float | None = None
    step_begun: float = 0.0
    step_seconds: float = 0.0
    ended: float | None = None
    visible_from: float = 0.0
    gone_at: float | None = None
    document: str | None = None
    """What a finished task shows in place of itself (an exported profile)."""
    document_type: str = "application/json"
    file: JobFile | None = None
    monitor_read: bool = False
    payload_uri: str | None = None
    schedule: dict[str, object] | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in ENDED

    @property
    def message(self) -> str:
        """What the message id says."""
        return message_text(self.message_id, *self.args)


@dataclass
class JobPace:
    """How long jobs take, in simulated seconds; small by default so that demonstrations move."""

    bios_s: float = 3.0
    raid_s: float = 2.0
    firmware_download_s: float = 1.0
    firmware_s: float = 3.0
    profile_export_s: float = 1.0
    profile_import_s: float = 3.0
    collection_s: float = 2.0
    diagnostics_s: float = 4.0
    other_s: float = 1.0


@dataclass
class JobQueue:
    """All jobs of one iDRAC, newest last."""

    bmc: Bmc
    jobs: dict[str, Job] = field(default_factory=dict)
    pace: JobPace = field(default_factory=JobPace)
    last_number: int = 0
    files: dict[str, JobFile] = field(default_factory=dict)
    _next: dict[str, Appointment] = field(default_factory=dict)

    def add(
        self,
        name: str,
        kind: str,
        steps: Sequence[Step],
        effect: Callable[[], Outcome | None],
        *,
        device: str | None = None,
        target: str | None = None,
        waits: bool = False,
        not_before: float = 0.0,
        prefix: str = "JID",
        on_delete: Callable[[], None] | None = None,
        pre: Sequence[Step] = (),
        check: Callable[[], Outcome | None] | None = None,
        ready: Callable[[], None] | None = None,
    ) -> Job:
        """Create a job; with `waits` it is Scheduled until the host restarts.

        Refused when the store is full (SUP022) or the device has a job already (RED014).
        """
        if len(self.jobs) >= MAX_JOBS:
            raise refuse(400, "SUP022")
        if device is not None and self.busy_device(device):
            raise refuse(400, "RED014")
        now = self.bmc.now
        self.last_number = max(self.last_number + 1, int((now - 1_200_000_000) * 1000) % 1_000_000_000_000)
        job = Job(
            f"{prefix}_{self.last_number:012d}",
            name,
            kind,
            now,
            tuple(steps),
            effect,
            device=device,
            target=target,
            waits=waits,
            not_before=not_before,
            on_delete=on_delete,
            pre=tuple(pre),
            check=check,
            ready=ready,
        )
        self._apply_faults_at_birth(job)
        self.jobs[job.id] = job
        self.bmc.record("JCP027", job.id, category="Configuration")
        self._prepare(job, 0)
        return job

    def _prepare(self, job: Job, index: int) -> None:
        if job.id not in self.jobs:
            return
        if index < len(job.pre):
            step = job.pre[index]
            self._set(job, step.state, step.message_id, 1)
            job.step_begun, job.step_seconds = self.bmc.now, step.seconds
            self._next[job.id] = self.bmc.timeline.after(step.seconds, lambda: self._prepare(job, index + 1))
            return
        refused = job.check() if job.check is not None else None
        if refused is not None:
            self._end(job, refused)
        elif job.waits:
            self._set(job, SCHEDULED, "JCP001", 0)
            if job.ready is not None:
                job.ready()
        else:
            self.begin(job)

    def _apply_faults_at_birth(self, job: Job) -> None:
        faults, now = self.bmc.faults, self.bmc.now
        late = faults.take_for_type("job-late", job.kind, now)
        if late is not None:
            job.visible_from = now + late.number("seconds")
        gone = faults.take_for_type("job-vanishes", job.kind, now)
        if gone is not None:
            job.gone_at = now + gone.number("after_s")

    def busy_device(self, device: str) -> bool:
        """Whether a job for this device has not ended."""
        return any(job.device == device and not job.over for job in self.jobs.values())

    def active_of(self, *kinds: str) -> Job | None:
        """A job of one of these types that has not ended."""
        return next((job for job in self.jobs.values() if job.kind in kinds and not job.over), None)

    def visible(self) -> list[Job]:
        """All jobs that the views show, newest first."""
        now = self.bmc.now
        return [
            job
            for job in reversed(self.jobs.values())
            if job.visible_from <= now and (job.gone_at is None or now < job.gone_at)
        ]

    def find(self, job_id: str) -> Job | None:
        """The job of this id when it is shown."""
        job = self.jobs.get(job_id)
        return job if job is not None and job in self.visible() else None

    def location(self, job: Job) -> dict[str, str]:
        """The Location header of a 202, in this generation's form (§8.1)."""
        if self.bmc.faults.take("job-no-location", now=self.bmc.now):
            return {}
        where = {
            "jobs": f"{MGR}/Jobs",
            "task": f"{ROOT}/TaskService/Tasks",
            "monitor": f"{ROOT}/TaskService/TaskMonitors",
        }[self.bmc.persona.location]
        return {"Location": f"{where}/{job.id}"}

    def begin(self, job: Job, delay: float = 0.0) -> None:
        """Run a job's steps from now (or after a delay)."""
        if job.begun is not None or job.over:
            return
        job.begun = self.bmc.now + delay
        if delay:
            self._next[job.id] = self.bmc.timeline.after(delay, lambda: self._step(job, 0))
        else:
            self._step(job, 0)

    def _step(self, job: Job, index: int) -> None:
        if job.id not in self.jobs:
            return
        if index >= len(job.steps):
            self._finish(job)
            return
        step = job.steps[index]
        self._set(job, step.state, step.message_id, 1 if index == 0 else job.percent)
        job.step_begun, job.step_seconds = self.bmc.now, step.seconds
        if self.bmc.faults.take_for_type("job-stuck", job.kind, self.bmc.now):
            return
        self._next[job.id] = self.bmc.timeline.after(step.seconds, lambda: self._step(job, index + 1))

    def _finish(self, job: Job) -> None:
        self._next.pop(job.id, None)
        faults, now = self.bmc.faults, self.bmc.now
        failing = faults.take_for_type("job-fails", job.kind, now)
        if failing is not None:
            outcome = Outcome(FAILED, failing.text("message_id"))
            if failing.flag("after_work"):
                job.effect()
            elif job.on_delete is not None:
                job.on_delete()
        else:
            outcome = job.effect() or Outcome()
            if faults.take_for_type("job-completed-with-errors", job.kind, now):
                outcome = Outcome(WITH_ERRORS, "JCP008")
            elif faults.take_for_type("job-user-intervention", job.kind, now):
                outcome = Outcome(INTERVENTION, "RED029")
        self._end(job, outcome)

    def _end(self, job: Job, outcome: Outcome) -> None:
        self._set(job, outcome.state, outcome.message_id, 100, outcome.args)
        job.ended = self.bmc.now
        self.bmc.record(
            "JCP037" if outcome.state == COMPLETED else outcome.message_id, job.id, category="Configuration"
        )

    def _set(self, job: Job, state: str, message_id: str, percent: int | None, args: tuple[str, ...] = ()) -> None:
        job.state, job.message_id, job.percent, job.args = state, message_id, percent, args

    def percent_of(self, job: Job) -> int | None:
        """Percent complete; it jumps, and between steps it can be null (§8.3)."""
        if job.state not in ACTIVE or not job.step_seconds:
            return job.percent
        share = (self.bmc.now - job.step_begun) / job.step_seconds
        return max(1, min(99, int(share * 100)))

    def host_restarted(self) -> None:
        """Run what waited for a restart, one after the other (§14)."""
        delay = 0.0
        for job in list(self.jobs.values()):
            if job.state == SCHEDULED and job.waits and job.begun is None and job.not_before <= self.bmc.now:
                self.begin(job, delay)
                delay += sum(step.seconds for step in job.steps)
        if delay:
            self.bmc.host.hold_post(delay)

    def delete(self, job: Job) -> None:
        """Take a job out of the queue; one that runs is refused (JCP023)."""
        if job.state in ACTIVE:
            raise refuse(400, "JCP023", job.id)
        self.forget(job)
        self.bmc.record("SUP020", category="Configuration")

    def forget(self, job: Job) -> None:
        """Remove a job in whatever state."""
        appointment = self._next.pop(job.id, None)
        if appointment is not None:
            appointment.cancel()
        self.jobs.pop(job.id, None)
        if not job.over and job.on_delete is not None:
            job.on_delete()

    def clear(self, *, force: bool) -> None:
        """Remove all jobs; only by force those that run."""
        for job in list(self.jobs.values()):
            if force or job.state not in ACTIVE:
                self.forget(job)

    def start_text(self, job: Job) -> str:
        """StartTime as the OEM view shows it."""
        if job.not_before:
            return iso(job.not_before)
        return "TIME_NOW" if job.begun is None else iso(job.begun)

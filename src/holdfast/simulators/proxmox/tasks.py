"""Worker tasks: UPIDs, life cycle, logs, the archive of each node (contract section 7)."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from holdfast.simulators.proxmox.errors import ApiError, TaskError
from holdfast.simulators.proxmox.timeline import Event, Timeline
from holdfast.simulators.proxmox.values import Row

ARCHIVE_LIMIT: Final = 1000
GUEST_LOCK_WAIT_S: Final = 10.0


@dataclass(frozen=True)
class Pause:
    """Let this share of the task's duration pass."""

    share: float = 1.0


@dataclass(frozen=True)
class Warn:
    """Write a warning; the task ends with `WARNINGS: n`."""

    text: str


@dataclass(frozen=True)
class Acquire:
    """Take a guest's configuration lock, waiting a while; it is given back when the task ends.

    Negative numbers are the locks of nodes.
    """

    vmid: int
    path: str
    wait_s: float = GUEST_LOCK_WAIT_S


@dataclass(frozen=True)
class Release:
    """Give the configuration lock back before the task ends."""

    vmid: int


Step: TypeAlias = str | Pause | Warn | Acquire | Release
Work: TypeAlias = Generator[Step, None, None]


class InterruptedWork(TaskError):
    """Thrown into a worker that a user stops."""

    def __init__(self) -> None:
        super().__init__("interrupted by signal")


@dataclass(eq=False)
class Task:
    """One worker process of one node."""

    node: str
    pid: int
    pstart: int
    starttime: int
    kind: str
    id: str
    user: str
    duration_s: float
    log: list[str] = field(default_factory=list)
    warnings: int = 0
    endtime: int | None = None
    exitstatus: str | None = None
    work: Work | None = None
    wakeup: Event | None = None
    hangs: bool = False
    failure: str | None = None
    fails_late: bool = False
    visible_at_s: float = 0.0

    @property
    def upid(self) -> str:
        """The unique process id that clients poll."""
        head = f"UPID:{self.node}:{self.pid:08X}:{self.pstart:08X}:{self.starttime:08X}"
        return f"{head}:{self.kind}:{self.id}:{self.user}:"

    @property
    def running(self) -> bool:
        """Whether the worker still lives."""
        return self.exitstatus is None

    def owner(self) -> Row:
        """User and token id, told apart."""
        user, separator, token = self.user.partition("!")
        return {"user": user, "tokenid": token} if separator else {"user": user}


@dataclass
class _Lock:
    owner: Task | None = None
    waiting: list[Task] = field(default_factory=list)


class Tasks:
    """All workers of all nodes, driven by the timeline.

    `task_seconds`, when set, replaces the duration of every task started from then on.
    """

    def __init__(self, timeline: Timeline, rng: random.Random) -> None:
        self.timeline = timeline
        self.task_seconds: float | None = None
        self._rng = rng
        self._pid = 2000 + rng.randrange(1000)
        self._by_node: dict[str, list[Task]] = {}
        self._by_upid: dict[str, Task] = {}
        self._locks: dict[int, _Lock] = {}

    def of_node(self, node: str) -> list[Task]:
        """Tasks of a node, oldest first."""
        return self._by_node.get(node, [])

    def find(self, upid: str) -> Task | None:
        """The task of this id, if the node still remembers it."""
        return self._by_upid.get(upid)

    def running_of(self, node: str) -> list[Task]:
        """Workers alive on a node."""
        return [task for task in self.of_node(node) if task.running]

    def start(self, node: str, kind: str, ident: str, user: str, work: Work, seconds: float) -> Task:
        """Fork a worker: its first steps run at once, the rest as time passes."""
        moment = self.timeline.now()
        self._pid += self._rng.randrange(1, 40)
        uptime = int((moment - self.timeline.started_s + 864_000) * 100)
        duration = seconds if self.task_seconds is None else self.task_seconds
        task = Task(node, self._pid, uptime, int(moment), kind, ident, user, duration, work=work)
        tasks = self._by_node.setdefault(node, [])
        tasks.append(task)
        self._by_upid[task.upid] = task
        if len(tasks) > ARCHIVE_LIMIT + 50:
            self._forget(tasks)
        return task

    def run(self, task: Task) -> None:
        """Run a worker up to its next pause."""
        work = task.work
        if work is None or not task.running:
            return
        try:
            for step in work:
                if self._stops_at(task, step):
                    return
        except (TaskError, ApiError) as error:
            self.finish(task, str(error).rstrip())
            return
        if task.failure is not None:
            self.finish(task, task.failure)
        else:
            self.finish(task, f"WARNINGS: {task.warnings}" if task.warnings else "OK")

    def _stops_at(self, task: Task, step: Step) -> bool:
        match step:
            case str():
                task.log.append(step)
            case Warn(text):
                self.warn(task, text)
            case Pause(share):
                return self._pause(task, share)
            case Acquire():
                return not self._acquire(task, step)
            case Release(vmid):
                self._release(task, vmid)
        return False

    def _pause(self, task: Task, share: float) -> bool:
        if task.failure is not None and not task.fails_late:
            # A failure asked for by a test comes where the work would have gone on.
            raise TaskError(task.failure)
        if not task.hangs:
            task.wakeup = self.timeline.after(share * task.duration_s, lambda: self.run(task))
        return True

    def warn(self, task: Task, text: str) -> None:
        """Count and write a warning."""
        task.warnings += 1
        task.log.append(f"WARN: {text}")

    def finish(self, task: Task, exitstatus: str) -> None:
        """End a worker with this status and give its locks back."""
        task.exitstatus = exitstatus
        task.endtime = int(self.timeline.now())
        task.work = None
        if task.wakeup is not None:
            task.wakeup.cancel()
        if exitstatus == "OK":
            task.log.append("TASK OK")
        elif exitstatus.startswith("WARNINGS: "):
            task.log.append(f"TASK {exitstatus}")
        elif exitstatus != "unexpected status":
            task.log.append(f"TASK ERROR: {exitstatus}")
        for vmid in [vmid for vmid, lock in self._locks.items() if lock.owner is task or task in lock.waiting]:
            self._release(task, vmid)

    def stop(self, task: Task) -> None:
        """Kill a worker on request: its own clean-up runs."""
        work = task.work
        if work is None or not task.running:
            return
        status = "interrupted by signal"
        try:
            work.throw(InterruptedWork())
        except (TaskError, ApiError) as error:
            status = str(error)
        except StopIteration:
            pass
        self.finish(task, status)

    def kill_node(self, node: str) -> None:
        """The node died: its workers vanish without a word."""
        for task in self.running_of(node):
            if task.work is not None:
                task.work.close()
            self.finish(task, "unexpected status")

    def lock_holder(self, vmid: int) -> Task | None:
        """The worker that holds a guest's configuration lock."""
        lock = self._locks.get(vmid)
        return lock.owner if lock else None

    def _acquire(self, task: Task, wanted: Acquire) -> bool:
        lock = self._locks.setdefault(wanted.vmid, _Lock())
        if lock.owner in (None, task):
            lock.owner = task
            return True
        lock.waiting.append(task)
        task.log.append("trying to acquire lock...")
        task.wakeup = self.timeline.after(wanted.wait_s, lambda: self._give_up(task, lock, wanted.path))
        return False

    def _give_up(self, task: Task, lock: _Lock, path: str) -> None:
        if task in lock.waiting:
            lock.waiting.remove(task)
            self.finish(task, f"can't lock file '{path}' - got timeout")

    def _release(self, task: Task, vmid: int) -> None:
        lock = self._locks.get(vmid)
        if lock is None:
            return
        if task in lock.waiting:
            lock.waiting.remove(task)
        if lock.owner is not task:
            return
        lock.owner = lock.waiting.pop(0) if lock.waiting else None
        successor = lock.owner
        if successor is None:
            del self._locks[vmid]
            return
        if successor.wakeup is not None:
            successor.wakeup.cancel()
        successor.log.append(" OK")
        successor.wakeup = self.timeline.after(0, lambda: self.run(successor))

    def _forget(self, tasks: list[Task]) -> None:
        finished = [task for task in tasks if not task.running]
        for task in finished[: max(0, len(finished) - ARCHIVE_LIMIT)]:
            tasks.remove(task)
            self._by_upid.pop(task.upid, None)

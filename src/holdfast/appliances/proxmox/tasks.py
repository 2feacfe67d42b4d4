"""Tasks: a write is done when its task's exit status says so (contract 7)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from holdfast.control.change import Applied
from holdfast.errors import ApplianceError, Executed, NotFoundError, ProtocolError, TransportError, UnavailableError
from holdfast.resilience import remaining_s
from holdfast.transport.values import JsonObject, JsonValue, as_object, as_objects, get_str, opt_int, opt_str

UPID: Final = re.compile(
    r"UPID:(?P<node>[A-Za-z0-9][A-Za-z0-9-]*):[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:(?P<start>[0-9A-Fa-f]{8})"
    r":(?P<type>[^:\s/]+):(?P<id>[^:\s/]*):(?P<user>[^:\s/]+):\Z"
)
POLL_S: Final = (0.2, 0.5, 1.0, 2.0)
"""Waits between looks at a task, seconds; the last one repeats."""
INLINE_WAIT_S: Final = 15.0
"""How long a write waits for its task before it hands the task over, seconds."""

Sleep = Callable[[float], Awaitable[None]]


class TaskFailedError(ApplianceError):
    """The task ended with an error: its exit status is the reason."""

    code = "task_failed"
    default_executed = Executed.UNKNOWN
    default_next_step = "proxmox_task_log shows what it did before it failed."


class Reader(Protocol):
    """What this module needs of a client."""

    async def get(
        self,
        *segments: str | int,
        query: dict[str, str | int] | None = None,
        node: str | None = None,
        name: str | None = None,
    ) -> JsonValue: ...


@dataclass(frozen=True)
class Task:
    """State of a task. `exit_status` is None while it runs."""

    upid: str
    node: str
    type: str
    id: str
    user: str
    started_at: int
    exit_status: str | None

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.exit_status is None

    @property
    def succeeded(self) -> bool:
        """Whether it ended well; warnings are a success with warnings."""
        return self.exit_status is not None and (self.exit_status == "OK" or self.exit_status.startswith("WARNINGS"))


def upid_of(value: JsonValue, what: str) -> str:
    """The UPID that an asynchronous call answered.

    Raises:
        ProtocolError: It is something else. `"OK"` in place of a UPID means that nothing was done (contract 7).
    """
    if isinstance(value, str) and UPID.match(value):
        return value
    if value == "OK":
        raise ProtocolError(
            f"Proxmox answered OK to {what} without starting a task: nothing was done.",
            executed=Executed.NO,
            next_step="The object is probably on another node by now; list it again and repeat.",
        )
    raise ProtocolError(f"Proxmox answered {what} without a task.", next_step="Read the state back.")


async def task_state(client: Reader, upid: str) -> Task:
    """Ask for a task's state, on the node that its UPID names.

    Raises:
        NotFoundError: Not a UPID, or the task is no longer known.
    """
    parts = UPID.match(upid)
    if parts is None:
        raise NotFoundError("This is not the id of a task (UPID:…).", next_step="Take it from the answer of a write.")
    node = parts["node"]
    status = as_object(await client.get("nodes", node, "tasks", upid, "status", node=node, name="task"), "task")
    return Task(
        upid=upid,
        node=node,
        type=parts["type"],
        id=parts["id"],
        user=opt_str(status, "user") or parts["user"],
        started_at=opt_int(status, "starttime", lenient=True) or int(parts["start"], 16),
        exit_status=_exit_status(status),
    )


def _exit_status(status: JsonObject) -> str | None:
    return (opt_str(status, "exitstatus") or "ended") if get_str(status, "status") == "stopped" else None


async def wait_for(
    client: Reader,
    upid: str,
    *,
    limit_s: float,
    sleep: Sleep,
    report: Callable[[Task, float], Awaitable[None]] | None = None,
) -> Task:
    """Wait until a task has ended, or until the limit; a look that fails is not a task that failed.

    Args:
        client: Where to ask.
        upid: The task.
        limit_s: Longest wait in seconds; cut to what is left of the call's deadline.
        sleep: Waits.
        report: Told of every look: the task and the seconds waited so far.
    """
    left = remaining_s()
    limit = limit_s if left is None else min(limit_s, left - 2.0)
    waited = 0.0
    task = await _look(client, upid)
    for turn in range(10_000):
        if report is not None and task is not None:
            await report(task, waited)
        if (task is not None and not task.running) or waited >= limit:
            break
        pause = min(POLL_S[min(turn, len(POLL_S) - 1)], max(limit - waited, 0.05))
        await sleep(pause)
        waited += pause
        task = await _look(client, upid) or task
    if task is None:
        raise UnavailableError(f"The state of the task {upid} cannot be read now.", next_step="Ask again later.")
    return task


async def _look(client: Reader, upid: str) -> Task | None:
    try:
        return await task_state(client, upid)
    except (UnavailableError, TransportError):
        return None


async def finish(client: Reader, upid: str, *, sleep: Sleep) -> Applied:
    """Wait a while for the task of a write.

    Returns:
        What was applied; its `task` is set when the task still runs.

    Raises:
        TaskFailedError: The task ended with an error.
    """
    task = await wait_for(client, upid, limit_s=INLINE_WAIT_S, sleep=sleep)
    if task.running:
        return Applied(task=upid)
    if not task.succeeded:
        raise TaskFailedError(f"The task failed: {task.exit_status}", details={"task": upid})
    warnings = [f"The task ended with {task.exit_status}."] if task.exit_status != "OK" else []
    return Applied(details={"task": upid, "exit_status": task.exit_status}, warnings=warnings)


async def find_task(
    client: Reader, node: str, *, vmid: int | None, types: frozenset[str], since: int
) -> JsonObject | None:
    """The newest task on a node of these types since a time: how a lost answer to a write is settled (contract 10).

    Args:
        client: Where to ask.
        node: The node that the write was sent to.
        vmid: Guest that the task is about, if any.
        types: Task types that the write may have started.
        since: Seconds since the epoch.
    """
    query: dict[str, str | int] = {"source": "all", "since": since, "limit": 50}
    if vmid is not None:
        query["vmid"] = vmid
    rows = as_objects(await client.get("nodes", node, "tasks", query=query, node=node, name="tasks"), "tasks")
    matching = [row for row in rows if row.get("type") in types]
    return max(matching, key=lambda row: opt_int(row, "starttime", lenient=True) or 0, default=None)

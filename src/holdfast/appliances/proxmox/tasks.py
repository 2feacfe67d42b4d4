"""Tasks: a write is done when its task's exit status says so (contract 7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.upids import parse_upid
from holdfast.errors import (
    ApplianceFaultError,
    BusyError,
    CircuitOpenError,
    Executed,
    InputError,
    NotFoundError,
    OverloadedError,
    ProtocolError,
    TransportError,
    UnavailableError,
)
from holdfast.resilience import remaining_s
from holdfast.transport.values import JsonObject, JsonValue, as_objects, get_str, opt_int, opt_str

POLL_S: Final = (0.2, 0.5, 1.0, 2.0)
"""Waits between looks at a task, seconds; the last one repeats."""
INLINE_WAIT_S: Final = 15.0
"""How long a write waits for its task before it hands the task over, seconds."""
SKEW_S: Final = 60
"""How far the clocks of the appliance and of this machine may differ, seconds."""
SAME_MOMENT_S: Final = 5
"""Clocks that are set by the network differ by less, seconds."""
VISIBILITY_LAG_S: Final = 5.0
"""A new task may be unknown for some seconds (contract 7)."""

Sleep = Callable[[float], Awaitable[None]]
Report = Callable[["Task", float], Awaitable[None]]


@dataclass(frozen=True)
class Task:
    """State of a task. `exit_status` is None while it runs; `user` is the full account."""

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
        return succeeded(self.exit_status)


def succeeded(exit_status: str | None) -> bool:
    """Whether an exit status is a success."""
    return exit_status is not None and (exit_status == "OK" or exit_status.startswith("WARNINGS"))


def upid_of(value: JsonValue, what: str) -> str:
    """The UPID that an asynchronous call answered.

    Raises:
        ProtocolError: It is something else. `"OK"` in place of a UPID means that nothing was done (contract 7).
    """
    if isinstance(value, str) and parse_upid(value) is not None:
        return value
    if value == "OK":
        raise ProtocolError(
            f"Proxmox answered OK to {what} without starting a task: nothing was done.",
            executed=Executed.NO,
            next_step="The object is probably on another node by now; list it again and repeat.",
        )
    raise ProtocolError(f"Proxmox answered {what} without a task.", next_step="Read the state back.")


async def task_state(client: AsyncProxmoxClient, upid: str) -> Task:
    """Ask for a task's state, on the node that its UPID names.

    Raises:
        InputError: Not a UPID.
        NotFoundError: The task is no longer known.
    """
    parts = parse_upid(upid)
    if parts is None:
        raise InputError("This is not the id of a task (UPID:…).", next_step="Take it from the answer of a write.")
    status = await client.object("nodes", parts.node, "tasks", upid, "status")
    return Task(
        upid=upid,
        node=parts.node,
        type=parts.type,
        id=parts.id,
        user=parts.user,
        started_at=opt_int(status, "starttime", lenient=True) or parts.started_at,
        exit_status=_exit_status(status),
    )


def _exit_status(status: JsonObject) -> str | None:
    return (opt_str(status, "exitstatus") or "ended") if get_str(status, "status") == "stopped" else None


async def wait_for(
    client: AsyncProxmoxClient, upid: str, *, limit_s: float, sleep: Sleep, report: Report | None = None
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
    task = await _look(client, upid, waited)
    for turn in range(10_000):
        if report is not None and task is not None:
            await report(task, waited)
        if (task is not None and not task.running) or waited >= limit:
            break
        pause = min(POLL_S[min(turn, len(POLL_S) - 1)], max(limit - waited, 0.05))
        await sleep(pause)
        waited += pause
        task = await _look(client, upid, waited) or task
    if task is None:
        raise UnavailableError(
            f"The state of the task {upid} cannot be read now; the task itself is not touched by that.",
            next_step="Ask again later with the same upid.",
        )
    return task


async def _look(client: AsyncProxmoxClient, upid: str, waited: float) -> Task | None:
    """The task's state; None when it cannot be told now, which says nothing about the task (contract 7)."""
    try:
        return await task_state(client, upid)
    except (UnavailableError, TransportError, ApplianceFaultError, BusyError, CircuitOpenError, OverloadedError):
        return None
    except NotFoundError:
        if waited >= VISIBILITY_LAG_S:
            raise
        return None


async def log_tail(client: AsyncProxmoxClient, upid: str, lines: int) -> tuple[list[str], int]:
    """The last lines of a task's log, and how many lines it has in all."""
    parts = parse_upid(upid)
    if parts is None:
        raise InputError("This is not the id of a task (UPID:…).", next_step="Take it from the answer of a write.")
    where = ("nodes", parts.node, "tasks", upid, "log")
    first = await client.envelope(*where, query={"start": 0, "limit": lines})
    total = opt_int(first, "total", lenient=True) or 0
    rows = as_objects(first.get("data"), "log")
    if total > lines:
        rows = await client.rows(*where, query={"start": total - lines, "limit": lines})
    return [opt_str(row, "t") or "" for row in rows], total


@dataclass(frozen=True)
class Candidates:
    """Tasks that a write whose answer was lost may have started.

    Attributes:
        likely: Started when the write was sent, or after.
        earlier: Started before by this machine's clock: theirs when the clocks differ, another's when not.
    """

    likely: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()


async def find_tasks(
    client: AsyncProxmoxClient,
    node: str,
    *,
    vmid: int | None,
    types: frozenset[str],
    since: int,
    about: str | None = None,
) -> Candidates:
    """Tasks on a node that this account has started since a time and this process has not heard of, newest first.

    That is how a lost answer to a write is settled (contract 10). Clocks may differ by `SKEW_S`.

    Args:
        client: Where to ask.
        node: The node that the write was sent to.
        vmid: Guest that the task is about, if any.
        types: Task types that the write may have started.
        since: When it was sent, seconds since the epoch.
        about: What else the task is about, where its id tells: a service.
    """
    query: dict[str, str | int] = {"source": "all", "since": since - SKEW_S, "limit": 50}
    if vmid is not None:
        query["vmid"] = vmid
        about = str(vmid)
    rows = await client.rows("nodes", node, "tasks", query=query)
    found = [parse_upid(get_str(row, "upid")) for row in rows]
    ours = [
        upid
        for upid in found
        if upid is not None
        and upid.type in types
        and about in (None, upid.id)
        and upid.user == client.principal
        and upid.text not in client.known_tasks
    ]
    ours.sort(key=lambda upid: upid.started_at, reverse=True)
    return Candidates(
        likely=tuple(upid.text for upid in ours if upid.started_at >= since - SAME_MOMENT_S),
        earlier=tuple(upid.text for upid in ours if upid.started_at < since - SAME_MOMENT_S),
    )

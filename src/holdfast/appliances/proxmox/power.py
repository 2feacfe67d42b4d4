"""Power actions on guests as changes: state before and after, the task followed, the state read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.guests import Guest, current_state, ha_managed
from holdfast.appliances.proxmox.tasks import Sleep, find_task, finish, task_state, upid_of
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Applied, Change, Observed
from holdfast.errors import ConflictError
from holdfast.transport.values import get_str, opt_str

_SKEW_S: Final = 5


@dataclass(frozen=True)
class Action:
    """A power action.

    Attributes:
        name: Last segment of the path.
        verb: For people.
        wanted: Status of the guest when it has worked; None when the status is the same before and after.
        tasks: Types of the tasks that it starts (contract 7), those of the HA manager included.
        undo: Tool that takes it back, if there is one.
    """

    name: str
    verb: str
    wanted: str | None
    tasks: frozenset[str]
    undo: str | None = None
    cannot_undo: str | None = None


START: Final = Action(
    "start", "Start", "running", frozenset({"qmstart", "vzstart", "hastart"}), undo="proxmox_shutdown_guest"
)
SHUTDOWN: Final = Action(
    "shutdown", "Shut down", "stopped", frozenset({"qmshutdown", "vzshutdown", "hastop"}), undo="proxmox_start_guest"
)
STOP: Final = Action(
    "stop",
    "Cut the power of",
    "stopped",
    frozenset({"qmstop", "vzstop", "hastop"}),
    undo="proxmox_start_guest",
)


async def plan_power(
    client: AsyncProxmoxClient,
    guest: Guest,
    action: Action,
    *,
    now: Callable[[], float],
    sleep: Sleep,
    form: dict[str, str | int] | None = None,
    warnings: tuple[str, ...] = (),
) -> Change:
    """The change that an action makes to a guest.

    Raises:
        ConflictError: A template has no power state.
    """
    if guest.template:
        raise ConflictError(f"{guest.label} is a template.", next_step="Clone it, then start the clone.")
    state = await current_state(client, guest)
    status = get_str(state, "status")
    before: JsonObject = {"status": status, "node": guest.node, "lock": opt_str(state, "lock")}
    managed = ha_managed(state)
    started_at = int(now()) - _SKEW_S

    async def apply() -> Applied:
        answer = await client.write("POST", *guest.path, "status", action.name, form=form or {}, node=guest.node)
        upid = upid_of(answer, f"{action.name} of {guest.label}")
        applied = await finish(client, upid, sleep=sleep)
        if managed and applied.task is None:
            return Applied(task=upid, details=applied.details, warnings=("The HA manager carries it out.",))
        return applied

    async def read_back() -> Observed:
        seen = await current_state(client, guest)
        reached = get_str(seen, "status") == action.wanted
        observed: JsonObject = {"status": get_str(seen, "status"), "node": guest.node, "lock": opt_str(seen, "lock")}
        if action.wanted is not None and reached:
            return Observed("applied", observed)
        return await _by_task(client, guest, action, started_at, observed)

    return Change(
        summary=f"{action.verb} {guest.label}",
        identity=await client.identity(),
        before=before,
        after={**before, "status": action.wanted or status},
        content={"action": action.name, "vmid": guest.vmid, "node": guest.node, "form": dict(form or {})},
        apply=apply,
        read_back=read_back,
        undo=UndoCall(tool=action.undo, arguments={"guest": str(guest.vmid)}) if action.undo else None,
        cannot_undo=action.cannot_undo,
        warnings=[*warnings, *(["The guest is managed by HA: the request goes to the HA manager."] if managed else [])],
        nothing_to_do=action.wanted is not None and status == action.wanted,
    )


async def _by_task(
    client: AsyncProxmoxClient, guest: Guest, action: Action, since: int, observed: JsonObject
) -> Observed:
    """The status is not the wanted one: the task list tells whether it failed, still runs, or never began."""
    row = await find_task(client, guest.node, vmid=guest.vmid, types=action.tasks, since=since)
    if row is None:
        return Observed("not_applied", observed, note="No task was started.")
    task = await task_state(client, get_str(row, "upid"))
    if task.running:
        return Observed("unknown", observed, note="The task still runs.", task=task.upid)
    if task.succeeded and action.wanted is None:
        return Observed("applied", observed)
    if task.succeeded:
        return Observed(
            "unknown", observed, note="The task ended well; the status does not show it yet.", task=task.upid
        )
    return Observed("not_applied", observed, note=f"The task failed: {task.exit_status}", task=task.upid)

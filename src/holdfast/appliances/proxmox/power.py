"""Power actions on guests as changes: state before and after, the task followed, the state read back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.encoding import Given, form_of
from holdfast.appliances.proxmox.guests import Guest, current_state, ha_managed
from holdfast.appliances.proxmox.protection import guard_guest
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.errors import ConflictError
from holdfast.transport.values import get_str, opt_str


@dataclass(frozen=True)
class Action:
    """A power action.

    Attributes:
        name: Last segment of the path.
        verb: For people.
        wanted: Status of the guest when it has worked; None when the status is the same before and after.
        tasks: Types of the tasks that it starts (contract 7), those of the HA manager included.
        needs: Status without which it makes no sense.
        interrupts: Whether the guest does not run for a while.
        undo: Tool that takes it back, if there is one.
        cannot_undo: Why there is none.
        lingers: What may still come of it when its task has failed, and what to do then.
    """

    name: str
    verb: str
    wanted: str | None
    tasks: frozenset[str]
    needs: str | None = None
    interrupts: bool = True
    undo: str | None = None
    cannot_undo: str | None = None
    lingers: str | None = None


_STILL_ASKED: Final = (
    "The guest was asked to shut down and may still do so, a guest that installs updates for example: look again with "
    "proxmox_get_guest; proxmox_stop_guest cuts its power."
)
START: Final = Action(
    "start",
    "Start",
    "running",
    frozenset({"qmstart", "vzstart", "hastart"}),
    interrupts=False,
    undo="proxmox_shutdown_guest",
)
SHUTDOWN: Final = Action(
    "shutdown",
    "Shut down",
    "stopped",
    frozenset({"qmshutdown", "vzshutdown", "hastop"}),
    undo="proxmox_start_guest",
    lingers=_STILL_ASKED,
)
STOP: Final = Action(
    "stop", "Cut the power of", "stopped", frozenset({"qmstop", "vzstop", "hastop"}), undo="proxmox_start_guest"
)
REBOOT: Final = Action(
    "reboot",
    "Reboot",
    None,
    frozenset({"qmreboot", "vzreboot"}),
    needs="running",
    cannot_undo="A reboot is over when it is over.",
    lingers="The guest may be stopped, or still be about to stop: see after, and look again with proxmox_get_guest.",
)
RESET: Final = Action(
    "reset",
    "Reset",
    None,
    frozenset({"qmreset"}),
    needs="running",
    cannot_undo="What was in the guest's memory is lost.",
)
SUSPEND: Final = Action(
    "suspend", "Suspend", "paused", frozenset({"qmpause", "vzsuspend"}), needs="running", undo="proxmox_resume_guest"
)
HIBERNATE: Final = Action(
    "suspend", "Hibernate", "stopped", frozenset({"qmsuspend"}), needs="running", undo="proxmox_resume_guest"
)
RESUME: Final = Action(
    "resume",
    "Resume",
    "running",
    frozenset({"qmresume", "vzresume", "qmstart"}),
    interrupts=False,
    undo="proxmox_suspend_guest",
)


async def plan_power(
    ctx: Ctx, guest: Guest, action: Action, *, warnings: tuple[str, ...] = (), **form: Given
) -> Change:
    """The change that an action makes to a guest.

    Raises:
        ConflictError: A template has no power state, or the guest is not in the state that the action needs.
        RefusedError: It would stop the guest that Holdfast runs in, or a protected one.
    """
    if guest.template:
        raise ConflictError(f"{guest.label} is a template.", next_step="Clone it, then start the clone.")
    await guard_guest(ctx, guest, interrupts=action.interrupts)
    state = await current_state(ctx.client, guest)
    before = shown_state(guest, state)
    status = str(before["status"])
    if action.needs is not None and status not in (action.needs, action.wanted):
        raise ConflictError(
            f"{guest.label} is {status}, not {action.needs}.", next_step="Bring it into that state first."
        )

    async def look() -> Seen:
        seen = shown_state(guest, await current_state(ctx.client, guest))
        reached = None if action.wanted is None else seen["status"] == action.wanted
        return Seen(reached, seen, partly=seen["status"] != status or seen["lock"] != before["lock"])

    managed = ha_managed(state)
    return await change(
        ctx,
        Write(
            "POST",
            (*guest.path, "status", action.name),
            form_of(form),
            tasks=action.tasks,
            vmid=guest.vmid,
            guest=guest,
            lingers=action.lingers,
        ),
        summary=f"{action.verb} {guest.label}",
        before=before,
        after={**before, "status": action.wanted or status},
        look=look,
        undo=UndoCall(tool=action.undo, arguments={"guest": str(guest.vmid)}) if action.undo else None,
        cannot_undo=action.cannot_undo,
        warnings=[*warnings, *(["The guest is managed by HA: the request goes to the HA manager."] if managed else [])],
        nothing_to_do=action.wanted is not None and status == action.wanted and action is not HIBERNATE,
    )


def shown_state(guest: Guest, state: JsonObject) -> JsonObject:
    """Status as people say it: a paused VM reports `running` with `qmpstatus` paused (contract 11)."""
    status = get_str(state, "status")
    if status == "running" and opt_str(state, "qmpstatus") in ("paused", "suspended"):
        status = "paused"
    return {"status": status, "node": guest.node, "lock": opt_str(state, "lock")}

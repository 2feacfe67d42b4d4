"""What a look at the state, and a job that has ended, tell of a change (contract 8.5, 11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from holdfast.appliances.idrac.jobs import Job
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Observed

_PERHAPS: Final = "Whether it did part of its work before, the state does not show."
_SHOWN: Final = "What can be read is as wanted; the Lifecycle log says what went wrong: idrac_list_logs."
_NOT_SHOWN: Final = "The state does not show all of it; the Lifecycle log says what went wrong: idrac_list_logs."
_BY_HAND: Final = "It is in force only after an operator has restarted the server or cut it from the mains: look then."
_RESTART: Final = (
    "It takes effect at the next restart of the server. Restart it when that suits (idrac_set_power); then "
    "idrac_wait_job tells how job {job} ended. Do not repeat it."
)
_ASK_OPERATOR: Final = (
    "Ask the operator to restart or unplug the server; then read the state. Do not repeat the change."
)
VANISHED: Final = "No view of the iDRAC knows its job any more: that is no proof of success."


@dataclass(frozen=True)
class Seen:
    """What a look at the state showed.

    Attributes:
        reached: Whether it is as wanted; None when the state cannot tell.
        state: The state, in the shape of `Change.after`.
        note: What else there is to say.
        undo: The call that takes it back, where only the state shows it (an id that the iDRAC chose).
        partly: A part of it is as wanted, another is not; the note says which.
        unproven: Where the state cannot tell, an answer of success is no proof either; the note says what to do.
        next_step: What to do now, where only a part is as wanted.
    """

    reached: bool | None
    state: JsonObject | None = None
    note: str | None = None
    undo: UndoCall | None = None
    partly: bool = False
    unproven: bool = False
    next_step: str | None = None


def by_job(job: Job, seen: Seen, *, only_looks: bool) -> Observed:
    """What a job that goes no further tells, with what the state showed.

    Args:
        job: It.
        seen: The state.
        only_looks: The job changes nothing of the server.
    """
    told = f"Job {job.id}: {job.state}{f', {job.message}' if job.message else ''}"
    match job.phase:
        case "failed" if seen.partly or (seen.reached is None and not only_looks):
            return Observed("unknown", seen.state, note=f"{told} {seen.note or _PERHAPS}")
        case "failed":
            shown = seen.reached is not None
            return Observed("applied" if seen.reached else "not_applied", seen.state, note=told, shown=shown)
        case "partial" if only_looks:
            errors = f"{told} It found errors: see details."
            return Observed("applied" if seen.reached else "unknown", seen.state, note=errors, shown=bool(seen.reached))
        case "partial":
            said = seen.note or (_SHOWN if seen.reached else _NOT_SHOWN)
            return Observed("unknown", seen.state, note=f"{told} Part of it failed. {said}")
        case "staged":
            return Observed(
                "applied" if seen.reached else "unknown",
                seen.state,
                note=f"{told} It waits for a restart of the host.",
                task=job.id,
                undo=UndoCall(tool="idrac_delete_job", arguments={"job": job.id}),
                next_step=_RESTART.format(job=job.id),
            )
        case "needs_operator":
            return Observed("unknown", seen.state, note=f"{told} {_BY_HAND}", next_step=_ASK_OPERATOR)
        case _:
            effect_seen = seen.reached is not False
            note = seen.note if effect_seen else f"{told} {seen.note or 'The state does not show it yet.'}"
            if not effect_seen:
                return Observed("unknown", seen.state, note=note, undo=seen.undo)
            return Observed("applied", seen.state, note=note, undo=seen.undo, shown=bool(seen.reached))


def without_job(seen: Seen, *, answered: bool, vanished: bool, last: bool) -> Observed:
    """What the state alone tells.

    Args:
        seen: The state.
        answered: The write was answered, without an error.
        vanished: There was a job, and no view of the iDRAC knows it any more.
        last: It is not looked at again: what it does not show now has not happened.
    """
    if seen.reached:
        return Observed("applied", seen.state, note=seen.note, undo=seen.undo)
    if vanished:
        return Observed("unknown", seen.state, note=VANISHED)
    if seen.reached is None:
        if answered and not seen.unproven:
            return Observed("applied", seen.state, note=seen.note, undo=seen.undo, shown=False)
        return Observed("unknown", seen.state, note=seen.note or "The state does not show whether it happened.")
    if seen.partly:
        return Observed("unknown", seen.state, note=seen.note, undo=seen.undo, next_step=seen.next_step)
    if not last:
        return Observed("unknown", seen.state, note=seen.note or "The state does not show it yet.")
    return Observed("not_applied", seen.state, note=seen.note or "The state is not as wanted.")

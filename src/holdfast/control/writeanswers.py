"""What is told of a change: that it is planned, that nobody has confirmed it, and what became of it."""

from __future__ import annotations

from typing import Final, Literal

from holdfast.control.answers import Outcome, WriteResult
from holdfast.control.caller import Reply
from holdfast.control.change import Applied, Change, Observed
from holdfast.control.plans import Plan
from holdfast.errors import DeadlineError, HoldfastError, NotConfirmedError, TransportError

Need = Literal["none", "plan", "person"]
"""What a change needs before it is carried out."""

Settled = Literal["applied", "not_applied", "unknown", "started"]
"""What became of a change that was sent."""

_STEPS: Final[dict[Outcome, str | None]] = {
    "planned": "Nothing was executed yet. How to carry it out: see approval.",
    "applied": None,
    "not_applied": "It was sent once and did not take effect. Look for the reason before trying again.",
    "unknown": (
        "It was sent once; whether it took effect, or still will, is not known. Do not repeat it: read the state with "
        "a read tool, now and again later, then decide."
    ),
    "started": (
        "It was sent once and runs on the appliance: wait for it with this appliance's wait tool and the task. Do not "
        "repeat it."
    ),
    "nothing_to_do": "The state was already as wanted; nothing was sent.",
}

_UNSEEN: Final[dict[Settled, tuple[str, str]]] = {
    "applied": (
        "Not verified: the appliance took it without an error, but its state does not show whether it took effect.",
        "Do not repeat it. Before building on it, look for its effect with a read tool.",
    ),
    "not_applied": (
        "Not verified: that nothing happened follows from what the appliance answers, not from its state.",
        "It was sent once. Look for the reason, and for an effect, before trying again.",
    ),
}
"""Warning and next step where the state does not show what became of a change."""


def planned(plan: Plan, change: Change, need: Need) -> WriteResult:
    """What would be done, and what it takes to have it done."""
    if need == "person":
        how = (
            f"A person must confirm it. Call the tool again with the same arguments and plan_id={plan.plan_id}: "
            f"the client asks the user if it can; else the user runs: holdfast approve {plan.plan_id}"
        )
    elif need == "plan":
        how = f"Call the tool again with the same arguments and plan_id={plan.plan_id}."
    else:
        how = f"None needed: call the tool again with the same arguments and plan_id={plan.plan_id}."
    answer = _described(change, "planned")
    answer.plan_id = plan.plan_id
    answer.expires_in_s = round(plan.expires_at - plan.created_at, 0)
    answer.approval = how
    return answer


def nothing_to_do(change: Change) -> WriteResult:
    """That the state is already as wanted."""
    return _described(change, "nothing_to_do")


def not_confirmed(reply: Reply, plan: Plan, change: Change) -> NotConfirmedError:
    """The error that says how a person can still confirm it."""
    how = (
        f"holdfast approve {plan.plan_id} within {round(plan.expires_at - plan.created_at) // 60} minutes of the plan; "
        f"then call this tool again with the same arguments and plan_id={plan.plan_id}."
    )
    if reply is Reply.DECLINED:
        said = "The question was declined, or dismissed."
        step = f"Tell the user, and do not ask again unless they want it. Should they want it after all, they run {how}"
    elif reply is Reply.UNANSWERED:
        said = "Nobody answered the question in time."
        step = f"Tell the user. To confirm, they run {how}"
    else:
        said = "A person must confirm it, and this client cannot ask one."
        step = f"Tell the user what it would change. To confirm, they run {how}"
    return NotConfirmedError(
        f"Not confirmed: {change.summary}. {said} Nothing was executed.",
        next_step=step,
        details={"plan_id": plan.plan_id},
    )


def result(
    change: Change, settled: Settled, observed: Observed, applied: Applied, error: HoldfastError | None
) -> WriteResult:
    """What became of a change that was sent.

    Args:
        change: What was planned.
        settled: What became of it.
        observed: What was read back.
        applied: What the appliance answered; empty when that was lost.
        error: What came in place of its answer.
    """
    answer = _described(change, settled)
    answer.verified = observed.verified
    answer.after = observed.state if observed.state is not None else answer.after
    answer.task = applied.task or observed.task
    if observed.undo is not None:
        answer.undo, answer.cannot_undo = observed.undo, None
    answer.details = applied.details or None
    notes = [*change.warnings, *applied.warnings]
    if error is not None:
        notes.append(_told(error))
    if observed.note:
        notes.append(observed.note)
    if not observed.shown and settled in _UNSEEN:
        warning, answer.next_step = _UNSEEN[settled]
        notes.append(warning)
    if observed.next_step is not None:
        answer.next_step = observed.next_step
    answer.warnings = notes or None
    return answer


def _described(change: Change, outcome: Outcome) -> WriteResult:
    # A call that takes nothing back would take back what somebody else did.
    nothing_changed = outcome in ("nothing_to_do", "not_applied")
    return WriteResult(
        outcome=outcome,
        summary=change.summary,
        identity=change.identity,
        before=change.before or None,
        after=change.after or None,
        blast_radius=list(change.blast_radius) or None,
        undo=None if nothing_changed else change.undo,
        cannot_undo=None if nothing_changed else change.cannot_undo,
        warnings=list(change.warnings) or None,
        next_step=_STEPS[outcome],
    )


def _told(error: HoldfastError) -> str:
    """What came in place of a success; what is true was read back afterwards."""
    if isinstance(error, TransportError | DeadlineError):
        return f"The answer to the write was lost ({error.code}); it was sent once, then the state was read back."
    said = error.message if error.message.endswith((".", "!", "?")) else f"{error.message}."
    return f"The write ended with an error ({error.code}): {said} It was sent once, then the state was read back."

"""The way of a change: plan, confirmation, ledger, one execution, read-back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Literal, cast

from pydantic import JsonValue

from holdfast.config import ControlSettings, TargetSettings
from holdfast.control.answers import JsonObject, Outcome, WriteResult
from holdfast.control.approval import Approvals, denied
from holdfast.control.caller import Caller, Question, Reply
from holdfast.control.change import Applied, Change, Observed
from holdfast.control.exit import OneExit
from holdfast.control.inventory import Entry
from holdfast.control.killswitch import KillSwitch
from holdfast.control.ledger import Intent, Ledger
from holdfast.control.ledger import Outcome as LedgerOutcome
from holdfast.control.plans import Plan, PlanStore, Subject
from holdfast.control.questions import differences, question, undo_text
from holdfast.control.spec import Risk
from holdfast.errors import (
    DeadlineError,
    Executed,
    HoldfastError,
    KillSwitchError,
    NotConfirmedError,
    TransportError,
)
from holdfast.transport import asked_before_sending

READ_BACK_WAITS_S: Final = (0.0, 1.0, 3.0)
"""Waits before each attempt to read back, seconds."""
_SETTLE_LIMIT_S: Final = 20.0

Settled = Literal["applied", "not_applied", "unknown", "started"]


Need = Literal["none", "plan", "person"]
"""What a change needs before it is carried out."""


class Changes:
    """Carries changes out.

    Args:
        settings: What a write and a destructive change need.
        plans: Issues and checks plans.
        approvals: Decisions made outside of the client.
        ledger: Has every change before it is sent, and what became of it.
        kill_switch: Asked before anything is sent.
        leave: What a person is asked passes it.
        sleep: Waits; tests pass one that does not.
    """

    def __init__(
        self,
        settings: ControlSettings,
        *,
        plans: PlanStore,
        approvals: Approvals,
        ledger: Ledger,
        kill_switch: KillSwitch,
        leave: OneExit,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._plans = plans
        self._approvals = approvals
        self._ledger = ledger
        self._kill_switch = kill_switch
        self._leave = leave
        self._sleep = sleep

    async def run(
        self,
        entry: Entry,
        target: TargetSettings,
        caller: Caller,
        arguments: dict[str, object],
        compute: Callable[[], Awaitable[Change]],
        *,
        dry_run: bool,
        plan_id: str | None,
    ) -> WriteResult:
        """Carry out one call of a tool that writes.

        Raises:
            KillSwitchError, PlanError, NotConfirmedError, LedgerError: Refused; nothing was executed.
            HoldfastError: The appliance refused it, or planning failed.
        """
        self._kill_switch.check()
        change = await _planned_only(compute)
        if change.nothing_to_do and plan_id is None:
            return _described(change, "nothing_to_do")
        subject = _subject(entry, target, caller, arguments, change)
        known = plan_id if plan_id is not None else caller.resumed_plan
        plan = self._plans.issue(subject) if known is None else self._plans.check(known, subject)
        risk = _risk(entry, change)
        if dry_run:
            return self._planned(plan, change, risk)
        approved_by = await self._confirmed(plan, change, risk, caller, second_call=plan_id is not None)
        if approved_by is None:
            return self._planned(plan, change, risk)
        if self._need(risk) == "person":
            # A person takes time: what was planned is looked at once more, and the plan refuses what has moved.
            change = await _planned_only(compute)
            subject = _subject(entry, target, caller, arguments, change)
            risk = _risk(entry, change)
            if self._decided(plan) is not None:
                self._approvals.redeem(plan)
        self._plans.consume(plan.plan_id, subject)
        return await self._carry_out(plan, change, risk, caller, subject, approved_by)

    def _need(self, risk: Risk) -> Need:
        settings = self._settings
        return settings.approve_destructive if risk is Risk.DESTRUCTIVE else settings.approve_write

    def _planned(self, plan: Plan, change: Change, risk: Risk) -> WriteResult:
        need = self._need(risk)
        if need == "person":
            self._request(plan, change, risk)
            how = (
                f"A person must confirm it. Call the tool again with the same arguments and plan_id={plan.plan_id}: "
                f"the client asks the user if it can; else the user runs: holdfast approve {plan.plan_id}"
            )
        elif need == "plan":
            how = f"Call the tool again with the same arguments and plan_id={plan.plan_id}."
        else:
            how = f"None needed: call the tool again with the same arguments and plan_id={plan.plan_id}."
        return _described(
            change,
            "planned",
            plan_id=plan.plan_id,
            expires_in_s=round(plan.expires_at - plan.created_at),
            approval=how,
        )

    def _request(self, plan: Plan, change: Change, risk: Risk) -> None:
        self._approvals.request(
            plan,
            risk=risk.value,
            summary=change.summary,
            changes=differences(change, self._leave),
            blast_radius=[*change.blast_radius, *change.warnings],
            undo=undo_text(change),
        )

    async def _confirmed(
        self, plan: Plan, change: Change, risk: Risk, caller: Caller, *, second_call: bool
    ) -> str | None:
        """What allows the change to be made now; None when a second call with the plan's id is what is missing.

        Raises:
            NotConfirmedError: A person is needed, and none has confirmed.
        """
        need = self._need(risk)
        if need == "none":
            return "mode operate"
        if need == "plan":
            return "second call with the plan" if second_call else None
        decided = self._decided(plan)
        if decided is not None:
            return decided
        self._request(plan, change, risk)
        reply = await caller.ask(Question(plan.plan_id, question(change, plan.target, self._leave)))
        # Somebody else may have decided while the question was open; a denial wins, whoever says yes.
        decided = self._decided(plan)
        if reply is Reply.ACCEPTED:
            return "a person in the client"
        if decided is not None and reply is Reply.UNANSWERED:
            return decided
        raise _not_confirmed(reply, plan, change)

    def _decided(self, plan: Plan) -> str | None:
        """Who has approved the plan out of band; None while nobody has decided. The approval is not used up.

        Raises:
            NotConfirmedError: Somebody has denied it, or what stands there is no genuine decision.
        """
        decision = self._approvals.decision(plan)
        if decision is None:
            return None
        if not decision.approved:
            raise denied(decision)
        return f"{decision.by} (out of band)"

    async def _carry_out(
        self, plan: Plan, change: Change, risk: Risk, caller: Caller, subject: Subject, approved_by: str
    ) -> WriteResult:
        intent = Intent(
            principal=caller.principal,
            target=plan.target,
            appliance=plan.target.partition(".")[0],
            tool=plan.tool,
            risk=risk.value,
            arguments=cast("JsonObject", subject.arguments),
            correlation_id=caller.correlation_id,
            plan_id=plan.plan_id,
            identity=change.identity,
            summary=change.summary,
            approved_by=approved_by,
        )
        started = time.monotonic()
        async with self._ledger.attempt(intent) as entry:
            self._kill_switch.check()
            error: HoldfastError | None = None
            applied = Applied()
            try:
                with _LastLook(self._kill_switch) as look, asked_before_sending(look.ask):
                    applied = await change.apply()
            except HoldfastError as failed:
                if failed.executed is Executed.NO:
                    raise
                error = failed
            # The answer came, or was lost: either way only what is read back is believed. Nothing is sent again.
            observed = await self._read_back(change)
            settled = _settled(observed, applied)
            entry.settle(_outcome(settled, observed, applied, error, time.monotonic() - started))
        return _result(change, settled, observed, applied, error)

    async def _read_back(self, change: Change) -> Observed:
        observed = Observed("unknown", note="reading back failed")
        try:
            async with asyncio.timeout(_SETTLE_LIMIT_S):
                for wait in READ_BACK_WAITS_S:
                    if wait:
                        await self._sleep(wait)
                    try:
                        observed = await change.read_back()
                    except HoldfastError as error:
                        observed = Observed("unknown", note=f"reading back failed: {error.message}")
                    if observed.effect != "unknown":
                        break
        except TimeoutError:
            observed = Observed("unknown", note="reading back took too long")
        return observed


class _LastLook:
    """Asks the kill switch before every request by which a change is made; not after it, in tasks it left running."""

    def __init__(self, kill_switch: KillSwitch) -> None:
        self._kill_switch = kill_switch
        self._sent = False
        self._over = False

    def __enter__(self) -> _LastLook:
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True

    def ask(self) -> None:
        """Refuse to send while writes are stopped.

        Raises:
            KillSwitchError: Writes are stopped. Whether something of the change was sent before is said by `executed`.
        """
        if self._over:
            return
        try:
            self._kill_switch.check()
        except KillSwitchError as error:
            if not self._sent:
                raise
            raise KillSwitchError(
                "The kill switch was engaged while the change was being made: a part of it was sent, the rest was not.",
                next_step="Tell the user. Read the state to see which part it was.",
                executed=Executed.UNKNOWN,
            ) from error
        self._sent = True


def _risk(entry: Entry, change: Change) -> Risk:
    """The risk of this very change."""
    return Risk.DESTRUCTIVE if change.destructive else entry.risk


async def _planned_only(compute: Callable[[], Awaitable[Change]]) -> Change:
    """The change. Computing it only reads: whatever goes wrong meanwhile, nothing was executed."""
    try:
        return await compute()
    except HoldfastError as error:
        error.executed = Executed.NO
        raise


def _settled(observed: Observed, applied: Applied) -> Settled:
    if observed.effect == "unknown" and (applied.task or observed.task):
        return "started"
    return observed.effect


def _outcome(
    settled: Settled, observed: Observed, applied: Applied, error: HoldfastError | None, duration_s: float
) -> LedgerOutcome:
    """For the ledger, work that goes on is unknown until it is read back."""
    return LedgerOutcome(
        result="unknown" if settled == "started" else settled,
        verified=observed.verified,
        error=error.code if error is not None else None,
        task=applied.task or observed.task,
        note=observed.note,
        duration_s=duration_s,
    )


def _subject(
    entry: Entry, target: TargetSettings, caller: Caller, arguments: dict[str, object], change: Change
) -> Subject:
    return Subject(
        tool=entry.name,
        target=target.label,
        identity=change.identity,
        principal=caller.principal,
        arguments=_plain(arguments),
        content=change.content if change.content is not None else change.after,
        before=change.before,
    )


def _plain(arguments: dict[str, object]) -> JsonValue:
    """Arguments as JSON, whatever models they contain."""
    from pydantic import TypeAdapter

    return cast("JsonValue", TypeAdapter(dict[str, object]).dump_python(arguments, mode="json"))


def _not_confirmed(reply: Reply, plan: Plan, change: Change) -> NotConfirmedError:
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


def _described(
    change: Change,
    outcome: Outcome,
    *,
    plan_id: str | None = None,
    expires_in_s: float | None = None,
    approval: str | None = None,
) -> WriteResult:
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
        plan_id=plan_id,
        expires_in_s=expires_in_s,
        approval=approval,
        next_step=_STEPS[outcome],
    )


def _result(
    change: Change, settled: Settled, observed: Observed, applied: Applied, error: HoldfastError | None
) -> WriteResult:
    result = _described(change, settled)
    result.verified = observed.verified
    result.after = observed.state if observed.state is not None else result.after
    result.task = applied.task or observed.task
    if observed.undo is not None:
        result.undo, result.cannot_undo = observed.undo, None
    result.details = applied.details or None
    notes = [*change.warnings, *applied.warnings]
    if error is not None:
        notes.append(_told(error))
    if observed.note:
        notes.append(observed.note)
    if not observed.shown and settled in _UNSEEN:
        warning, result.next_step = _UNSEEN[settled]
        notes.append(warning)
    if observed.next_step is not None:
        result.next_step = observed.next_step
    result.warnings = notes or None
    return result


def _told(error: HoldfastError) -> str:
    """What came in place of a success; what is true was read back afterwards."""
    if isinstance(error, TransportError | DeadlineError):
        return f"The answer to the write was lost ({error.code}); it was sent once, then the state was read back."
    return (
        f"The write ended with an error ({error.code}): {error.message} It was sent once, then the state was read back."
    )

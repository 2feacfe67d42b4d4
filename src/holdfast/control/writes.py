"""The way of a change: plan, confirmation, ledger, one execution, read-back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, cast

from pydantic import JsonValue

from holdfast.config import ControlSettings, TargetSettings
from holdfast.control.answers import JsonObject, WriteResult
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
from holdfast.control.writeanswers import Need, Settled, not_confirmed, nothing_to_do, planned, result
from holdfast.errors import Executed, HoldfastError, KillSwitchError, NotSentError
from holdfast.transport import asked_before_sending

READ_BACK_WAITS_S: Final = (0.0, 1.0, 3.0)
"""Waits before each attempt to read back, seconds."""
_SETTLE_LIMIT_S: Final = 20.0


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
            return nothing_to_do(change)
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
        return planned(plan, change, need)

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
        raise not_confirmed(reply, plan, change)

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
            look = _LastLook(self._kill_switch)
            try:
                with look, asked_before_sending(look.ask):
                    applied = await change.apply()
            except HoldfastError as failed:
                if failed.executed is Executed.NO:
                    raise
                error = failed
            except Exception as defect:
                if look.nothing_will_be_sent():
                    entry.settle(_defective(defect))
                else:
                    caller.sending.begun = True
                raise
            caller.sending.begun = True
            # The answer came, or was lost: either way only what is read back is believed. Nothing is sent again.
            observed = await self._read_back(change)
            settled = _settled(observed, applied)
            entry.settle(_outcome(settled, observed, applied, error, time.monotonic() - started))
        return result(change, settled, observed, applied, error)

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
        self._refuses = False

    def __enter__(self) -> _LastLook:
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True

    def ask(self) -> None:
        """Refuse to send while writes are stopped.

        Raises:
            KillSwitchError: Writes are stopped. Whether something of the change was sent before is said by `executed`.
            NotSentError: The change has ended with nothing sent, and that was told.
        """
        if self._refuses:
            raise NotSentError("The change has ended with an internal error. Nothing was executed.")
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

    def nothing_will_be_sent(self) -> bool:
        """Whether nothing was sent. If so, nothing is any more: not by a task that was left running either."""
        self._refuses = not self._sent
        return self._refuses


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


def _defective(defect: Exception) -> LedgerOutcome:
    note = "ended with an internal error before anything was sent"
    return LedgerOutcome("not_applied", verified=False, error=type(defect).__name__, note=note)


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

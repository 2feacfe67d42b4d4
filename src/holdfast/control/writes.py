"""The way of a change: plan, confirmation, ledger, one execution, read-back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Literal, Protocol, cast

from pydantic import JsonValue

from holdfast.config import ControlSettings, TargetSettings
from holdfast.control.answers import JsonObject, Outcome, WriteResult
from holdfast.control.approval import Approvals, denied
from holdfast.control.caller import Caller, Question, Reply
from holdfast.control.change import Applied, Change, Observed
from holdfast.control.inventory import Entry
from holdfast.control.killswitch import KillSwitch
from holdfast.control.plans import Plan, PlanStore, Subject
from holdfast.control.rendering import compact
from holdfast.control.spec import Risk
from holdfast.errors import Executed, HoldfastError, NotConfirmedError

_log = logging.getLogger("holdfast.control")
READ_BACK_WAITS_S: Final = (0.0, 1.0, 3.0)
"""Waits before each attempt to read back, seconds."""
_SETTLE_LIMIT_S: Final = 20.0

Settled = Literal["applied", "not_applied", "unknown", "started"]


class Book(Protocol):
    """The ledger as a change needs it. Raises `LedgerError` when it cannot be written."""

    async def intent(self, body: JsonObject) -> str:
        """Record durably what is about to be sent; the record's id."""

    async def outcome(self, intent: str, result: Settled, body: JsonObject) -> None:
        """Record what became of it."""


Need = Literal["none", "plan", "person"]
"""What a change needs before it is carried out."""


class Changes:
    """Carries changes out.

    Args:
        settings: What a write and a destructive change need.
        plans: Issues and checks plans.
        approvals: Decisions made outside of the client.
        book: The ledger.
        kill_switch: Asked before anything is sent.
        sleep: Waits; tests pass one that does not.
    """

    def __init__(
        self,
        settings: ControlSettings,
        *,
        plans: PlanStore,
        approvals: Approvals,
        book: Book,
        kill_switch: KillSwitch,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._plans = plans
        self._approvals = approvals
        self._book = book
        self._kill_switch = kill_switch
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
        change = await compute()
        if change.nothing_to_do and plan_id is None:
            return _described(change, "nothing_to_do")
        subject = _subject(entry, target, caller, arguments, change)
        known = plan_id if plan_id is not None else caller.resumed_plan
        plan = self._plans.issue(subject) if known is None else self._plans.check(known, subject)
        risk = Risk.DESTRUCTIVE if change.destructive else entry.risk
        if dry_run:
            return self._planned(plan, change, risk)
        if not await self._confirmed(plan, change, risk, caller, second_call=plan_id is not None):
            return self._planned(plan, change, risk)
        self._plans.consume(plan.plan_id, subject)
        return await self._carry_out(plan, change, risk, caller, subject)

    def _need(self, risk: Risk) -> Need:
        settings = self._settings
        return settings.approve_destructive if risk is Risk.DESTRUCTIVE else settings.approve_write

    def _planned(self, plan: Plan, change: Change, risk: Risk) -> WriteResult:
        need = self._need(risk)
        if need == "person":
            self._request(plan, change, risk)
            how = f"A person must confirm it: in the client when asked, or with: holdfast approve {plan.plan_id}"
        elif need == "plan":
            how = f"Call the tool again with the same arguments and plan_id={plan.plan_id}."
        else:
            how = "None needed: call the tool again without dry_run, or with plan_id to apply exactly this plan."
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
            changes=_differences(change),
            blast_radius=[*change.blast_radius, *change.warnings],
            undo=_undo_text(change),
        )

    async def _confirmed(self, plan: Plan, change: Change, risk: Risk, caller: Caller, *, second_call: bool) -> bool:
        """Whether the change may be made now; False when a second call with the plan's id is what is missing.

        Raises:
            NotConfirmedError: A person is needed, and none has confirmed.
        """
        need = self._need(risk)
        if need == "none":
            return True
        if need == "plan":
            return second_call
        decision = self._approvals.decision(plan)
        if decision is not None:
            if not decision.approved:
                raise denied(decision)
            self._approvals.redeem(plan)
            return True
        self._request(plan, change, risk)
        reply = await caller.ask(Question(plan.plan_id, _question(change, plan)))
        if reply is Reply.ACCEPTED:
            return True
        said = "The confirmation was declined." if reply is Reply.DECLINED else "This client cannot ask a person."
        raise NotConfirmedError(
            f"Not confirmed, nothing executed: {change.summary}. {said}",
            next_step=(
                f"Tell the user: to confirm, run holdfast approve {plan.plan_id} within five minutes; then call this "
                f"tool again with the same arguments and plan_id={plan.plan_id}."
            ),
            details={"plan_id": plan.plan_id},
        )

    async def _carry_out(self, plan: Plan, change: Change, risk: Risk, caller: Caller, subject: Subject) -> WriteResult:
        intent = await self._book.intent(
            {
                "tool": plan.tool,
                "target": plan.target,
                "identity": change.identity,
                "principal": caller.principal,
                "correlation_id": caller.correlation_id,
                "plan": plan.plan_id,
                "risk": risk.value,
                "summary": change.summary,
                "arguments": subject.arguments,
                "before_digest": plan.before_digest,
                "content_digest": plan.content_digest,
            }
        )
        try:
            self._kill_switch.check()
        except HoldfastError:
            await self._book.outcome(intent, "not_applied", {"reason": "kill switch"})
            raise
        try:
            applied = await change.apply()
        except HoldfastError as error:
            if error.executed is Executed.NO:
                await self._book.outcome(intent, "not_applied", {"error": error.code, "message": error.message})
                raise
            return await self._settle(intent, change, error)
        except BaseException as error:
            # Cancelled, or a defect of ours: what was sent cannot be taken back, so the ledger says that it is open.
            await asyncio.shield(self._book.outcome(intent, "unknown", {"error": type(error).__name__}))
            raise
        return await self._verify(intent, change, applied)

    async def _verify(self, intent: str, change: Change, applied: Applied) -> WriteResult:
        observed = await self._read_back(change)
        settled = _settled(observed, applied)
        body: JsonObject = {"verified": observed.effect == "applied"}
        if applied.task:
            body["task"] = applied.task
        await self._book.outcome(intent, settled, body)
        return _result(change, settled, observed, applied)

    async def _settle(self, intent: str, change: Change, error: HoldfastError) -> WriteResult:
        """The answer was lost: read back until it can be told what happened. Never send again."""
        observed = await self._read_back(change)
        settled = _settled(observed, Applied(task=observed.task))
        await self._book.outcome(intent, settled, {"error": error.code, "read_back": observed.effect})
        result = _result(change, settled, observed, Applied(task=observed.task))
        lost = f"The answer to the write was lost ({error.code}); it was sent once and the state was read back."
        result.warnings = [*(result.warnings or []), lost]
        return result

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


def _settled(observed: Observed, applied: Applied) -> Settled:
    if observed.effect == "unknown" and (applied.task or observed.task):
        return "started"
    return observed.effect


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


_STEPS: Final[dict[Outcome, str | None]] = {
    "planned": None,
    "applied": None,
    "not_applied": "Nothing changed on the appliance. Look for the reason before trying again.",
    "unknown": "Read the state back later before doing anything else; never repeat the call blindly.",
    "started": "It runs on the appliance; wait for it with the wait tool of this appliance and the task.",
    "nothing_to_do": None,
}


def _described(
    change: Change,
    outcome: Outcome,
    *,
    plan_id: str | None = None,
    expires_in_s: float | None = None,
    approval: str | None = None,
) -> WriteResult:
    return WriteResult(
        outcome=outcome,
        summary=change.summary,
        identity=change.identity,
        before=change.before or None,
        after=change.after or None,
        blast_radius=list(change.blast_radius) or None,
        undo=change.undo,
        cannot_undo=change.cannot_undo,
        warnings=list(change.warnings) or None,
        plan_id=plan_id,
        expires_in_s=expires_in_s,
        approval=approval,
        next_step=_STEPS[outcome],
    )


def _result(change: Change, settled: Settled, observed: Observed, applied: Applied) -> WriteResult:
    result = _described(change, settled)
    result.verified = observed.effect == settled
    result.after = observed.state if observed.state is not None else result.after
    result.task = applied.task or observed.task
    result.details = applied.details or None
    notes = [*change.warnings, *applied.warnings]
    if observed.note:
        notes.append(observed.note)
    result.warnings = notes or None
    return result


def _undo_text(change: Change) -> str:
    if change.undo is not None:
        return f"{change.undo.tool} {compact(change.undo.arguments)}"
    return change.cannot_undo or "cannot be undone"


def _differences(change: Change) -> list[str]:
    """One line for each fact that changes."""
    lines: list[str] = []
    for key in dict.fromkeys([*change.before, *change.after]):
        old, new = change.before.get(key), change.after.get(key)
        if old != new:
            lines.append(f"{key}: {compact(old)} -> {compact(new)}")
    return lines


def _question(change: Change, plan: Plan) -> str:
    """What a person reads before saying yes. Only what the plan is bound to."""
    lines = [f"{change.summary}?", f"Target: {plan.target} ({change.identity})"]
    lines += _differences(change)[:12]
    lines += [f"Affects: {line}" for line in change.blast_radius[:8]]
    lines += [f"Warning: {line}" for line in change.warnings[:4]]
    lines.append(f"Undo: {_undo_text(change)}")
    return "\n".join(lines)[:2000]

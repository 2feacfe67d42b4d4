"""Approval out of band: a person decides about a plan in another process than the one that a model talks to.

The serving process leaves a request in the state; `holdfast plans` shows it, `holdfast approve` or `holdfast deny`
leaves a signed decision; the serving process finds it when the tool is called again. A decision is bound to the plan,
to every digest in it, to what the person was shown, to who decided and when; it counts once, and only while the plan
lives. The first decision stands, but an approval that is not used yet is withdrawn by a denial. What a signature
proves, and what not, is said in `holdfast.control.approvalkeys`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from holdfast.control.approvalkeys import Approver, Checker, SharedKey
from holdfast.control.canonical import digest
from holdfast.control.cleaning import Clean
from holdfast.control.exit import OneExit
from holdfast.control.plans import Plan
from holdfast.control.redaction import Redactor
from holdfast.control.statestore import State
from holdfast.errors import NotConfirmedError, PlanError

_REQUESTS: Final = "approval-requests"
_DECISIONS: Final = "approval-decisions"
_WITHDRAWN: Final = "approvals-withdrawn"
_REDEEMED: Final = "approvals-redeemed"
_KEEP_S: Final = 3600.0
_SKEW_S: Final = 5.0
_PLAN_ID: Final = re.compile(r"plan-[a-z2-7]{16}")
_MAX_LINES: Final = 200

Line = Annotated[str, Clean(1000, untrusted=False)]
Lines = Annotated[list[Line], Field(max_length=_MAX_LINES)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Request(_Record):
    """What a person is asked to decide. All text is cleaned and redacted.

    Attributes:
        summary: One sentence with verb and object.
        changes: Before and after, a line each.
        blast_radius: What else is touched, a sentence each.
        undo: How it can be taken back, or that it cannot.
        created_at, expires_at: Seconds since the epoch.
    """

    plan_id: str
    plan_digest: str
    tool: Line
    target: Line
    principal: Line
    risk: Line
    summary: Line
    changes: Lines = []
    blast_radius: Lines = []
    undo: Line | None = None
    created_at: float
    expires_at: float


class Decision(_Record):
    """What a person decided.

    Attributes:
        request_digest: Over the request as it was shown.
        by: Who decided.
        decided_at: Seconds since the epoch.
    """

    plan_id: str
    plan_digest: str
    request_digest: str
    verdict: Literal["approved", "denied"]
    by: Line
    reason: Line | None = None
    decided_at: float

    @property
    def approved(self) -> bool:
        """Whether the plan may be carried out."""
        return self.verdict == "approved"


class _Sealed(_Record):
    record: dict[str, JsonValue]
    signature: str


class Approvals:
    """Requests and decisions.

    Args:
        state: Shared by the serving processes and those that decide.
        key: Secret of the installation; seals requests.
        redactor: Everything that is shown passes it.
        decisions: Signs or checks decisions; the installation's secret when omitted.
        now: Seconds since the epoch.
    """

    def __init__(
        self,
        state: State,
        key: bytes,
        *,
        redactor: Redactor,
        decisions: Checker | Approver | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._requests = SharedKey(key)
        self._decisions: Checker | Approver = decisions if decisions is not None else self._requests
        self._exit = OneExit(redactor)
        self._now = now

    def request(
        self,
        plan: Plan,
        *,
        risk: str,
        summary: str,
        changes: list[str] | None = None,
        blast_radius: list[str] | None = None,
        undo: str | None = None,
    ) -> Request:
        """Ask for a decision about a plan; asking again about the same plan changes nothing.

        Raises:
            NotConfirmedError: The request cannot be left. Nothing was executed.
        """

        def shown(text: str) -> str:
            return self._exit.line(text, 1000)

        made = Request(
            plan_id=plan.plan_id,
            plan_digest=plan.digest,
            tool=shown(plan.tool),
            target=shown(plan.target),
            principal=shown(plan.principal),
            risk=shown(risk),
            summary=shown(summary),
            changes=_first([shown(line) for line in changes or []], "changes"),
            blast_radius=_first([shown(line) for line in blast_radius or []], "effects"),
            undo=None if undo is None else shown(undo),
            created_at=plan.created_at,
            expires_at=plan.expires_at,
        )
        record = made.model_dump(mode="json")
        try:
            self._state.prune(_REQUESTS, before=self._now() - _KEEP_S)
            self._state.prune(_DECISIONS, before=self._now() - _KEEP_S)
            self._state.prune(_WITHDRAWN, before=self._now() - _KEEP_S)
            self._state.prune(_REDEEMED, before=self._now() - 2 * _KEEP_S)
            self._state.create(
                _REQUESTS,
                plan.plan_id,
                _sealed(record, self._requests.sign({"request": record})),
                expires_at=plan.expires_at,
            )
        except OSError as error:
            raise NotConfirmedError("The request for approval cannot be written. Nothing was executed.") from error
        except ValueError as error:
            raise NotConfirmedError(
                "The change is too large to be shown to a person for approval. Nothing was executed.",
                next_step="Make the change in several smaller calls.",
            ) from error
        return made

    def pending(self) -> list[Request]:
        """Requests that wait for a decision, the oldest first. Damaged ones are left out."""
        decided = set(self._state.keys(_DECISIONS))
        found: list[Request] = []
        for plan_id in self._state.keys(_REQUESTS):
            if plan_id in decided:
                continue
            request = self._find_request(plan_id)
            if request is not None and self._now() < request.expires_at:
                found.append(request)
        return sorted(found, key=lambda request: request.created_at)

    def find(self, plan_id: str) -> Request:
        """The request about a plan.

        Raises:
            PlanError: There is none, or it was altered.
        """
        request = self._find_request(plan_id) if _PLAN_ID.fullmatch(plan_id) else None
        if request is None:
            raise PlanError("There is no request about this plan.", details={"reason": "unknown"})
        return request

    def _find_request(self, plan_id: str) -> Request | None:
        found = _unsealed(self._state.get(_REQUESTS, plan_id))
        if found is None or not self._requests.genuine({"request": found.record}, found.signature):
            return None
        try:
            request = Request.model_validate(found.record)
        except ValidationError:
            return None
        return request if request.plan_id == plan_id else None

    def decide(self, plan_id: str, *, approve: bool, by: str, reason: str | None = None) -> Decision:
        """Decide about a plan. The first decision stands; a denial withdraws an approval that is not used yet.

        Raises:
            PlanError: No such request, expired, decided already, or used already.
            NotConfirmedError: This process can only check decisions, not make them.
            OSError: The decision cannot be written.
        """
        request = self.find(plan_id)
        now = self._now()
        if not request.created_at - _SKEW_S <= now < request.expires_at:
            raise PlanError("The plan has expired.", details={"reason": "expired"})
        sign = getattr(self._decisions, "sign", None)
        if sign is None:
            raise NotConfirmedError(
                "The key of this process can check approvals, not make them.",
                next_step="Who holds the approver's private key decides with --key FILE.",
            )
        decision = Decision(
            plan_id=plan_id,
            plan_digest=request.plan_digest,
            request_digest=digest(request.model_dump(mode="json")),
            verdict="approved" if approve else "denied",
            by=by,
            reason=reason,
            decided_at=now,
        )
        record = decision.model_dump(mode="json")
        sealed = _sealed(record, sign({"decision": record}))
        if self._state.create(_DECISIONS, plan_id, sealed, expires_at=request.expires_at):
            return decision
        first = _unsealed(self._state.get(_DECISIONS, plan_id))
        if approve or first is None or first.record.get("verdict") != "approved":
            raise _decided_already()
        if self._is_used(plan_id):
            raise _too_late()
        if not self._state.create(_WITHDRAWN, plan_id, sealed, expires_at=request.expires_at):
            raise _decided_already()
        if self._is_used(plan_id):
            raise _too_late()
        return decision

    def _is_used(self, plan_id: str) -> bool:
        return self._state.get(_REDEEMED, plan_id) is not None

    def decision(self, plan: Plan) -> Decision | None:
        """The decision about a plan, or None while there is none.

        Raises:
            NotConfirmedError: What stands there is not a genuine decision about this plan. Nothing was executed.
        """
        try:
            record = self._state.get(_WITHDRAWN, plan.plan_id) or self._state.get(_DECISIONS, plan.plan_id)
        except OSError as error:
            raise NotConfirmedError("The decision cannot be read. Nothing was executed.") from error
        if record is None:
            return None
        found = _unsealed(record)
        if found is None or not self._decisions.genuine({"decision": found.record}, found.signature):
            raise _not_genuine("is not signed with the approver's key")
        try:
            decision = Decision.model_validate(found.record)
        except ValidationError:
            raise _not_genuine("is damaged") from None
        request = self._find_request(plan.plan_id)
        if (
            request is None
            or decision.plan_id != plan.plan_id
            or decision.plan_digest != plan.digest
            or decision.request_digest != digest(request.model_dump(mode="json"))
        ):
            raise _not_genuine("is about another plan")
        if not plan.created_at - _SKEW_S <= decision.decided_at < plan.expires_at:
            raise _not_genuine("was made outside of the plan's life")
        return decision

    def redeem(self, plan: Plan) -> Decision:
        """Use up the approval of a plan. Of several callers at once exactly one succeeds.

        Raises:
            NotConfirmedError: Not decided, denied, expired, not genuine, or redeemed already. Nothing was executed.
        """
        decision = self.decision(plan)
        if decision is None:
            raise NotConfirmedError("Nobody has approved the plan. Nothing was executed.")
        if not decision.approved:
            raise denied(decision)
        if not decision.decided_at - _SKEW_S <= self._now() < plan.expires_at:
            raise NotConfirmedError("The approval has expired. Nothing was executed.")
        try:
            first = self._state.create(_REDEEMED, plan.plan_id, b"{}", expires_at=plan.expires_at)
            # Looked at after the mark is set, as the mark is after a withdrawal: of two at once, one sees the other.
            withdrawn = self._state.get(_WITHDRAWN, plan.plan_id) is not None
        except OSError as error:
            raise NotConfirmedError("The approval cannot be marked as used. Nothing was executed.") from error
        if not first:
            raise NotConfirmedError("The approval was used already. Nothing was executed.")
        if withdrawn:
            raise NotConfirmedError("The approval was withdrawn meanwhile. Nothing was executed.")
        return decision


def _first(lines: list[str], what: str) -> list[str]:
    """These lines, or as many as are kept and how many are not: a person must know that there is more."""
    if len(lines) <= _MAX_LINES:
        return lines
    shown = _MAX_LINES - 1
    return [*lines[:shown], f"… and {len(lines) - shown} further {what} that are not shown here: deny it if in doubt"]


def denied(decision: Decision) -> NotConfirmedError:
    """The error for a plan that somebody has denied."""
    why = f": {decision.reason}" if decision.reason else ""
    return NotConfirmedError(f"{decision.by} has denied the plan{why}. Nothing was executed.")


def _decided_already() -> PlanError:
    return PlanError("The plan was decided about already.", details={"reason": "decided"})


def _too_late() -> PlanError:
    return PlanError(
        "The approval was used already: it is too late to deny it.",
        next_step="holdfast audit show tells what became of the change.",
        details={"reason": "used"},
    )


def _not_genuine(what: str) -> NotConfirmedError:
    return NotConfirmedError(f"The decision about the plan {what}. Nothing was executed.")


def _sealed(record: dict[str, JsonValue], signature: str) -> bytes:
    return json.dumps({"record": record, "signature": signature}).encode("ascii")


def _unsealed(data: bytes | None) -> _Sealed | None:
    try:
        return _Sealed.model_validate_json(data or b"", strict=True)
    except (ValidationError, RecursionError):
        return None

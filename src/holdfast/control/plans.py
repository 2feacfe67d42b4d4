"""Plans: what was promised before a change, and whether it still holds when the change is to be made.

A plan is bound to the tool, the target and who it says it is, the principal, the arguments, what will be sent, and the
state before. It lives five minutes and is good for one use, among all processes that share the state. Nothing in it can
be altered without the key; the state holds digests only, no values.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from holdfast.control.canonical import derive_key, digest, keyed_digest, same_digest
from holdfast.control.statestore import State
from holdfast.errors import PlanError

TIME_TO_LIVE_S: Final = 300.0
"""A plan's life, seconds."""
MAX_OPEN_PLANS: Final = 500
"""So many plans of one principal may be open at a time: unused, and not expired. Who makes more is refused."""
MAX_OPEN_PLANS_OF_ALL: Final = 5000
"""So many of all principals together. Then only those are refused who have `FREE_PLANS` or more: who has few can always
make one, however many the others have."""
FREE_PLANS: Final = 10

_PLANS: Final = "plans"
_USED: Final = "plans-used"
_SKEW_S: Final = 5.0
_KEEP_S: Final = 3600.0
_PLAN_ID: Final = re.compile(r"plan-[a-z2-7]{16}")
_OWNER_CHARS: Final = 6
"""Of a plan's id, so many characters are the same for all plans of a principal (30 bits, keyed); 50 bits are random."""


@dataclass(frozen=True)
class Subject:
    """What a plan is about.

    Attributes:
        tool: Name of the tool.
        target: Name of the configured target.
        identity: Who the target says it is, read from it (serial number, cluster name).
        principal: Who asked.
        arguments: The tool's arguments, without those that control adds.
        content: What exactly will be sent.
        before: The state before the change, as far as it matters.
    """

    tool: str
    target: str
    identity: JsonValue
    principal: str
    arguments: JsonValue
    content: JsonValue
    before: JsonValue


@dataclass(frozen=True)
class Plan:
    """An issued plan. Digests are SHA-256 in hexadecimal digits, keyed so that they tell nothing about values.

    Attributes:
        created_at, expires_at: Seconds since the epoch.
        monotonic_at: Reading of the machine's monotonic clock at creation, seconds.
        boot: Digest of the machine's boot; the monotonic clock means something only within it.
        digest: Over all of the above: what an approval is bound to.
    """

    plan_id: str
    tool: str
    target: str
    principal: str
    identity_digest: str
    arguments_digest: str
    content_digest: str
    before_digest: str
    created_at: float
    expires_at: float
    monotonic_at: float
    boot: str
    digest: str


class PlanStore:
    """Issues, checks and uses up plans.

    Args:
        state: Where plans are kept; shared by all processes that may apply them.
        key: Secret of the installation; replicas that share plans share it.
        ttl_s: A plan's life, seconds.
        wall: Seconds since the epoch.
        monotonic: Seconds of a clock that is the same for all processes of the machine and never goes back.
        boot: Names the machine's boot.
    """

    def __init__(
        self,
        state: State,
        key: bytes,
        *,
        ttl_s: float = TIME_TO_LIVE_S,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        boot: str | None = None,
    ) -> None:
        self._state = state
        self._key = derive_key(key, "plans")
        self._ttl_s = ttl_s
        self._wall = wall
        self._monotonic = monotonic
        self._boot = digest(boot if boot is not None else _boot_id())

    def issue(self, subject: Subject) -> Plan:
        """Make a plan.

        Raises:
            PlanError: Too many plans are open, or the state cannot be written. Nothing was executed.
        """
        now = self._wall()
        facts = self._digests(subject)
        unsigned = {
            "plan_id": self._own_prefix(subject.principal) + _base32(secrets.token_bytes(10))[_OWNER_CHARS:],
            "tool": subject.tool,
            "target": subject.target,
            "principal": subject.principal,
            **facts,
            "created_at": now,
            "expires_at": now + self._ttl_s,
            "monotonic_at": self._monotonic(),
            "boot": self._boot,
        }
        plan = Plan(**unsigned, digest=self._seal(unsigned))  # type: ignore[arg-type]  # fields of several types
        try:
            self._make_room(now, subject.principal)
            kept = self._state.create(
                _PLANS, plan.plan_id, json.dumps(asdict(plan)).encode("ascii"), expires_at=plan.expires_at
            )
        except OSError as error:
            raise _refused("state", "The plan cannot be kept: the state directory cannot be written.") from error
        if not kept:
            raise _refused("state", "The plan cannot be kept.")
        return plan

    def _own_prefix(self, principal: str) -> str:
        """What the ids of this principal's plans begin with, so that they are counted without being read."""
        mark = bytes.fromhex(keyed_digest(self._key, {"owner": principal}))
        return f"plan-{_base32(mark)[:_OWNER_CHARS]}"

    def _make_room(self, now: float, principal: str) -> None:
        # Plans go before their marks of use: a used plan whose mark is gone must be gone itself.
        self._state.prune(_PLANS, before=now - _KEEP_S)
        self._state.prune(_USED, before=now - 2 * _KEEP_S)
        if self._too_many(principal) is None:
            return
        self._state.prune(_PLANS, before=now)
        if (problem := self._too_many(principal)) is not None:
            raise PlanError(
                f"{problem} Nothing was executed.",
                next_step="Wait until some have expired.",
                retry_after_s=self._ttl_s,
                details={"reason": "too_many"},
            )

    def _too_many(self, principal: str) -> str | None:
        """Why this principal may have no other plan; None when it may."""
        every = set(self._state.keys(_PLANS)) - set(self._state.keys(_USED))
        own_prefix = self._own_prefix(principal)
        own = sum(key.startswith(own_prefix) for key in every)
        if own >= MAX_OPEN_PLANS:
            return f"{own} plans of yours are open."
        if len(every) >= MAX_OPEN_PLANS_OF_ALL and own >= FREE_PLANS:
            return f"{len(every)} plans are open, {own} of them yours."
        return None

    def check(self, plan_id: str, subject: Subject) -> Plan:
        """The plan, if it is known, unaltered, alive, unused, and about exactly this subject.

        Raises:
            PlanError: With what does not hold in `details["reason"]`. Nothing was executed.
        """
        plan = self.find(plan_id)
        now = self._wall()
        if now < plan.created_at - _SKEW_S:
            raise _refused("clock", "The clock stands before the plan was made.")
        if now >= plan.expires_at:
            raise _refused("expired", "The plan has expired.")
        if plan.boot == self._boot and not 0 <= self._monotonic() - plan.monotonic_at < self._ttl_s:
            raise _refused("expired", "The plan has expired.")
        for name in ("tool", "target", "principal"):
            if getattr(plan, name) != getattr(subject, name):
                raise _refused(name, f"The plan was made for another {name}.")
        # Before what has moved: the plan's own change has moved the state, and a repeated call is to be told so.
        if self.is_used(plan.plan_id):
            raise _refused("used", "The plan was used already, by an earlier call.")
        facts = self._digests(subject)
        for name, what in (
            ("identity", "The target is not the appliance that the plan was made for."),
            ("arguments", "The arguments are not those of the plan."),
            ("before", "The state has changed since the plan was made."),
            ("content", "What would be sent is not what was planned."),
        ):
            if not same_digest(getattr(plan, f"{name}_digest"), facts[f"{name}_digest"]):
                raise _refused(name, what)
        return plan

    def consume(self, plan_id: str, subject: Subject) -> Plan:
        """Check the plan and use it up. Of several callers at once exactly one succeeds.

        Raises:
            PlanError: As `check`. Nothing was executed.
        """
        plan = self.check(plan_id, subject)
        try:
            first = self._state.create(_USED, plan.plan_id, b"{}", expires_at=plan.expires_at)
        except OSError as error:
            raise _refused("state", "The plan cannot be marked as used.") from error
        if not first:
            raise _refused("used", "The plan was used already, by an earlier call.")
        return plan

    def is_used(self, plan_id: str) -> bool:
        """Whether the plan was used up."""
        try:
            return self._state.get(_USED, plan_id) is not None
        except OSError as error:
            raise _refused("state", "The marks of used plans cannot be read.") from error

    def find(self, plan_id: str) -> Plan:
        """The plan as it was issued, whatever has become of it since.

        Raises:
            PlanError: Unknown, or altered.
        """
        if _PLAN_ID.fullmatch(plan_id) is None:
            raise _refused("unknown", "There is no such plan.")
        try:
            record = self._state.get(_PLANS, plan_id)
        except OSError as error:
            raise _refused("state", "The plan cannot be read.") from error
        if record is None:
            raise _refused("unknown", "There is no such plan; it may have expired.")
        plan = _parsed(record)
        if plan is None or plan.plan_id != plan_id:
            raise _refused("altered", "The kept plan is damaged.")
        unsigned = {name: value for name, value in asdict(plan).items() if name != "digest"}
        if not same_digest(plan.digest, self._seal(unsigned)):
            raise _refused("altered", "The kept plan was altered, or made with another key.")
        return plan

    def _digests(self, subject: Subject) -> dict[str, str]:
        try:
            return {
                f"{name}_digest": keyed_digest(self._key, {name: getattr(subject, name)})
                for name in ("identity", "arguments", "content", "before")
            }
        except ValueError as error:
            raise _refused("content", f"The change cannot be described: {error}.") from error

    def _seal(self, unsigned: dict[str, str | float]) -> str:
        return keyed_digest(self._key, {"plan": dict(unsigned)})


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode("ascii").lower()


def _parsed(record: bytes) -> Plan | None:
    try:
        found = json.loads(record)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or set(found) != {f.name for f in fields(Plan)}:
        return None
    # The seal is over the values with their types; only what is compared before it need be text.
    if not all(isinstance(found[name], str) for name in ("plan_id", "digest")):
        return None
    return Plan(**found)


_STEPS: Final = {
    "used": "Read the state to see what the earlier call did before you make a new plan with dry_run=true.",
    "identity": "Tell the user: another machine may answer at this address now.",
    "altered": "Tell the operator: the state directory may have been tampered with, or its key was changed.",
    "state": "Tell the operator to look at the state directory.",
}


def _refused(reason: str, message: str) -> PlanError:
    return PlanError(f"{message} Nothing was executed.", next_step=_STEPS.get(reason), details={"reason": reason})


@lru_cache(maxsize=1)
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        # Without it no two processes can compare monotonic clocks; each only trusts its own.
        return secrets.token_hex(16)

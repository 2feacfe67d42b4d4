"""What a write tool returns: a change that is ready to be made, but is not made yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypedDict

from holdfast.control.answers import JsonObject, UndoCall


@dataclass(frozen=True)
class Applied:
    """What the appliance answered to a write.

    Attributes:
        task: The appliance's handle when the work goes on after the answer (UPID, job id, JID).
        details: Facts worth telling, small.
        warnings: Things that went partly wrong.
    """

    task: str | None = None
    details: JsonObject = field(default_factory=dict)
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Observed:
    """What reading back showed.

    Attributes:
        effect: "applied", "not_applied", or "unknown" when it cannot be told (yet).
        state: The state as read, in the shape of `Change.after`.
        note: Why it cannot be told, or what differs.
        task: The handle of the work, if reading back found it.
        undo: The call that takes it back, where only the state that was read shows it (an id that the appliance chose).
        shown: Whether the state itself shows the effect; False when it rests on the appliance's answer, or on how its
            task ended.
        next_step: What to do now, where it is more exact than what the effect alone says.
    """

    effect: Literal["applied", "not_applied", "unknown"]
    state: JsonObject | None = None
    note: str | None = None
    task: str | None = None
    undo: UndoCall | None = None
    shown: bool = True
    next_step: str | None = None

    @property
    def verified(self) -> bool:
        """Whether the effect, or that there was none, was seen in the state."""
        return self.effect != "unknown" and self.shown


@dataclass(frozen=True)
class Earlier:
    """The same change as a process has sent it, or was about to, that is no more.

    Attributes:
        sent_at: When it was recorded that it would be sent, seconds since the epoch.
        task: The appliance's handle of the work, where it was recorded.
    """

    sent_at: float
    task: str | None = None


Recall = Callable[[Earlier], Awaitable[Observed]]


def by_state(look: Callable[[], Awaitable[Observed]]) -> Recall:
    """A `Change.recall` that only looks at the state."""

    async def recall(earlier: Earlier) -> Observed:
        return await look()

    return recall


@dataclass(frozen=True)
class Change:
    """A planned change of one appliance. Computing it only reads; `apply` writes, once.

    Attributes:
        summary: One sentence with verb and object, for the person who confirms: "Stop VM 101 (web) on pve1".
        identity: Who the appliance says it is (cluster name, serial number, service tag, host id), read from it.
        before: State before, as far as it matters. The plan is bound to it: apply refuses when it has moved.
        after: State wanted.
        apply: Sends the write. Called at most once, after the ledger has the intent.
        read_back: Looks whether it took effect. Only reads; may be called several times.
        content: What exactly will be sent, for the plan's digest; `after` when omitted.
        blast_radius: What else is touched, one sentence each.
        undo: The call that takes it back, when there is one.
        cannot_undo: Why there is none.
        warnings: What the reader should know before confirming.
        nothing_to_do: The state is already as wanted; nothing would be sent.
        destructive: This very change destroys something although the tool is only declared as writing.
        recall: Looks what became of it when an earlier process has sent it. It is asked only while there is something
            to do, so that a state that is as wanted proves nothing. None: nothing can tell.
    """

    summary: str
    identity: str
    before: JsonObject
    after: JsonObject
    apply: Callable[[], Awaitable[Applied]]
    read_back: Callable[[], Awaitable[Observed]]
    content: JsonObject | None = None
    blast_radius: Sequence[str] = ()
    undo: UndoCall | None = None
    cannot_undo: str | None = None
    warnings: Sequence[str] = ()
    nothing_to_do: bool = False
    destructive: bool = False
    recall: Recall | None = None

    @property
    def state_tells(self) -> bool:
        """Whether the state wanted differs from the state before: where it does not, no look tells them apart."""
        return self.before != self.after


class Cautions(TypedDict, total=False):
    """What there is to be wary of in a change: fields of `Change` that a planner hands on as they were given."""

    blast_radius: Sequence[str]
    warnings: Sequence[str]
    destructive: bool


class Told(Cautions):
    """What a planner tells of a change: fields of `Change`. What is sent and how it is read back is its room's part."""

    summary: str
    before: JsonObject
    after: JsonObject
    undo: NotRequired[UndoCall | None]
    cannot_undo: NotRequired[str | None]
    nothing_to_do: NotRequired[bool]

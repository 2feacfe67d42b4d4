"""What a write of TrueNAS is: the call that is sent, how its answer is judged, and what a look at the state shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from holdfast.appliances.truenas.client import TrueNASClient
from holdfast.appliances.truenas.jobs import INLINE_WAIT_S
from holdfast.appliances.truenas.releases import Way
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.context import Context
from holdfast.transport.values import JsonValue

Ctx: TypeAlias = Context[TrueNASClient]


@dataclass(frozen=True)
class Verdict:
    """What an answer or a job's result says about success.

    Attributes:
        worked: False when it did not work although the call succeeded; None when the state has to tell.
        told: What went partly wrong, one sentence each.
        details: Facts worth telling.
    """

    worked: bool | None = None
    told: Sequence[str] = ()
    details: JsonObject = field(default_factory=dict)


Judge = Callable[[JsonValue], Verdict]


@dataclass(frozen=True)
class Seen:
    """What a look at the state showed.

    Attributes:
        reached: Whether it is as wanted; None when the state cannot tell.
        state: The state, in the shape of `Change.after`.
        note: What else there is to say.
        undo: The call that takes it back, where only the state shows it (an id that TrueNAS chose).
        unmoved: What would have moved has not: where `reached` cannot tell, it counts after a call that failed only.
    """

    reached: bool | None
    state: JsonObject | None = None
    note: str | None = None
    undo: UndoCall | None = None
    unmoved: bool = False


Look = Callable[[], Awaitable[Seen]]


@dataclass(frozen=True)
class Write:
    """One call that changes something.

    Attributes:
        ways: How it is called, by release; the first that exists is taken.
        judge: Reads the answer, or the job's result, for what went wrong in spite of success.
        slow: A plain call that the middleware may still be working on after the socket dropped.
        goes_on: The job lasts as long as the work that it starts (a scrub): what was wanted is that it has begun.
        wait_s: How long its job is waited for before it is handed over, seconds.
        in_steps: It changes one thing after another, not all of which are looked at: what failed may have left some
            changed although the state that is seen is as before.
        relative: What is looked for is what was not there when it was planned: a later process, which plans anew after
            it, can tell nothing by that.
    """

    ways: tuple[Way, ...]
    judge: Judge | None = None
    slow: bool = False
    goes_on: bool = False
    wait_s: float = INLINE_WAIT_S
    in_steps: bool = False
    relative: bool = False

    @property
    def content(self) -> JsonObject:
        """What is sent, for the plan's digest: by the first way, whichever the release will take."""
        return {"method": self.ways[0].method, "params": list(self.ways[0].params)}


def call(method: str, *params: JsonValue, slow: bool = False) -> Write:
    """A write by one method that answers when all is done."""
    return Write((Way(method, params),), slow=slow)


def job(method: str, *params: JsonValue, judge: Judge | None = None, in_steps: bool = False) -> Write:
    """A write by one method that starts a job."""
    return Write((Way(method, params, job=True),), judge=judge, in_steps=in_steps)

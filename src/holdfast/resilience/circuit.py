"""The vocabulary of a circuit: its states, permits, notices and less common settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from holdfast.resilience.events import EventKind
from holdfast.resilience.model import Outcome

State = Literal["closed", "open", "half-open"]
CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half-open"


@dataclass(frozen=True, slots=True)
class Tuning:
    """The less common settings of a breaker; one object may serve many. See `Policy` for the meaning of each."""

    streak_s: float = 0.0
    growth: float = 1.0
    timeout_max: float = 600.0
    timeout_jitter: float = 0.0
    lease_s: float = 60.0
    """A test call that was not settled after this many seconds is taken for lost."""
    window_s: float | None = None
    window_min_calls: int = 20
    failure_rate: float = 0.5
    slow_call_s: float | None = None
    slow_rate: float = 1.0


PLAIN: Final = Tuning()


class Permit:
    """Leave to make one call; belongs to one generation, is settled once."""

    __slots__ = ("begun", "expires", "generation", "probe", "settled")

    def __init__(self, generation: int, probe: bool = False, expires: float = 0.0) -> None:
        self.begun = 0.0
        self.generation = generation
        self.probe = probe
        self.expires = expires
        self.settled = False


class Notice(NamedTuple):
    """Something observers must hear about, in the order in which it happened.

    `kind` is None for the end of a single call, told to listeners that asked for it. `number` counts the failures
    that opened the circuit, or the calls that were rejected. `adopted`: learnt from another breaker.
    """

    kind: EventKind | None
    old: State
    new: State
    number: int = 0
    reason: str | None = None
    outcome: Outcome | None = None
    error: BaseException | None = None
    adopted: bool = False

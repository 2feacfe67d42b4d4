"""The vocabulary of a circuit: its states, permits, notices and less common settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from holdfast.resilience.checks import LONGEST_S, Bounds, check_fields
from holdfast.resilience.events import EventKind
from holdfast.resilience.model import Outcome

State = Literal["closed", "open", "half-open"]
CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half-open"


@dataclass(frozen=True, slots=True)
class Tuning:
    """The less common settings of a breaker; one object may serve many. See `Policy` for the meaning of each.

    Raises:
        PolicyError: A value is impossible; `key` names it.
    """

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

    def __post_init__(self) -> None:
        check_fields(self, _COUNTS, _NUMBERS, _OPTIONAL)


_COUNTS: Final[Mapping[str, int]] = {"window_min_calls": 1}
_NUMBERS: Final[Mapping[str, Bounds]] = {
    "streak_s": (0, LONGEST_S, False),
    "growth": (1, 1_000, False),
    "timeout_max": (0, LONGEST_S, False),
    "timeout_jitter": (0, 1, False),
    "lease_s": (0, math.inf, True),
    "window_s": (0, LONGEST_S, True),
    "failure_rate": (0, 1, True),
    "slow_call_s": (0, LONGEST_S, True),
    "slow_rate": (0, 1, True),
}
_OPTIONAL: Final = frozenset({"window_s", "slow_call_s"})

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

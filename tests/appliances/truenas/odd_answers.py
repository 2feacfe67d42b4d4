"""Answers of the simulator made odd, a place at a time: what a tool does when the appliance tells it nonsense."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from holdfast.errors import HoldfastError
from holdfast.transport.values import JsonValue
from tests.appliances.truenas.case import Case
from tests.appliances.truenas.harness import box, client_of
from tests.appliances.truenas.table import WRITES
from tests.support.rooms import Room

Place: TypeAlias = tuple[str | int, ...]

GONE: Final = "(gone)"
"""Stands for a member that is not there."""
ODD: Final[tuple[JsonValue, ...]] = (
    GONE,
    None,
    True,
    -1,
    10**300,
    -1.7e308,
    "",
    "odd",
    "²",
    "9" * 5000,
    "-7/x:[",
    [],
    [None],
    ["odd", 7, {}],
    {},
    {"odd": [{}]},
    {"$date": 10**300},
    {"$set": 7},
)
"""What no answer has where it is put; `"²".isdigit()` is true, and 5000 digits are no
number to `int`."""
_MOST_DEEP: Final = 8


@dataclass(frozen=True)
class Trial:
    """One odd value at one place of what a method answers."""

    method: str
    place: Place
    odd: JsonValue

    def __str__(self) -> str:
        return f"{self.method} {'.'.join(map(str, self.place)) or '(all)'} = {str(self.odd)[:30]!r}"


def places(value: JsonValue, at: Place = ()) -> Iterator[Place]:
    """The value itself and what is in it; of a list its first and its last."""
    yield at
    if len(at) >= _MOST_DEEP:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*at, key))
    elif isinstance(value, list) and value:
        for index in sorted({0, len(value) - 1}):
            yield from places(value[index], (*at, index))


def with_odd(value: JsonValue, place: Place, odd: JsonValue) -> JsonValue:
    """A copy of the value with something odd at a place; as it was where there is no such place."""
    if not place:
        return None if odd == GONE else copy.deepcopy(odd)
    whole = copy.deepcopy(value)
    inner: object = whole
    try:
        for part in place[:-1]:
            inner = inner[part]  # type: ignore[index]  # where it cannot be indexed, there is no such place
        if odd == GONE:
            del inner[place[-1]]  # type: ignore[attr-defined]
        else:
            inner[place[-1]] = copy.deepcopy(odd)  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return whole
    return whole


def trials(answers: dict[str, JsonValue]) -> list[Trial]:
    """All that can be odd about these answers, by method."""
    return [Trial(method, place, odd) for method in sorted(answers) for place in places(answers[method]) for odd in ODD]


def some(found: Sequence[Trial], number: int, *, seed: str) -> list[Trial]:
    """A few of the trials, the same for the same seed: another place each, as long as there are. All, if there are no
    more than that.
    """
    if len(found) <= number:
        return list(found)
    chance = random.Random(seed)
    by_place: dict[tuple[str, Place], list[Trial]] = {}
    for trial in found:
        by_place.setdefault((trial.method, trial.place), []).append(trial)
    order = chance.sample(sorted(by_place, key=repr), len(by_place))
    return [chance.choice(by_place[order[number % len(order)]]) for number in range(number)]


class Odd:
    """A room whose appliance answers oddly.

    Args:
        made: The room.
        member: Of the frame, which is made odd: "result" or "error".
    """

    def __init__(self, made: Room, member: str = "result") -> None:
        self._made = made
        self._member = member
        self._trial: Trial | None = None
        self._from: str | None = None
        self.heard: dict[str, JsonValue] = {}
        """The first answer of each method since it was emptied."""
        box(made).box.on_answer = self._answered

    def _answered(self, method: str, frame: dict[str, JsonValue]) -> None:
        if self._from == method:
            self._from = None
        if self._from is not None or self._member not in frame:
            return
        self.heard.setdefault(method, copy.deepcopy(frame[self._member]))
        if self._trial is not None and self._trial.method == method:
            frame[self._member] = with_odd(frame[self._member], self._trial.place, self._trial.odd)

    async def answers(
        self, case: Case, arguments: Mapping[str, object], *, write: str | None = None
    ) -> dict[str, JsonValue]:
        """What the appliance answers to a call of a tool or to its plan, by method; where it is to `write`, what it
        answers to that method and from then on.
        """
        self.heard.clear()
        await self.ends(case, arguments, None, write=write)
        return dict(self.heard)

    async def ends(
        self, case: Case, arguments: Mapping[str, object], trial: Trial | None, *, write: str | None = None
    ) -> str:
        """How a call of a tool or its plan ends while the appliance answers oddly: the outcome, "answered", or the
        error's code. Any exception that is no `HoldfastError` passes through.
        """
        (await client_of(self._made))._identity = None  # it is asked once a connection
        self._trial, self._from = trial, write
        plan = {"dry_run": True} if case in WRITES and write is None else {}
        try:
            answer = await self._made.call(f"truenas_{case.tool}", **arguments, **plan)
        except HoldfastError as error:
            return error.code
        except Exception as error:
            error.add_note(f"{case.tool}, while the appliance answers {trial}")
            raise
        finally:
            self._trial = self._from = None
        return str(answer.get("outcome", "answered"))

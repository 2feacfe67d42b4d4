"""Answers of the simulator made odd, a place at a time: what a tool does when the appliance tells it nonsense."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from holdfast.errors import HoldfastError
from holdfast.transport.values import JsonValue
from tests.appliances.truenas.case import Case
from tests.appliances.truenas.harness import box, client_of
from tests.appliances.truenas.table import WRITES
from tests.support.oddanswers import Trial, with_odd
from tests.support.rooms import Room


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

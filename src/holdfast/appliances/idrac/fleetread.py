"""Any read tool at many servers: equal answers are told once, so that what differs is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.appliances.idrac.fleet import Heard, Selection, Sweep, client_of
from holdfast.appliances.idrac.observedmodels import ServerAnswers
from holdfast.config import TargetSettings
from holdfast.control.answers import JsonObject
from holdfast.control.context import Connections, ReadTool, Told
from holdfast.control.rendering import compact, fit

ROWS_EACH: Final = 20
"""Rows of a list that each server shows, unless the call says otherwise."""
BYTES_EACH: Final = 6_000
"""Largest answer of one server, bytes of compact JSON: an answer of the fleet holds at least four."""
_MOVES: Final = frozenset({"age_s", "next_cursor"})


@dataclass(frozen=True)
class Question:
    """What every server is asked.

    Attributes:
        tool: Name of a read tool of the iDRAC.
        arguments: Its arguments, without `target`.
        fields: Fields that are shown of each answer, or of each row of a list; empty shows all.
        max_age_s: Answers up to this old are not asked for again.
    """

    tool: str
    arguments: JsonObject
    fields: tuple[str, ...] = ()
    max_age_s: float = 60.0


async def chosen(
    connections: Connections, sweep: Sweep, selection: Selection
) -> tuple[list[TargetSettings], list[Heard[Told]]]:
    """The servers meant, and those of which that cannot be known because they do not answer.

    Asks only for what no earlier call has read: a server keeps its model.
    """

    async def ask(target: TargetSettings, limit_s: float) -> bool:
        places = (await client_of(connections, target)).places
        if places.model is None:
            await places.system()
        return selection.fits(places.model, places.generation)

    targets = selection.targets(connections)
    if not selection.by_facts:
        return targets, []
    heard = await sweep.run(targets, ask)
    silent: list[Heard[Told]] = [
        Heard(one.target, one.result, one.elapsed_s, error=one.error) for one in heard if one.result != "ok"
    ]
    return [one.target for one in heard if one.found], silent


async def read_all(
    read: ReadTool, sweep: Sweep, targets: Sequence[TargetSettings], question: Question
) -> list[Heard[Told]]:
    """What every server answers to the question."""

    async def ask(target: TargetSettings, limit_s: float) -> Told:
        told = await read(
            question.tool, target, dict(question.arguments), limit_s=limit_s, max_age_s=question.max_age_s
        )
        answer = _only(told.answer, question.fields) if question.fields else told.answer
        return Told(fit(answer, BYTES_EACH, question.arguments.get("cursor")), told.age_s)

    return await sweep.run(targets, ask)


def _only(answer: JsonObject, fields: tuple[str, ...]) -> JsonObject:
    rows = answer.get("items")
    if isinstance(rows, list):
        shown = [{name: row[name] for name in fields if name in row} for row in rows if isinstance(row, dict)]
        return {**answer, "items": list(shown)}
    return {name: answer[name] for name in (*fields, "stale", "notes") if name in answer}


def grouped(heard: Sequence[Heard[Told]]) -> list[ServerAnswers]:
    """Rows with equal answers made one: what few servers say first, failures last."""
    groups: dict[str, list[Heard[Told]]] = {}
    for one in heard:
        groups.setdefault(compact([one.result, one.error, _steady(one)]), []).append(one)
    rows = [_row(group) for group in groups.values()]
    return sorted(rows, key=lambda row: (row.result != "ok", len(row.targets), row.targets[0]))


def _steady(one: Heard[Told]) -> JsonObject:
    """The answer without what differs between equal ones."""
    answer = one.found.answer if one.found is not None else {}
    return {name: value for name, value in answer.items() if name not in _MOVES and name != "stale"}


def _row(group: Sequence[Heard[Told]]) -> ServerAnswers:
    answers = [one.found for one in group if one.found is not None]
    ages = [age for told in answers if (age := _age(told)) is not None]
    return ServerAnswers(
        targets=sorted(one.target.name for one in group),
        result="stale" if any("stale" in told.answer for told in answers) else group[0].result,
        elapsed_s=max(one.elapsed_s for one in group),
        age_s=round(max(ages), 1) if ages else None,
        answer={name: value for name, value in answers[0].answer.items() if name != "stale"} if answers else None,
        error=group[0].error,
    )


def _age(told: Told) -> float | None:
    stale = told.answer.get("stale")
    age = stale.get("age_s") if isinstance(stale, dict) else None
    return float(age) if isinstance(age, int | float) else told.age_s

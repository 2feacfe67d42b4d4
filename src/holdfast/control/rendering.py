"""Answers as they leave: absent facts left out, and no larger than the cap."""

from __future__ import annotations

import json
from typing import cast

from pydantic import JsonValue

from holdfast.control.answers import Answer, JsonObject
from holdfast.control.cursors import Place, decode_place, encode_place, mark_of_json, summed


def compact(value: object) -> str:
    """Compact JSON, UTF-8 characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def size(value: object) -> int:
    """Bytes of the compact JSON form."""
    return len(compact(value).encode())


def as_json(answer: Answer) -> JsonObject:
    """The answer as JSON, without what is None."""
    return cast("JsonObject", answer.model_dump(mode="json", exclude_none=True, by_alias=True))


def fit(
    answer: JsonObject, cap_bytes: int, cursor: object = None, identity: tuple[str, ...] | None = None
) -> JsonObject:
    """The answer cut to at most `cap_bytes` bytes of compact JSON; a cut answer says so and how to go on.

    The longest top-level list loses its tail. When it is `items` of a page, `next_cursor` points at the first row that
    was cut, so that nothing is lost; a row that is too large by itself is left out and told.

    Args:
        answer: Whole.
        cap_bytes: Largest size, bytes.
        cursor: That of the call, not sealed; None for the first page.
        identity: Fields that tell which row it is; see `holdfast.control.cursors.identity_of_items`.
    """
    if size(answer) <= cap_bytes:
        return answer
    lists = {key: value for key, value in answer.items() if isinstance(value, list) and key != "notes"}
    if not lists:
        return _too_large(answer, cap_bytes)
    key = max(lists, key=lambda name: size(lists[name]))
    rows = lists[key]
    kept = _largest_prefix(answer, key, cap_bytes)
    cut: JsonObject = {**answer, key: rows[:kept]}
    said = f"Truncated: {kept} of {len(rows)} rows of {key} fit into an answer; narrow the request."
    if key == "items":
        if kept:
            said = f"{said.partition(';')[0]}; continue with next_cursor, or narrow the filters."
        else:
            said = "The first row of this page is too large for an answer and was left out; later rows may follow."
        if len(rows) > 1:
            marks = [mark_of_json(row, identity) for row in rows[: max(kept, 1)]]
            cut["next_cursor"] = encode_place(_end(answer.get("changed"), cursor, marks))
    notes = answer.get("notes")
    cut["notes"] = [*(notes if isinstance(notes, list) else []), said]
    return cut if kept else _too_large(cut, cap_bytes)


def _end(changed: JsonValue, cursor: object, marks: list[int]) -> Place:
    """Where a page ends of which these rows are shown. Lists that are searched have rows between them: not exactly."""
    start = decode_place(cursor) if isinstance(cursor, str) else None
    offset, before = (start.offset, start.before) if start is not None else (0, 0)
    if isinstance(changed, dict) and isinstance(from_row := changed.get("from_row"), int):
        offset, before = from_row, None
    total = summed(marks, before) if before is not None else None
    return Place(offset + len(marks), marks[-1], total, exact=False)


def _largest_prefix(answer: JsonObject, key: str, cap_bytes: int) -> int:
    rows = answer[key]
    assert isinstance(rows, list)
    budget = cap_bytes - size({**answer, key: []}) - 400
    kept = 0
    for row in rows:
        budget -= size(row) + 1
        if budget < 0:
            break
        kept += 1
    return kept


def _too_large(answer: JsonObject, cap_bytes: int) -> JsonObject:
    """Even without list rows it is over the cap: drop the largest fields, and say which."""
    slim: JsonObject = dict(answer)
    dropped: list[str] = []
    while size(slim) > cap_bytes - 400 and len(slim) > 1:
        largest = max((key for key in slim if key != "notes"), key=lambda key: size(slim[key]))
        slim.pop(largest)
        dropped.append(largest)
    notes = answer.get("notes")
    said = list(notes) if isinstance(notes, list) else []
    slim["notes"] = (
        [*said, f"Too large for an answer, left out: {', '.join(dropped)}. Ask for less."] if dropped else said
    )
    return slim

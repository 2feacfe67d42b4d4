"""Where a rule stands, said by its neighbours: "before:REF", never by an index that others shift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from holdfast.appliances.pfsense.kinds import Kind
from holdfast.appliances.pfsense.objects import find, refs
from holdfast.transport.values import JsonObject

_POSITION: Final = r"^(first|last|(before|after):[0-9]{1,11}(~[0-9a-f]{8})?)$"

Position = Annotated[str, Field(pattern=_POSITION, description="first, last, before:REF or after:REF.")]


def place(kind: Kind, rows: Sequence[JsonObject], position: str) -> int:
    """The index that the position means among these objects.

    Raises:
        NotFoundError: Its neighbour is not there.
    """
    if position == "first":
        return 0
    if position == "last":
        return len(rows)
    side, _, ref = position.partition(":")
    anchor = find(kind, rows, ref)
    index = next(number for number, row in enumerate(rows) if row is anchor)
    return index if side == "before" else index + 1


def position_of(kind: Kind, rows: Sequence[JsonObject], row: JsonObject) -> str:
    """The position of an object, said so that it holds when it is taken out and put back."""
    index = next(number for number, other in enumerate(rows) if other is row)
    if index == 0:
        return "first"
    if index == len(rows) - 1:
        return "last"
    return f"after:{refs(kind, rows)[index - 1]}"

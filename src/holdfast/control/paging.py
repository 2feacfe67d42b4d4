"""Lists a page at a time, by offset, behind an opaque cursor."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, Field

from holdfast.control.answers import Answer
from holdfast.errors import InputError

MAX_LIMIT: Final = 200
_MAX_OFFSET: Final = 10_000_000

Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Rows a page.")]

PageT = TypeVar("PageT", bound=Answer)
_Source = TypeVar("_Source")


def _known(cursor: str | None) -> str | None:
    """Refuses a foreign cursor with the other arguments, before anything is sent."""
    try:
        decode_cursor(cursor)
    except InputError as error:
        raise ValueError("not a cursor of this list; start again without it") from error
    return cursor


def encode_cursor(offset: int) -> str:
    """The cursor of a page that starts at this offset."""
    return base64.urlsafe_b64encode(f"o{offset}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> int:
    """The offset that a cursor stands for; 0 without one.

    Raises:
        InputError: It is not a cursor of ours.
    """
    if cursor is None:
        return 0
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    if text[:1] == "o" and text[1:].isdigit() and int(text[1:]) <= _MAX_OFFSET:
        return int(text[1:])
    raise InputError(
        "The cursor is not one of this list. Nothing was executed.", next_step="Start again without cursor."
    )


Cursor = Annotated[
    str | None, Field(max_length=32, description="next_cursor of the page before."), AfterValidator(_known)
]


def window(rows: Sequence[_Source], limit: int, cursor: str | None) -> tuple[Sequence[_Source], str | None]:
    """The rows of one page, and the cursor of the next page if there is one."""
    offset = decode_cursor(cursor)
    end = offset + limit
    return rows[offset:end], encode_cursor(end) if end < len(rows) else None


def page(
    kind: Callable[..., PageT],
    rows: Sequence[_Source],
    convert: Callable[[_Source], BaseModel],
    limit: int,
    cursor: str | None,
    *,
    notes: Sequence[str] | None = None,
    **more: object,
) -> PageT:
    """One page of rows that are all at hand; only the rows shown are converted.

    Args:
        kind: The page's model.
        rows: All rows.
        convert: Makes a row's model.
        limit, cursor: Of the tool.
        notes: Remarks; none where it is empty.
        more: Other fields of the page.
    """
    shown, next_cursor = window(rows, limit, cursor)
    items = [convert(row) for row in shown]
    return kind(items=items, total=len(rows), next_cursor=next_cursor, notes=list(notes or ()) or None, **more)


def paginate(
    kind: Callable[..., PageT],
    rows: Sequence[BaseModel],
    limit: int,
    cursor: str | None,
    *,
    notes: Sequence[str] | None = None,
    **more: object,
) -> PageT:
    """One page of rows that are models already; see `page`."""
    return page(kind, rows, lambda row: row, limit, cursor, notes=notes, **more)

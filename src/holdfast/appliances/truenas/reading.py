"""From the middleware's rows to the models that tools return, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from holdfast.appliances.truenas.client import TrueNASClient
from holdfast.control.paging import Start
from holdfast.errors import ProtocolError
from holdfast.transport.values import JsonObject, JsonValue, as_int, as_objects

ModelT = TypeVar("ModelT", bound=BaseModel)
PageT = TypeVar("PageT")

_EXTENDED: Final = ("$date", "$time", "$set", "$value", "$ipv4_interface", "$ipv6_interface")
"""Keys of the JSON extensions (contract 3)."""


_MOST_DIGITS: Final = 20
"""Of 2^64; thousands are no number to `int`."""


@dataclass(frozen=True)
class From:
    """Marks a model's field with the API's own path for it: names joined by dots, the first that is there counts."""

    paths: tuple[str, ...]

    def __init__(self, *paths: str) -> None:
        object.__setattr__(self, "paths", paths)


def iso_time(milliseconds: float) -> str:
    """A point in time as ISO-8601 UTC; seconds are enough."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        raise ProtocolError("The appliance's answer has an impossible time.") from None


def plain(value: JsonValue) -> JsonValue:
    """A value with the middleware's JSON extensions decoded: times as ISO-8601, sets as lists (contract 3)."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$date" in value and isinstance(moment := value["$date"], (int, float)):
        return iso_time(moment)
    if len(value) <= 2:
        for key in _EXTENDED[1:]:
            if key in value:
                return plain(value[key])
    return {key: plain(item) for key, item in value.items()}


def whole_number(value: JsonValue) -> int | None:
    """The whole number that is told as one, or by its digits; None for anything else."""
    if isinstance(value, str) and len(value) <= _MOST_DIGITS and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def dig(row: JsonObject, path: str) -> JsonValue:
    """The value at a path of names joined by dots; None when a part of the path is not there."""
    if path in row:
        return plain(row[path])
    value: JsonValue = row
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return plain(value)


@cache
def _plan(model: type[BaseModel]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    plan: list[tuple[str, tuple[str, ...]]] = []
    for name, field in model.model_fields.items():
        marked = next((mark for mark in field.metadata if isinstance(mark, From)), None)
        plan.append((name, marked.paths if marked is not None else (name,)))
    return tuple(plan)


def made(model: type[ModelT], row: JsonObject, **given: object) -> ModelT:
    """The model of a row; `given` fills fields that need more than their own value.

    Raises:
        ProtocolError: A field is of another kind, or a required one is missing. The value is not repeated.
    """
    values: dict[str, object] = dict(given)
    for name, paths in _plan(model):
        if name in given:
            continue
        for path in paths:
            if (value := dig(row, path)) is not None:
                values[name] = value
                break
    try:
        return model.model_validate(values)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        raise ProtocolError(f"The appliance's answer has something unexpected in {model.__name__}.{where}.") from None


Convert = Callable[[JsonObject], BaseModel]


async def server_page(
    client: TrueNASClient,
    kind: Callable[..., PageT],
    methods: Sequence[str],
    convert: Convert,
    *,
    filters: Sequence[JsonValue],
    limit: int,
    cursor: str | None,
    order_by: Sequence[str],
    select: Sequence[JsonValue] = (),
    extra: JsonObject | None = None,
    leading: Sequence[JsonValue] = (),
) -> PageT:
    """One page that the appliance filters, orders and cuts (contract 8); at most two requests whatever the size.

    Args:
        client: Where to ask.
        kind: The page's model.
        methods: Names of the query method, the newest first.
        convert: Makes a row's model.
        filters: Query filters.
        limit, cursor: Of the tool.
        order_by: Fields; the order must be total, or pages could overlap.
        select: Fields to fetch; all when empty.
        extra: The method's own options.
        leading: Arguments of the method that come before the filters. Such a method is no real `query`: that it counts
            is not promised, so one row more is asked for instead, and `total` is told on the last page only.
    """
    start = Start(cursor)
    asked = limit + start.again + (1 if leading else 0)
    wanted: JsonObject = {"limit": asked, "offset": start.offset, "order_by": list(order_by)}
    if select:
        wanted["select"] = list(select)
    if extra:
        wanted["extra"] = extra
    rows = as_objects(await client.first(methods, *leading, list(filters), wanted), methods[0])
    total: int | None = start.offset + len(rows)
    more = len(rows) == asked or bool(start.again and not rows)
    if more and not leading:
        counted = await client.first(methods, list(filters), {"count": True, **({"extra": extra} if extra else {})})
        total = as_int(counted, "count")
        more = start.offset + len(rows) < total
    part = start.part([convert(row) for row in rows], limit, more=more)
    if leading and part.next_cursor is not None:
        total = None
    return kind(items=part.items, total=total, next_cursor=part.next_cursor, changed=part.changed, notes=part.notes())


LOG_BYTES: Final = 20_000
"""Most of a log that an answer holds."""
_LINE_BYTES: Final = 512
"""Longer lines are cut when they are cleaned."""


def bounded(lines: Sequence[str]) -> list[str]:
    """The newest lines of a log that an answer can hold."""
    kept: list[str] = []
    size = 0
    for line in reversed(lines):
        size += min(len(line.encode()), _LINE_BYTES) + 4
        if size > LOG_BYTES:
            break
        kept.append(line)
    return kept[::-1]

"""The query language: filters and options, evaluated as the appliance does (contract section 8)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from holdfast.simulators.truenas.errors import EINVAL, Json, MatchNotFoundError, Row, ValidationFailedError

MAX_LIMIT = 10_000
MAX_DEPTH = 3
MISSING = object()


def _contains(value: object, wanted: object) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    return isinstance(value, list | tuple | set | dict) and wanted in value


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "~": lambda value, wanted: re.match(wanted, value) is not None,
    "in": lambda value, wanted: _contains(wanted, value),
    "nin": lambda value, wanted: not _contains(wanted, value),
    "rin": _contains,
    "rnin": lambda value, wanted: value is not None and not _contains(value, wanted),
    "^": lambda value, wanted: value is not None and value.startswith(wanted),
    "!^": lambda value, wanted: value is not None and not value.startswith(wanted),
    "$": lambda value, wanted: value is not None and value.endswith(wanted),
    "!$": lambda value, wanted: value is not None and not value.endswith(wanted),
}


@lru_cache(maxsize=1024)
def split_path(path: str) -> tuple[str, ...]:
    """The components of a dotted path; a dot escaped with a backslash belongs to its component."""
    return tuple(part.replace("\0", ".") for part in path.replace("\\.", "\0").split("."))


def values_at(row: object, parts: Sequence[str]) -> Iterable[object]:
    """The values a path leads to: one, none, or with `*` many."""
    for index, part in enumerate(parts):
        if isinstance(row, dict):
            if part not in row:
                return
            row = row[part]
        elif isinstance(row, list):
            if part == "*":
                for item in row:
                    yield from values_at(item, parts[index + 1 :])
                return
            if not part.isdigit() or int(part) >= len(row):
                return
            row = row[int(part)]
        elif part == "$date" and isinstance(row, datetime):
            continue
        else:
            return
    yield row


def _lower(value: object) -> object:
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, list):
        return [_lower(item) for item in value]
    return value


def _comparable(value: object, wanted: object) -> object:
    if isinstance(value, datetime) and isinstance(wanted, str):
        moment = datetime.fromisoformat(wanted)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=value.tzinfo)
    return wanted


def _single(entry: Sequence[Any]) -> Callable[[Row], bool]:
    name, op, wanted = entry
    fold = op[0] == "C"
    compare = _OPERATORS[op[1:] if fold else op]
    parts = split_path(name)
    folded = _lower(wanted) if fold else wanted

    def matches(row: Row) -> bool:
        for value in values_at(row, parts):
            try:
                if compare(_lower(value) if fold else value, _comparable(value, folded)):
                    return True
            except (TypeError, AttributeError, ValueError):
                continue
        return False

    if len(parts) == 1 and not fold and op in ("=", "!=", "in", "nin"):
        # The common case, and the one that 10 000 snapshots go through.
        def quick(row: Row) -> bool:
            value = row.get(parts[0], MISSING)
            try:
                return value is not MISSING and bool(compare(value, _comparable(value, wanted)))
            except (TypeError, ValueError):
                return False

        return quick
    return matches


def _refuse(text: str) -> ValidationFailedError:
    return ValidationFailedError([("filters", text, EINVAL)])


def compile_filters(filters: Sequence[Any], depth: int = 0) -> Callable[[Row], bool]:
    """One predicate of all filters. ValidationFailedError when they are malformed or nested too deeply."""
    if depth > MAX_DEPTH:
        raise _refuse(f"Filters are nested deeper than {MAX_DEPTH} levels")
    tests: list[Callable[[Row], bool]] = []
    for entry in filters:
        if not isinstance(entry, list):
            raise _refuse(f"Filter {entry!r} is not a list")
        if len(entry) == 2:
            if entry[0] != "OR" or not isinstance(entry[1], list):
                raise _refuse(f"Invalid filter {entry!r}")
            tests.append(_any_of([compile_filters([b] if _is_leaf(b) else b, depth + 1) for b in entry[1]]))
            continue
        if len(entry) != 3 or not isinstance(entry[0], str) or not isinstance(entry[1], str):
            raise _refuse(f"Invalid filter {entry!r}")
        op = entry[1]
        known = op in _OPERATORS or (op[:1] == "C" and op[1:] in _OPERATORS and op[1:] != "~")
        if not known:
            raise _refuse(f"Invalid operation: {op}")
        tests.append(_single(entry))
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(test(row) for test in tests)


def _any_of(tests: list[Callable[[Row], bool]]) -> Callable[[Row], bool]:
    return lambda row: any(test(row) for test in tests)


def _is_leaf(branch: object) -> bool:
    return isinstance(branch, list) and len(branch) in (2, 3) and isinstance(branch[0], str)


def mentioned_fields(filters: Sequence[Any], options: Row) -> set[str]:
    """Top-level fields that the query needs; empty select means all, which adds "*"."""
    names: set[str] = set()

    def walk(entries: Sequence[Any]) -> None:
        for entry in entries:
            if not isinstance(entry, list) or not entry:
                continue
            if entry[0] == "OR" and len(entry) == 2 and isinstance(entry[1], list):
                walk([[branch] if _is_leaf(branch) else branch for branch in entry[1]])
            elif isinstance(entry[0], str):
                names.add(split_path(entry[0])[0])
            else:
                walk(entry)

    walk(filters)
    for entry in options.get("order_by", ()):
        names.add(split_path(_order_field(entry)[0])[0])
    selected = options.get("select") or []
    for entry in selected:
        names.add(split_path(entry if isinstance(entry, str) else str(entry[0]))[0])
    if not selected and not options.get("count"):
        names.add("*")
    return names


def _order_field(entry: str) -> tuple[str, bool, bool]:
    """Field, descending, nulls last."""
    nulls_last = entry.startswith("nulls_last:")
    name = entry.split(":", 1)[1] if entry.startswith(("nulls_last:", "nulls_first:")) else entry
    return name.removeprefix("-"), name.startswith("-"), nulls_last


def _sort(rows: list[Row], order_by: Sequence[str]) -> list[Row]:
    for entry in reversed(order_by):
        name, descending, nulls_last = _order_field(entry)
        parts = split_path(name)

        def key(row: Row, parts: tuple[str, ...] = parts) -> Json:
            return next(iter(values_at(row, parts)), None)

        nulls = [row for row in rows if key(row) is None]
        others = [row for row in rows if key(row) is not None]
        try:
            others.sort(key=key, reverse=descending)
        except TypeError:
            others.sort(key=lambda row: str(key(row)), reverse=descending)
        rows = others + nulls if nulls_last else nulls + others
    return rows


def _select(row: Row, fields: Sequence[str | list[str]]) -> Row:
    result: Row = {}
    for entry in fields:
        name, alias = (entry, None) if isinstance(entry, str) else (entry[0], entry[1])
        parts = split_path(name)
        found = list(values_at(row, parts))
        if not found:
            continue
        value = found if "*" in parts else found[0]
        if alias is not None:
            result[alias] = value
            continue
        target = result
        for part in parts[:-1]:
            target = target.setdefault(part, {})
        target[parts[-1]] = value
    return result


def check_options(options: Row) -> None:
    """Refuse impossible combinations, as the appliance's models do."""
    if options.get("limit", 0) > MAX_LIMIT:
        raise ValidationFailedError([("options.limit", f"Input should be less than or equal to {MAX_LIMIT}", EINVAL)])
    if options.get("get") and (options.get("offset") or options.get("limit", 0) > 1):
        raise ValidationFailedError([("options.get", "`get` cannot be combined with offset or limit", EINVAL)])


def run_query(rows: Iterable[Row], filters: Sequence[Any], options: Row) -> Json:
    """Rows, one row (`get`) or a number (`count`). MatchNotFoundError when `get` finds nothing."""
    check_options(options)
    matches = compile_filters(filters)
    found = [row for row in rows if matches(row)] if filters else list(rows)
    if options.get("count"):
        return len(found)
    found = _sort(found, options.get("order_by", ()))
    if options.get("get"):
        if not found:
            raise MatchNotFoundError
        found = found[:1]
    offset, limit = options.get("offset", 0), options.get("limit", 0)
    if offset:
        found = found[offset:]
    if limit:
        found = found[:limit]
    if options.get("select"):
        found = [_select(row, options["select"]) for row in found]
    return found[0] if options.get("get") else found

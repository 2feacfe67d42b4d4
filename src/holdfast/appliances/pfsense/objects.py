"""Objects of a collection: their content, their references, and finding one again after everything has shifted."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from holdfast.appliances.pfsense.errors import MovedError
from holdfast.appliances.pfsense.facts import VOLATILE, Model, model_named
from holdfast.appliances.pfsense.kinds import Kind
from holdfast.cutting import cut
from holdfast.errors import ConflictError, NotFoundError
from holdfast.transport.values import JsonObject, JsonValue

_IDS: Final = frozenset({"id", "parent_id", "_links"})
_DIGEST: Final = 10
_MARK: Final = 8


def is_empty(value: JsonValue) -> bool:
    """Whether pfSense takes it for "not set": a write answers "" or [] where a later read gives null (contract 7.1)."""
    return value is None or value is False or value in ("", [], {})


def plain(value: JsonValue) -> JsonValue:
    """A value in one form: nested objects without ids and without what is not set."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in _IDS and not is_empty(v)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def same(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values mean the same to pfSense: unset is unset, and letters of names and MACs have no case."""
    if is_empty(one) and is_empty(other):
        return True
    if isinstance(one, str) and isinstance(other, str):
        return one.strip().casefold() == other.strip().casefold()
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        names = (set(one) | set(other)) - _IDS
        return all(same(one.get(name), other.get(name)) for name in names)
    return one == other


def content(model: Model, row: Mapping[str, JsonValue]) -> JsonObject:
    """What an object says, without position, authorship and what moves by itself; unset fields left out."""
    found: JsonObject = {}
    for name, field in model.fields.items():
        if name in VOLATILE or field.hidden or name not in row:
            continue
        value = row[name]
        if is_empty(value) and (value is not False or is_empty(field.default)):
            continue
        found[name] = plain(value)
    if "parent_id" in row:
        found["parent_id"] = row["parent_id"]
    return found


def digest(value: JsonValue, length: int = _DIGEST) -> str:
    """A short digest of a value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def key_of(kind: Kind, row: Mapping[str, JsonValue]) -> str:
    """The natural key as one text; with the parent in front for nested objects."""
    if kind.join is None:
        key = digest([None if is_empty(row.get(name)) else row.get(name) for name in kind.key])
    else:
        key = kind.join.join(_text(row.get(name)) for name in kind.key)
    return f"{row['parent_id']}/{key}" if kind.parent_argument and "parent_id" in row else key


def _text(value: JsonValue) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value)


def marked(kind: Kind, row: Mapping[str, JsonValue]) -> str:
    """The key with a mark of the content: what tells apart objects that share their key."""
    return f"{key_of(kind, row)}~{digest(content(kind.model, row), _MARK)}"


def refs(kind: Kind, rows: Sequence[Mapping[str, JsonValue]]) -> list[str]:
    """References of all rows: the key, with a mark of the content where several objects share it."""
    keys = [key_of(kind, row) for row in rows]
    counts = Counter(keys)
    return [marked(kind, row) if counts[key] > 1 else key for key, row in zip(keys, rows, strict=True)]


def find(kind: Kind, rows: Sequence[JsonObject], ref: str, *, last_of_equals: bool = False) -> JsonObject:
    """The one object that a reference names.

    Args:
        kind: The collection.
        rows: Everything that is there now.
        ref: Key, or key with mark.
        last_of_equals: Of several objects that are the same in everything take the last, which of two equal rules is
            the one that never decides.

    Raises:
        NotFoundError: None has it.
        ConflictError: Several have it; the message tells their marked references.
    """
    wanted = ref.strip().casefold()
    exact = [row for row in rows if key_of(kind, row).casefold() == wanted]
    found = exact or [row for row in rows if marked(kind, row).casefold() == wanted]
    if not found:
        raise NotFoundError(
            f"There is no {kind.label} {ref}. Nothing was executed.",
            next_step="List them again: it was deleted, or changed so that its reference is another.",
        )
    if len(found) > 1:
        contents = {digest(content(kind.model, row)) for row in found}
        if len(contents) > 1 or not last_of_equals:
            names = ", ".join(dict.fromkeys(marked(kind, row) for row in found))
            raise ConflictError(
                f"{len(found)} objects have the reference {ref}: {cut(names, 300)}. Nothing was executed.",
                next_step="Give one of these references."
                if len(contents) > 1
                else "They are the same in everything; delete the surplus ones first.",
            )
    return found[-1]


def find_again(kind: Kind, rows: Sequence[JsonObject], planned: JsonObject, ref: str) -> JsonObject:
    """The object that a plan was made for, in a fresh list, by its content.

    Raises:
        MovedError: It is gone, or is not what it was.
    """
    found = [row for row in rows if content(kind.model, row) == planned]
    if not found:
        raise MovedError(
            f"The {kind.label} {ref} was changed or deleted meanwhile. Nothing was executed.",
            next_step="List it again and make a new plan.",
        )
    return found[-1]


def matches(model: Model, row: Mapping[str, JsonValue], wanted: Mapping[str, JsonValue]) -> bool:
    """Whether an object holds all wanted values."""
    return all(_holds(model, row, name, value) for name, value in wanted.items() if not _hidden(model, name))


def _holds(model: Model, row: Mapping[str, JsonValue], name: str, value: JsonValue) -> bool:
    if name == "associated_rule_id" and value == "new":
        return row.get(name) not in (None, "", "pass")  # pfSense makes the rule and names it itself (contract 13.4)
    held = row.get(name)
    field = model.fields.get(name)
    if field is None or field.child is None or not isinstance(held, list) or not isinstance(value, list):
        return same(held, value)
    child = model_named(field.child)
    return len(held) == len(value) and all(_is_child(child, a, b) for a, b in zip(held, value, strict=True))


def _is_child(model: Model, held: JsonValue, wanted: JsonValue) -> bool:
    """Whether a nested object holds what is wanted; pfSense fills in the defaults of what was not given."""
    if not isinstance(held, dict) or not isinstance(wanted, dict):
        return same(held, wanted)
    given = {name: value for name, value in wanted.items() if name not in _IDS}
    return is_made(model, held, given)


def is_made(model: Model, row: Mapping[str, JsonValue], wanted: Mapping[str, JsonValue]) -> bool:
    """Whether an object is what creating it with these values makes: the values, and defaults for the rest."""
    if not matches(model, row, wanted):
        return False
    rest = (f for n, f in model.fields.items() if n not in wanted and not f.read_only and not f.hidden)
    return all(_is_unset(row.get(f.name)) or same(row.get(f.name), f.default) for f in rest)


def _is_unset(value: JsonValue) -> bool:
    """What pfSense stores for a field that nobody gave, beside its default."""
    return is_empty(value) or value in (0, "0", "none")


def differences(model: Model, row: Mapping[str, JsonValue], wanted: Mapping[str, JsonValue]) -> list[str]:
    """Names of the fields that do not hold the wanted value."""
    return [n for n, v in wanted.items() if not _hidden(model, n) and not _holds(model, row, n, v)]


def _hidden(model: Model, name: str) -> bool:
    field = model.fields.get(name)
    return field is not None and field.hidden


def nested_hidden(model: Model) -> bool:
    """Whether the model has fields that are never answered, so that it cannot be made again from what was read."""
    return any(field.secret for field in model.fields.values())


def by_ref(kind: Kind, rows: Iterable[JsonObject]) -> Counter[str]:
    """How often each marked reference occurs."""
    return Counter(marked(kind, row) for row in rows)


def ids(row: Mapping[str, JsonValue]) -> JsonObject:
    """The array positions that a request names an object by; they hold only as long as nobody writes."""
    return {name: row[name] for name in ("id", "parent_id") if name in row}


def added(kind: Kind, rows: list[JsonObject], known: Counter[str]) -> list[JsonObject]:
    """Those of some objects that are more than were known."""
    left, new = known.copy(), []
    for row in rows:
        mark = marked(kind, row)
        if left[mark] > 0:
            left[mark] -= 1
        else:
            new.append(row)
    return new


def same_object(kind: Kind, deleted: JsonObject, before: JsonObject) -> bool:
    """Whether the object that pfSense says it has deleted is the one that was meant."""
    return key_of(kind, deleted) == key_of(kind, before) or deleted == before or not deleted

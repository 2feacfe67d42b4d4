"""Taking back: the inverse call, from the state captured before (pfSense itself restores nothing: contract 16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from holdfast.appliances.pfsense.facts import VOLATILE
from holdfast.appliances.pfsense.kinds import Kind
from holdfast.appliances.pfsense.objects import is_empty, plain
from holdfast.appliances.pfsense.rules import VERSIONS
from holdfast.control.answers import UndoCall
from holdfast.transport.values import JsonObject, JsonValue


class Undo(TypedDict):
    """The part of a `Change` that says how it is taken back."""

    undo: UndoCall | None
    cannot_undo: str | None


def _call(kind: Kind, verb: str, arguments: JsonObject) -> UndoCall:
    general: JsonObject = {} if kind.noun else {"kind": kind.name}
    return UndoCall(tool=kind.tool(verb), arguments={**general, **arguments})


def undo_create(kind: Kind, ref: str | None) -> UndoCall | None:
    """Delete it, when its reference is known before it exists."""
    if ref is None:
        return None
    return _call(kind, "delete", {"package" if kind.name == "package" else "ref": ref})


def undo_move(kind: Kind, ref: str, position: str) -> UndoCall:
    """Back to where it was."""
    return _call(kind, "move", {"ref": ref, "position": position})


def undo_update(kind: Kind, ref: str, row: Mapping[str, JsonValue], changes: JsonObject) -> Undo:
    """Set the fields to what they were; what was never answered cannot be set back."""
    hidden = [name for name in changes if kind.model.fields[name].hidden]
    if hidden:
        return Undo(undo=None, cannot_undo=f"pfSense never tells what was stored before: {', '.join(hidden)}.")
    before: JsonObject = {name: plain(row.get(name)) for name in changes}
    return Undo(undo=_call(kind, "update", {"ref": ref, "changes": before}), cannot_undo=None)


def undo_delete(kind: Kind, row: Mapping[str, JsonValue], position: str | None, *, secret: bool) -> Undo:
    """Create it again as it was."""
    if secret:
        return Undo(undo=None, cannot_undo="It holds secrets that pfSense never tells, so it cannot be made again.")
    fields = {
        name: plain(row[name])
        for name, field in kind.model.fields.items()
        if name in row and name not in VOLATILE and not field.read_only and not _is_default(row[name], field.default)
    }
    if kind.name == "port_forward" and fields.pop("associated_rule_id", None):
        fields["associated_rule_id"] = "new"
    arguments: JsonObject = {}
    if kind.name == "package":
        return Undo(undo=_call(kind, "create", {"package": row.get("name")}), cannot_undo=None)
    if kind.parent_argument and "parent_id" in row:
        arguments[kind.parent_argument] = row["parent_id"]
    if kind.noun is None:
        return Undo(undo=_call(kind, "create", {**arguments, "fields": fields}), cannot_undo=None)
    names = {field: field for field in kind.plain} | dict(kind.arguments)
    more: JsonObject = {name: value for name, value in fields.items() if name not in names}
    arguments |= {names[name]: value for name, value in fields.items() if name in names}
    if kind.name == "rule":
        arguments["ip_version"] = VERSIONS.get(str(arguments.get("ip_version")), "ipv4")
    if more:
        arguments["more"] = more
    if position is not None:
        arguments["position"] = position
    return Undo(undo=_call(kind, "create", arguments), cannot_undo=None)


def _is_default(value: JsonValue, default: JsonValue) -> bool:
    return value == default or (is_empty(value) and (value is not False or is_empty(default)))

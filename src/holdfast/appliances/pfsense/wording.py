"""How objects are told of in a change: in its summary, before and after, and in what its plan is bound to."""

from __future__ import annotations

from holdfast.appliances.pfsense.facts import Model
from holdfast.appliances.pfsense.kinds import Kind
from holdfast.appliances.pfsense.objects import digest, marked, plain
from holdfast.transport.values import JsonObject


def called(body: JsonObject, kind: Kind) -> str:
    """What an object is called in a summary: by its name, else by its reference."""
    names = ("name", "descr", "hostname", "network", "mac", "tag", "host", "ifname", "description")
    told = next((str(body[name]) for name in names if body.get(name)), None)
    return told if told is not None else marked(kind, body)


def described(row: JsonObject) -> str:
    """What its description adds to a summary."""
    told = row.get("descr") or row.get("description")
    return f": {told}" if isinstance(told, str) and told else ""


def shown(model: Model, values: JsonObject) -> JsonObject:
    """Values as `Change.after` has them: a secret only as such."""
    return {n: "(secret)" if model.fields[n].hidden else plain(v) for n, v in values.items() if n in model.fields}


def emptied(model: Model, values: JsonObject) -> JsonObject:
    """The values that unset a field, as null: `content` leaves out what is not set."""
    return {name: None for name, value in values.items() if value in (None, "", []) and not model.fields[name].hidden}


def sealed(model: Model, body: JsonObject) -> JsonObject:
    """The body as a plan keeps it: secrets only by their digest."""
    return {n: f"sha256:{digest(v, 64)}" if model.fields[n].hidden else v for n, v in body.items()}


def live_at_once(kind: Kind) -> list[str]:
    """Warns of a collection whose changes need no apply step."""
    return ["It takes effect at once, without an apply step."] if kind.subsystem is None else []


def linked(kind: Kind, row: JsonObject) -> list[str]:
    """What goes with a deleted object."""
    if kind.name == "port_forward" and row.get("associated_rule_id"):
        return ["The firewall rule that belongs to this port forward is deleted with it."]
    return []

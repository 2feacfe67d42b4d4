"""The JSON of the wire: plain JSON with the appliance's extensions for times and sets (contract section 3)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time

from holdfast.simulators.truenas.errors import Json, Row


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return {"$date": int(moment.timestamp() * 1000)}
    if isinstance(value, date):
        return {"$type": "date", "$value": value.isoformat()}
    if isinstance(value, time):
        return {"$time": value.isoformat(timespec="seconds")}
    if isinstance(value, set | frozenset):
        return {"$set": sorted(value)}
    raise TypeError(f"{type(value).__name__} has no form on the wire")


def _decode(value: Row) -> object:
    if len(value) == 1:
        if isinstance(value.get("$date"), int):
            return datetime.fromtimestamp(value["$date"] / 1000, UTC)
        if isinstance(value.get("$time"), str):
            return time.fromisoformat(value["$time"])
        if isinstance(value.get("$set"), list):
            return list(value["$set"])
    if len(value) == 2 and value.get("$type") == "date" and isinstance(value.get("$value"), str):
        return date.fromisoformat(value["$value"])
    return value


def dumps(value: object) -> str:
    """Text of a frame. TypeError when something in it has no form on the wire."""
    return json.dumps(value, default=_encode, ensure_ascii=False, separators=(",", ":"))


def loads(text: str) -> Json:
    """Value of a frame. ValueError when it is not JSON."""
    return json.loads(text, object_hook=_decode)


def from_epoch(seconds: float) -> datetime:
    """The moment as the appliance's models hold it."""
    return datetime.fromtimestamp(seconds, UTC)

"""Checks answers against the vendor's own model tables, not against the simulator's copy of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.support.schemas import schema_lines

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "double": (float, int),
    "array": (dict, list),
}


@cache
def vendor_models() -> dict[str, dict[str, Any]]:
    """The vendor's models by name."""
    return {row["model"]: row for row in schema_lines("pfsense-2.10-models.jsonl")}


@cache
def vendor_endpoints() -> dict[str, dict[str, Any]]:
    """The vendor's endpoints by URL, without `/api/v2`; the plural where a URL is registered twice."""
    found: dict[str, dict[str, Any]] = {}
    for row in schema_lines("pfsense-2.10-endpoints.jsonl"):
        url = row["url"].removeprefix("/api/v2")
        if url not in found or row["plural"]:
            found[url] = row
    return found


def problems(model_name: str, data: Any, *, where: str = "") -> list[str]:
    """What is wrong with one object, by the vendor's description of its model."""
    model = vendor_models()[model_name]
    where = where or model_name
    if not isinstance(data, dict):
        return [] if not model["fields"] and data == [] else [f"{where}: no object but {data!r}"]
    known = set(model["fields"]) | {"id", "parent_id", "_links"}
    found = [f"{where}.{name}: not in the vendor's model" for name in data if name not in known]
    for name, field in model["fields"].items():
        hidden = field.get("sensitive") or field.get("write_only")
        if hidden and name in data:
            found.append(f"{where}.{name}: secret or write-only, yet answered")
        if not hidden and name not in data:
            found.append(f"{where}.{name}: missing")
        if name in data and not hidden:
            found += _value_problems(f"{where}.{name}", field, data[name])
    if model["many"] and "id" in data:
        kind = str if model["id_type"] == "string" else int
        if not isinstance(data["id"], kind):
            found.append(f"{where}.id: {data['id']!r} is not {kind.__name__}")
    return found


def _value_problems(where: str, field: dict[str, Any], value: Any) -> list[str]:
    if value is None:
        must = field.get("required") and not field.get("conditions")
        return [f"{where}: null although required"] if must else []
    if field["many"]:
        if not isinstance(value, list):
            return [f"{where}: {value!r} is not a list"]
        if "model_class" in field:
            child = field["model_class"].rsplit("\\", 1)[1]
            return [text for item in value for text in problems(child, item, where=where)]
        return [text for item in value for text in _item_problems(where, field, item)]
    return _item_problems(where, field, value)


def _item_problems(where: str, field: dict[str, Any], item: Any) -> list[str]:
    if not isinstance(item, _TYPES[field["type"]]) or (isinstance(item, bool) and field["type"] != "boolean"):
        return [f"{where}: {item!r} is not {field['type']}"]
    fixed = field.get("choices") and not field.get("choices_environment_dependent")
    if fixed and item not in field["choices"] and not (item == "" and field.get("allow_empty")):
        return [f"{where}: {item!r} is not one of {field['choices']}"]
    return []

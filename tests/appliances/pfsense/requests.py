"""Every request that a tool sends, held against the vendor's own tables."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from holdfast.simulators.base import Arrival
from tests.support.schemas import schema_lines

_CONTROL = {
    "POST": {"placement", "dry_run", "async", "parent_id"},
    "PATCH": {"placement", "dry_run", "id", "parent_id"},
    "DELETE": {"dry_run", "id", "parent_id"},
}
_PAGING = {"limit", "offset", "id", "parent_id"}
_FILTERS = {"contains", "startswith", "endswith", "gte", "lte"}
_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "double": (float, int),
    "array": (dict,),
}
_PUBLIC = {"/api/v2/schema/openapi"}
SEEN: Counter[str] = Counter()
"""How many requests were checked, by method and URL."""


@cache
def endpoints() -> dict[str, dict[str, Any]]:
    """The vendor's endpoints by URL; the plural where a URL is registered twice."""
    found: dict[str, dict[str, Any]] = {}
    for row in schema_lines("pfsense-2.10-endpoints.jsonl"):
        if row["url"] not in found or row["plural"]:
            found[row["url"]] = row
    return found


@cache
def models() -> dict[str, dict[str, Any]]:
    """The vendor's models by name."""
    return {row["model"]: row for row in schema_lines("pfsense-2.10-models.jsonl")}


def problems(arrival: Arrival) -> list[str]:
    """What is wrong with a request, by the vendor's description; empty when nothing is."""
    url, _, query = arrival.path.partition("?")
    url = unquote(url)
    where = f"{arrival.method} {url}"
    SEEN[where] += 1
    if url in _PUBLIC:
        return [] if arrival.method == "GET" else [f"{where}: only read"]
    endpoint = endpoints().get(url)
    if endpoint is None:
        return [f"{where}: the vendor has no such URL"]
    if arrival.method not in endpoint["methods"]:
        return [f"{where}: the vendor has no such method"]
    if arrival.method in ("PUT", "DELETE") and endpoint["plural"]:
        return [f"{where}: changes a whole collection"]
    model = models()[endpoint["model"]]
    pairs = dict(parse_qsl(query, keep_blank_values=True)) | arrival.query
    if arrival.method == "GET":
        found = [] if not arrival.body else [f"{where}: a GET with a body ignores its query"]
        return found + _query_problems(where, model, pairs)
    if pairs:
        return [f"{where}: parameters in the query of a write"]
    body = json.loads(arrival.body) if arrival.body else {}
    found = [f"{where}: no id"] if arrival.method == "DELETE" and "id" not in body else []
    control = _CONTROL[arrival.method] | ({"id"} if model["model"] == "Service" else set())
    return found + _body_problems(where, model, body, control)


def _query_problems(where: str, model: dict[str, Any], query: dict[str, str]) -> list[str]:
    found = []
    for name in query:
        field, _, how = name.partition("__")
        probe = name == "dry_run" and where.endswith("/firewall/aliases")
        if field not in model["fields"] and field not in _PAGING and not probe:
            found.append(f"{where}: unknown parameter {name}")
        if how and how not in _FILTERS:
            found.append(f"{where}: unknown filter {name}")
    return found


def _body_problems(where: str, model: dict[str, Any], body: dict[str, Any], control: set[str]) -> list[str]:
    found: list[str] = []
    for name, value in body.items():
        if name in control:
            continue
        field = model["fields"].get(name)
        if field is None:
            found.append(f"{where}: unknown field {name}")
        elif field.get("read_only"):
            found.append(f"{where}: {name} is read-only")
        elif value is not None:
            found += _value_problems(f"{where}: {name}", field, value)
    return found


def _value_problems(where: str, field: dict[str, Any], value: Any) -> list[str]:
    if not field["many"]:
        return _item_problems(where, field, value)
    if not isinstance(value, list):
        return [f"{where}: not an array"]
    if "model_class" in field:
        child = models()[field["model_class"].rsplit("\\", 1)[1]]
        return [text for item in value for text in _body_problems(where, child, item, set())]
    return [text for item in value for text in _item_problems(where, field, item)]


def _item_problems(where: str, field: dict[str, Any], item: Any) -> list[str]:
    wanted = _PYTHON[field["type"]]
    if not isinstance(item, wanted) or (isinstance(item, bool) and field["type"] != "boolean"):
        return [f"{where}: {type(item).__name__} in place of {field['type']}"]
    fixed = field.get("choices") and not field.get("choices_environment_dependent")
    if fixed and item != "" and item not in field["choices"]:
        return [f"{where}: not one of its choices"]
    return []

"""Does an answer fit the vendor's `returns` schema, read the way the vendor's own language writes JSON?

Numbers may come as text and text as numbers, booleans are 0, 1 or "" (contract section 12); null stands for what is
optional and absent.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from tests.support import schema_lines


@cache
def returns_by_endpoint(release: str) -> dict[str, Any]:
    """The `returns` schema of every endpoint of a release; skips the test where the schemas are not there."""
    return {line["endpoint"]: line.get("returns") or {} for line in schema_lines(f"proxmox-{release}.jsonl")}


def violations(schema: dict[str, Any], value: Any, path: str = "data") -> list[str]:
    """What is wrong with a value, each with its place."""
    if value is None:
        return [] if schema.get("optional") or schema.get("type") in (None, "null", "any") else [f"{path}: null"]
    kind = schema.get("type")
    if kind == "array":
        return _array(schema, value, path)
    if kind == "object" or (kind is None and "properties" in schema):
        return _object(schema, value, path)
    if not _fits(kind, value):
        return [f"{path}: {kind} expected, got {json.dumps(value)[:80]}"]
    return _limits(schema, value, path)


def _array(schema: dict[str, Any], value: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path}: array expected"]
    items = schema.get("items")
    if not isinstance(items, dict):
        return []
    return [found for number, item in enumerate(value) for found in violations(items, item, f"{path}[{number}]")]


def _object(schema: dict[str, Any], value: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: object expected"]
    properties = schema.get("properties") or {}
    found: list[str] = []
    for name, part in properties.items():
        if name.startswith("{"):
            found += [one for key, item in value.items() for one in violations(part, item, f"{path}.{key}")]
        elif name.endswith("[n]"):
            stem = name[:-3]
            for key, item in value.items():
                if re.fullmatch(rf"{stem}\d+", key):
                    found += violations(part, item, f"{path}.{key}")
        elif name in value:
            found += violations(part, value[name], f"{path}.{name}")
        elif not part.get("optional"):
            found.append(f"{path}.{name}: missing")
    if schema.get("additionalProperties") == 0:
        indexed = {name.removesuffix("[n]") for name in properties if name.endswith("[n]")}
        unknown = [key for key in value if key not in properties and key.rstrip("0123456789") not in indexed]
        found += [f"{path}.{key}: not in the schema" for key in unknown]
    return found


def _fits(kind: Any, value: Any) -> bool:
    text = str(value)
    if kind == "integer":
        return not isinstance(value, bool | list | dict) and re.fullmatch(r"-?\d+", text) is not None
    if kind == "number":
        return (
            not isinstance(value, bool | list | dict)
            and re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", text) is not None
        )
    if kind == "boolean":
        return str(value) in ("0", "1", "", "True", "False")
    if kind == "string":
        return isinstance(value, str | int | float)
    return bool(kind != "null")


def _limits(schema: dict[str, Any], value: Any, path: str) -> list[str]:
    allowed = schema.get("enum")
    if allowed and str(value) not in [str(word) for word in allowed]:
        return [f"{path}: {value!r} is none of {allowed}"]
    if isinstance(value, int | float) and not isinstance(value, bool):
        if schema.get("minimum") is not None and value < schema["minimum"]:
            return [f"{path}: {value} is below {schema['minimum']}"]
        if schema.get("maximum") is not None and value > schema["maximum"]:
            return [f"{path}: {value} is above {schema['maximum']}"]
    if isinstance(value, str) and schema.get("maxLength") and len(value) > schema["maxLength"]:
        return [f"{path}: longer than {schema['maxLength']}"]
    return []

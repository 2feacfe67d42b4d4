"""JSON schemas as `tools/list` shows them: closed, described, and without a token too many."""

from __future__ import annotations

import inspect
from typing import Final, cast

from pydantic import BaseModel, JsonValue, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from holdfast.control.answers import Answer, JsonObject, WriteResult
from holdfast.control.arguments import arguments_model
from holdfast.control.change import Change
from holdfast.control.spec import ToolSpec

_IN_EVERY_LIST: Final = frozenset({"stale", "undo", "changed"})
"""Parts that many answers share: spelling each out in every tool of the list would cost a model some hundred tokens."""


def answer_model(spec: ToolSpec) -> type[Answer]:
    """The model of a tool's answer: `WriteResult` for functions that return a `Change`."""
    returned = spec.signature.return_annotation
    if returned is Change:
        return WriteResult
    if not (inspect.isclass(returned) and issubclass(returned, Answer)):
        raise TypeError(f"{spec.name}: must return an Answer model or a Change")
    return returned


def input_schema(spec: ToolSpec) -> JsonObject:
    """The closed JSON schema of a tool's arguments."""
    return _lean(arguments_model(spec), keep_descriptions=True, closed=True)


def output_schema(spec: ToolSpec) -> JsonObject:
    """The JSON schema of a tool's answer as it is sent: absent facts are left out, so nothing is null."""
    schema = _lean(answer_model(spec), keep_descriptions=False, closed=False)
    properties = schema["properties"]
    assert isinstance(properties, dict)
    for name in _IN_EVERY_LIST & properties.keys():
        properties[name] = {"type": "object"}
    return schema


def _lean(model: type[BaseModel], *, keep_descriptions: bool, closed: bool) -> JsonObject:
    generated = TypeAdapter(model).json_schema(schema_generator=GenerateJsonSchema, mode="validation")
    definitions = cast("dict[str, JsonValue]", generated.pop("$defs", {}))
    pruned = _prune(cast("JsonValue", generated), definitions, keep_descriptions, closed, ())
    if not isinstance(pruned, dict):
        raise TypeError(f"{model.__name__}: its schema is not an object")
    return pruned


def _prune(
    node: JsonValue, definitions: dict[str, JsonValue], descriptions: bool, closed: bool, open_refs: tuple[str, ...]
) -> JsonValue:
    if isinstance(node, list):
        return [_prune(item, definitions, descriptions, closed, open_refs) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(reference := node.get("$ref"), str):
        name = reference.rpartition("/")[2]
        if name in open_refs:
            return {"type": "object"}
        merged = {**cast("dict[str, JsonValue]", definitions[name]), **{k: v for k, v in node.items() if k != "$ref"}}
        return _prune(merged, definitions, descriptions, closed, (*open_refs, name))
    lean: dict[str, JsonValue] = {}
    for key, value in node.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "description" and isinstance(value, str) and not descriptions:
            continue
        if key == "default" and value is None:
            continue
        if key in ("additionalProperties", "maxLength", "pattern", "x-untrusted") and not closed:
            continue
        if key == "properties" and isinstance(value, dict):
            lean[key] = {
                name: _prune(schema, definitions, descriptions, closed, open_refs) for name, schema in value.items()
            }
        elif key in ("default", "enum", "const", "examples", "required"):
            lean[key] = value
        else:
            lean[key] = _prune(value, definitions, descriptions, closed, open_refs)
    return _without_null(lean)


def _without_null(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """`X or null` as `X`: what is absent is left out, both ways."""
    options = schema.get("anyOf")
    if not isinstance(options, list):
        return schema
    real = [option for option in options if option != {"type": "null"}]
    if len(real) == len(options):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(real) == 1 and isinstance(real[0], dict):
        return {**real[0], **rest}
    return {"anyOf": cast("JsonValue", real), **rest}

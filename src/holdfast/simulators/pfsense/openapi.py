"""The schema documents, readable without credentials (contract §3.7): a live-ness probe and the version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.simulators.pfsense.schema import Endpoint, Field, Model

if TYPE_CHECKING:
    from holdfast.simulators.pfsense.machine import Machine

_TYPES = {"double": "number"}


def document(machine: Machine, path: str) -> dict[str, Any]:
    """The OpenAPI, native or GraphQL description of what this version serves."""
    if path.endswith("/openapi"):
        return _openapi(machine)
    models = {name: {field: _property(f) for field, f in m.fields.items()} for name, m in machine.schema.models.items()}
    if path.endswith("/graphql"):
        return {"data": {"__schema": {"types": [{"kind": "OBJECT", "name": name} for name in models]}}}
    endpoints = {
        url: {"model": e.model, "many": e.plural, "request_method_options": list(e.methods)}
        for url, e in machine.schema.endpoints.items()
    }
    return {"version": ".".join(map(str, machine.persona.package)), "endpoints": endpoints, "models": models}


def _openapi(machine: Machine) -> dict[str, Any]:
    return {
        "openapi": "3.0.0",
        "info": {"title": "pfSense REST API", "version": ".".join(map(str, machine.persona.package))},
        "servers": [{"url": "/", "description": "This firewall"}],
        "components": {
            "schemas": {name: _schema(model) for name, model in machine.schema.models.items()},
            "securitySchemes": {
                "BasicAuth": {"type": "http", "scheme": "basic"},
                "JWTAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "KeyAuth": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        "paths": {url: _path(endpoint) for url, endpoint in machine.schema.endpoints.items()},
    }


def _path(endpoint: Endpoint) -> dict[str, Any]:
    item = {"$ref": f"#/components/schemas/{endpoint.model}"}
    data = {"type": "array", "items": item} if endpoint.plural else item
    answer = {"description": "ok", "content": {"application/json": {"schema": {"properties": {"data": data}}}}}
    return {
        method.lower(): {"operationId": f"{method.lower()}{endpoint.model}", "responses": {"200": answer}}
        for method in endpoint.methods
    }


def _schema(model: Model) -> dict[str, Any]:
    return {"type": "object", "properties": {name: _property(field) for name, field in model.fields.items()}}


def _property(field: Field) -> dict[str, Any]:
    kind = _TYPES.get(field.type, field.type)
    shown: dict[str, Any] = {"type": kind, "readOnly": field.read_only, "writeOnly": field.write_only}
    if field.choices:
        shown["enum"] = list(field.choices)
    if field.many:
        shown = {"type": "array", "items": {"type": kind}, "readOnly": field.read_only, "writeOnly": field.write_only}
    shown["nullable"] = field.allow_null
    if field.default not in (None, "", [], False):
        shown["default"] = field.default
    return shown

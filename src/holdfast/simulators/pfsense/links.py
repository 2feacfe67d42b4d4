"""Links between resources, which answers carry only when the `hateoas` setting is on (contract §5)."""

from __future__ import annotations

from typing import Any

from holdfast.simulators.pfsense.schema import Endpoint
from holdfast.simulators.pfsense.work import Obj, Work


def page_links(endpoint: Endpoint, limit: int, offset: int) -> dict[str, Any]:
    """`prev` and `next` of a plural answer."""
    if not endpoint.plural:
        return {}
    before = max(offset - limit, 0)
    return {
        "_links": {
            "prev": {"href": f"{endpoint.url}?offset={before}&limit={limit}"},
            "next": {"href": f"{endpoint.url}?offset={offset + limit}&limit={limit}"},
        }
    }


def object_links(work: Work, obj: Obj) -> dict[str, Any]:
    """`self`, `update` and `delete` of an object, and `pfsense:field:…` of fields that name another object."""
    endpoint = work.schema.singular(obj.model.name)
    if endpoint is None:
        return {}
    where = endpoint.url
    if obj.model.many:
        parent = f"parent_id={obj.parent_id}&" if obj.parent_id is not None else ""
        where = f"{endpoint.url}?{parent}id={obj.id}"
    links: dict[str, Any] = {}
    for name, method in (("self", "GET"), ("update", "PATCH"), ("delete", "DELETE")):
        if method in endpoint.methods:
            links[name] = {"href": endpoint.url if method == "PATCH" else where, "method": method}
    for field in obj.model.fields.values():
        link = _related(work, obj, field.name, field.model_name, field.model_field)
        if link is not None:
            links[f"pfsense:field:{field.name}"] = link
    return {"_links": links}


def _related(work: Work, obj: Obj, name: str, models: tuple[str, ...], field: str) -> dict[str, Any] | None:
    value = obj.values.get(name)
    for model_name in models:
        model = work.schema.models[model_name]
        endpoint = work.schema.singular(model_name)
        if endpoint is None or not model.config_path or model.parent_model or value is None:
            continue
        for ident, row in work.tree.rows(model).items():
            if row.get(field) == value:
                return {"href": f"{endpoint.url}?id={ident}", "method": "GET"}
    return None

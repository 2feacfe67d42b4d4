"""Reading lists for tools: gates, filters, and pages that the appliance cuts where it can."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from pydantic import BaseModel

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.facts import Model, model_named
from holdfast.control.paging import Part, Start
from holdfast.errors import InputError
from holdfast.transport.urls import Query
from holdfast.transport.values import JsonObject, JsonValue

ModelT = TypeVar("ModelT", bound=BaseModel)

_FILTERS = frozenset({"contains", "startswith", "endswith", "gte", "lte"})


def checked_query(model: Model, query: Mapping[str, str | int]) -> Query:
    """A query of known fields and filters: pfSense ignores unknown names and lists everything (contract 6).

    Raises:
        InputError: A name is none of the model's.
    """
    for name in query:
        field, _, how = name.partition("__")
        known = field in model.fields or field in ("id", "parent_id", "limit", "offset")
        if not known or (how and how not in _FILTERS):
            raise InputError(f"{model.title} cannot be filtered by {name}.")
    return dict(query)


async def all_rows(client: HTTPPfSenseClient, model_name: str) -> list[JsonObject]:
    """Every object of a collection, in one request.

    Raises:
        UnsupportedError: Not on this release, or its package is not installed.
    """
    model = model_named(model_name)
    await client.versions.require(model, "GET", plural=True)
    return await client.rows(model)


async def page_of(
    client: HTTPPfSenseClient,
    model_name: str,
    limit: int,
    cursor: str | None,
    query: Mapping[str, str | int],
    convert: Callable[[list[JsonObject]], list[ModelT]],
) -> Part[ModelT]:
    """One page, cut by the appliance: one row more is asked for, to know whether there is a next one.

    Args:
        client: Where to ask.
        model_name: Of the collection.
        limit, cursor: Of the tool.
        query: Filters.
        convert: Makes models of rows, all at once.
    """
    model = model_named(model_name)
    await client.versions.require(model, "GET", plural=True)
    start = Start(cursor)
    asked = limit + start.again + 1
    rows = await client.rows(model, checked_query(model, {**query, "limit": asked, "offset": start.offset}))
    return start.part(convert(rows), limit, more=False)


async def settings_of(client: HTTPPfSenseClient, model_name: str) -> JsonObject:
    """The one object of a model that is no collection."""
    model = model_named(model_name)
    await client.versions.require(model, "GET")
    return await client.single(model)


def texts(row: Mapping[str, JsonValue], name: str) -> list[str]:
    """A field as a list of texts: one text is a list of one, null is none."""
    value = row.get(name)
    if value is None or value == "":
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def said(row: Mapping[str, JsonValue], name: str) -> str | None:
    """A field as text; None when it is not set."""
    value = row.get(name)
    return None if value is None or value == "" or isinstance(value, list | dict) else str(value)


def yes(row: Mapping[str, JsonValue], name: str) -> bool | None:
    """True, or None where it is false or not told: what is usual is left out of an answer."""
    return True if row.get(name) is True else None

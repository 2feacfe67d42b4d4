"""Reading lists for tools: gates, filters, and pages that the appliance cuts where it can."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.facts import Model, model_named
from holdfast.control.paging import decode_cursor, encode_cursor
from holdfast.errors import InputError
from holdfast.transport.urls import Query
from holdfast.transport.values import JsonObject, JsonValue

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
    client: HTTPPfSenseClient, model_name: str, limit: int, cursor: str | None, query: Mapping[str, str | int]
) -> tuple[list[JsonObject], str | None]:
    """One page, cut by the appliance: one row more is asked for, to know whether there is a next one."""
    model = model_named(model_name)
    await client.versions.require(model, "GET", plural=True)
    offset = decode_cursor(cursor)
    wanted = checked_query(model, {**query, "limit": limit + 1, "offset": offset})
    rows = await client.rows(model, wanted)
    return rows[:limit], encode_cursor(offset + limit) if len(rows) > limit else None


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

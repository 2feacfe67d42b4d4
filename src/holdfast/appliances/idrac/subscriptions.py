"""Event subscriptions: who is told of the server's events (contract 12.21)."""

from __future__ import annotations

from urllib.parse import urlsplit

from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.client import IDracClient
from holdfast.appliances.idrac.reading import link, text, texts
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import NotFoundError, UnsupportedError


async def read_subscriptions(client: IDracClient) -> list[JsonObject]:
    """The subscriptions.

    Raises:
        UnsupportedError: This iDRAC shows none.
    """
    service = link(await client.root(), "EventService")
    listing = link(await client.get(service), "Subscriptions") if service else None
    if listing is None:
        raise UnsupportedError("This iDRAC does not show who is told of its events.")
    return await client.rows(listing)


def destination(row: JsonObject) -> str | None:
    """Where events go, without credentials and query: those can hold secrets."""
    found = text(row, "Destination")
    if found is None:
        return None
    try:
        parts = urlsplit(found)
        return f"{parts.scheme}://{parts.hostname or '?'}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        return "?"


def facts(row: JsonObject) -> JsonObject:
    """A subscription as a plan and a list show it."""
    return {
        "id": text(row, "Id") or "?",
        "destination": destination(row),
        "format": text(row, "EventFormatType"),
        "types": [*texts(row, "EventTypes")],
        "kind": text(row, "SubscriptionType"),
        "context": text(row, "Context"),
    }


async def plan_delete(ctx: Ctx, name: str) -> Change:
    """The deletion of a subscription."""
    client = ctx.client
    found = next((row for row in await read_subscriptions(client) if text(row, "Id") == name), None)
    if found is None:
        raise NotFoundError("There is no such subscription.", next_step="List them: idrac_list_subscriptions.")
    address = text(found, "@odata.id") or ""
    where = destination(found) or "?"

    async def look() -> Seen:
        left = [text(row, "Id") for row in await read_subscriptions(client)]
        return Seen(name not in left, {"subscription": name if name in left else None})

    return await change(
        ctx,
        Write(lambda: client.write("DELETE", address), {"DELETE": address}),
        summary=f"Delete the event subscription {name} of {where}",
        before=facts(found),
        after={"subscription": None},
        look=look,
        cannot_undo="Who subscribed must subscribe again.",
        blast_radius=(f"{where} is told of no events of this server any more.",),
    )

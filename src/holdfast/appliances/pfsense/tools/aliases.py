"""Aliases and schedules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from holdfast.appliances.pfsense.arguments import (
    AllowLockout,
    Changes,
    Ctx,
    Description,
    More,
    Ref,
    body_of,
    has_text,
)
from holdfast.appliances.pfsense.changes import plan_create, plan_delete, plan_update
from holdfast.appliances.pfsense.identifiers import AliasName
from holdfast.appliances.pfsense.kinds import ALIAS, SCHEDULE
from holdfast.appliances.pfsense.models import Alias, AliasPage, Schedule, SchedulePage
from holdfast.appliances.pfsense.objects import plain
from holdfast.appliances.pfsense.reading import all_rows, said, texts
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError
from holdfast.transport.values import JsonObject, opt_bool, opt_objects

_SHOWN = 10
Entries = Annotated[
    list[Annotated[str, Field(max_length=255, pattern=r"^[A-Za-z0-9_.:/-]+$")]],
    Field(max_length=5000, description="IPs, networks, host names, ports, or other aliases."),
]


@tool(title="List aliases", toolset="aliases")
async def pfsense_list_aliases(
    ctx: Ctx,
    *,
    search: Annotated[str | None, Field(max_length=60, description="Only with this text in name or entries.")] = None,
    detail: Annotated[Literal["summary", "full"], Field(description="full shows all entries.")] = "summary",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AliasPage:
    """Aliases (hosts, networks, ports) with their entries. URL tables are not reachable through the API."""
    rows = await all_rows(ctx.client, "FirewallAlias")
    found = [
        row
        for row in rows
        if has_text(search, row.get("name"), row.get("descr"), *texts(row, "address"), *texts(row, "detail"))
    ]
    most = None if detail == "full" else _SHOWN
    return page(AliasPage, found, lambda row: _alias(row, most), limit, cursor)


def _alias(row: JsonObject, most: int | None) -> Alias:
    entries = texts(row, "address")
    return Alias(
        ref=str(row.get("name")),
        type=str(row.get("type")),
        description=said(row, "descr"),
        entries=entries[:most],
        entry_count=len(entries),
    )


@tool(title="Create alias", toolset="aliases", risk=Risk.WRITE, idempotent=True)
async def pfsense_create_alias(
    ctx: Ctx,
    *,
    name: AliasName,
    type: Annotated[Literal["host", "network", "port"], Field(description="What it holds.")],  # noqa: A002 - API's word
    entries: Entries,
    details: Annotated[
        list[Annotated[str, Field(max_length=255)]] | None,
        Field(max_length=5000, description="A description for each entry, in their order."),
    ] = None,
    description: Description = None,
    more: More = None,
) -> Change:
    """Create an alias for rules to use. Live after pfsense_apply_changes subsystem=firewall."""
    if details is not None and len(details) != len(entries):
        raise InputError("details must have one text for each of the entries. Nothing was executed.")
    given: JsonObject = {
        "name": name,
        "type": type,
        "address": list[JsonValue](entries),
        "detail": list[JsonValue](details if details is not None else [""] * len(entries)),
        "descr": description,
    }
    return await plan_create(ctx, ALIAS, body_of(given, more))


@tool(title="Change alias", toolset="aliases", risk=Risk.WRITE, idempotent=True)
async def pfsense_update_alias(
    ctx: Ctx,
    *,
    ref: Ref,
    add: Annotated[Entries | None, Field(description="Entries to add.")] = None,
    remove: Annotated[Entries | None, Field(description="Entries to take out.")] = None,
    changes: Annotated[
        dict[str, JsonValue] | None, Field(max_length=60, description="Or API fields to set: address, detail, descr.")
    ] = None,
    allow_lockout: AllowLockout = False,
) -> Change:
    """Add or take out entries of an alias, or set its fields. Entries keep their descriptions."""
    if not add and not remove and not changes:
        raise InputError("Give add, remove or changes. Nothing was executed.")
    wanted: JsonObject = dict(changes or {})
    if add or remove:
        if {"address", "detail"} & set(wanted):
            raise InputError("Give either add and remove, or address and detail in changes. Nothing was executed.")
        wanted |= await _edited(ctx, ref, add or [], remove or [])
    return await plan_update(ctx, ALIAS, ref, wanted, force=allow_lockout)


async def _edited(ctx: Ctx, ref: str, add: list[str], remove: list[str]) -> JsonObject:
    """Entries and descriptions after an edit: pfSense keeps them in two lists that must stay in step (contract 7.3)."""
    rows = await all_rows(ctx.client, "FirewallAlias")
    row = next((row for row in rows if str(row.get("name")).casefold() == ref.casefold()), None)
    if row is None:
        return {"address": list[JsonValue](add)}
    entries = texts(row, "address")
    value = row.get("detail")
    details = [str(item) for item in value] if isinstance(value, list) else []
    pairs = list(zip(entries, [*details, *[""] * len(entries)], strict=False))
    missing = [entry for entry in remove if entry not in entries]
    if missing and not add and len(missing) == len(remove):
        return {"address": list[JsonValue](entries), "detail": list[JsonValue]([text for _, text in pairs])}
    kept = [(entry, text) for entry, text in pairs if entry not in remove]
    kept += [(entry, "") for entry in dict.fromkeys(add) if entry not in {known for known, _ in kept}]
    return {
        "address": list[JsonValue]([entry for entry, _ in kept]),
        "detail": list[JsonValue]([text for _, text in kept]),
    }


@tool(title="Delete alias", toolset="aliases", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_delete_alias(ctx: Ctx, *, ref: Ref) -> Change:
    """Delete an alias. Refused while a rule, a NAT mapping or another alias uses it, which pfSense would not check."""
    return await plan_delete(ctx, ALIAS, ref)


@tool(title="List schedules", toolset="aliases")
async def pfsense_list_schedules(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> SchedulePage:
    """Schedules that rules can be bound to, with their time ranges."""
    rows = await all_rows(ctx.client, "FirewallSchedule")
    return page(SchedulePage, rows, _schedule, limit, cursor)


def _schedule(row: JsonObject) -> Schedule:
    ranges = [plain(item) for item in opt_objects(row, "timerange") or []]
    return Schedule(
        ref=str(row.get("name")),
        description=said(row, "descr"),
        active_now=opt_bool(row, "active", lenient=True),
        ranges=[item for item in ranges if isinstance(item, dict)],
    )


Ranges = Annotated[
    list[dict[str, JsonValue]],
    Field(
        min_length=1,
        max_length=100,
        description='Each {"position": [1..7] (1 = Monday), "hour": "8:00-17:30"}, or month and day for position.',
    ),
]


@tool(title="Create schedule", toolset="aliases", risk=Risk.WRITE, idempotent=True)
async def pfsense_create_schedule(
    ctx: Ctx,
    *,
    name: AliasName,
    ranges: Ranges,
    description: Description = None,
    more: More = None,
) -> Change:
    """Create a schedule. Minutes are 00, 15, 30, 45 or 59. It takes effect at once for rules that name it."""
    given: JsonObject = {"name": name, "timerange": list[JsonValue](ranges), "descr": description}
    return await plan_create(ctx, SCHEDULE, body_of(given, more))


@tool(title="Change schedule", toolset="aliases", risk=Risk.WRITE, idempotent=True)
async def pfsense_update_schedule(ctx: Ctx, *, ref: Ref, changes: Changes) -> Change:
    """Change a schedule: descr, or timerange as a whole."""
    return await plan_update(ctx, SCHEDULE, ref, changes)


@tool(title="Delete schedule", toolset="aliases", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_delete_schedule(ctx: Ctx, *, ref: Ref) -> Change:
    """Delete a schedule that no rule uses."""
    return await plan_delete(ctx, SCHEDULE, ref)

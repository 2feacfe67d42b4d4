"""When pools are scrubbed, and in which hours resilvering goes first."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from holdfast.appliances.truenas.arguments import Schedule
from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.collections import Collection, find, given_some, update
from holdfast.appliances.truenas.identifiers import PoolName
from holdfast.appliances.truenas.models.storage import ResilverWindow, ScrubTask, ScrubTaskPage
from holdfast.appliances.truenas.reading import made
from holdfast.appliances.truenas.tasks import cron, cron_text
from holdfast.appliances.truenas.writes import Ctx, Seen, call
from holdfast.control.answers import UndoCall
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.transport.values import JsonObject, JsonValue, as_object

SCRUB_TASK: Final = Collection(
    namespace="pool.scrub",
    noun="scrub task of pool",
    key="pool_name",
    shown=("pool_name", "threshold", "schedule", "enabled", "description"),
    list_tool="truenas_list_scrub_tasks",
    ref="pool",
    update_tool="truenas_update_scrub_task",
    rename={"threshold": "threshold_days"},
    convert={"schedule": cron_text},
)
TimeOfDay = Annotated[
    str | None, Field(pattern=r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$", max_length=5, description="HH:MM.")
]


@tool(title="List scrub tasks", toolset="scrubs")
async def truenas_list_scrub_tasks(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> ScrubTaskPage:
    """When each pool is scrubbed. A scrub is due by its schedule once the last one is threshold_days old."""
    rows = await ctx.client.query(SCRUB_TASK.query, [], {"order_by": ["id"]})
    return page(
        ScrubTaskPage, rows, lambda row: made(ScrubTask, row, schedule=cron_text(row.get("schedule"))), limit, cursor
    )


@tool(title="Change scrub task", toolset="scrubs", risk=Risk.WRITE, idempotent=True)
async def truenas_update_scrub_task(
    ctx: Ctx,
    *,
    pool: PoolName,
    schedule: Schedule | None = None,
    threshold_days: Annotated[int | None, Field(ge=0, le=3650, description="Least age of the last scrub.")] = None,
    enabled: Annotated[bool | None, Field(description="Runs by its schedule.")] = None,
) -> Change:
    """Change when a pool is scrubbed. To scrub now use truenas_scrub_pool."""
    row = await find(ctx, SCRUB_TASK, pool)
    values = given_some(schedule=cron(schedule), threshold=threshold_days, enabled=enabled)
    warnings = ["Errors that no scrub finds stay hidden until the data is read."] if enabled is False else []
    return await update(ctx, SCRUB_TASK, row, values, warnings=warnings)


async def _window(ctx: Ctx) -> JsonObject:
    return as_object(await ctx.client.call("pool.resilver.config"), "pool.resilver.config")


@tool(title="Get resilver window", toolset="scrubs")
async def truenas_get_resilver_window(ctx: Ctx) -> ResilverWindow:
    """In which hours resilvering goes before other work. Outside of them it runs with less priority."""
    return made(ResilverWindow, await _window(ctx))


@tool(title="Change resilver window", toolset="scrubs", risk=Risk.WRITE, idempotent=True)
async def truenas_update_resilver_window(
    ctx: Ctx,
    *,
    begin: TimeOfDay = None,
    end: TimeOfDay = None,
    weekdays: Annotated[
        list[Annotated[int, Field(ge=1, le=7)]] | None,
        Field(min_length=1, max_length=7, description="1 Monday … 7 Sunday."),
    ] = None,
    enabled: Annotated[bool | None, Field(description="Whether there is a window at all.")] = None,
) -> Change:
    """Change in which hours resilvering goes before other work."""
    days: list[JsonValue] | None = [*sorted(set(weekdays))] if weekdays else None
    values = given_some(begin=begin, end=end, weekday=days, enabled=enabled)
    config = await _window(ctx)
    before: JsonObject = {name: config.get(name) for name in values}

    async def look() -> Seen:
        now = await _window(ctx)
        state: JsonObject = {name: now.get(name) for name in values}
        return Seen(state == values, state)

    arguments = {{"weekday": "weekdays"}.get(name, name): value for name, value in before.items()}
    return await change(
        ctx,
        call("pool.resilver.update", values),
        summary=f"Change {', '.join(values)} of the resilver window",
        before=before,
        after=values,
        look=look,
        undo=UndoCall(tool="truenas_update_resilver_window", arguments=arguments),
        nothing_to_do=before == values,
    )

"""Graphs of the past, thinned for a reader; how a pool fills."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.identifiers import PoolName
from holdfast.appliances.truenas.models.reporting import Forecast, Graph, GraphPage, Growth, Point, Thinned
from holdfast.appliances.truenas.reading import iso_time, made, server_page, whole_number
from holdfast.appliances.truenas.releases import SNAPSHOT_QUERY
from holdfast.appliances.truenas.snapshots import dataset_row
from holdfast.appliances.truenas.trends import Stretch, slope_per_day, thinned
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.grammar import Grammar
from holdfast.control.paging import Cursor, Limit
from holdfast.control.spec import tool
from holdfast.errors import InputError, NotFoundError, ProtocolError
from holdfast.transport.values import JsonObject, JsonValue, as_objects, get_int

GraphName = Annotated[str, Grammar("graph", r"[a-z][a-z0-9_]*", 40, "graph", ("cpu", "disktemp", "interface"))]
_IDENTIFIERS: Final = 40
_MOST_VALUES: Final = 300
"""Points times series of an answer: three numbers each, far below 8 000 tokens."""
_MOST_SERIES: Final = 24
_MOST_SNAPSHOTS: Final = 5_000
_SPAN_S: Final = {"HOUR": 3600, "DAY": 86_400, "WEEK": 7 * 86_400, "MONTH": 30 * 86_400, "YEAR": 365 * 86_400}


@tool(title="List graphs", toolset="reporting")
async def truenas_list_graphs(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> GraphPage:
    """Graphs of the past that truenas_read_graph reads: processor, memory, disks, interfaces, temperatures, cache."""
    return await server_page(
        ctx.client,
        GraphPage,
        ["reporting.graphs"],
        lambda row: made(Graph, row, identifiers=_identifiers(row)[:_IDENTIFIERS] or None),
        filters=[],
        limit=limit,
        cursor=cursor,
        order_by=["name"],
    )


def _identifiers(row: JsonObject) -> list[str]:
    value = row.get("identifiers")
    return [str(item) for item in value] if isinstance(value, list) else []


@tool(title="Read graph", toolset="reporting")
async def truenas_read_graph(
    ctx: Ctx,
    *,
    graph: GraphName,
    identifier: Annotated[
        str | None, Field(min_length=1, max_length=255, description="Which disk or interface; its name is enough.")
    ] = None,
    span: Annotated[Literal["HOUR", "DAY", "WEEK", "MONTH", "YEAR"], Field(description="How far back.")] = "HOUR",
    points: Annotated[int, Field(ge=1, le=100, description="Stretches of time to tell.")] = 24,
) -> Thinned:
    """Values of a graph up to now, thinned to a few points: least, mean and most of each stretch of time."""
    rows = await ctx.client.query("reporting.graphs", [["name", "=", graph]], {"limit": 1})
    if not rows:
        raise NotFoundError(f"There is no graph {graph}.", next_step="truenas_list_graphs lists them.")
    chosen = _chosen(rows[0], identifier)
    wanted: JsonObject = {"name": graph, **({"identifier": chosen} if chosen is not None else {})}
    query: JsonObject = {"unit": span, "aggregate": False}
    answer = as_objects(await ctx.client.call("reporting.get_data", [wanted], query), "reporting.get_data")
    if not answer:
        raise NotFoundError(f"TrueNAS has no values of {graph}.", next_step="truenas_list_graphs lists graphs.")
    return _thin(answer[0], rows[0], points, span)


def _chosen(row: JsonObject, identifier: str | None) -> str | None:
    """The identifier as the graph has it: `sda` stands for `sda | Type: HDD | …` (contract 15.3)."""
    known = _identifiers(row)
    if not known:
        return None
    for one in known:
        if identifier in (one, one.partition(" |")[0]):
            return one
    names = ", ".join(one.partition(" |")[0] for one in known[:_IDENTIFIERS])
    if identifier is None:
        raise InputError(f"The graph {row.get('name')} wants an identifier: {names}.")
    raise NotFoundError(f"The graph {row.get('name')} has no {identifier}.", next_step=f"It has {names}.")


def _thin(found: JsonObject, graph: JsonObject, points: int, span: str) -> Thinned:
    legend, data = found.get("legend"), found.get("data")
    names = [str(name) for name in legend[1:]] if isinstance(legend, list) else []
    rows = (
        [[_number(value) for value in row] for row in data if isinstance(row, list)] if isinstance(data, list) else []
    )
    notes = []
    if len(names) > _MOST_SERIES:
        notes.append(f"{len(names) - _MOST_SERIES} series more are not shown.")
        names, rows = names[:_MOST_SERIES], [row[: _MOST_SERIES + 1] for row in rows]
    fitting = max(_MOST_VALUES // max(len(names), 1), 1)
    if points > fitting:
        notes.append(f"Thinned to {fitting} points: {len(names)} series.")
    start, end = get_int(found, "start", lenient=True), get_int(found, "end", lenient=True)
    count = min(points, fitting)
    stretches = thinned(rows, start, end, count)
    whole = thinned(rows, start, end, 1)
    if not stretches:
        notes.append("Nothing was measured in this time.")
    elif end - start > _SPAN_S[span] / 2 > end - stretches[0].start:
        notes.append("TrueNAS has kept less than the time asked for.")
    nothing: list[float | None] = [None] * len(names)
    overall = _point(whole[0]) if whole else Point(at=iso_time(start * 1000), min=nothing, mean=nothing, max=nothing)
    return Thinned(
        graph=str(graph.get("name")),
        identifier=str(found["identifier"]) if found.get("identifier") else None,
        unit=str(graph.get("vertical_label") or "") or None,
        series=names,
        start=iso_time(start * 1000),
        end=iso_time(end * 1000),
        step_s=max(round((end - start) / count), 1),
        measured=whole[0].count if whole else 0,
        overall=overall,
        points=[_point(one) for one in stretches],
        notes=notes or None,
    )


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _point(stretch: Stretch) -> Point:
    return Point(at=iso_time(stretch.start * 1000), min=stretch.low, mean=stretch.mean, max=stretch.high)


@tool(title="Forecast capacity", toolset="reporting")
async def truenas_forecast_capacity(ctx: Ctx, *, pool: PoolName) -> Forecast:
    """When a pool will be full, as far as its snapshots tell: TrueNAS keeps no history of sizes, but every snapshot
    says how large its dataset was. Datasets without snapshots, and what old snapshots hold, are not in the trend.
    """
    root = await dataset_row(ctx, pool)
    used, free = get_int(root, "used_bytes"), get_int(root, "available_bytes")
    held = await _snapshots(ctx, pool)
    series: dict[str, list[tuple[float, float]]] = {}
    for row in held:
        moment, size = _number_of(row.get("created")), _number_of(row.get("referenced"))
        if moment is not None and size is not None:
            series.setdefault(str(row.get("dataset")), []).append((moment, size))
    growths = _growths(series)
    trend = sum(growth.bytes_per_day for growth in growths)
    moments = [moment for growth in growths for moment, _ in series[growth.dataset]]
    notes = _remarks(growths, trend, len(held), len(series) - len(growths))
    per_day = trend if growths else None
    at_80 = (used + free) * 0.8 - used
    full = free / trend if growths and trend > 0 else None
    return Forecast(
        pool=pool,
        used_bytes=used,
        available_bytes=free,
        used_percent=round(100 * used / max(used + free, 1), 1),
        growth_bytes_per_day=per_day,
        days_until_80_percent=round(max(at_80, 0) / trend, 1) if growths and trend > 0 else None,
        days_until_full=round(full, 1) if full is not None else None,
        full_on=iso_time((ctx.now() + full * 86_400) * 1000)[:10] if full is not None and full < 36_500 else None,
        datasets=len(growths),
        snapshots=sum(growth.snapshots for growth in growths),
        since=iso_time(min(moments) * 1000) if moments else None,
        until=iso_time(max(moments) * 1000) if moments else None,
        covered_percent=round(min(100 * sum(growth.bytes for growth in growths) / max(used, 1), 100), 1),
        growing=growths[:10],
        notes=notes or None,
    )


async def _snapshots(ctx: Ctx, pool: str) -> list[JsonObject]:
    options: JsonObject = {
        "limit": _MOST_SNAPSHOTS,
        "order_by": ["-properties.creation.parsed", "id"],
        "select": [
            "dataset",
            ["properties.creation.rawvalue", "created"],
            ["properties.referenced.rawvalue", "referenced"],
        ],
        "extra": {"properties": ["creation", "referenced"]},
    }
    return await ctx.client.query_first(SNAPSHOT_QUERY, [["pool", "=", pool]], options)


def _number_of(value: JsonValue) -> float | None:
    if isinstance(value, str) and (number := whole_number(value)) is not None:
        return float(number)
    if value is not None and not isinstance(value, (int, float)):
        raise ProtocolError("A snapshot has a time or size that is no number.")
    return _number(value)


def _growths(series: dict[str, list[tuple[float, float]]]) -> list[Growth]:
    found = []
    for dataset, points in series.items():
        slope = slope_per_day(points)
        if slope is not None:
            latest = int(max(points)[1])
            found.append(Growth(dataset=dataset, bytes=latest, bytes_per_day=round(slope), snapshots=len(points)))
    return sorted(found, key=lambda growth: -growth.bytes_per_day)


def _remarks(growths: list[Growth], trend: int, snapshots: int, short: int) -> list[str]:
    notes = []
    if not growths:
        notes.append("No dataset has three snapshots over a day or more: there is no forecast.")
    elif trend <= 0:
        notes.append("The data does not grow: no date of being full.")
    if short:
        notes.append(f"{short} datasets have too few snapshots for a trend.")
    if snapshots >= _MOST_SNAPSHOTS:
        notes.append(f"Only the newest {_MOST_SNAPSHOTS} snapshots were looked at.")
    return notes

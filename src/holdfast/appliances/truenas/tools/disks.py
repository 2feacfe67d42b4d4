"""Health of disks, put together from all that a release tells (contract 15.3, 15.11)."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Final

from holdfast.appliances.truenas.arguments import PoolFilter
from holdfast.appliances.truenas.models.storage import DiskHealth, DiskHealthPage
from holdfast.appliances.truenas.pools import Leaf, leaves
from holdfast.appliances.truenas.reading import made
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import tool
from holdfast.errors import ApplianceError
from holdfast.transport.values import JsonObject, JsonValue, as_object, as_objects

_DAYS: Final = 7
_ORDER: Final = ("failing", "warning", "unknown", "ok")
_SEVERE: Final = frozenset({"CRITICAL", "ALERT", "EMERGENCY", "ERROR"})
_ABOUT_DISKS: Final = ("SMART", "DiskTemperature", "DiskError")


@dataclass
class _Evidence:
    """What is known of one disk."""

    leaf: Leaf | None = None
    alerts: list[JsonObject] = field(default_factory=list)
    now: float | None = None
    limit: float | None = None
    past: JsonObject = field(default_factory=dict)
    smart: str | None = None


@tool(title="Disk health", toolset="disks")
async def truenas_disk_health(
    ctx: Ctx, *, pool: PoolFilter = None, limit: Limit = 50, cursor: Cursor = None
) -> DiskHealthPage:
    """How well disks are, the worst first: state and errors in their pool, alerts, temperatures of now and of 7 days,
    and self-tests where the release has them.
    """
    notes: list[str] = []
    options: JsonObject = {"extra": {"pools": True}, "order_by": ["name"]}
    rows = await ctx.client.query("disk.query", [], options)
    wanted = [row for row in rows if pool is None or row.get("pool") == pool]
    names = [str(row.get("name")) for row in wanted]
    evidence = {name: _Evidence() for name in names}
    for held in await ctx.client.query("pool.query", [], {"select": ["name", "topology"]}):
        _members(held, evidence)
    if any(row.get("pool") and evidence[str(row.get("name"))].leaf is None for row in wanted):
        await _or_note(notes, "Members of the boot pool", _boot(ctx, evidence))
    await _alerts(ctx, wanted, evidence)
    await _or_note(notes, "Temperatures", _temperatures(ctx, evidence))
    if names:
        await _or_note(notes, "Temperatures of the past", _past(ctx, names, evidence))
    if await ctx.client.release() < (25, 10):
        await _or_note(notes, "Self-tests", _self_tests(ctx, evidence))
    else:
        notes.append("This release tells self-tests and SMART values only by its alerts.")
    found = [_judged(row, evidence[str(row.get("name"))]) for row in wanted]
    found.sort(key=lambda row: (_ORDER.index(str(row["verdict"])), str(row.get("name"))))
    return page(DiskHealthPage, found, lambda row: made(DiskHealth, row), limit, cursor, notes=notes)


def _members(pool: JsonObject, evidence: dict[str, _Evidence]) -> None:
    for leaf in leaves(pool):
        if leaf.disk in evidence:
            evidence[leaf.disk].leaf = leaf


async def _boot(ctx: Ctx, evidence: dict[str, _Evidence]) -> None:
    _members(as_object(await ctx.client.call("boot.get_state"), "boot.get_state"), evidence)


async def _or_note(notes: list[str], what: str, asking: Awaitable[None]) -> None:
    try:
        await asking
    except ApplianceError as error:
        notes.append(f"{what} are missing: {error.message}")


async def _alerts(ctx: Ctx, rows: Sequence[JsonObject], evidence: dict[str, _Evidence]) -> None:
    for alert in as_objects(await ctx.client.call("alert.list"), "alert.list"):
        if alert.get("dismissed") or not str(alert.get("klass")).startswith(_ABOUT_DISKS):
            continue
        words = _words(f"{alert.get('args')} {alert.get('formatted') or alert.get('text')}")
        for row in rows:
            if str(row.get("serial")) in words or str(row.get("name")) in words:
                evidence[str(row.get("name"))].alerts.append(alert)


def _words(text: str) -> set[str]:
    return set("".join(char if char.isalnum() or char in "_-" else " " for char in text).split())


async def _temperatures(ctx: Ctx, evidence: dict[str, _Evidence]) -> None:
    answer = as_object(await ctx.client.call("disk.temperatures", [], True), "disk.temperatures")
    for name, seen in evidence.items():
        value = answer.get(name)
        now, limit, *_ = [*value, None, None] if isinstance(value, list) else [value, None]
        seen.now, seen.limit = _number(now), _number(limit)


async def _past(ctx: Ctx, names: list[str], evidence: dict[str, _Evidence]) -> None:
    method = "disk.temperature_agg"
    answer = as_object(await ctx.client.first([method], [*names], _DAYS), method)
    for name, seen in evidence.items():
        value = answer.get(name)
        seen.past = value if isinstance(value, dict) else {}


async def _self_tests(ctx: Ctx, evidence: dict[str, _Evidence]) -> None:
    for row in await ctx.client.query_first(["smart.test.results"], [], {}):
        tests, name = row.get("tests"), str(row.get("disk"))
        if name in evidence and isinstance(tests, list) and tests and isinstance(tests[0], dict):
            last = tests[0]
            evidence[name].smart = f"{last.get('description')}: {last.get('status')}"


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _judged(row: JsonObject, seen: _Evidence) -> JsonObject:
    """The row with what is known of the disk, and a verdict that says no more than that."""
    failing: list[str] = []
    warning: list[str] = []
    leaf = seen.leaf
    if leaf is not None:
        counted = (("read", leaf.read_errors), ("write", leaf.write_errors), ("checksum", leaf.checksum_errors))
        errors = [f"{count} {kind} errors" for kind, count in counted if count]
        if leaf.status not in ("ONLINE", "AVAIL", "INUSE"):
            failing.append(f"It is {leaf.status} in its pool.")
        if errors:
            warning.append(f"It has {', '.join(errors)} in its pool.")
    for alert in seen.alerts:
        told = str(alert.get("formatted") or alert.get("text"))
        (failing if str(alert.get("level")) in _SEVERE else warning).append(told)
    if seen.smart is not None and "FAILED" in seen.smart:
        failing.append(f"Self-test: {seen.smart}.")
    if seen.now is not None and seen.limit is not None and seen.now >= seen.limit:
        warning.append(f"It has {seen.now:.0f} °C, its limit is {seen.limit:.0f} °C.")
    known = leaf is not None or seen.smart is not None
    verdict = "failing" if failing else "warning" if warning else "ok" if known else "unknown"
    reasons: list[JsonValue] = [*failing, *warning]
    if verdict == "unknown":
        where = f"Its place in {row['pool']} is not told" if row.get("pool") else "It is in no pool"
        reasons.append(f"{where}, and this release tells nothing else about its health.")
    facts: JsonObject = {
        "verdict": verdict,
        "reasons": reasons or None,
        "temperature_c": seen.now,
        "limit_c": seen.limit,
        **{
            f"{shown}_c": _number(seen.past.get(key))
            for shown, key in (("min", "min"), ("mean", "avg"), ("max", "max"))
        },
        "smart": seen.smart,
    }
    if leaf is not None:
        facts |= {"status": leaf.status, "read_errors": leaf.read_errors, "write_errors": leaf.write_errors}
        facts["checksum_errors"] = leaf.checksum_errors
    return {**{name: row.get(name) for name in ("name", "serial", "model", "pool")}, **facts}

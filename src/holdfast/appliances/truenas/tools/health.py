"""One verdict on the whole system, with its evidence; what could not be asked is unknown, never well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from holdfast.appliances.truenas.models.health import Health, Part, Verdict
from holdfast.appliances.truenas.reading import dig
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.answers import JsonObject
from holdfast.control.spec import tool
from holdfast.errors import (
    AuthenticationError,
    CircuitOpenError,
    HoldfastError,
    PermissionDeniedError,
    TransportError,
    UnsupportedError,
)
from holdfast.transport.values import as_object, as_objects, as_str, get_bool, get_str, opt_float, opt_str

_ORDER: Final[tuple[Verdict, ...]] = ("ok", "unknown", "warning", "critical")
"""The worst of the parts is the whole; what is known to be bad outweighs what is unknown."""
_CRITICAL: Final = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR")
_FULL_PERCENT: Final = (80, 90)
"""ZFS slows down beyond 80 % and may fail to free space beyond 90 %."""
_DAY_S: Final = 86_400
_FAILED_SHOWN: Final = 20

Look = Callable[[Ctx], Awaitable[tuple[Verdict, list[str]]]]


async def _state(ctx: Ctx) -> tuple[Verdict, list[str]]:
    state = as_str(await ctx.client.call("system.state"), "system.state")
    return ("ok", []) if state == "READY" else ("warning", [f"The system is {state}."])


async def _pools(ctx: Ctx) -> tuple[Verdict, list[str]]:
    worst: Verdict = "ok"
    told: list[str] = []
    for row in await ctx.client.pools():
        name = get_str(row, "name")
        if not get_bool(row, "healthy"):
            worst = "critical"
            told.append(f"{name} is {get_str(row, 'status')}: {opt_str(row, 'status_detail') or 'no detail given'}")
        size, used = opt_float(row, "size"), opt_float(row, "allocated")
        percent = 100 * used / size if size and used is not None else 0.0
        if percent >= _FULL_PERCENT[0]:
            worst = "critical" if percent >= _FULL_PERCENT[1] or worst == "critical" else "warning"
            told.append(f"{name} is {percent:.0f} % full.")
        errors = opt_float(as_object(dig(row, "scan") or {}, "scan"), "errors")
        if errors:
            worst = "critical"
            told.append(f"The last scrub of {name} found {errors:.0f} errors.")
    return worst, told


async def _alerts(ctx: Ctx) -> tuple[Verdict, list[str]]:
    rows = [
        row
        for row in as_objects(await ctx.client.call("alert.list"), "alert.list")
        if not get_bool(row, "dismissed") and row.get("level") not in ("INFO", "NOTICE")
    ]
    rows.sort(key=lambda row: row.get("level") not in _CRITICAL)
    told = [f"{row.get('level')}: {opt_str(row, 'formatted') or get_str(row, 'text')}" for row in rows]
    if any(row.get("level") in _CRITICAL for row in rows):
        return "critical", told
    return ("warning" if rows else "ok"), told


async def _services(ctx: Ctx) -> tuple[Verdict, list[str]]:
    rows = await ctx.client.query("service.query", [["enable", "=", True]], {"select": ["service", "state"]})
    down = [f"{get_str(row, 'service')} starts with the system, and is {get_str(row, 'state')}." for row in rows]
    told = [text for text, row in zip(down, rows, strict=True) if row.get("state") != "RUNNING"]
    return ("warning" if told else "ok"), told


async def _jobs(ctx: Ctx) -> tuple[Verdict, list[str]]:
    rows = await ctx.client.query(
        "core.get_jobs",
        [["state", "=", "FAILED"]],
        {"order_by": ["-id"], "limit": _FAILED_SHOWN, "select": ["id", "method", "error", "time_finished"]},
    )
    recent = [row for row in rows if _seconds(row.get("time_finished")) >= ctx.now() - _DAY_S]
    told = [f"Job {row.get('id')} {row.get('method')}: {opt_str(row, 'error') or 'no reason given'}" for row in recent]
    return ("warning" if told else "ok"), told


def _seconds(value: object) -> float:
    moment = value.get("$date") if isinstance(value, dict) else None
    return moment / 1000 if isinstance(moment, (int, float)) else 0.0


async def _reboot(ctx: Ctx) -> tuple[Verdict, list[str]]:
    info = as_object(await ctx.client.first(["system.reboot.info"]), "system.reboot.info")
    told = [_reason(row) for row in as_objects(info.get("reboot_required_reasons") or [], "reasons")]
    return ("warning" if told else "ok"), told


def _reason(row: JsonObject) -> str:
    return f"A reboot is needed: {opt_str(row, 'reason') or opt_str(row, 'code') or 'no reason given'}"


_PARTS: Final[tuple[tuple[str, Look], ...]] = (
    ("system", _state),
    ("pools", _pools),
    ("alerts", _alerts),
    ("services", _services),
    ("jobs of the last day", _jobs),
    ("pending reboot", _reboot),
)
_NOBODY_ANSWERS: Final = (AuthenticationError, CircuitOpenError, TransportError)
"""Then there is no verdict at all, but an error that says what to do."""


@tool(title="TrueNAS health", toolset="health")
async def truenas_health(ctx: Ctx) -> Health:
    """One verdict on the system with its evidence: pools, alerts, services that should run, failed jobs, needed reboot.
    What could not be asked is unknown, never ok.
    """
    parts: list[Part] = []
    refused: HoldfastError | None = None
    for name, look in _PARTS:
        try:
            verdict, told = await look(ctx)
        except _NOBODY_ANSWERS:
            raise
        except UnsupportedError:
            continue  # the release has no such thing
        except HoldfastError as error:
            refused = error if isinstance(error, PermissionDeniedError) else refused
            verdict, told = "unknown", [error.message]
        parts.append(Part(part=name, verdict=verdict, evidence=told[:10] or None, more=max(len(told) - 10, 0) or None))
    worst = max((part.verdict for part in parts), key=_ORDER.index)
    notes = ["The account may not read everything: give it READONLY_ADMIN."] if refused is not None else None
    return Health(verdict=worst, parts=parts, notes=notes)

"""What is wrong with a firewall, from a handful of requests (contract 9.4: no fan-out over all endpoints)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.facts import Version, shown
from holdfast.appliances.pfsense.models import Problem
from holdfast.appliances.pfsense.reading import all_rows, said, settings_of
from holdfast.appliances.pfsense.versions import ADVISED
from holdfast.errors import PermissionDeniedError, UnsupportedError
from holdfast.transport.values import JsonObject, opt_float, opt_int

FULL_PERCENT: Final = 90.0
EXPIRES_SOON_DAYS: Final = 21
_GAUGES: Final = (
    ("mem_usage", "memory"),
    ("disk_usage", "root file system"),
    ("swap_usage", "swap"),
    ("mbuf_usage", "network buffers"),
    ("cpu_usage", "processor"),
)


async def problems(client: HTTPPfSenseClient) -> tuple[list[Problem], list[str], list[str]]:
    """Problems found, what was looked at, and notes on what could not be."""
    version = await client.versions.version()
    names = ("RoutingGatewayStatus", "Service", "InterfaceStats", "Certificate")
    asked: list[Awaitable[JsonObject | list[JsonObject]]] = [settings_of(client, "SystemStatus")]
    asked += [all_rows(client, name) for name in names]
    results = await asyncio.gather(*asked, return_exceptions=True)
    found = _old(version)
    checked = ["release of the REST API package"]
    notes: list[str] = []
    for (about, look), result in zip(_LOOKS, results, strict=True):
        if isinstance(result, PermissionDeniedError | UnsupportedError):
            notes.append(f"{about}: {result.message}")
        elif isinstance(result, BaseException):
            raise result
        else:
            checked.append(about)
            found += look(_rows(result))
    return found, checked, notes


def _rows(result: JsonObject | list[JsonObject]) -> list[JsonObject]:
    return [result] if isinstance(result, dict) else result


def _old(version: Version) -> list[Problem]:
    if version >= ADVISED:
        return []
    text = f"release {shown(version)} has known security holes; update to {shown(ADVISED)} or newer"
    return [Problem(about="REST API package", problem=text)]


def _load(rows: Sequence[JsonObject]) -> list[Problem]:
    values = [(label, opt_float(rows[0], name, lenient=True)) for name, label in _GAUGES]
    return [
        Problem(about=label, problem=f"{value:g} % used") for label, value in values if value and value >= FULL_PERCENT
    ]


def _gateways(rows: Sequence[JsonObject]) -> list[Problem]:
    return [
        Problem(
            about=f"gateway {row.get('name')}",
            problem=f"{row.get('status')}, loss {row.get('loss')} %, delay {row.get('delay')} ms",
        )
        for row in rows
        if row.get("status") not in ("online", None) or str(row.get("substatus") or "none") not in ("none", "")
    ]


def _services(rows: Sequence[JsonObject]) -> list[Problem]:
    return [
        Problem(about=f"service {row.get('name')}", problem=f"enabled, but not running ({row.get('description')})")
        for row in rows
        if row.get("enabled") and not row.get("status")
    ]


def _interfaces(rows: Sequence[JsonObject]) -> list[Problem]:
    return [
        Problem(about=f"interface {row.get('name')}", problem=f"{row.get('status')}")
        for row in rows
        if said(row, "status") not in ("up", "associated", None)
    ]


def _certificates(rows: Sequence[JsonObject]) -> list[Problem]:
    found: list[Problem] = []
    for row in rows:
        left = opt_int(row, "valid_days_left", lenient=True)
        if left is not None and left <= EXPIRES_SOON_DAYS:
            when = f"expires in {left} days" if left > 0 else f"expired {-left} days ago"
            found.append(Problem(about=f"certificate {row.get('descr')}", problem=when))
    return found


_Look = Callable[[Sequence[JsonObject]], list[Problem]]
_LOOKS: Final[tuple[tuple[str, _Look], ...]] = (
    ("load and memory", _load),
    ("gateways", _gateways),
    ("services", _services),
    ("interfaces", _interfaces),
    ("certificates", _certificates),
)

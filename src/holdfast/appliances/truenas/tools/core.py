"""System state and pools."""

from __future__ import annotations

from holdfast.appliances.truenas.client import TrueNASClient
from holdfast.appliances.truenas.models import Pool, PoolPage, SystemInfo
from holdfast.control.context import Context
from holdfast.control.paging import Cursor, Limit, window
from holdfast.control.spec import tool
from holdfast.transport.values import (
    JsonObject,
    as_float,
    get_bool,
    get_int,
    get_str,
    opt_bool,
    opt_float,
    opt_int,
    opt_list,
    opt_object,
    opt_str,
)

Ctx = Context[TrueNASClient]


@tool(title="TrueNAS system info", toolset="core")
async def truenas_system_info(ctx: Ctx) -> SystemInfo:
    """Release, host name, hardware, load and uptime of a TrueNAS system. Use it first, and to check that it is up."""
    info = await ctx.client.get_system_info()
    load = opt_list(info, "loadavg")
    return SystemInfo(
        version=get_str(info, "version"),
        hostname=get_str(info, "hostname"),
        model=opt_str(info, "model"),
        manufacturer=opt_str(info, "system_manufacturer"),
        product=opt_str(info, "system_product"),
        serial=opt_str(info, "system_serial"),
        cores=opt_int(info, "cores"),
        memory_bytes=opt_int(info, "physmem"),
        ecc_memory=opt_bool(info, "ecc_memory"),
        load_average=[round(as_float(value, "loadavg"), 2) for value in load] if load else None,
        uptime_s=opt_float(info, "uptime_seconds"),
        timezone=opt_str(info, "timezone"),
    )


@tool(title="List pools", toolset="core")
async def truenas_list_pools(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> PoolPage:
    """Storage pools with state, health, capacity and a running or last scrub."""
    found = [_pool(row) for row in await ctx.client.pools()]
    items, next_cursor = window(found, limit, cursor)
    return PoolPage(items=list(items), total=len(found), next_cursor=next_cursor)


def _pool(row: JsonObject) -> Pool:
    size, used = opt_int(row, "size"), opt_int(row, "allocated")
    return Pool(
        id=get_int(row, "id"),
        name=get_str(row, "name"),
        status=get_str(row, "status"),
        healthy=get_bool(row, "healthy"),
        warning=opt_bool(row, "warning"),
        status_detail=opt_str(row, "status_detail"),
        size_bytes=size,
        used_bytes=used,
        free_bytes=opt_int(row, "free"),
        used_percent=round(100 * used / size, 1) if size and used is not None else None,
        scan=_scan(row),
    )


def _scan(row: JsonObject) -> str | None:
    scan = opt_object(row, "scan")
    if scan is None:
        return None
    percent = opt_float(scan, "percentage")
    done = f" {percent:.1f} %" if percent is not None and scan.get("state") == "SCANNING" else ""
    return f"{opt_str(scan, 'function')} {opt_str(scan, 'state')}{done}"

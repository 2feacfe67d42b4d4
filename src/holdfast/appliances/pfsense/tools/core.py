"""System state and interfaces."""

from __future__ import annotations

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.models import Interface, InterfacePage, SystemInfo
from holdfast.control.context import Context
from holdfast.control.paging import Cursor, Limit, window
from holdfast.control.spec import tool
from holdfast.transport.values import (
    JsonObject,
    as_float,
    get_object,
    get_str,
    opt_float,
    opt_int,
    opt_list,
    opt_str,
)

Ctx = Context[HTTPPfSenseClient]


@tool(title="pfSense system info", toolset="core")
async def pfsense_system_info(ctx: Ctx) -> SystemInfo:
    """Version, host name, platform, load and uptime of a pfSense firewall. Use it first, and to check that it is up."""
    info = await ctx.client.get_system_info()
    hostname, status = get_object(info, "hostname"), get_object(info, "status")
    load = opt_list(status, "cpu_load_avg")
    return SystemInfo(
        version=get_str(get_object(info, "version"), "version"),
        hostname=get_str(hostname, "hostname"),
        domain=opt_str(hostname, "domain"),
        platform=opt_str(status, "platform"),
        serial=opt_str(status, "serial"),
        uptime=opt_str(status, "uptime"),
        cpu_percent=opt_float(status, "cpu_usage"),
        memory_percent=opt_float(status, "mem_usage"),
        disk_percent=opt_float(status, "disk_usage"),
        load_average=[as_float(value, "cpu_load_avg") for value in load] if load else None,
        temperature_c=opt_float(status, "temp_c"),
    )


@tool(title="List interfaces", toolset="core")
async def pfsense_list_interfaces(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> InterfacePage:
    """Interfaces of the firewall with link state, addresses, MAC and traffic counters since boot."""
    found = [_interface(row) for row in await ctx.client.interfaces()]
    items, next_cursor = window(found, limit, cursor)
    return InterfacePage(items=list(items), total=len(found), next_cursor=next_cursor)


def _interface(row: JsonObject) -> Interface:
    return Interface(
        name=get_str(row, "name"),
        description=opt_str(row, "descr"),
        device=opt_str(row, "hwif"),
        status=opt_str(row, "status"),
        mac=opt_str(row, "macaddr"),
        ipv4=opt_str(row, "ipaddr"),
        ipv4_prefix=opt_str(row, "subnet"),
        ipv6=opt_str(row, "ipaddrv6"),
        gateway=opt_str(row, "gateway"),
        media=opt_str(row, "media"),
        in_bytes=opt_int(row, "inbytes"),
        out_bytes=opt_int(row, "outbytes"),
        in_errors=opt_int(row, "inerrs"),
        out_errors=opt_int(row, "outerrs"),
    )

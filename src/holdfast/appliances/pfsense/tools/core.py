"""System state, interfaces, and the step that makes changes live."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.pfsense.applying import Pending, Subsystem, all_pending, plan_apply, wait_applied
from holdfast.appliances.pfsense.arguments import Ctx
from holdfast.appliances.pfsense.facts import shown
from holdfast.appliances.pfsense.models import (
    Interface,
    InterfacePage,
    PendingChanges,
    PendingState,
    SystemInfo,
)
from holdfast.appliances.pfsense.versions import ADVISED
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.spec import Risk, tool
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

SubsystemArgument = Annotated[Subsystem, Field(description="Which changes.")]


@tool(title="pfSense system info", toolset="core")
async def pfsense_system_info(ctx: Ctx) -> SystemInfo:
    """Version, host name, platform, load and uptime of a pfSense firewall. Use it first, and to check that it is up."""
    info = await ctx.client.get_system_info()
    package = await ctx.client.versions.version()
    hostname, status = get_object(info, "hostname"), get_object(info, "status")
    load = opt_list(status, "cpu_load_avg")
    old = f"REST API package {shown(package)}: releases before {shown(ADVISED)} have known security holes; update it."
    return SystemInfo(
        version=get_str(get_object(info, "version"), "version"),
        api_version=shown(package),
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
        notes=[old] if package < ADVISED else None,
    )


@tool(title="List interfaces", toolset="core")
async def pfsense_list_interfaces(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> InterfacePage:
    """Interfaces of the firewall with link state, addresses, MAC and traffic counters since boot."""
    found = [_interface(row) for row in await ctx.client.interfaces()]
    return paginate(InterfacePage, found, limit, cursor)


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


@tool(title="Pending changes", toolset="core", time_limit_s=130)
async def pfsense_pending_changes(
    ctx: Ctx,
    *,
    subsystem: Annotated[Subsystem | None, Field(description="Only this.")] = None,
    wait_s: Annotated[int, Field(ge=0, le=120, description="Wait so long for its apply to end, seconds.")] = 0,
) -> PendingChanges:
    """What is stored but not live yet, by whomever. Look before applying; with subsystem and wait_s it waits for an
    apply that was started."""
    if subsystem is None:
        states = await all_pending(ctx.client)
        return PendingChanges(subsystems=[_pending(ctx, name, state) for name, state in states.items()])
    state = await wait_applied(ctx, subsystem, wait_s)
    if state.applied and wait_s:
        ctx.client.waiting.discard(subsystem)
    notes = None if state.applied or not wait_s else [f"Still at work after {wait_s} s, or stuck: see the system log."]
    return PendingChanges(subsystems=[_pending(ctx, subsystem, state)], notes=notes)


def _pending(ctx: Ctx, name: str, state: Pending | str) -> PendingState:
    changed_here = True if name in ctx.client.waiting else None
    if isinstance(state, str):
        return PendingState(subsystem=name, note=state)
    note = "pfSense sets no flag for changed firewall rules." if name == "firewall" else None
    return PendingState(
        subsystem=name,
        applied=state.applied,
        pending=list(state.parts) or None,
        changed_here=changed_here,
        note=note,
    )


@tool(title="Apply changes", toolset="core", risk=Risk.WRITE, idempotent=True)
async def pfsense_apply_changes(ctx: Ctx, *, subsystem: SubsystemArgument) -> Change:
    """Make stored changes live. All pending changes of the subsystem, by whomever, take effect together."""
    return await plan_apply(ctx, subsystem)

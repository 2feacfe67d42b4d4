"""Identity and state of the server."""

from __future__ import annotations

from holdfast.appliances.idrac.client import IDracClient
from holdfast.appliances.idrac.models import System, SystemInfo, SystemPage
from holdfast.control.context import Context
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.spec import tool
from holdfast.transport.values import JsonObject, get_object, get_str, opt_float, opt_int, opt_object, opt_str

Ctx = Context[IDracClient]


@tool(title="iDRAC system info", toolset="core")
async def idrac_system_info(ctx: Ctx) -> SystemInfo:
    """Model, service tag, power state, health and firmware of a Dell server and its iDRAC. Use it first."""
    info = await ctx.client.get_system_info()
    system, manager = get_object(info, "system"), get_object(info, "manager")
    processors, memory = opt_object(system, "ProcessorSummary"), opt_object(system, "MemorySummary")
    return SystemInfo(
        service_tag=opt_str(system, "SKU"),
        model=opt_str(system, "Model"),
        host_name=opt_str(system, "HostName"),
        power_state=opt_str(system, "PowerState"),
        health=_health(system),
        bios_version=opt_str(system, "BiosVersion"),
        idrac_model=opt_str(manager, "Model"),
        idrac_firmware=opt_str(manager, "FirmwareVersion"),
        redfish_version=opt_str(get_object(info, "root"), "RedfishVersion"),
        processors=opt_int(processors, "Count") if processors else None,
        memory_gib=opt_float(memory, "TotalSystemMemoryGiB") if memory else None,
    )


@tool(title="List systems", toolset="core")
async def idrac_list_systems(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> SystemPage:
    """Computer systems behind this iDRAC (one on a rack server), with identity, power state and health."""
    found = [_system(system) for system in await ctx.client.systems()]
    return paginate(SystemPage, found, limit, cursor)


def _health(resource: JsonObject) -> str | None:
    status = opt_object(resource, "Status")
    if status is None:
        return None
    return opt_str(status, "HealthRollup") or opt_str(status, "Health")


def _system(system: JsonObject) -> System:
    return System(
        id=get_str(system, "Id"),
        service_tag=opt_str(system, "SKU"),
        serial_number=opt_str(system, "SerialNumber"),
        manufacturer=opt_str(system, "Manufacturer"),
        model=opt_str(system, "Model"),
        host_name=opt_str(system, "HostName"),
        power_state=opt_str(system, "PowerState"),
        health=_health(system),
    )

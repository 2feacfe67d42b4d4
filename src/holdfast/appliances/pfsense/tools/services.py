"""Services."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.pfsense.arguments import Ctx
from holdfast.appliances.pfsense.models import Service, ServicePage
from holdfast.appliances.pfsense.reading import all_rows, said
from holdfast.appliances.pfsense.running import plan_service
from holdfast.control.change import Change
from holdfast.control.identifiers import ServiceName
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.spec import Risk, tool
from holdfast.transport.values import JsonObject, opt_bool

ServiceArgument = Annotated[ServiceName, Field(description="Name as listed.")]
Instance = Annotated[
    str | None, Field(max_length=120, description="Its description, where several have one name (OpenVPN).")
]


@tool(title="List services", toolset="services")
async def pfsense_list_services(
    ctx: Ctx,
    *,
    running: Annotated[bool | None, Field(description="Only running, or only stopped.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ServicePage:
    """Services of the firewall: enabled, running or stopped."""
    found = [_service(row) for row in await all_rows(ctx.client, "Service")]
    found = [row for row in found if running is None or row.running == running]
    return paginate(ServicePage, found, limit, cursor)


def _service(row: JsonObject) -> Service:
    return Service(
        name=str(row.get("name")),
        description=said(row, "description"),
        enabled=opt_bool(row, "enabled"),
        running=bool(row.get("status")),
    )


@tool(title="Start service", toolset="services", risk=Risk.WRITE, idempotent=True)
async def pfsense_start_service(ctx: Ctx, *, service: ServiceArgument, instance: Instance = None) -> Change:
    """Start a stopped service; one that runs is left alone."""
    return await plan_service(ctx, service, "start", instance)


@tool(title="Stop service", toolset="services", risk=Risk.DESTRUCTIVE, idempotent=True)
async def pfsense_stop_service(ctx: Ctx, *, service: ServiceArgument, instance: Instance = None) -> Change:
    """Stop a service until it is started again or the firewall reboots."""
    return await plan_service(ctx, service, "stop", instance)


@tool(title="Restart service", toolset="services", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_restart_service(ctx: Ctx, *, service: ServiceArgument, instance: Instance = None) -> Change:
    """Restart a service; what depends on it is interrupted."""
    return await plan_service(ctx, service, "restart", instance)

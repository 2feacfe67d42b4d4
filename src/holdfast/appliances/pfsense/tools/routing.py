"""Gateways and static routes."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field

from holdfast.appliances.pfsense.arguments import (
    AllowLockout,
    Changes,
    Ctx,
    Description,
    Disabled,
    More,
    Ref,
    body_of,
)
from holdfast.appliances.pfsense.changes import plan_create, plan_delete, plan_update
from holdfast.appliances.pfsense.identifiers import GatewayName
from holdfast.appliances.pfsense.kinds import STATIC_ROUTE
from holdfast.appliances.pfsense.models import Gateway, GatewayPage, StaticRoute, StaticRoutePage
from holdfast.appliances.pfsense.objects import refs
from holdfast.appliances.pfsense.reading import all_rows, said, settings_of, yes
from holdfast.control.change import Change
from holdfast.control.identifiers import Cidr
from holdfast.control.paging import Cursor, Limit, page, paginate
from holdfast.control.spec import Risk, tool
from holdfast.transport.values import JsonObject, opt_float


@tool(title="List gateways", toolset="routing")
async def pfsense_list_gateways(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> GatewayPage:
    """Gateways with what their monitors see: status, delay, deviation, loss. Shows which one is the default."""
    client = ctx.client
    configured, live, default = await asyncio.gather(
        all_rows(client, "RoutingGateway"),
        all_rows(client, "RoutingGatewayStatus"),
        settings_of(client, "DefaultGateway"),
    )
    seen = {str(row.get("name")): row for row in live}
    names = {str(default.get("defaultgw4")), str(default.get("defaultgw6"))}
    found = [_gateway(row, seen.get(str(row.get("name")), {}), names) for row in configured]
    return paginate(GatewayPage, found, limit, cursor)


def _gateway(row: JsonObject, live: JsonObject, defaults: set[str]) -> Gateway:
    name = str(row.get("name"))
    return Gateway(
        name=name,
        interface=said(row, "interface"),
        gateway=said(row, "gateway"),
        monitor=said(live, "monitorip"),
        status=said(live, "status"),
        substatus=said(live, "substatus"),
        delay_ms=opt_float(live, "delay", lenient=True),
        stddev_ms=opt_float(live, "stddev", lenient=True),
        loss_percent=opt_float(live, "loss", lenient=True),
        default=True if name in defaults else None,
        disabled=yes(row, "disabled"),
        description=said(row, "descr"),
    )


@tool(title="List static routes", toolset="routing")
async def pfsense_list_static_routes(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> StaticRoutePage:
    """Configured static routes. The kernel's routing table is not reachable through the API."""
    rows = await all_rows(ctx.client, "StaticRoute")
    found = list(zip(rows, refs(STATIC_ROUTE, rows), strict=True))
    return page(StaticRoutePage, found, lambda one: _route(*one), limit, cursor)


def _route(row: JsonObject, ref: str) -> StaticRoute:
    return StaticRoute(
        ref=ref,
        network=str(row.get("network")),
        gateway=str(row.get("gateway")),
        description=said(row, "descr"),
        disabled=yes(row, "disabled"),
    )


@tool(title="Create static route", toolset="routing", risk=Risk.WRITE, idempotent=True)
async def pfsense_create_static_route(
    ctx: Ctx,
    *,
    network: Annotated[Cidr, Field(description="Network as address/prefix.")],
    gateway: Annotated[GatewayName, Field(description="Name of a gateway or gateway group.")],
    description: Description = None,
    disabled: Disabled = False,
    more: More = None,
    allow_lockout: AllowLockout = False,
) -> Change:
    """Create a static route. Live after pfsense_apply_changes subsystem=routing."""
    given: JsonObject = {
        "network": network,
        "gateway": gateway,
        "descr": description,
        "disabled": disabled or None,
    }
    return await plan_create(ctx, STATIC_ROUTE, body_of(given, more), force=allow_lockout)


@tool(title="Change static route", toolset="routing", risk=Risk.WRITE, idempotent=True)
async def pfsense_update_static_route(
    ctx: Ctx, *, ref: Ref, changes: Changes, allow_lockout: AllowLockout = False
) -> Change:
    """Change network, gateway, descr or disabled of a static route."""
    return await plan_update(ctx, STATIC_ROUTE, ref, changes, force=allow_lockout)


@tool(title="Delete static route", toolset="routing", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_delete_static_route(ctx: Ctx, *, ref: Ref, allow_lockout: AllowLockout = False) -> Change:
    """Delete one static route, found by its content right before."""
    return await plan_delete(ctx, STATIC_ROUTE, ref, force=allow_lockout)

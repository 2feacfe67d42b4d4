"""Software-defined networks, for reading."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.proxmox.arguments import Node
from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.encoding import plain, without
from holdfast.appliances.proxmox.guests import known_node
from holdfast.appliances.proxmox.identifiers import PveName
from holdfast.appliances.proxmox.models.more import SdnPage, SdnPreview, SdnRow
from holdfast.appliances.proxmox.reading import by, made
from holdfast.appliances.proxmox.visibility import if_empty
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import tool
from holdfast.transport.values import JsonObject, opt_str

Kind = Literal["zones", "vnets", "controllers", "ipams", "dns"]
_NAMES = {"zones": "zone", "vnets": "vnet", "controllers": "controller", "ipams": "ipam", "dns": "dns"}


@tool(title="List SDN objects", toolset="sdn")
async def proxmox_list_sdn(
    ctx: Ctx,
    *,
    kind: Annotated[Kind, Field(description="What to list.")] = "vnets",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SdnPage:
    """Zones, VNets, controllers, IPAMs or DNS of the SDN, changes that wait to be applied included."""
    query = {"pending": 1} if kind in ("zones", "vnets", "controllers") else None
    rows = await ctx.client.rows("cluster", "sdn", kind, query=query)
    name = _NAMES[kind]
    return await _shown(ctx, rows, name, limit, cursor)


@tool(title="List SDN subnets", toolset="sdn")
async def proxmox_list_sdn_subnets(ctx: Ctx, *, vnet: PveName, limit: Limit = 50, cursor: Cursor = None) -> SdnPage:
    """Subnets of a VNet: network, gateway, DHCP ranges."""
    rows = await ctx.client.rows("cluster", "sdn", "vnets", vnet, "subnets", query={"pending": 1})
    return await _shown(ctx, rows, "subnet", limit, cursor)


async def _shown(ctx: Ctx, rows: list[JsonObject], name: str, limit: int, cursor: str | None) -> SdnPage:
    notes = await if_empty(ctx.client, rows, "SDN.Audit", "/", "/sdn")
    return page(SdnPage, sorted(rows, key=by(name)), lambda row: _row(row, name), limit, cursor, notes=notes)


def _row(row: JsonObject, name: str) -> SdnRow:
    settings = without(row, ("digest", "state", "type", "zone", name))
    return SdnRow(
        kind=name,
        name=plain(row.get(name)),
        type=opt_str(row, "type"),
        zone=opt_str(row, "zone") if name != "zone" else None,
        state=opt_str(row, "state"),
        settings=dict(sorted(settings.items())) or None,
    )


@tool(title="Preview SDN changes", toolset="sdn")
async def proxmox_preview_sdn(ctx: Ctx, *, node: Node) -> SdnPreview:
    """What applying the SDN configuration would change in a node's files (release 9.1 and later)."""
    await known_node(ctx.client, node)
    row = await ctx.client.object("cluster", "sdn", "dry-run", query={"node": node})
    return made(SdnPreview, row, node=node)

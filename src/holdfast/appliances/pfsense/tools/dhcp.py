"""DHCP servers, leases and static mappings (IPv4: the API has no DHCPv6)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.pfsense.arguments import (
    Changes,
    Ctx,
    Description,
    Interface,
    More,
    Ref,
    Search,
    body_of,
    has_text,
)
from holdfast.appliances.pfsense.changes import plan_create, plan_delete, plan_update
from holdfast.appliances.pfsense.kinds import STATIC_MAPPING
from holdfast.appliances.pfsense.models import (
    DhcpServer,
    DhcpServerPage,
    Lease,
    LeasePage,
    StaticMapping,
    StaticMappingPage,
)
from holdfast.appliances.pfsense.objects import refs
from holdfast.appliances.pfsense.reading import all_rows, said, texts
from holdfast.control.change import Change
from holdfast.control.identifiers import HostName, IpAddress, Mac
from holdfast.control.paging import Cursor, Limit, page, paginate
from holdfast.control.spec import Risk, tool
from holdfast.transport.values import JsonObject, opt_int, opt_list


@tool(title="List DHCP leases", toolset="dhcp")
async def pfsense_list_dhcp_leases(
    ctx: Ctx,
    *,
    state: Annotated[Literal["active", "static", "expired"] | None, Field(description="Only these.")] = None,
    search: Annotated[
        str | None, Field(max_length=60, description="Only with this text in address, MAC, name or interface.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> LeasePage:
    """DHCP leases: who has which address, until when, and whether it is online."""
    rows = await all_rows(ctx.client, "DHCPServerLease")
    found = [
        row
        for row in rows
        if (state is None or str(row.get("active_status")).startswith(state))
        and has_text(search, row.get("ip"), row.get("mac"), row.get("hostname"), row.get("descr"), row.get("if"))
    ]
    return page(LeasePage, found, _lease, limit, cursor)


def _lease(row: JsonObject) -> Lease:
    return Lease(
        ip=str(row.get("ip")),
        mac=said(row, "mac"),
        hostname=said(row, "hostname"),
        interface=said(row, "if"),
        state=said(row, "active_status"),
        online=said(row, "online_status"),
        starts=said(row, "starts"),
        ends=said(row, "ends"),
        description=said(row, "descr"),
    )


@tool(title="List DHCP servers", toolset="dhcp")
async def pfsense_list_dhcp_servers(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> DhcpServerPage:
    """DHCP servers by interface: range, lease times, name servers. Change them in the toolset objects."""
    rows = await all_rows(ctx.client, "DHCPServer")
    return page(DhcpServerPage, rows, _server, limit, cursor)


def _server(row: JsonObject) -> DhcpServer:
    return DhcpServer(
        interface=str(row.get("id")),
        enabled=bool(row.get("enable")),
        range_from=said(row, "range_from"),
        range_to=said(row, "range_to"),
        domain=said(row, "domain"),
        gateway=said(row, "gateway"),
        dns_servers=texts(row, "dnsserver") or None,
        default_lease_s=opt_int(row, "defaultleasetime", lenient=True),
        max_lease_s=opt_int(row, "maxleasetime", lenient=True),
        static_mappings=len(opt_list(row, "staticmap") or []),
    )


@tool(title="List static DHCP mappings", toolset="dhcp")
async def pfsense_list_static_mappings(
    ctx: Ctx, *, search: Search = None, limit: Limit = 50, cursor: Cursor = None
) -> StaticMappingPage:
    """Static DHCP mappings of all interfaces: which MAC gets which address."""
    rows = await all_rows(ctx.client, "DHCPServerStaticMapping")
    found = [_mapping(row, ref) for row, ref in zip(rows, refs(STATIC_MAPPING, rows), strict=True)]
    found = [row for row in found if has_text(search, row.mac, row.address, row.hostname, row.description)]
    return paginate(StaticMappingPage, found, limit, cursor)


def _mapping(row: JsonObject, ref: str) -> StaticMapping:
    return StaticMapping(
        ref=ref,
        interface=str(row.get("parent_id")),
        mac=str(row.get("mac")),
        address=said(row, "ipaddr"),
        hostname=said(row, "hostname"),
        description=said(row, "descr"),
    )


@tool(title="Create static DHCP mapping", toolset="dhcp", risk=Risk.WRITE, idempotent=True)
async def pfsense_create_static_mapping(
    ctx: Ctx,
    *,
    mac: Mac,
    address: Annotated[IpAddress | None, Field(description="Address, outside of the pools.")] = None,
    hostname: Annotated[HostName | None, Field(description="Host name.")] = None,
    interface: Interface = "lan",
    description: Description = None,
    more: More = None,
) -> Change:
    """Give a MAC address a fixed address or name. Live after pfsense_apply_changes subsystem=dhcp."""
    given: JsonObject = {"mac": mac, "ipaddr": address, "hostname": hostname, "descr": description}
    return await plan_create(ctx, STATIC_MAPPING, body_of(given, more), parent=interface)


@tool(title="Change static DHCP mapping", toolset="dhcp", risk=Risk.WRITE, idempotent=True)
async def pfsense_update_static_mapping(ctx: Ctx, *, ref: Ref, changes: Changes) -> Change:
    """Change mac, ipaddr, hostname, descr and others of a static mapping."""
    return await plan_update(ctx, STATIC_MAPPING, ref, changes)


@tool(title="Delete static DHCP mapping", toolset="dhcp", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_delete_static_mapping(ctx: Ctx, *, ref: Ref) -> Change:
    """Delete one static DHCP mapping; its host gets an address of the pools again."""
    return await plan_delete(ctx, STATIC_MAPPING, ref)

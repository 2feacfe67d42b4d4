"""Ceph, for reading. Where it is not installed each tool says so."""

from __future__ import annotations

from holdfast.appliances.proxmox.arguments import Node
from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.encoding import plain
from holdfast.appliances.proxmox.guests import known_node
from holdfast.appliances.proxmox.models.more import CephPool, CephPoolPage, CephStatus, Osd, OsdPage
from holdfast.appliances.proxmox.reading import by, made
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import tool
from holdfast.cutting import cut
from holdfast.transport.values import JsonObject, opt_float, opt_int, opt_list, opt_object, opt_objects, opt_str


@tool(title="Ceph status", toolset="ceph")
async def proxmox_ceph_status(ctx: Ctx) -> CephStatus:
    """Health of Ceph with its warnings, monitors, OSDs, capacity, placement groups and flags."""
    row = await ctx.client.object("cluster", "ceph", "status")
    flags = await ctx.client.rows("cluster", "ceph", "flags")
    health, pgs, osds = (opt_object(row, name) or {} for name in ("health", "pgmap", "osdmap"))
    osds = opt_object(osds, "osdmap") or osds
    return CephStatus(
        health=opt_str(health, "status") or "unknown",
        checks=_checks(opt_object(health, "checks") or {}) or None,
        monitors=[plain(name) for name in opt_list(row, "quorum_names") or []] or None,
        osds=opt_int(osds, "num_osds", lenient=True),
        osds_up=opt_int(osds, "num_up_osds", lenient=True),
        osds_in=opt_int(osds, "num_in_osds", lenient=True),
        used_bytes=opt_int(pgs, "bytes_used", lenient=True),
        total_bytes=opt_int(pgs, "bytes_total", lenient=True),
        pgs={plain(one.get("state_name")): one.get("count") for one in opt_objects(pgs, "pgs_by_state") or []} or None,
        flags=sorted(plain(flag.get("name")) for flag in flags if flag.get("value")) or None,
    )


def _checks(checks: JsonObject) -> JsonObject:
    found: JsonObject = {}
    for name, check in sorted(checks.items()):
        summary = opt_object(check, "summary") if isinstance(check, dict) else None
        found[name] = opt_str(summary, "message") if summary else cut(plain(check), 300)
    return found


@tool(title="List OSDs", toolset="ceph")
async def proxmox_list_osds(ctx: Ctx, *, node: Node, limit: Limit = 50, cursor: Cursor = None) -> OsdPage:
    """Object storage daemons of the Ceph cluster as a node sees them: up or down, in or out, how full."""
    await known_node(ctx.client, node)
    tree = await ctx.client.object("nodes", node, "ceph", "osd")
    rows = sorted(_osds(opt_object(tree, "root") or {}, None), key=by("id"))
    return page(OsdPage, rows, _osd, limit, cursor)


def _osds(branch: JsonObject, host: str | None) -> list[JsonObject]:
    """The tree of hosts flattened; a few levels deep at most."""
    found: list[JsonObject] = []
    for child in opt_objects(branch, "children") or []:
        name = opt_str(child, "name")
        if child.get("type") == "osd":
            found.append({**child, "host": opt_str(child, "host") or host})
        else:
            found += _osds(child, name)
    return found


def _osd(row: JsonObject) -> Osd:
    used = opt_float(row, "percent_used", lenient=True)
    return made(Osd, row, used_fraction=None if used is None else round(used / 100, 4))


@tool(title="List Ceph pools", toolset="ceph")
async def proxmox_list_ceph_pools(ctx: Ctx, *, node: Node, limit: Limit = 50, cursor: Cursor = None) -> CephPoolPage:
    """Pools of the Ceph cluster: copies, placement groups, use."""
    await known_node(ctx.client, node)
    rows = await ctx.client.rows("nodes", node, "ceph", "pool")
    return page(CephPoolPage, sorted(rows, key=by("pool_name")), lambda row: made(CephPool, row), limit, cursor)

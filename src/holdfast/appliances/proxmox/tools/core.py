"""Cluster state and inventory."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.models import NodeState, Resource, ResourcePage, SystemInfo
from holdfast.control.context import Context
from holdfast.control.paging import Cursor, Limit, window
from holdfast.control.spec import tool
from holdfast.transport.values import (
    JsonObject,
    as_objects,
    get_object,
    get_str,
    opt_bool,
    opt_float,
    opt_int,
    opt_object,
    opt_str,
)

Ctx = Context[AsyncProxmoxClient]


@tool(title="Proxmox system info", toolset="core")
async def proxmox_system_info(ctx: Ctx) -> SystemInfo:
    """Version, cluster name, quorum and nodes of a Proxmox VE target. Use it first, and to check that it answers."""
    info = await ctx.client.get_system_info()
    version = get_object(info, "version")
    cluster = opt_object(info, "cluster")
    return SystemInfo(
        version=get_str(version, "version"),
        release=opt_str(version, "release"),
        cluster=opt_str(cluster, "name") if cluster else None,
        quorate=opt_bool(cluster, "quorate", lenient=True) if cluster else None,
        nodes=[
            NodeState(
                name=get_str(node, "name"),
                online=bool(opt_bool(node, "online", lenient=True)),
                address=opt_str(node, "ip"),
            )
            for node in as_objects(info["nodes"], "nodes")
        ],
    )


@tool(title="List cluster resources", toolset="core")
async def proxmox_list_resources(
    ctx: Ctx,
    *,
    type: Annotated[  # noqa: A002 - the API's own word
        Literal["vm", "node", "storage", "pool"] | None, Field(description="Only these; vm means VMs and containers.")
    ] = None,
    node: Annotated[str | None, Field(max_length=63, description="Only on this node.")] = None,
    status: Annotated[str | None, Field(max_length=20, description="Only with this status, such as running.")] = None,
    search: Annotated[str | None, Field(max_length=60, description="Only with this text in id, name or tags.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ResourcePage:
    """Nodes, guests (VMs and containers), storages and pools of the whole cluster in one call, with status and usage.

    Status and usage lag up to about 12 s. Guests on a node that is offline are reported with status unknown.
    """
    rows = await ctx.client.cluster_resources()
    offline = {str(row.get("node")) for row in rows if row.get("type") == "node" and row.get("status") != "online"}
    found = [_resource(row, offline) for row in rows if _matches(row, type, node, search)]
    if status is not None:
        found = [row for row in found if row.status == status]
    items, next_cursor = window(found, limit, cursor)
    return ResourcePage(items=list(items), total=len(found), next_cursor=next_cursor)


def _matches(row: JsonObject, kind: str | None, node: str | None, search: str | None) -> bool:
    if kind == "vm" and row.get("type") not in ("qemu", "lxc"):
        return False
    if kind not in (None, "vm") and row.get("type") != kind:
        return False
    if node is not None and row.get("node") != node:
        return False
    text = " ".join(str(row.get(key, "")) for key in ("id", "name", "tags")).lower()
    return search is None or search.lower() in text


def _resource(row: JsonObject, offline: set[str]) -> Resource:
    kind = get_str(row, "type")
    lost = kind in ("qemu", "lxc") and row.get("node") in offline
    return Resource(
        id=get_str(row, "id"),
        type=kind,
        name=opt_str(row, "name"),
        vmid=opt_int(row, "vmid", lenient=True),
        node=opt_str(row, "node"),
        status="unknown" if lost else opt_str(row, "status"),
        cpu=opt_float(row, "cpu"),
        cpus=opt_int(row, "maxcpu", lenient=True),
        mem_bytes=opt_int(row, "mem", lenient=True),
        max_mem_bytes=opt_int(row, "maxmem", lenient=True),
        disk_bytes=opt_int(row, "disk", lenient=True),
        max_disk_bytes=opt_int(row, "maxdisk", lenient=True),
        uptime_s=opt_int(row, "uptime", lenient=True),
        tags=opt_str(row, "tags"),
        pool=opt_str(row, "pool"),
        lock=opt_str(row, "lock"),
        template=opt_bool(row, "template", lenient=True) or None,
        ha_state=opt_str(row, "hastate"),
    )

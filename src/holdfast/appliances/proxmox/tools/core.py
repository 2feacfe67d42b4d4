"""Cluster state, inventory, tasks."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.proxmox.arguments import NodeFilter
from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.guests import offline_in
from holdfast.appliances.proxmox.identifiers import Upid
from holdfast.appliances.proxmox.models.core import (
    NodeState,
    Resource,
    ResourcePage,
    SystemInfo,
    TaskEnd,
)
from holdfast.appliances.proxmox.reading import made
from holdfast.appliances.proxmox.tasks import Task, log_tail, wait_for
from holdfast.appliances.proxmox.visibility import if_empty
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import tool
from holdfast.errors import HoldfastError
from holdfast.transport.values import (
    JsonObject,
    as_objects,
    get_object,
    get_str,
    opt_bool,
    opt_object,
    opt_str,
)


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
            made(NodeState, node, online=bool(opt_bool(node, "online", lenient=True)))
            for node in sorted(as_objects(info["nodes"], "nodes"), key=lambda node: str(node.get("name")))
        ],
    )


@tool(title="List cluster resources", toolset="core")
async def proxmox_list_resources(
    ctx: Ctx,
    *,
    type: Annotated[  # noqa: A002 - the API's own word
        Literal["vm", "node", "storage", "pool"] | None, Field(description="vm: VMs and containers.")
    ] = None,
    node: NodeFilter = None,
    status: Annotated[str | None, Field(max_length=20, description="Such as running.")] = None,
    search: Annotated[str | None, Field(max_length=60, description="Text in id, name, tags or pool.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ResourcePage:
    """Nodes, guests (VMs and containers), storages and pools of the whole cluster in one call, with status and usage.

    Lags up to 20 s; for the truth about one guest use proxmox_get_guest. Guests on an offline node have status unknown.
    """
    rows = await ctx.client.inventory.rows()
    offline = set(offline_in(rows))
    found = [
        row for row in rows if _matches(row, type, node, search) and (status is None or _status(row, offline) == status)
    ]
    notes = [f"Offline: {', '.join(sorted(offline))}. What is there is not known now."] if offline else []
    if type in _SHOWN_BY or type is None:
        kind = type or "vm"
        privilege, path = _SHOWN_BY[kind]
        notes += await if_empty(
            ctx.client, [row for row in rows if _matches(row, kind, None, None)], privilege, "/", path
        )
    return page(
        ResourcePage,
        found,
        lambda row: _resource(row, offline),
        limit,
        cursor,
        identify=lambda row: {"id": row.get("id")},
        notes=notes,
    )


_SHOWN_BY: Final = {
    "vm": ("VM.Audit", "/vms"),
    "storage": ("Datastore.Audit", "/storage"),
    "pool": ("Pool.Audit", "/pool"),
}


def _matches(row: JsonObject, kind: str | None, node: str | None, search: str | None) -> bool:
    if kind == "vm" and row.get("type") not in ("qemu", "lxc"):
        return False
    if kind not in (None, "vm") and row.get("type") != kind:
        return False
    if node is not None and row.get("node") != node:
        return False
    text = " ".join(str(row.get(key, "")) for key in ("id", "name", "tags", "pool")).lower()
    return search is None or search.lower() in text


def _status(row: JsonObject, offline: set[str]) -> str | None:
    lost = row.get("type") in ("qemu", "lxc", "storage") and str(row.get("node")) in offline
    return "unknown" if lost else opt_str(row, "status")


def _resource(row: JsonObject, offline: set[str]) -> Resource:
    return made(Resource, row, status=_status(row, offline), template=True if row.get("template") else None)


@tool(title="Wait for task", toolset="core")
async def proxmox_wait_task(
    ctx: Ctx,
    *,
    upid: Upid,
    wait_s: Annotated[float, Field(ge=0, le=40, description="Longest wait, seconds; 0 only looks.")] = 30,
) -> TaskEnd:
    """Wait until a task has ended, at most wait_s, and tell how it ended with the end of its log.

    A task that still runs is no error: call again with the same upid.
    """
    waited = 0.0

    async def report(task: Task, seconds: float) -> None:
        nonlocal waited
        waited = seconds
        await ctx.progress(seconds, wait_s, f"{task.type} {task.id}: {task.exit_status or 'running'}")

    task = await wait_for(ctx.client, upid, limit_s=wait_s, sleep=ctx.sleep, report=report)
    notes: list[str] = []
    try:
        lines, _ = await log_tail(ctx.client, upid, 10)
    except HoldfastError as error:
        lines = []
        notes.append(f"Its log cannot be read now: {error.message}")
    if not task.running and task.type.startswith("ha"):
        notes.append("It only hands the request to the HA manager, which goes on by itself: see proxmox_get_guest.")
    elif not task.running and not task.succeeded:
        notes.append("What it had done before it failed stays: read the state of what it was about.")
    return TaskEnd(
        upid=upid,
        type=task.type,
        status=task.exit_status or "running",
        succeeded=None if task.running else task.succeeded,
        waited_s=round(waited, 1),
        log=lines,
        notes=notes or None,
    )

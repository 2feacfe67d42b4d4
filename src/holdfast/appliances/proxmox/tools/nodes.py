"""Nodes: state, services, updates, disks, certificates, power."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.proxmox.arguments import Node, Timeframe
from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.encoding import plain
from holdfast.appliances.proxmox.guests import known_node
from holdfast.appliances.proxmox.metrics import thinned
from holdfast.appliances.proxmox.models.core import LogLines
from holdfast.appliances.proxmox.models.guests import Metrics
from holdfast.appliances.proxmox.models.nodes import (
    Certificate,
    CertificatePage,
    DiskPage,
    DiskRow,
    NodePage,
    NodeRow,
    NodeStatus,
    Service,
    ServicePage,
    Smart,
    Subscription,
    Update,
    UpdatePage,
)
from holdfast.appliances.proxmox.protection import guard_node, guard_service
from holdfast.appliances.proxmox.reading import by, made
from holdfast.appliances.proxmox.tools.config import Points
from holdfast.control.answers import UndoCall
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.identifiers import ServiceName
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import NotFoundError
from holdfast.transport.values import (
    JsonObject,
    as_float,
    as_objects,
    opt_float,
    opt_int,
    opt_list,
    opt_object,
    opt_str,
)

DevicePath = Annotated[
    str, Grammar("device", r"/dev/[A-Za-z0-9]+(?:/[A-Za-z0-9_.:-]+)*", 100, "device such as /dev/sda", ("/dev/sda",))
]
ServiceAction = Literal["start", "stop", "restart", "reload"]
_AFTER: Final = {"start": "running", "stop": "dead", "restart": None, "reload": None}
_BACK: Final = {"start": "stop", "stop": "start"}
_CUTS: Final = frozenset({"pveproxy", "pvedaemon", "corosync", "pve-cluster"})


@tool(title="List nodes", toolset="nodes")
async def proxmox_list_nodes(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> NodePage:
    """Nodes with status, usage, uptime and certificate fingerprint. Offline ones are listed without usage."""
    rows = await ctx.client.rows("nodes")
    rows.sort(key=by("node"))
    bare = any(row.get("status") == "online" and "maxmem" not in row for row in rows)
    notes = ["Usage is shown with Sys.Audit on /nodes/NODE only."] if bare else []
    return page(NodePage, rows, lambda row: made(NodeRow, row), limit, cursor, notes=notes)


@tool(title="Node status", toolset="nodes")
async def proxmox_node_status(ctx: Ctx, *, node: Node) -> NodeStatus:
    """One node now: versions, CPU, load, memory, swap, root file system, boot mode."""
    await known_node(ctx.client, node)
    row = await ctx.client.object("nodes", node, "status")
    memory, swap, root = (opt_object(row, name) or {} for name in ("memory", "swap", "rootfs"))
    cpu, kernel, boot = (opt_object(row, name) or {} for name in ("cpuinfo", "current-kernel", "boot-info"))
    return made(
        NodeStatus,
        row,
        node=node,
        version=opt_str(row, "pveversion"),
        kernel=opt_str(kernel, "release"),
        cpu_model=opt_str(cpu, "model"),
        sockets=opt_int(cpu, "sockets", lenient=True),
        cpus=opt_int(cpu, "cpus", lenient=True),
        loadavg=[as_float(part, "loadavg", lenient=True) for part in opt_list(row, "loadavg") or []] or None,
        mem_total_bytes=opt_int(memory, "total", lenient=True),
        mem_used_bytes=opt_int(memory, "used", lenient=True),
        swap_total_bytes=opt_int(swap, "total", lenient=True),
        swap_used_bytes=opt_int(swap, "used", lenient=True),
        root_total_bytes=opt_int(root, "total", lenient=True),
        root_used_bytes=opt_int(root, "used", lenient=True),
        boot_mode=opt_str(boot, "mode"),
        secure_boot=plain(boot.get("secureboot")) == "1" if boot else None,
    )


@tool(title="Node metrics", toolset="nodes")
async def proxmox_node_metrics(ctx: Ctx, *, node: Node, timeframe: Timeframe = "hour", points: Points = 60) -> Metrics:
    """Usage of a node over time: CPU, I/O wait, load, memory, network rates."""
    await known_node(ctx.client, node)
    rows = await ctx.client.rows("nodes", node, "rrddata", query={"timeframe": timeframe, "cf": "AVERAGE"})
    return thinned(rows, points)


@tool(title="Node log", toolset="nodes")
async def proxmox_node_log(
    ctx: Ctx,
    *,
    node: Node,
    service: Annotated[ServiceName | None, Field(description="Only of this service.")] = None,
    lines: Annotated[int, Field(ge=1, le=200, description="The last so many lines.")] = 50,
) -> LogLines:
    """The end of a node's system log."""
    await known_node(ctx.client, node)
    query: dict[str, str | int] = {"start": 0, "limit": lines}
    query |= {"service": service} if service is not None else {}
    answer = await ctx.client.envelope("nodes", node, "syslog", query=query)
    total = opt_int(answer, "total", lenient=True) or 0
    rows = as_objects(answer.get("data"), "log")
    if total > lines:
        rows = await ctx.client.rows("nodes", node, "syslog", query={**query, "start": total - lines})
    return LogLines(lines=[plain(row.get("t")) for row in sorted(rows, key=by("n"))], total=total)


@tool(title="List services", toolset="nodes")
async def proxmox_list_services(ctx: Ctx, *, node: Node, limit: Limit = 50, cursor: Cursor = None) -> ServicePage:
    """System services of a node and whether they run."""
    await known_node(ctx.client, node)
    rows = await ctx.client.rows("nodes", node, "services")
    return page(ServicePage, sorted(rows, key=by("service")), lambda row: made(Service, row), limit, cursor)


@tool(title="Control service", toolset="nodes", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_control_service(
    ctx: Ctx, *, node: Node, service: ServiceName, action: Annotated[ServiceAction, Field(description="What to do.")]
) -> Change:
    """Start, stop, restart or reload a system service of a node. What serves port 8006 is never stopped."""
    await known_node(ctx.client, node)
    guard_service(node, service, action)
    known = await ctx.client.rows("nodes", node, "services")
    if all(row.get("service") != service for row in known):
        raise NotFoundError(f"{node} has no service {service}.", next_step="proxmox_list_services lists them.")
    path = ("nodes", node, "services", service)
    before = await _service(ctx, path)
    wanted = _AFTER[action]

    async def look() -> Seen:
        seen = await _service(ctx, path)
        return Seen(None if wanted is None else seen["state"] == wanted, seen, partly=seen != before)

    said = [f"Restarting {service} cuts calls under way."] if service in _CUTS and action != "start" else []
    return await change(
        ctx,
        Write("POST", (*path, action), tasks=frozenset({f"srv{action}"}), about=service),
        summary=f"{action.capitalize()} {service} on {node}",
        before=before,
        after={**before, "state": wanted or before["state"]},
        look=look,
        undo=UndoCall(
            tool="proxmox_control_service", arguments={"node": node, "service": service, "action": _BACK[action]}
        )
        if action in _BACK
        else None,
        cannot_undo=None if action in _BACK else "It is over when it is over.",
        warnings=said,
        nothing_to_do=wanted is not None and before["state"] == wanted,
    )


async def _service(ctx: Ctx, path: tuple[str, ...]) -> JsonObject:
    row = await ctx.client.object(*path, "state")
    return {"service": opt_str(row, "service"), "state": opt_str(row, "state")}


@tool(title="List updates", toolset="nodes")
async def proxmox_list_updates(ctx: Ctx, *, node: Node, limit: Limit = 50, cursor: Cursor = None) -> UpdatePage:
    """Packages of a node that can be upgraded, as of its last refresh. The API cannot install them: a person does."""
    await known_node(ctx.client, node)
    rows = await ctx.client.rows("nodes", node, "apt", "update")
    return page(UpdatePage, sorted(rows, key=by("Package")), lambda row: made(Update, row), limit, cursor)


@tool(title="Refresh updates", toolset="nodes", risk=Risk.WRITE, idempotent=True)
async def proxmox_refresh_updates(ctx: Ctx, *, node: Node) -> Change:
    """Let a node fetch the package lists anew, so that proxmox_list_updates is up to date."""
    await known_node(ctx.client, node)

    async def look() -> Seen:
        return Seen(None)

    return await change(
        ctx,
        Write("POST", ("nodes", node, "apt", "update"), tasks=frozenset({"aptupdate"})),
        summary=f"Refresh the package lists of {node}",
        before={"node": node},
        after={"node": node, "lists": "fetched"},
        look=look,
        cannot_undo="Nothing was changed that would have to be undone.",
        task_decides=True,
    )


@tool(title="List disks", toolset="nodes")
async def proxmox_list_disks(ctx: Ctx, *, node: Node, limit: Limit = 50, cursor: Cursor = None) -> DiskPage:
    """Physical disks of a node: model, serial number, size, health, wear. SMART makes it slow."""
    await known_node(ctx.client, node)
    rows = await ctx.client.rows("nodes", node, "disks", "list")
    return page(DiskPage, sorted(rows, key=by("devpath")), _disk, limit, cursor)


def _disk(row: JsonObject) -> DiskRow:
    wear = plain(row.get("wearout"))
    known = opt_float(row, "wearout", lenient=True) if wear.replace(".", "", 1).isdigit() else None
    return made(
        DiskRow,
        row,
        size_bytes=opt_int(row, "size", lenient=True),
        wearout_left_percent=None if known is None else round(known),
        used=plain(row.get("used")) or None,
        model=(opt_str(row, "model") or "").strip() or None,
    )


@tool(title="Disk SMART", toolset="nodes")
async def proxmox_disk_smart(ctx: Ctx, *, node: Node, disk: DevicePath) -> Smart:
    """SMART health and attributes of one disk of a node."""
    await known_node(ctx.client, node)
    row = await ctx.client.object("nodes", node, "disks", "smart", query={"disk": disk})
    attributes = {
        plain(one.get("name")): plain(one.get("raw")) for one in as_objects(row.get("attributes") or [], "attributes")
    }
    return made(Smart, row, device=disk, attributes=attributes or None)


@tool(title="List certificates", toolset="nodes")
async def proxmox_list_certificates(
    ctx: Ctx, *, node: Node, limit: Limit = 50, cursor: Cursor = None
) -> CertificatePage:
    """Certificates of a node: names, issuer, fingerprint, how long still valid."""
    await known_node(ctx.client, node)
    rows = await ctx.client.rows("nodes", node, "certificates", "info")
    now = ctx.now()

    def convert(row: JsonObject) -> Certificate:
        end = opt_int(row, "notafter", lenient=True)
        return made(Certificate, row, days_left=None if end is None else round((end - now) / 86_400, 1))

    return page(CertificatePage, sorted(rows, key=by("filename")), convert, limit, cursor)


@tool(title="Subscription", toolset="nodes")
async def proxmox_subscription(ctx: Ctx, *, node: Node) -> Subscription:
    """Whether a node has a subscription, its level, and when it is due."""
    await known_node(ctx.client, node)
    row = await ctx.client.object("nodes", node, "subscription")
    return made(Subscription, row, node=node)


@tool(title="Reboot or shut down node", toolset="nodes", risk=Risk.DESTRUCTIVE, idempotent=False)
async def proxmox_node_power(
    ctx: Ctx, *, node: Node, command: Annotated[Literal["reboot", "shutdown"], Field(description="What to do.")]
) -> Change:
    """Reboot or shut down a whole node with all its guests. Refused for the node that Holdfast itself runs on."""
    await known_node(ctx.client, node)
    await guard_node(ctx, node)
    rows = await ctx.client.inventory.rows(fresh=True)
    running = sorted(
        f"{plain(row.get('vmid'))} ({plain(row.get('name'))})"
        for row in rows
        if row.get("type") in ("qemu", "lxc") and row.get("node") == node and row.get("status") == "running"
    )

    async def look() -> Seen:
        members = await ctx.client.rows("cluster", "status")
        online = next((plain(row.get("online")) == "1" for row in members if row.get("name") == node), None)
        return Seen(True if online is False else None, {"online": online})

    shown = ", ".join(running[:15]) + (f" and {len(running) - 15} more" if len(running) > 15 else "")
    return await change(
        ctx,
        Write("POST", ("nodes", node, "status"), {"command": command}),
        summary=f"{command.capitalize()} the node {node}",
        before={"node": node, "running": len(running)},
        after={"command": command},
        look=look,
        cannot_undo="Guests that stop with the node start again only if they are set to, or by hand.",
        blast_radius=[f"Stops the guests {shown}."] if running else [],
        warnings=["With too few other nodes the cluster loses its quorum."],
    )

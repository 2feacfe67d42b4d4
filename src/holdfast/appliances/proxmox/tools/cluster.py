"""The cluster as a whole: quorum, options, log."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import Given, plain, without
from holdfast.appliances.proxmox.errors import missing_grant
from holdfast.appliances.proxmox.models.cluster import (
    ClusterOptions,
    ClusterStatus,
    HaService,
    LogEntry,
    LogPage,
)
from holdfast.appliances.proxmox.models.core import NodeState
from holdfast.appliances.proxmox.objects import Arg, Kind, update
from holdfast.appliances.proxmox.reading import by, made
from holdfast.appliances.proxmox.visibility import holds, if_empty
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import HoldfastError
from holdfast.transport.values import JsonObject, opt_bool, opt_int, opt_str

OPTIONS: Final = Kind(
    noun="datacenter options",
    collection=("cluster",),
    key="",
    argument="",
    args={
        "description": Arg("description"),
        "keyboard": Arg("keyboard"),
        "mac_prefix": Arg("mac_prefix"),
        "migration": Arg("migration", "properties"),
        "bwlimit": Arg("bwlimit", "properties"),
        "next_id": Arg("next-id", "properties"),
        "max_workers": Arg("max_workers", "int"),
        "email_from": Arg("email_from"),
        "ha": Arg("ha", "properties"),
        "crs": Arg("crs", "properties"),
        "http_proxy": Arg("http_proxy"),
    },
    tools=(None, "proxmox_set_cluster_options", None),
    digest=False,
)
Property = Annotated[str | None, Field(max_length=200, pattern=r"^[A-Za-z0-9=:.,_/-]+$")]
OptionName = Literal[
    "description",
    "keyboard",
    "mac_prefix",
    "migration",
    "bwlimit",
    "next_id",
    "max_workers",
    "email_from",
    "ha",
    "crs",
    "http_proxy",
]


_OPEN_OPTIONS: Final = frozenset({"console", "tag-style", "allowed-tags", "user-tag-access"})
"""Shown to every account; all others with Sys.Audit only."""


@tool(title="Cluster status", toolset="cluster")
async def proxmox_cluster_status(ctx: Ctx) -> ClusterStatus:
    """Quorum, which members are missing, and how high availability does. The first look when the cluster is unwell."""
    members = await ctx.client.rows("cluster", "status")
    cluster = next((row for row in members if row.get("type") == "cluster"), None)
    nodes = sorted((row for row in members if row.get("type") == "node"), key=by("name"))
    notes: list[str] = []
    ha: list[JsonObject] = []
    try:
        ha = await ctx.client.rows("cluster", "ha", "status", "current")
    except HoldfastError as error:
        notes.append(f"High availability cannot be read now: {error.message}")
    master = next((row for row in ha if row.get("type") == "master"), None)
    services = sorted((row for row in ha if row.get("type") == "service"), key=by("sid"))
    if cluster is not None and not opt_bool(cluster, "quorate", lenient=True):
        notes.append("No quorum: reads work, changes do not. Bring back enough members for a majority.")
    if len(services) > 100:
        notes.append(f"{len(services)} services; the first 100 are shown, proxmox_list_ha_resources lists all.")
    return ClusterStatus(
        name=opt_str(cluster, "name") if cluster else None,
        quorate=opt_bool(cluster, "quorate", lenient=True) if cluster else None,
        nodes=[made(NodeState, row, online=plain(row.get("online")) == "1") for row in nodes],
        missing=[plain(row.get("name")) for row in nodes if plain(row.get("online")) != "1"] or None,
        ha_master=opt_str(master, "node") if master else None,
        ha_services=[made(HaService, row) for row in services[:100]] or None,
        notes=notes or None,
    )


@tool(title="Cluster log", toolset="cluster")
async def proxmox_cluster_log(
    ctx: Ctx,
    *,
    errors: Annotated[bool, Field(description="Only errors (severity 0 to 3).")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> LogPage:
    """The cluster's log of logins, tasks and failures, newest first."""
    rows = await ctx.client.rows("cluster", "log", query={"max": 1000})
    found = [row for row in rows if not errors or (opt_int(row, "pri", lenient=True) or 0) <= 3]
    found.sort(key=by("time", "uid"), reverse=True)
    notes = await if_empty(ctx.client, rows, "Sys.Syslog", "/")
    return page(LogPage, found, lambda row: made(LogEntry, row), limit, cursor, notes=notes)


@tool(title="Cluster options", toolset="cluster")
async def proxmox_get_cluster_options(ctx: Ctx) -> ClusterOptions:
    """Options of the datacenter: migration, bandwidth limits, next id, tags, console."""
    options = await ctx.client.object("cluster", "options")
    more = [options] if set(options) - _OPEN_OPTIONS else []
    return ClusterOptions(
        options=dict(sorted(without(options, ("digest",)).items())),
        notes=await if_empty(ctx.client, more, "Sys.Audit", "/") or None,
    )


async def _read(client: AsyncProxmoxClient) -> JsonObject | None:
    options = await client.object("cluster", "options")
    if not set(options) - _OPEN_OPTIONS and not await holds(client, "Sys.Audit", "/"):
        # What cannot be read cannot be compared, before or after.
        raise missing_grant("Sys.Audit", "/")
    return options


@tool(title="Set cluster options", toolset="cluster", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_set_cluster_options(
    ctx: Ctx,
    *,
    description: Annotated[str | None, Field(max_length=8000, description="Notes of the datacenter.")] = None,
    keyboard: Annotated[str | None, Field(pattern=r"^[a-z]{2}(-[a-z]{2})?$", description="Such as en-us.")] = None,
    mac_prefix: Annotated[str | None, Field(pattern=r"^[0-9A-Fa-f:]{2,14}$", description="For new cards.")] = None,
    migration: Annotated[Property, Field(description="type=secure,network=10.0.0.0/24")] = None,
    bwlimit: Annotated[Property, Field(description="KiB/s: clone=100000,migration=200000")] = None,
    next_id: Annotated[Property, Field(description="lower=100,upper=9999")] = None,
    max_workers: Annotated[int | None, Field(ge=1, le=64, description="Workers of bulk tasks.")] = None,
    email_from: Annotated[str | None, Field(max_length=254, description="Sender of mails.")] = None,
    ha: Annotated[Property, Field(description="shutdown_policy=migrate")] = None,
    crs: Annotated[Property, Field(description="ha=static,ha-rebalance-on-start=1")] = None,
    http_proxy: Annotated[str | None, Field(pattern=r"^https?://[^\s@]+$", description="Proxy.")] = None,
    unset: Annotated[list[OptionName] | None, Field(description="Back to the default.")] = None,
) -> Change:
    """Change options of the whole datacenter; what is not given stays."""
    given: dict[str, Given] = {
        "description": description,
        "keyboard": keyboard,
        "mac_prefix": mac_prefix,
        "migration": migration,
        "bwlimit": bwlimit,
        "next_id": next_id,
        "max_workers": max_workers,
        "email_from": email_from,
        "ha": ha,
        "crs": crs,
        "http_proxy": http_proxy,
    }
    return await update(ctx, OPTIONS, "options", given, unset, read=_read, summary="Set datacenter options")

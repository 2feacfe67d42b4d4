"""High availability and replication."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.proxmox.arguments import Comment, Node
from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import Given, plain
from holdfast.appliances.proxmox.guests import find_guest, known_node
from holdfast.appliances.proxmox.identifiers import HaSid, PveName, ReplicationJobId
from holdfast.appliances.proxmox.models.cluster import (
    HaResource,
    HaResourcePage,
    HaRule,
    HaRulePage,
    ReplicationJob,
    ReplicationPage,
    ReplicationState,
    ReplicationStatePage,
)
from holdfast.appliances.proxmox.objects import Arg, Kind, Read, create, delete, read_item, update
from holdfast.appliances.proxmox.protection import guard_guest
from holdfast.appliances.proxmox.reading import by, made
from holdfast.appliances.proxmox.visibility import if_empty
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import NotFoundError, UnsupportedError
from holdfast.transport.values import JsonObject, opt_int, opt_str

RESOURCE: Final = Kind(
    noun="HA resource",
    collection=("cluster", "ha", "resources"),
    key="sid",
    argument="sid",
    args={
        "state": Arg("state"),
        "group": Arg("group"),
        "max_restart": Arg("max_restart", "int"),
        "max_relocate": Arg("max_relocate", "int"),
        "comment": Arg("comment"),
    },
    tools=("proxmox_add_ha_resource", "proxmox_update_ha_resource", "proxmox_remove_ha_resource"),
    derived=frozenset({"type", "failback"}),
)
REPLICATION: Final = Kind(
    noun="replication job",
    collection=("cluster", "replication"),
    key="id",
    argument="job",
    args={
        "to_node": Arg("target"),
        "schedule": Arg("schedule"),
        "rate_mb_per_s": Arg("rate", "int"),
        "disabled": Arg("disable", "bool"),
        "comment": Arg("comment"),
    },
    tools=("proxmox_create_replication", "proxmox_update_replication", "proxmox_delete_replication"),
    derived=frozenset({"type", "guest", "jobnum", "source", "remove_job"}),
)


def _job(job: str) -> Read:
    """Reads a job; one that only waits to be cleared away on its node counts as gone (contract 15.5)."""

    async def read(client: AsyncProxmoxClient) -> JsonObject | None:
        found = await read_item(client, REPLICATION, job)
        return None if found is None or found.get("remove_job") else found

    return read


State = Annotated[
    Literal["started", "stopped", "disabled", "ignored"] | None, Field(description="State that the manager keeps.")
]
Tries = Annotated[int | None, Field(ge=0, le=10, description="Tries before the next measure.")]
Group = Annotated[PveName | None, Field(description="HA group (release 8).")]
Schedule = Annotated[
    str | None, Field(max_length=128, pattern=r"^[A-Za-z0-9*/:., -]+$", description="Calendar event such as */15.")
]
Rate = Annotated[int | None, Field(ge=1, le=100_000, description="Limit, MB/s.")]


@tool(title="List HA resources", toolset="ha")
async def proxmox_list_ha_resources(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> HaResourcePage:
    """Guests under high availability, as configured; proxmox_cluster_status shows how they do."""
    rows = await ctx.client.rows("cluster", "ha", "resources")
    return page(HaResourcePage, sorted(rows, key=by("sid")), lambda row: made(HaResource, row), limit, cursor)


@tool(title="List HA rules", toolset="ha")
async def proxmox_list_ha_rules(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> HaRulePage:
    """Rules that keep guests on some nodes, together or apart (release 9), or groups of nodes (release 8)."""
    try:
        rows = await ctx.client.rows("cluster", "ha", "rules")
    except UnsupportedError:
        rows = await ctx.client.rows("cluster", "ha", "groups")
    return page(HaRulePage, sorted(rows, key=by("rule", "group")), lambda row: made(HaRule, row), limit, cursor)


@tool(title="Add HA resource", toolset="ha", risk=Risk.WRITE, idempotent=True)
async def proxmox_add_ha_resource(
    ctx: Ctx,
    *,
    sid: HaSid,
    state: State = None,
    group: Group = None,
    max_restart: Tries = None,
    max_relocate: Tries = None,
    comment: Comment = None,
) -> Change:
    """Put a guest under high availability: the manager then starts, stops and moves it. Its disks must be shared."""
    guest = await find_guest(ctx.client, sid.partition(":")[2])
    if guest.sid != sid:
        raise NotFoundError(f"{guest.label} is not {sid}.", next_step=f"Give sid={guest.sid}.")
    given = _resource(state, group, max_restart, max_relocate, comment)
    said = ["With state started the manager starts the guest."] if guest.status != "running" else []
    return await create(ctx, RESOURCE, sid, given, warnings=said)


@tool(title="Change HA resource", toolset="ha", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_update_ha_resource(
    ctx: Ctx,
    *,
    sid: HaSid,
    state: State = None,
    group: Group = None,
    max_restart: Tries = None,
    max_relocate: Tries = None,
    comment: Comment = None,
    unset: Annotated[
        list[Literal["state", "group", "max_restart", "max_relocate", "comment"]] | None,
        Field(description="Back to the default."),
    ] = None,
) -> Change:
    """Change how a guest is kept available. state=stopped stops it, started starts it."""
    given = _resource(state, group, max_restart, max_relocate, comment)
    if state in ("stopped", "disabled"):
        await guard_guest(ctx, await find_guest(ctx.client, sid.partition(":")[2]))
    return await update(ctx, RESOURCE, sid, given, unset)


def _resource(
    state: str | None, group: str | None, max_restart: int | None, max_relocate: int | None, comment: str | None
) -> dict[str, Given]:
    return {
        "state": state,
        "group": group,
        "max_restart": max_restart,
        "max_relocate": max_relocate,
        "comment": comment,
    }


@tool(title="Remove HA resource", toolset="ha", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_remove_ha_resource(ctx: Ctx, *, sid: HaSid) -> Change:
    """Take a guest out of high availability; it stays as it is, but nobody restarts it."""
    return await delete(ctx, RESOURCE, sid)


@tool(title="List replication jobs", toolset="ha")
async def proxmox_list_replication(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> ReplicationPage:
    """Replication jobs of the cluster, as configured."""
    rows = await ctx.client.rows("cluster", "replication")
    notes = await if_empty(ctx.client, rows, "VM.Audit", "/", "/vms")
    return page(
        ReplicationPage, sorted(rows, key=by("id")), lambda row: made(ReplicationJob, row), limit, cursor, notes=notes
    )


@tool(title="Replication state", toolset="ha")
async def proxmox_replication_state(
    ctx: Ctx, *, node: Node, limit: Limit = 50, cursor: Cursor = None
) -> ReplicationStatePage:
    """How the replication jobs of a node's guests go: last and next run, failures."""
    await known_node(ctx.client, node)
    rows = await ctx.client.rows("nodes", node, "replication")
    rows.sort(key=by("id"))
    notes = await if_empty(ctx.client, rows, "VM.Audit", "/", "/vms")
    return page(ReplicationStatePage, rows, lambda row: made(ReplicationState, row), limit, cursor, notes=notes)


@tool(title="Create replication job", toolset="ha", risk=Risk.WRITE, idempotent=True)
async def proxmox_create_replication(
    ctx: Ctx,
    *,
    job: ReplicationJobId,
    to_node: Annotated[Node, Field(description="Node that gets the copy.")],
    schedule: Schedule = None,
    rate_mb_per_s: Rate = None,
    disabled: Annotated[bool | None, Field(description="Do not run it.")] = None,
    comment: Comment = None,
) -> Change:
    """Copy a guest's disks to another node on schedule (needs ZFS of the same name on both). job is VMID-N."""
    await find_guest(ctx.client, job.partition("-")[0])
    await known_node(ctx.client, to_node)
    given: dict[str, Given] = {
        "to_node": to_node,
        "schedule": schedule,
        "rate_mb_per_s": rate_mb_per_s,
        "disabled": disabled,
        "comment": comment,
    }
    return await create(ctx, REPLICATION, job, given, extra={"type": "local"}, read=_job(job))


@tool(title="Change replication job", toolset="ha", risk=Risk.WRITE, idempotent=True)
async def proxmox_update_replication(
    ctx: Ctx,
    *,
    job: ReplicationJobId,
    schedule: Schedule = None,
    rate_mb_per_s: Rate = None,
    disabled: Annotated[bool | None, Field(description="Do not run it.")] = None,
    comment: Comment = None,
    unset: Annotated[
        list[Literal["schedule", "rate_mb_per_s", "disabled", "comment"]] | None,
        Field(description="Back to the default."),
    ] = None,
) -> Change:
    """Change a replication job; what is not given stays. The target cannot change."""
    given: dict[str, Given] = {
        "schedule": schedule,
        "rate_mb_per_s": rate_mb_per_s,
        "disabled": disabled,
        "comment": comment,
    }
    return await update(ctx, REPLICATION, job, given, unset, read=_job(job))


@tool(title="Delete replication job", toolset="ha", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_replication(
    ctx: Ctx,
    *,
    job: ReplicationJobId,
    keep: Annotated[bool, Field(description="Keep the copy on the target.")] = False,
) -> Change:
    """Delete a replication job; the copy on the target is destroyed unless keep. It goes when the job next runs."""
    why = None if keep else "The copy on the target is destroyed; a new job makes a new one."
    return await delete(ctx, REPLICATION, job, read=_job(job), query={"keep": keep or None}, cannot_undo=why)


@tool(title="Run replication now", toolset="ha", risk=Risk.WRITE, idempotent=False)
async def proxmox_run_replication(ctx: Ctx, *, job: ReplicationJobId) -> Change:
    """Let a replication job run as soon as possible, not only on schedule."""
    guest = await find_guest(ctx.client, job.partition("-")[0])
    path = ("nodes", guest.node, "replication", job)
    before = await ctx.client.object(*path, "status")
    known = opt_int(before, "next_sync", lenient=True), opt_int(before, "last_try", lenient=True)

    async def look() -> Seen:
        now = await ctx.client.object(*path, "status")
        seen = opt_int(now, "next_sync", lenient=True), opt_int(now, "last_try", lenient=True)
        return Seen(seen != known or None, {"next_sync_at": seen[0], "last_try_at": seen[1]})

    return await change(
        ctx,
        Write("POST", (*path, "schedule_now")),
        summary=f"Run the replication {job} of {guest.label} now",
        before={"id": job, "error": opt_str(before, "error")},
        after={"runs": "as soon as possible"},
        look=look,
        cannot_undo="A replication that runs is not taken back.",
        content={"job": job, "node": plain(guest.node)},
    )

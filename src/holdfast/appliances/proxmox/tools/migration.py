"""Moving guests between nodes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.proxmox.arguments import GuestRef, Node
from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.encoding import form_of
from holdfast.appliances.proxmox.errors import WrongStateError
from holdfast.appliances.proxmox.guests import (
    Guest,
    current_state,
    find_guest,
    ha_managed,
    known_node,
    offline_in,
)
from holdfast.appliances.proxmox.identifiers import StorageId
from holdfast.appliances.proxmox.models.guests import MigrationCheck
from holdfast.appliances.proxmox.protection import guard_guest
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.spec import Risk, tool
from holdfast.cutting import cut
from holdfast.errors import ConflictError, UnsupportedError
from holdfast.transport.values import get_str, opt_bool, opt_list, opt_object, opt_objects


async def _look_ahead(ctx: Ctx, guest: Guest, target: str | None) -> JsonObject | None:
    """Proxmox's own dry run; releases before 9 have none for containers."""
    query = {"target": target} if target is not None else None
    try:
        return await ctx.client.object(*guest.path, "migrate", query=query)
    except UnsupportedError:
        return None


def _texts(row: JsonObject, *names: str) -> list[str]:
    for name in names:
        if (found := opt_list(row, name)) is not None:
            return sorted(str(part) for part in found)
    return []


def _refused(row: JsonObject) -> JsonObject:
    return opt_object(row, "not_allowed_nodes") or opt_object(row, "not-allowed-nodes") or {}


def _local_disks(row: JsonObject) -> list[str]:
    disks = opt_objects(row, "local_disks") or []
    return sorted(f"{disk.get('volid')} ({disk.get('size', '?')} bytes)" for disk in disks)


@tool(title="Check migration", toolset="migration")
async def proxmox_check_migration(
    ctx: Ctx, *, guest: GuestRef, to_node: Annotated[Node | None, Field(description="Only this node.")] = None
) -> MigrationCheck:
    """Tell where a VM or container could move to, and what stands in the way, without moving it."""
    found = await find_guest(ctx.client, guest)
    if to_node is not None:
        await known_node(ctx.client, to_node)
    row = await _look_ahead(ctx, found, to_node)
    state = await current_state(ctx.client, found)
    down = offline_in(await ctx.client.inventory.rows())
    if row is None:
        note = "This release tells nothing about the migration of containers in advance."
        return MigrationCheck(
            guest=found.label, running=state.get("status") == "running", allowed_nodes=[], notes=[note]
        )
    return MigrationCheck(
        guest=found.label,
        running=bool(opt_bool(row, "running", lenient=True)),
        allowed_nodes=[node for node in _texts(row, "allowed_nodes", "allowed-nodes") if node not in down],
        not_allowed={**{node: "offline" for node in down if node != found.node}, **_refused(row)} or None,
        local_disks=_local_disks(row) or None,
        local_resources=_texts(row, "local_resources") or None,
    )


@tool(title="Migrate guest", toolset="migration", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_migrate_guest(
    ctx: Ctx,
    *,
    guest: GuestRef,
    to_node: Annotated[Node, Field(description="Node it moves to.")],
    with_local_disks: Annotated[bool, Field(description="Copy disks on local storage of a running VM too.")] = False,
    target_storage: Annotated[StorageId | None, Field(description="Storage there for local disks.")] = None,
) -> Change:
    """Move a VM (running: live) or a container (running: stopped and started there) to another node.

    It is checked first; proxmox_check_migration shows the same without moving.
    """
    found = await find_guest(ctx.client, guest)
    await known_node(ctx.client, to_node)
    state = await current_state(ctx.client, found)
    running = get_str(state, "status") == "running"
    await guard_guest(ctx, found, interrupts=running and not found.is_vm)
    here = found.node == to_node
    if to_node in offline_in(await ctx.client.inventory.rows()):
        # Proxmox would accept it and fail in the task (contract 7).
        raise WrongStateError(
            f"{to_node} is offline: nothing can move there.", next_step="proxmox_check_migration shows where it can go."
        )
    row = None if here else await _look_ahead(ctx, found, to_node)
    warnings = _judged(found, row, to_node, with_local_disks=with_local_disks)
    if running and not found.is_vm:
        warnings.append("The container is stopped here and started there.")
    managed = ha_managed(state)
    if managed:
        warnings.append("The guest is managed by HA: the request goes to the HA manager.")
    if found.is_vm:
        form = form_of(
            {
                "target": to_node,
                "online": True if running else None,
                "with-local-disks": with_local_disks or None,
                "targetstorage": target_storage,
            }
        )
    else:
        form = form_of({"target": to_node, "restart": True if running else None, "target-storage": target_storage})

    async def look() -> Seen:
        now = await find_guest(ctx.client, str(found.vmid))
        # A container is stopped first: a migration that fails may leave it so.
        partly = None if running and not found.is_vm else False
        left = f"{now.label} may be stopped now: see proxmox_get_guest."
        return Seen(now.node == to_node, {"node": now.node}, partly=partly, left=left)

    return await change(
        ctx,
        Write(
            "POST",
            (*found.path, "migrate"),
            form,
            tasks=frozenset({"qmigrate", "vzmigrate", "hamigrate"}),
            vmid=found.vmid,
            guest=found,
        ),
        summary=f"Move {found.label} to {to_node}",
        before={"node": found.node},
        after={"node": to_node},
        look=look,
        undo=UndoCall(
            tool="proxmox_migrate_guest",
            arguments={"guest": str(found.vmid), "to_node": found.node, "with_local_disks": with_local_disks},
        ),
        warnings=warnings,
        nothing_to_do=here,
    )


def _judged(guest: Guest, row: JsonObject | None, target: str, *, with_local_disks: bool) -> list[str]:
    """Warnings of the look ahead.

    Raises:
        ConflictError: It cannot move there.
    """
    if row is None:
        return []
    refused = _refused(row)
    if target in refused:
        raise ConflictError(
            f"{guest.label} cannot move to {target}: {cut(str(refused[target]), 300)}.",
            next_step=f"Possible: {', '.join(_texts(row, 'allowed_nodes', 'allowed-nodes')) or 'no node'}.",
        )
    resources = _texts(row, "local_resources")
    if resources:
        raise ConflictError(
            f"{guest.label} uses what only its node has: {cut(', '.join(resources), 300)}.",
            next_step="Detach it from the guest, or use a mapped resource.",
        )
    disks = _local_disks(row)
    if disks and row.get("running") and not with_local_disks:
        raise ConflictError(
            f"{guest.label} has disks on local storage: {cut(', '.join(disks), 300)}.",
            next_step="Give with_local_disks=true to copy them.",
        )
    return [f"Copies local disks: {cut(', '.join(disks), 300)}."] if disks else []

"""What goes with a guest when it is deleted: disks, snapshots, backup jobs, high availability, replication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import is_drive, listed, plain, properties
from holdfast.appliances.proxmox.guests import Guest, config_of, current_state, ha_managed
from holdfast.control.answers import JsonObject
from holdfast.errors import ConflictError, HoldfastError, NotFoundError
from holdfast.transport.values import JsonValue, get_str


@dataclass(frozen=True)
class Deletion:
    """A guest before it is deleted, and what else is touched."""

    before: JsonObject
    touched: Sequence[str]


async def deletion_of(client: AsyncProxmoxClient, guest: Guest, *, purge: bool) -> Deletion:
    """Look at everything that a deletion touches.

    Raises:
        ConflictError: The guest runs, is protected against deletion, or is managed by HA.
    """
    state = await current_state(client, guest)
    if state.get("status") != "stopped":
        raise ConflictError(f"{guest.label} is running.", next_step="Shut it down first (proxmox_shutdown_guest).")
    config = await config_of(client, guest)
    if plain(config.get("protection")) == "1":
        raise ConflictError(
            f"{guest.label} has protection mode enabled.",
            next_step="Unset its option protection first, if it really may go (proxmox_change_guest_config).",
        )
    if ha_managed(state) and not purge:
        raise ConflictError(f"{guest.label} is managed by HA.", next_step="Give purge=true to remove it there too.")
    disks = _disks(config)
    snapshots = await _snapshots(client, guest)
    touched = [f"Destroys {disk}." for disk in disks]
    if snapshots:
        touched.append(f"Destroys {len(snapshots)} snapshots: {', '.join(snapshots[:10])}.")
    touched += await _jobs(client, guest, purge=purge)
    taken: list[JsonValue] = [*snapshots]
    before: JsonObject = {
        "guest": guest.vmid,
        "name": guest.name,
        "node": guest.node,
        "disks": [*disks],
        "snapshots": taken,
    }
    return Deletion(before, touched)


async def holdings(client: AsyncProxmoxClient, guest: Guest) -> JsonObject:
    """Disks and snapshots of a guest, in the shape of `Deletion.before`: what a deletion that failed has left."""
    config = await config_of(client, guest)
    return {"disks": [*_disks(config)], "snapshots": [*await _snapshots(client, guest)]}


def _disks(config: JsonObject) -> list[str]:
    return [
        f"{option} {properties(plain(value)).get('', '')}"
        for option, value in sorted(config.items())
        if is_drive(option) and properties(plain(value)).get("media") != "cdrom"
    ]


async def _snapshots(client: AsyncProxmoxClient, guest: Guest) -> list[str]:
    rows = await client.rows(*guest.path, "snapshot")
    return sorted(plain(row.get("name")) for row in rows if row.get("name") != "current")


async def _jobs(client: AsyncProxmoxClient, guest: Guest, *, purge: bool) -> list[str]:
    try:
        jobs = await client.rows("cluster", "backup")
    except HoldfastError as error:
        return [f"Backup jobs cannot be read: {error.message}"] if not isinstance(error, NotFoundError) else []
    named = [get_str(job, "id") for job in jobs if str(guest.vmid) in listed(job.get("vmid"))]
    what = "is removed from" if purge else "stays named in"
    return [f"It {what} the backup jobs {', '.join(sorted(named))}."] if named else []

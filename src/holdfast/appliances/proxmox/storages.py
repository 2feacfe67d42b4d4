"""Storages and their volumes: where they can be asked, what they hold."""

from __future__ import annotations

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import plain
from holdfast.appliances.proxmox.guests import known_node
from holdfast.errors import InputError, NotFoundError, UnavailableError
from holdfast.transport.values import JsonObject, digits


async def node_of(client: AsyncProxmoxClient, storage: str, node: str | None) -> str:
    """A node that can be asked about a storage: the one given, else one where it is available.

    Raises:
        NotFoundError: There is no such storage, or this account may not see it.
        InputError: Each node has a storage of this name of its own: the node is needed.
        UnavailableError: It is available nowhere now.
    """
    rows: list[JsonObject] = []
    of_it: list[JsonObject] = []
    for fresh in (False, True):
        rows = [row for row in await client.inventory.rows(fresh=fresh) if row.get("type") == "storage"]
        if of_it := [row for row in rows if row.get("storage") == storage]:
            break
    if not of_it:
        names = ", ".join(sorted({plain(row.get("storage")) for row in rows}))
        raise NotFoundError(
            f"No storage {storage} is visible to this account.",
            next_step=f"Storages: {names or 'none'}; a role with Datastore.Audit on /storage/{storage} would show it.",
            details={"path": f"/storage/{storage}", "privilege": "Datastore.Audit"},
        )
    nodes = sorted(plain(row.get("node")) for row in of_it)
    if node is not None:
        await known_node(client, node)
        if node not in nodes:
            raise NotFoundError(f"{node} has no storage {storage}.", next_step=f"It is on: {', '.join(nodes)}.")
        return node
    usable = sorted(plain(row.get("node")) for row in of_it if row.get("status") == "available")
    if not usable:
        raise UnavailableError(f"The storage {storage} is available on no node now.")
    if not any(row.get("shared") for row in of_it) and len(usable) > 1:
        raise InputError(
            f"Each node has its own {storage}: say which.", next_step=f"Give node as one of: {', '.join(usable)}."
        )
    return usable[0]


async def content_of(
    client: AsyncProxmoxClient, node: str, storage: str, *, content: str | None = None, vmid: int | None = None
) -> list[JsonObject]:
    """GET the content of a storage, filtered by the appliance."""
    query: dict[str, str | int] = {}
    query |= {"content": content} if content is not None else {}
    query |= {"vmid": vmid} if vmid is not None else {}
    return await client.rows("nodes", node, "storage", storage, "content", query=query or None)


def kind_of_backup(volid: str) -> str:
    """Whether a backup is of a VM (`qemu`) or a container (`lxc`).

    Raises:
        InputError: The name says neither.
    """
    name = volid.partition(":")[2]
    if "vzdump-qemu-" in name or name.startswith("backup/vm/"):
        return "qemu"
    if "vzdump-lxc-" in name or "vzdump-openvz-" in name or name.startswith("backup/ct/"):
        return "lxc"
    raise InputError("This volume is not a backup.", next_step="proxmox_list_backups lists backups.")


def vmid_of_backup(volid: str) -> int | None:
    """The id of the guest that a backup is of, as far as its name tells."""
    name = volid.partition(":")[2]
    parts = name.split("/") if name.startswith(("backup/vm/", "backup/ct/")) else name.rpartition("/")[2].split("-")
    return digits(parts[2]) if len(parts) > 2 else None

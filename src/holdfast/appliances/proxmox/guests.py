"""One vocabulary for VMs and containers: found by name or id, on whatever node they are now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import listed, plain
from holdfast.appliances.proxmox.errors import missing_grant
from holdfast.appliances.proxmox.visibility import absent
from holdfast.errors import ConflictError, HoldfastError, NotFoundError, ValidationError
from holdfast.transport.values import JsonObject, JsonValue, as_object, digits, get_int, get_str, opt_object, opt_str

KINDS: Final = {"qemu": "VM", "lxc": "container"}


@dataclass(frozen=True)
class Guest:
    """A guest as the cluster's inventory knows it."""

    vmid: int
    name: str | None
    kind: str
    node: str
    status: str
    lock: str | None
    template: bool
    tags: tuple[str, ...] = ()
    ha_state: str | None = None

    @property
    def label(self) -> str:
        """For people: `VM 101 (web) on pve1`."""
        name = f" ({self.name})" if self.name else ""
        return f"{KINDS[self.kind]} {self.vmid}{name} on {self.node}"

    @property
    def path(self) -> tuple[str, str, str, str]:
        """Segments of the guest's path in the API."""
        return ("nodes", self.node, self.kind, str(self.vmid))

    @property
    def is_vm(self) -> bool:
        """Whether it is a virtual machine."""
        return self.kind == "qemu"

    @property
    def sid(self) -> str:
        """Its name in high availability: `vm:101`, `ct:103`."""
        return f"{'vm' if self.is_vm else 'ct'}:{self.vmid}"


async def find_guest(client: AsyncProxmoxClient, wanted: str, *, fresh: bool = True) -> Guest:
    """The guest with this id or this name.

    Args:
        client: Where to ask.
        wanted: Id or name.
        fresh: Look it up anew, because it may have moved; a read that can look again may use what is kept, and is
            looked up anew when it is not there.

    Raises:
        NotFoundError: There is none.
        PermissionDeniedError: There is one, and this account may not see it.
        ConflictError: Several guests have this name.
    """
    rows = [row for row in await client.inventory.rows(fresh=fresh) if plain(row.get("type")) in KINDS]
    if wanted.isdigit():
        found = [row for row in rows if str(row.get("vmid")) == wanted]
    else:
        found = [row for row in rows if row.get("name") == wanted]
    if not found and not fresh:
        return await find_guest(client, wanted)
    if not found:
        raise await _missing(client, wanted)
    if len(found) > 1:
        ids = ", ".join(str(row.get("vmid")) for row in found)
        raise ConflictError(f"Several guests are named {wanted}: {ids}.", next_step="Give the id instead of the name.")
    return guest_of(found[0])


async def find_vm(client: AsyncProxmoxClient, wanted: str, *, fresh: bool = True) -> Guest:
    """As `find_guest`, and a virtual machine.

    Raises:
        ConflictError: It is a container.
    """
    guest = await find_guest(client, wanted, fresh=fresh)
    if not guest.is_vm:
        raise ConflictError(f"{guest.label} has no such thing: only VMs have.", next_step="Name a VM.")
    return guest


async def _missing(client: AsyncProxmoxClient, wanted: str) -> HoldfastError:
    """Invisible is told from absent: by the id's use where it is one, by the account's privileges otherwise."""
    if (vmid := digits(wanted)) is not None and 100 <= vmid <= 999_999_999:
        if await is_taken(client, vmid):
            what = f"A guest {wanted} exists, but this account may not see it."
            return missing_grant("VM.Audit", f"/vms/{wanted}", what)
        return NotFoundError(f"There is no guest {wanted}.", next_step="List guests with proxmox_list_resources.")
    step = (
        "List guests with proxmox_list_resources type=vm. One that a deeper grant hides is recognised by its id "
        "only: give that."
    )
    return await absent(client, f"guest named {wanted}", step, "VM.Audit", "/", "/vms")


async def is_taken(client: AsyncProxmoxClient, vmid: int) -> bool:
    """Whether some guest has this id, visible to this account or not."""
    try:
        await client.get("cluster", "nextid", query={"vmid": vmid})
    except ValidationError:
        return True
    return False


def guest_of(row: JsonObject) -> Guest:
    """A guest from its row of the inventory."""
    return Guest(
        vmid=get_int(row, "vmid", lenient=True),
        name=opt_str(row, "name"),
        kind=get_str(row, "type"),
        node=get_str(row, "node"),
        status=opt_str(row, "status") or "unknown",
        lock=opt_str(row, "lock"),
        template=bool(row.get("template")),
        tags=tuple(listed(row.get("tags"))),
        ha_state=opt_str(row, "hastate"),
    )


async def current_state(client: AsyncProxmoxClient, guest: Guest) -> JsonObject:
    """GET status/current of a guest: the truth about its state, unlike the inventory, which lags (contract 8)."""
    return as_object(await get_of(client, guest, "status", "current"), "status")


async def config_of(client: AsyncProxmoxClient, guest: Guest) -> JsonObject:
    """GET config of a guest, pending changes applied; with its digest."""
    return as_object(await get_of(client, guest, "config"), "config")


async def get_of(client: AsyncProxmoxClient, guest: Guest, *segments: str) -> JsonValue:
    """GET of something of a guest; one that has left its node meanwhile is looked up once more."""
    try:
        return await client.get(*guest.path, *segments)
    except NotFoundError:
        moved = await find_guest(client, str(guest.vmid))
        if moved.node == guest.node:
            raise
        return await client.get(*moved.path, *segments)


def ha_managed(state: JsonObject) -> bool:
    """Whether the HA manager runs the guest: then power actions are requests to it (contract 7)."""
    ha = opt_object(state, "ha")
    return bool(ha and ha.get("managed"))


def offline_in(rows: Sequence[JsonObject]) -> list[str]:
    """Names of the nodes that the inventory shows as not online; that is known at once (contract 8)."""
    nodes = (row for row in rows if row.get("type") == "node" and row.get("status") != "online")
    return sorted(str(row.get("node")) for row in nodes)


async def known_node(client: AsyncProxmoxClient, name: str) -> str:
    """The name, when a node has it: a wrong one would be looked up in DNS by the appliance (contract 5).

    Raises:
        NotFoundError: No node has this name.
    """
    rows = await client.inventory.rows()
    nodes = sorted(str(row.get("node")) for row in rows if row.get("type") == "node")
    if nodes and name not in nodes:
        shown = ", ".join(nodes[:20]) + (" …" if len(nodes) > 20 else "")
        raise NotFoundError(f"There is no node {name}.", next_step=f"Nodes: {shown}.")
    return name

"""One vocabulary for VMs and containers: found by name or id, on whatever node they are now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.errors import ConflictError, NotFoundError
from holdfast.transport.values import JsonObject, as_object, get_int, get_str, opt_object, opt_str

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

    @property
    def label(self) -> str:
        """For people: `VM 101 (web) on pve1`."""
        name = f" ({self.name})" if self.name else ""
        return f"{KINDS[self.kind]} {self.vmid}{name} on {self.node}"

    @property
    def path(self) -> tuple[str, str, str, str]:
        """Segments of the guest's path in the API."""
        return ("nodes", self.node, self.kind, str(self.vmid))


async def find_guest(client: AsyncProxmoxClient, wanted: str) -> Guest:
    """The guest with this id or this name, looked up anew: it may have moved.

    Raises:
        NotFoundError: There is none, or this account may not see it.
        ConflictError: Several guests have this name.
    """
    rows = [row for row in await client.cluster_resources() if row.get("type") in KINDS]
    if wanted.isdigit():
        found = [row for row in rows if str(row.get("vmid")) == wanted]
    else:
        found = [row for row in rows if row.get("name") == wanted]
    if not found:
        raise NotFoundError(
            f"No guest {wanted} is visible to this account.",
            next_step="List guests with proxmox_list_resources type=vm; a token without VM.Audit on a guest does not "
            "see it.",
        )
    if len(found) > 1:
        ids = ", ".join(str(row.get("vmid")) for row in found)
        raise ConflictError(f"Several guests are named {wanted}: {ids}.", next_step="Give the id instead of the name.")
    return _guest(found[0])


def _guest(row: JsonObject) -> Guest:
    return Guest(
        vmid=get_int(row, "vmid", lenient=True),
        name=opt_str(row, "name"),
        kind=get_str(row, "type"),
        node=get_str(row, "node"),
        status=opt_str(row, "status") or "unknown",
        lock=opt_str(row, "lock"),
        template=bool(row.get("template")),
    )


async def current_state(client: AsyncProxmoxClient, guest: Guest) -> JsonObject:
    """GET status/current of a guest: the truth about its state, unlike the inventory, which lags (contract 8)."""
    state = await client.get(*guest.path, "status", "current", node=guest.node, name="guest status")
    return as_object(state, "status")


def ha_managed(state: JsonObject) -> bool:
    """Whether the HA manager runs the guest: then power actions are requests to it (contract 7)."""
    ha = opt_object(state, "ha")
    return bool(ha and ha.get("managed"))

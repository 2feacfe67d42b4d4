"""One write of each shape in each room: what holds for changes as such is asked of all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.rooms import Room, room

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Shape:
    """A write that works in the simulator's default world.

    Attributes:
        kind: Of the appliance.
        shape: What sort of write it is.
        tool, arguments: The call.
        before: Calls that make the world fit.
        executed: What a later process finds out when it was executed and its server died.
        sent_not: The same when it was never sent.
        away: When it was executed the appliance cannot be asked for a while: it is looked at again at a later start.
    """

    kind: str
    shape: str
    tool: str
    arguments: dict[str, Any]
    before: tuple[Call, ...] = ()
    executed: str = "applied"
    sent_not: str = "not_applied"
    away: bool = False

    @property
    def id(self) -> str:
        """For the names of tests."""
        return f"{self.shape}-{self.tool}"


POOL: Call = ("proxmox_create_pool", {"pool": "prod", "comment": "shop"})
SNAPSHOT: Call = ("truenas_create_snapshot", {"dataset": "tank/vms", "name": "s1"})
ALIAS: Call = ("pfsense_create_alias", {"name": "printers", "type": "host", "entries": ["10.20.0.77"]})
ACCOUNT: Call = ("idrac_create_account", {"user": "watcher", "role": "Operator"})
ON: Call = ("idrac_set_power", {"action": "on"})


def _blind(kind: str, shape: str, tool: str, arguments: dict[str, Any], before: tuple[Call, ...] = ()) -> Shape:
    return Shape(kind, shape, tool, arguments, before, "unknown", "unknown")


SHAPES: tuple[Shape, ...] = (
    Shape("proxmox", "create", *POOL),
    Shape("proxmox", "update", "proxmox_update_pool", {"pool": "prod", "comment": "shops"}, (POOL,)),
    Shape("proxmox", "delete", "proxmox_delete_pool", {"pool": "prod"}, (POOL,)),
    Shape("proxmox", "delete by a task", "proxmox_delete_guest", {"guest": "build"}),
    Shape("proxmox", "create by a task", "proxmox_create_snapshot", {"guest": "build", "name": "first"}, (), "unknown"),
    Shape("proxmox", "action", "proxmox_start_guest", {"guest": "build"}),
    Shape(
        "proxmox",
        "action that the state does not show",
        "proxmox_reboot_guest",
        {"guest": "web"},
        (),
        "applied",
        "unknown",
    ),
    Shape(
        "proxmox",
        "action that the state does not show",
        "proxmox_reset_guest",
        {"guest": "web"},
        (),
        "applied",
        "unknown",
    ),
    _blind("proxmox", "action that nothing shows", "proxmox_node_power", {"node": "pve2", "command": "reboot"}),
    Shape("proxmox", "task", "proxmox_run_backup", {"guest": "build", "storage": "nas-backup"}, (), "unknown"),
    _blind(
        "proxmox",
        "create that is seen by comparing",
        "proxmox_create_firewall_rule",
        {"type": "in", "action": "ACCEPT", "protocol": "tcp", "dport": "22", "source": "10.20.0.0/24"},
    ),
    Shape("truenas", "create", *SNAPSHOT, (), "unknown"),
    Shape("truenas", "update", "truenas_update_dataset", {"dataset": "tank/home", "comments": "x"}),
    Shape(
        "truenas",
        "delete that may take minutes",
        "truenas_delete_snapshot",
        {"snapshot": "tank/vms@s1"},
        (SNAPSHOT,),
        "applied",
        "unknown",
    ),
    Shape("truenas", "action", "truenas_control_service", {"service": "ftp", "action": "START"}),
    Shape(
        "truenas",
        "action that the state does not show",
        "truenas_control_service",
        {"service": "ssh", "action": "RESTART"},
        (),
        "applied",
        "unknown",
    ),
    _blind(
        "truenas", "action that nothing shows", "truenas_rollback_snapshot", {"snapshot": "tank/vms@s1"}, (SNAPSHOT,)
    ),
    Shape("truenas", "job", "truenas_scrub_pool", {"pool": "tank"}),
    Shape(
        "truenas",
        "job that the state does not show",
        "truenas_reboot",
        {"reason": "maintenance"},
        (),
        "unknown",
        "unknown",
        away=True,
    ),
    Shape("pfsense", "create", *ALIAS),
    Shape("pfsense", "update", "pfsense_update_alias", {"ref": "nas_hosts", "add": ["10.20.0.77"]}),
    Shape("pfsense", "delete", "pfsense_delete_alias", {"ref": "printers"}, (ALIAS,)),
    Shape(
        "pfsense",
        "action that takes a while",
        "pfsense_stop_service",
        {"service": "ntpd"},
        (),
        "applied",
        "unknown",
    ),
    _blind("pfsense", "action that the state does not show", "pfsense_restart_service", {"service": "unbound"}),
    _blind("pfsense", "task", "pfsense_apply_changes", {"subsystem": "firewall"}),
    _blind("idrac", "action that is seen by comparing", "idrac_restart_manager", {}),
    _blind("idrac", "export into a file", "idrac_export_profile", {"components": ["BIOS"], "wait_s": 300}),
    Shape("idrac", "create", *ACCOUNT, (), "unknown"),
    Shape("idrac", "update", "idrac_set_led", {"identify": True}),
    Shape("idrac", "delete", "idrac_delete_account", {"user": "watcher"}, (ACCOUNT,)),
    Shape("idrac", "action", "idrac_set_power", {"action": "off_force"}, (ON,)),
    _blind("idrac", "action that the state does not show", "idrac_set_power", {"action": "restart_force"}, (ON,)),
    _blind("idrac", "action that nothing shows", "idrac_set_power", {"action": "nmi"}, (ON,)),
    Shape("idrac", "job", "idrac_set_bios", {"attributes": {"LogicalProc": "Disabled"}}, (), "unknown"),
)


@asynccontextmanager
async def room_for(shape: Shape, tmp_path: Path) -> AsyncIterator[Room]:
    """The shape's room, made fit for it."""
    secrets, files = tmp_path / "secrets", tmp_path / "files"
    secrets.mkdir(mode=0o700, exist_ok=True)
    files.mkdir(exist_ok=True)
    keeps = f'secrets_dir = "{secrets}"\n' if shape.kind in ("idrac", "proxmox", "truenas") else ""
    keeps += f'files_dir = "{files}"\n' if shape.kind == "idrac" else ""
    async with room(shape.kind, tmp_path, settings=keeps) as made:
        for tool, arguments in shape.before:
            await made.call(tool, **arguments)
        yield made

"""A working call of every tool of the room: what the generic tests drive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from holdfast.control.inventory import load_catalogue
from tests.support.rooms import Room

Call = tuple[str, dict[str, Any]]
LAB = 'image_sources = ["https://mirror.example/"]'


@dataclass(frozen=True)
class Case:
    """A call that works in the simulator's default world.

    Attributes:
        tool: Its name.
        arguments: That work.
        before: Calls that make the world fit first.
        lacking: Personas whose iDRAC does not offer it.
        blind: Whether a lost answer cannot be settled by reading.
        sends: Most writes on the wire that it takes.
        undoes: Whether the undo can be called at once.
        staged: Personas where it waits for a restart of the host, so that it has only started.
        only: Personas whose world the calls before can make fit.
    """

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)
    before: tuple[Call, ...] = ()
    lacking: tuple[str, ...] = ()
    blind: bool = False
    sends: int = 1
    undoes: bool = True
    staged: tuple[str, ...] = ()
    only: tuple[str, ...] = ("8", "9", "10")

    @property
    def id(self) -> str:
        """For the names of tests."""
        return "-".join([self.tool, *(str(value) for value in self.arguments.values())])[:60]


ISO = "https://mirror.example/debian.iso"
ON = ("idrac_set_power", {"action": "on"})
STAGED = ("idrac_set_bios", {"attributes": {"LogicalProc": "Disabled"}})
RAID = "RAID.Integrated.1-1"
DISK = "Disk.Bay.0:Enclosure.Internal.0-1:RAID.Integrated.1-1"
GONE = ("idrac_delete_volume", {"controller": RAID, "volume": "Disk.Virtual.0:RAID.Integrated.1-1"})
VOLUME = {"controller": RAID, "raid_type": "RAID0", "drives": [DISK], "name": "scratch"}
IDRAC = "https://mirror.example/BIOS_7XK1N_WN64_2.22.1.EXE"

CASES: tuple[Case, ...] = (
    Case("idrac_system_info"),
    Case("idrac_list_systems"),
    Case("idrac_get_health"),
    Case("idrac_list_inventory", {"section": "memory"}),
    Case("idrac_get_power"),
    Case("idrac_get_thermals"),
    Case("idrac_list_logs"),
    Case("idrac_list_jobs"),
    Case("idrac_fleet_health"),
    Case("idrac_fleet_read", {"read": "idrac_get_boot"}),
    Case("idrac_get_boot"),
    Case("idrac_list_media"),
    Case("idrac_get_manager"),
    Case("idrac_set_power", {"action": "on"}, before=(("idrac_set_power", {"action": "off_force"}),)),
    Case("idrac_set_power", {"action": "off_graceful"}, before=(ON,)),
    Case("idrac_set_power", {"action": "off_force"}, before=(ON,)),
    Case("idrac_set_power", {"action": "restart_graceful"}, before=(ON,), sends=2),
    Case("idrac_set_power", {"action": "restart_force"}, before=(ON,)),
    Case("idrac_set_power", {"action": "power_cycle"}, before=(ON,), sends=2),
    Case("idrac_set_power", {"action": "nmi"}, before=(ON,), blind=True),
    Case("idrac_set_boot", {"source": "Pxe"}),
    Case("idrac_insert_media", {"image": ISO}),
    Case("idrac_eject_media", before=(("idrac_insert_media", {"image": ISO}),)),
    Case("idrac_set_led", {"identify": True}),
    Case("idrac_set_lockdown", {"enabled": True}, lacking=("8",)),
    Case("idrac_list_bios"),
    Case("idrac_set_bios", STAGED[1], sends=2),
    Case("idrac_delete_job", {"job": "@job"}, before=(STAGED,)),
    Case("idrac_wait_job", {"job": "@job"}, before=(STAGED,)),
    Case("idrac_create_volume", VOLUME, before=(GONE,), only=("9", "10")),
    Case("idrac_delete_volume", GONE[1], staged=("8",)),
    Case("idrac_erase_drive", {"controller": RAID, "drive": DISK}, before=(GONE,), only=("9", "10"), blind=True),
    Case("idrac_update_firmware", {"image": IDRAC, "when": "Immediate"}, staged=("8",), blind=True),
    Case("idrac_restart_manager", blind=True),
)

_ENTRIES = {entry.name: entry for entry in load_catalogue(("idrac",)).entries}
WRITES = [case for case in CASES if case.tool in _ENTRIES and _ENTRIES[case.tool].writes]


async def prepare(lab: Room, case: Case) -> dict[str, Any]:
    """Make the world fit for the case; its arguments with what only now is known."""
    job = ""
    await lab.call("idrac_list_jobs")  # logs in: faults of writes are meant for the write
    for tool, arguments in case.before:
        answer = await lab.call(tool, **arguments)
        assert answer["outcome"] in ("applied", "nothing_to_do"), answer
        details = answer.get("details")
        job = str(details.get("job", job)) if isinstance(details, dict) else job
        lab.clock.advance(20)
    return {name: job if value == "@job" else value for name, value in case.arguments.items()}

"""A working call of every tool of the room: what the generic tests drive."""

from __future__ import annotations

from typing import Any

from holdfast.control.inventory import load_catalogue
from tests.appliances.idrac import changes_table
from tests.appliances.idrac.cases import DISK, GENERATIONS, LAB, RAID, Case, bmc_of
from tests.support.rooms import Room

ISO = "https://mirror.example/debian.iso"
ON = ("idrac_set_power", {"action": "on"})
STAGED = ("idrac_set_bios", {"attributes": {"LogicalProc": "Disabled"}})
GONE = ("idrac_delete_volume", {"controller": RAID, "volume": "Disk.Virtual.0:RAID.Integrated.1-1"})
VOLUME = {"controller": RAID, "raid_type": "RAID0", "drives": [DISK], "name": "scratch"}
IDRAC = "https://mirror.example/BIOS_7XK1N_WN64_2.22.1.EXE"

FILE = "BIOS_7XK1N_WN64_2.22.1.EXE"
NO_FILE = {"file": "BIOS_AAAAA_WN64_9.9.9.EXE"}
CATALOGUE = "https://mirror.example/catalogue/Catalog.xml.gz"

_FIRST: tuple[Case, ...] = (
    Case("idrac_system_info"),
    Case("idrac_list_systems"),
    Case("idrac_get_health"),
    Case("idrac_list_inventory", {"section": "memory"}),
    Case("idrac_get_power"),
    Case("idrac_get_thermals"),
    Case("idrac_list_logs"),
    Case("idrac_list_jobs"),
    Case("idrac_get_timeline"),
    Case("idrac_list_telemetry", lacking=("8", "9-14g")),
    Case("idrac_get_telemetry", {"report": "ThermalSensor"}, lacking=("8", "9-14g")),
    Case("idrac_fleet_health"),
    Case("idrac_fleet_read", {"read": "idrac_get_boot"}),
    Case("idrac_get_boot"),
    Case("idrac_list_media"),
    Case("idrac_get_manager"),
    Case(
        "idrac_set_power", {"action": "on"}, before=(("idrac_set_power", {"action": "off_force"}),), while_locked=True
    ),
    Case("idrac_set_power", {"action": "off_graceful"}, before=(ON,), while_locked=True),
    Case("idrac_set_power", {"action": "off_force"}, before=(ON,), while_locked=True),
    Case("idrac_set_power", {"action": "restart_graceful"}, before=(ON,), sends=2, while_locked=True),
    Case("idrac_set_power", {"action": "restart_force"}, before=(ON,), while_locked=True),
    Case("idrac_set_power", {"action": "power_cycle"}, before=(ON,), sends=2, while_locked=True),
    Case("idrac_set_power", {"action": "nmi"}, before=(ON,), blind=True, while_locked=True),
    Case("idrac_set_boot", {"source": "Pxe"}),
    Case("idrac_insert_media", {"image": ISO}, while_locked=True),
    Case("idrac_eject_media", before=(("idrac_insert_media", {"image": ISO}),), while_locked=True),
    Case("idrac_set_led", {"identify": True}, while_locked=True),
    Case("idrac_set_lockdown", {"enabled": True}, lacking=("8",), while_locked=True),
    Case("idrac_list_bios"),
    Case("idrac_set_bios", STAGED[1], sends=2),
    Case("idrac_delete_job", {"job": "@job"}, before=(STAGED,)),
    Case("idrac_clear_jobs", before=(STAGED,), lacking=("8",)),
    Case("idrac_clear_jobs", {"force": True}, before=(STAGED,), lacking=("8",)),
    Case("idrac_wait_job", {"job": "@job"}, before=(STAGED,)),
    Case("idrac_create_volume", VOLUME, world=changes_table.a_free_drive, staged=("7", "8")),
    Case("idrac_delete_volume", GONE[1], staged=("7", "8")),
    Case(
        "idrac_erase_drive",
        {"controller": RAID, "drive": DISK},
        world=changes_table.a_free_drive,
        lacking=("8",),
        blind=True,
    ),
    Case("idrac_update_firmware", {"image": IDRAC, "when": "Immediate"}, blind=True),
    Case(
        "idrac_upload_firmware",
        {"file": FILE},
        sends=2,
        staged=GENERATIONS,
        blind=True,
        missing=NO_FILE,
        breaks_off=("8",),
    ),
    Case("idrac_compare_firmware", {"catalogue": CATALOGUE}, lacking=("8",), blind=True),
    Case("idrac_list_updates", lacking=("8",)),
    Case("idrac_restart_manager", blind=True),
)

CASES: tuple[Case, ...] = (*_FIRST, *changes_table.CHANGES)
_ENTRIES = {entry.name: entry for entry in load_catalogue(("idrac",)).entries}
WRITES = [case for case in CASES if case.tool in _ENTRIES and _ENTRIES[case.tool].writes]


SENDERS = [case for case in WRITES if case.sends]
"""Those of the writes that change something at the iDRAC; others only write a file."""

__all__ = ["CASES", "LAB", "SENDERS", "WRITES", "Case", "prepare", "with_ids"]


async def prepare(lab: Room, case: Case) -> dict[str, Any]:
    """Make the world fit for the case; its arguments with what only now is known."""
    job = ""
    await lab.call("idrac_list_jobs")  # logs in: faults of writes are meant for the write
    if case.world is not None:
        case.world(lab)
    for tool, arguments in case.before:
        answer = await lab.call(tool, **arguments)
        assert answer["outcome"] in ("applied", "nothing_to_do", "started"), answer
        details = answer.get("details")
        job = str(details.get("job", job)) if isinstance(details, dict) else job
        lab.clock.advance(20)
    return with_ids(lab, case, job)


def licence_of(lab: Room) -> str:
    """Id of the licence that is installed."""
    return f"FD{bmc_of(lab).server.service_tag}{bmc_of(lab).licence[:3].upper()}"


def with_ids(lab: Room, case: Case, job: str = "JID_123456789012") -> dict[str, Any]:
    """The arguments of a case with ids that only now are known."""
    ours = next(iter(bmc_of(lab).events.subscriptions), "none")
    known = {"@subscription": ours, "@job": job, "@licence": licence_of(lab)}
    return {
        name: known.get(value, value) if isinstance(value, str) else value for name, value in case.arguments.items()
    }

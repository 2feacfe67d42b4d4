"""What is made or set and taken back again: one trip for every kind of object of the room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.appliances.idrac.cases import DISK, RAID, Call, bmc_of
from tests.appliances.idrac.changes_table import (
    ADDRESS,
    CSR,
    MADE,
    OS_VOLUME,
    SIGNED,
    a_certificate,
    a_free_drive,
    agreed,
    diagnosed,
    folder,
    foreign_drives,
    profiles,
    subscribed,
    waiting,
)
from tests.support.rooms import Room

PERSONAS = ("7", "8", "9-14g", "9", "10")
OLD = ("7", "8")
ISO = "https://mirror.example/debian.iso"
STORAGE: Call = ("idrac_list_inventory", {"section": "storage"})
BIOS: Call = ("idrac_list_bios", {"contains": "LogicalProc"})
WAITING: Call = ("idrac_list_bios", {"pending": True})
BOOT: Call = ("idrac_get_boot", {})
ACCOUNTS: Call = ("idrac_list_accounts", {})
NETWORK: Call = ("idrac_get_network", {})
SET_BIOS: Call = ("idrac_set_bios", {"attributes": {"LogicalProc": "Disabled"}})
DELETE_JOB: Call = ("idrac_delete_job", {"job": "@job"})
VOLUME: Call = (
    "idrac_create_volume",
    {"controller": RAID, "raid_type": "RAID0", "drives": [DISK], "name": "scratch"},
)
DELETE_VOLUME: Call = ("idrac_delete_volume", {"controller": RAID, "volume": "@volume"})
PROFILE = {"components": ["BIOS"], "wait_s": 300}
IMAGE = "https://mirror.example/BIOS_7XK1N_WN64_2.22.1.EXE"
SPARE = {"controller": RAID, "drive": DISK}


@dataclass(frozen=True)
class Trip:
    """One object's life, or one setting's.

    Attributes:
        name: For the names of tests.
        create: Makes it, or sets it first.
        shows: A read, and a text in its answer while it exists.
        update: Calls that change it, in turn; each with a text that is shown afterwards.
        delete: Takes it away or sets it back, in turn.
        world: Makes the simulator fit, before the state is kept.
        brings: Makes the object where no tool does, after that.
        lacking: Personas whose iDRAC does not offer it.
        staged: Personas where jobs wait for a restart of the server, which follows each write.
        leaves: A part that is another one afterwards, and why.
    """

    name: str
    create: tuple[Call, ...]
    shows: tuple[Call, str]
    delete: tuple[Call, ...]
    update: tuple[tuple[Call, str], ...] = ()
    world: Callable[[Room], None] | None = None
    brings: Callable[[Room], None] | None = None
    lacking: tuple[str, ...] = ()
    staged: tuple[str, ...] = ()
    leaves: tuple[str, str] = ("", "")

    @property
    def tools(self) -> set[str]:
        """The tools that it goes through."""
        return {tool for tool, _ in (*self.create, *(call for call, _ in self.update), *self.delete)}


def switched_on(lab: Room) -> None:
    bmc_of(lab).host.ensure_on()
    lab.clock.advance(120)


def ready_for_volumes(lab: Room) -> None:
    switched_on(lab)
    a_free_drive(lab)


def drives_for_raid(lab: Room) -> None:
    a_free_drive(lab)
    for state in bmc_of(lab).raid.states.values():
        state.raid_status = "Ready"


def a_cap(lab: Room) -> None:
    for name, value in (("PowerCapSetting", "Enabled"), ("PowerCapValue", 500)):
        bmc_of(lab).attributes.set(f"ServerPwr.1.{name}", value)


def two_certificates(lab: Room) -> None:
    a_certificate(lab)
    (folder(lab) / "before.pem").write_text(bmc_of(lab).certificates.pem)


def two_profiles(lab: Room) -> None:
    switched_on(lab)
    profiles(lab)
    golden = (folder(lab) / "golden.xml").read_text()
    (folder(lab) / "before.xml").write_text(golden.replace("Disabled", "Enabled"))


def two_licences(lab: Room) -> None:
    (folder(lab) / "new.xml").write_text("<LicenseClass>iDRAC Express</LicenseClass>")
    (folder(lab) / "before.xml").write_text(f"<LicenseClass>iDRAC {bmc_of(lab).licence}</LicenseClass>")


TRIPS = (
    Trip(
        "account",
        (("idrac_create_account", MADE),),
        (ACCOUNTS, "watcher"),
        (("idrac_delete_account", {"user": "watcher"}),),
        (
            (("idrac_update_account", {"user": "watcher", "role": "ReadOnly"}), "watcher"),
            (("idrac_update_account", {"user": "watcher", "new_password": True}), "watcher"),
            (("idrac_update_account", {"user": "watcher", "enabled": False}), "watcher"),
        ),
    ),
    Trip(
        "volume",
        (VOLUME,),
        (STORAGE, "scratch"),
        (DELETE_VOLUME,),
        (
            (("idrac_set_volume_cache", {"controller": RAID, "volume": "@volume", "read": "Off"}), "scratch"),
            (("idrac_initialize_volume", {"controller": RAID, "volume": "@volume"}), "scratch"),
        ),
        world=ready_for_volumes,
        lacking=OLD,
    ),
    Trip("old volume", (VOLUME,), (STORAGE, "scratch"), (DELETE_VOLUME,),
         world=ready_for_volumes, lacking=("9-14g", "9", "10"), staged=OLD),
    Trip("volumes at once", (VOLUME,), (STORAGE, "scratch"), (("idrac_reset_controller", {"controller": RAID}),),
         world=ready_for_volumes, lacking=OLD),
    Trip("foreign volume taken", (("idrac_import_foreign", {"controller": RAID}),), (STORAGE, "'old'"),
         (DELETE_VOLUME,), world=a_free_drive, brings=foreign_drives, lacking=OLD),
    Trip("foreign volume cleared", (), (STORAGE, "Foreign"), (("idrac_clear_foreign", {"controller": RAID}),),
         world=a_free_drive, brings=foreign_drives, lacking=OLD),
    Trip("hot spare", (("idrac_set_hot_spare", {**SPARE, "spare": "global"}),), (STORAGE, "Global"),
         (("idrac_set_hot_spare", {**SPARE, "spare": "none"}),), world=a_free_drive, lacking=OLD),
    Trip("conversion", (("idrac_convert_drives", {"controller": RAID, "drives": [DISK], "mode": "NonRAID"}),),
         (STORAGE, "NonRAID"),
         (("idrac_convert_drives", {"controller": RAID, "drives": [DISK], "mode": "RAID"}),),
         world=drives_for_raid, lacking=OLD),
    Trip("light of a drive", (("idrac_locate_drive", {**SPARE, "identify": True}),), (STORAGE, ""),
         (("idrac_locate_drive", {**SPARE, "identify": False}),), lacking=OLD),
    Trip("virtual media", (("idrac_insert_media", {"image": ISO}),), (("idrac_list_media", {}), ISO),
         (("idrac_eject_media", {}),)),
    Trip("boot override", (("idrac_set_boot", {"source": "Pxe"}),), (BOOT, "'target': 'Pxe'"),
         (("idrac_set_boot", {"source": "None"}),),
         ((("idrac_set_boot", {"source": "Hdd", "once": False}), "Continuous"),)),
    Trip("boot order that waits", (("idrac_set_boot_order", {"first": ["Boot0005"]}),),
         (("idrac_list_jobs", {}), "Scheduled"), (DELETE_JOB,)),
    Trip("boot order", (("idrac_set_boot_order", {"first": ["Boot0005"]}),), (BOOT, "[{'id': 'Boot0005'"),
         (("idrac_set_boot_order", {"first": ["Boot0000", "Boot0003", "Boot0005"]}),),
         world=switched_on, staged=PERSONAS),
    Trip("BIOS setting that waits", (SET_BIOS,), (WAITING, "LogicalProc"), (DELETE_JOB,)),
    Trip("BIOS settings and their queue", (SET_BIOS,), (WAITING, "LogicalProc"), (("idrac_clear_jobs", {}),),
         lacking=OLD),
    Trip("BIOS setting", (SET_BIOS,), (BIOS, "'value': 'Disabled'"),
         (("idrac_set_bios", {"attributes": {"LogicalProc": "Enabled"}}),), world=switched_on, staged=PERSONAS),
    Trip("BIOS setting without a job", (), (WAITING, "LogicalProc"), (("idrac_discard_bios", {}),),
         brings=waiting, lacking=OLD),
    Trip("BIOS setting that gets its job", (("idrac_apply_bios", {}),), (WAITING, "LogicalProc"), (DELETE_JOB,),
         brings=waiting),
    Trip("BIOS defaults", (SET_BIOS,), (BIOS, "'value': 'Disabled'"), (("idrac_reset_bios", {}),),
         world=switched_on, staged=PERSONAS),
    Trip("power cap", (("idrac_set_power_cap", {"watts": 400}),), (("idrac_get_power", {}), "'cap_watts': 400"),
         (("idrac_set_power_cap", {"watts": 500}),),
         ((("idrac_set_power_cap", {"watts": 450}), "'cap_watts': 450"),), world=a_cap),
    Trip("host name", (("idrac_set_network", {"host_name": "bmc-7"}),), (NETWORK, "bmc-7"),
         (("idrac_set_network", {"host_name": "@host_name"}),),
         ((("idrac_set_network", {"host_name": "bmc-8"}), "bmc-8"),)),
    Trip("time servers", (("idrac_set_network", {"ntp": ["ntp1.example"]}),), (NETWORK, "ntp1.example"),
         (("idrac_set_network", {"ntp": "@ntp"}),),
         ((("idrac_set_network", {"ntp": ["ntp1.example", "ntp2.example"]}), "ntp2.example"),)),
    Trip("name servers", (("idrac_set_network", {"dns": ["10.0.10.53"], "domain": "far.example"}),),
         (NETWORK, "far.example"), (("idrac_set_network", {"dns": "@dns", "domain": "@domain"}),), lacking=OLD),
    Trip("address", (("idrac_set_address", ADDRESS),), (NETWORK, "10.0.90.77"),
         (("idrac_set_address", {"address": "@address", "gateway": "@gateway"}),)),
    Trip("SNMP", (("idrac_set_attributes", {"group": "idrac", "attributes": {"SNMP.1.TrapFormat": "SNMPv3"}}),),
         (("idrac_list_attributes", {"group": "idrac", "contains": "SNMP.1.TrapFormat"}), "SNMPv3"),
         (("idrac_set_attributes", {"group": "idrac", "attributes": {"SNMP.1.TrapFormat": "SNMPv1"}}),),
         lacking=OLD),
    Trip("alerts", (("idrac_set_attributes", {"group": "idrac", "attributes": {"IPMILan.1.AlertEnable": "@other"}}),),
         (("idrac_list_attributes", {"group": "idrac", "contains": "IPMILan.1.AlertEnable"}), "@other"),
         (("idrac_set_attributes", {"group": "idrac", "attributes": {"IPMILan.1.AlertEnable": "@same"}}),),
         lacking=OLD),
    Trip("lockdown", (("idrac_set_lockdown", {"enabled": True}),), (("idrac_get_manager", {}), "'lockdown': 'Enabled'"),
         (("idrac_set_lockdown", {"enabled": False}),), lacking=OLD),
    Trip("light", (("idrac_set_led", {"identify": True}),), (("idrac_system_info", {}), ""),
         (("idrac_set_led", {"identify": False}),)),
    Trip("power", (("idrac_set_power", {"action": "off_force"}),), (("idrac_get_power", {}), "'Off'"),
         (("idrac_set_power", {"action": "on"}),), world=switched_on),
    Trip("licence", (("idrac_import_licence", {"file": "new.xml"}),), (("idrac_list_licences", {}), "Express"),
         (("idrac_delete_licence", {"licence": "@licence"}), ("idrac_import_licence", {"file": "before.xml"})),
         world=two_licences, lacking=OLD),
    Trip("certificate", (("idrac_create_csr", CSR), ("idrac_replace_certificate", {"file": SIGNED})),
         (("idrac_list_certificates", {}), ""), (("idrac_replace_certificate", {"file": "before.pem"}),),
         world=two_certificates, lacking=OLD),
    Trip("subscription", (), (("idrac_list_subscriptions", {}), "collector.example"),
         (("idrac_delete_subscription", {"subscription": "@subscription"}),), brings=subscribed),
    Trip("profile", (("idrac_import_profile", {"file": "golden.xml", **PROFILE}),), (BIOS, "'value': 'Disabled'"),
         (("idrac_import_profile", {"file": "before.xml", **PROFILE}),), world=two_profiles, staged=PERSONAS),
    Trip("firmware that waits", (("idrac_upload_firmware", {"file": "BIOS_7XK1N_WN64_2.22.1.EXE"}),),
         (("idrac_list_jobs", {}), "Scheduled"), (DELETE_JOB,)),
    Trip("firmware", (("idrac_update_firmware", {"image": IMAGE}),),
         (("idrac_system_info", {}), "2.22.1"),
         (("idrac_update_firmware", {"rollback": "@previous"}),), world=switched_on, staged=PERSONAS,
         leaves=("firmware", "the image kept for going back is the one that was left")),
)  # fmt: skip

LEAVES_NOTHING: tuple[tuple[Call, Callable[[Room], None] | None, tuple[str, ...]], ...] = (
    (("idrac_export_profile", {"wait_s": 300}), None, ()),
    (("idrac_preview_profile", {"file": "golden.xml"}), profiles, ()),
    (("idrac_export_diagnostics", {"wait_s": 300}), diagnosed, OLD),
    (("idrac_collect_support", {"wait_s": 570}), agreed, OLD),
    (("idrac_export_licence", {"licence": "@licence"}), None, OLD),
    (("idrac_check_volume", OS_VOLUME), None, ()),
    (("idrac_restart_manager", {}), None, ()),
)
"""Calls that leave the server as it was by themselves: what they need before, and where they are lacking."""

ONE_WAY = {
    "idrac_erase_drive": "what was on the drive is lost; the drive itself is as before",
    "idrac_set_clock": "a clock that was wrong is not set back",
    "idrac_run_diagnostics": "its result stays at the iDRAC",
    "idrac_compare_firmware": "what it found stays at the iDRAC",
    "idrac_save_export": "only writes a file here",
}
"""Tools without a way back, and why."""

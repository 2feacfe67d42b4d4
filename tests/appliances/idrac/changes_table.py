"""Working calls of the tools that configure one server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from holdfast.simulators.idrac.certificates import Certificates
from tests.appliances.idrac.cases import DISK, RAID, Case, bmc_of
from tests.support.rooms import Room

MADE: dict[str, Any] = {"user": "watcher", "role": "Operator"}
CREATED = ("idrac_create_account", MADE)
COLLECTION = (
    "/redfish/v1/Managers/iDRAC.Embedded.1/Oem/Dell/DellLCService/Actions/DellLCService.SupportAssistCollection"
)
STARTED = ("idrac_export_profile", {"wait_s": 0})
ADDRESS = {"address": "10.0.90.77/24", "gateway": "10.0.90.1"}


PROFILE = """{"SystemConfiguration": {"Model": "PowerEdge R640", "ServiceTag": "7HXQ4T2", "Components": [
 {"FQDD": "System.Embedded.1", "Attributes": [
  {"Name": "LCD.1#UserDefinedString", "Value": "rack-3", "Set On Import": "True", "Comment": "Read and Write"}]},
 {"FQDD": "BIOS.Setup.1-1", "Attributes": [
  {"Name": "LogicalProc", "Value": "Disabled", "Set On Import": "True", "Comment": "Read and Write"}]}]}}"""
XML_PROFILE = """<SystemConfiguration Model="PowerEdge R630" ServiceTag="7HXQ4T2">
 <!-- by hand -->
 <Component FQDD="BIOS.Setup.1-1">
  <Attribute Name="LogicalProc">Disabled</Attribute>
 </Component>
</SystemConfiguration>
"""
SIGNED = "signed.pem"
CSR = {
    "common_name": "bmc-7.example",
    "organization": "Example",
    "unit": "IT",
    "city": "Bern",
    "state": "BE",
    "country": "CH",
}


def folder(lab: Room) -> Path:
    settings: Any = lab.application.connections.targets("idrac")[0]
    found = settings.files_dir
    assert isinstance(found, Path)
    return found


def profiles(lab: Room) -> None:
    (folder(lab) / "golden.json").write_text(PROFILE)
    (folder(lab) / "golden.xml").write_text(XML_PROFILE)


def a_licence(lab: Room) -> None:
    other = "Datacenter" if bmc_of(lab).licence == "Enterprise" else "Enterprise"
    (folder(lab) / "new.xml").write_text(f"<LicenseClass>iDRAC {other}</LicenseClass>")


def a_certificate(lab: Room) -> None:
    (folder(lab) / SIGNED).write_text(Certificates(bmc_of(lab)).pem)


def agreed(lab: Room) -> None:
    bmc_of(lab).exports.eula_accepted = True


def diagnosed(lab: Room) -> None:
    bmc_of(lab).exports.diagnostics = "ePSA Express: all tests passed"


OS_VOLUME = {"controller": RAID, "volume": "Disk.Virtual.0:RAID.Integrated.1-1"}
NO_VOLUME = {"volume": "Disk.Virtual.77:RAID.Integrated.1-1"}
NO_DRIVE = {"drive": "Disk.Bay.77:Enclosure.Internal.0-1:RAID.Integrated.1-1"}
NO_CONTROLLER = {"controller": "RAID.Nowhere.1-1"}


def a_free_drive(lab: Room) -> None:
    bmc_of(lab).raid.remove(OS_VOLUME["volume"])


def passed_through(lab: Room) -> None:
    a_free_drive(lab)
    bmc_of(lab).raid.states[DISK].raid_status = "NonRAID"


def foreign_drives(lab: Room) -> None:
    a_free_drive(lab)
    bmc_of(lab).raid.bring("old", "RAID0", [DISK])


def subscribed(lab: Room) -> None:
    where = "https://user:hush-hush@collector.example/in?token=hush-hush"
    bmc_of(lab).events.subscribe(where, ("Alert",), "ours", form="Event", kind="RedfishEvent")


def waiting(lab: Room) -> None:
    bmc_of(lab).bios.stage({"LogicalProc": "Disabled"})


def an_hour_ahead(lab: Room) -> None:
    bmc_of(lab).time_offset = 3600.0


CHANGES: tuple[Case, ...] = (
    Case("idrac_list_accounts"),
    Case("idrac_list_roles"),
    Case("idrac_create_account", MADE),
    Case("idrac_update_account", {"user": "watcher", "role": "ReadOnly"}, (CREATED,), missing={"user": "nobody"}),
    Case("idrac_update_account", {"user": "watcher", "enabled": False}, (CREATED,), missing={"user": "nobody"}),
    Case("idrac_update_account", {"user": "watcher", "new_password": True}, (CREATED,), blind=True),
    Case("idrac_delete_account", {"user": "watcher"}, (CREATED,), missing={"user": "nobody"}, sends=2),
    Case("idrac_get_network"),
    Case("idrac_set_network", {"host_name": "bmc-7"}),
    Case("idrac_set_network", {"ntp": ["ntp1.example", "ntp2.example"]}),
    Case("idrac_set_network", {"dns": ["10.0.10.53"], "domain": "mgmt.example"}, lacking=("8",)),
    Case("idrac_set_address", ADDRESS),
    Case("idrac_set_clock", world=an_hour_ahead),
    Case("idrac_list_attributes", {"group": "system"}, lacking=("8",)),
    Case("idrac_set_attributes", {"group": "system", "attributes": {"LCD.1.UserDefinedString": "x"}}, lacking=("8",)),
    Case("idrac_list_certificates", lacking=("8",)),
    Case("idrac_create_csr", CSR, lacking=("8",), blind=True),
    Case("idrac_replace_certificate", {"file": SIGNED}, world=a_certificate, lacking=("8",)),
    Case("idrac_list_licences", lacking=("8",)),
    Case("idrac_export_licence", {"licence": "@licence"}, lacking=("8",), sends=0, missing={"licence": "FD0"}),
    Case(
        "idrac_import_licence",
        {"file": "new.xml"},
        world=a_licence,
        lacking=("8",),
        missing={"file": "nothing.xml"},
    ),
    Case("idrac_delete_licence", {"licence": "@licence"}, lacking=("8",), missing={"licence": "FD0"}),
    Case("idrac_export_profile", {"wait_s": 300}, while_locked=True),
    Case(
        "idrac_export_profile",
        {"form": "JSON", "components": ["BIOS"], "wait_s": 300},
        while_locked=True,
        only=("9", "10"),
    ),
    Case("idrac_show_profile", {"file": "golden.json"}, world=profiles, missing={"file": "nothing.json"}, local=True),
    Case(
        "idrac_preview_profile",
        {"file": "golden.xml"},
        world=profiles,
        missing={"file": "nothing.json"},
        while_locked=True,
        blind=True,
    ),
    Case(
        "idrac_import_profile",
        {"file": "golden.xml", "components": ["BIOS"], "wait_s": 300},
        world=profiles,
        missing={"file": "nothing.xml"},
        blind=True,
    ),
    Case(
        "idrac_save_export",
        {"job": "@job", "file": "late.xml", "wait_s": 300},
        (("idrac_export_profile", {"wait_s": 0}),),
        sends=0,
    ),
    Case("idrac_run_diagnostics", {}, lacking=("8",), while_locked=True, blind=True),
    Case("idrac_export_diagnostics", {"wait_s": 300}, world=diagnosed, lacking=("8",), while_locked=True),
    Case("idrac_collect_support", {"wait_s": 570}, world=agreed, lacking=("8",), while_locked=True, aim=COLLECTION),
    Case("idrac_apply_bios", world=waiting, residue="bios"),
    Case("idrac_discard_bios", world=waiting, lacking=("8",)),
    Case("idrac_reset_bios"),
    Case("idrac_set_boot_order", {"first": ["Boot0005"]}, sends=2, missing={"first": ["Boot0099"]}),
    Case("idrac_set_power_cap", {"watts": 400}, while_locked=True, residue="attributes"),
    Case(
        "idrac_set_hot_spare",
        {"controller": RAID, "drive": DISK, "spare": "global"},
        world=a_free_drive,
        lacking=("8",),
        missing=NO_DRIVE,
    ),
    Case("idrac_import_foreign", {"controller": RAID}, world=foreign_drives, lacking=("8",), missing=NO_CONTROLLER),
    Case("idrac_clear_foreign", {"controller": RAID}, world=foreign_drives, lacking=("8",), missing=NO_CONTROLLER),
    Case("idrac_initialize_volume", OS_VOLUME, staged=("7", "8"), blind=True, missing=NO_VOLUME),
    Case("idrac_check_volume", OS_VOLUME, blind=True, missing=NO_VOLUME),
    Case("idrac_set_volume_cache", {**OS_VOLUME, "read": "Off"}, lacking=("8",), missing=NO_VOLUME),
    Case(
        "idrac_locate_drive",
        {"controller": RAID, "drive": DISK, "identify": True},
        lacking=("8",),
        while_locked=True,
        missing=NO_DRIVE,
    ),
    Case(
        "idrac_convert_drives",
        {"controller": RAID, "drives": [DISK], "mode": "RAID"},
        world=passed_through,
        lacking=("8",),
        missing={"drives": [NO_DRIVE["drive"]]},
    ),
    Case("idrac_reset_controller", {"controller": RAID}, lacking=("8",), missing=NO_CONTROLLER),
    Case("idrac_list_subscriptions", world=subscribed),
    Case(
        "idrac_delete_subscription", {"subscription": "@subscription"}, world=subscribed, missing={"subscription": "zz"}
    ),
)
TWO_TARGETS = ("idrac_diff_bios",)
"""Tools that ask two servers; they have tests of their own."""

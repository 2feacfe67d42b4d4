"""Dell's RAID service: spares, conversions, levels, wiping (contract §12.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.controllers import controllers_of
from holdfast.simulators.idrac.errors import refuse, success
from holdfast.simulators.idrac.hardware import Disk
from holdfast.simulators.idrac.persona import Persona
from holdfast.simulators.idrac.raid import LEVELS, Volume
from holdfast.simulators.idrac.trees.common import resource
from holdfast.simulators.idrac.trees.storage import RAID_SERVICE
from holdfast.simulators.idrac.trees.storage_changes import accepted, run
from holdfast.simulators.idrac.wire import Call, Json, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_LIVE_ACTIONS = (
    "AssignSpare",
    "BlinkTarget",
    "CancelCheckConsistency",
    "ChangePDState",
    "CheckVDValues",
    "ClearControllerPreservedCache",
    "ClearForeignConfig",
    "ConvertToNonRAID",
    "ConvertToRAID",
    "GetAvailableDisks",
    "GetRAIDLevels",
    "ImportForeignConfig",
    "OnlineCapacityExpansion",
    "PrepareToRemove",
    "RAIDLevelMigration",
    "RenameVD",
    "ResetConfig",
    "SetBootVD",
    "UnBlinkTarget",
    "UnassignSpare",
)


def _service(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, RAID_SERVICE, "DellRaidService", "DellRaidService")
    actions: Json = {
        f"#DellRaidService.{name}": {"target": f"{RAID_SERVICE}/Actions/DellRaidService.{name}"}
        for name in _LIVE_ACTIONS
    }
    allowed = {
        "ChangePDState": {"State@Redfish.AllowableValues": ["Online", "Offline"]},
        "GetRAIDLevels": {
            "DiskType@Redfish.AllowableValues": ["All", "HDD", "SSD"],
            "Diskprotocol@Redfish.AllowableValues": ["AllProtocols", "SAS", "SATA", "NVMe"],
        },
    }
    for name, values in allowed.items():
        entry = actions[f"#DellRaidService.{name}"]
        if isinstance(entry, dict):
            entry.update(values)
    content["Actions"] = actions
    return Reply(200, content)


def _target_disk(bmc: Bmc, call: Call, name: str = "TargetFQDD") -> Disk:
    fqdd = body.text(call.body, name)
    if fqdd not in bmc.raid.disks:
        raise body.invalid(name, fqdd)
    return bmc.raid.disks[fqdd]


def _target_volume(bmc: Bmc, call: Call, name: str = "TargetFQDD") -> Volume:
    fqdd = body.text(call.body, name)
    if fqdd not in bmc.raid.volumes:
        raise body.invalid(name, fqdd)
    return bmc.raid.volumes[fqdd]


def _target_controller(bmc: Bmc, call: Call) -> str:
    fqdd = body.text(call.body, "TargetFQDD")
    found = controllers_of(bmc.hw).get(fqdd)
    if found is None or not found.array:
        raise body.invalid("TargetFQDD", fqdd)
    return fqdd


def _at_perc(bmc: Bmc, *names: str) -> None:
    """Refuse what a BOSS does not do to its drives and volumes: spares, conversion, lights, growth, names."""
    for name in names:
        if bmc.hw.boss and name.endswith(bmc.hw.boss):
            raise refuse(400, "STOR026", name)


def _disk_array(bmc: Bmc, call: Call) -> list[str]:
    names = body.texts(call.body, "PDArray")
    for fqdd in names:
        if fqdd not in bmc.raid.disks:
            raise body.invalid("PDArray", fqdd)
    return names


def _spare(bmc: Bmc, call: Call) -> Reply:
    disk = _target_disk(bmc, call)
    _at_perc(bmc, disk.fqdd)
    state = bmc.raid.states[disk.fqdd]
    dedicated = body.texts(call.body, "VirtualDiskArray", default=[])
    if state.raid_status != "Ready":
        raise refuse(400, "STOR026", disk.fqdd)

    def assign() -> None:
        state.hotspare = "Dedicated" if dedicated else "Global"
        state.raid_status = "Spare"

    return accepted(bmc, run(bmc, disk.controller, assign))


def _unspare(bmc: Bmc, call: Call) -> Reply:
    disk = _target_disk(bmc, call)
    state = bmc.raid.states[disk.fqdd]
    if state.hotspare == "None":
        raise refuse(400, "STOR026", disk.fqdd)

    def unassign() -> None:
        state.hotspare, state.raid_status = "None", "Ready"

    return accepted(bmc, run(bmc, disk.controller, unassign))


def _blink(bmc: Bmc, call: Call) -> Reply:
    on = call.path.endswith(".BlinkTarget")
    fqdd = body.text(call.body, "TargetFQDD")
    _at_perc(bmc, fqdd)
    targets = bmc.raid.volumes[fqdd].drives if fqdd in bmc.raid.volumes else (_target_disk(bmc, call).fqdd,)
    for target in targets:
        bmc.raid.states[target].blinking = on
    return success(bmc.persona)


def _convert(bmc: Bmc, call: Call) -> Reply:
    to_raid = call.path.endswith(".ConvertToRAID")
    names = _disk_array(bmc, call)
    _at_perc(bmc, *names)
    needed, result = ("NonRAID", "Ready") if to_raid else ("Ready", "NonRAID")
    for fqdd in names:
        if bmc.raid.states[fqdd].raid_status != needed:
            raise refuse(400, "STOR026", fqdd)

    def convert() -> None:
        for fqdd in names:
            bmc.raid.states[fqdd].raid_status = result

    return accepted(bmc, run(bmc, bmc.hw.raid, convert))


def _change_state(bmc: Bmc, call: Call) -> Reply:
    disk = _target_disk(bmc, call)
    _at_perc(bmc, disk.fqdd)
    wanted = body.text(call.body, "State", allowed=("Online", "Offline"))
    state = bmc.raid.states[disk.fqdd]
    if state.raid_status not in ("Online", "Offline") or state.raid_status == wanted:
        raise refuse(400, "STOR026", disk.fqdd)

    def change() -> None:
        state.raid_status = wanted

    return accepted(bmc, run(bmc, disk.controller, change))


def _foreign(bmc: Bmc, call: Call) -> Reply:
    controller = _target_controller(bmc, call)
    if not bmc.raid.foreign_at(controller):
        raise refuse(400, "STOR018")
    take = call.path.endswith(".ImportForeignConfig")

    def work() -> None:
        (bmc.raid.import_foreign if take else bmc.raid.clear_foreign)(controller)

    return accepted(bmc, run(bmc, controller, work))


def _no_cache(bmc: Bmc, call: Call) -> Reply:
    raise refuse(400, "STOR026", _target_controller(bmc, call))


def _reset_config(bmc: Bmc, call: Call) -> Reply:
    controller = _target_controller(bmc, call)

    def wipe() -> None:
        for volume in list(bmc.raid.volumes.values()):
            if volume.controller == controller:
                bmc.raid.remove(volume.id)
                bmc.record("VDR7", volume.id, category="Storage")
        for disk in controllers_of(bmc.hw)[controller].disks:
            state = bmc.raid.states[disk.fqdd]
            state.hotspare = "None"
            if state.raid_status == "Spare":
                state.raid_status = "Ready"

    return accepted(bmc, run(bmc, controller, wipe))


def _raid_levels(bmc: Bmc, call: Call) -> Reply:
    controller = controllers_of(bmc.hw)[_target_controller(bmc, call)]
    kind = body.text(call.body, "DiskType", allowed=("All", "HDD", "SSD"), default="All")
    protocol = body.text(
        call.body, "Diskprotocol", allowed=("AllProtocols", "SAS", "SATA", "NVMe"), default="AllProtocols"
    )
    names = _disk_array(bmc, call) if "PDArray" in call.body else [disk.fqdd for disk in controller.disks]
    free = [
        fqdd
        for fqdd in names
        if bmc.raid.states[fqdd].raid_status == "Ready"
        and kind in ("All", bmc.raid.disks[fqdd].media)
        and protocol in ("AllProtocols", bmc.raid.disks[fqdd].protocol)
    ]
    levels = [level for level, (low, _) in LEVELS.items() if len(free) >= low and level in controller.levels]
    return Reply(200, {"VDRAIDEnumArray": [level.removeprefix("RAID") for level in levels]})


def _available_disks(bmc: Bmc, call: Call) -> Reply:
    disks = controllers_of(bmc.hw)[_target_controller(bmc, call)].disks
    return Reply(200, {"PDArray": [one.fqdd for one in disks if bmc.raid.states[one.fqdd].raid_status == "Ready"]})


def _rename(bmc: Bmc, call: Call) -> Reply:
    volume = _target_volume(bmc, call)
    _at_perc(bmc, volume.id)
    name = body.text(call.body, "Name")
    if not 1 <= len(name) <= 15:
        raise body.invalid("Name", name)

    def rename() -> None:
        volume.name = name

    return accepted(bmc, run(bmc, volume.controller, rename))


def _set_boot(bmc: Bmc, call: Call) -> Reply:
    volume = _target_volume(bmc, call, "VirtualDiskFQDD")

    def choose() -> None:
        bmc.raid.boot_volume = volume.id

    return accepted(bmc, run(bmc, volume.controller, choose))


def _grow(bmc: Bmc, call: Call) -> Reply:
    volume = _target_volume(bmc, call)
    _at_perc(bmc, volume.id)
    names = _disk_array(bmc, call) if "PDArray" in call.body else []
    level = volume.level
    if call.path.endswith(".RAIDLevelMigration"):
        wanted = body.text(call.body, "NewRaidLevel")
        level = wanted if wanted in LEVELS else f"RAID{wanted}"
        if level not in LEVELS:
            raise body.not_listed("NewRaidLevel", wanted)
    for fqdd in names:
        if bmc.raid.states[fqdd].raid_status != "Ready":
            raise refuse(400, "STOR026", fqdd)
    drives = (*volume.drives, *names)
    low, high = LEVELS[level]
    if not low <= len(drives) <= high or (not names and "Size" not in call.body and level == volume.level):
        raise refuse(400, "STOR034", level)

    def grow() -> None:
        volume.drives, volume.level = drives, level
        volume.capacity_bytes = bmc.raid.capacity(level, drives)
        for fqdd in names:
            bmc.raid.states[fqdd].raid_status = "Online"

    return accepted(bmc, run(bmc, volume.controller, grow))


def _cancel_check(bmc: Bmc, call: Call) -> Reply:
    volume = _target_volume(bmc, call)
    if volume.operation != "CheckConsistency":
        raise refuse(400, "STOR026", volume.id)
    volume.operation = None
    return success(bmc.persona)


def _check_values(bmc: Bmc, call: Call) -> Reply:
    _target_controller(bmc, call)
    names = _disk_array(bmc, call)
    levels = [level for level, (low, high) in LEVELS.items() if low <= len(names) <= high]
    found = [{"RAIDLevel": level, "SizeInBytes": bmc.raid.capacity(level, names)} for level in levels]
    return Reply(200, {"VDPropArray": list(found)})


def _prepare_remove(bmc: Bmc, call: Call) -> Reply:
    disk = _target_disk(bmc, call)
    if bmc.raid.volume_of(disk.fqdd) is not None:
        raise refuse(400, "STOR006", disk.fqdd)
    return accepted(bmc, run(bmc, disk.controller, lambda: None))


_HANDLERS: dict[str, Callable[[Bmc, Call], Reply]] = {
    "AssignSpare": _spare,
    "BlinkTarget": _blink,
    "CancelCheckConsistency": _cancel_check,
    "ChangePDState": _change_state,
    "CheckVDValues": _check_values,
    "ClearControllerPreservedCache": _no_cache,
    "ClearForeignConfig": _foreign,
    "ConvertToNonRAID": _convert,
    "ConvertToRAID": _convert,
    "GetAvailableDisks": _available_disks,
    "GetRAIDLevels": _raid_levels,
    "ImportForeignConfig": _foreign,
    "OnlineCapacityExpansion": _grow,
    "PrepareToRemove": _prepare_remove,
    "RAIDLevelMigration": _grow,
    "RenameVD": _rename,
    "ResetConfig": _reset_config,
    "SetBootVD": _set_boot,
    "UnBlinkTarget": _blink,
    "UnassignSpare": _unspare,
}
_READS = frozenset({"GetRAIDLevels", "GetAvailableDisks", "CheckVDValues"})


def mount(routes: Routes, persona: Persona) -> None:
    """Add the service where the generation has it."""
    if not persona.oem_services:
        return
    routes.get(RAID_SERVICE, _service)
    for name, handler in _HANDLERS.items():
        reads = name in _READS
        privilege = "Login" if reads else "ConfigureComponents"
        routes.action(RAID_SERVICE, f"DellRaidService.{name}", handler, privilege=privilege, locked=not reads)

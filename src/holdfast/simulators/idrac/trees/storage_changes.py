"""Changing storage: volumes, erasure, spares, controllers, all as jobs (contract §12.11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body, jobs
from holdfast.simulators.idrac.controllers import Controller, controllers_of
from holdfast.simulators.idrac.errors import missing_resource, refuse, success
from holdfast.simulators.idrac.jobs import Job, Outcome, Step
from holdfast.simulators.idrac.persona import Persona
from holdfast.simulators.idrac.raid import OLD_NAMES, READ_POLICIES, WRITE_POLICIES
from holdfast.simulators.idrac.trees.drives import STORAGE, drive_path
from holdfast.simulators.idrac.trees.storage import apply_times, need_controller, need_disk, need_volume
from holdfast.simulators.idrac.wire import Call, Json, Reply
from holdfast.simulators.idrac.work import IMMEDIATE, ApplyTime, read_apply_time

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

Effect = Callable[[], Outcome | None]


def run(bmc: Bmc, controller: str, effect: Effect, when: str | ApplyTime = IMMEDIATE, target: str | None = None) -> Job:
    """A live job, or a staged one: its JobType tells which (§12.11). One at a time for the controller (RAC0679)."""
    time = ApplyTime(when) if isinstance(when, str) else when
    raid, name = controller, f"Configure: {controller}"
    if bmc.jobs.busy_device(raid):
        raise refuse(400, "RAC0679")
    if time.kind == IMMEDIATE and not controllers_of(bmc.hw)[controller].real_time:
        time = ApplyTime("OnReset")
    if time.kind == IMMEDIATE:
        return bmc.jobs.add(
            name,
            "RealTimeNoRebootConfiguration",
            (Step(jobs.RUNNING, "PR20", bmc.jobs.pace.raid_s),),
            effect,
            device=raid,
            target=target,
        )
    return bmc.work.stage(name, "RAIDConfiguration", raid, target, bmc.jobs.pace.raid_s, effect, when=time)


def accepted(bmc: Bmc, job: Job) -> Reply:
    """202 with the job's location."""
    return Reply(202, None, bmc.jobs.location(job))


def _operation_time(bmc: Bmc, content: Json, controller: Controller) -> ApplyTime:
    allowed = apply_times(bmc.persona, controller)
    default = IMMEDIATE if bmc.persona.generation >= 9 and controller.real_time else "OnReset"
    value = content.get("@Redfish.OperationApplyTime", default)
    if isinstance(value, dict):
        return read_apply_time(bmc, value, tuple(allowed))
    kind = body.text({"@Redfish.OperationApplyTime": value}, "@Redfish.OperationApplyTime", allowed=allowed)
    return ApplyTime(kind)


_CREATE = frozenset(
    {
        "Name",
        "RAIDType",
        "VolumeType",
        "Links",
        "Drives",
        "CapacityBytes",
        "OptimumIOSizeBytes",
        "ReadCachePolicy",
        "WriteCachePolicy",
        "Encrypted",
        "EncryptionTypes",
        "Oem",
        "@Redfish.OperationApplyTime",
    }
)


def _level(bmc: Bmc, content: Json, controller: Controller) -> str:
    if "RAIDType" in content:
        return body.text(content, "RAIDType", allowed=controller.levels)
    if bmc.persona.generation >= 10:
        raise body.missing("RAIDType")
    kind = body.text(content, "VolumeType", allowed=tuple(OLD_NAMES.values()))
    return next(level for level, name in OLD_NAMES.items() if name == kind)


def _drives(bmc: Bmc, content: Json, controller: Controller) -> list[str]:
    nested = body.obj(content, "Links", default={})
    if "Drives" in nested:
        entries = body.array(nested, "Drives")
    elif bmc.persona.generation >= 10:
        # 17G takes the drives only under Links.
        raise body.missing("Links/Drives")
    else:
        entries = body.array(content, "Drives")
    found = []
    by_path = {drive_path(bmc.persona, disk): disk.fqdd for disk in controller.disks}
    for entry in entries:
        path = body.reference(entry, "Drives")
        if path not in by_path:
            raise body.invalid("Drives", path)
        found.append(by_path[path])
    return found


def _create_volume(bmc: Bmc, call: Call) -> Reply:
    content = call.body
    controller = need_controller(bmc, call)
    if not controller.array:
        raise refuse(405, "SYS402")
    body.closed(content, _CREATE)
    level, drives = _level(bmc, content, controller), _drives(bmc, content, controller)
    name = body.text(content, "Name", default="")
    if len(name) > 15:
        raise body.invalid("Name", name)
    capacity = body.integer(content, "CapacityBytes", low=104_857_600, high=2**60, default=0)
    stripe = body.integer(content, "OptimumIOSizeBytes", low=65_536, high=1_048_576, default=65_536)
    reads, writes = (READ_POLICIES, WRITE_POLICIES) if not controller.boss else (("Off",), ("WriteThrough",))
    read = body.text(content, "ReadCachePolicy", allowed=reads, default=reads[-1])
    write = body.text(content, "WriteCachePolicy", allowed=writes, default=writes[min(1, len(writes) - 1)])
    encrypted = body.boolean(content, "Encrypted", default=False)
    dell = body.obj(body.obj(content, "Oem", default={}), "Dell", default={})
    cache = body.text(
        body.obj(dell, "DellVolume", default={}), "DiskCachePolicy", allowed=("Enabled", "Disabled"), default="Disabled"
    )
    bmc.raid.check(level, drives)
    if capacity > bmc.raid.capacity(level, drives):
        raise body.invalid("CapacityBytes", capacity)

    def create() -> Outcome | None:
        bmc.raid.check(level, drives)
        volume = bmc.raid.create(name, level, drives, capacity_bytes=capacity)
        volume.read_policy, volume.write_policy, volume.disk_cache = read, write, cache
        volume.stripe_bytes = controller.stripe_bytes if controller.boss else stripe
        volume.encrypted = encrypted
        bmc.record("VDR4", volume.id, category="Storage")
        return None

    job = run(bmc, controller.fqdd, create, _operation_time(bmc, content, controller), call.path)
    return accepted(bmc, job)


def _delete_volume(bmc: Bmc, call: Call) -> Reply:
    volume = need_volume(bmc, call)

    def delete() -> None:
        bmc.raid.remove(volume.id)
        bmc.record("VDR7", volume.id, category="Storage")

    when = IMMEDIATE if bmc.persona.generation >= 9 else "OnReset"
    return accepted(bmc, run(bmc, volume.controller, delete, when, call.path))


def _initialize(bmc: Bmc, call: Call) -> Reply:
    volume = need_volume(bmc, call)
    kinds = ("Fast",) if volume.controller == bmc.hw.boss else ("Fast", "Slow")
    body.text(call.body, "InitializeType", allowed=kinds)
    volume.operation = "Initializing"

    def done() -> None:
        volume.operation = None

    when = IMMEDIATE if bmc.persona.generation >= 9 else "OnReset"
    return accepted(bmc, run(bmc, volume.controller, done, when))


def _check_consistency(bmc: Bmc, call: Call) -> Reply:
    volume = need_volume(bmc, call)
    if volume.controller == bmc.hw.boss:
        raise missing_resource(call.path)
    volume.operation = "CheckConsistency"

    def done() -> None:
        volume.operation = None

    return accepted(bmc, run(bmc, volume.controller, done))


def _patch_volume(bmc: Bmc, call: Call) -> Reply:
    volume = need_volume(bmc, call)
    if volume.controller == bmc.hw.boss:
        raise missing_resource(call.path)
    body.closed(call.body, {"ReadCachePolicy", "WriteCachePolicy", "Oem", "@Redfish.SettingsApplyTime"})
    changes: Json = {}
    for name, allowed in (("ReadCachePolicy", READ_POLICIES), ("WriteCachePolicy", WRITE_POLICIES)):
        if name in call.body:
            changes[name] = body.text(call.body, name, allowed=allowed)
    volume.pending = dict(changes)
    value = call.body.get("@Redfish.SettingsApplyTime", {"ApplyTime": IMMEDIATE})
    when = read_apply_time(bmc, value, tuple(apply_times(bmc.persona)))

    def apply() -> None:
        volume.read_policy = str(changes.get("ReadCachePolicy", volume.read_policy))
        volume.write_policy = str(changes.get("WriteCachePolicy", volume.write_policy))
        volume.pending = {}

    return accepted(bmc, run(bmc, volume.controller, apply, when, call.path))


def _secure_erase(bmc: Bmc, call: Call) -> Reply:
    disk = need_disk(bmc, call)
    if bmc.raid.volume_of(disk.fqdd) is not None:
        raise refuse(400, "STOR006", disk.fqdd)
    if bmc.persona.generation < 9 or disk.media != "SSD" or disk in bmc.hw.boss_disks:
        # Old firmware erases only PCIe SSDs; later only drives with the capability.
        raise refuse(400, "STOR016", disk.fqdd)

    def erase() -> None:
        bmc.raid.states[disk.fqdd].erased += 1

    return accepted(bmc, run(bmc, disk.controller, erase))


def _patch_drive(bmc: Bmc, call: Call) -> Reply:
    disk = need_disk(bmc, call)
    body.closed(call.body, set() if disk in bmc.hw.boss_disks else {"LocationIndicatorActive"})
    bmc.raid.states[disk.fqdd].blinking = body.boolean(call.body, "LocationIndicatorActive")
    return success(bmc.persona)


def mount(routes: Routes, persona: Persona) -> None:
    """Add volume creation, deletion and erasure."""
    components = "ConfigureComponents"
    drives, volumes = f"{STORAGE}/*/Drives/*", f"{STORAGE}/*/Volumes/*"
    if not persona.nested_storage:
        drives, volumes = f"{STORAGE}/Drives/*", f"{STORAGE}/Volumes/*"
    routes.add("POST", f"{STORAGE}/*/Volumes", _create_volume, privilege=components)
    routes.add("DELETE", volumes, _delete_volume, privilege=components)
    routes.action(volumes, "Volume.Initialize", _initialize, privilege=components)
    routes.action(volumes, "Volume.CheckConsistency", _check_consistency, privilege=components)
    routes.action(drives, "Drive.SecureErase", _secure_erase, privilege=components)
    if persona.generation >= 9:
        routes.add("PATCH", f"{volumes}/Settings", _patch_volume, privilege=components)
        routes.add("PATCH", drives, _patch_drive, privilege=components, locked=False)

"""Backup runs and jobs (contract section 15.9)."""

from __future__ import annotations

import time
from typing import Final

from holdfast.simulators.proxmox.access import ROOT
from holdfast.simulators.proxmox.archives import write_archive
from holdfast.simulators.proxmox.calendars import next_event
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.disks import drive_volume
from holdfast.simulators.proxmox.errors import ApiError, TaskError, bad_parameter
from holdfast.simulators.proxmox.guests import Guest, is_cdrom, parse_properties
from holdfast.simulators.proxmox.pools import members
from holdfast.simulators.proxmox.retention import marks, parse_policy
from holdfast.simulators.proxmox.sections import Sections
from holdfast.simulators.proxmox.storages import Storage
from holdfast.simulators.proxmox.tasks import Acquire, InterruptedWork, Pause, Warn, Work
from holdfast.simulators.proxmox.values import Row, split_list

_ROOT_ONLY: Final = ("tmpdir", "dumpdir", "script", "job-id")
_TUNING: Final = ("bwlimit", "ionice", "performance")
_JOBS: Final = Sections("backup", "id", "jobs.cfg", "POST /cluster/backup", "backup job")


def _check_selection(call: Call) -> None:
    if not any(name in call.params for name in ("vmid", "all", "pool")):
        raise bad_parameter("all", "property is missing and it is not optional")
    if "vmid" in call.params and ("pool" in call.params or call.params.flag("all")):
        raise bad_parameter("vmid", "option conflicts with option 'all' or 'pool'")


def _selected(call: Call, options: dict[str, str]) -> list[Guest]:
    """Guests that a selection names, on all nodes."""
    cluster = call.cluster
    excluded = set(split_list(options.get("exclude")))
    if options.get("vmid"):
        wanted = {int(word) for word in split_list(options["vmid"])}
    elif options.get("pool"):
        wanted = set(members(cluster, options["pool"]))
    else:
        wanted = set(cluster.guests)
    return [cluster.guests[vmid] for vmid in sorted(wanted) if vmid in cluster.guests and str(vmid) not in excluded]


@answers("POST /nodes/{node}/vzdump")
def run(call: Call) -> Answer:
    """Back guests of this node up; `"OK"` when none of the named is here."""
    cluster, params = call.cluster, call.params
    for name in _ROOT_ONLY:
        if name in params and call.who != ROOT:
            raise bad_parameter(name, "Only root may set this option.")
    if any(name in params for name in _TUNING):
        call.require("/", "Sys.Modify")
    _check_selection(call)
    for vmid in params.words("vmid"):
        call.require(f"/vms/{vmid}", "VM.Backup")
    storage_name = params.text("storage", "local")
    call.require(f"/storage/{storage_name}", "Datastore.AllocateSpace")
    storage = cluster.usable_storage(storage_name, call.node)
    if "backup" not in storage.content:
        raise ApiError(f"storage '{storage_name}' does not support content type 'backup'")
    options = {name: params.text(name) for name in ("vmid", "pool", "exclude") if name in params}
    known = set(cluster.guests)
    missing = [vmid for vmid in params.words("vmid") if int(vmid) not in known]
    guests = [guest for guest in _selected(call, options) if guest.node == call.node]
    if params.flag("all") or "pool" in options:
        guests = [guest for guest in guests if call.allowed(f"/vms/{guest.vmid}", "VM.Backup")]
    if params.flag("stop"):
        for task in cluster.tasks.running_of(call.node):
            if task.kind == "vzdump":
                cluster.tasks.stop(task)
        if not guests:
            return "OK"
    if not guests and not missing:
        return "OK"
    single = params.text("vmid") if len(params.words("vmid")) == 1 else ""
    return call.fork("vzdump", single, _work(call, guests, missing, storage), 0.5 * max(1, len(guests)))


def _work(call: Call, guests: list[Guest], missing: list[str], storage: Storage) -> Work:
    params = call.params
    wait = params.number("lockwait", 180) * 60.0
    yield Acquire(-call.member().number, "/var/run/vzdump.lock", wait)
    named = " ".join(str(guest.vmid) for guest in guests)
    yield f"INFO: starting new backup job: vzdump {named} --storage {storage.name}"
    failed = bool(missing)
    for vmid in missing:
        yield f"ERROR: Backup of VM {vmid} failed - unable to find VM '{vmid}'"
    for guest in guests:
        try:
            yield from _one(call, guest, storage, 1 / len(guests))
        except InterruptedWork:
            raise
        except (ApiError, TaskError) as error:
            yield f"ERROR: Backup of VM {guest.vmid} failed - {str(error).strip()}"
            failed = True
    yield f"INFO: Backup job finished {'with errors' if failed else 'successfully'}"
    if failed:
        raise TaskError("job errors")


def _one(call: Call, guest: Guest, storage: Storage, share: float) -> Work:
    cluster, params = call.cluster, call.params
    day = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(call.now()))
    yield f"INFO: Starting Backup of VM {guest.vmid} ({guest.kind})"
    yield f"INFO: Backup started at {day}"
    yield f"INFO: status = {'running' if guest.running else 'stopped'}"
    cluster.check_lock(guest)
    cluster.usable_storage(storage.name, call.node)
    mode = params.text("mode", "snapshot")
    if guest.running and mode == "snapshot" and guest.kind == "qemu" and guest.deaf:
        yield Warn("guest agent configured but not running")
    guest.config["lock"] = "backup"
    try:
        for percent in (25, 50, 75, 100):
            yield Pause(share / 4)
            done, size = percent * guest.disk_bytes() // 100, guest.disk_bytes()
            yield f"INFO: {percent}% ({done} of {size}) in {percent // 25}s"
        volume = write_archive(cluster, guest, storage, params.text("compress", "zstd"))
    finally:
        guest.config.pop("lock", None)
    volume.protected = params.flag("protected")
    template = params.maybe("notes-template")
    if template:
        notes = template.replace("{{guestname}}", guest.name).replace("{{vmid}}", str(guest.vmid))
        volume.notes = notes.replace("{{node}}", guest.node).replace("{{cluster}}", cluster.name)
    if guest.running and mode == "stop":
        guest.started_s = cluster.now()
    yield f"INFO: archive file size: {volume.size}"
    if params.flag("remove", True):
        yield from _prune(call, guest, storage)
    yield f"INFO: Finished Backup of VM {guest.vmid} (00:00:01)"


def _prune(call: Call, guest: Guest, storage: Storage) -> Work:
    policy = call.params.maybe("prune-backups") or storage.options.get("prune-backups", "keep-all=1")
    found = [
        one
        for one in call.cluster.volumes.listed(storage, call.node)
        if one.content == "backup" and one.vmid == guest.vmid
    ]
    for volid, mark in marks(found, parse_policy(policy)).items():
        if mark == "remove":
            yield f"INFO: removing backup '{volid}'"
            volume = call.cluster.volumes.find(storage, call.node, volid)
            if volume is not None:
                call.cluster.volumes.remove(volume)


@answers("GET /nodes/{node}/vzdump/defaults")
def get_defaults(call: Call) -> Answer:
    """What a backup uses when nothing is said."""
    row: Row = {
        "mode": "snapshot",
        "compress": "0",
        "ionice": 7,
        "bwlimit": 0,
        "lockwait": 180,
        "stopwait": 10,
        "stdexcludes": 1,
        "remove": 1,
        "zstd": 1,
        "pigz": 0,
        "storage": call.params.text("storage", "local"),
    }
    name = call.params.maybe("storage")
    if name is not None:
        call.require(f"/storage/{name}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True)
        policy = call.cluster.storage(name).options.get("prune-backups")
        if policy:
            row["prune-backups"] = policy
    return row


@answers("GET /nodes/{node}/vzdump/extractconfig")
def extract(call: Call) -> Answer:
    """The configuration in a backup."""
    volid = call.params.text("volume")
    volume = call.cluster.volume(call.node, volid) if ":" in volid else None
    if volume is None or volume.content != "backup":
        raise ApiError(f"volume '{volid}' does not exist")
    if volume.vmid is not None:
        call.require(f"/vms/{volume.vmid}", "VM.Backup")
    call.require(f"/storage/{volume.storage}", "Datastore.AllocateSpace", "Datastore.Allocate", any_of=True)
    return volume.payload


# -- jobs -------------------------------------------------------------------------------------------------------------


def _job_row(call: Call, ident: str) -> Row:
    row = _JOBS.row(call, ident, digest=False)
    section = _JOBS.all(call)[ident]
    row["type"] = "vzdump"
    row.setdefault("enabled", 1)
    for name in ("prune-backups", "fleecing", "performance"):
        if name in section:
            pairs = parse_properties(section[name], "enabled")
            row[name] = {key: int(value) if value.isdigit() else value for key, value in pairs.items()}
    coming = next_event(section.get("schedule", ""), call.now())
    if row["enabled"] and coming is not None:
        row["next-run"] = coming
    return row


@answers("GET /cluster/backup")
def list_jobs(call: Call) -> Answer:
    """All jobs and when they run next."""
    return [_job_row(call, ident) for ident in _JOBS.all(call)]


@answers("GET /cluster/backup/{id}")
def get_job(call: Call) -> Answer:
    """One job."""
    _find_job(call)
    return _job_row(call, _JOBS.ident(call))


def _find_job(call: Call) -> dict[str, str]:
    section = _JOBS.all(call).get(_JOBS.ident(call))
    if section is None:
        raise bad_parameter("id", f"No such job '{_JOBS.ident(call)}'")
    return section


def _check_job(call: Call, *, new: bool) -> None:
    for name in _ROOT_ONLY:
        if name in call.params and call.who != ROOT:
            raise bad_parameter(name, "Only root may set this option.")
    if new or any(name in call.params for name in ("vmid", "all", "pool")):
        _check_selection(call)
    if "storage" in call.params:
        storage = call.cluster.storage(call.params.text("storage"))
        if "backup" not in storage.content:
            raise bad_parameter("storage", f"storage '{storage.name}' does not support backups")
    if "pool" in call.params:
        call.require(f"/pool/{call.params.text('pool')}", "VM.Backup")
    if "schedule" in call.params and next_event(call.params.text("schedule"), call.now()) is None:
        raise bad_parameter(
            "schedule", f"invalid format - unable to parse calendar event '{call.params.text('schedule')}'"
        )
    if "starttime" in call.params:
        raise bad_parameter("starttime", "deprecated, use 'schedule'")


@answers("POST /cluster/backup")
def create_job(call: Call) -> Answer:
    """A new job; its id is made up when none is given."""
    _check_job(call, new=True)
    if "schedule" not in call.params:
        raise bad_parameter("schedule", "property is missing and it is not optional")
    cluster = call.cluster
    cluster.require_writable("jobs.cfg")
    ident = call.params.maybe("id") or f"backup-{cluster.rng.getrandbits(32):08x}-{cluster.rng.getrandbits(16):04x}"
    if ident in _JOBS.all(call):
        raise ApiError(f"Job '{ident}' already exists")
    section = _JOBS.given(call)
    section.setdefault("enabled", "1")
    _JOBS.all(call)[ident] = section
    return None


@answers("PUT /cluster/backup/{id}")
def change_job(call: Call) -> Answer:
    """Change a job; one kind of selection drops the others."""
    section = _find_job(call)
    _check_job(call, new=False)
    call.cluster.require_writable("jobs.cfg")
    if any(name in call.params for name in ("vmid", "all", "pool")):
        for name in ("vmid", "all", "pool", "exclude"):
            section.pop(name, None)
    for name in call.params.words("delete"):
        section.pop(name, None)
    section.update(_JOBS.given(call))
    return None


@answers("DELETE /cluster/backup/{id}")
def delete_job(call: Call) -> Answer:
    """Delete a job."""
    _find_job(call)
    call.cluster.require_writable("jobs.cfg")
    del _JOBS.all(call)[_JOBS.ident(call)]
    return None


@answers("GET /cluster/backup/{id}/included_volumes")
def list_included(call: Call) -> Answer:
    """Guests and disks of a job."""
    section = _find_job(call)
    children: list[Row] = []
    for guest in _selected(call, section):
        disks: list[Row] = []
        for key in guest.drive_keys():
            value = guest.config[key]
            volid = drive_volume(guest.kind, value)
            if volid is None or (guest.kind == "qemu" and is_cdrom(value)):
                continue
            pairs = parse_properties(value, "file" if guest.kind == "qemu" else "volume")
            included = pairs.get("backup", "1" if guest.kind == "qemu" or key == "rootfs" else "0") == "1"
            disks.append(
                {
                    "id": f"{guest.vmid}:{key}",
                    "name": volid,
                    "included": int(included),
                    "reason": "enabled" if included else "disabled",
                }
            )
        children.append({"id": guest.vmid, "name": guest.name, "type": guest.kind, "children": disks})
    return {"children": children}


@answers("GET /cluster/backup-info/not-backed-up")
def list_not_backed_up(call: Call) -> Answer:
    """Guests that no enabled job covers."""
    covered: set[int] = set()
    for section in _JOBS.all(call).values():
        covered.update(guest.vmid for guest in _selected(call, section))
    return [
        {"vmid": guest.vmid, "name": guest.name, "type": guest.kind}
        for guest in call.cluster.guests.values()
        if guest.vmid not in covered and call.allowed(f"/vms/{guest.vmid}", "VM.Audit")
    ]


@answers("GET /cluster/jobs/schedule-analyze")
def analyze(call: Call) -> Answer:
    """The coming events of a schedule."""
    moment = float(call.params.number("starttime", int(call.now())))
    rows: list[Row] = []
    for _ in range(call.params.number("iterations", 10)):
        coming = next_event(call.params.text("schedule"), moment)
        if coming is None:
            break
        rows.append({"timestamp": coming, "utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(coming))})
        moment = coming
    return rows

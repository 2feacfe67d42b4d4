"""Replication jobs of guests between nodes (contract section 15.5)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.calendars import next_event
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.disks import used_storages
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter
from holdfast.simulators.proxmox.sections import Sections
from holdfast.simulators.proxmox.values import Row

_JOBS: Final = Sections("replication", "id", "replication.cfg", "POST /cluster/replication", "replication job")
_DEFAULT: Final = "*/15"


def _require(call: Call, privilege: str) -> None:
    """403 unless the caller may read or change jobs of the guest; before release 9 the schema's own rule is all."""
    if privilege != "audit" and call.cluster.release.startswith("8"):
        return
    vmid = call.params.text("id").partition("-")[0]
    call.require(f"/vms/{vmid}", "VM.Audit" if privilege == "audit" else "VM.Replicate")


def _row(call: Call, ident: str) -> Row:
    row = _JOBS.row(call, ident, digest=False)
    guest, _, number = ident.partition("-")
    row |= {"guest": int(guest), "jobnum": int(number)}
    row.setdefault("type", "local")
    return row


@answers("GET /cluster/replication")
def list_jobs(call: Call) -> Answer:
    """Jobs of guests the caller may see."""
    return [
        _row(call, ident) for ident in _JOBS.all(call) if call.allowed(f"/vms/{ident.partition('-')[0]}", "VM.Audit")
    ]


@answers("GET /cluster/replication/{id}")
def get_job(call: Call) -> Answer:
    """One job."""
    _require(call, "audit")
    _find(call)
    row = _row(call, _JOBS.ident(call))
    row["digest"] = _JOBS.digest(call)
    return row


def _find(call: Call) -> dict[str, str]:
    section = _JOBS.all(call).get(_JOBS.ident(call))
    if section is None:
        raise ApiError(f"no such replication job '{_JOBS.ident(call)}'")
    return section


@answers("POST /cluster/replication")
def create(call: Call) -> Answer:
    """A new job; only volumes on ZFS can be replicated."""
    cluster, ident, target = call.cluster, _JOBS.ident(call), call.params.text("target")
    _require(call, "write")
    guest = cluster.guests.get(int(ident.partition("-")[0]))
    if guest is None:
        raise ApiError(f"guest '{ident.partition('-')[0]}' does not exist")
    cluster.require_node(target)
    if target == guest.node:
        raise bad_parameter("target", f"target '{target}' is the node the guest is on")
    if ident in _JOBS.all(call):
        raise ApiError(f"replication job '{ident}' already exists")
    if any(job["target"] == target for other, job in _JOBS.all(call).items() if other.startswith(f"{guest.vmid}-")):
        raise ApiError(f"A replication job to target '{target}' already exists for guest '{guest.vmid}'")
    for storage in used_storages(guest):
        if cluster.storage(storage).type != "zfspool" and not cluster.storage(storage).shared:
            raise ApiError(f"storage '{storage}' does not support replication")
    section = _JOBS.add(call)
    section["source"] = guest.node
    section["last-sync"] = "0"
    return None


@answers("PUT /cluster/replication/{id}")
def change(call: Call) -> Answer:
    """Change a job."""
    _require(call, "write")
    _find(call)
    _JOBS.change(call)
    return None


@answers("DELETE /cluster/replication/{id}")
def delete(call: Call) -> Answer:
    """Mark a job for removal; the scheduler removes it, `force` at once."""
    _require(call, "write")
    section = _find(call)
    call.cluster.require_writable("replication.cfg")
    if call.params.flag("force"):
        del _JOBS.all(call)[_JOBS.ident(call)]
        return None
    section["remove_job"] = "local" if call.params.flag("keep") else "full"
    jobs, ident = _JOBS.all(call), _JOBS.ident(call)

    def remove() -> None:
        jobs.pop(ident, None)

    call.cluster.timeline.after(1.0, remove)
    return None


def _status(cluster: Cluster, ident: str, section: dict[str, str]) -> Row:
    vmid, _, number = ident.partition("-")
    guest = cluster.guests.get(int(vmid))
    schedule = section.get("schedule", _DEFAULT)
    last = int(section.get("last-sync", "0"))
    row: Row = {
        "id": ident,
        "guest": int(vmid),
        "jobnum": int(number),
        "type": "local",
        "target": section["target"],
        "schedule": schedule,
        "vmtype": guest.kind if guest else "qemu",
        "last_sync": last,
        "last_try": int(section.get("last-try", last)),
        "next_sync": next_event(schedule, cluster.now()) or 0,
        "duration": float(section.get("duration", "0")),
        "fail_count": int(section.get("fail-count", "0")),
    }
    if "error" in section:
        row["error"] = section["error"]
    return row


def _here(call: Call) -> list[str]:
    found: list[str] = []
    for ident in _JOBS.all(call):
        guest = call.cluster.guests.get(int(ident.partition("-")[0]))
        if guest is not None and guest.node == call.node:
            found.append(ident)
    return found


@answers("GET /nodes/{node}/replication")
def list_states(call: Call) -> Answer:
    """State of the jobs whose guests are on this node."""
    wanted = call.params.maybe("guest")
    return [
        _status(call.cluster, ident, _JOBS.all(call)[ident])
        for ident in _here(call)
        if wanted in (None, ident.partition("-")[0]) and call.allowed(f"/vms/{ident.partition('-')[0]}", "VM.Audit")
    ]


@answers("GET /nodes/{node}/replication/{id}/status")
def get_state(call: Call) -> Answer:
    """State of one job."""
    _require(call, "audit")
    section = _find(call)
    if _JOBS.ident(call) not in _here(call):
        raise ApiError(f"no such replication job '{_JOBS.ident(call)}'")
    return _status(call.cluster, _JOBS.ident(call), section)


@answers("GET /nodes/{node}/replication/{id}/log")
def get_log(call: Call) -> Answer:
    """What the last run wrote."""
    section = _find(call)
    lines = section.get("log", "no content").split("\n")
    call.beside["total"] = len(lines)
    start, limit = call.params.number("start"), call.params.number("limit", 50)
    return [{"n": number, "t": text} for number, text in enumerate(lines[start : start + limit], start + 1)]


@answers("POST /nodes/{node}/replication/{id}/schedule_now")
def run_now(call: Call) -> Answer:
    """Run a job at the next tick of the scheduler, a moment later."""
    cluster, ident = call.cluster, _JOBS.ident(call)
    _require(call, "write")
    _find(call)
    jobs = _JOBS.all(call)

    def sync() -> None:
        section = jobs.get(ident)
        if section is None:
            return
        moment = str(int(cluster.now()))
        section["last-try"] = moment
        if not cluster.online(section["target"]):
            section["fail-count"] = str(int(section.get("fail-count", "0")) + 1)
            section["error"] = f"command 'ssh root@{section['target']}' failed: exit code 255"
            section["log"] = (
                f"{ident}: start replication job\n{ident}: end replication job with error: {section['error']}"
            )
            return
        section.pop("error", None)
        section.update({"last-sync": moment, "duration": "2.5", "fail-count": "0"})
        section["log"] = f"{ident}: start replication job\n{ident}: end replication job"

    cluster.timeline.after(0.5, sync)
    return f"{ident}"

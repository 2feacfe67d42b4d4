"""Task lists, status, log, stop (contract section 7)."""

from __future__ import annotations

import re
from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, Text, answers
from holdfast.simulators.proxmox.errors import bad_parameter, forbidden
from holdfast.simulators.proxmox.tasks import Task
from holdfast.simulators.proxmox.values import Row, split_list

UPID: Final = re.compile(
    r"UPID:(?P<node>[A-Za-z0-9][A-Za-z0-9-]*):(?P<pid>[0-9A-Fa-f]{8}):(?P<pstart>[0-9A-Fa-f]{8,9})"
    r":(?P<start>[0-9A-Fa-f]{8}):(?P<kind>[^:\s/]+):(?P<id>[^:\s/]*):(?P<user>[^:\s/]+):"
)
_RECENT: Final = 25


def _brief(task: Task, *, running_word: str | None) -> Row:
    row: Row = {
        "upid": task.upid,
        "node": task.node,
        "pid": task.pid,
        "pstart": task.pstart,
        "starttime": task.starttime,
        "type": task.kind,
        "id": task.id,
        **task.owner(),
    }
    if task.endtime is not None:
        row["endtime"] = task.endtime
        row["status"] = task.exitstatus
    elif running_word:
        row["status"] = running_word
    return row


def _owns(call: Call, task: Task) -> bool:
    """A token sees its own tasks, a user those of the user and all its tokens."""
    if call.identity.token:
        return task.user == call.who
    return task.user.partition("!")[0] == call.who


@answers("GET /cluster/tasks")
def list_recent(call: Call) -> Answer:
    """Running tasks and the last ones of every node that is online."""
    rows: list[Row] = []
    everything = call.allowed("/", "Sys.Audit")
    for node in call.cluster.nodes.values():
        tasks = call.cluster.tasks.of_node(node.name) if node.online else []
        recent = [task for task in tasks if task.running] + [task for task in tasks if not task.running][-_RECENT:]
        for task in recent:
            if everything or _owns(call, task):
                row = _brief(task, running_word=None)
                if not task.running:
                    row["saved"] = "1" if task.pid % 2 else 1
                rows.append(row)
    rows.sort(key=lambda row: -int(str(row["starttime"])))
    return rows


@answers("GET /nodes/{node}/tasks")
def list_tasks(call: Call) -> Answer:
    """Tasks of a node, newest first: finished ones unless another source is asked for."""
    params = call.params
    source = params.text("source", "archive")
    everything = call.allowed(f"/nodes/{call.node}", "Sys.Audit")
    states = {word.lower() for word in split_list(params.maybe("statusfilter"))}
    kept: list[Task] = []
    for task in reversed(call.cluster.tasks.of_node(call.node)):
        if (task.running and source == "archive") or (not task.running and source == "active"):
            continue
        if not everything and not _owns(call, task):
            continue
        if _filtered_out(call, task) or (states and _state(task) not in states):
            continue
        kept.append(task)
    call.beside["total"] = len(kept)
    start, limit = params.number("start"), params.number("limit", 50)
    page = kept[start : start + limit] if limit else kept[start:]
    return [_brief(task, running_word="RUNNING") for task in page]


def _filtered_out(call: Call, task: Task) -> bool:
    params = call.params
    return (
        ("vmid" in params and task.id != params.text("vmid"))
        or ("typefilter" in params and task.kind != params.text("typefilter"))
        or ("userfilter" in params and params.text("userfilter").lower() not in task.user.lower())
        or ("since" in params and task.starttime < params.number("since"))
        or ("until" in params and task.starttime > params.number("until"))
        or (params.flag("errors") and _state(task) not in ("error", "unknown"))
    )


def _state(task: Task) -> str:
    if task.running or task.exitstatus == "unexpected status":
        return "unknown"
    if task.exitstatus == "OK":
        return "ok"
    return "warning" if str(task.exitstatus).startswith("WARNINGS: ") else "error"


def _find(call: Call) -> Task | None:
    """The task of the path, if the node knows it and the caller may see it."""
    upid = call.params.text("upid")
    if not UPID.fullmatch(upid):
        raise bad_parameter("upid", f"unable to parse worker upid '{upid}'")
    task = call.cluster.tasks.find(upid)
    if task is None or task.node != call.node or task.visible_at_s > call.now():
        return None
    if not _owns(call, task) and not call.allowed(f"/nodes/{call.node}", "Sys.Audit"):
        raise forbidden(f"/nodes/{call.node}, Sys.Audit")
    return task


@answers("GET /nodes/{node}/tasks/{upid}/status")
def get_status(call: Call) -> Answer:
    """Running or stopped, and then how it ended."""
    task = _find(call)
    if task is None:
        raise bad_parameter("upid", "no such task")
    row = _brief(task, running_word=None)
    row.pop("endtime", None)
    row["status"] = "running" if task.running else "stopped"
    if not task.running:
        row["exitstatus"] = task.exitstatus
    return row


@answers("GET /nodes/{node}/tasks/{upid}/log")
def get_log(call: Call) -> Answer:
    """Lines of the log; an unknown task is answered with a line that says so."""
    task = _find(call)
    if call.params.flag("download"):
        lines = task.log if task else []
        return Text("\n".join(lines) + "\n", f"task-{call.node}-{task.kind if task else 'unknown'}.log")
    if task is None:
        line = "unable to open file - No such file or directory"
        call.beside["total"] = 1
        return [{"n": 1, "t": line}]
    call.beside["total"] = max(1, len(task.log))
    start, limit = call.params.number("start"), call.params.number("limit", 50)
    if not task.log:
        return [{"n": 1, "t": "no content"}]
    lines = task.log[start : start + limit] if limit else task.log[start:]
    return [{"n": number, "t": text} for number, text in enumerate(lines, start + 1)]


@answers("DELETE /nodes/{node}/tasks/{upid}")
def stop(call: Call) -> Answer:
    """Stop a running worker; a finished one is left as it is."""
    upid = call.params.text("upid")
    found = UPID.fullmatch(upid)
    if found is None:
        raise bad_parameter("upid", f"unable to parse worker upid '{upid}'")
    task = call.cluster.tasks.find(upid)
    if found["user"] != call.who and found["user"].partition("!")[0] != call.who:
        call.require(f"/nodes/{call.node}", "Sys.Modify")
    if task is None or task.node != call.node:
        raise bad_parameter("upid", "no such task")
    call.cluster.tasks.stop(task)
    return None

"""Tasks in detail."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.proxmox.arguments import NodeFilter
from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.identifiers import Upid
from holdfast.appliances.proxmox.models.core import LogLines, TaskPage, TaskRow
from holdfast.appliances.proxmox.reading import made
from holdfast.appliances.proxmox.tasks import log_tail, task_state
from holdfast.appliances.proxmox.visibility import if_empty
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import NotFoundError
from holdfast.transport.values import JsonObject, get_str, opt_int, opt_str


@tool(title="List tasks", toolset="tasks")
async def proxmox_list_tasks(
    ctx: Ctx,
    *,
    node: NodeFilter = None,
    vmid: Annotated[int | None, Field(ge=100, le=999_999_999, description="Only about this guest.")] = None,
    errors: Annotated[bool, Field(description="Only failed ones.")] = False,
    running: Annotated[bool, Field(description="Only running ones.")] = False,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> TaskPage:
    """Running and recent tasks of the cluster, newest first; with node, that node's archive (about 1000 tasks)."""
    if node is None:
        rows = await ctx.client.rows("cluster", "tasks")
    else:
        query: dict[str, str | int] = {"source": "active" if running else "all", "limit": 1000}
        query |= {"errors": 1} if errors else {}
        query |= {"vmid": vmid} if vmid is not None else {}
        rows = await ctx.client.rows("nodes", node, "tasks", query=query)
    found = [row for row in rows if _wanted(row, vmid, errors=errors, running=running)]
    found.sort(key=lambda row: (-(opt_int(row, "starttime", lenient=True) or 0), str(row.get("upid"))))
    where = "/" if node is None else f"/nodes/{node}"
    notes = await if_empty(ctx.client, found, "Sys.Audit", "/", where)
    return page(TaskPage, found, _task, limit, cursor, notes=notes)


def _wanted(row: JsonObject, vmid: int | None, *, errors: bool, running: bool) -> bool:
    status = _task_status(row)
    if vmid is not None and str(row.get("id")) != str(vmid):
        return False
    if running and status != "running":
        return False
    return not errors or not (status in ("running", "OK") or status.startswith("WARNINGS"))


def _task_status(row: JsonObject) -> str:
    status = opt_str(row, "status")
    return "running" if row.get("endtime") is None or status in (None, "RUNNING") else status


def _task(row: JsonObject) -> TaskRow:
    user = get_str(row, "user")
    if token := opt_str(row, "tokenid"):
        user = f"{user}!{token}"
    return made(TaskRow, row, user=user, status=_task_status(row), about=opt_str(row, "id") or None)


@tool(title="Task log", toolset="tasks")
async def proxmox_task_log(
    ctx: Ctx, *, upid: Upid, lines: Annotated[int, Field(ge=1, le=200, description="The last so many lines.")] = 50
) -> LogLines:
    """The end of a task's log, running or ended."""
    found, total = await log_tail(ctx.client, upid, lines)
    if total <= 1 and any("unable to open file" in line for line in found):
        # An unknown task answers 200 with this one line (contract 7).
        raise NotFoundError("There is no such task any more.", next_step="proxmox_list_tasks lists those there are.")
    return LogLines(lines=found, total=total)


@tool(title="Stop task", toolset="tasks", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_stop_task(ctx: Ctx, *, upid: Upid) -> Change:
    """Abort a running task. An aborted backup, clone or migration may leave its guest locked."""
    task = await task_state(ctx.client, upid)

    async def look() -> Seen:
        seen = await task_state(ctx.client, upid)
        return Seen(not seen.running, {"status": seen.exit_status or "running"})

    return await change(
        ctx,
        Write("DELETE", ("nodes", task.node, "tasks", upid)),
        summary=f"Abort the task {task.type} {task.id} of {task.user} on {task.node}",
        before={"running": task.running},
        after={"running": False},
        look=look,
        cannot_undo="What the task had done so far stays; start it again if it is wanted.",
        warnings=["The guest may stay locked."] if task.id.isdigit() else [],
        nothing_to_do=not task.running,
    )

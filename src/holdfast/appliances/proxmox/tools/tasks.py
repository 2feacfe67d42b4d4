"""Tasks in detail."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.models.core import LogLines
from holdfast.appliances.proxmox.tasks import log_tail, task_state
from holdfast.control.change import Change
from holdfast.control.identifiers import Upid
from holdfast.control.spec import Risk, tool
from holdfast.errors import NotFoundError


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

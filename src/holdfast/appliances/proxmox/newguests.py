"""New guests: an id that nobody else has, and the change that makes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change, send
from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.guests import is_taken
from holdfast.appliances.proxmox.tasks import task_state, upid_of, wait_for
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.errors import ConflictError, Executed, HoldfastError
from holdfast.transport.values import JsonValue, as_int, opt_str

_TRIES: Final = 3
_RACE_LOOK_S: Final = 1.0


async def next_id(client: AsyncProxmoxClient) -> int:
    """A free id; a hint, nobody reserves it (contract 8). It is text on the wire although the schema says integer."""
    return as_int(await client.get("cluster", "nextid"), "nextid", lenient=True)


async def plan_new_guest(
    ctx: Ctx,
    *,
    vmid: int | None,
    name: str | None,
    node: str,
    summary: str,
    write: Callable[[int], Write],
    after: JsonObject,
    warnings: tuple[str, ...] = (),
) -> Change:
    """The change that makes a guest.

    Args:
        ctx: Of the tool.
        vmid: The id that the caller chose; None takes a free one, up to three times if somebody else is faster.
        name: Its name, to warn when another guest has it.
        node: Where it is made.
        summary: With `{}` for the id.
        write: The request for an id.
        after: What it will be.
        warnings: What the reader should know.

    Raises:
        ConflictError: The chosen id is in use.
    """
    rows = await ctx.client.inventory.rows(fresh=True)
    if vmid is not None and any(row.get("vmid") == vmid for row in rows):
        raise ConflictError(f"The id {vmid} is in use.", next_step="Choose another one, or leave it out.")
    first = vmid if vmid is not None else await next_id(ctx.client)
    said = list(warnings)
    if name is not None and any(row.get("name") == name for row in rows):
        said.append(f"Another guest is named {name}: by this name neither can be addressed any more.")
    undo = UndoCall(tool="proxmox_delete_guest", arguments={"guest": str(first)})
    wanted: JsonObject = {"vmid": first, "name": name, "node": node, **after}
    taken = first

    async def sender() -> JsonValue:
        nonlocal taken
        for _ in range(_TRIES - 1):
            try:
                return await _unless_taken(ctx, await send(ctx.client, write(taken)), retry=vmid is None)
            except ConflictError as error:
                if vmid is not None or error.executed is not Executed.NO or not _says_taken(error.message):
                    raise
            taken = await next_id(ctx.client)
            # The call that takes it back must name the guest that was made.
            undo.arguments["guest"] = str(taken)
            wanted["vmid"] = taken
        return await send(ctx.client, write(taken))

    async def look() -> Seen:
        rows = await ctx.client.inventory.rows(fresh=True)
        row = next((row for row in rows if row.get("vmid") == taken), None)
        if row is not None:
            state: JsonObject = {"vmid": taken, "name": opt_str(row, "name"), "node": opt_str(row, "node")}
            return Seen(True, state, new=True)
        if await is_taken(ctx.client, taken):
            return Seen(None, note=f"This account may not see it: VM.Audit on /vms/{taken} is missing.")
        return Seen(False, {})

    planned = write(first)
    content = planned.content
    if vmid is None:
        content = {**content, "form": {**_form(content), "vmid": "free", "newid": "free"}}
    return await change(
        ctx,
        planned,
        summary=summary.format(first),
        before={},
        after=wanted,
        look=look,
        content=content,
        undo=undo,
        warnings=said,
        sender=sender,
        task_decides=True,
    )


def _form(content: JsonObject) -> JsonObject:
    form = content.get("form")
    assert isinstance(form, dict)
    return form


async def _unless_taken(ctx: Ctx, answer: JsonValue, *, retry: bool) -> JsonValue:
    """The answer, unless its task ended at once because somebody took the id meanwhile."""
    if not retry:
        return answer
    upid = upid_of(answer, "the creation")
    ctx.client.known_tasks.add(upid)
    try:
        task = await wait_for(ctx.client, upid, limit_s=_RACE_LOOK_S, sleep=ctx.sleep)
        task = task if not task.running else await task_state(ctx.client, upid)
    except HoldfastError:
        return answer
    if task.exit_status is not None and not task.succeeded and _says_taken(task.exit_status):
        raise ConflictError(task.exit_status, executed=Executed.NO)
    return answer


def _says_taken(text: str) -> bool:
    return "already exists" in text

"""From a write to a `Change`: sent once, its task followed, its effect read back, a lost answer settled."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias, Unpack

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import Form, as_json
from holdfast.appliances.proxmox.errors import NodeTimeoutError, ProxyError
from holdfast.appliances.proxmox.guests import Guest, find_guest
from holdfast.appliances.proxmox.tasks import (
    INLINE_WAIT_S,
    Candidates,
    Task,
    find_tasks,
    log_tail,
    task_state,
    upid_of,
    wait_for,
)
from holdfast.control.answers import JsonObject
from holdfast.control.change import Applied, Change, Earlier, Observed, Told
from holdfast.control.context import Context
from holdfast.errors import ApplianceError, AttemptTimeoutError, DeadlineError, HoldfastError, NotFoundError
from holdfast.transport.values import JsonValue, opt_str

Ctx: TypeAlias = Context[AsyncProxmoxClient]

_LOOKS: Final = 3
"""The control floor reads back so often; only at the last look a missing task means that none was started."""
_LOG_LINES: Final = 8
_MAY_STILL_COME: Final = (NodeTimeoutError, ProxyError, AttemptTimeoutError, DeadlineError)
"""After these the appliance may execute the write later: a stalled node works off its queue when it resumes."""
_AT_THE_DOOR: Final = re.compile(r"(?:VM|CT) is locked \(|can't lock file .* got timeout", re.IGNORECASE)
"""A task that ended so found its guest taken before it did anything (contract 6)."""
_IN_PART: Final = "It may have done a part of its work, and the state does not tell: read it before anything else."
_ANOTHERS: Final = (
    "It is there, but no task of this account that was started then is known: somebody else may have made it."
)


@dataclass(frozen=True)
class Write:
    """One request that changes something.

    Attributes:
        method: POST, PUT or DELETE.
        path: Below `/api2/json`.
        form: Parameters; a DELETE sends them as its query.
        tasks: Types of the tasks it may start (contract 7); empty where it answers when all is done.
        vmid: Guest that the task is about.
        guest: The guest in the path: when it has moved to another node meanwhile, the refused write follows it.
        about: What its task is about, where the task's id tells and it is no guest: a service.
        lingers: What may still happen after its task has ended without success, and what to do; None when nothing may.
    """

    method: str
    path: tuple[str | int, ...]
    form: Form = field(default_factory=dict)
    tasks: frozenset[str] = frozenset()
    vmid: int | None = None
    guest: Guest | None = None
    about: str | None = None
    lingers: str | None = None

    @property
    def content(self) -> JsonObject:
        """What is sent, for the plan's digest. The file's digest is not part of it: it is read anew each time."""
        form = {name: value for name, value in as_json(self.form).items() if name != "digest"}
        return {"method": self.method, "path": "/" + "/".join(str(part) for part in self.path), "form": form}


async def send(client: AsyncProxmoxClient, write: Write) -> JsonValue:
    """Send a write; once, but for a guest that has moved: the refusal proves that nothing was executed."""
    try:
        return await _send(client, write)
    except NotFoundError as error:
        if write.guest is None or "Configuration file" not in error.message:
            raise
        moved = await find_guest(client, str(write.guest.vmid))
        if moved.node == write.guest.node:
            raise
        path = tuple(moved.path) + write.path[len(moved.path) :]
        return await _send(client, replace(write, path=path, guest=moved))


async def _send(client: AsyncProxmoxClient, write: Write) -> JsonValue:
    if write.method == "DELETE":
        return await client.write("DELETE", *write.path, query=write.form or None)
    return await client.write(write.method, *write.path, form=write.form)


@dataclass(frozen=True)
class Seen:
    """What a look at the state showed.

    Attributes:
        reached: Whether it is as wanted; None when the state cannot tell.
        state: The state, in the shape of `Change.after`.
        note: What else there is to say.
        partly: Whether a part was done where it is not reached; None when the state cannot tell.
        left: What a task that failed may have left, and where that is seen; for what the state cannot tell.
        new: It is reached by something that was not there when the change was planned.
    """

    reached: bool | None
    state: JsonObject | None = None
    note: str | None = None
    partly: bool | None = False
    left: str | None = None
    new: bool = False


Look = Callable[[], Awaitable[Seen]]
Sender = Callable[[], Awaitable[JsonValue]]


class _Sending:
    """What has become of the one sending of a change."""

    def __init__(self, ctx: Ctx, write: Write, look: Look, *, sender: Sender | None, task_decides: bool) -> None:
        self._client = ctx.client
        self._now = ctx.now
        self._sleep = ctx.sleep
        self._write = write
        self._look = look
        self._sender = sender
        self._task_decides = task_decides
        self._sent_at = 0
        self._looks = 0
        self.relative = False
        self._upid: str | None = None
        self._task: Task | None = None
        self._error: HoldfastError | None = None
        self._doubt: str | None = None

    async def apply(self) -> Applied:
        self._sent_at = int(self._now())
        try:
            answer = await (self._sender() if self._sender is not None else send(self._client, self._write))
            if not self._write.tasks or answer is None:
                return Applied()
            upid = upid_of(answer, str(self._write.path[-1]))
        except HoldfastError as error:
            self._error = error
            raise
        self._upid = upid
        self._client.known_tasks.add(upid)
        return await self._finish(upid)

    async def _finish(self, upid: str) -> Applied:
        """Wait a while for the task; what it said when it did not end with OK."""
        try:
            task = await wait_for(self._client, upid, limit_s=INLINE_WAIT_S, sleep=self._sleep)
        except HoldfastError:
            return Applied(task=upid, warnings=("The state of its task cannot be read now.",))
        self._task = task
        if task.running:
            return Applied(task=upid)
        details: JsonObject = {"task": upid, "exit_status": task.exit_status}
        if task.exit_status == "OK":
            return Applied(details=details)
        details["log"] = list(await self._tail(upid))
        warnings = [f"The task ended with {task.exit_status}."] if task.succeeded else []
        return Applied(details=details, warnings=warnings)

    async def _tail(self, upid: str) -> Sequence[str]:
        try:
            lines, _ = await log_tail(self._client, upid, _LOG_LINES)
        except HoldfastError:
            return ()
        return lines

    async def read_back(self) -> Observed:
        self._looks += 1
        if self._task_decides:
            task = await self._current_task()
            if task is None:
                return self._without_task(await self._look())
            if task.running:
                return Observed("unknown", note="The task still runs.", task=task.upid)
            return await self._judged(task, await self._look())
        seen = await self._look()
        if seen.reached:
            return Observed("applied", seen.state, note=self._nevertheless(seen))
        if not self._write.tasks:
            return self._without_task(seen)
        task = await self._current_task()
        if task is None:
            return self._without_task(seen)
        if task.running:
            return Observed("unknown", seen.state, note="The task still runs.", task=task.upid)
        return await self._judged(task, seen)

    async def recall(self, earlier: Earlier) -> Observed:
        """What became of it when an earlier process has sent it: by its task, or the only one like it since."""
        seen = await self._look()
        if self.relative:
            seen = replace(seen, reached=None)
        self._sent_at = int(earlier.sent_at)
        upid = earlier.task or await self._find()
        if upid is None:
            told = seen.reached is False and not seen.partly and self._doubt is None
            return Observed("not_applied" if told else "unknown", seen.state, note=self._doubt or seen.note)
        task = await task_state(self._client, upid)
        if task.running:
            return Observed("unknown", seen.state, task=upid)
        found = self._by_task(task, seen)
        return replace(found, task=None if found.effect == "unknown" else upid)

    async def _current_task(self) -> Task | None:
        if self._task is not None and not self._task.running:
            return self._task
        upid = self._upid or await self._find()
        if upid is None:
            return None
        self._upid = upid
        self._client.known_tasks.add(upid)
        self._task = await task_state(self._client, upid)
        return self._task

    async def _find(self) -> str | None:
        node = self._write.path[1] if self._write.path[0] == "nodes" else None
        if node is None or not self._write.tasks:
            return None
        found = await self._candidates(str(node))
        guest = self._write.guest
        if guest is not None and not found.likely and not found.earlier:
            # A refused write follows its guest to another node; its task is there.
            now = await find_guest(self._client, str(guest.vmid))
            found = await self._candidates(now.node) if now.node != node else found
        self._doubt = None
        if len(found.likely) > 1:
            self._doubt = f"Several tasks could be the one that was started: {', '.join(found.likely[:3])}."
        elif not found.likely and found.earlier:
            self._doubt = (
                f"The task {found.earlier[0]} began before the write was sent, by this machine's clock: it is "
                "another's, or the clocks differ."
            )
        return found.likely[0] if len(found.likely) == 1 else None

    async def _candidates(self, node: str) -> Candidates:
        write = self._write
        return await find_tasks(
            self._client, node, vmid=write.vmid, types=write.tasks, since=self._sent_at, about=write.about
        )

    def _nevertheless(self, seen: Seen) -> str | None:
        """The note of a state that is as wanted; a task that failed on the way is not kept quiet about."""
        if self._task is None or self._task.running or self._task.succeeded:
            return seen.note
        said = f"The task failed: {self._task.exit_status}. The state is as wanted nevertheless."
        return f"{said} {seen.note}" if seen.note else said

    async def _judged(self, task: Task, seen: Seen) -> Observed:
        observed = self._by_task(task, seen)
        vmid = self._write.vmid
        if observed.effect != "not_applied" or vmid is None or _AT_THE_DOOR.search(task.exit_status or ""):
            return observed
        rows = await self._client.inventory.rows(fresh=True)
        lock = next((opt_str(row, "lock") for row in rows if row.get("vmid") == vmid), None)
        if lock is None:
            return observed
        note = (
            f"{observed.note} It has left the guest {vmid} locked ({lock}): nothing of it can be changed until a "
            "person removes the lock on the node, when no task works on it any more."
        )
        return Observed("unknown", observed.state, note=note)

    def _by_task(self, task: Task, seen: Seen) -> Observed:
        """What a task that has ended means together with the state: its failure proves nothing undone."""
        if not task.succeeded:
            said = f"The task failed: {task.exit_status}."
            if _AT_THE_DOOR.search(task.exit_status or ""):
                return Observed("not_applied", seen.state, note=said, task=task.upid, shown=seen.reached is False)
            if self._write.lingers is not None:
                return Observed("unknown", seen.state, note=f"{said} {self._write.lingers}")
            if seen.reached is False and seen.partly is False:
                return Observed("not_applied", seen.state, note=said, task=task.upid)
            part = seen.left or ("The state shows a part of it." if seen.partly else _IN_PART)
            return Observed("unknown", seen.state, note=f"{said} {part}")
        if seen.reached is False:
            note = seen.note or "The task ended well; the state does not show it yet."
            if task.type.startswith("ha"):
                note = "The HA manager has the request and goes on by itself: look again with proxmox_get_guest."
            return Observed("unknown", seen.state, note=note, task=task.upid)
        warned = None if task.exit_status == "OK" else f"The task ended with {task.exit_status}."
        return Observed("applied", seen.state, note=seen.note or warned, shown=bool(seen.reached))

    def _without_task(self, seen: Seen) -> Observed:
        """No task is known: what the state says decides, unless the write may still be executed."""
        if seen.reached and (self._error is None or not self._task_decides):
            return Observed("applied", seen.state, note=seen.note)
        if self._doubt is not None:
            return Observed("unknown", seen.state, note=self._doubt)
        if isinstance(self._error, _MAY_STILL_COME):
            note = "The node did not answer in time and may still execute it: read the state again later."
            return Observed("unknown", seen.state, note=note)
        if self._error is not None and (self._looks < _LOOKS or (seen.reached is None and not self._write.tasks)):
            return Observed("unknown", seen.state, note="Nothing shows whether it was executed.")
        if seen.reached and seen.new:
            return Observed("unknown", seen.state, note=_ANOTHERS)
        if seen.reached is None and not self._write.tasks and self._error is None:
            return Observed("applied", seen.state, note=seen.note, shown=False)
        note = seen.note or ("No task was started." if self._write.tasks else "The state is not as wanted.")
        if isinstance(self._error, ApplianceError) and self._error.next_step:
            note = f"{note} {self._error.next_step}"
        return Observed("not_applied", seen.state, note=note, shown=seen.reached is False)


async def change(
    ctx: Ctx,
    write: Write,
    *,
    look: Look,
    content: JsonObject | None = None,
    sender: Sender | None = None,
    task_decides: bool = False,
    relative: bool = False,
    **told: Unpack[Told],
) -> Change:
    """The change that a write makes.

    Args:
        ctx: Of the tool.
        write: What is sent.
        look: Reads the state.
        content: What the plan is bound to where it is not `write.content`.
        sender: Sends instead of `send`, where a refused write is tried with other values.
        relative: The look compares with what was there when the change was planned: a later process's look tells
            nothing about it.
        task_decides: The state is as wanted before the task has ended (a guest exists while it is being cloned).
        told: See `Change`.
    """
    sending = _Sending(ctx, write, look, sender=sender, task_decides=task_decides)
    sending.relative = relative
    return Change(
        identity=await ctx.client.identity(),
        apply=sending.apply,
        read_back=sending.read_back,
        content=content if content is not None else write.content,
        recall=sending.recall,
        **told,
    )

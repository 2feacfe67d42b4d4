"""Running programs inside VMs, for operators who name this toolset and the programs."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Final

from pydantic import Field

from holdfast.appliances.proxmox.arguments import GuestRef
from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.encoding import plain
from holdfast.appliances.proxmox.guests import Guest, find_vm
from holdfast.appliances.proxmox.protection import guard_guest
from holdfast.control.answers import JsonObject
from holdfast.control.change import Applied, Change, Observed
from holdfast.control.spec import Risk, tool
from holdfast.cutting import cut
from holdfast.errors import BusyError, CircuitOpenError, HoldfastError, PolicyError, TransportError, UnavailableError
from holdfast.transport.values import as_object, get_int, opt_bool, opt_int, opt_str

_POLL_S: Final = (0.2, 0.5, 1.0, 2.0)
_SHOWN: Final = 8000


def allowed(ctx: Ctx, program: str) -> None:
    """Refuse a program that the operator has not named.

    Raises:
        PolicyError: Nothing was executed.
    """
    if program not in ctx.command_allow:
        raise PolicyError(
            f"The program {PurePosixPath(program).name[:60]} may not be run. Nothing was executed.",
            next_step="The operator names programs in command_allow under [control], exactly as they are called.",
        )


@tool(
    title="Run program in VM", toolset="command", risk=Risk.DESTRUCTIVE, idempotent=False, open_world=True, command=True
)
async def proxmox_agent_exec(
    ctx: Ctx,
    *,
    guest: GuestRef,
    command: Annotated[
        list[Annotated[str, Field(max_length=4000)]],
        Field(min_length=1, max_length=50, description="Program and its arguments; no shell stands between."),
    ],
    stdin: Annotated[str | None, Field(max_length=60_000, description="Text for its standard input.")] = None,
    wait_s: Annotated[float, Field(ge=0, le=30, description="Longest wait for its end, seconds.")] = 20,
) -> Change:
    """Run a program inside a VM through its guest agent and tell its exit code and output.

    Only programs that the operator has named in command_allow. Never repeated when the answer is lost.
    """
    allowed(ctx, command[0])
    found = await find_vm(ctx.client, guest)
    await guard_guest(ctx, found, interrupts=False)
    started: dict[str, int] = {}
    form: dict[str, str | list[str]] = {"command": list(command)}
    if stdin is not None:
        form["input-data"] = stdin

    async def apply() -> Applied:
        answer = as_object(await ctx.client.write("POST", *found.path, "agent", "exec", form=form), "exec")
        started["pid"] = get_int(answer, "pid", lenient=True)
        try:
            status = await _follow(ctx, found, started["pid"], wait_s)
        except HoldfastError as error:  # it runs: what fails now is only the looking
            return Applied(details={"pid": started["pid"]}, warnings=[f"Its end cannot be seen: {error.message}"])
        return Applied(details=_outcome(status, started["pid"]), warnings=_warnings(status))

    async def read_back() -> Observed:
        if "pid" in started:
            return Observed("applied", {"pid": started["pid"]}, shown=False)
        return Observed("unknown", note="Nothing tells whether the program ran; it is not sent again.")

    words = " ".join(command)
    return Change(
        summary=f"Run {cut(words, 300)} in {found.label}",
        identity=await ctx.client.identity(),
        before={"guest": found.vmid, "node": found.node},
        after={},
        content={"command": [*command], "stdin": stdin, "vmid": found.vmid},
        apply=apply,
        read_back=read_back,
        cannot_undo="What a program did cannot be taken back.",
    )


async def _follow(ctx: Ctx, guest: Guest, pid: int, wait_s: float) -> JsonObject:
    """Ask until the program has ended, or as long as the caller waits. An end is told once only."""
    waited = 0.0
    for turn in range(200):
        try:
            status = await ctx.client.object(*guest.path, "agent", "exec-status", query={"pid": pid})
        except (UnavailableError, TransportError, BusyError, CircuitOpenError):
            # A look that fails is not a program that failed.
            if waited >= wait_s:
                raise
            status = {}
        if opt_bool(status, "exited", lenient=True) or waited >= wait_s:
            return status
        pause = min(_POLL_S[min(turn, len(_POLL_S) - 1)], max(wait_s - waited, 0.05))
        await ctx.sleep(pause)
        waited += pause
    return {}


def _outcome(status: JsonObject, pid: int) -> JsonObject:
    exited = bool(opt_bool(status, "exited", lenient=True))
    found: JsonObject = {"pid": pid, "exited": exited}
    if (code := opt_int(status, "exitcode", lenient=True)) is not None:
        found["exit_code"] = code
    for name, key in (("out", "out-data"), ("err", "err-data")):
        if text := opt_str(status, key):
            found[name] = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… [{len(text) - _SHOWN} more characters]"
    if (signal := status.get("signal")) is not None:
        found["signal"] = plain(signal)
    return found


def _warnings(status: JsonObject) -> list[str]:
    said = [] if opt_bool(status, "exited", lenient=True) else ["It still runs; its output is not waited for."]
    code = opt_int(status, "exitcode", lenient=True)
    if code:
        said.append(f"It ended with exit code {code}.")
    if opt_bool(status, "out-truncated", lenient=True) or opt_bool(status, "err-truncated", lenient=True):
        said.append("Its output was cut by the agent.")
    return said

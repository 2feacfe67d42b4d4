"""Power actions, mapped to what the machine allows, their effect verified by reading (contract 12.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from holdfast.appliances.idrac.changes import STEP_S, Ctx, Seen, Write, change
from holdfast.appliances.idrac.client import Answered
from holdfast.appliances.idrac.jobs import poll_pause
from holdfast.appliances.idrac.reading import text
from holdfast.appliances.idrac.state import reset_types
from holdfast.appliances.idrac.steps import in_steps
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.errors import ConflictError, Executed, HoldfastError, UnsupportedError

Verb = Literal["on", "off_graceful", "off_force", "restart_graceful", "restart_force", "power_cycle", "nmi"]

OFF_WAIT_S: Final = 300.0
"""How long an operating system may take to shut down (contract 12.2)."""
STATE_WAIT_S: Final = 40.0
GRACEFUL_WAIT_S: Final = 120.0
"""How long a shutdown whose answer was lost is watched for, before it is taken as not asked for."""
REST_S: Final = 10.0
"""`On` too soon after Off is ignored (contract 12.2)."""
_EVENTS: Final = frozenset({"SYS1000", "SYS1001", "SYS1002", "SYS1003"})


@dataclass(frozen=True)
class _Way:
    """How a verb is done: one reset type, or off and on again."""

    first: str
    then_on: bool = False


_WAYS: Final[dict[Verb, tuple[_Way, ...]]] = {
    "on": (_Way("On"),),
    "off_graceful": (_Way("GracefulShutdown"),),
    "off_force": (_Way("ForceOff"),),
    "restart_graceful": (_Way("GracefulRestart"), _Way("GracefulShutdown", then_on=True)),
    "restart_force": (_Way("ForceRestart"),),
    "power_cycle": (_Way("PowerCycle"), _Way("ForceOff", then_on=True)),
    "nmi": (_Way("Nmi"),),
}
_WANTED: Final[dict[Verb, str | None]] = {"on": "On", "off_graceful": "Off", "off_force": "Off"}
_BY_SYSTEM: Final = ("off_graceful", "restart_graceful")
_PASSING: Final = ("PoweringOff", "PoweringOn")
_SO_ALREADY: Final = "The server was so already when the request arrived."
_NOT_ON_AGAIN: Final = "The server went off and is not on again."
_SWITCH_ON: Final = "Look with idrac_get_power; if it is off, switch it on: idrac_set_power with action on."
_NOT_RESTARTED: Final = (
    "The operating system has not restarted the server, or ignores the request, which it may still follow later. It is "
    "not forced. Ask the operator whether to reset it (restart_force)."
)
_SAID: Final[dict[Verb, str]] = {
    "on": "Switch on",
    "off_graceful": "Shut down",
    "off_force": "Cut the power of",
    "restart_graceful": "Restart by its operating system",
    "restart_force": "Reset",
    "power_cycle": "Power cycle",
    "nmi": "Send an NMI to",
}


def way_of(verb: Verb, allowed: list[str]) -> _Way:
    """How this machine does it.

    Raises:
        UnsupportedError: It allows none of the ways.
    """
    for way in _WAYS[verb]:
        if way.first in allowed and (not way.then_on or "On" in allowed):
            return way
    raise UnsupportedError(f"This server does not allow {verb}; it allows {', '.join(allowed) or 'nothing'}.")


async def _resets(ctx: Ctx) -> list[str]:
    """Marks that move with every restart of the host: the log's entries about it."""
    address = (await ctx.client.places.logs()).get("Lclog")
    if address is None:
        return []
    rows = (await ctx.client.part(address, offset=0, limit=50)).rows
    return [text(row, "Id") or "" for row in rows if (text(row, "MessageId") or "").rpartition(".")[2] in _EVENTS]


async def plan_power(ctx: Ctx, verb: Verb) -> Change:
    """The change that a power action makes.

    Raises:
        ConflictError: The server is off and the action needs it on.
        UnsupportedError: The server does not allow it.
    """
    system = await ctx.client.places.system()
    way = way_of(verb, reset_types(system))
    state, wanted = text(system, "PowerState") or "unknown", _WANTED.get(verb)
    _check_state(verb, state, wanted)
    marks_before = None if wanted or verb == "nmi" else await _marks(ctx, system)
    unseen = verb == "nmi" or (wanted is None and not await _leaves_marks(ctx, system))

    async def look() -> Seen:
        now = await ctx.client.places.system()
        power = text(now, "PowerState")
        shown: JsonObject = {"power_state": power}
        if wanted is not None:
            return Seen(power == wanted, shown, note=_still(verb, power, wanted), partly=power in _PASSING)
        if verb == "nmi":
            return Seen(None, shown, note="Whether the operating system took the NMI cannot be seen from here.")
        if unseen:
            return Seen(None, shown, note="This server tells no time of its last restart and keeps no log of it.")
        if power == "Off":
            return Seen(False, shown, note=_NOT_ON_AGAIN, partly=True, next_step=_SWITCH_ON)
        restarted = power == "On" and await _restarted(ctx, now, marks_before)
        late = verb in _BY_SYSTEM and power == "On" and not restarted
        return Seen(restarted, shown, note=_NOT_RESTARTED if late else None)

    name = text(system, "HostName") or text(system, "SKU") or "the server"
    undo: UndoCall | None = None
    if wanted is not None:
        undo = UndoCall(tool="idrac_set_power", arguments={"action": "off_graceful" if verb == "on" else "on"})
    return await change(
        ctx,
        Write(
            lambda: _send_unless_so(ctx, system, way, wanted),
            {"reset_type": way.first, "then_on": way.then_on},
            tells=lambda answered: {"told": _SO_ALREADY} if answered.status == 409 else {},
            settle_s=0.0 if unseen else OFF_WAIT_S if verb in _BY_SYSTEM else STATE_WAIT_S,
        ),
        summary=f"{_SAID[verb]} {name} ({text(system, 'Model') or 'server'})",
        before={"power_state": state},
        after={"power_state": wanted or "On"},
        look=look,
        relative=wanted is None,
        undo=undo,
        cannot_undo=None if undo else "A restart is over when it is over.",
        blast_radius=() if verb == "on" else ("Everything that runs on this server is interrupted.",),
        warnings=["This server has no such action: it is switched off and on again."] if way.then_on else (),
        nothing_to_do=wanted is not None and state == wanted,
        destructive=verb != "on",
    )


def _check_state(verb: Verb, state: str, wanted: str | None) -> None:
    """Refuse what the power's state does not allow; what is under way is waited for, and only cut off by force.

    Raises:
        ConflictError: Nothing is sent.
    """
    if state in _PASSING and verb != "off_force":
        raise ConflictError(
            f"The server is {state}: a change of its power is under way. Nothing was sent.",
            next_step="Look again in a minute: idrac_get_power. Only off_force cuts a shutdown that hangs short.",
        )
    if wanted is None and state != "On":
        raise ConflictError(f"The server is {state}, not On.", next_step="Switch it on first.")


def _still(verb: Verb, power: str | None, wanted: str) -> str | None:
    if power == wanted:
        return None
    if power in _PASSING:
        return f"The server is still {power}: it is under way. Nothing more is sent; look again with idrac_get_power."
    if verb != "off_graceful":
        return None
    return (
        "The operating system has not shut down, or ignores the request; it is not forced. Ask the operator whether to "
        "cut the power (off_force)."
    )


async def _marks(ctx: Ctx, system: JsonObject) -> list[str]:
    reset = text(system, "LastResetTime")
    return [reset] if reset is not None else await _resets(ctx)


async def _restarted(ctx: Ctx, system: JsonObject, before: list[str] | None) -> bool:
    """Whether there is a mark that was not there; old ones that leave the newest page of the log prove nothing."""
    return bool(set(await _marks(ctx, system)) - set(before or ()))


async def _leaves_marks(ctx: Ctx, system: JsonObject) -> bool:
    return text(system, "LastResetTime") is not None or "Lclog" in await ctx.client.places.logs()


async def _send_unless_so(ctx: Ctx, system: JsonObject, way: _Way, wanted: str | None) -> Answered:
    """Send; that the server is so already is no failure (contract 12.2)."""
    try:
        return await _send(ctx, system, way)
    except ConflictError as error:
        so = (wanted, f"Powering{wanted}")
        if wanted is None or error.status != 409 or await _power_state(ctx) not in so:
            raise
        return Answered(409, {}, None, None)


async def _send(ctx: Ctx, system: JsonObject, way: _Way) -> Answered:
    if way.first == "On":
        return await _switch_on(ctx, system)
    if not way.then_on:
        return await ctx.client.action(system, "ComputerSystem.Reset", {"ResetType": way.first})
    return await in_steps(
        ctx,
        lambda: ctx.client.action(system, "ComputerSystem.Reset", {"ResetType": way.first}),
        lambda: _goes_off(ctx, GRACEFUL_WAIT_S if way.first == "GracefulShutdown" else STATE_WAIT_S),
        lambda: _on_again(ctx, system),
        half=f"The server is off, or going off, unless it ignored that. {_SWITCH_ON}",
    )


async def _goes_off(ctx: Ctx, limit_s: float) -> bool:
    """Whether the server goes off within this time."""
    waited = 0.0
    while await _power_state(ctx) not in ("Off", "PoweringOff"):
        if waited >= limit_s:
            return False
        await ctx.sleep(STEP_S)
        waited += STEP_S
    return True


async def _on_again(ctx: Ctx, system: JsonObject) -> Answered:
    waited = 0.0
    while waited < OFF_WAIT_S and await _power_state(ctx) != "Off":
        pause = poll_pause(waited)
        await ctx.sleep(pause)
        waited += pause
    if waited >= OFF_WAIT_S:
        raise ConflictError(
            "The server did not switch off within five minutes; it was not forced, and not switched on again.",
            executed=Executed.UNKNOWN,
            next_step="Ask the operator whether to cut the power (off_force).",
        )
    await ctx.sleep(REST_S)
    return await _switch_on(ctx, system)


async def _switch_on(ctx: Ctx, system: JsonObject) -> Answered:
    """Switch on; a 409 soon after a power-off says that nothing was done, and to come back (contract 5.1)."""
    for _ in range(2):
        try:
            return await ctx.client.action(system, "ComputerSystem.Reset", {"ResetType": "On"})
        except ConflictError:
            if await _power_state(ctx) != "Off":
                raise
            await ctx.sleep(REST_S)
    return await ctx.client.action(system, "ComputerSystem.Reset", {"ResetType": "On"})


async def _power_state(ctx: Ctx) -> str | None:
    try:
        return text(await ctx.client.places.system(), "PowerState")
    except HoldfastError:
        return None

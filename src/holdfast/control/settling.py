"""Writes that an earlier process left open (it died between sending and recording) are settled by reading back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, cast

from pydantic import JsonValue

from holdfast.control.change import Change, Earlier, Observed
from holdfast.control.ledger import Ledger, Outcome, Unsettled
from holdfast.errors import (
    ApplianceFaultError,
    AuthenticationError,
    BusyError,
    CircuitOpenError,
    ConfigError,
    DeadlineError,
    HoldfastError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitedError,
    TransportError,
    UnavailableError,
    UnknownTargetError,
    UnknownToolError,
)

_log = logging.getLogger("holdfast.control")

Recompute = Callable[[str, str, dict[str, JsonValue]], Awaitable[Change]]
"""Computes the change of a tool on a target anew: tool, target, arguments. Only reads."""

MIN_AGE_S: Final = 30.0
"""A write that was sent so recently may still be carried out, seconds: until then only that it has been is believed."""

_LATER: Final = (
    TransportError,
    DeadlineError,
    CircuitOpenError,
    OverloadedError,
    AuthenticationError,
    PermissionDeniedError,
    BusyError,
    RateLimitedError,
    UnavailableError,
    ApplianceFaultError,
    ConfigError,
    UnknownTargetError,
    UnknownToolError,
)
"""Errors that say nothing about the write: another look, or another server, may tell."""
_DELETING: Final = frozenset({"delete", "remove"})
_LOOK: Final = "Look at the appliance, then decide; it is not repeated and not looked at again."


async def settle(
    ledger: Ledger,
    recompute: Recompute,
    *,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> list[tuple[Unsettled, Outcome]]:
    """Settle what can be settled, and record it. Never sends a write.

    A change that has nothing to do any more has taken effect. One that would still have to be made has not, where the
    state, or the task that it starts, can tell; elsewhere it is recorded as unknown for good. What cannot be looked at
    now, and what still runs, stays open for the next start.

    Raises:
        LedgerError: The ledger cannot be read or written.
    """
    settled: list[tuple[Unsettled, Outcome]] = []
    left = await ledger.start()
    for patient in (True, False):
        young: list[Unsettled] = []
        longest = 0.0
        for open_write in left:
            outcome = await _outcome(open_write, ledger, recompute)
            if outcome is None:
                continue
            wait = min(MIN_AGE_S - (now() - _sent_at(open_write)), MIN_AGE_S)
            if patient and wait > 0 and outcome.result != "applied":
                young.append(open_write)
                longest = max(longest, wait)
            elif await ledger.settle(open_write.id, outcome):
                settled.append((open_write, outcome))
                _log.warning("settled an earlier write by reading back: %s", outcome.result)
        if not young:
            break
        await sleep(longest)
        left = young
    return settled


async def _outcome(open_write: Unsettled, ledger: Ledger, recompute: Recompute) -> Outcome | None:
    body = open_write.intent.body
    tool, target, arguments = body.get("tool"), body.get("target"), body.get("arguments")
    if not isinstance(tool, str) or not isinstance(target, str) or not isinstance(arguments, dict):
        return None
    if ledger.arguments_digest(cast("JsonValue", arguments)) != body.get("arguments_digest"):
        return _untold("its arguments do not stand on the ledger as they were sent")
    try:
        change = await recompute(tool, target, arguments)
        if change.identity != body.get("identity", change.identity):
            return _untold(f"another appliance answers now: {change.identity}")
        if change.nothing_to_do:
            return Outcome("applied", verified=True, note="read back at the next start: the state is as wanted")
        return await _recalled(open_write, change)
    except _LATER as error:
        _log.info("an earlier write cannot be settled yet: %s", error.code)
        return None
    except HoldfastError as error:
        if isinstance(error, NotFoundError) and tool.split("_")[1:2] and tool.split("_")[1] in _DELETING:
            return Outcome("applied", verified=True, note="read back at the next start: what it deletes is not there")
        return _untold(error.message)


async def _recalled(open_write: Unsettled, change: Change) -> Outcome | None:
    """What the state, or the task of the write, tells about a change that would still have something to do."""
    if change.recall is None:
        return _untold("nothing shows it")
    observed = await change.recall(Earlier(_sent_at(open_write), open_write.task))
    if observed.effect == "unknown" and observed.task is not None:
        _log.info("an earlier write still runs: %s", observed.task)
        return None
    if observed.effect == "applied" and observed.task is not None:
        return _told(observed, "its task has ended well")
    if observed.effect == "not_applied" and (observed.task is not None or change.state_tells):
        return _told(observed, "the state is not as wanted")
    return _untold(observed.note or "the state does not show it")


def _told(observed: Observed, what: str) -> Outcome:
    note = f"read back at the next start: {what}"
    return Outcome(
        "applied" if observed.effect == "applied" else "not_applied",
        verified=observed.verified,
        task=observed.task,
        note=f"{note}. {observed.note}" if observed.note else note,
    )


def _untold(why: str) -> Outcome:
    note = f"looked at at the next start: whether it took effect cannot be told ({why}). {_LOOK}"
    return Outcome("unknown", verified=False, note=note, final=True)


def _sent_at(open_write: Unsettled) -> float:
    return datetime.fromisoformat(open_write.intent.time).timestamp()

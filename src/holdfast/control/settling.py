"""Writes that an earlier process left open (it died between sending and recording) are settled by reading back."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import cast

from pydantic import JsonValue

from holdfast.control.change import Change
from holdfast.control.ledger import Ledger, Outcome, Unsettled
from holdfast.errors import HoldfastError

_log = logging.getLogger("holdfast.control")

Recompute = Callable[[str, str, dict[str, JsonValue]], Awaitable[Change]]
"""Computes the change of a tool on a target anew: tool, target, arguments. Only reads."""


async def settle(ledger: Ledger, recompute: Recompute) -> list[tuple[Unsettled, Outcome]]:
    """Settle what can be settled, and record it. Never sends a write.

    A change that has nothing to do any more has taken effect; one that would still have to be made has not. Whatever
    cannot be read back now stays unknown, and is tried again at the next start.

    Raises:
        LedgerError: The ledger cannot be read or written.
    """
    settled: list[tuple[Unsettled, Outcome]] = []
    for open_write in await ledger.start():
        outcome = await _outcome(open_write, ledger, recompute)
        if outcome is not None:
            await ledger.outcome(open_write.id, outcome)
            settled.append((open_write, outcome))
            _log.warning("settled an earlier write by reading back: %s", outcome.result)
    return settled


async def _outcome(open_write: Unsettled, ledger: Ledger, recompute: Recompute) -> Outcome | None:
    body = open_write.intent.body
    tool, target, arguments = body.get("tool"), body.get("target"), body.get("arguments")
    if not isinstance(tool, str) or not isinstance(target, str) or not isinstance(arguments, dict):
        return None
    if ledger.arguments_digest(cast("JsonValue", arguments)) != body.get("arguments_digest"):
        return None  # redacted or left out: what would be read back is not what was sent
    try:
        change = await recompute(tool, target, arguments)
    except HoldfastError as error:
        _log.info("an earlier write cannot be settled yet: %s", error.code)
        return None
    if change.nothing_to_do:
        return Outcome("applied", verified=True, note="read back at the next start: the state is as wanted")
    return Outcome("not_applied", verified=True, note="read back at the next start: the state is not as wanted")

"""Many servers at once: bounded, each within its own time, partial results with who did not answer (contract 9, 16)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, cast
from weakref import WeakKeyDictionary

from holdfast.appliances.idrac.client import IDracClient
from holdfast.appliances.idrac.models import ServerHealth
from holdfast.appliances.idrac.reading import health, text
from holdfast.appliances.idrac.state import degraded
from holdfast.config import TargetSettings
from holdfast.control.context import Connections
from holdfast.errors import HoldfastError, InputError, UnknownTargetError
from holdfast.resilience import remaining_s

AT_ONCE: Final = 48
"""Servers asked at once."""
EACH_S: Final = 10.0
"""Longest time for one server, seconds; an open circuit answers at once."""
_RESERVE_S: Final = 2.0

_kept: WeakKeyDictionary[IDracClient, tuple[float, ServerHealth]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Selection:
    """Which servers of a fleet; what is not given does not restrict. Models and generations are known once read."""

    names: Sequence[str] = ()
    tag: str | None = None
    model: str | None = None
    generation: int | None = None

    def targets(self, connections: Connections) -> list[TargetSettings]:
        """The configured targets that are chosen.

        Raises:
            UnknownTargetError: A name is not configured.
            InputError: Nothing is chosen.
        """
        every = connections.targets("idrac")
        unknown = sorted(set(self.names) - {target.name for target in every})
        if unknown:
            raise UnknownTargetError(f"There is no idrac target {', '.join(unknown)}.")
        chosen = [
            target
            for target in every
            if (not self.names or target.name in self.names) and (self.tag is None or self.tag in target.tags)
        ]
        if not chosen:
            raise InputError("No configured server fits.", next_step="Give other names or another tag, or none.")
        return chosen


@dataclass
class Sweep:
    """Asks servers, `AT_ONCE` at a time."""

    connections: Connections
    report: Callable[[float, float | None, str], Awaitable[None]]
    each_s: float = EACH_S
    done: int = 0
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def run(self, targets: Sequence[TargetSettings], max_age_s: float) -> list[ServerHealth]:
        """A row for each server, in their order; what fails is a row too."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(target, max_age_s, len(targets))) for target in targets]
        return [task.result() for task in tasks]

    async def _one(self, target: TargetSettings, max_age_s: float, total: int) -> ServerHealth:
        client = cast("IDracClient", await self.connections.client(target))
        kept = _kept.get(client)
        age = None if kept is None else time.monotonic() - kept[0]
        if kept is not None and age is not None and age <= max_age_s:
            self.done += 1
            return kept[1].model_copy(update={"age_s": round(age, 1), "elapsed_s": 0.0})
        async with self._gate:
            row = await self._ask(target, client)
        self.done += 1
        await self.report(float(self.done), float(total), f"{self.done} of {total} servers")
        return row

    async def _ask(self, target: TargetSettings, client: IDracClient) -> ServerHealth:
        left = remaining_s()
        limit = self.each_s if left is None else min(self.each_s, left - _RESERVE_S)
        if limit <= 0:
            return ServerHealth(target=target.name, result="not_asked", elapsed_s=0.0, error="No time was left.")
        began = time.monotonic()
        try:
            async with asyncio.timeout(limit):
                system = await client.places.system()
        except HoldfastError as error:
            return _failed(target, began, f"{error.code}: {error.message}")
        except TimeoutError:
            return _failed(target, began, f"timeout: no answer within {limit:.0f} s")
        row = ServerHealth(
            target=target.name,
            result="ok",
            elapsed_s=round(time.monotonic() - began, 2),
            service_tag=text(system, "SKU"),
            model=text(system, "Model"),
            generation=client.places.generation,
            host_name=text(system, "HostName"),
            power_state=text(system, "PowerState"),
            health=health(system),
            degraded=list(degraded(system)) or None,
        )
        _kept[client] = (time.monotonic(), row)
        return row


def _failed(target: TargetSettings, began: float, why: str) -> ServerHealth:
    return ServerHealth(target=target.name, result="error", elapsed_s=round(time.monotonic() - began, 2), error=why)


def fits(row: ServerHealth, selection: Selection) -> bool:
    """Whether a server that answered is one of those wanted; one that did not answer might be, and stays."""
    if row.result != "ok":
        return True
    if selection.model is not None and selection.model.lower() not in (row.model or "").lower():
        return False
    return selection.generation is None or row.generation == selection.generation


def severity(row: ServerHealth) -> tuple[int, str]:
    """Order of rows: the worst first, the silent ones after what is known to be ill."""
    if row.result != "ok":
        return 2, row.target
    return {"Critical": 0, "Warning": 1, None: 3}.get(row.health, 4), row.target

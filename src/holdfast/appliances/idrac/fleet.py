"""Many servers at once: bounded, each within its own time, partial results with who did not answer (contract 9, 16)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeVar, cast

from pydantic import ValidationError

from holdfast.appliances.idrac.client import IDracClient
from holdfast.config import TargetSettings
from holdfast.control.context import Connections, Progress
from holdfast.errors import HoldfastError, InputError, UnknownTargetError, UnknownToolError
from holdfast.resilience import remaining_s

AT_ONCE: Final = 48
"""Servers asked at once."""
EACH_S: Final = 10.0
"""Longest time for one server, seconds; an open circuit answers at once."""
_RESERVE_S: Final = 2.0
"""Left of the call's own time for putting the answer together, seconds."""

FoundT = TypeVar("FoundT")


@dataclass(frozen=True)
class Selection:
    """Which servers of a fleet; what is not given does not restrict. Models and generations are known once read."""

    names: Sequence[str] = ()
    tag: str | None = None
    group: str | None = None
    model: str | None = None
    generation: int | None = None

    @property
    def by_facts(self) -> bool:
        """Whether servers must be read before it is known which are meant."""
        return self.model is not None or self.generation is not None

    def targets(self, connections: Connections) -> list[TargetSettings]:
        """The configured targets that are chosen, by what the configuration says of them.

        Raises:
            UnknownTargetError: A name is not configured.
            InputError: Nothing is chosen.
        """
        every = connections.targets("idrac")
        unknown = sorted(set(self.names) - {target.name for target in every})
        if unknown:
            raise UnknownTargetError(f"There is no idrac target {', '.join(unknown)}.")
        chosen = [target for target in every if self._configured(target)]
        if not chosen:
            raise InputError("No configured server fits.", next_step="Give other names, another tag or group, or none.")
        return chosen

    def _configured(self, target: TargetSettings) -> bool:
        if self.names and target.name not in self.names:
            return False
        if self.group is not None and getattr(target, "group", None) != self.group:
            return False
        return self.tag is None or self.tag in target.tags

    def fits(self, model: str | None, generation: int | None) -> bool:
        """Whether a server that was read is one of those meant."""
        if self.model is not None and self.model.lower() not in (model or "").lower():
            return False
        return self.generation is None or self.generation == generation


@dataclass(frozen=True)
class Heard(Generic[FoundT]):
    """What became of asking one server; `found` is there when `result` is ok."""

    target: TargetSettings
    result: Literal["ok", "error", "not_asked"]
    elapsed_s: float
    found: FoundT | None = None
    error: str | None = None


@dataclass
class Sweep:
    """Asks servers, `AT_ONCE` at a time, each for `each_s` seconds at most and all within the call's own time.

    A server that fails is a result, not an error; only an argument that is wrong for all of them is raised.
    """

    report: Progress
    each_s: float = EACH_S
    done: int = 0
    total: int = 0
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def run(
        self, targets: Sequence[TargetSettings], ask: Callable[[TargetSettings, float], Awaitable[FoundT]]
    ) -> list[Heard[FoundT]]:
        """What each server answered, in the order of the targets.

        Args:
            targets: Servers.
            ask: Asks one of them, within the seconds that it is given.

        Raises:
            InputError, UnknownToolError: The call is wrong, whichever server is asked. Nothing was executed.
        """
        self.done, self.total = 0, len(targets)
        wrong: list[HoldfastError] = []
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(target, ask, wrong)) for target in targets]
        if wrong:
            raise wrong[0]
        return [task.result() for task in tasks]

    async def _one(
        self,
        target: TargetSettings,
        ask: Callable[[TargetSettings, float], Awaitable[FoundT]],
        wrong: list[HoldfastError],
    ) -> Heard[FoundT]:
        async with self._gate:
            heard: Heard[FoundT] = await self._ask(target, ask, wrong)
        self.done += 1
        await self.report(float(self.done), float(self.total), f"{self.done} of {self.total} servers")
        return heard

    async def _ask(
        self,
        target: TargetSettings,
        ask: Callable[[TargetSettings, float], Awaitable[FoundT]],
        wrong: list[HoldfastError],
    ) -> Heard[FoundT]:
        left = remaining_s()
        limit = self.each_s if left is None else min(self.each_s, left - _RESERVE_S)
        if limit <= 0 or wrong:
            return Heard(target, "not_asked", 0.0, error="No time was left.")
        began = time.monotonic()
        try:
            async with asyncio.timeout(limit):
                found = await ask(target, limit)
        except (InputError, UnknownToolError) as error:
            wrong.append(error)
            return Heard(target, "not_asked", 0.0, error=error.message)
        except HoldfastError as error:
            return Heard(target, "error", _since(began), error=f"{error.code}: {error.message}")
        except ValidationError:
            return Heard(target, "error", _since(began), error="protocol: its answer has not the shape of one")
        except TimeoutError:
            return Heard(target, "error", _since(began), error=f"timeout: no answer within {limit:.0f} s")
        return Heard(target, "ok", _since(began), found)


def _since(began: float) -> float:
    return round(time.monotonic() - began, 2)


async def client_of(connections: Connections, target: TargetSettings) -> IDracClient:
    """The client of an iDRAC target."""
    return cast("IDracClient", await connections.client(target))

"""What a tool function gets besides its arguments."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import anyio

from holdfast.config import TargetSettings

if TYPE_CHECKING:
    from holdfast.resilience import Breaker

ClientT = TypeVar("ClientT")

Progress = Callable[[float, float | None, str], Awaitable[None]]


async def no_progress(done: float, total: float | None, message: str) -> None:
    """The progress callback of callers who asked for none."""


class Connections(Protocol):
    """Clients by target, opened when first needed and shared from then on."""

    def targets(self, kind: str | None = None) -> Sequence[TargetSettings]:
        """Configured targets, of one kind or of all."""

    def target(self, kind: str, name: str | None) -> TargetSettings:
        """The target of this kind and name; without a name the only one. Raises `UnknownTargetError`."""

    async def client(self, target: TargetSettings) -> object:
        """The client of a target."""

    def breakers(self) -> Sequence[tuple[TargetSettings, str, Breaker]]:
        """Circuit breakers of the clients opened so far: target, name of the circuit, breaker."""


@dataclass(frozen=True)
class Context(Generic[ClientT]):
    """What a tool function gets besides its arguments.

    Attributes:
        client: The target's client.
        target: The target's settings.
        connections: All targets, for tools that ask several.
        principal: Who calls, for the ledger.
        correlation_id: Ties log lines, ledger records and answers of one call together.
        progress: `await progress(done, total_or_None, message)`.
        now: Wall clock, seconds since the epoch.
        sleep: Waits this many seconds; tests pass one that does not.
        command_allow: Programs that command tools may run; empty allows none.
    """

    client: ClientT
    target: TargetSettings
    connections: Connections
    principal: str = "local"
    correlation_id: str = ""
    progress: Progress = no_progress
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = field(default=anyio.sleep)
    command_allow: tuple[str, ...] = ()

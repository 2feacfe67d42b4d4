"""What a tool function gets besides its arguments."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import anyio

from holdfast.config import TargetSettings
from holdfast.errors import UnknownToolError

if TYPE_CHECKING:
    from holdfast.control.answers import JsonObject
    from holdfast.resilience import Breaker

ClientT = TypeVar("ClientT")

Progress = Callable[[float, float | None, str], Awaitable[None]]


async def no_progress(done: float, total: float | None, message: str) -> None:
    """The progress callback of callers who asked for none."""


@dataclass(frozen=True)
class Told:
    """What a read tool answered when another tool called it.

    Attributes:
        answer: As its caller would have got it, but uncut.
        age_s: Age of an answer that was kept, seconds; None when the appliance was asked now.
    """

    answer: JsonObject
    age_s: float | None = None


class ReadTool(Protocol):
    """Calls another read tool on one target, as the same caller: policy, arguments and limits hold as for any call.

    An answer at most `max_age_s` old is not asked for again. Raises `HoldfastError`.
    """

    async def __call__(
        self, tool: str, target: TargetSettings, arguments: dict[str, object], *, limit_s: float, max_age_s: float
    ) -> Told: ...


CheckRead = Callable[[str, str, dict[str, object]], None]
"""`check(tool, kind, arguments)`: that `ReadTool` would take this tool and these arguments for targets of this kind.

Raises `UnknownToolError` or `InputError`. Asks no appliance.
"""


async def no_reads(
    tool: str, target: TargetSettings, arguments: dict[str, object], *, limit_s: float, max_age_s: float
) -> Told:
    """The `Context.read` of a tool function that is called without a dispatcher."""
    raise UnknownToolError("There is no such tool here.")


def no_such_read(tool: str, kind: str, arguments: dict[str, object]) -> None:
    """The `Context.check_read` of a tool function that is called without a dispatcher."""
    raise UnknownToolError("There is no such tool here.")


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
        read: Calls another read tool, for tools that ask several targets.
        check_read: Whether `read` would take a tool and its arguments, before anything is asked.
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
    read: ReadTool = no_reads
    check_read: CheckRead = no_such_read

"""How method implementations are written and found.

A `Namespace` holds the handlers of related methods over the state of one box. A handler gets the `Call` and the
validated positional arguments (defaults filled in) and returns the result; a coroutine may wait; a job's handler is a
generator that yields `Step`s and returns the job's result.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from holdfast.simulators.truenas.errors import Row
from holdfast.simulators.truenas.persona import release_of

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box

MARKS = "_truenas_methods"
Handler = Callable[..., Any]
LockOf = Callable[[list[Any]], str]
F = TypeVar("F", bound=Handler)


@dataclass(frozen=True)
class Step:
    """A job's progress report, and how much simulated time passes until its next one."""

    percent: int
    description: str = ""
    seconds: float | None = None


Steps = Generator[Step, None, Any]
"""What a job's handler returns; its return value becomes the job's result."""


@dataclass(frozen=True)
class Registration:
    """A handler for a method in releases `since` ≤ release < `until`."""

    name: str
    handler: Handler
    lock_of: LockOf | None = None
    since: tuple[int, int] = (0, 0)
    until: tuple[int, int] = (99, 0)

    def covers(self, release: tuple[int, int]) -> bool:
        """Whether this handler serves the release."""
        return self.since <= release < self.until


@dataclass(frozen=True)
class _Mark:
    name: str
    lock_of: LockOf | None
    since: tuple[int, int]
    until: tuple[int, int]


def method(*names: str, lock: LockOf | None = None, since: str = "0", until: str = "99") -> Callable[[F], F]:
    """Declare a method of a `Namespace` as the handler of RPC methods; `lock` names a job's lock from its arguments."""

    def mark(function: F) -> F:
        marks: list[_Mark] = list(getattr(function, MARKS, ()))
        marks += [_Mark(name, lock, release_of(since), release_of(until)) for name in names]
        setattr(function, MARKS, marks)
        return function

    return mark


class Namespace:
    """Handlers over one box's state. Subclasses decorate methods with `@method`; rows of CRUD tables add theirs.

    `SINCE` and `UNTIL` bound the releases whose boxes have the namespace at all.
    """

    SINCE: ClassVar[str] = "0"
    UNTIL: ClassVar[str] = "99"
    _marks: ClassVar[tuple[tuple[str, _Mark], ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._marks = tuple((name, mark) for name in dir(cls) for mark in getattr(getattr(cls, name), MARKS, ()))

    def __init__(self, box: Box) -> None:
        self.box = box
        self.registrations: list[Registration] = []
        for attribute, mark in self._marks:
            handler = getattr(self, attribute)
            self.registrations.append(Registration(mark.name, handler, mark.lock_of, mark.since, mark.until))

    def add(
        self, name: str, handler: Handler, *, lock: LockOf | None = None, since: str = "0", until: str = "99"
    ) -> None:
        """Register a handler built at run time."""
        self.registrations.append(Registration(name, handler, lock, release_of(since), release_of(until)))

    def restarted(self) -> None:
        """The middleware restarted: forget what lived in its memory only."""

    def rebooted(self) -> None:
        """The system rebooted."""

    def choices(self, name: str, values: Row | list[Any] | Callable[[], object]) -> None:
        """Register a method without arguments that answers a fixed or computed value."""
        self.add(name, lambda call, *options: values() if callable(values) else values)

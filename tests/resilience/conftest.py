"""Time, ears and executors for the tests of `holdfast.resilience`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Protocol, TypedDict

import pytest

from holdfast.resilience import Breaker, Classify, Clock, Events, Executor, Policy, default_classify
from holdfast.resilience.probe import Probe
from holdfast.resilience.testing import ManualClock, Recorder
from tests.resilience.ways import WAYS, Way


@pytest.fixture
def clock() -> ManualClock:
    """Time that only moves when told or slept on."""
    return ManualClock()


@pytest.fixture
def heard() -> Recorder:
    """Every event of what was made with `events`."""
    return Recorder()


@pytest.fixture
def events(heard: Recorder) -> Events:
    """A hub with one observer, `heard`."""
    return Events(heard)


class Kit(TypedDict):
    """What makes a thing of this library testable."""

    clock: Clock
    events: Events


@pytest.fixture
def kit(clock: ManualClock, events: Events) -> Kit:
    """The test's clock and hub, as keyword arguments."""
    return {"clock": clock.clock, "events": events}


@pytest.fixture
def breaker(clock: ManualClock, events: Events) -> Breaker:
    """Opens after three failures, for a minute; validation errors are neutral."""
    return Breaker(fail_max=3, reset_timeout=60, exclude=(ValueError,), name="api", clock=clock.clock, events=events)


class MakeExecutor(Protocol):
    """Makes an executor with the test's clock and hub; keywords are fields of the policy."""

    def __call__(
        self,
        *,
        classify: Classify = default_classify,
        probe: Probe | None = None,
        with_clock: Clock | None = None,
        **policy: object,
    ) -> Executor: ...


@pytest.fixture
def make(clock: ManualClock, events: Events) -> MakeExecutor:
    """Makes executors named ``api``."""

    def maker(
        *,
        classify: Classify = default_classify,
        probe: Probe | None = None,
        with_clock: Clock | None = None,
        **policy: object,
    ) -> Executor:
        chosen = Policy(**policy)  # type: ignore[arg-type]  # checked by Policy itself
        return Executor("api", chosen, classify, probe, with_clock or clock.clock, events)

    return maker


@pytest.fixture(params=list(WAYS.values()), ids=list(WAYS))
def call(request: pytest.FixtureRequest) -> Way:
    """Makes a call; the test runs once for each way of making one."""
    way: Way = request.param()
    return way


class Attempts:
    """An attempt that fails as often as told, then answers; counts how often it was made."""

    def __init__(self, *failures: BaseException | Callable[[], BaseException], answer: str = "ok") -> None:
        self.failures = list(failures)
        self.answer = answer
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.failures:
            failure = self.failures.pop(0)
            raise failure if isinstance(failure, BaseException) else failure()
        return self.answer

    async def coroutine(self) -> str:
        """The same as a coroutine function."""
        return self()


def always(error: Callable[[], BaseException] = ConnectionError) -> Attempts:
    """An attempt that fails every time (a thousand times at least)."""
    return Attempts(*[error] * 1_000)


def fail(breaker: Breaker, times: int = 1) -> None:
    """Let calls through a circuit fail."""
    for _ in range(times):
        with pytest.raises(ConnectionError):
            breaker.call(always())


def succeed() -> str:
    """An attempt that succeeds."""
    return "ok"


Decorator = Callable[[Callable[..., object]], Callable[..., object]]
Decorate = Callable[[Decorator, Attempts], Callable[[], object]]


@pytest.fixture(params=["function", "coroutine function"])
def decorated(request: pytest.FixtureRequest) -> Decorate:
    """Applies a decorator to an attempt, as a function or as a coroutine function, and makes it callable."""

    def plain(decorate: Decorator, attempt: Attempts) -> Callable[[], object]:
        def function() -> str:
            return attempt()

        return decorate(function)

    def awaited(decorate: Decorator, attempt: Attempts) -> Callable[[], object]:
        async def function() -> str:
            return await attempt.coroutine()

        made = decorate(function)
        assert inspect.iscoroutinefunction(made)
        return lambda: asyncio.run(made())

    return plain if request.param == "function" else awaited

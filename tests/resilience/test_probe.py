"""The health probe: asked on demand while the circuit is open, at most every five seconds, one at a time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from holdfast.resilience import CircuitOpenError, EventKind, Events, Executor, Operation, Policy, remaining_s
from holdfast.resilience.testing import ManualClock, Recorder, VirtualTimeLoop, run_virtual
from tests.resilience.conftest import Attempts, MakeExecutor, always

READ = Operation("read", retry_safe=True)


class Health:
    """A probe that answers as told and counts how often it was asked."""

    def __init__(self, *, well: bool = False, takes_s: float = 0.0) -> None:
        self.well = well
        self.takes_s = takes_s
        self.asked_at: list[float] = []
        self.left: list[float | None] = []

    async def __call__(self) -> None:
        self.asked_at.append(asyncio.get_running_loop().time())
        self.left.append(remaining_s())
        await asyncio.sleep(self.takes_s)
        if not self.well:
            raise ConnectionError("still down")


def opened(loop: VirtualTimeLoop, health: Health, heard: Recorder | None = None, **policy: float) -> Executor:
    chosen = Policy(**policy)  # type: ignore[arg-type]  # checked by Policy itself
    executor = Executor("api", chosen, probe=health, clock=loop.clock(), events=Events(heard or Recorder()))
    assert executor.breaker is not None
    executor.breaker.open()
    return executor


async def rejected(executor: Executor) -> None:
    with pytest.raises(CircuitOpenError):
        await executor.run(READ, Attempts().coroutine)


async def call_every_second(executor: Executor, seconds: int) -> None:
    for _ in range(seconds):
        await asyncio.sleep(1)
        await rejected(executor)


def test_is_asked_at_most_every_five_seconds_and_only_when_somebody_calls() -> None:
    health = Health()

    async def main(loop: VirtualTimeLoop) -> None:
        executor = opened(loop, health)
        await call_every_second(executor, 20)
        await asyncio.sleep(20)
        await rejected(executor)
        await asyncio.sleep(1)

    run_virtual(main)
    assert health.asked_at == [5, 10, 15, 20, 40]


def test_its_success_lets_one_real_call_decide() -> None:
    health = Health(well=True)
    heard = Recorder()

    async def main(loop: VirtualTimeLoop) -> None:
        executor = opened(loop, health, heard)
        await call_every_second(executor, 5)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert executor.breaker is not None
        assert executor.breaker.current_state == "half-open"
        assert await executor.run(READ, Attempts().coroutine) == "ok"
        assert executor.breaker.current_state == "closed"
        assert executor.stats.probes_ok == 1

    run_virtual(main)
    assert [event.kind for event in heard.events] == [
        EventKind.OPENED,
        EventKind.PROBE_OK,
        EventKind.REJECTED,
        EventKind.HALF_OPEN,
        EventKind.CLOSED,
    ]
    assert heard.messages[1] == "Health probe of 'api' succeeded"


def test_its_failure_leaves_the_circuit_open_and_the_time_as_it_was() -> None:
    heard = Recorder()

    async def main(loop: VirtualTimeLoop) -> None:
        executor = opened(loop, Health(), heard)
        await call_every_second(executor, 6)
        assert executor.breaker is not None
        assert executor.breaker.retry_after == 54
        assert executor.stats.probes_failed == 1

    run_virtual(main)
    assert heard.of(EventKind.PROBE_FAILED)[0].message == "Health probe of 'api' failed: still down"


def test_one_real_call_that_fails_after_it_opens_the_circuit_again() -> None:
    health = Health(well=True)

    async def main(loop: VirtualTimeLoop) -> None:
        executor = opened(loop, health)
        await call_every_second(executor, 5)
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionError):
            await executor.run(READ, always().coroutine)
        await call_every_second(executor, 5)
        await asyncio.sleep(0.1)

    run_virtual(main)
    assert health.asked_at == [5, 10.1]


def test_a_slow_one_is_not_asked_again_meanwhile_and_is_ended_after_the_connect_timeout() -> None:
    health = Health(takes_s=100)

    async def main(loop: VirtualTimeLoop) -> None:
        executor = opened(loop, health, circuit_breaker_probe_interval=1)
        await call_every_second(executor, 12)
        assert health.asked_at == [1, 6, 11]
        assert health.left == [5, 5, 5]
        assert executor.stats.probes_failed == 2
        await executor.aclose()
        await executor.aclose()
        assert executor.stats.probes_failed == 2

    run_virtual(main)


def test_it_inherits_no_deadline_of_the_caller_who_gave_the_occasion() -> None:
    from holdfast.resilience import deadline_scope

    health = Health()

    async def main(loop: VirtualTimeLoop) -> None:
        executor = opened(loop, health)
        await asyncio.sleep(5)
        with deadline_scope(0.001, monotonic=loop.time):
            await rejected(executor)
        await asyncio.sleep(1)

    run_virtual(main)
    assert health.left == [5]


@pytest.mark.parametrize("how", ["interval zero", "no probe", "isolated", "no breaker"])
def test_is_never_asked_when_turned_off(how: str) -> None:
    health = Health()

    async def main(loop: VirtualTimeLoop) -> None:
        policy = Policy(
            circuit_breaker_probe_interval=0 if how == "interval zero" else 5,
            circuit_breaker_enabled=how != "no breaker",
        )
        probe = None if how == "no probe" else health
        executor = Executor("api", policy, probe=probe, clock=loop.clock(), events=Events(Recorder()))
        if executor.breaker is None:
            for _ in range(20):
                await asyncio.sleep(1)
                with pytest.raises(RuntimeError):
                    await executor.run(READ, always(RuntimeError).coroutine)
            return
        if how == "isolated":
            executor.breaker.isolate()
        else:
            executor.breaker.open()
        await call_every_second(executor, 20)

    run_virtual(main)
    assert health.asked_at == []


def test_a_result_that_comes_after_the_state_changed_is_ignored() -> None:
    health = Health(well=True, takes_s=3)

    async def main(loop: VirtualTimeLoop) -> None:
        executor = opened(loop, health)
        breaker = executor.breaker
        assert breaker is not None
        await asyncio.sleep(5)
        await rejected(executor)
        await asyncio.sleep(1)
        breaker.close()
        breaker.open()
        await asyncio.sleep(3)
        assert executor.stats.probes_ok == 1
        assert breaker.current_state == "open"

    run_virtual(main)


def test_a_plain_function_serves_coroutines_too() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        asked = 0

        def probe() -> None:
            nonlocal asked
            asked += 1

        executor = Executor("api", probe=probe, clock=loop.clock(), events=Events(Recorder()))
        assert executor.breaker is not None
        executor.breaker.open()
        await call_every_second(executor, 5)
        await asyncio.sleep(0.1)
        assert asked == 1
        assert executor.breaker.current_state == "half-open"

    run_virtual(main)


class TestInThreads:
    def test_runs_beside_the_caller_and_half_opens(self, make: MakeExecutor, clock: ManualClock) -> None:
        asked, done = threading.Event(), threading.Event()

        def probe() -> None:
            asked.set()
            done.wait(10)

        executor = make(probe=probe)
        breaker = executor.breaker
        assert breaker is not None
        breaker.open()
        clock.advance(5)
        for _ in range(3):
            with pytest.raises(CircuitOpenError):
                executor.run_sync(READ, Attempts())
        assert asked.wait(10)
        assert breaker.current_state == "open"
        done.set()
        for _ in range(10_000):
            if breaker.current_state == "half-open":
                break
            threading.Event().wait(0.001)
        assert breaker.current_state == "half-open"
        assert executor.stats.probes_ok == 1

    def test_a_failing_one_is_counted_and_may_be_asked_again(self, make: MakeExecutor, clock: ManualClock) -> None:
        def probe() -> None:
            raise ConnectionError("still down")

        executor = make(probe=probe)
        assert executor.breaker is not None
        executor.breaker.open()
        for expected in (1, 2):
            clock.advance(5)
            with pytest.raises(CircuitOpenError):
                executor.run_sync(READ, Attempts())
            for _ in range(10_000):
                if executor.stats.probes_failed == expected:
                    break
                threading.Event().wait(0.001)
            assert executor.stats.probes_failed == expected
            for _ in range(10_000):  # the thread is about to end
                if not any(thread.name == "api probe" for thread in threading.enumerate()):
                    break
                threading.Event().wait(0.001)

    def test_a_coroutine_function_waits_for_a_coroutine_to_be_rejected(
        self, make: MakeExecutor, clock: ManualClock
    ) -> None:
        asked = 0

        async def probe() -> None:
            nonlocal asked
            asked += 1

        executor = make(probe=probe)
        breaker = executor.breaker
        assert breaker is not None
        breaker.open()
        clock.advance(5)
        with pytest.raises(CircuitOpenError):
            executor.run_sync(READ, Attempts())
        assert asked == 0
        clock.advance(5)

        async def main() -> None:
            await rejected(executor)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        asyncio.run(main())
        assert asked == 1
        assert breaker.current_state == "half-open"

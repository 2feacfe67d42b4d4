"""The queue of an executor as threads meet it. Waits are ended by events, not by time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from holdfast.resilience import (
    BulkheadFullError,
    CircuitOpenError,
    DeadlineExceededError,
    Events,
    Executor,
    Operation,
    Policy,
    deadline_scope,
)
from holdfast.resilience.bulkhead import Bulkhead, Turn
from holdfast.resilience.testing import ManualClock, Recorder
from tests.resilience.conftest import Attempts, MakeExecutor

READ = Operation("read", retry_safe=True)


def until(condition: Callable[[], bool]) -> None:
    """Waits for what another thread is about to do."""
    for _ in range(10_000):
        if condition():
            return
        threading.Event().wait(0.001)
    raise AssertionError("it did not happen")


class Worker:
    """A thread that makes one call and keeps what came of it."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.result: object = None
        self.error: BaseException | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - looked at by the test
            self.error = error

    def join(self) -> None:
        """Waits for its end."""
        self._thread.join(10)
        assert not self._thread.is_alive()


@contextmanager
def occupied(executor: Executor) -> Iterator[Worker]:
    """While inside, one call of another thread is under way."""
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> str:
        inside.set()
        go_on.wait(10)
        return "held"

    worker = Worker(lambda: executor.run_sync(READ, hold))
    assert inside.wait(10)
    try:
        yield worker
    finally:
        go_on.set()
        worker.join()
    assert worker.result == "held"


def test_a_call_waits_for_its_turn_and_then_goes(make: MakeExecutor) -> None:
    executor = make(max_in_flight=1)
    with occupied(executor):
        waits = Worker(lambda: executor.run_sync(READ, Attempts()))
        until(lambda: executor.waiting == 1)
    waits.join()
    assert waits.result == "ok"
    assert executor.stats.successes == 2
    assert executor.in_flight == executor.waiting == 0


def test_a_full_queue_refuses_at_once_and_each_time(make: MakeExecutor, heard: Recorder) -> None:
    executor = make(max_in_flight=1, max_waiting=0)
    with occupied(executor):
        for refused in (1, 2):
            with pytest.raises(BulkheadFullError):
                executor.run_sync(READ, Attempts())
            assert executor.stats.overloaded == refused
    assert executor.run_sync(READ, Attempts()) == "ok"
    assert [event.operation for event in heard.events] == ["read", "read"]


def test_who_waits_is_sent_away_when_the_circuit_opens(make: MakeExecutor) -> None:
    executor = make(max_in_flight=1)
    assert executor.breaker is not None
    with occupied(executor):
        workers = [Worker(lambda: executor.run_sync(READ, Attempts())) for _ in range(3)]
        until(lambda: executor.waiting == 3)
        executor.breaker.open()
        for worker in workers:
            worker.join()
            assert isinstance(worker.error, CircuitOpenError)
        assert executor.waiting == 0


def test_who_waits_longer_than_its_time_is_told_so() -> None:
    executor = Executor("api", Policy(max_in_flight=1), events=Events(Recorder()))
    with occupied(executor):
        for timed_out in (1, 2):
            with deadline_scope(0.02), pytest.raises(DeadlineExceededError) as caught:
                executor.run_sync(READ, Attempts())
            assert caught.value.attempts == 0
            assert executor.stats.deadlines == executor.stats.neutral == timed_out
            assert executor.waiting == 0


def test_a_bound_without_end_is_waited_for(make: MakeExecutor) -> None:
    executor = make(max_in_flight=1, total_timeout=float("inf"))
    with occupied(executor):
        waits = Worker(lambda: executor.run_sync(READ, Attempts()))
        until(lambda: executor.waiting == 1)
    waits.join()
    assert waits.result == "ok"


def test_a_retry_gives_its_turn_up_while_it_waits_and_queues_again(make: MakeExecutor, clock: ManualClock) -> None:
    executor = make(max_in_flight=1)
    seen: list[int] = []
    clock.when_slept = lambda: seen.append(executor.in_flight)
    assert executor.run_sync(READ, Attempts(ConnectionError())) == "ok"
    assert seen == [0]


@pytest.mark.parametrize(
    ("ends", "note"),
    [
        ("full", "Not repeated: too many calls wait."),
        ("opens", "Not repeated: the circuit opened."),
        ("time", "Not repeated: no turn came in time."),
    ],
)
def test_a_retry_that_gets_no_turn_ends_with_its_own_error(
    make: MakeExecutor, clock: ManualClock, ends: str, note: str
) -> None:
    executor = make(max_in_flight=1, max_waiting=0 if ends == "full" else 1, total_timeout=50)
    assert executor.breaker is not None
    breaker = executor.breaker
    entered = occupied(executor)
    holders: list[Worker] = []

    def meanwhile() -> None:
        holders.append(entered.__enter__())
        if ends == "time":
            clock.advance(48.99)

    clock.when_slept = meanwhile
    error = ConnectionError("mine")
    worker = Worker(lambda: executor.run_sync(READ, Attempts(error)))
    if ends == "opens":
        until(lambda: executor.waiting == 1)
        breaker.open()
    worker.join()
    assert worker.error is error
    assert error.__notes__ == [note]
    assert executor.waiting == 0
    entered.__exit__(None, None, None)
    assert executor.in_flight == 0
    assert executor.stats.failures == 1


class TestBulkhead:
    """The queue itself, where the order of events must be exact."""

    def test_a_turn_granted_to_a_waiter_that_is_interrupted_is_passed_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bulkhead = Bulkhead("api", 1, 5)
        assert bulkhead.try_acquire()

        class Interrupted(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                bulkhead.release()  # the turn comes, and Ctrl-C with it
                raise KeyboardInterrupt

        monkeypatch.setattr(threading, "Event", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            bulkhead.acquire_sync(10)
        assert bulkhead.in_flight == 0
        assert bulkhead.waiting == 0

    def test_an_interrupted_waiter_without_a_turn_only_leaves(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bulkhead = Bulkhead("api", 1, 5)
        assert bulkhead.try_acquire()

        class Interrupted(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                raise KeyboardInterrupt

        monkeypatch.setattr(threading, "Event", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            bulkhead.acquire_sync(10)
        assert bulkhead.in_flight == 1
        assert bulkhead.waiting == 0

    def test_a_turn_that_comes_at_the_last_moment_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bulkhead = Bulkhead("api", 1, 5)
        assert bulkhead.try_acquire()

        class Late(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                bulkhead.release()
                return False

        monkeypatch.setattr(threading, "Event", Late)
        assert bulkhead.acquire_sync(10) is Turn.GRANTED
        assert bulkhead.in_flight == 1

    def test_being_sent_away_at_the_last_moment_counts_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bulkhead = Bulkhead("api", 1, 5)
        assert bulkhead.try_acquire()

        class Late(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                bulkhead.flush()
                return False

        monkeypatch.setattr(threading, "Event", Late)
        assert bulkhead.acquire_sync(10) is Turn.LOOK_AGAIN
        assert bulkhead.in_flight == 1

    async def test_who_waits_in_vain_is_told_so(self) -> None:
        bulkhead = Bulkhead("api", 1, 5)
        assert await bulkhead.acquire(0) is Turn.GRANTED
        assert await bulkhead.acquire(0) is Turn.TIMED_OUT
        assert bulkhead.acquire_sync(0) is Turn.TIMED_OUT
        assert bulkhead.waiting == 0

    async def test_coroutines_are_sent_away_too(self) -> None:
        bulkhead = Bulkhead("api", 1, 5)
        assert bulkhead.try_acquire()
        waits = asyncio.create_task(bulkhead.acquire(1_000))
        await asyncio.sleep(0)
        bulkhead.flush()
        assert await waits is Turn.LOOK_AGAIN

    def test_who_comes_later_does_not_overtake(self) -> None:
        bulkhead = Bulkhead("api", 1, 5)
        assert bulkhead.try_acquire()
        order: list[int] = []

        def enter(number: int) -> None:
            assert bulkhead.acquire_sync(10) is Turn.GRANTED
            order.append(number)
            bulkhead.release()

        workers = []
        for number in range(4):
            workers.append(Worker(lambda number=number: enter(number)))  # type: ignore[misc]  # binds now
            until(lambda number=number: bulkhead.waiting == number + 1)  # type: ignore[misc]  # binds now
        assert bulkhead.try_acquire() is False
        bulkhead.release()
        for worker in workers:
            worker.join()
            assert worker.error is None
        assert order == [0, 1, 2, 3]
        assert bulkhead.in_flight == 0

    def test_a_permit_that_came_back_before_queueing_up_is_found(self) -> None:
        class TooLate(Bulkhead):
            def try_acquire(self) -> bool:
                found = super().try_acquire()
                if not found:
                    self.release()  # comes back just after we looked
                return found

        bulkhead = TooLate("api", 1, 0)
        assert bulkhead.try_acquire()
        assert bulkhead.acquire_sync(0) is Turn.GRANTED

    def test_waiters_of_a_closed_loop_hold_nobody_up(self) -> None:
        bulkhead = Bulkhead("api", 1, 5)
        assert bulkhead.try_acquire()
        loop = asyncio.new_event_loop()
        gone = loop.create_task(bulkhead.acquire(1_000))
        loop.run_until_complete(asyncio.sleep(0))
        assert bulkhead.waiting == 1
        alive = Worker(lambda: bulkhead.acquire_sync(10))
        until(lambda: bulkhead.waiting == 2)
        waiter = bulkhead.waiters[0]

        def closed() -> None:
            raise RuntimeError("Event loop is closed")

        wake, waiter.wake = waiter.wake, closed
        bulkhead.release()
        alive.join()
        assert alive.result is Turn.GRANTED
        assert bulkhead.in_flight == 1
        waiter.wake = wake
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(gone)
        loop.close()

    def test_sending_away_does_not_stop_at_a_closed_loop(self) -> None:
        bulkhead = Bulkhead("api", 1, 5)
        assert bulkhead.try_acquire()
        workers = [Worker(lambda: bulkhead.acquire_sync(1_000)) for _ in range(3)]
        until(lambda: bulkhead.waiting == 3)
        first = bulkhead.waiters[0]
        wake = first.wake

        def closed() -> None:
            wake()
            raise RuntimeError("Event loop is closed")

        first.wake = closed
        bulkhead.flush()
        for worker in workers:
            worker.join()
            assert worker.result is Turn.LOOK_AGAIN
        assert bulkhead.waiting == 0
        assert bulkhead.in_flight == 1

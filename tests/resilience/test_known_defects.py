"""Defects found in other libraries (numbers of the field survey), each turned round into what holds here."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import aiohttp
import pybreaker
import pytest
import time_machine

from holdfast.resilience import (
    Breaker,
    CircuitOpenError,
    Events,
    Executor,
    Operation,
    Outcome,
    Policy,
    Retry,
    create_circuit_breaker,
    create_retry_decorator,
    default_classify,
    get_circuit_breaker_metrics,
    remaining_s,
    retry_with_circuit_breaker,
)
from holdfast.resilience.backoff import guide_wait
from holdfast.resilience.testing import ManualClock, Recorder, VirtualTimeLoop, run_virtual
from tests.resilience.conftest import Attempts, MakeExecutor, always

READ = Operation("read", retry_safe=True)
WRITE = Operation("write")


async def test_d01_after_five_failed_calls_none_reaches_the_server(make: MakeExecutor) -> None:
    executor = make(retry_max_attempts=1)
    attempt = always()
    for _ in range(200):
        with pytest.raises((ConnectionError, CircuitOpenError)):
            await executor.run(READ, attempt.coroutine)
    assert attempt.made == 5
    assert executor.breaker is not None
    assert executor.breaker.fail_counter == 5


async def test_d02_after_the_timeout_the_next_call_goes_through(make: MakeExecutor, clock: ManualClock) -> None:
    executor = make()
    assert executor.breaker is not None
    executor.breaker.open()
    with pytest.raises(CircuitOpenError) as caught:
        await executor.run(READ, Attempts().coroutine)
    assert "object at 0x" not in str(caught.value)
    clock.advance(60)
    assert await executor.run(READ, Attempts().coroutine) == "ok"


def test_d03_what_a_listener_lacks_or_raises_breaks_no_call(make: MakeExecutor) -> None:
    executor = make(circuit_breaker_fail_max=1)
    assert executor.breaker is not None
    executor.breaker.add_listener(lambda *args: None)  # type: ignore[arg-type]  # a function instead of a listener
    with pytest.raises(ConnectionError):
        executor.run_sync(WRITE, always())
    assert executor.breaker.current_state == "open"


def test_d04_a_synchronous_client_works(make: MakeExecutor) -> None:
    assert make().run_sync(READ, Attempts(ConnectionError())) == "ok"


def test_d05_every_field_of_the_metrics_is_real(make: MakeExecutor, clock: ManualClock) -> None:
    executor = make(retry_max_attempts=1)
    for _ in range(10):
        executor.run_sync(READ, Attempts())
    for _ in range(2):
        with pytest.raises(ConnectionError):
            executor.run_sync(READ, always())
    metrics = get_circuit_breaker_metrics(executor.breaker)
    assert {key: metrics[key] for key in list(metrics)[:6]} == {  # type: ignore[literal-required]  # its own keys
        "name": "api",
        "state": "closed",
        "fail_counter": 2,
        "success_counter": 10,
        "last_failure": "2024-01-01 12:00:00",
        "opened_at": None,
    }
    clock.advance(90)
    for _ in range(3):
        with pytest.raises(ConnectionError):
            executor.run_sync(READ, always())
    metrics = get_circuit_breaker_metrics(executor.breaker)
    assert metrics["opened_at"] == metrics["last_failure"] == "2024-01-01 12:01:30"
    assert metrics["state"] == "open"


async def test_d08_one_of_fifty_concurrent_calls_is_let_through_half_open(make: MakeExecutor) -> None:
    executor = make()
    assert executor.breaker is not None
    executor.breaker.half_open()
    made = 0

    async def attempt() -> None:
        nonlocal made
        made += 1
        await asyncio.sleep(0)

    results = await asyncio.gather(*(executor.run(READ, attempt) for _ in range(50)), return_exceptions=True)
    assert made == 1
    assert sum(isinstance(result, CircuitOpenError) for result in results) == 49


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_d09_what_ends_a_task_or_the_program_is_no_failure_and_stays_itself(signal: type[BaseException]) -> None:
    breaker = Breaker(fail_max=1)
    executor = Executor("api", Policy(circuit_breaker_fail_max=1))
    for _ in range(5):
        with pytest.raises(signal):
            breaker.call(always(signal))
        with pytest.raises(signal):
            executor.run_sync(READ, always(signal))
    assert executor.breaker is not None
    assert breaker.fail_counter == executor.breaker.fail_counter == 0
    breaker.half_open()
    with pytest.raises(signal):
        breaker.call(always(signal))
    assert breaker.current_state == "half-open"  # neither closed nor opened by it
    assert breaker.call(Attempts()) == "ok"


def test_d11_calls_of_threads_run_side_by_side() -> None:
    breaker = Breaker()
    executor = Executor("api")
    meeting = threading.Barrier(8, timeout=10)

    def meet() -> None:
        meeting.wait()  # passes only if all eight are inside at once

    threads = [threading.Thread(target=breaker.call, args=(meet,)) for _ in range(4)]
    threads += [threading.Thread(target=executor.run_sync, args=(READ, meet)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not meeting.broken
    assert breaker.machine.successes == executor.stats.successes == 4


async def test_d12_coroutines_are_protected_without_tornado() -> None:
    assert await Breaker().call_async(Attempts().coroutine) == "ok"


def test_d13a_an_exception_class_with_a_metaclass_excludes_only_itself() -> None:
    class Meta(type):
        pass

    class Odd(Exception, metaclass=Meta):
        pass

    breaker = Breaker(fail_max=1, exclude=(Odd,))
    with pytest.raises(Odd):
        breaker.call(always(Odd))
    assert breaker.current_state == "closed"
    with pytest.raises(ConnectionError):
        breaker.call(always())
    assert breaker.current_state == "open"


def test_d13b_an_excluded_error_does_not_clear_the_count() -> None:
    breaker = Breaker(fail_max=3, exclude=(ValueError,))
    for _ in range(2):
        with pytest.raises(ConnectionError):
            breaker.call(always())
    with pytest.raises(ValueError):
        breaker.call(always(ValueError))
    assert breaker.fail_counter == 2


def test_d13c_an_excluded_error_does_not_close_a_half_open_circuit() -> None:
    breaker = Breaker(exclude=(ValueError,))
    breaker.half_open()
    with pytest.raises(ValueError):
        breaker.call(always(ValueError))
    assert breaker.current_state == "half-open"


def test_d14_a_wall_clock_that_jumps_moves_nothing() -> None:
    breaker = Breaker(fail_max=1, reset_timeout=60)
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False) as traveller:
        with pytest.raises(ConnectionError):
            breaker.call(always())
        for jump in (timedelta(hours=-1), timedelta(hours=5)):
            traveller.shift(jump)
            assert breaker.current_state == "open"
            assert 59 < (breaker.retry_after or 0) <= 60


def test_d15_the_error_of_an_open_circuit_tells_which_why_and_when() -> None:
    clock = ManualClock()
    breaker = Breaker(fail_max=1, name="idrac", clock=clock.clock)
    with pytest.raises(ConnectionError):
        breaker.call(always(lambda: ConnectionError("reset by peer")))
    clock.advance(20)
    with pytest.raises(pybreaker.CircuitBreakerError) as caught:
        breaker.call(Attempts())
    error = caught.value
    assert isinstance(error, CircuitOpenError)
    assert (error.name, error.retry_after, error.last_error) == ("idrac", 40, "ConnectionError: reset by peer")
    assert error.opened_at == error.last_failure == datetime(2024, 1, 1, 12, tzinfo=UTC)


def test_d16_the_guides_pattern_recovers_without_a_call() -> None:
    clock = ManualClock()
    breaker = Breaker(fail_max=1, clock=clock.clock)
    breaker.open()
    fallbacks = 0
    for _ in range(10):
        if breaker.current_state == "open":
            fallbacks += 1
            clock.advance(10)
        else:
            breaker.call(Attempts())
    assert fallbacks == 6
    assert breaker.current_state == "closed"


def test_d17a_cancellation_is_never_repeated() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        executor = Executor("api", clock=loop.clock(), events=Events(Recorder()))
        decorate = create_retry_decorator(retry_exceptions=(BaseException,), clock=loop.clock())
        begun = 0

        async def work() -> None:
            nonlocal begun
            begun += 1
            await asyncio.sleep(100)

        decorated: Callable[[], Awaitable[None]] = decorate(work)
        for call in (lambda: executor.run(READ, work), decorated):
            begun = 0
            now = loop.time()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(call(), 0.05)
            assert loop.time() - now == pytest.approx(0.05)
            assert begun == 1

    run_virtual(main)


def test_d17b_concurrent_calls_keep_their_own_attempts_and_errors() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        executor = Executor("api", Policy(circuit_breaker_enabled=False), clock=loop.clock(), events=Events(Recorder()))
        made = [0] * 20

        def attempt(number: int) -> Attempts:
            def fail() -> ConnectionError:
                made[number] += 1
                return ConnectionError(f"of {number}")

            return always(fail)

        results = await asyncio.gather(
            *(executor.run(READ, attempt(number).coroutine) for number in range(20)), return_exceptions=True
        )
        assert made == [3] * 20
        assert [str(result) for result in results] == [f"of {number}" for number in range(20)]

    run_virtual(main)


def test_d17c_concurrent_calls_count_their_own_attempts() -> None:
    heard = Recorder()

    async def main(loop: VirtualTimeLoop) -> None:
        executor = Executor("api", Policy(circuit_breaker_enabled=False), clock=loop.clock(), events=Events(heard))
        await asyncio.gather(
            *(executor.run(READ, Attempts(ConnectionError(), ConnectionError()).coroutine) for _ in range(3))
        )

    run_virtual(main)
    assert sorted(event.attempt for event in heard.events) == [1, 1, 1, 2, 2, 2]


def test_d17d_the_maximum_wins_over_the_minimum_as_the_guide_writes_it() -> None:
    assert guide_wait(1, min_wait=5, max_wait=2) == 2


def test_d18_results_of_an_older_generation_neither_close_nor_open() -> None:
    breaker = Breaker(fail_max=1)
    late = [breaker.machine.admit() for _ in range(3)]
    breaker.open()
    breaker.machine.settle(late[0], Outcome.SUCCESS)
    assert breaker.current_state == "open"
    breaker.half_open()
    breaker.machine.settle(late[1], Outcome.SUCCESS)
    assert breaker.current_state == "half-open"
    breaker.close()
    breaker.machine.settle(late[2], Outcome.FAILURE, ConnectionError())
    assert breaker.current_state == "closed"
    assert breaker.machine.stale == 3


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_d19a_times_do_not_depend_on_where_one_lives(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        clock = ManualClock()
        breaker = create_circuit_breaker(fail_max=1, name="api", clock=clock.clock)
        with pytest.raises(ConnectionError):
            breaker.call(always())
        assert get_circuit_breaker_metrics(breaker)["opened_at"] == "2024-01-01 12:00:00"
        assert breaker.retry_after == 60
    finally:
        monkeypatch.undo()
        time.tzset()


def test_d19b_rejections_do_not_grow_a_traceback() -> None:
    breaker = Breaker()
    breaker.open()
    depths = set()
    for _ in range(2_000):
        with pytest.raises(CircuitOpenError) as caught:
            breaker.call(Attempts())
        depths.add(len(caught.traceback))
    assert len(depths) == 1


def test_d19c_concurrent_calls_do_not_share_their_waits() -> None:
    heard = Recorder()

    async def main(loop: VirtualTimeLoop) -> None:
        policy = Policy(circuit_breaker_enabled=False, retry_max_attempts=4)
        executor = Executor("api", policy, clock=loop.clock(), events=Events(heard))
        await asyncio.gather(*(executor.run(READ, Attempts(*[ConnectionError] * 3).coroutine) for _ in range(4)))

    run_virtual(main)
    assert sorted(event.wait_s for event in heard.events) == [1] * 4 + [2] * 4 + [4] * 4


def test_d20_timeouts_open_the_circuit_within_two_calls_not_five() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        executor = Executor("api", clock=loop.clock(), events=Events(Recorder()))
        made = 0

        async def times_out() -> None:
            nonlocal made
            made += 1
            await asyncio.sleep(min(30.0, remaining_s() or 30.0))
            raise TimeoutError

        calls = 0
        while executor.breaker is not None and executor.breaker.current_state == "closed":
            calls += 1
            with pytest.raises(TimeoutError):
                await executor.run(READ, times_out)
        assert made == 5  # of 15
        assert calls == 3
        assert loop.time() < 150  # of 465

    run_virtual(main)


async def test_d21_a_failed_test_of_a_coroutine_opens_the_circuit_again() -> None:
    clock = ManualClock()
    breaker = Breaker(fail_max=1, clock=clock.clock)
    breaker.open()
    clock.advance(60)
    attempt = always()
    with pytest.raises(ConnectionError):
        await breaker.call_async(attempt.coroutine)
    assert attempt.made == 1
    assert breaker.current_state == "open"


def test_d22_a_hanging_test_call_blocks_nobody() -> None:
    breaker = Breaker()
    breaker.half_open()
    hanging, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        go_on.wait(10)

    thread = threading.Thread(target=breaker.call, args=(hang,))
    thread.start()
    assert hanging.wait(10)
    with pytest.raises(CircuitOpenError):
        breaker.call(Attempts())
    assert breaker.current_state == "half-open"
    go_on.set()
    thread.join(10)
    assert breaker.current_state == "closed"


async def test_d23_one_of_twenty_blocks_with_awaits_is_entered_half_open() -> None:
    breaker = Breaker()
    breaker.half_open()
    entered = 0

    async def block() -> None:
        nonlocal entered
        with breaker.calling():
            entered += 1
            await asyncio.sleep(0)

    await asyncio.gather(*(block() for _ in range(20)), return_exceptions=True)
    assert entered == 1


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.InvalidURL("http://"),
        aiohttp.TooManyRedirects(None, ()),  # type: ignore[arg-type]  # not looked at
        aiohttp.ServerFingerprintMismatch(b"expected", b"got", "host", 443),
        aiohttp.ClientConnectorCertificateError(None, Exception("expired")),  # type: ignore[arg-type]  # as above
        *(aiohttp.ClientResponseError(None, (), status=status) for status in (400, 401, 403, 404, 422)),  # type: ignore[arg-type]  # as above
    ],
)
def test_d25_what_can_never_get_better_is_neither_repeated_nor_counted(error: aiohttp.ClientError) -> None:
    executor = Executor("api", Policy(circuit_breaker_fail_max=1))
    attempt = Attempts(error)
    with pytest.raises(aiohttp.ClientError):
        executor.run_sync(READ, attempt)
    assert attempt.made == 1
    assert executor.breaker is not None
    assert executor.breaker.current_state == "closed"
    assert default_classify(aiohttp.ClientError("bare")).retry is Retry.IF_SAFE


def test_d27_waits_attempts_and_line_are_the_guides_though_tenacity_starts_late(
    clock: ManualClock, make: MakeExecutor, heard: Recorder
) -> None:
    attempt = always(lambda: ConnectionError("Connection error"))
    with pytest.raises(ConnectionError):
        make().run_sync(READ, attempt)
    assert attempt.made == 3
    assert clock.sleeps == [1, 2]
    assert heard.messages[1] == "Retry attempt 2/3 failed: Connection error, retrying in 2s..."


def test_d06_the_guides_lines_are_seen_where_nobody_configured_logging() -> None:
    """In a fresh interpreter, because pytest has handlers of its own."""
    import subprocess
    import sys

    program = """
from holdfast.resilience import Executor, Operation, Policy
from holdfast.resilience.testing import ManualClock, failing
clock = ManualClock()
policy = Policy(circuit_breaker_fail_max=2, circuit_breaker_streak=0)
executor = Executor("pfsense_api", policy, clock=clock.clock)
attempt = failing(6, lambda: ConnectionError("Connection error"))
for _ in range(2):
    try:
        executor.run_sync(Operation("status", retry_safe=True), attempt)
    except ConnectionError:
        pass
clock.advance(60)
executor.run_sync(Operation("status", retry_safe=True), attempt)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    retries = [
        "WARNING: Retry attempt 1/3 failed: Connection error, retrying in 1s...",
        "WARNING: Retry attempt 2/3 failed: Connection error, retrying in 2s...",
    ]
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        *retries,
        *retries,
        "WARNING: Circuit breaker 'pfsense_api' opened after 2 failures",
        "INFO: Circuit breaker 'pfsense_api' half-open, testing connection",
        "INFO: Circuit breaker 'pfsense_api' closed",
    ]


def test_d10b_and_d24_the_decorator_protects_functions_and_coroutine_functions_alike() -> None:
    clock = ManualClock()

    @retry_with_circuit_breaker(circuit_fail_max=1, clock=clock.clock, events=Events(Recorder()))
    def plain() -> None:
        raise ConnectionError

    @retry_with_circuit_breaker(circuit_fail_max=1, clock=clock.clock, events=Events(Recorder()))
    async def awaited() -> None:
        raise ConnectionError

    for call in (plain, lambda: asyncio.run(awaited())):
        with pytest.raises(ConnectionError):
            call()
        with pytest.raises(CircuitOpenError):
            call()

"""The ways to call through a breaker, its listeners, and its face of pybreaker."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from typing import cast

import pybreaker
import pytest

from holdfast.resilience import Breaker, CircuitOpenError, Events
from holdfast.resilience.testing import ManualClock, Recorder
from tests.resilience.conftest import Attempts, always, fail, succeed


class TestWaysToCall:
    async def test_coroutines_are_awaited_and_booked(self, breaker: Breaker) -> None:
        async def answer(value: int) -> int:
            await asyncio.sleep(0)
            return value

        assert await breaker.call_async(answer, value=5) == 5
        assert breaker.machine.successes == 1
        for _ in range(3):
            with pytest.raises(ConnectionError):
                await breaker.call_async(always().coroutine)
        with pytest.raises(CircuitOpenError):
            await breaker.call_async(answer, 5)

    def test_a_coroutine_function_given_to_call_is_refused_with_a_hint(self, breaker: Breaker) -> None:
        async def work() -> None:
            raise AssertionError("must not run")

        with pytest.raises(TypeError, match=r"work is a coroutine function: await call_async\(\.\.\.\) instead"):
            cast(object, breaker.call(work))
        assert breaker.fail_counter == 0

    def test_a_refused_coroutine_function_does_not_keep_the_test_permit(
        self, breaker: Breaker, clock: ManualClock
    ) -> None:
        async def work() -> None:
            raise AssertionError("must not run")

        fail(breaker, 3)
        clock.advance(60)
        with pytest.raises(TypeError):
            cast(object, breaker.call(work))
        assert breaker.call(succeed) == "ok"

    def test_a_generator_is_booked_when_it_ends(self, breaker: Breaker) -> None:
        def numbers(fails: bool) -> Iterator[int]:
            yield 1
            if fails:
                raise ConnectionError
            yield 2

        assert list(breaker.call(numbers, False)) == [1, 2]
        assert breaker.machine.successes == 1
        for _ in range(3):
            with pytest.raises(ConnectionError):
                list(breaker.call(numbers, True))
        assert breaker.current_state == "open"

    def test_a_generator_that_is_left_early_says_nothing(self, breaker: Breaker) -> None:
        def numbers() -> Iterator[int]:
            yield 1
            yield 2

        fail(breaker, 2)
        generator = breaker.call(numbers)
        assert next(generator) == 1
        generator.close()  # type: ignore[attr-defined]  # it is a generator
        assert breaker.fail_counter == 2

    def test_a_block_is_protected_awaits_included(self, breaker: Breaker) -> None:
        async def block() -> None:
            with breaker.calling():
                await asyncio.sleep(0)
                raise ConnectionError

        for _ in range(3):
            with pytest.raises(ConnectionError):
                asyncio.run(block())
        assert breaker.current_state == "open"

    async def test_decorates_functions_and_coroutine_functions(self, breaker: Breaker) -> None:
        @breaker
        def plain(value: int) -> int:
            """Plain."""
            return value

        @breaker()
        async def awaited(value: int) -> int:
            return value

        assert plain(1) == 1
        assert await awaited(2) == 2
        assert plain.__doc__ == "Plain."
        assert inspect.iscoroutinefunction(awaited)
        assert breaker.machine.successes == 2

    async def test_understands_pybreakers_flag_for_coroutines(self, breaker: Breaker) -> None:
        decorated = breaker(always().coroutine, __pybreaker_call_async=True)
        with pytest.raises(ConnectionError):
            await decorated()
        assert breaker.fail_counter == 1

        def returns_an_awaitable(answer: str) -> Coroutine[object, object, str]:
            return Attempts(answer=answer).coroutine()

        flagged = breaker(__pybreaker_call_async=True)(returns_an_awaitable)
        assert await flagged("answer") == "answer"
        with pytest.raises(TypeError, match="is a coroutine function"):
            breaker(returns_an_awaitable)("answer")

    def test_refuses_asynchronous_generator_functions(self, breaker: Breaker) -> None:
        async def stream():  # type: ignore[no-untyped-def]  # what matters is what it is
            yield 1

        with pytest.raises(TypeError, match=r"stream is an asynchronous generator function, which cannot be protected"):
            breaker(stream)

    def test_what_has_no_name_is_told_by_its_looks(self, breaker: Breaker) -> None:
        class Nameless:
            def __repr__(self) -> str:
                return "<nameless>"

            async def __call__(self) -> None: ...

        with pytest.raises(TypeError, match="<nameless> is a coroutine function"):
            cast(object, breaker.call(Nameless()))


class TestListeners:
    class Loud(pybreaker.CircuitBreakerListener):
        def __init__(self) -> None:
            self.heard: list[str] = []

        def before_call(self, cb: pybreaker.CircuitBreaker, func: object, *args: object, **kwargs: object) -> None:
            assert isinstance(cb, Breaker)
            assert callable(func)
            self.heard.append(f"before {args} {kwargs}")

        def success(self, cb: pybreaker.CircuitBreaker) -> None:
            assert isinstance(cb, Breaker)
            self.heard.append("success")

        def failure(self, cb: pybreaker.CircuitBreaker, exc: BaseException) -> None:
            assert isinstance(cb, Breaker)
            self.heard.append(f"failure {exc!r}")

        def state_change(
            self,
            cb: pybreaker.CircuitBreaker,
            old_state: pybreaker.CircuitBreakerState | None,
            new_state: pybreaker.CircuitBreakerState,
        ) -> None:
            assert old_state is not None
            self.heard.append(f"{old_state.name} -> {new_state.name} ({cb.current_state})")

    def test_hear_everything_in_order(self, breaker: Breaker, clock: ManualClock) -> None:
        loud = self.Loud()
        breaker.add_listener(loud)
        assert breaker.listeners == (loud,)
        breaker.call(lambda *args, **kwargs: None, 1, a=2)
        fail(breaker, 3)
        clock.advance(60)
        breaker.call(succeed)
        assert loud.heard == [
            "before (1,) {'a': 2}",
            "success",
            *["before () {}", "failure ConnectionError()"] * 3,
            "closed -> open (open)",
            "open -> half-open (half-open)",
            "before () {}",
            "success",
            "half-open -> closed (closed)",
        ]

    async def test_hear_of_coroutines_and_their_arguments(self, breaker: Breaker) -> None:
        loud = self.Loud()
        breaker.add_listener(loud)

        async def work(*args: int, **kwargs: int) -> None: ...

        await breaker.call_async(work, 1, a=2)
        assert loud.heard == ["before (1,) {'a': 2}", "success"]

    def test_may_be_given_at_construction(self) -> None:
        loud = self.Loud()
        breaker = Breaker(listeners=[loud])
        breaker.call(succeed)
        assert loud.heard == ["before () {}", "success"]

    def test_hear_of_neither_success_nor_failure_when_a_call_was_neutral(self, breaker: Breaker) -> None:
        loud = self.Loud()
        breaker.add_listener(loud)
        with pytest.raises(ValueError):
            breaker.call(always(ValueError))
        assert loud.heard == ["before () {}"]

    def test_the_states_they_are_given_call_through_the_breaker(self, breaker: Breaker) -> None:
        states: list[pybreaker.CircuitBreakerState] = []

        class Keeps(pybreaker.CircuitBreakerListener):
            def state_change(
                self,
                cb: pybreaker.CircuitBreaker,
                old_state: pybreaker.CircuitBreakerState | None,
                new_state: pybreaker.CircuitBreakerState,
            ) -> None:
                assert cb is breaker
                assert old_state is not None
                states.extend((old_state, new_state))

        breaker.add_listener(Keeps())
        breaker.open()
        breaker.close()
        assert [state.call(succeed) for state in states] == ["ok"] * 4
        assert breaker.machine.successes == 4

    def test_hear_nothing_after_removal(self, breaker: Breaker) -> None:
        loud = self.Loud()
        breaker.add_listeners(loud)
        breaker.remove_listener(loud)
        breaker.call(succeed)
        assert loud.heard == []
        with pytest.raises(ValueError):
            breaker.remove_listener(loud)

    def test_a_listener_of_state_changes_alone_leaves_the_short_way_open(self, breaker: Breaker) -> None:
        class Quiet(pybreaker.CircuitBreakerListener):
            pass

        breaker.add_listener(Quiet())
        assert breaker.machine.quiet is True
        breaker.add_listener(self.Loud())
        assert breaker.machine.quiet is False

    def test_errors_of_listeners_are_logged_and_reach_no_caller(
        self, breaker: Breaker, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken(pybreaker.CircuitBreakerListener):
            def before_call(self, cb: object, func: object, *args: object, **kwargs: object) -> None:
                raise RuntimeError("before")

            def success(self, cb: object) -> None:
                raise RuntimeError("success")

            def failure(self, cb: object, exc: BaseException) -> None:
                raise RuntimeError("failure")

            def state_change(self, cb: object, old_state: object, new_state: object) -> None:
                raise RuntimeError("state")

        breaker.add_listener(Broken())
        with caplog.at_level(logging.ERROR):
            assert breaker.call(succeed) == "ok"
            fail(breaker, 3)
        assert breaker.current_state == "open"
        assert {record.getMessage() for record in caplog.records} == {"A listener of circuit breaker 'api' failed"}
        assert {record.exc_info[1].args[0] for record in caplog.records if record.exc_info and record.exc_info[1]} == {
            "before",
            "success",
            "failure",
            "state",
        }

    def test_a_listener_may_use_the_breaker(self, breaker: Breaker) -> None:
        class Closer(pybreaker.CircuitBreakerListener):
            def state_change(
                self,
                cb: pybreaker.CircuitBreaker,
                old_state: pybreaker.CircuitBreakerState | None,
                new_state: pybreaker.CircuitBreakerState,
            ) -> None:
                if new_state.name == "open":
                    cb.close()

        breaker.add_listener(Closer())
        fail(breaker, 3)
        assert breaker.current_state == "closed"


class TestFaceOfPybreaker:
    def test_is_one(self, breaker: Breaker) -> None:
        assert isinstance(breaker, pybreaker.CircuitBreaker)

    def test_numbers_and_name_can_be_changed(self, breaker: Breaker) -> None:
        breaker.fail_max = 1
        breaker.name = "other"
        assert breaker.name == "other"
        with pytest.raises(ConnectionError):
            breaker.call(always())
        assert breaker.current_state == "open"
        assert breaker.fail_max == 1

    def test_states_are_of_pybreakers_classes_and_call_through_the_breaker(self, breaker: Breaker) -> None:
        assert isinstance(breaker.state, pybreaker.CircuitClosedState)
        assert breaker.state.call(succeed) == "ok"
        breaker.open()
        assert isinstance(breaker.state, pybreaker.CircuitOpenState)
        with pytest.raises(CircuitOpenError):
            breaker.state.call(succeed)
        breaker.half_open()
        assert isinstance(breaker.state, pybreaker.CircuitHalfOpenState)
        assert breaker.state.call(succeed) == "ok"

    def test_the_state_can_be_set_by_name(self, breaker: Breaker) -> None:
        for name in ("open", "half-open", "closed"):
            breaker.state = name
            assert breaker.current_state == name
        with pytest.raises(ValueError, match="Unknown state 'ajar', valid states: open, half-open, closed"):
            breaker.state = "ajar"

    def test_a_storage_is_started_from_and_mirrored_to(self, clock: ManualClock, events: Events) -> None:
        storage = pybreaker.CircuitMemoryStorage("closed")
        storage.increment_counter()
        breaker = Breaker(fail_max=3, state_storage=storage, clock=clock.clock, events=events)
        assert breaker.fail_counter == 1
        fail(breaker)
        assert storage.counter == 2
        fail(breaker)
        assert storage.state == "open"
        assert storage.opened_at is not None
        assert storage.opened_at.isoformat() == "2024-01-01T12:00:00+00:00"
        clock.advance(20)
        second = Breaker(fail_max=3, state_storage=storage, clock=clock.clock, events=events)
        assert second.current_state == "open"
        assert second.retry_after == 40
        clock.advance(40)
        assert second.call(succeed) == "ok"
        assert storage.state == "closed"
        assert storage.counter == 0

    def test_the_mirrored_count_is_cleared_by_closing_and_by_nothing_else(
        self, clock: ManualClock, events: Events
    ) -> None:
        storage = pybreaker.CircuitMemoryStorage("closed")
        breaker = Breaker(fail_max=2, state_storage=storage, clock=clock.clock, events=events)
        fail(breaker, 2)
        assert storage.counter == 2
        breaker.half_open()
        assert storage.counter == 2
        breaker.close()
        assert storage.counter == 0

    def test_a_count_that_was_stored_goes_on(self, clock: ManualClock, events: Events) -> None:
        storage = pybreaker.CircuitMemoryStorage("closed")
        for _ in range(4):
            storage.increment_counter()
        breaker = Breaker(state_storage=storage, clock=clock.clock, events=events)
        assert breaker.fail_counter == 4
        fail(breaker)
        assert breaker.current_state == "open"

    def test_an_open_storage_without_a_time_opened_now(self, clock: ManualClock, events: Events) -> None:
        breaker = Breaker(state_storage=pybreaker.CircuitMemoryStorage("open"), clock=clock.clock, events=events)
        assert breaker.retry_after == 60

    def test_one_that_opened_long_ago_may_be_tested(self, clock: ManualClock, events: Events) -> None:
        storage = pybreaker.CircuitMemoryStorage("open")
        storage.opened_at = datetime(2023, 1, 1, tzinfo=UTC)
        breaker = Breaker(state_storage=storage, clock=clock.clock, events=events)
        assert breaker.current_state == "half-open"
        assert breaker.call(succeed) == "ok"

    def test_a_success_clears_the_mirrored_count(self, clock: ManualClock, events: Events) -> None:
        storage = pybreaker.CircuitMemoryStorage("closed")
        breaker = Breaker(fail_max=3, state_storage=storage, clock=clock.clock, events=events)
        fail(breaker)
        assert storage.counter == 1
        breaker.call(succeed)
        assert storage.counter == 0

    def test_ends_that_move_nothing_leave_its_state_alone(
        self, clock: ManualClock, events: Events, caplog: pytest.LogCaptureFixture
    ) -> None:
        storage = pybreaker.CircuitMemoryStorage("closed")
        ears = pybreaker.CircuitBreakerListener()
        breaker = Breaker(
            exclude=(KeyError,), state_storage=storage, listeners=[ears], clock=clock.clock, events=events
        )
        breaker.call(succeed)
        for error in (KeyError, ConnectionError):
            with pytest.raises(error):
                breaker.call(always(error))
            assert storage.state == "closed"
        assert caplog.records == []

    def test_a_storage_that_is_half_open_is_started_from(self, clock: ManualClock, events: Events) -> None:
        storage = pybreaker.CircuitMemoryStorage("half-open")
        breaker = Breaker(state_storage=storage, clock=clock.clock, events=events)
        assert breaker.current_state == "half-open"

    def test_a_storage_that_fails_stops_nobody(
        self, clock: ManualClock, events: Events, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken(pybreaker.CircuitMemoryStorage):
            def increment_counter(self) -> None:
                raise OSError("storage down")

        breaker = Breaker(fail_max=2, state_storage=Broken("closed"), name="api", clock=clock.clock, events=events)
        with caplog.at_level(logging.ERROR):
            fail(breaker, 2)
        assert breaker.current_state == "open"
        messages = {record.getMessage() for record in caplog.records}
        assert messages == {"The state storage of circuit breaker 'api' failed"}

    def test_a_nameless_breaker_has_a_name_in_sentences(
        self, clock: ManualClock, events: Events, heard: Recorder
    ) -> None:
        breaker = Breaker(fail_max=1, clock=clock.clock, events=events)
        fail(breaker)
        assert heard.messages == ["Circuit breaker 'unnamed' opened after 1 failures"]
        with pytest.raises(CircuitOpenError, match="Circuit breaker 'unnamed' is open"):
            breaker.call(succeed)

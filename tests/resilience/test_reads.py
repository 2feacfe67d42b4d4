"""Reads: sharing one call, falling back to an older answer, asking twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable

import pytest

from holdfast.resilience import (
    Answer,
    BulkheadFullError,
    CircuitOpenError,
    DeadlineExceededError,
    EventKind,
    Events,
    Executor,
    Operation,
    deadline_scope,
)
from holdfast.resilience.testing import ManualClock, Recorder, VirtualTimeLoop, run_virtual
from tests.resilience.conftest import Attempts, MakeExecutor, always
from tests.resilience.virtual import executor_in

READ = Operation("list_guests", retry_safe=True, key="guests")
KEYLESS = Operation("list_guests", retry_safe=True)


class Slow:
    """An attempt that takes a second and counts how often it was made."""

    def __init__(self, takes_s: float = 1.0, error: BaseException | None = None) -> None:
        self.takes_s = takes_s
        self.error = error
        self.made = 0
        self.cancelled = 0

    async def __call__(self) -> str:
        self.made += 1
        number = self.made
        try:
            await asyncio.sleep(self.takes_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return f"answer {number}"


class TestSharing:
    def test_identical_reads_that_overlap_are_one(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor, slow = executor_in(loop), Slow()
            answers = await asyncio.gather(*(executor.read(READ, slow) for _ in range(10)))
            assert slow.made == 1
            assert {answer.value for answer in answers} == {"answer 1"}
            assert not any(answer.stale for answer in answers)
            assert executor.stats.shared == 9
            assert executor.stats.successes == 1
            assert (await executor.read(READ, slow)).value == "answer 2"

        run_virtual(main)

    def test_reads_of_different_things_are_not(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor, slow = executor_in(loop), Slow()
            other = Operation("list_guests", retry_safe=True, key="guests of node b")
            await asyncio.gather(*(executor.read(operation, slow) for operation in (READ, other, KEYLESS, KEYLESS)))
            assert slow.made == 4
            assert executor.stats.shared == 0

        run_virtual(main)

    def test_a_failure_is_shared_too(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor, slow = executor_in(loop), Slow(error=ValueError("no such node"))
            results = await asyncio.gather(*(executor.read(READ, slow) for _ in range(3)), return_exceptions=True)
            assert slow.made == 1
            assert [str(result) for result in results] == ["no such node"] * 3

        run_virtual(main)

    def test_the_first_caller_may_give_up_and_the_others_still_get_the_answer(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor, slow = executor_in(loop), Slow()
            first, second = (asyncio.create_task(executor.read(READ, slow)) for _ in range(2))
            await asyncio.sleep(0.5)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await second).value == "answer 1"
            assert slow.made == 1
            assert loop.time() == 1

        run_virtual(main)

    def test_when_all_give_up_the_call_ends(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor, slow = executor_in(loop), Slow(takes_s=100)
            tasks = [asyncio.create_task(executor.read(READ, slow)) for _ in range(3)]
            await asyncio.sleep(0.5)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await asyncio.sleep(0.1)
            assert slow.cancelled == 1
            assert executor.in_flight == 0
            assert (await executor.read(READ, Slow())).value == "answer 1"

        run_virtual(main)

    def test_each_caller_keeps_its_own_deadline(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor, slow = executor_in(loop), Slow(takes_s=5)
            patient = asyncio.create_task(executor.read(READ, slow))
            await asyncio.sleep(0)
            with deadline_scope(2, monotonic=loop.time), pytest.raises(DeadlineExceededError) as caught:
                await executor.read(READ, slow)
            assert loop.time() == 2
            assert caught.value.attempts == 1
            assert (await patient).value == "answer 1"
            assert loop.time() == 5

        run_virtual(main)

    def test_a_call_that_ended_with_its_first_callers_time_is_made_again_for_who_has_more(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            made = 0

            async def fails_once() -> str:
                nonlocal made
                made += 1
                if made == 1:
                    await asyncio.sleep(0.5)
                    raise ConnectionError
                await asyncio.sleep(3)
                return f"answer {made}"

            async def hurried() -> None:
                with deadline_scope(3, monotonic=loop.time):
                    await executor.read(READ, fails_once)

            first = asyncio.create_task(hurried())
            await asyncio.sleep(0)
            second = asyncio.create_task(executor.read(READ, fails_once))
            with pytest.raises(DeadlineExceededError):
                await first
            assert (await second).value == "answer 3"

        run_virtual(main)

    def test_threads_share_too(self, make: MakeExecutor) -> None:
        executor = make()
        inside, go_on = threading.Event(), threading.Event()
        made = 0

        def slow() -> str:
            nonlocal made
            made += 1
            inside.set()
            go_on.wait(10)
            return f"answer {made}"

        answers: list[Answer[str]] = []
        threads = [threading.Thread(target=lambda: answers.append(executor.read_sync(READ, slow))) for _ in range(5)]
        threads[0].start()
        assert inside.wait(10)
        for thread in threads[1:]:
            thread.start()
        for _ in range(10_000):
            if executor.stats.shared == 4:
                break
            threading.Event().wait(0.001)
        go_on.set()
        for thread in threads:
            thread.join(10)
        assert [answer.value for answer in answers] == ["answer 1"] * 5
        assert made == 1
        assert executor.read_sync(READ, slow).value == "answer 2"

    @pytest.mark.parametrize("ends", ["error", "interrupt", "deadline", "follower's deadline"])
    def test_threads_that_joined_a_call_that_failed(self, make: MakeExecutor, clock: ManualClock, ends: str) -> None:
        executor = make()
        inside, go_on = threading.Event(), threading.Event()

        def leads() -> str:
            inside.set()
            go_on.wait(10)
            if ends == "error":
                raise ValueError("no such node")
            if ends == "interrupt":
                raise KeyboardInterrupt
            if ends == "deadline":
                raise DeadlineExceededError("api", "list_guests", 1, 1.0)
            return "late"

        results: list[object] = []

        def lead() -> None:
            try:
                results.append(executor.read_sync(READ, leads))
            except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - looked at below
                results.append(error)

        def follow() -> None:
            try:
                if ends == "follower's deadline":
                    with deadline_scope(0.05):
                        results.append(executor.read_sync(READ, lambda: "own"))
                else:
                    results.append(executor.read_sync(READ, lambda: "own"))
            except Exception as error:  # noqa: BLE001 - looked at below
                results.append(error)

        leader = threading.Thread(target=lead)
        leader.start()
        assert inside.wait(10)
        follower = threading.Thread(target=follow)
        follower.start()
        for _ in range(10_000):
            if executor.stats.shared == 1:
                break
            threading.Event().wait(0.001)
        if ends == "follower's deadline":
            follower.join(10)
            assert isinstance(results[0], DeadlineExceededError)
        go_on.set()
        leader.join(10)
        follower.join(10)
        assert len(results) == 2
        if ends == "error":
            assert [str(result) for result in results] == ["no such node"] * 2
        elif ends in ("interrupt", "deadline"):
            assert any(isinstance(result, Answer) and result.value == "own" for result in results)


class TestStale:
    def test_an_open_circuit_is_answered_from_the_last_good_answer(
        self, make: MakeExecutor, clock: ManualClock, events: Events, heard: Recorder
    ) -> None:
        executor = make()
        assert executor.breaker is not None
        first = executor.read_sync(READ, Attempts(answer="five guests"), max_stale_s=300)
        assert first == Answer("five guests")
        executor.breaker.open()
        clock.advance(30)
        answer = executor.read_sync(READ, always(), max_stale_s=300)
        assert (answer.value, answer.stale, answer.age_s) == ("five guests", True, 30)
        assert answer.reason is not None
        assert answer.reason.startswith("Circuit breaker 'api' is open")
        assert executor.stats.stale == 1
        message = heard.of(EventKind.STALE)[0].message
        assert message.startswith("'list_guests' of 'api' answered with data 30s old: Circuit breaker 'api' is open")

    def test_coroutines_get_it_too(self, make: MakeExecutor, clock: ManualClock) -> None:
        executor = make()
        assert executor.breaker is not None
        breaker = executor.breaker

        async def main() -> None:
            await executor.read(READ, Attempts(answer="five guests").coroutine, max_stale_s=300)
            breaker.open()
            answer = await executor.read(READ, always().coroutine, max_stale_s=300)
            assert (answer.value, answer.stale) == ("five guests", True)

        asyncio.run(main())

    def test_too_old_an_answer_is_none(self, make: MakeExecutor, clock: ManualClock) -> None:
        executor = make()
        executor.read_sync(READ, Attempts(), max_stale_s=10)
        clock.advance(10.1)
        with pytest.raises(ConnectionError):
            executor.read_sync(READ, always(), max_stale_s=10)

    @pytest.mark.parametrize(
        "error",
        [
            ConnectionError("lost"),
            TimeoutError(),
            RuntimeError("internal"),
            BulkheadFullError("api", 1, 1),
            DeadlineExceededError("api", "read", 1, 50.0),
        ],
    )
    def test_a_failure_of_the_other_side_is_answered_so(self, make: MakeExecutor, error: Exception) -> None:
        executor = make()
        executor.read_sync(READ, Attempts(answer="old"), max_stale_s=300)
        assert executor.read_sync(READ, Attempts(*[error] * 3), max_stale_s=300).value == "old"

    def test_a_refusal_of_the_other_side_is_an_answer(self, make: MakeExecutor) -> None:
        executor = make()
        executor.read_sync(READ, Attempts(answer="old"), max_stale_s=300)
        with pytest.raises(ValueError, match="no longer"):
            executor.read_sync(READ, Attempts(ValueError("no longer there")), max_stale_s=300)

    def test_a_classifier_that_fails_leaves_the_failure_standing(self, make: MakeExecutor) -> None:
        def broken(error: BaseException) -> object:
            raise KeyError

        executor = make(classify=broken)  # type: ignore[arg-type]  # never returns
        executor.read_sync(READ, Attempts(answer="old"), max_stale_s=300)
        with pytest.raises(ConnectionError):
            executor.read_sync(READ, always(), max_stale_s=300)

    def test_only_who_asks_for_it_gets_it(self, make: MakeExecutor) -> None:
        executor = make()
        executor.read_sync(READ, Attempts(), max_stale_s=300)
        with pytest.raises(ConnectionError):
            executor.read_sync(READ, always())
        with pytest.raises(ConnectionError):
            executor.read_sync(KEYLESS, always())

    def test_answers_can_be_forgotten(self, make: MakeExecutor) -> None:
        executor = make(retry_max_attempts=1, circuit_breaker_fail_max=100)
        other = Operation("list_nodes", retry_safe=True, key="nodes")
        executor.read_sync(other, Attempts(answer="kept"), max_stale_s=300)
        for key in ("guests", None):
            executor.read_sync(READ, Attempts(), max_stale_s=300)
            executor.forget(key)
            if key is not None:
                assert executor.read_sync(other, always(), max_stale_s=300).value == "kept"
            with pytest.raises((ConnectionError, CircuitOpenError)):
                executor.read_sync(READ, always(), max_stale_s=300)

    async def test_without_a_key_it_cannot_be(self, make: MakeExecutor) -> None:
        with pytest.raises(ValueError, match="needs a key"):
            make().read_sync(KEYLESS, Attempts(), max_stale_s=1)
        with pytest.raises(ValueError, match="needs a key"):
            await make().read(KEYLESS, Attempts().coroutine, max_stale_s=1)


class Late:
    """An attempt whose answers take the given times; an exception instead of an answer is raised then."""

    def __init__(self, *plan: tuple[float, str | Exception]) -> None:
        self.plan = list(plan)
        self.made = 0
        self.cancelled = 0

    async def __call__(self) -> str:
        takes, answer = self.plan[self.made]
        self.made += 1
        try:
            await asyncio.sleep(takes)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(answer, Exception):
            raise answer
        return answer


class TestHedging:
    def ask(self, executor: Executor, late: Late, after: float = 1.0) -> Awaitable[Answer[str]]:
        return executor.read(KEYLESS, late, hedge_after_s=after)

    def test_a_quick_answer_is_not_asked_for_twice(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            late = Late((0.9, "first"))
            assert (await self.ask(executor_in(loop), late)).value == "first"
            assert late.made == 1

        run_virtual(main)

    def test_a_late_one_is_and_the_first_that_comes_is_taken(self) -> None:
        heard = Recorder()

        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, heard)
            late = Late((20, "first"), (0.5, "second"))
            assert (await self.ask(executor, late)).value == "second"
            assert loop.time() == 1.5
            assert (late.made, late.cancelled) == (2, 1)
            assert executor.stats.hedged == 1
            assert executor.in_flight == 0

        run_virtual(main)
        assert heard.messages == ["'list_guests' of 'api' sent again after 1s without an answer"]

    def test_the_first_may_still_win(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            late = Late((1.2, "first"), (5, "second"))
            assert (await self.ask(executor_in(loop), late)).value == "first"
            assert loop.time() == 1.2
            assert late.cancelled == 1

        run_virtual(main)

    @pytest.mark.parametrize(
        ("plan", "takes"),
        [
            (((2.0, "good"), (0.5, ConnectionError("bad"))), 2.0),
            (((1.5, ConnectionError("bad")), (2.0, "good")), 3.0),
        ],
    )
    def test_a_failure_of_one_waits_for_the_other(
        self, plan: tuple[tuple[float, str | Exception], ...], takes: float
    ) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            assert (await self.ask(executor_in(loop), Late(*plan))).value == "good"
            assert loop.time() == takes

        run_virtual(main)

    def test_when_both_fail_the_firsts_error_is_the_attempts(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop, retry_max_attempts=1)
            late = Late((2, ConnectionError("first")), (0.5, ConnectionError("second")))
            with pytest.raises(ConnectionError, match="first"):
                await self.ask(executor, late)

        run_virtual(main)

    def test_a_quick_failure_is_repeated_not_hedged(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            late = Late((0.1, ConnectionError("refused")), (0.1, "second"))
            assert (await self.ask(executor, late)).value == "second"
            assert executor.stats.hedged == 0
            assert executor.stats.retries == 1

        run_virtual(main)

    def test_cancelling_cancels_both(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            executor = executor_in(loop)
            late = Late((50, "first"), (50, "second"))
            task = asyncio.ensure_future(self.ask(executor, late))
            await asyncio.sleep(2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert late.cancelled == 2
            assert executor.in_flight == 0

        run_virtual(main)

    def test_there_is_none_without_budget_room_or_a_closed_circuit(self) -> None:
        async def main(loop: VirtualTimeLoop) -> None:
            for policy in ({"budget_ratio": 0.0, "budget_floor_per_s": 0.0}, {"max_in_flight": 1}):
                late = Late((3, "first"))
                executor = executor_in(loop, **policy)
                assert (await self.ask(executor, late)).value == "first"
                assert late.made == 1
                assert executor.in_flight == 0
            executor = executor_in(loop)
            assert executor.breaker is not None
            executor.breaker.half_open()
            late = Late((3, "first"))
            assert (await self.ask(executor, late)).value == "first"
            assert late.made == 1

        run_virtual(main)

    async def test_what_must_not_run_twice_cannot_be_hedged(self, make: MakeExecutor) -> None:
        with pytest.raises(ValueError, match="is not retry_safe"):
            await make().read(Operation("reboot"), Attempts().coroutine, hedge_after_s=1)

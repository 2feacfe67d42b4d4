"""Several breakers of one name that share their state through a store."""

from __future__ import annotations

import pytest

from holdfast.resilience import Breaker, CircuitOpenError, EventKind, Events, Executor, Operation, Policy
from holdfast.resilience.circuit import Tuning
from holdfast.resilience.sharing import MemoryStateStore, SharedState, StateStore
from holdfast.resilience.testing import ManualClock, Recorder
from tests.resilience.conftest import Attempts, always
from tests.resilience.ways import Way


@pytest.fixture
def store(clock: ManualClock) -> MemoryStateStore:
    return MemoryStateStore(clock.clock.monotonic)


class Party:
    """One breaker that shares, and what it told."""

    def __init__(self, clock: ManualClock, store: StateStore, name: str = "api", growth: float = 1.0) -> None:
        self.heard = Recorder()
        self.breaker = Breaker(
            fail_max=2,
            reset_timeout=60,
            name=name,
            tuning=Tuning(growth=growth),
            clock=clock.clock,
            events=Events(self.heard),
            store=store,
        )

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            with pytest.raises(ConnectionError):
                self.breaker.call(always())

    @property
    def state(self) -> str:
        return self.breaker.current_state

    @property
    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.heard.events]


@pytest.fixture
def parties(clock: ManualClock, store: MemoryStateStore) -> tuple[Party, Party]:
    return Party(clock, store), Party(clock, store)


def test_what_one_opens_is_open_for_all_of_the_name(parties: tuple[Party, Party], clock: ManualClock) -> None:
    first, second = parties
    first.fail(2)
    assert second.state == "open"
    assert second.breaker.retry_after == 60
    with pytest.raises(CircuitOpenError):
        second.breaker.call(Attempts())
    assert first.kinds == [EventKind.OPENED]
    assert second.kinds == [EventKind.OPENED]


def test_counts_are_each_ones_own(parties: tuple[Party, Party]) -> None:
    first, second = parties
    first.fail()
    second.fail()
    assert first.state == second.state == "closed"


def test_one_of_all_tests_and_its_success_closes_all(parties: tuple[Party, Party], clock: ManualClock) -> None:
    first, second = parties
    first.fail(2)
    clock.advance(60)
    with second.breaker.calling():
        with pytest.raises(CircuitOpenError) as caught:
            first.breaker.call(Attempts())
        assert caught.value.retry_after == 1.0
    assert first.state == second.state == "closed"
    assert first.breaker.call(Attempts()) == "ok"


def test_its_failure_opens_all_again(parties: tuple[Party, Party], clock: ManualClock) -> None:
    first, second = parties
    first.fail(2)
    clock.advance(60)
    second.fail()
    assert first.state == "open"
    assert first.breaker.retry_after == 60


def test_a_longer_open_time_is_taken_over_as_it_is(clock: ManualClock, store: MemoryStateStore) -> None:
    first, second = Party(clock, store, growth=2.0), Party(clock, store)
    first.fail(2)
    clock.advance(60)
    first.fail()
    assert first.breaker.retry_after == 120
    assert second.breaker.retry_after == 120


def test_a_claim_to_test_that_is_lost_expires(parties: tuple[Party, Party], clock: ManualClock) -> None:
    first, second = parties
    first.fail(2)
    clock.advance(60)
    first.breaker.machine.admit(10)
    with pytest.raises(CircuitOpenError):
        second.breaker.call(Attempts())
    clock.advance(10)
    assert second.breaker.call(Attempts()) == "ok"
    assert first.state == "closed"


def test_a_cancelled_test_gives_its_claim_back(parties: tuple[Party, Party], clock: ManualClock) -> None:
    first, second = parties
    first.fail(2)
    clock.advance(60)
    with pytest.raises(KeyboardInterrupt):
        first.breaker.call(always(KeyboardInterrupt))
    assert second.breaker.call(Attempts()) == "ok"


def test_who_comes_later_learns_what_is_left(
    parties: tuple[Party, Party], clock: ManualClock, store: MemoryStateStore
) -> None:
    first, _ = parties
    first.fail(2)
    clock.advance(20)
    third = Party(clock, store)
    assert third.state == "open"
    assert third.breaker.retry_after == 40
    clock.advance(100)
    assert Party(clock, store).state == "half-open"


def test_who_comes_after_recovery_is_closed(
    parties: tuple[Party, Party], clock: ManualClock, store: MemoryStateStore
) -> None:
    first, _ = parties
    first.fail(2)
    clock.advance(60)
    first.breaker.call(Attempts())
    late = Party(clock, store)
    assert late.state == "closed"
    assert late.kinds == []


def test_isolation_and_release_are_shared(
    parties: tuple[Party, Party], clock: ManualClock, store: MemoryStateStore
) -> None:
    first, second = parties
    first.fail(2)
    first.breaker.isolate("disks")
    clock.advance(10_000)
    assert second.breaker.isolated
    assert second.breaker.machine.isolated == "disks"
    assert Party(clock, store).breaker.isolated
    second.breaker.release()
    assert not first.breaker.isolated
    assert first.state == "half-open"
    assert second.kinds == [EventKind.OPENED, EventKind.ISOLATED, EventKind.RELEASED, EventKind.HALF_OPEN]
    first.breaker.call(Attempts())
    assert second.state == "closed"


def test_names_are_apart(clock: ManualClock, store: MemoryStateStore) -> None:
    first, second = Party(clock, store, "a"), Party(clock, store, "b")
    first.fail(2)
    assert second.state == "closed"


def test_who_stops_sharing_goes_on_alone(parties: tuple[Party, Party], clock: ManualClock) -> None:
    first, second = parties
    second.breaker.stop_sharing()
    second.breaker.stop_sharing()
    first.fail(2)
    assert second.state == "closed"
    second.breaker.open()
    second.breaker.half_open()
    assert second.breaker.call(Attempts()) == "ok"
    assert first.state == "open"


class Spy(MemoryStateStore):
    """A store that remembers what was published."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock.clock.monotonic)
        self.published: list[tuple[str, float, str | None]] = []
        self.released = 0

    def publish(self, name: str, state: SharedState, origin: object) -> None:
        self.published.append((state.state, state.open_for_s, state.isolated))
        super().publish(name, state, origin)

    def release_test(self, name: str, origin: object) -> None:
        self.released += 1
        super().release_test(name, origin)


def test_calls_that_test_nothing_ask_nothing_of_the_store(clock: ManualClock) -> None:
    spy = Spy(clock)
    party = Party(clock, spy)
    party.fail()
    party.breaker.call(Attempts())
    assert spy.released == 0
    party.breaker.half_open()
    party.breaker.call(Attempts())
    assert spy.released == 1


def test_what_was_learnt_is_not_published_again(clock: ManualClock) -> None:
    spy = Spy(clock)
    first, _ = Party(clock, spy), Party(clock, spy)
    first.fail(2)
    clock.advance(60)
    first.breaker.call(Attempts())
    first.breaker.isolate("disks")
    first.breaker.release()
    assert spy.published == [
        ("open", 60, None),
        ("half-open", 0, None),
        ("closed", 0, None),
        ("open", 0, "disks"),
        ("open", 0, None),
        ("half-open", 0, None),
    ]


def test_the_test_of_a_circuit_closed_by_hand_meanwhile_gives_its_claim_back(
    clock: ManualClock, store: MemoryStateStore
) -> None:
    first, second = Party(clock, store), Party(clock, store)
    first.breaker.half_open()
    with first.breaker.calling():
        second.breaker.close()
    first.breaker.half_open()
    assert second.breaker.call(Attempts()) == "ok"


def test_the_reason_and_the_count_are_told_by_all(clock: ManualClock, store: MemoryStateStore) -> None:
    first, second = Party(clock, store), Party(clock, store)
    second.fail()
    first.fail(2)
    assert second.heard.messages == ["Circuit breaker 'api' opened after 1 failures"]
    first.breaker.close()
    first.breaker.isolate("disks")
    assert second.heard.messages[-1] == "Circuit breaker 'api' held open by an operator: disks"


def test_adopting_an_open_state_without_a_time_may_be_tested_at_once(clock: ManualClock) -> None:
    breaker = Breaker(clock=clock.clock, events=Events(Recorder()))
    breaker.machine.adopt("open")
    assert breaker.current_state == "half-open"


class Broken:
    """A store that is down."""

    def __init__(self, *, subscribes: bool) -> None:
        self.subscribes = subscribes

    def publish(self, name: str, state: SharedState, origin: object) -> None:
        raise OSError("publish")

    def subscribe(self, name: str, origin: object, adopt: object) -> object:
        if not self.subscribes:
            raise OSError("subscribe")
        return lambda: None

    def claim_test(self, name: str, origin: object, lease_s: float) -> bool:
        raise OSError("claim")

    def release_test(self, name: str, origin: object) -> None:
        raise OSError("release")


@pytest.mark.parametrize("subscribes", [True, False])
def test_a_store_that_is_down_costs_agreement_and_no_call(
    clock: ManualClock, caplog: pytest.LogCaptureFixture, subscribes: bool
) -> None:
    party = Party(clock, Broken(subscribes=subscribes))  # type: ignore[arg-type]  # a store by shape
    party.fail(2)
    assert party.state == "open"
    clock.advance(60)
    assert party.breaker.call(Attempts()) == "ok"
    assert party.state == "closed"
    assert "The state store of circuit breaker 'api' failed" in caplog.text
    party.breaker.stop_sharing()


async def test_executors_share_and_stop_when_closed(clock: ManualClock, store: MemoryStateStore) -> None:
    first, second = (
        Executor("api", Policy(), clock=clock.clock, events=Events(Recorder()), store=store) for _ in range(2)
    )
    assert first.breaker is not None
    assert second.breaker is not None
    first.breaker.open()
    with pytest.raises(CircuitOpenError):
        await second.run(Operation("read"), Attempts().coroutine)
    await second.aclose()
    first.breaker.close()
    assert second.breaker.current_state == "open"


def test_adopting_what_is_known_already_tells_nobody(clock: ManualClock, store: MemoryStateStore) -> None:
    party = Party(clock, store)
    for _ in range(2):
        store.publish("api", SharedState("open", 30.0), object())
    assert party.breaker.retry_after == 30
    for _ in range(2):
        store.publish("api", SharedState("half-open"), object())
    for _ in range(2):
        store.publish("api", SharedState("closed"), object())
    assert party.kinds == [EventKind.OPENED, EventKind.HALF_OPEN, EventKind.CLOSED]


def test_a_repetition_in_place_of_which_another_tests_ends_with_its_own_error(
    clock: ManualClock, store: MemoryStateStore, call: Way
) -> None:
    executor = Executor("api", clock=clock.clock, events=Events(Recorder()), store=store)
    breaker = executor.breaker
    assert breaker is not None

    def another_tests() -> None:
        breaker.half_open()
        assert store.claim_test("api", object(), 60)

    clock.when_slept = another_tests
    attempt = always(lambda: ConnectionError("mine"))
    with pytest.raises(ConnectionError, match="mine") as caught:
        call(executor, attempt)
    assert attempt.made == 1
    assert caught.value.__notes__ == ["Not repeated: the circuit opened."]
    assert executor.in_flight == 0
    assert executor.stats.failures == 1

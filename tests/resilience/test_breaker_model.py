"""The breaker against a plain model: any order of calls, results, clock steps and operators' hands."""

from __future__ import annotations

import math
from typing import Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from holdfast.resilience import Breaker, CircuitOpenError, EventKind, Events, Outcome, get_circuit_breaker_metrics
from holdfast.resilience.circuit import Permit, Tuning
from holdfast.resilience.testing import ManualClock, Recorder

OUTCOMES = st.sampled_from(list(Outcome))
SECONDS = st.sampled_from([0.0, 0.5, 1.0, 2.999, 3.0, 9.999, 10.0, 15.0, 29.0, 30.0, 100.0])


class Model:
    """What the rules say, written down as plainly as possible and slowly as it may be."""

    def __init__(self, fail_max: int, threshold: int, growth: float, streak_s: float) -> None:
        self.fail_max, self.threshold, self.growth, self.streak_s = fail_max, threshold, growth, streak_s
        self.state: Literal["closed", "open", "half-open"] = "closed"
        self.isolated = False
        self.opened_at = -math.inf
        self.reopened = 0
        self.failures = 0
        self.successes = 0
        self.test_successes = 0
        self.streak: list[float] = []
        self.epoch = 0
        self.tester: int | None = None
        self.tester_until = -math.inf
        self.story: list[EventKind] = []

    def open_s(self) -> float:
        return min(10.0 * self.growth**self.reopened, 60.0)

    def looks(self, now: float) -> str:
        due = self.state == "open" and not self.isolated and now >= self.opened_at + self.open_s()
        return "half-open" if due else self.state

    def enter(self, state: Literal["closed", "open", "half-open"], now: float, kind: EventKind | None = None) -> None:
        self.state = state
        self.epoch += 1
        self.tester = None
        self.test_successes = 0
        if state == "closed":
            self.failures = self.reopened = 0
            self.streak = []
        if state == "open":
            self.opened_at = now
        told = {"closed": EventKind.CLOSED, "open": EventKind.OPENED, "half-open": EventKind.HALF_OPEN}
        self.story.append(kind or told[state])


class Call:
    """A call under way: the breaker's permit, and what the model remembers of it."""

    def __init__(self, permit: Permit, number: int, epoch: int, begun: float) -> None:
        self.permit, self.number, self.epoch, self.begun = permit, number, epoch, begun


class BreakerAgainstModel(RuleBasedStateMachine):
    """Does the same to both and compares after every step."""

    calls: Bundle[Call] = Bundle("calls")

    @initialize(
        fail_max=st.integers(1, 4),
        threshold=st.integers(1, 3),
        growth=st.sampled_from([1.0, 2.0]),
        streak_s=st.sampled_from([0.0, 3.0]),
    )
    def begin(self, fail_max: int, threshold: int, growth: float, streak_s: float) -> None:
        self.clock = ManualClock()
        self.heard = Recorder()
        self.model = Model(fail_max, threshold, growth, streak_s)
        self.numbers = 0
        self.breaker = Breaker(
            fail_max=fail_max,
            reset_timeout=10,
            success_threshold=threshold,
            name="api",
            tuning=Tuning(streak_s=streak_s, growth=growth, timeout_max=60.0, lease_s=30.0),
            clock=self.clock.clock,
            events=Events(self.heard),
        )

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(target=calls)
    def a_call_begins(self) -> Call | MultipleResults[Call]:
        model, now = self.model, self.clock.now
        looks = model.looks(now)
        tested = looks == "half-open" and model.tester is not None and now < model.tester_until
        if looks == "open" or tested:
            with pytest.raises(CircuitOpenError) as caught:
                self.breaker.machine.admit()
            if model.isolated:
                assert caught.value.retry_after is None
            elif looks == "open":
                assert caught.value.retry_after == pytest.approx(model.opened_at + model.open_s() - now)
            else:
                assert caught.value.retry_after == pytest.approx(min(1.0, model.tester_until - now))
            return multiple()
        self.numbers += 1
        if looks == "half-open":
            if model.state == "open":
                model.enter("half-open", now)
            elif model.tester is not None:
                model.epoch += 1  # the owner was lost
            model.tester, model.tester_until = self.numbers, now + 30.0
        return Call(self.breaker.machine.admit(), self.numbers, model.epoch, now)

    @rule(call=consumes(calls), outcome=OUTCOMES)
    def a_call_ends(self, call: Call, outcome: Outcome) -> None:
        model, now = self.model, self.clock.now
        tripped = self.breaker.machine.settle(call.permit, outcome, ConnectionError("gone"))
        assert tripped == self.the_model_hears(call, outcome)
        # Saying it twice changes nothing, whatever is said.
        assert self.breaker.machine.settle(call.permit, Outcome.FAILURE) is False
        assert now == self.clock.now
        assert model.state in ("closed", "open", "half-open")

    def the_model_hears(self, call: Call, outcome: Outcome) -> bool:
        model, now = self.model, self.clock.now
        if outcome is Outcome.SUCCESS:
            model.successes += 1
        if call.epoch != model.epoch:
            if model.tester == call.number:
                model.tester = None
            return False
        if model.tester == call.number:
            model.tester = None
        if outcome is Outcome.NEUTRAL:
            return False
        if model.state == "closed":
            if outcome is Outcome.SUCCESS:
                model.failures, model.streak = 0, []
                return False
            model.failures += 1
            if model.failures >= model.fail_max:
                model.enter("open", now)
                return True
            return False
        if outcome is Outcome.SUCCESS:
            model.test_successes += 1
            if model.test_successes >= model.threshold:
                model.enter("closed", now)
            return False
        model.failures += 1
        model.reopened += 1
        model.enter("open", now)
        return True

    @rule(call=calls)
    def an_attempt_of_a_call_fails(self, call: Call) -> None:
        model, now = self.model, self.clock.now
        tripped = self.breaker.machine.attempt_failed(call.permit, call.begun, ConnectionError("gone"))
        expected = False
        if call.epoch == model.epoch and model.state == "closed":
            model.streak.append(call.begun)
            lasted = now - min(model.streak)
            expected = 0 < model.streak_s <= lasted and len(model.streak) >= model.fail_max
            if expected:
                model.failures = max(model.failures, len(model.streak))
                model.enter("open", now)
        assert tripped == expected

    @rule()
    def an_operator_opens(self) -> None:
        self.breaker.open()
        self.model.reopened = 0
        self.model.enter("open", self.clock.now)

    @rule()
    def an_operator_closes(self) -> None:
        self.breaker.close()
        self.model.isolated = False
        self.model.enter("closed", self.clock.now)

    @rule()
    def an_operator_or_a_probe_half_opens(self) -> None:
        self.breaker.half_open()
        if not self.model.isolated and self.model.state != "half-open":
            self.model.enter("half-open", self.clock.now)

    @rule()
    def an_operator_isolates(self) -> None:
        self.breaker.isolate("maintenance")
        if not self.model.isolated:
            self.model.isolated = True
            self.model.enter("open", self.clock.now, EventKind.ISOLATED)

    @rule()
    def an_operator_releases(self) -> None:
        self.breaker.release()
        if self.model.isolated:
            self.model.isolated = False
            self.model.story.append(EventKind.RELEASED)
            self.model.enter("half-open", self.clock.now)

    @invariant()
    def both_look_the_same(self) -> None:
        model, breaker, now = self.model, self.breaker, self.clock.now
        looks = model.looks(now)
        assert breaker.current_state == looks
        assert breaker.state.name == looks
        assert breaker.fail_counter == model.failures
        assert breaker.success_counter == model.test_successes
        assert breaker.isolated == model.isolated
        assert breaker.machine.successes == model.successes
        assert (breaker.opened_at is None) == (model.state == "closed" or breaker.opened_at is None)
        if model.state == "closed":
            assert breaker.opened_at is None
            assert breaker.retry_after == 0.0
        assert breaker.machine.quiet == (model.state == "closed" and not model.failures and not model.streak)
        metrics = get_circuit_breaker_metrics(breaker)
        assert (metrics["state"], metrics["fail_counter"]) == (looks, model.failures)

    @invariant()
    def every_transition_was_told_once_in_order(self) -> None:
        told = [event.kind for event in self.heard.events if event.kind is not EventKind.REJECTED]
        assert told == self.model.story


TestBreakerAgainstModel = BreakerAgainstModel.TestCase
TestBreakerAgainstModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)

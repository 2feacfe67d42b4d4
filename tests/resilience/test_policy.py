"""Policies: the guide's defaults, and impossible ones refused with the name of the key."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience import Policy, PolicyError

NUMBERS = [
    "retry_min_wait",
    "retry_max_wait",
    "retry_multiplier",
    "retry_jitter",
    "retry_after_cap",
    "budget_ratio",
    "budget_floor_per_s",
    "circuit_breaker_timeout",
    "circuit_breaker_streak",
    "circuit_breaker_probe_interval",
    "circuit_breaker_timeout_growth",
    "circuit_breaker_timeout_max",
    "circuit_breaker_timeout_jitter",
    "circuit_breaker_window",
    "circuit_breaker_failure_rate",
    "circuit_breaker_slow_call",
    "circuit_breaker_slow_rate",
    "timeout",
    "connect_timeout",
    "total_timeout",
]
COUNTS = {
    "retry_max_attempts": 1,
    "circuit_breaker_fail_max": 1,
    "circuit_breaker_success_threshold": 1,
    "circuit_breaker_window_min_calls": 1,
    "max_in_flight": 1,
    "max_waiting": 0,
    "stale_max_entries": 0,
}
ABOVE_ZERO = [
    "circuit_breaker_window",
    "circuit_breaker_failure_rate",
    "circuit_breaker_slow_call",
    "circuit_breaker_slow_rate",
    "timeout",
    "connect_timeout",
    "total_timeout",
]
OPTIONAL = {"circuit_breaker_window", "circuit_breaker_slow_call", "total_timeout"}
FRACTIONS = [
    "retry_jitter",
    "circuit_breaker_timeout_jitter",
    "circuit_breaker_failure_rate",
    "circuit_breaker_slow_rate",
]


def make(key: str, value: object) -> Policy:
    return Policy(**{key: value})  # type: ignore[arg-type]  # checked by Policy itself


def refused(key: str, value: object) -> str:
    with pytest.raises(PolicyError) as caught:
        make(key, value)
    assert caught.value.key == key
    assert str(caught.value).startswith(f"{key} ")
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


def test_the_defaults_are_the_guides() -> None:
    policy = Policy()
    assert (policy.retry_max_attempts, policy.retry_min_wait, policy.retry_max_wait) == (3, 1, 10)
    assert policy.retry_multiplier == 1
    assert policy.circuit_breaker_enabled is True
    assert (policy.circuit_breaker_fail_max, policy.circuit_breaker_timeout) == (5, 60)
    assert policy.timeout == 30


def test_the_other_defaults_are_the_designs() -> None:
    policy = Policy()
    assert policy.connect_timeout == 5
    assert policy.total_timeout == policy.total_s == 50
    assert policy.circuit_breaker_probe_interval == 5
    assert policy.circuit_breaker_streak == 3
    assert policy.budget_ratio == 0.2
    assert policy.retry_jitter == 0
    assert policy.circuit_breaker_window is None


def test_every_number_is_known_to_these_tests() -> None:
    names = {field.name for field in dataclasses.fields(Policy)} - {"circuit_breaker_enabled"}
    assert names == {*NUMBERS, *COUNTS}


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("value", [-1, -0.001, -math.inf, math.nan, "5", True, [1], 1e12])
def test_a_number_that_cannot_be_is_refused_by_name(key: str, value: object) -> None:
    refused(key, value) if (key, value) != ("total_timeout", 1e12) else make(key, value)


@pytest.mark.parametrize("key", sorted({*NUMBERS} - OPTIONAL))
def test_none_is_no_number(key: str) -> None:
    assert refused(key, None) == f"{key} must be a number, not None"


@pytest.mark.parametrize("key", ABOVE_ZERO)
def test_zero_is_refused_where_nothing_could_ever_happen_in_it(key: str) -> None:
    assert refused(key, 0) == f"{key} must be more than 0, not 0"


@pytest.mark.parametrize("key", sorted({*NUMBERS} - {*ABOVE_ZERO, "retry_max_wait", "circuit_breaker_timeout_growth"}))
def test_zero_is_allowed_elsewhere(key: str) -> None:
    assert getattr(make(key, 0), key) == 0


@pytest.mark.parametrize("key", FRACTIONS)
def test_a_fraction_is_at_most_one(key: str) -> None:
    assert getattr(make(key, 1), key) == 1
    assert refused(key, 1.01) == f"{key} must be at most 1, not 1.01"


@pytest.mark.parametrize(("key", "least"), COUNTS.items())
def test_a_count_is_a_whole_number_and_large_enough(key: str, least: int) -> None:
    assert getattr(make(key, least), key) == least
    assert refused(key, least - 1) == f"{key} must be {least} or more, not {least - 1}"
    assert refused(key, 2.0) == f"{key} must be a whole number, not 2.0"
    assert refused(key, "3") == f"{key} must be a whole number, not '3'"
    refused(key, True)
    refused(key, None)


def test_the_time_may_not_shrink() -> None:
    key = "circuit_breaker_timeout_growth"
    assert refused(key, 0.99) == f"{key} must be at least 1, not 0.99"
    assert make("circuit_breaker_timeout_growth", 1).circuit_breaker_timeout_growth == 1


def test_a_switch_is_true_or_false() -> None:
    assert refused("circuit_breaker_enabled", "yes") == "circuit_breaker_enabled must be true or false, not 'yes'"
    refused("circuit_breaker_enabled", 1)


def test_a_minimum_above_the_maximum_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"retry_min_wait \(11\) must not exceed retry_max_wait \(10\)") as caught:
        Policy(retry_min_wait=11)
    assert caught.value.key == "retry_min_wait"
    assert Policy(retry_min_wait=10).retry_min_wait == 10


def test_a_longer_attempt_makes_the_whole_longer_unless_it_is_bounded_by_name() -> None:
    assert Policy(timeout=60).total_timeout == 60
    assert Policy(timeout=60, total_timeout=20).total_s == 20
    assert Policy(total_timeout=math.inf).total_s == math.inf


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Policy().timeout = 3  # type: ignore[misc]  # that is the point


class TestFromConfig:
    def test_reads_the_guides_keys_and_ignores_the_others(self) -> None:
        policy = Policy.from_config(
            {
                "host": "192.168.1.1",
                "api_key": "your-api-key",
                "retry_max_attempts": 4,
                "retry_min_wait": 2,
                "retry_max_wait": 20,
                "circuit_breaker_enabled": False,
                "circuit_breaker_fail_max": 6,
                "circuit_breaker_timeout": 70,
                "timeout": 31,
                "connector_limit": 100,
            }
        )
        assert policy == Policy(
            retry_max_attempts=4,
            retry_min_wait=2,
            retry_max_wait=20,
            circuit_breaker_enabled=False,
            circuit_breaker_fail_max=6,
            circuit_breaker_timeout=70,
            timeout=31,
        )

    def test_an_empty_configuration_has_the_defaults(self) -> None:
        assert Policy.from_config({}) == Policy()

    def test_the_queue_follows_the_connection_pool(self) -> None:
        assert Policy.from_config({"connector_limit_per_host": 7}).max_in_flight == 7
        assert Policy.from_config({"connector_limit_per_host": 7, "max_in_flight": 3}).max_in_flight == 3
        assert Policy.from_config({"connector_limit_per_host": 0}).max_in_flight == Policy().max_in_flight

    @pytest.mark.parametrize("limit", [-1, "30", None])
    def test_an_impossible_pool_is_refused_by_its_name(self, limit: object) -> None:
        with pytest.raises(PolicyError, match="connector_limit_per_host"):
            Policy.from_config({"connector_limit_per_host": limit})

    def test_impossible_values_are_refused(self) -> None:
        with pytest.raises(PolicyError, match="retry_max_attempts must be a whole number, not '3'"):
            Policy.from_config({"retry_max_attempts": "3"})


@given(
    st.dictionaries(
        st.sampled_from([*NUMBERS, *COUNTS]),
        st.one_of(st.integers(-10, 10**9), st.floats(), st.text(max_size=3), st.booleans(), st.none()),
        max_size=6,
    )
)
def test_whatever_is_given_is_refused_by_name_or_makes_a_policy_that_works(config: dict[str, object]) -> None:
    try:
        policy = Policy.from_config(config)
    except PolicyError as error:
        assert error.key in config or error.key == "retry_min_wait"  # noqa: PT017 - either way is right
    else:
        assert 0 <= policy.retry_min_wait <= policy.retry_max_wait
        assert policy.total_s > 0

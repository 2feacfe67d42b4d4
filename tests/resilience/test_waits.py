"""How long to wait: the guide's formula, jitter, Retry-After."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience import parse_retry_after
from holdfast.resilience.backoff import guide_wait, with_jitter
from holdfast.resilience.retry_after import usable_wait

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
WAITS = st.floats(0, 1_000)


class TestFormula:
    def test_gives_one_two_four_eight_ten(self) -> None:
        assert [guide_wait(failed, 1, 10) for failed in range(1, 7)] == [1, 2, 4, 8, 10, 10]

    def test_gives_the_guides_own_line(self) -> None:
        assert guide_wait(2, 1, 10) == 2

    def test_multiplies(self) -> None:
        assert [guide_wait(failed, 1, 100, 3) for failed in (1, 2, 3)] == [3, 6, 12]

    def test_applies_the_bounds_after_the_power_the_maximum_last(self) -> None:
        assert guide_wait(1, 5, 10) == 5
        assert guide_wait(1, 5, 2) == 2

    @given(st.integers(1, 10**9), WAITS, WAITS, WAITS)
    def test_is_what_the_guide_writes_for_every_number(
        self, failed: int, least: float, most: float, multiplier: float
    ) -> None:
        wait = guide_wait(failed, least, most, multiplier)
        power = 2.0 ** min(failed - 1, 1_023)
        assert wait == min(most, max(least, multiplier * power))

    @given(st.integers(1, 60), WAITS, WAITS)
    def test_agrees_with_tenacity_where_the_bounds_are_in_order(self, failed: int, a: float, b: float) -> None:
        least, most = sorted((a, b))
        state = tenacity.RetryCallState(None, None, (), {})  # type: ignore[arg-type]  # only the number is read
        state.attempt_number = failed
        assert guide_wait(failed, least, most) == tenacity.wait_exponential(multiplier=1, min=least, max=most)(state)


class TestJitter:
    @given(WAITS, st.floats(0, 1), WAITS, st.floats(0, 1, exclude_max=True))
    def test_only_adds_and_stays_inside_the_maximum(
        self, wait: float, jitter: float, most: float, chance: float
    ) -> None:
        jittered = with_jitter(wait, jitter, most, chance)
        assert min(wait, most) <= jittered <= most

    def test_uses_its_share(self) -> None:
        assert with_jitter(4, 0.25, 10, 0.5) == 4.5
        assert with_jitter(4, 0, 10, 0.9) == 4


class TestRetryAfter:
    @pytest.mark.parametrize(("value", "seconds"), [("0", 0), ("5", 5), (" 120 ", 120), ("86400", 86_400), ("0007", 7)])
    def test_reads_seconds(self, value: str, seconds: float) -> None:
        assert parse_retry_after(value, NOW) == seconds

    def test_reads_dates(self) -> None:
        then = datetime(2026, 11, 23, 12, 1, 30, tzinfo=UTC)
        assert parse_retry_after(format_datetime(then, usegmt=True), NOW) == 90

    def test_a_date_in_the_past_is_now(self) -> None:
        assert parse_retry_after("Mon, 23 Nov 2026 11:00:00 GMT", NOW) == 0

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            "soon",
            "-5",
            "1.5",
            "+3",
            "86401",
            "9" * 10,
            "9" * 100_000,
            "٥",
            "²",
            "NaN",
            "inf",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Mon, 99 Nov 2026 12:00:00 GMT",
            "Mon, 23 Nov 2026 12:00:00 -0000",
            "Mon, 23 Nov 2026 12:00:00",
        ],
    )
    def test_refuses_nonsense(self, value: str | None) -> None:
        assert parse_retry_after(value, NOW) is None

    @given(st.text(max_size=40))
    def test_never_raises_and_never_asks_for_absurd_waits(self, value: str) -> None:
        seconds = parse_retry_after(value, NOW)
        assert seconds is None or 0 <= seconds <= 86_400

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.1, 86_400.1, None])
    def test_absurd_seconds_are_no_wait(self, value: float | None) -> None:
        assert usable_wait(value) is None

    @pytest.mark.parametrize("value", [0, 0.5, 86_400])
    def test_sane_seconds_are_one(self, value: float) -> None:
        assert usable_wait(value) == value

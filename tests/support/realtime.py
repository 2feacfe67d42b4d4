"""Tests about real time on a machine that other work shares.

Almost all tests run in virtual time. The few whose subject is the real clock (a deadline on the wire, a drip, a ping),
or whose peers wait for each other in it, can fail because the machine stood still for a moment; a defect fails every
time. They have three tries, and the report names those that needed them (`RERUN`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

REAL_TIME = pytest.mark.flaky(reruns=2)
"""For a test that measures real time, or whose peers wait for each other in it."""

PATIENT_S = 30.0
"""For what has to come: long enough that its end is never a question of how fast the machine is."""


def growth(work: Callable[[int], object], size: int, times: int = 16) -> float:
    """How many times more processor time `work` takes for `times` as much: about `times` when it is linear, its square
    when it is quadratic. The least of three runs each."""
    small, large = (min(_cpu_s(work, n) for _ in range(3)) for n in (size, size * times))
    return large / small


def _cpu_s(work: Callable[[int], object], size: int) -> float:
    began = time.thread_time()
    work(size)
    return max(time.thread_time() - began, 1e-6)

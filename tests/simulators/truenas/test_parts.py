"""Small parts on their own: rate limits, roles, compose files, clock-driven timers."""

from __future__ import annotations

import pytest

from holdfast.simulators.truenas.compose import ComposeError, Service, parse_compose
from holdfast.simulators.truenas.credentials import expand_roles, satisfies
from holdfast.simulators.truenas.limits import CACHE_ENTRIES, RateLimiter
from holdfast.simulators.truenas.timeline import Timeline
from holdfast.simulators.truenas.totp import accepts, totp


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def test_a_full_cache_refuses_everybody_until_it_is_wiped() -> None:
    clock = Clock()
    limiter = RateLimiter(clock)
    for number in range(CACHE_ENTRIES):
        assert limiter.allows("auth.login_ex", f"192.0.2.{number}")
    assert not limiter.allows("auth.login_ex", "198.51.100.1")
    assert limiter.allows("auth.login_ex", "192.0.2.1")
    clock.time += 600
    assert limiter.allows("auth.login_ex", "198.51.100.1")


def test_the_limit_is_per_address_and_slides() -> None:
    clock = Clock()
    limiter = RateLimiter(clock)
    for _ in range(20):
        assert limiter.allows("core.ping", "192.0.2.1")
        clock.time += 1
    assert not limiter.allows("core.ping", "192.0.2.1")
    assert limiter.allows("core.ping", "192.0.2.2")
    clock.time += 40
    assert limiter.allows("core.ping", "192.0.2.1")


@pytest.mark.parametrize(
    ("held", "wanted", "granted"),
    [
        ("FULL_ADMIN", "ANYTHING_WRITE", True),
        ("READONLY_ADMIN", "POOL_READ", True),
        ("READONLY_ADMIN", "POOL_WRITE", False),
        ("POOL_WRITE", "POOL_READ", True),
        ("SERVICE_WRITE", "SERVICE_READ", False),
        ("SHARING_ADMIN", "SHARING_ISCSI_TARGET_WRITE", True),
        ("SHARING_ADMIN", "POOL_READ", True),
        ("SHARING_ADMIN", "POOL_WRITE", False),
        ("REPLICATION_ADMIN", "SNAPSHOT_READ", True),
        ("SHARING_ISCSI_READ", "SHARING_ISCSI_EXTENT_READ", True),
    ],
)
def test_roles_include_others(held: str, wanted: str, granted: bool) -> None:
    assert satisfies(expand_roles([held]), wanted) is granted


@pytest.mark.parametrize(
    ("text", "services"),
    [
        ("services:\n  a:\n    image: x:1\n", [Service("a", "x:1")]),
        ("# c\n---\nservices:\n  a:\n    build: .\n", [Service("a", "local")]),
        (
            "services:\n  a:\n    image: 'x'\n    ports:\n      - 127.0.0.1:81:80/tcp\n      - 90\nvolumes:\n  d:\n",
            [Service("a", "x", [(81, 80), (90, 90)])],
        ),
        ("services:\n  a:\n    image: x\n    ports: ['1:2']\n", [Service("a", "x", [(1, 2)])]),
    ],
)
def test_compose_files_are_understood(text: str, services: list[Service]) -> None:
    assert parse_compose(text) == services


def test_a_compose_object_is_understood_like_its_text() -> None:
    tree = {"services": {"a": {"image": "x", "ports": [{"published": 1, "target": 2}]}}}
    assert parse_compose(tree) == [Service("a", "x", [(1, 2)])]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "services: 1",
        "services:\n  a: 1\n",
        "services:\n  a:\n    image: x\n      b: 1\n",
        "services:\n  a:\n    image: 'x\n",
    ],
)
def test_unusable_compose_files_are_refused(text: str) -> None:
    with pytest.raises(ComposeError):
        parse_compose(text)


def test_timers_fire_in_order_when_the_clock_says_so_and_crashes_are_kept() -> None:
    clock = Clock()
    crashes: list[BaseException] = []
    timeline = Timeline(clock, crashes.append)
    fired: list[str] = []
    timeline.after(20, lambda: fired.append("late"))
    timeline.after(10, lambda: fired.append("early"))
    timeline.after(5, lambda: fired.append("cancelled")).cancel()
    timeline.after(1, lambda: fired.append(dict[str, str]()["x"]))
    clock.time += 9
    timeline.pump()
    assert fired == []
    assert [type(error) for error in crashes] == [KeyError]
    clock.time += 11
    timeline.pump()
    assert fired == ["early", "late"]


def test_one_time_codes_are_those_of_rfc_6238() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert totp(secret, 59) == "287082"
    assert totp(secret, 1111111109) == "081804"
    assert accepts(secret, "287082", 59 + 30, window=1)
    assert not accepts(secret, "287082", 59 + 30)

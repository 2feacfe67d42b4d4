"""`Guard`: the executor's decisions over Holdfast's errors, counted at a socket where a wire is involved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pybreaker
import pytest

from holdfast import errors as e
from holdfast import resilience
from holdfast.resilience import Operation, Outcome, Policy, Retry
from holdfast.resilience.testing import ManualClock
from holdfast.transport import (
    ConnectionPool,
    Guard,
    GuardedCircuitOpenError,
    HttpTransport,
    JsonRpcError,
    Request,
    classify,
)
from tests.support.realtime import REAL_TIME
from tests.transport.peers import OK, Exchange, peer, transport_to
from tests.transport.proofs import Stopwatch

READ = Operation("read", retry_safe=True)
WRITE = Operation("write")

ALWAYS, IF_SAFE, NEVER = Retry.ALWAYS, Retry.IF_SAFE, Retry.NEVER
FAILURE, NEUTRAL = Outcome.FAILURE, Outcome.NEUTRAL

TABLE: list[tuple[BaseException, Outcome, Retry, float | None]] = [
    (e.NotSentError("x"), FAILURE, ALWAYS, None),
    (e.LostReplyError("x"), FAILURE, IF_SAFE, None),
    (e.AttemptTimeoutError("x"), FAILURE, IF_SAFE, None),
    (e.ProtocolError("x"), FAILURE, IF_SAFE, None),
    (e.UnavailableError("x"), FAILURE, IF_SAFE, None),
    (e.UnavailableError("x", retry_after_s=3), FAILURE, IF_SAFE, 3),
    (e.BusyError("x"), NEUTRAL, NEVER, None),
    (e.BusyError("x", retry_after_s=2), NEUTRAL, IF_SAFE, 2),
    (e.RateLimitedError("x"), NEUTRAL, NEVER, None),
    (e.RateLimitedError("x", retry_after_s=0), NEUTRAL, IF_SAFE, 0),
    (e.ApplianceFaultError("x"), FAILURE, NEVER, None),
    (e.TlsError("x"), NEUTRAL, NEVER, None),
    (e.LoginPageError("x"), NEUTRAL, NEVER, None),
    (e.RedirectError("x"), NEUTRAL, NEVER, None),
    (e.LimitError("x"), NEUTRAL, NEVER, None),
    (e.AuthenticationError("x"), NEUTRAL, NEVER, None),
    (e.QuarantinedError("x"), NEUTRAL, NEVER, None),
    (e.PermissionDeniedError("x"), NEUTRAL, NEVER, None),
    (e.NotFoundError("x"), NEUTRAL, NEVER, None),
    (e.ConflictError("x"), NEUTRAL, NEVER, None),
    (e.ValidationError("x"), NEUTRAL, NEVER, None),
    (e.UnsupportedError("x"), NEUTRAL, NEVER, None),
    (e.ApplianceError("x"), NEUTRAL, NEVER, None),
    (JsonRpcError("m", -32001, "x", None, None), NEUTRAL, NEVER, None),
    (e.InputError("x"), NEUTRAL, NEVER, None),
    (e.ConfigError("x"), NEUTRAL, NEVER, None),
    (e.RefusedError("x"), NEUTRAL, NEVER, None),
    (e.OverloadedError("x"), NEUTRAL, NEVER, None),
    (e.DeadlineError("x"), NEUTRAL, NEVER, None),
    (e.CircuitOpenError("x"), NEUTRAL, NEVER, None),
    (TimeoutError(), FAILURE, IF_SAFE, None),
    (ConnectionResetError(), FAILURE, IF_SAFE, None),
    (ValueError("x"), NEUTRAL, NEVER, None),
    (KeyError("x"), NEUTRAL, NEVER, None),
    (FileNotFoundError(), NEUTRAL, NEVER, None),
]


@pytest.mark.parametrize(("error", "outcome", "retry", "after"), TABLE, ids=lambda value: type(value).__name__)
async def test_the_table_decides(error: BaseException, outcome: Outcome, retry: Retry, after: float | None) -> None:
    verdict = classify(error)
    assert (verdict.outcome, verdict.retry, verdict.retry_after_s) == (outcome, retry, after)


def test_every_error_of_the_tree_is_in_the_table() -> None:
    def leaves(kind: type[e.HoldfastError]) -> set[type[e.HoldfastError]]:
        below = [sub for sub in kind.__subclasses__() if sub.__module__ == "holdfast.errors"]
        return {kind}.union(*(leaves(sub) for sub in below))

    covered = {type(error) for error, *_ in TABLE}
    abstract = {e.HoldfastError, e.TransportError}
    missing = {kind for kind in leaves(e.HoldfastError) - covered - abstract if not issubclass(kind, _REFUSALS)}
    assert not missing


_REFUSALS = (e.RefusedError, e.InputError)


def _failing(error: Callable[[], Exception], times: int = 99) -> tuple[Callable[[], Awaitable[str]], list[int]]:
    made: list[int] = []

    async def attempt() -> str:
        made.append(1)
        if len(made) <= times:
            raise error()
        return "ok"

    return attempt, made


@pytest.mark.parametrize(
    ("operation", "error", "attempts"),
    [
        (READ, e.LostReplyError, 3),
        (READ, e.NotSentError, 3),
        (READ, e.UnavailableError, 3),
        (READ, e.AuthenticationError, 1),
        (READ, e.ApplianceFaultError, 1),
        (READ, e.TlsError, 1),
        (WRITE, e.NotSentError, 3),
        (WRITE, e.LostReplyError, 1),
        (WRITE, e.AttemptTimeoutError, 1),
        (WRITE, e.UnavailableError, 1),
    ],
)
async def test_attempts_follow_the_table(operation: Operation, error: type[e.HoldfastError], attempts: int) -> None:
    clock = ManualClock()
    guard = Guard("api", Policy(), clock=clock.clock)
    attempt, made = _failing(lambda: error("gone"))
    with pytest.raises(error) as caught:
        await guard.run(operation, attempt)
    assert len(made) == attempts
    assert clock.sleeps == [1, 2][: attempts - 1]
    if operation is WRITE and issubclass(error, e.LostReplyError):
        assert caught.value.executed is e.Executed.UNKNOWN


async def test_an_open_circuit_is_an_error_of_all_three_trees_and_proves_that_nothing_was_sent() -> None:
    clock = ManualClock()
    policy = Policy(retry_max_attempts=1, circuit_breaker_fail_max=2, circuit_breaker_timeout=60)
    guard = Guard("proxmox_api", policy, target="pve1", clock=clock.clock)
    attempt, made = _failing(lambda: e.LostReplyError("gone"))
    for _ in range(2):
        with pytest.raises(e.LostReplyError):
            await guard.run(WRITE, attempt)
    clock.advance(10)
    with pytest.raises(pybreaker.CircuitBreakerError) as caught:
        await guard.run(WRITE, attempt)
    error = caught.value
    assert isinstance(error, GuardedCircuitOpenError)
    assert isinstance(error, e.CircuitOpenError)
    assert isinstance(error, resilience.CircuitOpenError)
    assert (error.executed, error.target, error.code) == (e.Executed.NO, "pve1", "circuit_open")
    assert error.retry_after_s == error.retry_after == pytest.approx(50)
    assert error.next_step
    assert error.opened_at is not None
    assert error.last_failure is not None
    assert "proxmox_api" in str(error)
    assert error.details == {"circuit": "proxmox_api"}
    assert len(made) == 2
    assert guard.breaker is not None
    assert guard.breaker.current_state == "open"


async def test_a_circuit_that_the_operator_holds_open_says_who_can_release_it() -> None:
    guard = Guard("api", Policy(circuit_breaker_fail_max=1, retry_max_attempts=1), clock=ManualClock().clock)
    attempt, made = _failing(lambda: e.LostReplyError("gone"))
    with pytest.raises(e.LostReplyError):
        await guard.run(WRITE, attempt)
    with pytest.raises(GuardedCircuitOpenError) as opened:
        await guard.run(WRITE, attempt)
    assert guard.breaker is not None
    guard.breaker.isolate("maintenance")
    with pytest.raises(GuardedCircuitOpenError) as held:
        await guard.run(WRITE, attempt)
    assert len(made) == 1
    assert "operator" not in (opened.value.next_step or "")
    assert opened.value.next_step == e.CircuitOpenError("x").next_step
    assert held.value.next_step == "The operator holds this circuit open; only the operator can release it."


async def test_a_guard_that_is_closed_ends_the_probe_that_is_under_way() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def probe() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    clock = ManualClock()
    policy = Policy(circuit_breaker_fail_max=1, retry_max_attempts=1, circuit_breaker_probe_interval=5)
    guard = Guard("api", policy, probe=probe, clock=clock.clock)
    attempt, _ = _failing(lambda: e.LostReplyError("gone"))
    with pytest.raises(e.LostReplyError):
        await guard.run(READ, attempt)
    clock.advance(10)
    call = asyncio.create_task(guard.run(READ, attempt))
    await asyncio.wait_for(begun.wait(), 5)
    await guard.aclose()
    assert ended.is_set()
    call.cancel()
    await asyncio.wait([call])


async def test_neutral_errors_do_not_open_the_circuit() -> None:
    guard = Guard("api", Policy(circuit_breaker_fail_max=2), clock=ManualClock().clock)
    attempt, _ = _failing(lambda: e.NotFoundError("no"))
    for _ in range(10):
        with pytest.raises(e.NotFoundError):
            await guard.run(READ, attempt)
    assert guard.breaker is not None
    assert guard.breaker.current_state == "closed"


async def test_too_many_waiting_calls_are_overload_and_nothing_was_sent() -> None:
    guard = Guard("api", Policy(max_in_flight=1, max_waiting=0), target="pve1")
    release = asyncio.Event()
    first = asyncio.create_task(guard.run(READ, release.wait))
    await asyncio.sleep(0)
    with pytest.raises(e.OverloadedError) as caught:
        await guard.run(READ, release.wait)
    assert (caught.value.executed, caught.value.target) == (e.Executed.NO, "pve1")
    release.set()
    await first


@REAL_TIME
async def test_running_out_of_time_says_whether_anything_may_have_been_executed() -> None:
    guard = Guard("api", Policy(max_in_flight=1))
    hang = asyncio.Event()
    with pytest.raises(e.DeadlineError) as caught:
        await guard.run(Operation("write", total_timeout_s=0.05), hang.wait)
    assert caught.value.executed is e.Executed.UNKNOWN
    assert caught.value.details["attempts"] == 1
    first = asyncio.create_task(guard.run(READ, hang.wait))
    await asyncio.sleep(0)
    with pytest.raises(e.DeadlineError) as waited:
        await guard.run(Operation("write", total_timeout_s=0.05), hang.wait)
    assert waited.value.executed is e.Executed.NO
    first.cancel()
    await asyncio.wait([first])


@REAL_TIME
async def test_an_attempt_that_time_cuts_off_may_have_been_executed_whatever_the_one_before_proved() -> None:
    guard = Guard("api", Policy(retry_min_wait=0, retry_max_wait=0))
    made: list[int] = []

    async def attempt() -> None:
        made.append(1)
        if len(made) == 1:
            raise e.NotSentError("refused")
        await asyncio.Event().wait()

    with pytest.raises(e.DeadlineError) as caught:
        await guard.run(Operation("write", total_timeout_s=0.05), attempt)
    assert len(made) == 2
    assert caught.value.executed is e.Executed.UNKNOWN


@REAL_TIME
@pytest.mark.parametrize("known", [e.Executed.NO, e.Executed.UNKNOWN])
async def test_running_out_of_time_between_attempts_tells_what_is_known_of_the_last(known: e.Executed) -> None:
    async def wait(seconds: float) -> None:
        await asyncio.Event().wait()

    guard = Guard("api", Policy(retry_min_wait=0.01, retry_max_wait=0.01), clock=resilience.Clock(sleep=wait))
    attempt, made = _failing(lambda: e.UnavailableError("down", executed=known))
    with pytest.raises(e.DeadlineError) as caught:
        await guard.run(Operation("read", retry_safe=True, total_timeout_s=0.1), attempt)
    assert len(made) == 1
    assert caught.value.executed is known


@REAL_TIME
async def test_of_a_foreign_failure_before_time_ran_out_it_is_not_known_what_was_executed() -> None:
    async def wait(seconds: float) -> None:
        await asyncio.Event().wait()

    guard = Guard("api", Policy(retry_min_wait=0.01, retry_max_wait=0.01), clock=resilience.Clock(sleep=wait))
    attempt, _ = _failing(ConnectionResetError)
    with pytest.raises(e.DeadlineError) as caught:
        await guard.run(Operation("read", retry_safe=True, total_timeout_s=0.1), attempt)
    assert caught.value.executed is e.Executed.UNKNOWN


@REAL_TIME
async def test_an_attempt_that_outlives_its_own_bound_is_a_typed_time_out() -> None:
    guard = Guard("api", Policy(retry_max_attempts=1), target="pve1")
    for operation, todo in (
        (Operation("write", attempt_timeout_s=0.05), "Read the state back before repeating it."),
        (Operation("read", attempt_timeout_s=0.05, retry_safe=True), e.AttemptTimeoutError("x").next_step),
    ):
        with pytest.raises(e.AttemptTimeoutError) as caught:
            await guard.run(operation, asyncio.Event().wait)
        assert caught.value.executed is e.Executed.UNKNOWN
        assert caught.value.target == "pve1"
        assert caught.value.next_step == todo
        assert str(caught.value) == f"{operation.name} got no complete answer within its 0.05 s."


async def test_a_time_out_that_the_attempt_itself_tells_is_passed_on_unchanged() -> None:
    guard = Guard("api", Policy(retry_max_attempts=1), target="pve1")
    error = e.AttemptTimeoutError("No answer to GET /x.", executed=e.Executed.NO, target="pve2")
    attempt, _ = _failing(lambda: error)
    with pytest.raises(e.AttemptTimeoutError) as caught:
        await guard.run(READ, attempt)
    assert caught.value is error


async def test_a_guard_in_a_guard_passes_its_errors_on_unchanged() -> None:
    clock = ManualClock()
    outer = Guard("outer", Policy(), clock=clock.clock)
    inner = Guard("inner", Policy(retry_max_attempts=1, circuit_breaker_fail_max=1), clock=clock.clock)
    attempt, _ = _failing(lambda: e.LostReplyError("gone"))
    with pytest.raises(e.LostReplyError):
        await inner.run(WRITE, attempt)
    with pytest.raises(GuardedCircuitOpenError) as caught:
        await outer.run(READ, lambda: inner.run(WRITE, attempt))
    assert caught.value.details == {"circuit": "inner"}
    assert clock.sleeps == []


def test_the_guard_serves_threads_too() -> None:
    clock = ManualClock()
    guard = Guard("api", Policy(circuit_breaker_fail_max=1), clock=clock.clock)
    made: list[int] = []

    def attempt() -> str:
        made.append(1)
        if len(made) < 3:
            raise e.NotSentError("gone")
        return "ok"

    assert guard.run_sync(WRITE, attempt) == "ok"

    def fails() -> str:
        raise e.ApplianceFaultError("no")

    with pytest.raises(e.ApplianceFaultError):
        guard.run_sync(WRITE, fails)
    with pytest.raises(GuardedCircuitOpenError):
        guard.run_sync(WRITE, attempt)


async def test_a_guard_without_a_breaker_has_none() -> None:
    guard = Guard("api", Policy(circuit_breaker_enabled=False))
    assert guard.breaker is None
    await guard.aclose()


# -- with the wire -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "operation", "arrivals"), [("GET", READ, 3), ("PUT", WRITE, 1), ("DELETE", WRITE, 1), ("POST", WRITE, 1)]
)
async def test_a_guarded_call_on_dying_connections_arrives_as_often_as_the_table_says(
    method: str, operation: Operation, arrivals: int
) -> None:
    async def die(exchange: Exchange) -> None:
        exchange.reset()

    guard = Guard("api", Policy(), clock=ManualClock().clock)
    async with peer(die) as server, transport_to(server.url) as http:
        with pytest.raises(e.LostReplyError):
            await guard.run(operation, lambda: http.send(Request(method, "/x")))
        assert len(server.arrivals) == http.requests_sent == arrivals


async def test_a_write_that_was_never_sent_is_repeated_until_the_appliance_is_back() -> None:
    async with peer(OK) as gone:
        port = gone.port
    clock = ManualClock()
    guard = Guard("api", Policy(), clock=clock.clock)
    async with ConnectionPool() as pool:
        http = HttpTransport(f"http://127.0.0.1:{port}", pool=pool)
        with pytest.raises(e.NotSentError):
            await guard.run(WRITE, lambda: http.send(Request("POST", "/x")))
        assert http.requests_sent == 0
    assert clock.sleeps == [1, 2]


@REAL_TIME
async def test_the_calls_deadline_reaches_the_wire() -> None:
    async def hang(exchange: Exchange) -> None:
        await exchange.reader.read()

    guard = Guard("api", Policy(timeout=0.2, connect_timeout=0.1, total_timeout=0.2, retry_max_attempts=1))
    async with peer(hang) as server, transport_to(server.url) as http:
        watch = Stopwatch()
        with pytest.raises((e.AttemptTimeoutError, e.DeadlineError)):
            await guard.run(READ, lambda: http.send(Request("GET", "/", attempt_timeout_s=30)))
        assert watch.elapsed_s() < 0.3

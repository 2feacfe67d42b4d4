"""`Breaker`: the state machine behind the public face of `pybreaker.CircuitBreaker`.

Only pybreaker's public surface is used: its storage classes, states, listeners and `CircuitBreakerError`. Its `call`
and `call_async` never run, because they hold one lock around the protected call, count cancellation as failure, go by
the wall clock, and have no working path for coroutines.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import CoroutineType, GeneratorType
from typing import Any, Final, TypeVar, cast

import pybreaker

from holdfast.resilience.checks import LONGEST_S, Bounds, check_count, check_number
from holdfast.resilience.circuit import CLOSED, HALF_OPEN, OPEN, PLAIN, Notice, Permit, Tuning
from holdfast.resilience.clock import SYSTEM_CLOCK, Clock, utc
from holdfast.resilience.errors import CircuitOpenError
from holdfast.resilience.events import Event, EventKind, Events
from holdfast.resilience.faces import FACES, Face
from holdfast.resilience.link import Link
from holdfast.resilience.machine import Machine
from holdfast.resilience.model import Outcome
from holdfast.resilience.sharing import StateStore

T = TypeVar("T")
Exclusion = type[BaseException] | Callable[[BaseException], bool]
"""An exception class, or a predicate: what it matches says nothing about the other side."""

_log = logging.getLogger("holdfast.resilience")
_OPEN_TIMES: Final[Bounds] = (0, LONGEST_S, False)
_UNUSED: Final = pybreaker.CircuitMemoryStorage(CLOSED)
"""pybreaker's constructor wants a storage, or makes one; state and numbers live in `Machine`, so one serves all."""


class Breaker(pybreaker.CircuitBreaker):
    """A circuit breaker for coroutines, threads and generators (guide, "Circuit Breaker").

    Drop-in for `pybreaker.CircuitBreaker`: same arguments, states, counters, listeners and error class. What differs
    is what is wrong there; `docs/resilience.md` lists it.

    Args:
        fail_max: Failed calls in a row that open the circuit.
        reset_timeout: Seconds it stays open before one call may test the other side.
        success_threshold: Successful test calls in a row that close it.
        exclude: Exception classes or predicates that are neutral: neither failure nor success.
        listeners: pybreaker listeners; what they raise is logged and reaches no caller.
        state_storage: A pybreaker storage to start from and to mirror state and counters to.
        name: Shown in logs, errors and metrics.
        throw_new_error_on_trip: Whether the call that opens the circuit raises `CircuitOpenError` (from its own
            error) instead of its own error. Off, unlike pybreaker: the first cause is worth more.
        tuning: Second trigger, growing open time, sliding window; all off by default.
        clock: Time and chance.
        events: Hub that hears of state changes; None: the guide's log lines.
        store: Shares the state with other breakers of the same name; None: it is this breaker's own.

    Raises:
        PolicyError: `fail_max`, `reset_timeout` or `success_threshold` is impossible; also when one is set later.
        TypeError: `exclude` holds something else.
    """

    def __init__(
        self,
        fail_max: int = 5,
        reset_timeout: float = 60,
        success_threshold: int = 1,
        exclude: Iterable[Exclusion] | None = None,
        listeners: Sequence[pybreaker.CircuitBreakerListener] | None = None,
        state_storage: pybreaker.CircuitBreakerStorage | None = None,
        name: str | None = None,
        throw_new_error_on_trip: bool = False,
        *,
        tuning: Tuning = PLAIN,
        clock: Clock = SYSTEM_CLOCK,
        events: Events | None = None,
        store: StateStore | None = None,
    ) -> None:
        check_count("fail_max", fail_max, 1)
        check_number("reset_timeout", reset_timeout, _OPEN_TIMES)
        check_count("success_threshold", success_threshold, 1)
        excluded = exclusions(() if exclude is None else exclude)
        self._hf_events = events = default_events() if events is None else events
        self._hf = Machine(name, fail_max, reset_timeout, success_threshold, tuning, clock, self)
        self._hf_clock = clock
        self._hf_link: Link | None = None
        self._hf_mirror = state_storage
        self._hf_on_open: Callable[[], None] | None = None
        super().__init__(state_storage=_UNUSED, throw_new_error_on_trip=throw_new_error_on_trip)
        self._hf_excluded = excluded
        self._hf_listeners: tuple[pybreaker.CircuitBreakerListener, ...] = ()
        if state_storage is not None:
            self._hf_start_from(state_storage)
        self._hf_set_listeners(tuple(listeners or ()))
        self._hf_link = None if store is None else Link(store, self._hf)

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def machine(self) -> Machine:
        """The state machine, for executors and exporters."""
        return self._hf

    @property
    def name(self) -> str | None:
        """Name of the breaker."""
        return self._hf.name

    @name.setter
    def name(self, name: str) -> None:
        self._hf.name = name

    @property
    def fail_max(self) -> int:
        """Failed calls in a row that open the circuit."""
        return self._hf.fail_max

    @fail_max.setter
    def fail_max(self, number: int) -> None:
        check_count("fail_max", number, 1)
        self._hf.fail_max = number

    @property
    def reset_timeout(self) -> float:
        """Seconds the circuit stays open."""
        return self._hf.reset_timeout

    @reset_timeout.setter
    def reset_timeout(self, timeout: float) -> None:
        check_number("reset_timeout", timeout, _OPEN_TIMES)
        self._hf.reset_timeout = timeout

    @property
    def success_threshold(self) -> int:
        """Successful test calls in a row that close the circuit."""
        return self._hf.success_threshold

    @success_threshold.setter
    def success_threshold(self, threshold: int) -> None:
        check_count("success_threshold", threshold, 1)
        self._hf.success_threshold = threshold

    # -- how it is -------------------------------------------------------------------------------------------------

    @property
    def current_state(self) -> str:
        """``"closed"``, ``"open"`` or ``"half-open"`` as of now: once the open time is over, reading says half-open,
        without waiting for a call. An isolated circuit is ``"open"``."""
        return self._hf.state

    @property
    def state(self) -> Face:
        """The state as an object with a `name`, for code written for pybreaker."""
        return FACES[self._hf.state](self)

    @state.setter
    def state(self, state_str: str) -> None:
        self._hf_move(state_str)

    @property
    def fail_counter(self) -> int:
        """Failed calls in a row."""
        return self._hf.failures

    @property
    def success_counter(self) -> int:
        """Successful test calls in a row while half-open, as pybreaker defines it. (The guide's metrics show the
        lifetime count instead.)"""
        return self._hf.test_successes

    @property
    def retry_after(self) -> float | None:
        """Seconds until a call may be let through; 0.0 when one may now, None while held open."""
        return self._hf.retry_after_s()

    @property
    def opened_at(self) -> datetime | None:
        """When the circuit opened (UTC); None while closed."""
        seconds = self._hf.opened_at_s
        return None if seconds is None else utc(seconds)

    @property
    def isolated(self) -> bool:
        """Whether an operator holds the circuit open."""
        return self._hf.isolated is not None

    # -- moving it by hand -----------------------------------------------------------------------------------------

    def open(self) -> bool:
        """Opens the circuit; it may be tested after `reset_timeout`. Returns `throw_new_error_on_trip`."""
        self._hf.open()
        return self._throw_new_error_on_trip

    def half_open(self) -> None:
        """Lets the next call test the other side. Has no effect on an isolated circuit."""
        self._hf.half_open()

    def close(self) -> None:
        """Closes the circuit; also ends isolation."""
        self._hf.close()

    def isolate(self, reason: str = "maintenance") -> None:
        """Holds the circuit open until `release` or `close`."""
        self._hf.isolate(reason)

    def release(self) -> None:
        """Ends isolation: the next call tests the other side."""
        self._hf.release()

    def on_open(self, hook: Callable[[], None]) -> None:
        """Calls `hook` whenever the circuit has opened or was isolated; for executors."""
        self._hf_on_open = hook

    def stop_sharing(self) -> None:
        """Goes on without the store; nothing happens if there is none."""
        link, self._hf_link = self._hf_link, None
        if link is not None:
            link.end()

    # -- exclusions ------------------------------------------------------------------------------------------------

    @property
    def excluded_exceptions(self) -> tuple[Exclusion, ...]:  # type: ignore[override]  # unbound type variable there
        """What is neutral."""
        return self._hf_excluded

    def add_excluded_exception(self, exception: Exclusion) -> None:
        """Makes an exception class, or what a predicate matches, neutral. Raises TypeError for anything else."""
        self._hf_excluded = (*self._hf_excluded, *exclusions((exception,)))

    def remove_excluded_exception(self, exception: Exclusion) -> None:
        """Takes an exclusion back. Raises ValueError if there is none such."""
        kept = list(self._hf_excluded)
        kept.remove(exception)
        self._hf_excluded = tuple(kept)

    def is_system_error(self, exception: BaseException) -> bool:
        """Whether the exception counts against the other side: an `Exception` that is not excluded."""
        if not isinstance(exception, Exception):
            return False  # cancelled, interrupted, closing: the caller's doing
        for exclusion in self._hf_excluded:
            # isinstance, not `type(exclusion) is type`: classes with a metaclass of their own are classes, too.
            if isinstance(exclusion, type):
                if isinstance(exception, exclusion):
                    return False
            elif exclusion(exception):
                return False
        return True

    # -- listeners -------------------------------------------------------------------------------------------------

    @property
    def listeners(self) -> tuple[pybreaker.CircuitBreakerListener, ...]:  # type: ignore[override]  # as above
        """The registered listeners."""
        return self._hf_listeners

    def add_listener(self, listener: pybreaker.CircuitBreakerListener) -> None:
        """Registers a listener. One that overrides more than `state_change` costs every call a little."""
        self._hf_set_listeners((*self._hf_listeners, listener))

    def remove_listener(self, listener: pybreaker.CircuitBreakerListener) -> None:
        """Unregisters a listener. Raises ValueError if it is not registered."""
        kept = list(self._hf_listeners)
        kept.remove(listener)
        self._hf_set_listeners(tuple(kept))

    # -- protecting calls ------------------------------------------------------------------------------------------

    def call(self, func: Callable[..., T], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401 - passed on untouched
        """Calls `func` if the circuit lets it, and books how it ends. A generator is booked when it ends.

        Raises:
            CircuitOpenError: The call was not made.
            TypeError: `func` is a coroutine function; use `call_async`.
        """
        permit = self._hf_admit(func, args, kwargs)
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            self._hf_ended(permit, error)
            raise
        if isinstance(result, GeneratorType):
            return cast(T, self._hf_generator(permit, result))
        if isinstance(result, CoroutineType):
            result.close()
            self._hf.settle(permit, Outcome.NEUTRAL)
            raise TypeError(f"{_name(func)} is a coroutine function: await call_async(...) instead of call(...)")
        self._hf_succeeded(permit)
        return result

    async def call_async(self, func: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401
        """Awaits ``func(*args, **kwargs)`` if the circuit lets it, and books how it ends.

        Raises:
            CircuitOpenError: The call was not made.
        """
        permit = self._hf_admit(func, args, kwargs)
        try:
            result = await func(*args, **kwargs)
        except BaseException as error:
            self._hf_ended(permit, error)
            raise
        self._hf_succeeded(permit)
        return result

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Protects the block inside ``with``, awaits included.

        Raises:
            CircuitOpenError: The block was not entered.
        """
        permit = self._hf_admit(self.calling, (), {})
        try:
            yield
        except BaseException as error:
            self._hf_ended(permit, error)
            raise
        self._hf_succeeded(permit)

    def __call__(self, *call_args: Any, **call_kwargs: bool) -> Callable[..., Any]:  # noqa: ANN401 - pybreaker's face
        """Decorator, with or without parentheses, for functions, generator functions and coroutine functions."""
        asynchronous = call_kwargs.pop("__pybreaker_call_async", False)

        def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
            if inspect.isasyncgenfunction(func):
                raise TypeError(f"{_name(func)} is an asynchronous generator function, which cannot be protected")
            if asynchronous or inspect.iscoroutinefunction(func):

                @functools.wraps(func)
                async def call_async(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on untouched
                    return await self.call_async(func, *args, **kwargs)

                return call_async

            @functools.wraps(func)
            def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on untouched
                return self.call(func, *args, **kwargs)

            return call

        return decorate(*call_args) if call_args else decorate

    # -- inside ----------------------------------------------------------------------------------------------------

    def _hf_admit(self, func: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Permit:
        machine = self._hf
        permit = Permit(machine.generation)  # before looking: what changes in between makes it one of the past
        if not machine.passing:
            permit = machine.admit()
        if machine.chatty:
            self.tell_before(func, *args, **kwargs)
        if machine.tuning.slow_call_s is not None:
            permit.begun = self._hf_clock.monotonic()
        return permit

    def _hf_elapsed(self, permit: Permit) -> float:
        """Seconds the call took, where that matters."""
        return 0.0 if self._hf.tuning.slow_call_s is None else self._hf_clock.monotonic() - permit.begun

    def _hf_succeeded(self, permit: Permit) -> None:
        machine = self._hf
        if machine.quiet and not permit.probe:
            machine.successes += 1
        else:
            machine.settle(permit, Outcome.SUCCESS, None, self._hf_elapsed(permit))

    def _hf_ended(self, permit: Permit, error: BaseException) -> None:
        try:
            failed = self.is_system_error(error)
        except BaseException:  # a predicate of the user's that fails must not cost the permit
            self._hf.settle(permit, Outcome.FAILURE, error)
            raise
        outcome = Outcome.FAILURE if failed else Outcome.NEUTRAL
        tripped = self._hf.settle(permit, outcome, error, self._hf_elapsed(permit))
        if tripped and self._throw_new_error_on_trip:
            machine = self._hf
            raise CircuitOpenError(
                machine.name,
                machine.retry_after_s(),
                machine.opened_at_s,
                machine.last_failure_s,
                machine.last_error,
            ) from error

    def _hf_generator(
        self, permit: Permit, generator: Generator[object, object, object]
    ) -> Generator[object, object, object]:
        try:
            result = yield from generator
        except BaseException as error:
            self._hf_ended(permit, error)
            raise
        self._hf_succeeded(permit)
        return result

    def _hf_set_listeners(self, listeners: tuple[pybreaker.CircuitBreakerListener, ...]) -> None:
        self._hf_listeners = listeners
        self._hf.listen(self._hf_mirror is not None or any(_hears_calls(listener) for listener in listeners))

    def _hf_start_from(self, storage: pybreaker.CircuitBreakerStorage) -> None:
        machine = self._hf
        machine.failures = storage.counter
        state = storage.state
        if state == OPEN:
            now = utc(self._hf_clock.wall())
            age = now - (storage.opened_at or now)
            machine.adopt(OPEN, machine.reset_timeout - age.total_seconds())
        elif state == HALF_OPEN:
            machine.adopt(HALF_OPEN)

    def _hf_move(self, state: str) -> None:
        moves: dict[str, Callable[[], object]] = {OPEN: self.open, HALF_OPEN: self.half_open, CLOSED: self.close}
        if state not in moves:
            raise ValueError(f"Unknown state {state!r}, valid states: {', '.join(moves)}")
        moves[state]()

    def tell_before(self, func: Callable[..., object], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Tells the listeners that `func` is about to be called; for executors."""
        for listener in self._hf_listeners:
            try:
                listener.before_call(self, func, *args, **kwargs)
            except Exception:  # noqa: BLE001 - a listener's mistake must never reach the caller
                _log.exception("A listener of circuit breaker '%s' failed", self.name)

    def describe(self, error: BaseException) -> str:
        """What an error says, redacted by the hub; for the state machine."""
        return self._hf_events.text(error)

    def observe(self, notice: Notice) -> None:
        """Tells events, store and listeners; for the state machine."""
        mirror = self._hf_mirror
        if mirror is not None:
            self._hf_reflect(mirror, notice)
        if notice.kind is not None:
            machine = self._hf
            self._hf_events.emit(
                Event(
                    notice.kind,
                    machine.name or "unnamed",
                    self._hf_clock.wall(),
                    count=notice.number,
                    reason=notice.reason,
                    error=machine.last_error,
                    wait_s=machine.retry_after_s() or 0.0,
                )
            )
            if notice.new == OPEN and notice.kind is not EventKind.REJECTED and self._hf_on_open is not None:
                self._hf_on_open()
        if self._hf_link is not None:
            self._hf_link.tell(notice)
        for listener in self._hf_listeners:
            try:
                self._hf_tell(listener, notice)
            except Exception:  # noqa: BLE001 - a listener's mistake must never reach the caller
                _log.exception("A listener of circuit breaker '%s' failed", self.name)

    def _hf_tell(self, listener: pybreaker.CircuitBreakerListener, notice: Notice) -> None:
        if notice.outcome is Outcome.SUCCESS:
            listener.success(self)
        elif notice.outcome is Outcome.FAILURE and notice.error is not None:
            listener.failure(self, notice.error)
        elif notice.old != notice.new:
            listener.state_change(self, FACES[notice.old](self), FACES[notice.new](self))

    def _hf_reflect(self, storage: pybreaker.CircuitBreakerStorage, notice: Notice) -> None:
        try:
            if notice.outcome is Outcome.FAILURE:
                storage.increment_counter()
            elif notice.outcome is Outcome.SUCCESS:
                storage.reset_counter()
            if notice.old != notice.new:
                if notice.new == CLOSED:
                    storage.reset_counter()
                if notice.new == OPEN:
                    storage.opened_at = utc(self._hf_clock.wall())
                storage.state = notice.new
        except Exception:  # noqa: BLE001 - a mirror that fails must not stop the calls
            _log.exception("The state storage of circuit breaker '%s' failed", self.name)


def exclusions(given: Iterable[Exclusion]) -> tuple[Exclusion, ...]:
    """What a breaker excludes; a single exception class will do, too.

    Raises:
        TypeError: Something is neither an exception class nor a predicate.
    """
    found: tuple[Exclusion, ...] = (given,) if isinstance(given, type) else tuple(given)
    for one in found:
        if not (issubclass(one, BaseException) if isinstance(one, type) else callable(one)):
            raise TypeError(f"exclude must hold exception classes or predicates, not {one!r}")
    return found


def _name(func: Callable[..., object]) -> str:
    return str(getattr(func, "__qualname__", repr(func)))


def _hears_calls(listener: pybreaker.CircuitBreakerListener) -> bool:
    plain = pybreaker.CircuitBreakerListener
    return any(
        getattr(type(listener), method, None) is not getattr(plain, method)
        for method in ("before_call", "success", "failure")
    )


@functools.cache
def default_events() -> Events:
    """The hub used when none is given: the guide's log lines."""
    return Events()

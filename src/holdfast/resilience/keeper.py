"""A `Breaker` that keeps a stock `pybreaker.CircuitBreaker`, so that coroutines can go through one.

The guide hands a stock breaker to its asynchronous wrapper. A stock breaker cannot protect an `await`; the keeper
decides, and replays what happened to the stock breaker through that one's public methods, so that its state, counter
and listeners tell the same story. What somebody does to the stock breaker by hand is obeyed.
"""

from __future__ import annotations

import threading
from typing import Final, NoReturn
from weakref import WeakKeyDictionary, ref

import pybreaker

from holdfast.resilience.breaker import Breaker
from holdfast.resilience.circuit import CLOSED, HALF_OPEN, OPEN


class _Replay(pybreaker.CircuitBreakerListener):
    """Does to the stock breaker what its keeper did."""

    def __init__(self, stock: pybreaker.CircuitBreaker) -> None:
        self._stock = ref(stock)
        self.seen = stock.current_state

    def success(self, cb: pybreaker.CircuitBreaker) -> None:
        """Replays a success."""
        stock = self._stock()
        if stock is not None and stock.current_state != OPEN:
            stock.call(_return)
            self.seen = stock.current_state

    def failure(self, cb: pybreaker.CircuitBreaker, exc: BaseException) -> None:
        """Replays a failure; the error itself goes to the caller another way."""
        stock = self._stock()
        if stock is not None and stock.current_state != OPEN:
            trace, context = exc.__traceback__, exc.__context__
            try:
                stock.call(_raise, exc)
            except (pybreaker.CircuitBreakerError, type(exc)):
                exc.__traceback__, exc.__context__ = trace, context  # the caller shall not see this detour
            self.seen = stock.current_state

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,
        old_state: pybreaker.CircuitBreakerState | None,
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        """Moves the stock breaker along, unless the replay of the outcome did."""
        stock = self._stock()
        if stock is not None and stock.current_state != new_state.name:
            move(stock, new_state.name)
        self.seen = new_state.name


class Keeper(Breaker):
    """A breaker with the numbers, exclusions and name of a stock one."""

    def __init__(self, stock: pybreaker.CircuitBreaker) -> None:
        super().__init__(
            fail_max=stock.fail_max,
            reset_timeout=stock.reset_timeout,
            success_threshold=int(getattr(stock, "success_threshold", 1)),
            exclude=stock.excluded_exceptions,
            name=stock.name,
        )
        if stock.current_state != CLOSED:
            move(self, stock.current_state)
        self._hf_replay = _Replay(stock)
        self.add_listener(self._hf_replay)

    def obey(self, stock: pybreaker.CircuitBreaker) -> None:
        """Takes over numbers and states that were changed by hand."""
        self.fail_max = stock.fail_max
        self.reset_timeout = stock.reset_timeout
        state = stock.current_state
        if state != self._hf_replay.seen:
            self._hf_replay.seen = state
            if state != self.current_state:
                move(self, state)


_keepers: Final[WeakKeyDictionary[pybreaker.CircuitBreaker, Keeper]] = WeakKeyDictionary()
_lock: Final = threading.Lock()


def keeper_of(stock: pybreaker.CircuitBreaker) -> Keeper:
    """The one keeper of a stock breaker, up to date with what was done to it by hand."""
    with _lock:
        keeper = _keepers.get(stock)
        if keeper is None:
            keeper = _keepers[stock] = Keeper(stock)
    keeper.obey(stock)
    return keeper


def move(breaker: pybreaker.CircuitBreaker, state: str) -> None:
    """Brings a breaker into a state by its public methods."""
    if state == OPEN:
        breaker.open()
    elif state == HALF_OPEN:
        breaker.half_open()
    else:
        breaker.close()


def _return() -> None:
    pass


def _raise(error: BaseException) -> NoReturn:
    raise error

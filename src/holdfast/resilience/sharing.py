"""The seam by which several breakers of one name, in one process or in many, share what they know.

Only changes of state are shared, not counts: whoever sees enough failures opens the circuit for all, one of all tests
it, and its closing closes it for all. A store that fails, or is slow to tell, costs agreement, never a call: each
breaker goes on with what it knows itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from holdfast.resilience.circuit import State


@dataclass(frozen=True, slots=True)
class SharedState:
    """A state of a circuit that others should take over.

    Attributes:
        state: The state.
        open_for_s: While open: seconds until it may be tested. A store that keeps it must count this down.
        isolated: Why an operator holds it open, or None.
    """

    state: State
    open_for_s: float = 0.0
    isolated: str | None = None


Adopt = Callable[[SharedState], None]


class StateStore(Protocol):
    """Where breakers of one name meet. Implementations must be thread-safe and quick; what they raise is logged."""

    def publish(self, name: str, state: SharedState, origin: object) -> None:
        """Tells every other breaker of this name, and those that come later. `origin` is the teller's identity."""

    def subscribe(self, name: str, origin: object, adopt: Adopt) -> Callable[[], None]:
        """Calls `adopt` now, if something other than "closed" is known, and at each change published by another.

        Returns what ends the subscription.
        """

    def claim_test(self, name: str, origin: object, lease_s: float) -> bool:
        """Whether `origin` may test the other side: nobody else's claim of the last `lease_s` seconds is held."""

    def release_test(self, name: str, origin: object) -> None:
        """Gives a claim back; nothing happens if it is not held."""


class _Shared:
    __slots__ = ("adopters", "claim", "claim_until", "known", "known_at")

    def __init__(self) -> None:
        self.adopters: dict[object, Adopt] = {}
        self.known = SharedState("closed")
        self.known_at = 0.0
        self.claim: object | None = None
        self.claim_until = 0.0


class MemoryStateStore:
    """A store for breakers of one process, and the model for stores between processes.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._shared: dict[str, _Shared] = {}

    def publish(self, name: str, state: SharedState, origin: object) -> None:
        """See `StateStore`."""
        with self._lock:
            shared = self._shared.setdefault(name, _Shared())
            shared.known = state
            shared.known_at = self._now()
            others = [adopt for other, adopt in shared.adopters.items() if other is not origin]
        for adopt in others:
            adopt(state)

    def subscribe(self, name: str, origin: object, adopt: Adopt) -> Callable[[], None]:
        """See `StateStore`."""
        with self._lock:
            shared = self._shared.setdefault(name, _Shared())
            shared.adopters[origin] = adopt
            known = shared.known
            left = max(0.0, known.open_for_s - (self._now() - shared.known_at))
        if known.state != "closed":
            adopt(SharedState(known.state, left, known.isolated))

        def unsubscribe() -> None:
            with self._lock:
                shared.adopters.pop(origin, None)

        return unsubscribe

    def claim_test(self, name: str, origin: object, lease_s: float) -> bool:
        """See `StateStore`."""
        with self._lock:
            shared = self._shared.setdefault(name, _Shared())
            now = self._now()
            if shared.claim is not None and shared.claim is not origin and now < shared.claim_until:
                return False
            shared.claim, shared.claim_until = origin, now + lease_s
            return True

    def release_test(self, name: str, origin: object) -> None:
        """See `StateStore`."""
        with self._lock:
            shared = self._shared.get(name)
            if shared is not None and shared.claim is origin:
                shared.claim = None

"""Ties one machine to a store of shared states."""

from __future__ import annotations

import logging
from collections.abc import Callable

from holdfast.resilience.circuit import OPEN, Notice
from holdfast.resilience.events import EventKind
from holdfast.resilience.machine import Machine
from holdfast.resilience.sharing import SharedState, StateStore

_log = logging.getLogger("holdfast.resilience")


class Link:
    """Publishes what the machine does itself, adopts what others did, asks before testing.

    A store that fails is logged and otherwise ignored.
    """

    __slots__ = ("_end", "_machine", "_name", "_store")

    def __init__(self, store: StateStore, machine: Machine) -> None:
        self._store = store
        self._machine = machine
        self._name = machine.name or "unnamed"
        self._end: Callable[[], None] | None = None
        machine.claims = self
        try:
            self._end = store.subscribe(self._name, self, self._adopt)
        except Exception:  # noqa: BLE001 - without agreement, but with protection
            self._failed()

    def tell(self, notice: Notice) -> None:
        """Publishes a change of state, unless it was learnt from the store."""
        if notice.kind is None or notice.kind is EventKind.REJECTED or notice.adopted:
            return
        machine = self._machine
        open_for_s = machine.retry_after_s() if notice.new == OPEN else None
        state = SharedState(notice.new, open_for_s or 0.0, machine.isolated)
        try:
            self._store.publish(self._name, state, self)
        except Exception:  # noqa: BLE001 - without agreement, but with protection
            self._failed()

    def claim(self, lease_s: float) -> bool:
        """See `Claims`. When the store cannot be asked, the breaker tests on its own account."""
        try:
            return self._store.claim_test(self._name, self, lease_s)
        except Exception:  # noqa: BLE001 - without agreement, but with protection
            self._failed()
            return True

    def release(self) -> None:
        """See `Claims`."""
        try:
            self._store.release_test(self._name, self)
        except Exception:  # noqa: BLE001 - without agreement, but with protection
            self._failed()

    def end(self) -> None:
        """Ends the subscription."""
        self._machine.claims = None
        if self._end is not None:
            self._end()

    def _adopt(self, state: SharedState) -> None:
        self._machine.adopt(state.state, state.open_for_s, state.isolated)

    def _failed(self) -> None:
        _log.exception("The state store of circuit breaker '%s' failed", self._name)

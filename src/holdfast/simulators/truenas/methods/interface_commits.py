"""`interface.*`: commit with a rollback timer, and check-in (contract section 15.9).

The timer lives in the middleware's memory only: a restart forgets it and leaves the new configuration.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import CallError, Row
from holdfast.simulators.truenas.methods.interfaces import Interfaces
from holdfast.simulators.truenas.registry import Namespace, method
from holdfast.simulators.truenas.timeline import Timer

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

CUT_AFTER_S = 0.05


class InterfaceCommits(Namespace):
    """Staged changes on their way into the kernel, and back."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.interfaces = box.get(Interfaces)
        self._timer: Timer | None = None

    def restarted(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    @method("interface.commit")
    def commit(self, call: Call, options: Row) -> None:
        """Apply now, and go back by itself unless somebody checks in within `checkin_timeout` seconds."""
        if not any(
            row["aliases"] or row["ipv4_dhcp"] or row["ipv6_auto"] for row in self.interfaces.configured.values()
        ):
            raise CallError("At least one interface configured with IP is required")
        own = self.interfaces.websocket_local_ip(call)
        self._apply()
        lost = self.box.faults.take("interface-commit-lost")
        if options["rollback"] and self.interfaces.before is not None:
            if lost is None or lost.flag("timer"):
                self._arm(options["checkin_timeout"])
        elif not options["rollback"]:
            self.interfaces.before = None
        if lost is not None and call.session is not None:
            call.session.abort()
        if self.box.faults.take("new-address-dead") is not None:
            self.box.unreachable = True
            self.box.timeline.after(CUT_AFTER_S, self.box.drop_sockets)
        elif own not in self.interfaces.addresses(self.interfaces.applied):
            # Connections to an address that is gone do not survive.
            self.box.timeline.after(CUT_AFTER_S, self.box.drop_sockets)

    def _apply(self) -> None:
        self.interfaces.applied = copy.deepcopy(self.interfaces.configured)
        for name in self.interfaces.configured:
            self.box.events.emit("interface.query", "changed", key=name, fields=self.interfaces.row(name))

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.box.timeline.after(seconds, self._roll_back)

    def _roll_back(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self.box.unreachable = False
        if self.interfaces.before is None:
            return
        self.interfaces.configured, settings = self.interfaces.before
        self.interfaces.network.settings.row.update(settings)
        self.interfaces.before = None
        own = next((alias["address"] for row in self.interfaces.applied.values() for alias in row["aliases"]), None)
        self._apply()
        if own not in self.interfaces.addresses(self.interfaces.applied):
            self.box.timeline.after(CUT_AFTER_S, self.box.drop_sockets)

    @method("interface.checkin_waiting")
    def checkin_waiting(self, call: Call) -> int | None:
        """Seconds until the rollback; null when none is armed."""
        if self._timer is None:
            return None
        return max(math.ceil(self._timer.when - self.box.clock.now()), 0)

    @method("interface.checkin")
    def checkin(self, call: Call) -> None:
        """Keep the change."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self.interfaces.before = None, None

    @method("interface.cancel_rollback")
    def cancel_rollback(self, call: Call) -> None:
        """Stop the timer; the old configuration is still there to roll back to."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    @method("interface.rollback")
    def rollback(self, call: Call) -> None:
        """Go back now."""
        self._roll_back()

"""What a fault does to the bytes of an answer: end in the middle, or trickle."""

from __future__ import annotations

import asyncio
from typing import Final

from holdfast.simulators.rack.faults import ActiveFault
from holdfast.simulators.rack.link import Link

SHAPED: Final = ("reset", "truncate", "drip")
"""The faults that are shapers; of several that are on, the first of these acts."""


class CutAfter:
    """Lets so many bytes of the body through, then ends the connection: by RST or in order.

    A RST makes the peer's kernel throw away nothing that it has, but ours everything that it has not sent. So the
    bytes go out in pieces that fit a socket's buffer, each when the one before has arrived, and the RST comes last.
    """

    _PIECE: Final = 16 * 1024
    _STEP_S: Final = 0.002
    _PATIENCE_STEPS: Final = 1000

    def __init__(self, link: Link, allowed_bytes: int, *, rst: bool) -> None:
        self._link = link
        self._left = allowed_bytes
        self._rst = rst
        self._queue = bytearray()
        self._steps = self._PATIENCE_STEPS
        self._timer: asyncio.TimerHandle | None = None
        self._done = False

    def feed(self, data: bytes) -> None:
        """Take bytes of a body."""
        if self._done:
            return
        passed = data[: self._left]
        self._left -= len(passed)
        self._queue += passed
        if self._left == 0:
            # What the server still has to say, and its own wish to close, no longer count.
            self._link.mute()
        if self._timer is None:
            self._pump()
        self._link.shaper_moved()

    def limit(self, allowed_bytes: int) -> None:
        """Lower the number of bytes that may pass; has no effect once some have."""
        self._left = min(self._left, allowed_bytes)

    def flush(self) -> None:
        """The connection ended, or the fault was healed: what may pass goes out."""
        self._done = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rest = bytes(self._queue)
        self._queue.clear()
        self._link.write_through(rest)
        if self._left == 0:
            self._finish()

    @property
    def pending(self) -> bool:
        """Whether bytes are held back."""
        return bool(self._queue)

    def _pump(self) -> None:
        self._timer = None
        if self._link.frozen:
            self._timer = asyncio.get_running_loop().call_later(self._STEP_S, self._pump)
            return
        arrived = self._link.unsent_bytes == 0
        if arrived and self._queue:
            self._steps = self._PATIENCE_STEPS
            self._link.write_through(bytes(self._queue[: self._PIECE]))
            del self._queue[: self._PIECE]
            arrived = self._link.unsent_bytes == 0
        self._steps -= 1
        if not self._steps:
            # The peer reads nothing; it is cut off where it is.
            self._queue.clear()
        if self._left == 0 and not self._queue and (arrived or not self._steps):
            self._done = True
            self._finish()
        elif self._queue or self._left == 0:
            self._timer = asyncio.get_running_loop().call_later(0 if arrived else self._STEP_S, self._pump)
        if not self._queue:
            self._link.shaper_moved()

    def _finish(self) -> None:
        if self._rst:
            self._link.reset()
        else:
            self._link.end()


class Drip:
    """Lets bytes through at a rate."""

    _TICK_S: Final = 0.02

    def __init__(self, link: Link, bytes_per_s: float) -> None:
        self._link = link
        self._tick_s = max(self._TICK_S, 1 / bytes_per_s)
        self._piece = max(1, int(bytes_per_s * self._tick_s))
        self._queue = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes of a body."""
        if not data:
            return
        self._queue += data
        if self._timer is None:
            self._schedule()
        self._link.shaper_moved()

    def flush(self) -> None:
        """Send the rest at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rest = bytes(self._queue)
        self._queue.clear()
        if rest:
            self._link.write_through(rest)
        self._link.shaper_moved()

    @property
    def pending(self) -> bool:
        """Whether bytes are held back."""
        return bool(self._queue)

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._link.frozen:
            self._schedule()
            return
        self._link.write_through(bytes(self._queue[: self._piece]))
        del self._queue[: self._piece]
        if self._queue:
            self._schedule()
        else:
            self._link.shaper_moved()


def shaper_for(fault: ActiveFault, link: Link) -> CutAfter | Drip:
    """The shaper that a fault of `SHAPED` puts on a connection."""
    if fault.kind.name == "drip":
        return Drip(link, fault.number("bytes_per_s"))
    return CutAfter(link, int(fault.number("after_bytes")), rst=fault.kind.name == "reset")

"""How often Holdfast logs in: a socket that drops again and again must not use up the appliance's own limit."""

from __future__ import annotations

from typing import Final

from holdfast.errors import Executed, RateLimitedError
from holdfast.resilience import Clock, remaining_s

BURST: Final = 6
"""Calls of `auth.login_ex` at once; a SCRAM login needs two."""
INTERVAL_S: Final = 12.0
"""Seconds for one call more. At most 11 in any 60 s: TrueNAS takes 20 from an address, those of others included, and
what is refused by that limit may be refused for 10 minutes (contract 6)."""
_ROOM_S: Final = 2.0
"""Time that a call keeps for itself after the wait, seconds."""


class LoginPace:
    """Lets `BURST` logins through at once and one more every `INTERVAL_S`.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = float(BURST)
        self._at = clock.monotonic()

    def take(self, calls: int) -> None:
        """Count calls that are being made."""
        self._refill()
        self._left -= calls

    def _refill(self) -> None:
        now = self._clock.monotonic()
        self._left = min(float(BURST), self._left + (now - self._at) / INTERVAL_S)
        self._at = now

    async def wait(self, calls: int) -> None:
        """Wait until so many calls may be made.

        Raises:
            RateLimitedError: The caller's deadline comes first. Nothing was sent.
        """
        self._refill()
        short = (calls - self._left) * INTERVAL_S
        if short <= 0:
            return
        left = remaining_s()
        if left is not None and short > left - _ROOM_S:
            raise RateLimitedError(
                f"The connection to TrueNAS was lost again and again; Holdfast logs in once more in {short:.0f} s, "
                "not before: TrueNAS limits logins. Nothing was sent.",
                executed=Executed.NO,
                retry_after_s=short,
                next_step="Repeat after that time; find out what cuts the connection.",
            )
        await self._clock.sleep(short)

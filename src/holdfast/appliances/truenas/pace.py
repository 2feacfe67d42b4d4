"""How often Holdfast logs in: a socket that drops again and again must not use up the appliance's own limit."""

from __future__ import annotations

from collections import deque
from typing import Final

from holdfast.errors import Executed, RateLimitedError
from holdfast.resilience import Clock, remaining_s

LOGINS: Final = 3
"""Logins in any `WINDOW_S`, at most (contract 6): TrueNAS takes 20 calls of `auth.login_ex` a minute from an address,
those of others included, and what is refused by that limit may be refused for 10 minutes. One by SCRAM needs two."""
WINDOW_S: Final = 60.0
JITTER_S: Final = WINDOW_S / LOGINS
"""Once a login has to wait, it waits up to so much longer, by chance: whatever cuts connections cuts those of others at
the same moment, and they must not all come back at the same moment too."""
_ROOM_S: Final = 2.0
"""Time that a call keeps for itself after the wait, seconds."""


class LoginPace:
    """Lets `LOGINS` logins through in any `WINDOW_S`.

    Args:
        clock: Time, and chance.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: deque[float] = deque(maxlen=LOGINS)

    def take(self) -> None:
        """Count a login that is being made."""
        self._last.append(self._clock.monotonic())

    async def wait(self) -> None:
        """Wait until a login may be made.

        Raises:
            RateLimitedError: The caller's deadline comes first. Nothing was sent.
        """
        if len(self._last) < LOGINS:
            return
        short = self._last[0] + WINDOW_S - self._clock.monotonic()
        if short <= 0:
            return
        short += self._clock.random() * JITTER_S
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

"""What is known of an iDRAC that is away, and what a refused login means then (contract 4.2, 10).

An iDRAC that restarts is refused connections first, then answers 503, then 401, though the password is right. A wrong
password must not be sent often: three within a minute and the address is blocked. So a refused login counts as the
restart's doing only

- where this iDRAC has accepted the credential before, in this process: a password that never worked is sent once;
- within ten minutes after it was seen away, or its restart was ordered;
- once for each outage: the next login is tried a minute later at the earliest, beyond the window in which an iDRAC
  counts, and only when its service root answers. Is it refused again, it is refused for good.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

RESTART_S: Final = 600.0
"""Longest restart (contract 8.5), seconds."""
PATIENCE_S: Final = 60.0
"""Window in which an iDRAC counts refused logins, by default (contract 4.2), seconds."""


class Outage:
    """Whether an iDRAC is, or was just, away.

    Args:
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self._accepted = False
        self._away_until = float("-inf")
        self._refused_at: float | None = None

    def away(self) -> None:
        """It was seen away, or its restart was ordered."""
        if self._accepted:
            self._away_until = self.monotonic() + RESTART_S

    def accepted(self) -> None:
        """It accepted a login: whatever was is over."""
        self._accepted = True
        self._away_until = float("-inf")
        self._refused_at = None

    def excuses(self, sent_at: float) -> bool:
        """Whether a refusal of a login that was sent then may be the restart's doing."""
        now = self.monotonic()
        if self._refused_at is not None:
            return sent_at <= self._refused_at
        if now > self._away_until:
            return False
        self._refused_at = now
        return True

    @property
    def doubtful(self) -> bool:
        """Whether a login was refused and excused, and none was accepted since."""
        return self._refused_at is not None

    @property
    def wait_s(self) -> float:
        """How long no login is to be tried, seconds; 0 when one may be."""
        return 0.0 if self._refused_at is None else max(self._refused_at + PATIENCE_S - self.monotonic(), 0.0)

"""Login protection: failed logins score, and enough of them block the address (contract §3.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

SCORE = 10
THRESHOLD = 30
FIRST_BLOCK_S = 120.0
GROWTH = 1.5
MEMORY_S = 1800.0


@dataclass
class Offender:
    """What is remembered of one address."""

    failures: list[float] = field(default_factory=list)
    blocks: int = 0
    blocked_until: float = 0.0


@dataclass
class LoginProtection:
    """Counts failed authentications per address; three within memory block it, each time longer by half."""

    now: Callable[[], float]
    enabled: bool = True
    offenders: dict[str, Offender] = field(default_factory=dict)

    def failed(self, address: str) -> None:
        """A request of this address had no valid credential."""
        if not self.enabled:
            return
        offender = self.offenders.setdefault(address, Offender())
        now = self.now()
        offender.failures = [at for at in offender.failures if now - at < MEMORY_S] + [now]
        if len(offender.failures) * SCORE >= THRESHOLD:
            offender.blocked_until = now + FIRST_BLOCK_S * GROWTH**offender.blocks
            offender.blocks += 1
            offender.failures.clear()

    def blocks(self, address: str) -> bool:
        """Whether packets of this address are dropped now."""
        offender = self.offenders.get(address)
        return offender is not None and self.now() < offender.blocked_until

    def blocks_any(self) -> bool:
        """Whether any address is blocked now; every client of a simulator on loopback has the same one."""
        return any(self.now() < offender.blocked_until for offender in self.offenders.values())

    def forget(self) -> None:
        """Lift all blocks."""
        self.offenders.clear()

"""The testing mode (see `holdfast.resilience.testing`): looked at only after a failure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Mode:
    """What the testing mode changes.

    Attributes:
        max_attempts: Attempts are capped at this number; None: no cap.
        no_waits: Waits before retries last 0 seconds.
    """

    max_attempts: int | None = None
    no_waits: bool = False


MODE = Mode()

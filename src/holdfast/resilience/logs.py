"""The guide's log lines on the standard logger ``holdfast.resilience``.

In a program that configures no logging, Python shows only warnings; the guide promises INFO lines, too. The logger
therefore lets INFO through unless a level was set, and has a handler of last resort that writes to standard error in
the guide's form only while nobody else handles its records.
"""

from __future__ import annotations

import logging
import sys
from typing import Final

from holdfast.resilience.events import Event

LOGGER: Final = logging.getLogger("holdfast.resilience")


class LastResort(logging.Handler):
    """Writes ``LEVEL: message`` to standard error when no other handler is configured for the logger."""

    def emit(self, record: logging.LogRecord) -> None:
        if not _others_handle(self):
            sys.stderr.write(f"{record.levelname}: {record.getMessage()}\n")


def _others_handle(mine: logging.Handler) -> bool:
    logger: logging.Logger | None = LOGGER
    while logger is not None:
        if any(handler is not mine for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def prepare() -> None:
    """Makes WARNING and INFO visible by default; leaves a level that somebody chose alone. Idempotent."""
    if LOGGER.level == logging.NOTSET:
        LOGGER.setLevel(logging.INFO)
    if not any(isinstance(handler, LastResort) for handler in LOGGER.handlers):
        LOGGER.addHandler(LastResort())


def log_event(event: Event) -> None:
    """Sink: logs the event's sentence at the event's level."""
    LOGGER.log(event.level, "%s", event.message)


prepare()

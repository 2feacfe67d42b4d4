"""Redaction at the places where text leaves the process beside answers: logs and crash reports."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Final

from holdfast.control.exit import OneExit
from holdfast.control.redaction import Redactor

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class RedactingFilter(logging.Filter):
    """Cleans and redacts log records: message, arguments, extra fields, exception and stack.

    Attach it to handlers, not to loggers: a logger's filter does not see the records of loggers below it.

    The exception is turned into text here and taken off the record, so that no later formatter can print it anew.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._exit = OneExit(redactor)

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record; it is always kept."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError, IndexError):
            message = f"{record.msg} {record.args!r}"
        record.msg = self._exit.line(message)
        record.args = ()
        if record.exc_info and (error := record.exc_info[1]) is not None:
            record.exc_text = self._exit.exception(error)
        elif record.exc_text:
            record.exc_text = self._exit.text(record.exc_text)
        record.exc_info = None
        if record.stack_info:
            record.stack_info = self._exit.text(record.stack_info)
        for name in vars(record).keys() - _STANDARD:
            setattr(record, name, self._exit.anything(getattr(record, name), name))
        return True


class RedactingProcessor:
    """A structlog processor that cleans and redacts the whole event; put it last before the renderer.

    Exceptions become redacted text under `exception`, whatever processors stand before or after.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._exit = OneExit(redactor)

    def __call__(self, logger: object, method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
        """Redact the event."""
        error = _error_in(event.pop("exc_info", None))
        if error is not None:
            event["exception"] = self._exit.exception(error)
        for key in list(event):
            event[key] = self._exit.anything(event[key], key, multiline=key in ("exception", "stack"))
        return event


def install_crash_reports(redactor: Redactor) -> None:
    """Redact tracebacks that nobody caught, of the main thread and of others, on their way to standard error."""
    leave = OneExit(redactor)

    def report(error: BaseException) -> None:
        sys.stderr.write(leave.exception(error) + "\n")

    def crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.stderr.write("Interrupted.\n")
        else:
            report(error)

    def thread_crashed(event: threading.ExceptHookArgs) -> None:
        if event.exc_value is not None and not issubclass(event.exc_type, SystemExit):
            report(event.exc_value)

    def unraisable(event: sys.UnraisableHookArgs) -> None:
        if event.exc_value is not None:
            report(event.exc_value)

    sys.excepthook = crashed
    threading.excepthook = thread_crashed
    sys.unraisablehook = unraisable


def _error_in(found: object) -> BaseException | None:
    if found is True:
        return sys.exc_info()[1]
    if isinstance(found, BaseException):
        return found
    if isinstance(found, tuple) and len(found) == 3 and isinstance(found[1], BaseException):
        return found[1]
    return None

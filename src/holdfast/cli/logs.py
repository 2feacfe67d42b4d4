"""Logs on stderr: one line of JSON each, or readable lines on a terminal."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Literal

LogFormat = Literal["auto", "json", "console"]


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str | None:
    """The traceback as text; the redacting filter has put its own there already."""
    return record.exc_text or (formatter.formatException(record.exc_info) if record.exc_info else None)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; control characters are escaped by JSON itself."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        entry: dict[str, str] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace := _trace(self, record):
            entry["exception"] = trace
        return json.dumps(entry)


class ConsoleFormatter(logging.Formatter):
    """`LEVEL: message`, with control characters escaped so that no log line can pretend to be another."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one readable line (a traceback follows on its own lines)."""
        line = f"{record.levelname}: {record.getMessage()}"
        safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        trace = _trace(self, record)
        return f"{safe}\n{trace}" if trace else safe


def set_up_logs(level: str = "INFO", style: LogFormat = "auto", redact: logging.Filter | None = None) -> None:
    """Send all logs to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    handler.setFormatter(ConsoleFormatter() if console else JsonFormatter())
    if redact is not None:
        handler.addFilter(redact)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("mcp", "httpx", "uvicorn", "asyncio", "aiohttp"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))

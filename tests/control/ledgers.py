"""What the tests of the ledger share."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from holdfast.control.ledger import Intent, Ledger, LedgerReader
from holdfast.control.redaction import Redactor

KEY = b"k" * 32
SECRET = "C4nary-Passw0rd!"
START = 1_795_000_000.0


class Clock:
    """A wall clock that goes on one millisecond a reading."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def ledger_at(directory: Path, *, key: bytes | None = KEY, segment_bytes: int = 1 << 20, **options: Any) -> Ledger:
    """A ledger as a process opens it."""
    return Ledger(directory, redactor=Redactor([SECRET]), key=key, segment_bytes=segment_bytes, now=Clock(), **options)


@asynccontextmanager
async def opened(directory: Path, **options: Any) -> AsyncIterator[Ledger]:
    """A ledger that is closed in the end."""
    ledger = ledger_at(directory, **options)
    try:
        yield ledger
    finally:
        await ledger.close()


def intent(number: int = 101, **changed: Any) -> Intent:
    """An intent about a guest of this number."""
    fields: dict[str, Any] = {
        "principal": "alice",
        "target": "pve",
        "appliance": "proxmox",
        "tool": "proxmox_stop_guest",
        "risk": "destructive",
        "arguments": {"vmid": number},
        "correlation_id": f"c{number}",
        "plan_id": f"plan-{number}",
        "identity": "rack",
        "summary": f"Stop VM {number}",
        "approved_by": "bob",
    }
    return Intent(**{**fields, **changed})


def records(directory: Path) -> list[dict[str, Any]]:
    """All records in the files, by plain JSON."""
    found: list[dict[str, Any]] = []
    for path in [*sorted(directory.glob("ledger-*.jsonl")), directory / "ledger.jsonl"]:
        if path.exists():
            found += [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]
    return found


def kinds(directory: Path) -> list[str]:
    """Kinds of all records."""
    return [record["kind"] for record in records(directory)]


def reader(directory: Path, key: bytes | None = KEY) -> LedgerReader:
    """A reader as the command line opens it."""
    return LedgerReader(directory, key=key)


def rewrite(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Tamper with the lines of a file."""
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))

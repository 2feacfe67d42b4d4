"""One line of the ledger: what it says, and the chain that it is a link of.

Each record carries the hash of the one before. Its own hash is SHA-256 over the canonical form of everything else in
it, or HMAC-SHA-256 when the installation has a key: without a key somebody who can write the files can also make a
whole new chain, with one he cannot.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias, cast

from pydantic import JsonValue

from holdfast.control.canonical import canonical, digest, keyed_digest, same_digest

VERSION: Final = 1
GENESIS: Final = "0" * 64
"""What the first record has in place of the hash of the one before."""
MAX_LINE_BYTES: Final = 65_536
KEY_PURPOSE: Final = "ledger"

Kind: TypeAlias = Literal["opened", "intent", "outcome", "event", "recovered", "restarted"]
KINDS: Final = frozenset({"opened", "intent", "outcome", "event", "recovered", "restarted"})
Result: TypeAlias = Literal["applied", "not_applied", "unknown"]
Body: TypeAlias = dict[str, JsonValue]

_FIELDS: Final = frozenset({"v", "seq", "time", "kind", "owner", "body", "alg", "prev", "hash"})
_PLAIN: Final = "sha256"
_KEYED: Final = "hmac-sha256"


@dataclass(frozen=True)
class Record:
    """A record.

    Attributes:
        seq: Number, from 1.
        time: When it was written, UTC, `2026-11-23T12:00:00.000000Z`.
        kind: opened (a process began to write), intent (a write is about to be sent), outcome (what became of it),
            event (anything else worth keeping), recovered (something unfinished was found), restarted (a damaged
            ledger was set aside).
        owner: The process that wrote it, a random name for its life.
        body: What the kind is about.
        signed: Whether the hash was made with the installation's key.
        prev: Hash of the record before.
        hash: Hash of this one.
    """

    seq: int
    time: str
    kind: Kind
    owner: str
    body: Body
    signed: bool
    prev: str
    hash: str

    def line(self) -> bytes:
        """The record as it stands in the file, with its line feed."""
        return canonical({**self._content(), "hash": self.hash}) + b"\n"

    def _content(self) -> Body:
        return {
            "v": VERSION,
            "seq": self.seq,
            "time": self.time,
            "kind": self.kind,
            "owner": self.owner,
            "body": self.body,
            "alg": _KEYED if self.signed else _PLAIN,
            "prev": self.prev,
        }

    def is_genuine(self, key: bytes | None) -> bool:
        """Whether the hash is that of the content. A signed record cannot be told genuine without the key."""
        if self.signed and key is None:
            return False
        return same_digest(self.hash, _hash(self._content(), key if self.signed else None))


def seal(seq: int, now: float, kind: Kind, owner: str, body: Body, prev: str, key: bytes | None) -> Record:
    """Make the next record.

    Args:
        seq: Its number.
        now: Seconds since the epoch.
        kind: Its kind.
        owner: Who writes it.
        body: What it says.
        prev: Hash of the record before.
        key: The installation's key, if there is one.

    Raises:
        ValueError: The body is not JSON, or too large.
    """
    time = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    unsealed = Record(seq, time, kind, owner, body, key is not None, prev, "")
    record = Record(seq, time, kind, owner, body, key is not None, prev, _hash(unsealed._content(), key))
    if len(record.line()) > MAX_LINE_BYTES:
        raise ValueError("the record is too large")
    return record


def parse(line: bytes) -> Record:
    """Read a record from its line, without the line feed. Whether it is genuine is another question.

    Raises:
        ValueError: The line is not a record in exactly the form in which records are written.
    """
    if len(line) >= MAX_LINE_BYTES:
        raise ValueError("too long")
    try:
        found = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict) or set(found) != _FIELDS or found["v"] != VERSION:
        raise ValueError("not the fields of a record")
    if canonical(found) != line:
        raise ValueError("not in canonical form")
    seq, body, kind = found["seq"], found["body"], found["kind"]
    texts = [found[name] for name in ("time", "owner", "prev", "hash")]
    if (
        not isinstance(seq, int)
        or isinstance(seq, bool)
        or seq < 1
        or not isinstance(body, dict)
        or kind not in KINDS
        or found["alg"] not in (_PLAIN, _KEYED)
        or not all(isinstance(text, str) for text in texts)
    ):
        raise ValueError("not the values of a record")
    time, owner, prev, own = texts
    return Record(seq, time, cast("Kind", kind), owner, body, found["alg"] == _KEYED, prev, own)


def _hash(content: Body, key: bytes | None) -> str:
    return digest(content) if key is None else keyed_digest(key, content)

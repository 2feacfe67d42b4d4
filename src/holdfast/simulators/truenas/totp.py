"""Time-based one-time passwords (RFC 6238, SHA-1, six digits, 30 seconds)."""

from __future__ import annotations

import base64
import hashlib
import hmac

INTERVAL_S = 30


def totp(secret: str, now: float, *, offset: int = 0) -> str:
    """The code of a base32 secret at `now` (seconds since the epoch), `offset` intervals later."""
    key = base64.b32decode(secret)
    counter = int(now // INTERVAL_S) + offset
    digest = hmac.new(key, counter.to_bytes(8, "big"), hashlib.sha1).digest()
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def accepts(secret: str, code: str, now: float, *, window: int = 0) -> bool:
    """Whether the code is the current one, or one of `window` intervals around."""
    return any(hmac.compare_digest(totp(secret, now, offset=offset), code) for offset in range(-window, window + 1))

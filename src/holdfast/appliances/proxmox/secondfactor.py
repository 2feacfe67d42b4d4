"""Codes of a time-based second factor (RFC 6238 as Proxmox uses it: SHA-1, six digits, 30 s)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

from holdfast.errors import ConfigError

PERIOD_S: Final = 30


def totp_code(secret: str, moment: float) -> str:
    """The code of a moment.

    Args:
        secret: Base32, blanks and padding optional.
        moment: Seconds since the epoch.

    Raises:
        ConfigError: The secret is not base32.
    """
    bare = secret.replace(" ", "").rstrip("=").upper()
    try:
        key = base64.b32decode(bare + "=" * (-len(bare) % 8))
    except binascii.Error:
        raise ConfigError("totp_secret is not a base32 secret.") from None
    digest = hmac.digest(key, int(moment // PERIOD_S).to_bytes(8, "big"), hashlib.sha1)
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"

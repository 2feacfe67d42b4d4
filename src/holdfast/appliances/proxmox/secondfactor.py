"""A time-based second factor (contract 2.3; RFC 6238 with SHA-1, six digits, 30 s), and when it is tried."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import Final

from holdfast.errors import AuthenticationError, ConfigError

PERIOD_S: Final = 30
_REFUSALS: Final = 2
"""Codes that are tried after one another: Proxmox locks a factor after a few more."""
_STAMP: Final = re.compile(r":([0-9A-F]{8})::")


class SecondFactorError(AuthenticationError):
    """The password is right; the second factor is missing, refused, or must wait for its next code."""

    code = "second_factor"


class SecondFactor:
    """The codes of one user: none is sent twice, and after two refusals none is sent any more.

    Args:
        secret: Base32 secret of the user's TOTP; None where the settings have none.
    """

    def __init__(self, secret: str | None) -> None:
        self._secret = secret
        self._period = 0
        self._ahead_s = 0.0
        self._refusals = 0
        self._missing = False

    def check(self, now: float) -> None:
        """Say no before the password is sent for nothing.

        Args:
            now: Seconds since the epoch.

        Raises:
            SecondFactorError: It is known by now that the login would stop here.
        """
        if self._missing:
            raise _without_secret()
        if self._refusals >= _REFUSALS:
            raise SecondFactorError(
                f"{_REFUSALS} codes of the second factor were refused; no more are tried, because Proxmox locks it. "
                "The password is right. Nothing was executed.",
                next_step="The operator checks totp_secret and unlocks the factor (Permissions > Two Factor) where it "
                "is locked, then restarts the server; an API token needs no second factor.",
            )
        self._not_used_yet(now + self._ahead_s)

    def code(self, challenge: str, now: float) -> str:
        """The code that answers a challenge: of the moment that the appliance itself wrote into it, so that this
        machine's clock does not matter.

        Args:
            challenge: The half-ticket `PVE:!tfa!…:HEXTIME::…` (contract 2.2).
            now: Seconds since the epoch, where the challenge tells no time.

        Raises:
            SecondFactorError: There is no secret, or this code was sent already: Proxmox takes each once.
        """
        if self._secret is None:
            self._missing = True
            raise _without_secret()
        stamp = _STAMP.search(challenge)
        moment = float(int(stamp[1], 16)) if stamp is not None else now
        self._ahead_s = moment - now
        self._not_used_yet(moment)
        self._period = int(moment // PERIOD_S)
        return totp_code(self._secret, moment)

    def _not_used_yet(self, moment: float) -> None:
        if moment // PERIOD_S > self._period:
            return
        left = (self._period + 1) * PERIOD_S - moment
        raise SecondFactorError(
            f"The code of this half minute was used already; the next one comes in {left:.0f} s. The password is "
            "right. Nothing was executed.",
            next_step="Repeat then.",
            retry_after_s=left,
        )

    def accepted(self) -> None:
        """The code was right."""
        self._refusals = 0

    def refused(self) -> SecondFactorError:
        """The error for a code that was refused."""
        self._refusals += 1
        return SecondFactorError(
            "The password is right; Proxmox refused the code of the second factor. Nothing was executed.",
            status=401,
            next_step="If somebody just logged in with the same code, repeat in half a minute; else the operator "
            "checks totp_secret. An API token needs no second factor.",
        )


def _without_secret() -> SecondFactorError:
    return SecondFactorError(
        "This user needs a second factor. The password is right. Nothing was executed.",
        next_step="Make an API token for this user and set token_id and token_secret (better), or set totp_secret; "
        "then restart the server.",
    )


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

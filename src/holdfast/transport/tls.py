"""Who the peer must be: system CAs, a CA file, a pinned certificate, or, spelled out, nobody in particular.

A pin is compared inside the TLS handshake, before any byte of the request exists on the wire. Contexts are shared:
loading the system's CAs costs about 33 ms and 850 kB each time.
"""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from holdfast.errors import ConfigError, TlsError

MinimumVersion = Literal["1.0", "1.1", "1.2", "1.3"]

_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_PIN = re.compile(r"[0-9a-f]{64}\Z")


def normalise_pin(pin: str) -> str:
    """A SHA-256 fingerprint as 64 lower-case hex digits; colons, blanks and a ``sha256`` prefix are accepted.

    Raises:
        ConfigError: Not 32 bytes in hex.
    """
    text = re.sub(r"\A\s*sha-?256(?:\s+fingerprint)?\s*[:=]", "", pin, flags=re.I)
    text = re.sub(r"[\s:]", "", text).lower()
    if not _PIN.match(text):
        raise ConfigError(
            "pin_sha256 must be the SHA-256 fingerprint of the certificate: 64 hex digits, colons allowed.",
            next_step="holdfast trust NAME shows and stores it.",
        )
    return text


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How the peer's certificate is checked.

    Attributes:
        verify: False turns every check off; it must be spelled out and excludes the other two.
        ca_file: PEM file with the CA (or the very certificate) to trust instead of the system's CAs.
        pin_sha256: SHA-256 of the peer's DER certificate, hex; several may be allowed while a certificate changes.
            Without `ca_file` the pin alone decides: names, dates and issuers are not looked at; with it both must hold.
        minimum: Lowest TLS version accepted. "1.0" and "1.1" also admit old key sizes (iDRAC7/8: contract idrac §3).
        server_name: Name to expect in the certificate when it differs from the host in the URL.
    """

    verify: bool = True
    ca_file: str | os.PathLike[str] | None = None
    pin_sha256: str | Sequence[str] | None = None
    minimum: MinimumVersion = "1.2"
    server_name: str | None = None

    def __post_init__(self) -> None:
        if self.pin_sha256 is not None:
            raw = [self.pin_sha256] if isinstance(self.pin_sha256, str) else list(self.pin_sha256)
            if not raw:
                raise ConfigError("pin_sha256 must not be an empty list.")
            object.__setattr__(self, "pin_sha256", tuple(sorted({normalise_pin(pin) for pin in raw})))
        if not self.verify and (self.pin_sha256 is not None or self.ca_file is not None):
            raise ConfigError("verify = false contradicts ca_file and pin_sha256.")
        if self.minimum not in _VERSIONS:
            raise ConfigError('The lowest TLS version must be "1.0", "1.1", "1.2" or "1.3".')

    @property
    def pins(self) -> tuple[str, ...]:
        """The pins, normalised and sorted; empty when none is set."""
        return () if self.pin_sha256 is None else tuple(self.pin_sha256)

    @property
    def insecure(self) -> bool:
        """Whether the peer is not checked at all."""
        return not self.verify


class PinMismatchError(ssl.SSLError):
    """The handshake showed another certificate than the pinned one. Carries its SHA-256 in `found`."""

    def __init__(self, found: str) -> None:
        super().__init__("certificate does not match the pin")
        self.found = found


_contexts: dict[tuple[object, ...], ssl.SSLContext] = {}
_lock = threading.Lock()


def ssl_context(settings: TlsSettings) -> ssl.SSLContext:
    """The shared context for `settings`; a CA file that changed on disk gets a new one.

    Raises:
        ConfigError: The CA file is missing, unreadable or holds no certificate.
    """
    ca_key: tuple[object, ...] = ()
    if settings.ca_file is not None:
        try:
            stat = os.stat(settings.ca_file)
        except (OSError, ValueError) as error:  # ValueError: a NUL in its name
            reason = getattr(error, "strerror", None) or "there can be no such file"
            raise _bad_ca_file(settings.ca_file, reason) from None
        ca_key = (os.path.realpath(settings.ca_file), stat.st_mtime_ns, stat.st_size)
    key = (settings.verify, ca_key, settings.pins, settings.minimum)
    with _lock:
        context = _contexts.get(key)
        if context is None:
            context = _contexts[key] = _build(settings)
        return context


def _build(settings: TlsSettings) -> ssl.SSLContext:
    # Not create_default_context(): it would write session keys to the file named by SSLKEYLOGFILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])  # a WebSocket cannot be opened over HTTP/2 (contract truenas §2)
    if settings.minimum in ("1.0", "1.1"):
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if not settings.verify or (settings.pins and settings.ca_file is None):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca_file is not None:
        # The appliance's own certificate, or an intermediate one, may be named as the anchor.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(cafile=settings.ca_file)
        except (OSError, ssl.SSLError) as error:
            reason = "no certificate in PEM form in it" if isinstance(error, ssl.SSLError) else str(error.strerror)
            raise _bad_ca_file(settings.ca_file, reason) from None
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    _set_minimum(context, settings.minimum)
    if settings.pins:
        context.sslobject_class = _pinned_class(frozenset(settings.pins))
    return context


def _set_minimum(context: ssl.SSLContext, minimum: str) -> None:
    import warnings

    with warnings.catch_warnings():
        # TLS 1.0 and 1.1 are deprecated; here an operator asked for them for one old appliance.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = _VERSIONS[minimum]


def _pinned_class(pins: frozenset[str]) -> type[ssl.SSLObject]:
    class PinnedObject(ssl.SSLObject):
        """TLS connection whose handshake fails unless the peer shows a pinned certificate."""

        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert(binary_form=True)
            found = hashlib.sha256(certificate or b"").hexdigest()
            if found not in pins:
                raise PinMismatchError(found)

    return PinnedObject


def _bad_ca_file(ca_file: str | os.PathLike[str], reason: str) -> ConfigError:
    return ConfigError(f"The CA file {os.fspath(ca_file)} cannot be used: {reason}.")


def fingerprint(sha256_hex: str) -> str:
    """A fingerprint as people compare it: upper-case hex with colons."""
    digits = sha256_hex.upper()
    return ":".join(digits[index : index + 2] for index in range(0, len(digits), 2))


_TRUST = "Verify the appliance's certificate, then run holdfast trust NAME, or set ca_file or pin_sha256."
# OpenSSL's verification results (openssl-verification-options, x509_vfy.h).
_VERIFY_CODES: dict[int, tuple[str, str, str]] = {
    9: ("not_yet_valid", "is not valid yet", "Check the clocks of the appliance and of this machine."),
    10: ("expired", "has expired", "Renew the appliance's certificate, or pin it after checking its fingerprint."),
    18: ("self_signed", "is self-signed and not trusted here", _TRUST),
    19: ("unknown_ca", "comes from a CA that is not trusted here", "Set ca_file to that CA's certificate. " + _TRUST),
    20: ("unknown_ca", "comes from a CA that is not trusted here", "Set ca_file to that CA's certificate. " + _TRUST),
    21: ("unknown_ca", "comes from a CA that is not trusted here", "Set ca_file to that CA's certificate. " + _TRUST),
    23: ("revoked", "was revoked", "Replace the appliance's certificate."),
    62: ("wrong_name", "is for another name", "Address the appliance by a name in its certificate, or pin it."),
    64: ("wrong_name", "is for another address", "Address the appliance by a name in its certificate, or pin it."),
    66: ("weak_key", "has a key that is too weak", "Give the appliance a certificate with a key of 2048 bits or more."),
    67: ("weak_key", "comes from a CA whose key is too weak", "Replace the CA and the appliance's certificate."),
    68: ("weak_key", "is signed with a weak digest", "Give the appliance a certificate signed with SHA-256."),
}
_PLAIN_HTTP = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}
    | {"RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE"}
)
_OLD_TLS = frozenset(
    {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW"}
    | {
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "DH_KEY_TOO_SMALL",
        "EE_KEY_TOO_SMALL",
        "CA_MD_TOO_WEAK",
        "WRONG_CIPHER_RETURNED",
    }
)


def find_tls_cause(error: BaseException) -> ssl.SSLError | None:
    """The TLS error behind `error`, if there is one. A connection cut in the handshake is not a TLS error."""
    current: BaseException | None = error
    for _ in range(10):
        if current is None:
            break
        # aiohttp's own exceptions are SSL errors too, but keep what OpenSSL said in an attribute.
        inner = getattr(current, "os_error", None)
        if isinstance(inner, BaseException):
            current = inner
        elif not isinstance(current, ssl.SSLError):
            current = current.__cause__ or current.__context__
        elif isinstance(current, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            break
        else:
            return current
    return None


def explain(error: ssl.SSLError, *, target: str | None = None) -> TlsError:
    """The typed error for a failed handshake, with what to do next; `details["reason"]` is a stable word."""
    if isinstance(error, PinMismatchError):
        return TlsError(
            f"The appliance's certificate is not the pinned one; it showed SHA-256 {fingerprint(error.found)}.",
            next_step="If its certificate was replaced on purpose, check the new fingerprint at the appliance and run "
            "holdfast trust NAME; if not, someone may be in between: send nothing.",
            target=target,
            details={"reason": "pin_mismatch", "found_sha256": error.found},
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        word, what, todo = _VERIFY_CODES.get(error.verify_code, ("untrusted", "is not trusted here", _TRUST))
        return TlsError(
            f"The appliance's certificate {what}.",
            next_step=todo,
            target=target,
            details={"reason": word, "verify_code": error.verify_code},
        )
    reason = getattr(error, "reason", None) or ""  # OpenSSL's; an error from elsewhere has none
    if reason in _PLAIN_HTTP:
        return TlsError(
            "The appliance does not speak TLS on this port.",
            next_step="Check the port; use http:// only where the appliance offers nothing else.",
            target=target,
            details={"reason": "plain_http"},
        )
    if reason in _OLD_TLS:
        return TlsError(
            "The appliance offers no TLS version or cipher that is allowed here.",
            next_step="Update the appliance or its TLS settings, or lower the minimum TLS version for this target.",
            target=target,
            details={"reason": "old_tls"},
        )
    word = re.sub(r"[^A-Z0-9_]", "", reason)[:60] or "handshake"
    return TlsError(
        f"The TLS handshake with the appliance failed ({word.lower()}).",
        next_step="Check that the address and port are the appliance's own; holdfast doctor shows more.",
        target=target,
        details={"reason": "handshake"},
    )

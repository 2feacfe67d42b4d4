"""Looking at a server's certificate before trusting it (`holdfast trust`). Nothing but the handshake is sent."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from dataclasses import dataclass
from datetime import datetime

from holdfast.errors import NotSentError, TlsError
from holdfast.transport.tls import TlsSettings, explain, find_tls_cause, fingerprint, ssl_context
from holdfast.transport.urls import Origin


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """The certificate that a server showed.

    Attributes:
        pem: The certificate.
        sha256: Its SHA-256 in lower-case hex, as `TlsSettings.pin_sha256` takes it.
        subject: Its subject: the server's own text, untrusted.
        issuer: Its issuer: untrusted.
        not_before: Start of its validity (UTC).
        not_after: End of its validity (UTC).
        names: Names and addresses it is for: untrusted.
        self_signed: Whether subject and issuer are the same.
        problem: Why the checks of the given settings fail; None when they pass.
    """

    pem: str
    sha256: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]
    self_signed: bool
    problem: TlsError | None

    @property
    def fingerprint(self) -> str:
        """The SHA-256 as people compare it: upper-case hex with colons."""
        return fingerprint(self.sha256)


async def fetch_certificate(
    url: str, *, settings: TlsSettings | None = None, timeout_s: float = 10.0
) -> ServerCertificate:
    """Fetch the certificate of the server at ``https://HOST[:PORT]`` (or ``wss://``) and check it against `settings`.

    Two handshakes are made: one that accepts anything, to see the certificate, and one with `settings` (the system's
    CAs when None). No byte of a request is sent.

    Raises:
        NotSentError: The server cannot be reached.
        TlsError: The server does not speak TLS, or only a version that is not allowed.
        ConfigError: The URL is no https or wss URL.
    """
    origin, _ = Origin.parse(url, ("https", "wss"))
    wanted = settings if settings is not None else TlsSettings()
    shown = await _handshake(origin, TlsSettings(verify=False, minimum=wanted.minimum), timeout_s)
    problem: TlsError | None = None
    try:
        await _handshake(origin, wanted, timeout_s)
    except TlsError as error:
        problem = error
    return _described(shown, problem)


async def _handshake(origin: Origin, settings: TlsSettings, timeout_s: float) -> bytes:
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(
                origin.host,
                origin.port,
                ssl=ssl_context(settings),
                server_hostname=settings.server_name,
            )
    except TimeoutError:
        raise NotSentError(f"{origin.netloc} did not complete a TLS handshake within {timeout_s:.0f} s.") from None
    except OSError as error:
        cause = find_tls_cause(error)
        if cause is not None:
            raise explain(cause) from None
        raise NotSentError(f"{origin.netloc} cannot be reached: {error.strerror or type(error).__name__}.") from None
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    try:
        shown = tls.getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    if not shown:
        raise TlsError(f"{origin.netloc} showed no certificate.")
    return shown


def _described(der: bytes, problem: TlsError | None) -> ServerCertificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        certificate = x509.load_der_x509_certificate(der)
        names = _names(certificate)
        subject, issuer = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
        pem = certificate.public_bytes(Encoding.PEM).decode("ascii")
        not_before, not_after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except ValueError:
        raise TlsError("The server's certificate cannot be read.") from None
    return ServerCertificate(
        pem=pem,
        sha256=hashlib.sha256(der).hexdigest(),
        subject=subject,
        issuer=issuer,
        not_before=not_before,
        not_after=not_after,
        names=names,
        self_signed=subject == issuer,
        problem=problem,
    )


def _names(certificate: object) -> tuple[str, ...]:
    from cryptography import x509

    assert isinstance(certificate, x509.Certificate)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension):
        return ()
    dns = extension.value.get_values_for_type(x509.DNSName)
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    return (*dns, *(str(address) for address in addresses))

"""One certificate authority for a rack: good certificates, and bad ones on purpose."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Final

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from holdfast.simulators.faultlist import BAD_CERTIFICATES

NAMES: Final = ("localhost", "127.0.0.1", "::1")
_ORGANIZATION: Final = "Holdfast simulators"


class Authority:
    """A generated CA. Server contexts are made once each and shared by all simulators of the rack.

    Keys are ECDSA P-256; nothing is written to disk but what `write_ca` is asked for.
    """

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name=_ORGANIZATION)
        self._contexts: dict[str, ssl.SSLContext] = {}

    @property
    def ca_pem(self) -> str:
        """The CA's certificate, PEM."""
        return self._ca.cert_pem.bytes().decode("ascii")

    def write_ca(self, path: Path) -> None:
        """Write the CA's certificate where clients can name it as `ca_file`."""
        path.write_text(self.ca_pem, encoding="ascii")

    def client_context(self) -> ssl.SSLContext:
        """A client's context that trusts this CA and nothing else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._ca.configure_trust(context)
        return context

    def server_context(self, certificate: str = "good") -> ssl.SSLContext:
        """A server's context with the good certificate, or one of `BAD_CERTIFICATES`.

        Raises:
            KeyError: no such certificate.
        """
        context = self._contexts.get(certificate)
        if context is None:
            if certificate != "good" and certificate not in BAD_CERTIFICATES:
                raise KeyError(certificate)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._issue(certificate).configure_cert(context)
            self._contexts[certificate] = context
        return context

    def _issue(self, certificate: str) -> trustme.LeafCert:
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        if certificate == "expired":
            return self._ca.issue_cert(
                *NAMES, organization_name=_ORGANIZATION, not_before=now - 30 * day, not_after=now - day
            )
        if certificate == "not-yet-valid":
            return self._ca.issue_cert(
                *NAMES, organization_name=_ORGANIZATION, not_before=now + day, not_after=now + 30 * day
            )
        if certificate == "wrong-name":
            return self._ca.issue_cert("elsewhere.example", organization_name=_ORGANIZATION)
        if certificate == "unknown-ca":
            return trustme.CA(organization_name=_ORGANIZATION).issue_cert(*NAMES, organization_name=_ORGANIZATION)
        if certificate == "self-signed":
            return _self_signed(now, day)
        return self._ca.issue_cert(*NAMES, organization_name=_ORGANIZATION)


def _san() -> list[x509.GeneralName]:
    return [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]


def _self_signed(now: datetime.datetime, day: datetime.timedelta) -> trustme.LeafCert:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Appliance default certificate")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + 365 * day)
        .add_extension(x509.SubjectAlternativeName(_san()), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return trustme.LeafCert(key_pem, certificate.public_bytes(serialization.Encoding.PEM), [])

"""The certificate that the iDRAC says its web server has, and requests for another (contract §12.14)."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from holdfast.simulators.idrac.errors import refuse

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

_NAMES = {
    "CommonName": NameOID.COMMON_NAME,
    "Organization": NameOID.ORGANIZATION_NAME,
    "OrganizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "City": NameOID.LOCALITY_NAME,
    "State": NameOID.STATE_OR_PROVINCE_NAME,
    "Country": NameOID.COUNTRY_NAME,
    "Email": NameOID.EMAIL_ADDRESS,
}


class Certificates:
    """One web server certificate, made when it is first looked at."""

    def __init__(self, bmc: Bmc) -> None:
        self._bmc = bmc
        self._pem: str | None = None
        self._key: ec.EllipticCurvePrivateKey | None = None

    @property
    def pem(self) -> str:
        """The certificate, PEM."""
        if self._pem is None:
            self._pem = self._self_signed()
        return self._pem

    def _self_signed(self) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Dell Inc."),
                x509.NameAttribute(NameOID.COMMON_NAME, f"idrac-{self._bmc.server.service_tag}"),
            ]
        )
        now = datetime.datetime.fromtimestamp(self._bmc.now, datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=30))
            .not_valid_after(now + datetime.timedelta(days=3650))
            .sign(key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def request(self, fields: dict[str, str], alternatives: list[str]) -> str:
        """A signing request for these names, PEM."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(oid, fields[name]) for name, oid in _NAMES.items() if fields.get(name)]
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
        if alternatives:
            names = x509.SubjectAlternativeName([x509.DNSName(name) for name in alternatives])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def replace(self, pem: str) -> None:
        """Put another certificate in place; 400 when it is none."""
        try:
            x509.load_pem_x509_certificate(pem.encode())
        except ValueError:
            raise refuse(400, "SYS425", "CertificateString", related=("#/CertificateString",)) from None
        self._pem = pem
        self._bmc.record("SYS142", category="Audit")

    def reset(self) -> None:
        """Go back to a self-signed certificate."""
        self._pem = None

    def parsed(self) -> x509.Certificate:
        """The certificate as an object."""
        return x509.load_pem_x509_certificate(self.pem.encode())


def names(name: x509.Name) -> dict[str, str]:
    """A distinguished name in Redfish's property names."""
    by_oid = {oid: key for key, oid in _NAMES.items()}
    return {by_oid[item.oid]: str(item.value) for item in name if item.oid in by_oid}

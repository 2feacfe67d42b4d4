"""Certificates of nodes: issued by the cluster's own CA, or uploaded (contract section 14)."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.values import Json, Row

_YEARS_VALID: Final = 2


@dataclass(frozen=True)
class Certificate:
    """One PEM file."""

    filename: str
    pem: str

    @cached_property
    def parsed(self) -> x509.Certificate:
        """Its content; the first certificate of a chain."""
        return x509.load_pem_x509_certificate(self.pem.encode())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the DER form, colon separated, upper case."""
        return ":".join(f"{byte:02X}" for byte in self.parsed.fingerprint(hashes.SHA256()))

    def row(self) -> Row:
        """What `/certificates/info` says of it."""
        certificate = self.parsed
        key = certificate.public_key()
        bits = key.key_size if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else 256
        names: list[Json] = []
        try:
            extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = [str(name.value) for name in extension]
        except x509.ExtensionNotFound:
            names = []
        return {
            "filename": self.filename,
            "fingerprint": self.fingerprint,
            "subject": _name(certificate.subject),
            "issuer": _name(certificate.issuer),
            "notbefore": int(certificate.not_valid_before_utc.timestamp()),
            "notafter": int(certificate.not_valid_after_utc.timestamp()),
            "san": names,
            "public-key-bits": bits,
            "public-key-type": "rsaEncryption" if isinstance(key, rsa.RSAPublicKey) else "id-ecPublicKey",
            "pem": self.pem,
        }


def _name(name: x509.Name) -> str:
    return "".join(f"/{part.rfc4514_attribute_name}={part.value!s}" for part in name)


def parse_certificate(pem: str, filename: str) -> Certificate:
    """An uploaded certificate; 500 when it is none."""
    certificate = Certificate(filename, pem)
    try:
        certificate.parsed  # noqa: B018 - parsing is the check
    except ValueError as error:
        raise ApiError("unable to parse certificate") from error
    return certificate


class CertificateAuthority:
    """The private CA of the cluster."""

    def __init__(self, cluster_name: str, moment: float) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._moment = datetime.datetime.fromtimestamp(moment, datetime.UTC)
        self._name = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "Proxmox Virtual Environment"),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"{cluster_name} cluster"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "PVE Cluster Manager CA"),
            ]
        )
        self._issued: dict[str, Certificate] = {}
        self.root = self._make(self._name, 10, ec.generate_private_key(ec.SECP256R1()), [], "pve-root-ca.pem")

    def of_node(self, name: str, fqdn: str, ip: str) -> Certificate:
        """The certificate issued to a node."""
        if name not in self._issued:
            subject = x509.Name(
                [
                    x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "PVE Cluster Node"),
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Proxmox Virtual Environment"),
                    x509.NameAttribute(NameOID.COMMON_NAME, fqdn),
                ]
            )
            names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            names.append(x509.DNSName("localhost"))
            names.append(x509.IPAddress(ipaddress.ip_address(ip)))
            names += [x509.DNSName(name), x509.DNSName(fqdn)]
            key = ec.generate_private_key(ec.SECP256R1())
            self._issued[name] = self._make(subject, _YEARS_VALID, key, names, "pve-ssl.pem")
        return self._issued[name]

    def _make(
        self,
        subject: x509.Name,
        years: int,
        key: ec.EllipticCurvePrivateKey,
        names: list[x509.GeneralName],
        filename: str,
    ) -> Certificate:
        start = self._moment - datetime.timedelta(days=100)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=365 * years))
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        return Certificate(filename, signed.public_bytes(serialization.Encoding.PEM).decode())

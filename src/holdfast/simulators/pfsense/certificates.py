"""Certificates, keys and requests: made and read with a real X.509 library, so that expiry and names are true."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_Digest = hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_HASHES: dict[str, _Digest] = {
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "prime256v1": ec.SECP256R1,
    "secp384r1": ec.SECP384R1,
    "secp521r1": ec.SECP521R1,
}
_UTC = datetime.UTC


@dataclass
class Wanted:
    """What a new certificate or request shall say."""

    common_name: str
    days: int = 3650
    digest: str = "sha256"
    is_ca: bool = False
    dns_names: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    organization: str = ""


def new_key(keytype: str, keylen: int = 2048, curve: str = "prime256v1") -> PrivateKey:
    """A private key; sizes above 4096 bits are made with 4096, to spare the machine that simulates."""
    if keytype == "ECDSA":
        return ec.generate_private_key(_CURVES.get(curve, ec.SECP256R1)())
    return rsa.generate_private_key(public_exponent=65537, key_size=min(max(keylen, 1024), 4096))


def _name(wanted: Wanted) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, wanted.common_name)]
    if wanted.organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, wanted.organization))
    return x509.Name(parts)


def _alternatives(wanted: Wanted) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in wanted.dns_names]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in wanted.addresses]
    return names


def sign(
    wanted: Wanted, key: PrivateKey, now: float, issuer: tuple[x509.Certificate, PrivateKey] | None, serial: int
) -> x509.Certificate:
    """A certificate for this key: self-signed without an issuer."""
    start = datetime.datetime.fromtimestamp(now, _UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(wanted))
        .issuer_name(issuer[0].subject if issuer else _name(wanted))
        .public_key(key.public_key())
        .serial_number(max(serial, 1))
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=wanted.days))
        .add_extension(x509.BasicConstraints(ca=wanted.is_ca, path_length=None), critical=True)
    )
    if names := _alternatives(wanted):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer[1] if issuer else key, _HASHES.get(wanted.digest, hashes.SHA256()))


def request(wanted: Wanted, key: PrivateKey) -> str:
    """A signing request for this key, PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(wanted))
    if names := _alternatives(wanted):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(key, _HASHES.get(wanted.digest, hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.PEM).decode()


def sign_request(
    csr_pem: str, days: int, digest: str, now: float, issuer: tuple[x509.Certificate, PrivateKey], serial: int
) -> x509.Certificate:
    """A certificate for the key and name of a signing request."""
    csr = x509.load_pem_x509_csr(csr_pem.encode())
    start = datetime.datetime.fromtimestamp(now, _UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(csr.subject)
        .issuer_name(issuer[0].subject)
        .public_key(csr.public_key())
        .serial_number(max(serial, 1))
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
    )
    return builder.sign(issuer[1], _HASHES.get(digest, hashes.SHA256()))


def certificate_pem(certificate: x509.Certificate) -> str:
    """PEM of a certificate."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: PrivateKey) -> str:
    """PEM of a private key, unencrypted as the firewall stores it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def load_certificate(pem: str) -> x509.Certificate | None:
    """The certificate that a PEM text holds, or None."""
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return None


def load_key(pem: str) -> PrivateKey | None:
    """The RSA or elliptic-curve key that a PEM text holds, or None."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        return None
    return key if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) else None


def is_certificate(text: str) -> bool:
    """A PEM certificate."""
    return load_certificate(text) is not None


def is_private_key(text: str) -> bool:
    """A PEM private key."""
    return load_key(text) is not None


def is_signing_request(text: str) -> bool:
    """A PEM signing request."""
    try:
        x509.load_pem_x509_csr(text.encode())
    except ValueError:
        return False
    return True


def validity(pem: str) -> tuple[float, float] | None:
    """From when and until when a certificate is valid, seconds since the epoch; None when it is no certificate."""
    certificate = load_certificate(pem)
    if certificate is None:
        return None
    return (certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp())


def bundle(name: str, certificate_text: str, key_text: str, password: str) -> bytes:
    """A PKCS #12 archive of a certificate and its key."""
    protection: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    )
    return pkcs12.serialize_key_and_certificates(
        name.encode(), load_key(key_text), load_certificate(certificate_text), None, protection
    )

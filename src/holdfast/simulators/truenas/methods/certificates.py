"""`certificate.*` (contract section 15.14). Real certificates and keys, made when needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from holdfast.simulators.truenas.crud import READ_VERBS, Crud, Table
from holdfast.simulators.truenas.errors import EBUSY, EEXIST, CallError, Row, invalid
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

TYPE_EXISTING, TYPE_CSR = 8, 16
CURVES = ("SECP256R1", "SECP384R1", "SECP521R1", "ed25519")
COUNTRIES = {"AT": "Austria", "DE": "Germany", "GB": "United Kingdom", "US": "United States"}
ACME = {"https://acme-v02.api.letsencrypt.org/directory": "Let's Encrypt Production Directory"}
USAGES = ("SERVER_AUTH", "CLIENT_AUTH")
TIME_FORM = "%a %b %d %H:%M:%S %Y"


class Certificates(Namespace):
    """Certificates and signing requests."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.table = Table(box, "certificate", "Certificate")
        self.table.present = self._present
        self._show = Crud(self, self.table, verbs=READ_VERBS).show
        self.choices("certificate.ec_curve_choices", {name: name for name in CURVES})
        self.choices("certificate.country_choices", COUNTRIES)
        self.choices("certificate.acme_server_choices", ACME)
        self.choices("certificate.extended_key_usage_choices", {name: name for name in USAGES})
        now = datetime.fromtimestamp(box.clock.now(), UTC)
        certificate, key = _self_signed("localhost", now - timedelta(days=200), 397)
        self.table.add(self._row("truenas_default", certificate, key, None))

    def _row(self, name: str, certificate: str | None, key: str | None, request: str | None) -> Row:
        return {
            "name": name,
            "type": TYPE_EXISTING if certificate is not None else TYPE_CSR,
            "certificate": certificate,
            "privatekey": key,
            "CSR": request,
            "add_to_trusted_store": False,
            "renew_days": None,
        }

    def choices_by_id(self) -> Row:
        """Names of certificates by id."""
        return {str(row["id"]): row["name"] for row in self.table if row["certificate"]}

    def without_key(self, row: Row) -> Row:
        """A certificate as other settings show it."""
        return {**self._present(row), "privatekey": "********"}

    def _present(self, row: Row) -> Row:
        shown: Row = {
            **row,
            "root_path": "/etc/certificates",
            "certificate_path": f"/etc/certificates/{row['name']}.crt" if row["certificate"] else None,
            "privatekey_path": f"/etc/certificates/{row['name']}.key",
            "csr_path": f"/etc/certificates/{row['name']}.csr" if row["CSR"] else None,
            "cert_type": "CERTIFICATE",
            "cert_type_existing": bool(row["certificate"]),
            "cert_type_CSR": bool(row["CSR"]),
            "cert_type_CA": False,
            "chain_list": [row["certificate"]] if row["certificate"] else [],
            "chain": False,
            "key_type": "EC",
            "key_length": 256,
            "parsed": True,
            "extensions": {},
            "digest_algorithm": "SHA256",
        }
        source = row["certificate"] or row["CSR"]
        parsed: x509.Certificate | x509.CertificateSigningRequest
        if row["certificate"]:
            parsed = x509.load_pem_x509_certificate(source.encode())
            end = parsed.not_valid_after_utc
            shown |= {
                "from": parsed.not_valid_before_utc.strftime(TIME_FORM),
                "until": end.strftime(TIME_FORM),
                "lifetime": (end - parsed.not_valid_before_utc).days,
                "expired": end.timestamp() < self.box.clock.now(),
                "serial": parsed.serial_number,
                "fingerprint": ":".join(f"{byte:02X}" for byte in parsed.fingerprint(hashes.SHA1())),
            }
        else:
            parsed = x509.load_pem_x509_csr(source.encode())
        common = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        try:
            names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            shown["san"] = [f"DNS:{name}" for name in names.get_values_for_type(x509.DNSName)]
        except x509.ExtensionNotFound:
            shown["san"] = []
        shown |= {"common": str(common[0].value) if common else None, "DN": f"/{parsed.subject.rfc4514_string()}"}
        return shown

    def _check_name(self, name: str, attribute: str, own: int | None) -> None:
        other = self.table.first(name=name)
        if other is not None and other["id"] != own:
            raise invalid(attribute, "A certificate with this name already exists", EEXIST)
        if not all(char.isalnum() or char in "-_" for char in name):
            raise invalid(attribute, "Only letters, digits, dashes and underscores are allowed")

    @method("certificate.create")
    def create(self, call: Call, data: Row) -> Steps:
        """Import a certificate, or make or import a signing request."""
        kind, prefix = data["create_type"], "certificate_create"
        self._check_name(data["name"], f"{prefix}.name", None)
        yield Step(30, "Creating certificate")
        if kind == "CERTIFICATE_CREATE_IMPORTED":
            row = self._imported(data, prefix)
        elif kind == "CERTIFICATE_CREATE_CSR":
            common = data.get("common") or (data.get("san") or [None])[0]
            if not common:
                raise invalid(f"{prefix}.san", "This field is required")
            request, key = _request(common, data.get("san") or [])
            row = self._row(data["name"], None, key, request)
        elif kind == "CERTIFICATE_CREATE_IMPORTED_CSR":
            try:
                x509.load_pem_x509_csr(str(data.get("CSR")).encode())
            except ValueError as error:
                raise invalid(f"{prefix}.CSR", "Please provide a valid CSR") from error
            row = self._row(data["name"], None, data.get("privatekey"), data["CSR"])
        else:
            raise CallError("ACME: the directory cannot be reached", 64)
        row["add_to_trusted_store"] = data.get("add_to_trusted_store", False)
        return self._show(call, self.table.add(row))

    def _imported(self, data: Row, prefix: str) -> Row:
        try:
            certificate = x509.load_pem_x509_certificate(str(data.get("certificate")).encode())
        except ValueError as error:
            raise invalid(f"{prefix}.certificate", "Not a valid certificate") from error
        try:
            key = serialization.load_pem_private_key(str(data.get("privatekey")).encode(), None)
        except (ValueError, TypeError) as error:
            raise invalid(f"{prefix}.privatekey", "Private key is not valid") from error
        if key.public_key() != certificate.public_key():
            raise invalid(f"{prefix}.privatekey", "Private key does not match certificate")
        return self._row(data["name"], data["certificate"], data["privatekey"], None)

    @method("certificate.update")
    def update(self, call: Call, number: int, data: Row | None) -> Steps:
        """Rename, or trust."""
        self.table.get(number)
        changes = data or {}
        if "name" in changes:
            self._check_name(changes["name"], "certificate_update.name", number)
        yield Step(50, "Updating")
        return self._show(call, self.table.change(number, changes))

    @method("certificate.delete")
    def delete(self, call: Call, number: int, force: bool) -> Steps:
        """Delete, unless the web interface uses it."""
        from holdfast.simulators.truenas.methods.general import General

        self.table.get(number)
        if self.box.get(General).row["ui_certificate"] == number:
            raise CallError("Certificate is being used by: System General", EBUSY, {"dependencies": ["system.general"]})
        yield Step(50, "Deleting")
        self.table.remove(number)
        return True


def _self_signed(name: str, start: datetime, days: int) -> tuple[str, str]:
    """A certificate and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), _pem(key)


def _request(name: str, others: list[str]) -> tuple[str, str]:
    """A signing request and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.DNSName(other) for other in dict.fromkeys((name, *others))])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(), _pem(key)


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()

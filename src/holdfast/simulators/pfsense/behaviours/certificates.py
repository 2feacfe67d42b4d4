"""Certificates, authorities, requests and revocation lists (contract §13.12)."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509

from holdfast.simulators.pfsense import certificates as made
from holdfast.simulators.pfsense.answers import ApiError, conflict, forbidden
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.schema import Field
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Obj, Work

_USERS = (
    ("OpenVPNServer", "certref"),
    ("OpenVPNClient", "certref"),
    ("IPsecPhase1", "certref"),
    ("HAProxyFrontend", "ssloffloadcert"),
)


def authority(work: Work, refid: Value) -> tuple[Ident, Stored]:
    """The stored authority with this id; 404 when there is none."""
    for ident, row in work.tree.rows(work.schema.models["CertificateAuthority"]).items():
        if row.get("refid") == refid:
            return ident, row
    raise ApiError(404, "CERTIFICATE_AUTHORITY_NOT_FOUND", f"Certificate authority `{refid}` does not exist.")


def issuer_of(work: Work, refid: Value) -> tuple[x509.Certificate, made.PrivateKey]:
    """Certificate and key of an authority, to sign with; 400 when its key is not here."""
    _, row = authority(work, refid)
    certificate, key = made.load_certificate(str(row["crt"])), made.load_key(str(row.get("prv") or ""))
    if certificate is None or key is None:
        raise ApiError(400, "CERTIFICATE_AUTHORITY_HAS_NO_PRIVATE_KEY", "The authority's private key is not available.")
    return certificate, key


def next_serial(work: Work, refid: Value) -> int:
    """The next serial number of an authority, counted up in its stored object."""
    ident, row = authority(work, refid)
    serial = int(row.get("serial") or 1)
    work.tree.put(work.schema.models["CertificateAuthority"], ident, {**row, "serial": serial + 1})
    return serial


def wanted(obj: Obj, *, is_ca: bool = False) -> made.Wanted:
    """What the fields of a generate or request model ask for."""
    values = obj.values
    return made.Wanted(
        common_name=str(values["dn_commonname"]),
        days=int(values.get("lifetime") or 3650),
        digest=str(values.get("digest_alg") or "sha256"),
        is_ca=is_ca,
        dns_names=[str(name) for name in values.get("dn_dns_sans") or []],
        addresses=[str(address) for address in values.get("dn_ip_sans") or []],
        organization=str(values.get("dn_organization") or ""),
    )


def new_key_for(obj: Obj) -> made.PrivateKey:
    """A key of the kind that the fields ask for."""
    values = obj.values
    return made.new_key(str(values["keytype"]), int(values.get("keylen") or 2048), str(values.get("ecname") or ""))


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%m/%d/%Y")


class _Identified(Behaviour):
    def prepare(self, work: Work, obj: Obj) -> None:
        obj.values["refid"] = work.machine.unique_id()


@behaves("Certificate")
class Certificate(_Identified):
    """Certificates with what they say about their validity (2.8 and later)."""

    def expand(self, work: Work, obj: Obj, stored: Stored) -> None:
        self._show_validity(work, obj)

    @staticmethod
    def _show_validity(work: Work, obj: Obj) -> None:
        span = made.validity(str(obj.values.get("crt") or ""))
        if span is not None and "valid_until" in obj.model.fields:
            days = int((span[1] - work.now) // 86400)
            obj.values |= {"valid_from": _date(span[0]), "valid_until": _date(span[1]), "valid_days_left": days}

    def changed(self, work: Work, obj: Obj, verb: str) -> None:
        self._show_validity(work, obj)

    def check_delete(self, work: Work, obj: Obj) -> None:
        refid = obj.values["refid"]
        used = work.tree.nodes.get("system/webgui", {}).get("sslcertref") == refid
        used = used or work.tree.one(work.schema.models["DNSResolverSettings"]).get("sslcertref") == refid
        for model, name in _USERS:
            used = used or refid in work.values_of(model, name)
        used = used or any(refid in (certs or []) for certs in work.values_of("User", "cert"))
        if used:
            raise forbidden(
                "CERTIFICATE_CANNOT_BE_DELETED_WHILE_IN_USE", "Certificate cannot be deleted because it is in use."
            )


@behaves("CertificateAuthority")
class Authority(_Identified):
    """Authorities; one that has issued something stays."""

    def check_delete(self, work: Work, obj: Obj) -> None:
        refid = obj.values["refid"]
        issued = work.values_of("Certificate", "caref")
        used = [*issued, *work.values_of("OpenVPNServer", "caref"), *work.values_of("IPsecPhase1", "caref")]
        if refid in used:
            raise conflict(
                "CERTIFICATE_AUTHORITY_CANNOT_BE_DELETED_WHILE_IN_USE",
                "Certificate authority cannot be deleted because it is in use.",
            )


@behaves("CertificateAuthorityGenerate")
class GenerateAuthority(_Identified):
    """A new authority, self-signed or below another."""

    def saving(self, work: Work, obj: Obj, stored: Stored, verb: str) -> Stored:
        key = new_key_for(obj)
        parent = None if obj.values.get("is_intermediate") is not True else issuer_of(work, obj.values["caref"])
        crt = made.sign(wanted(obj, is_ca=True), key, work.now, parent, 1)
        obj.values |= {"crt": made.certificate_pem(crt), "prv": made.key_pem(key), "serial": 1}
        kept = {"refid", "descr", "trust", "randomserial", "caref"}
        row = {name: value for name, value in stored.items() if name in kept}
        return row | {"crt": obj.values["crt"], "prv": obj.values["prv"], "serial": 1}


@behaves("CertificateGenerate")
class GenerateCertificate(_Identified):
    """A new key and certificate, signed by an authority here."""

    def saving(self, work: Work, obj: Obj, stored: Stored, verb: str) -> Stored:
        key, refid = new_key_for(obj), obj.values["caref"]
        crt = made.sign(wanted(obj), key, work.now, issuer_of(work, refid), next_serial(work, refid))
        obj.values |= {"crt": made.certificate_pem(crt), "prv": made.key_pem(key)}
        return _row(obj) | {"caref": refid, "crt": obj.values["crt"], "prv": obj.values["prv"]}


def _row(obj: Obj) -> Stored:
    return {name: obj.values.get(name) for name in ("refid", "descr", "type")}


@behaves("CertificateSigningRequest")
class SigningRequest(_Identified):
    """A new key and a request for a certificate."""

    def saving(self, work: Work, obj: Obj, stored: Stored, verb: str) -> Stored:
        key = new_key_for(obj)
        obj.values |= {"csr": made.request(wanted(obj), key), "prv": made.key_pem(key)}
        return _row(obj) | {"csr": obj.values["csr"], "prv": obj.values["prv"]}


@behaves("CertificateSigningRequestSign")
class SignRequest(_Identified):
    """A certificate for somebody else's request."""

    def saving(self, work: Work, obj: Obj, stored: Stored, verb: str) -> Stored:
        values, refid = obj.values, obj.values["caref"]
        crt = made.sign_request(
            str(values["csr"]),
            int(values.get("lifetime") or 3650),
            str(values.get("digest_alg")),
            work.now,
            issuer_of(work, refid),
            next_serial(work, refid),
        )
        values["crt"] = made.certificate_pem(crt)
        row = _row(obj) | {"caref": refid, "crt": values["crt"]}
        return row | ({"prv": values["prv"]} if values.get("prv") else {})


class _Renewal(Behaviour):
    reference = ""
    target = ""

    async def create(self, work: Work, obj: Obj) -> bool:
        values, model = obj.values, work.schema.models[self.target]
        rows = work.tree.rows(model)
        ident, row = next((i, r) for i, r in rows.items() if r.get("refid") == values[self.reference])
        old = made.load_certificate(str(row.get("crt") or ""))
        key = made.load_key(str(row.get("prv") or ""))
        if old is None or key is None or (self.target == "Certificate" and not row.get("caref")):
            raise ApiError(406, "CERTIFICATE_RENEW_UNAVAILABLE", "This object cannot be renewed here.")
        if values.get("reusekey") is not True:
            key = made.new_key("ECDSA")
        serial = old.serial_number if values.get("reuseserial") is True else int(work.now)
        name = str(old.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
        span = old.not_valid_after_utc - old.not_valid_before_utc
        is_ca = self.target == "CertificateAuthority"
        parent = issuer_of(work, row["caref"]) if row.get("caref") else None
        crt = made.sign(made.Wanted(name, days=span.days, is_ca=is_ca), key, work.now, parent, serial)
        fresh = {"crt": made.certificate_pem(crt), "prv": made.key_pem(key)}
        work.tree.put(model, ident, {**row, **fresh})
        await work.save(f"Renewed {model.verbose_name} via API")
        values |= {"oldserial": str(old.serial_number), "newserial": str(serial)}
        return True


@behaves("CertificateRenew")
class RenewCertificate(_Renewal):
    """Renewal of a certificate that an authority here issued."""

    reference, target = "certref", "Certificate"


@behaves("CertificateAuthorityRenew")
class RenewAuthority(_Renewal):
    """Renewal of an authority."""

    reference, target = "caref", "CertificateAuthority"


@behaves("CertificatePKCS12Export")
class Pkcs12Export(Behaviour):
    """A certificate with its key as a PKCS #12 archive, for download only."""

    async def create(self, work: Work, obj: Obj) -> bool:
        rows = work.tree.rows(work.schema.models["Certificate"]).values()
        row = next(row for row in rows if row.get("refid") == obj.values["certref"])
        content = made.bundle(
            str(row["descr"]), str(row["crt"]), str(row.get("prv")), str(obj.values["passphrase"] or "")
        )
        obj.values |= {"filename": f"{str(row['descr']).replace(' ', '_')}.p12", "binary_data": content}
        return True


@behaves("CertificateRevocationList")
class RevocationList(_Identified):
    """Revocation lists; one that a VPN server checks stays."""

    def check_delete(self, work: Work, obj: Obj) -> None:
        if obj.values["refid"] in work.values_of("OpenVPNServer", "crlref"):
            raise conflict(
                "CERTIFICATE_REVOCATION_LIST_CANNOT_BE_DELETED_WHILE_IN_USE",
                "Certificate revocation list cannot be deleted because it is in use.",
            )


@behaves("CertificateRevocationListRevokedCertificate")
class RevokedCertificate(Behaviour):
    """Entries of a revocation list; the time of revocation is now unless given."""

    def prepare(self, work: Work, obj: Obj) -> None:
        obj.values.setdefault("revoke_time", int(work.now))

    def default(self, work: Work, obj: Obj, field: Field) -> Value:
        return int(work.now) if field.name == "revoke_time" else None

"""The certificate service and Dell's card service (contract §12.14, §12.6, §12.19)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.certificates import names
from holdfast.simulators.idrac.errors import missing_resource, success
from holdfast.simulators.idrac.persona import MGR, ROOT, Persona
from holdfast.simulators.idrac.trees.common import action, collection, resource
from holdfast.simulators.idrac.trees.managers import OEM_M
from holdfast.simulators.idrac.wire import Call, Json, Reply, link

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_SERVICE = f"{ROOT}/CertificateService"
_COLLECTION = f"{MGR}/NetworkProtocol/HTTPS/Certificates"
_ONE = f"{_COLLECTION}/SecurityCertificate.1"
_CARD = f"{OEM_M}/DelliDRACCardService"
_FIELDS = ("CommonName", "Organization", "OrganizationalUnit", "City", "State", "Country", "Email")


def _service(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _SERVICE, "CertificateService", "Certificate Service")
    content |= {
        "CertificateLocations": link(f"{_SERVICE}/CertificateLocations"),
        "Actions": {
            "#CertificateService.GenerateCSR": action(f"{_SERVICE}/Actions/CertificateService.GenerateCSR"),
            "#CertificateService.ReplaceCertificate": action(
                f"{_SERVICE}/Actions/CertificateService.ReplaceCertificate", CertificateType=("PEM",)
            ),
        },
    }
    return Reply(200, content)


def _locations(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, call.path, "CertificateLocations", "Certificate Locations")
    content |= {"Links": {"Certificates": [link(_ONE)], "Certificates@odata.count": 1}}
    return Reply(200, content)


def _list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _COLLECTION, "Certificate", [_ONE])


def _one(bmc: Bmc, call: Call) -> Reply:
    if call.args[0] != "SecurityCertificate.1":
        raise missing_resource(call.path)
    found = bmc.certificates.parsed()
    content = resource(bmc, _ONE, "Certificate", "HTTPS Certificate")
    content |= {
        "CertificateString": bmc.certificates.pem,
        "CertificateType": "PEM",
        "CertificateUsageTypes": ["Web"],
        "Issuer": names(found.issuer),
        "KeyUsage": ["DigitalSignature", "KeyEncipherment"],
        "SerialNumber": f"{found.serial_number:x}",
        "Subject": names(found.subject),
        "ValidNotAfter": found.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ValidNotBefore": found.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return Reply(200, content)


def _target(bmc: Bmc, content: Json, name: str) -> str:
    """A reference: an object, on old firmware a plain string."""
    value = content.get(name)
    if isinstance(value, str) and bmc.persona.key == "9-14g":
        return value
    return body.reference(value, name) if name in content else body.text(content, name)


def _csr(bmc: Bmc, call: Call) -> Reply:
    if _target(bmc, call.body, "CertificateCollection") != _COLLECTION:
        raise body.invalid("CertificateCollection", call.body["CertificateCollection"])
    body.closed(call.body, {*_FIELDS, "CertificateCollection", "AlternativeNames", "KeyPairAlgorithm", "KeyBitLength"})
    fields = {name: body.text(call.body, name, default=None if name != "Email" else "") for name in _FIELDS}
    if len(fields["Country"]) != 2:
        raise body.invalid("Country", fields["Country"])
    text = bmc.certificates.request(fields, body.texts(call.body, "AlternativeNames", default=[]))
    return Reply(200, {"CSRString": text, "CertificateCollection": link(_COLLECTION)})


def _replace(bmc: Bmc, call: Call) -> Reply:
    body.text(call.body, "CertificateType", allowed=("PEM",))
    if _target(bmc, call.body, "CertificateUri") != _ONE:
        raise body.invalid("CertificateUri", call.body["CertificateUri"])
    bmc.certificates.replace(body.text(call.body, "CertificateString"))
    return Reply(200, bmc.fetch(_ONE), {"Location": _ONE})


def _card(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _CARD, "DelliDRACCardService", "DelliDRACCardService")
    base = f"{_CARD}/Actions/DelliDRACCardService"
    kinds = ("Server", "CA", "CSC", "ClientTrustCertificate", "CustomCertificate")
    content["Actions"] = {
        "#DelliDRACCardService.DeleteSSLCertificate": action(f"{base}.DeleteSSLCertificate", SSLCertType=kinds),
        "#DelliDRACCardService.ExportSSLCertificate": action(f"{base}.ExportSSLCertificate", SSLCertType=kinds),
        "#DelliDRACCardService.GetKVMSession": action(f"{base}.GetKVMSession"),
        "#DelliDRACCardService.ImportSSLCertificate": action(f"{base}.ImportSSLCertificate", CertificateType=kinds),
        "#DelliDRACCardService.SSLResetCfg": action(f"{base}.SSLResetCfg"),
        "#DelliDRACCardService.UploadSSLKey": action(f"{base}.UploadSSLKey"),
        "#DelliDRACCardService.iDRACReset": action(f"{base}.iDRACReset", Force=("Graceful", "Force")),
    }
    return Reply(200, content)


def _export(bmc: Bmc, call: Call) -> Reply:
    body.text(call.body, "SSLCertType", allowed=("Server", "CA", "CSC", "ClientTrustCertificate", "CustomCertificate"))
    return Reply(200, {**(success(bmc.persona).body or {}), "CertificateFile": bmc.certificates.pem})


def _import(bmc: Bmc, call: Call) -> Reply:
    body.text(call.body, "CertificateType")
    bmc.certificates.replace(body.text(call.body, "SSLCertificateFile"))
    return success(bmc.persona)


def _upload_key(bmc: Bmc, call: Call) -> Reply:
    text = body.text(call.body, "SSLKeyString")
    if "PRIVATE KEY" not in text:
        raise body.invalid("SSLKeyString", "…")
    return success(bmc.persona)


def _reset(bmc: Bmc, call: Call) -> Reply:
    bmc.certificates.reset()
    return success(bmc.persona)


def _kvm(bmc: Bmc, call: Call) -> Reply:
    body.text(call.body, "SessionTypeName")
    # Live secrets, which nothing may show (contract §12.19).
    return Reply(
        200,
        {
            **(success(bmc.persona).body or {}),
            "TempUsername": f"canary{secrets.token_hex(4)}",
            "TempPassword": secrets.token_hex(8),
        },
    )


def _idrac_reset(bmc: Bmc, call: Call) -> Reply:
    body.text(call.body, "Force", allowed=("Graceful", "Force"), default="Graceful")
    bmc.life.restart()
    return success(bmc.persona)


def mount(routes: Routes, persona: Persona) -> None:
    """Add certificates and the card service."""
    if persona.certificate_service:
        routes.get(_SERVICE, _service)
        routes.get(f"{_SERVICE}/CertificateLocations", _locations)
        routes.get(_COLLECTION, _list)
        routes.get(f"{_COLLECTION}/*", _one)
        routes.action(_SERVICE, "CertificateService.GenerateCSR", _csr)
        routes.action(_SERVICE, "CertificateService.ReplaceCertificate", _replace)
    if persona.oem_services:
        routes.get(_CARD, _card)
        for name, handler, locked in (
            ("ExportSSLCertificate", _export, False),
            ("ImportSSLCertificate", _import, True),
            ("DeleteSSLCertificate", _reset, True),
            ("UploadSSLKey", _upload_key, True),
            ("SSLResetCfg", _reset, True),
            ("GetKVMSession", _kvm, False),
            ("iDRACReset", _idrac_reset, True),
        ):
            routes.action(_CARD, f"DelliDRACCardService.{name}", handler, locked=locked)

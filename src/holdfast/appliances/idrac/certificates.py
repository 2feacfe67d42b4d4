"""The certificate of the iDRAC's web server: read, requested, replaced (contract 12.14)."""

from __future__ import annotations

import hashlib
import re
import ssl
from typing import Final

from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.client import Answered, IDracClient
from holdfast.appliances.idrac.errors import ValueRefusedError
from holdfast.appliances.idrac.files import known_file, text_of
from holdfast.appliances.idrac.reading import link, text, texts, time_of
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import InputError, UnsupportedError

MAX_PEM: Final = 64 * 1024
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def _listing(services: JsonObject) -> str:
    found = link(services, "HTTPS/Certificates")
    if found is None:
        raise UnsupportedError("This iDRAC does not show its certificate over Redfish.")
    return found


async def collection(client: IDracClient) -> str:
    """Where the certificates of the web server are.

    Raises:
        UnsupportedError: This generation does not show them.
    """
    address = link(await client.places.manager(), "NetworkProtocol")
    return _listing(await client.get(address) if address else {})


async def read_certificates(client: IDracClient) -> list[JsonObject]:
    """The certificates of the web server."""
    return await client.rows(await collection(client))


async def _service(client: IDracClient) -> JsonObject:
    address = link(await client.root(), "CertificateService")
    if address is None:
        raise UnsupportedError("This iDRAC has no certificate service over Redfish.")
    return await client.get(address)


def fingerprint(pem: str | None) -> str | None:
    """SHA-256 of a certificate's DER, as `pin_sha256` takes it; None when it is none."""
    found = _PEM.search(pem or "")
    if found is None:
        return None
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(found[0] + "\n")).hexdigest()
    except ValueError:
        return None


def facts(row: JsonObject) -> JsonObject:
    """A certificate as a plan and a list show it."""
    return {
        "id": text(row, "Id") or "?",
        "subject": text(row, "Subject/CommonName"),
        "issuer": text(row, "Issuer/CommonName"),
        "valid_from": time_of(row, "ValidNotBefore"),
        "valid_until": time_of(row, "ValidNotAfter"),
        "key_usage": [*texts(row, "KeyUsage")],
        "sha256": fingerprint(text(row, "CertificateString")),
    }


async def _post(client: IDracClient, target: str, body: JsonObject, reference: str, address: str) -> Answered:
    """POST with a reference to a resource; old firmware wants its bare address (contract 12.14)."""
    try:
        return await client.write("POST", target, {**body, reference: {"@odata.id": address}})
    except ValueRefusedError as error:
        if not error.wrong_type(reference):
            raise
        return await client.write("POST", target, {**body, reference: address})


async def plan_request(ctx: Ctx, fields: dict[str, str], alternatives: list[str]) -> Change:
    """A signing request: the iDRAC makes a new key for it, which the certificate in use does not have."""
    client = ctx.client
    where = await collection(client)
    target = client.target_of(await _service(client), "CertificateService.GenerateCSR")
    body: JsonObject = {**fields}
    if alternatives:
        body["AlternativeNames"] = [*alternatives]

    async def look() -> Seen:
        return Seen(None, {"request": "made"}, note="A lost request cannot be read again: make another.")

    return await change(
        ctx,
        Write(
            lambda: _post(client, target, body, "CertificateCollection", where),
            {"POST": target, "body": body},
            tells=lambda answered: {"csr": text(answered.body, "CSRString")},
        ),
        summary=f"Make a certificate signing request for {fields['CommonName']}",
        before={"request": None},
        after={"request": "made"},
        look=look,
        cannot_undo="The certificate in use stays; only an earlier request is void.",
        warnings=["Certificates made from an earlier request of this iDRAC will not fit any more."],
    )


async def plan_replace(ctx: Ctx, file: str) -> Change:
    """The replacement of the web server's certificate by the one in a file."""
    client = ctx.client
    pem = text_of(known_file(client.settings.files_dir, file, limit=MAX_PEM))
    if "PRIVATE KEY" in pem:
        raise InputError("The file holds a private key; only a certificate made from this iDRAC's request is taken.")
    wanted, found = fingerprint(pem), _PEM.search(pem)
    if wanted is None or found is None:
        raise InputError(f"The file {file} holds no PEM certificate.")
    rows = await read_certificates(client)
    if not rows:
        raise UnsupportedError("This iDRAC shows no certificate to replace.")
    target = client.target_of(await _service(client), "CertificateService.ReplaceCertificate")
    place = text(rows[0], "@odata.id") or ""
    body: JsonObject = {
        "CertificateType": "PEM",
        "CertificateString": found[0] + "\n",
    }

    async def look() -> Seen:
        now = facts((await read_certificates(client))[0])
        return Seen(now["sha256"] == wanted, {"sha256": now["sha256"], "valid_until": now["valid_until"]})

    warnings = ["Older iDRACs use it only after their restart: idrac_restart_manager."]
    if client.settings.pin_sha256:
        warnings.insert(0, f"This target is pinned: without pin_sha256 {wanted} Holdfast refuses the new certificate.")
    before = facts(rows[0])
    return await change(
        ctx,
        Write(lambda: _post(client, target, body, "CertificateUri", place), {"POST": target, "sha256": wanted}),
        summary=f"Replace the certificate of the iDRAC's web server by the one in {file}",
        before={"sha256": before["sha256"], "valid_until": before["valid_until"]},
        after={"sha256": wanted},
        look=look,
        cannot_undo="The key of the certificate before is not kept.",
        blast_radius=("Clients that pin or do not trust the new certificate are shut out.", "Connections end."),
        warnings=warnings,
        nothing_to_do=before["sha256"] == wanted,
    )

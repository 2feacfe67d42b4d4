"""Licences, by the standard service where there is one, else by Dell's older one (contract 12.20)."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Final

from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.client import Answered, IDracClient
from holdfast.appliances.idrac.exporting import into_file
from holdfast.appliances.idrac.files import free_file, known_file, new_file, write_new
from holdfast.appliances.idrac.reading import flag, health, link, text, texts, time_of
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import InputError, NotFoundError, ProtocolError, UnsupportedError

TIERS: Final = ("Datacenter", "Enterprise", "Express", "Basic")
MAX_LICENCE: Final = 256 * 1024
_GATES: Final = "Virtual media, power cap, lockdown and others end with the licence that they need."


def tier_of(description: str | None) -> str | None:
    """The tier that a licence's description names: datacenter, enterprise, express, basic."""
    return next((tier.lower() for tier in TIERS if description and tier.lower() in description.lower()), None)


class Licences:
    """The licences of one iDRAC and the service that has them."""

    def __init__(self, client: IDracClient, rows: list[JsonObject], listing: str, old: JsonObject | None) -> None:
        self._client = client
        self.rows = rows
        self.listing = listing
        self._old = old

    @classmethod
    async def read(cls, client: IDracClient) -> Licences:
        """The licences.

        Raises:
            UnsupportedError: This generation does not show them (7, 8).
        """
        service_at = link(await client.root(), "LicenseService")
        if service_at is not None:
            listing = link(await client.get(service_at), "Licenses")
            if listing is not None:
                return cls(client, await client.rows(listing), listing, None)
        manager = await client.places.manager()
        listing = link(manager, "Links/Oem/Dell/DellLicenseCollection")
        service_at = link(manager, "Links/Oem/Dell/DellLicenseManagementService")
        if listing is None or service_at is None:
            raise UnsupportedError("This iDRAC does not show its licences over Redfish.")
        return cls(client, await client.rows(listing), listing, await client.get(service_at))

    def find(self, name: str) -> JsonObject:
        """A licence by its id. Raises `NotFoundError`."""
        for row in self.rows:
            if entitlement(row) == name:
                return row
        raise NotFoundError("There is no such licence.", next_step="List them: idrac_list_licences.")

    async def content(self, name: str) -> bytes:
        """The file of a licence."""
        row = self.find(name)
        if self._old is None:
            address = text(row, "DownloadURI")
            if address is None:
                raise UnsupportedError("This licence cannot be exported.")
            return (await self._client.document(address)).body
        target = self._client.target_of(self._old, "DellLicenseManagementService.ExportLicense")
        told = text(await self._client.ask(target, {"EntitlementID": name}), "LicenseFile")
        try:
            return base64.b64decode(told or "", validate=True)
        except binascii.Error:
            raise ProtocolError("The iDRAC's licence file is no base64.") from None

    def importing(self, encoded: str) -> tuple[str, str, JsonObject]:
        """Method, address and body that import a licence."""
        if self._old is None:
            return "POST", self.listing, {"LicenseString": encoded}
        target = self._client.target_of(self._old, "DellLicenseManagementService.ImportLicense")
        return "POST", target, {"FQDD": "iDRAC.Embedded.1", "ImportOptions": "Force", "LicenseFile": encoded}

    def deleting(self, name: str) -> tuple[str, str, JsonObject | None]:
        """Method, address and body that delete a licence."""
        row = self.find(name)
        if self._old is None:
            return "DELETE", text(row, "@odata.id") or "", None
        target = self._client.target_of(self._old, "DellLicenseManagementService.DeleteLicense")
        return "POST", target, {"EntitlementID": name}


def entitlement(row: JsonObject) -> str:
    """The id of a licence."""
    return text(row, "EntitlementId", "EntitlementID", "Id") or "?"


def facts(row: JsonObject) -> JsonObject:
    """A licence as a plan and a list show it."""
    description = text(row, "Description")
    told = texts(row, "LicenseDescription")
    if tier_of(description) is None and told:
        description = told[0]
    return {
        "id": entitlement(row),
        "description": description,
        "tier": tier_of(description),
        "type": text(row, "LicenseType"),
        "health": text(row, "LicensePrimaryStatus") or health(row),
        "expires": time_of(row, "ExpirationDate", "LicenseEndDate"),
        "removable": flag(row, "Removable"),
    }


async def _shown(client: IDracClient) -> JsonObject:
    return {"licences": [entitlement(row) for row in (await Licences.read(client)).rows]}


async def plan_export(ctx: Ctx, name: str, file: str | None) -> Change:
    """The export of a licence to a file."""
    licences = await Licences.read(ctx.client)
    licences.find(name)
    folder = ctx.client.settings.files_dir
    place: Path = free_file(folder, f"licence-{name}", ".xml") if file is None else new_file(folder, file)

    async def send() -> Answered:
        write_new(place, await licences.content(name))
        return Answered(200, {}, None, None)

    summary = f"Export the licence {name} to the file {place.name}"
    return await into_file(ctx, Write(send, {"licence": name, "file": place.name}), place, summary=summary)


async def plan_import(ctx: Ctx, file: str) -> Change:
    """The import of a licence from a file."""
    content = known_file(ctx.client.settings.files_dir, file, limit=MAX_LICENCE).read_bytes()
    if not content.strip():
        raise InputError(f"The file {file} is empty.")
    licences = await Licences.read(ctx.client)
    before = await _shown(ctx.client)
    again = any(entitlement(row).encode() in content for row in licences.rows)
    method, address, body = licences.importing(base64.b64encode(content).decode())

    async def look() -> Seen:
        now = await _shown(ctx.client)
        if now != before:
            return Seen(True, now)
        return Seen(None if again else False, now, note="The licences listed are the same as before.")

    return await change(
        ctx,
        Write(lambda: ctx.client.write(method, address, body), {method: address, "file": file, "bytes": len(content)}),
        summary=f"Import the licence in {file}",
        before=before,
        after={"licences": "with the one in the file"},
        look=look,
        relative=True,
        cannot_undo="A licence that it replaces is gone: export that one before (idrac_export_licence).",
        blast_radius=("The functions of the iDRAC are those of the new licence.",),
        warnings=("The licence in the file is installed already: it is put in place of itself.",) if again else (),
    )


async def plan_delete(ctx: Ctx, name: str) -> Change:
    """The deletion of a licence."""
    licences = await Licences.read(ctx.client)
    row = licences.find(name)
    method, address, body = licences.deleting(name)

    async def look() -> Seen:
        now = await _shown(ctx.client)
        present = now["licences"]
        return Seen(isinstance(present, list) and name not in present, now)

    return await change(
        ctx,
        Write(lambda: ctx.client.write(method, address, body), {method: address, "body": body}),
        summary=f"Delete the licence {name} ({facts(row)['description'] or 'no description'})",
        before={"licences": [entitlement(one) for one in licences.rows]},
        after={"licences": [entitlement(one) for one in licences.rows if entitlement(one) != name]},
        look=look,
        cannot_undo="It can be imported again from its file: export it before (idrac_export_licence).",
        blast_radius=(_GATES,),
    )

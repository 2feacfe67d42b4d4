"""Installed firmware against a catalogue, by the iDRAC's own comparison (contract 12.7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from xml.etree import ElementTree

from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.configuring import check_source
from holdfast.appliances.idrac.observedmodels import Update
from holdfast.appliances.idrac.reading import link, text
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import InputError, ProtocolError, UnsupportedError, ValidationError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

JOBS: Final = frozenset({"RepositoryUpdate"})
_SERVICE: Final = "DellSoftwareInstallationService"
_NOTHING: Final = ("SUP029", "SYS029")
_DECLARATION: Final = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_CRITICALITY: Final = {"1": "recommended", "2": "urgent", "3": "optional"}


async def _service(client: IDracClient) -> JsonObject:
    address = link(await client.places.system(), f"Links/Oem/Dell/{_SERVICE}")
    if address is None:
        raise UnsupportedError("This iDRAC cannot compare its firmware with a catalogue.")
    return await client.get(address)


async def read_updates(client: IDracClient) -> list[Update]:
    """What the last comparison found newer; empty when there was none, or nothing was newer."""
    service = await _service(client)
    try:
        told = await client.ask(client.target_of(service, f"{_SERVICE}.GetRepoBasedUpdateList"))
    except ValidationError as error:
        if error.vendor_code in _NOTHING:
            return []
        raise
    return parse_updates(text(told, "PackageList") or "")


def parse_updates(document: str) -> list[Update]:
    """The packages of an update list, as the iDRAC's XML tells them.

    Raises:
        ProtocolError: It is not such a list.
    """
    if not document:
        return []
    if _DECLARATION.search(document):
        raise ProtocolError("The update list declares entities; it is not read.")
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError:
        raise ProtocolError("The update list is no XML.") from None
    found: list[Update] = []
    for instance in root.iter("INSTANCE"):
        values = {one.get("NAME", ""): (one.findtext("VALUE") or "").strip() for one in instance.iter("PROPERTY")}
        found.append(
            Update(
                component=values.get("DisplayName") or values.get("ComponentID") or "?",
                target=values.get("Target") or None,
                installed=values.get("ComponentInstalledVersion") or None,
                available=values.get("PackageVersion") or None,
                criticality=_CRITICALITY.get(values.get("Criticality", "")),
                package=values.get("PackageName") or None,
                restart=values.get("RebootType") or None,
            )
        )
    return found


def share_of(url: str) -> JsonObject:
    """The parameters of a share that a URL names."""
    parts = urlsplit(url)
    if parts.scheme == "cifs":
        raise InputError("A catalogue on CIFS needs a password; give it by http, https or nfs. Nothing was executed.")
    folder, _, file = parts.path.strip("/").rpartition("/")
    if not file:
        raise InputError("The URL names no file. Nothing was executed.")
    body: JsonObject = {"ShareType": parts.scheme.upper(), "IPAddress": parts.netloc, "CatalogFile": file}
    if folder or parts.scheme == "nfs":
        body["ShareName"] = f"/{folder}" if parts.scheme == "nfs" else folder
    return body


async def plan_compare(ctx: Ctx, catalogue: str) -> Change:
    """The comparison of what is installed with a catalogue: a job of the iDRAC that installs nothing."""
    check_source(ctx.client, catalogue)
    body: JsonObject = {**share_of(catalogue), "ApplyUpdate": "False", "RebootNeeded": False}
    target = ctx.client.target_of(await _service(ctx.client), f"{_SERVICE}.InstallFromRepository")

    async def look() -> Seen:
        newer = [f"{one.component} {one.installed} -> {one.available}" for one in await read_updates(ctx.client)]
        return Seen(None, {"newer": list(newer)}, note="Nothing was installed. All of it: idrac_list_updates.")

    return await change(
        ctx,
        Write(
            lambda: ctx.client.write("POST", target, body),
            {"POST": target, "body": body},
            jobs=JOBS,
            wait_s=40.0,
            only_looks=True,
        ),
        summary=f"Compare installed firmware with the catalogue {catalogue} (installs nothing)",
        before={"compared_with": None},
        after={"compared_with": catalogue},
        look=look,
        cannot_undo="It changes nothing but the list of updates; a finished job stays in the queue.",
    )

"""Firmware from a file of the operator's folder, pushed to the iDRAC in the way it takes (contract 12.7)."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.client import Answered
from holdfast.appliances.idrac.files import known_file
from holdfast.appliances.idrac.reading import action_of, text, whole
from holdfast.appliances.idrac.steps import after_first
from holdfast.appliances.idrac.updating import When, change_firmware, update_service
from holdfast.appliances.idrac.verifying import version_in
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.control.rendering import compact
from holdfast.errors import ProtocolError, RefusedError, UnsupportedError
from holdfast.transport import Part

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

LARGEST: Final = 2 * 1024**3
"""Largest image that is read, bytes; an iDRAC may take less (`MaxImageSizeBytes`)."""
_UPON: Final[dict[When, str]] = {"OnReset": "NextReboot", "Immediate": "NowAndReboot"}
_OCTETS: Final = "application/octet-stream"


@dataclass(frozen=True)
class Image:
    """A file that is to be pushed.

    Attributes:
        path: Where it is.
        size: Bytes.
        sha256: Of its content: the plan is bound to it.
    """

    path: Path
    size: int
    sha256: str


async def image_of(client: IDracClient, name: str, most: int | None) -> Image:
    """The image of this name in the operator's folder.

    Args:
        client: Of the iDRAC that is to get it.
        name: File name without folders.
        most: Largest size that the iDRAC takes, bytes; None when it does not tell.

    Raises:
        RefusedError: There is no folder for firmware, or the file is empty.
        NotFoundError: No file of this name is there.
        InputError: It is larger than the iDRAC takes.
    """
    most_taken = min(most or LARGEST, LARGEST)
    path = known_file(client.settings.firmware_dir, name, limit=most_taken, key="firmware_dir")
    return await asyncio.to_thread(_read, path)


def _read(path: Path) -> Image:
    size = path.stat().st_size
    if not size:
        raise RefusedError("The file is empty. Nothing was executed.")
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256")
    return Image(path, size, digest.hexdigest())


async def plan_push(ctx: Ctx, name: str, when: When) -> Change:
    """The update from a file: in one multipart request where there is one for it, else stored first, then installed."""
    service = await update_service(ctx.client)
    image = await image_of(ctx.client, name, whole(service, "MaxImageSizeBytes"))
    content: JsonObject = {"file": name, "bytes": image.size, "sha256": image.sha256, "when": when}
    multipart, push = text(service, "MultipartHttpPushUri"), text(service, "HttpPushUri")

    async def send() -> Answered:
        if await asyncio.to_thread(_read, image.path) != image:
            raise RefusedError("The file has changed since the plan was made. Nothing was executed.")
        if multipart is not None:
            return await _push(ctx, multipart, image, when)
        return await _store_and_install(ctx, service, push or "", image, when)

    if multipart is None and push is None:
        raise UnsupportedError("This iDRAC takes no firmware from a file; use a URL: idrac_update_firmware.")
    return await change_firmware(
        ctx,
        send,
        content,
        summary=f"Install firmware from the file {name}",
        after={"file": name, "sha256": image.sha256},
        when=when,
        version=version_in(name),
    )


async def _push(ctx: Ctx, address: str, image: Image, when: When) -> Answered:
    parameters = compact({"Targets": [], "@Redfish.OperationApplyTime": when, "Oem": {}})
    parts = (
        Part("UpdateParameters", parameters.encode(), content_type="application/json"),
        Part("UpdateFile", image.path, content_type=_OCTETS),
    )
    return await ctx.client.upload(address, parts)


async def _store_and_install(ctx: Ctx, service: JsonObject, push: str, image: Image, when: When) -> Answered:
    """The old way: the image becomes an Available-… entry of the inventory, which is installed by a second call."""
    parts = (Part("file", image.path, content_type=_OCTETS),)
    stored = (await ctx.client.upload(push, parts, tagged=True)).location
    if stored is None:
        raise ProtocolError("The iDRAC took the image without saying where it is now.")
    if action_of(service, "DellUpdateService.Install") is not None:
        body: JsonObject = {"SoftwareIdentityURIs": [stored], "InstallUpon": _UPON[when]}
        return await after_first(lambda: ctx.client.action(service, "DellUpdateService.Install", body))
    update: JsonObject = {"ImageURI": stored, "@Redfish.OperationApplyTime": when}
    return await after_first(lambda: ctx.client.action(service, "UpdateService.SimpleUpdate", update))

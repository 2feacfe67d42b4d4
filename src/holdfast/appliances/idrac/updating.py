"""Firmware from a URL, or back to the version before; done when the inventory shows it (contract 12.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.configuring import check_source
from holdfast.appliances.idrac.inventory import firmware
from holdfast.appliances.idrac.reading import action_of, link
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

JOBS: Final = frozenset({"FirmwareUpdate", "FirmwareRollback"})
When = Literal["OnReset", "Immediate"]


async def update_service(client: IDracClient) -> JsonObject:
    """The UpdateService.

    Raises:
        UnsupportedError: There is none.
    """
    address = link(await client.root(), "UpdateService")
    if address is None:
        raise UnsupportedError("This server takes no firmware.")
    return await client.get(address)


async def _entries(client: IDracClient) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"installed": [], "available": []}
    for part in await firmware(client):
        found.setdefault(part.type or "", []).append(part.id)
    return {kind: sorted(ids) for kind, ids in found.items()}


async def plan_update(ctx: Ctx, *, image: str | None, rollback: str | None, when: When) -> Change:
    """The update from a URL, or the way back to a `Previous-…` entry of the inventory."""
    service = await update_service(ctx.client)
    if action_of(service, "UpdateService.SimpleUpdate") is None:
        raise UnsupportedError("This iDRAC takes no firmware by URL.")
    if image is not None:
        check_source(ctx.client, image)
        uri, what = image, f"Install firmware {image.rpartition('/')[2]}"
    else:
        listing = link(service, "FirmwareInventory")
        if not any(part.id == rollback for part in await firmware(ctx.client)):
            raise NotFoundError("The inventory has no such entry.", next_step="List it: idrac_list_inventory firmware.")
        uri, what = f"{listing}/{rollback}", f"Go back to firmware {rollback}"
    body: JsonObject = {"ImageURI": uri, "@Redfish.OperationApplyTime": when}
    if image is not None:
        body["TransferProtocol"] = image.partition(":")[0].upper()
    target = ctx.client.target_of(service, "UpdateService.SimpleUpdate")
    return await change_firmware(
        ctx,
        Write(lambda: ctx.client.write("POST", target, body), {"POST": target, "body": body}, jobs=JOBS, wait_s=40.0),
        summary=what,
        after={"image": uri, "when": when},
        when=when,
    )


async def change_firmware(ctx: Ctx, write: Write, *, summary: str, after: JsonObject, when: When) -> Change:
    """A change of firmware, whichever way it comes: verified by what the inventory lists as installed."""
    before = await _entries(ctx.client)

    async def look() -> Seen:
        now = await _entries(ctx.client)
        gone, come = sorted(set(before["installed"]) - set(now["installed"])), _new(now, before, "installed")
        if come:
            return Seen(True, {"removed": list(gone), "installed": list(come)})
        stored = _new(now, before, "available")
        if stored:
            note = f"Stored on the iDRAC and not installed: {', '.join(stored)}."
            return Seen(False, {"changed": False, "available": list(stored)}, note=note)
        return Seen(False, {"changed": False}, note="The inventory shows no new version.")

    radius = ["An update of the iDRAC itself restarts it: nothing is monitored for minutes."]
    if when == "Immediate":
        radius.insert(0, "Firmware of BIOS, network or RAID restarts the server at once.")
    return await change(
        ctx,
        write,
        summary=f"{summary} {'now' if when == 'Immediate' else 'at the next restart'}",
        before={"installed": list(before["installed"])},
        after=after,
        look=look,
        cannot_undo="The version before stays in the inventory as Previous-… where the part keeps it.",
        blast_radius=radius,
    )


def _new(now: dict[str, list[str]], before: dict[str, list[str]], kind: str) -> list[str]:
    return sorted(set(now[kind]) - set(before[kind]))

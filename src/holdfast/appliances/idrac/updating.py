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


async def _service(client: IDracClient) -> JsonObject:
    address = link(await client.root(), "UpdateService")
    service = await client.get(address) if address else {}
    if action_of(service, "UpdateService.SimpleUpdate") is None:
        raise UnsupportedError("This iDRAC takes no firmware by URL.")
    return service


async def _installed(client: IDracClient) -> list[str]:
    return sorted(part.id for part in await firmware(client) if part.type == "installed")


async def plan_update(ctx: Ctx, *, image: str | None, rollback: str | None, when: When) -> Change:
    """The update from a URL, or the way back to a `Previous-…` entry of the inventory."""
    service = await _service(ctx.client)
    before = await _installed(ctx.client)
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

    async def look() -> Seen:
        now = await _installed(ctx.client)
        gone, come = sorted(set(before) - set(now)), sorted(set(now) - set(before))
        if not come:
            return Seen(False, {"changed": False}, note="The inventory shows no new version.")
        return Seen(True, {"removed": list(gone), "installed": list(come)})

    radius = ["An update of the iDRAC itself restarts it: nothing is monitored for minutes."]
    if when == "Immediate":
        radius.insert(0, "Firmware of BIOS, network or RAID restarts the server at once.")
    return await change(
        ctx,
        Write(lambda: ctx.client.write("POST", target, body), {"POST": target, "body": body}, jobs=JOBS, wait_s=40.0),
        summary=f"{what} {'now' if when == 'Immediate' else 'at the next restart'}",
        before={"installed": list(before)},
        after={"image": uri, "when": when},
        look=look,
        cannot_undo="The version before stays in the inventory as Previous-… where the part keeps it.",
        blast_radius=radius,
    )

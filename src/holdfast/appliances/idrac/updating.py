"""Firmware from a URL, or back to the version before; done when the inventory shows it (contract 12.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from holdfast.appliances.idrac.changes import Ctx, Seen, Send, Write, change
from holdfast.appliances.idrac.client import Answered
from holdfast.appliances.idrac.configuring import check_source
from holdfast.appliances.idrac.inventory import firmware
from holdfast.appliances.idrac.jobs import Job
from holdfast.appliances.idrac.reading import action_of, link
from holdfast.appliances.idrac.verifying import JOBS, Wanted, component_in, judge, snapshot, updates, version_in
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

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


async def plan_update(ctx: Ctx, *, image: str | None, rollback: str | None, when: When) -> Change:
    """The update from a URL, or the way back to a `Previous-…` entry of the inventory."""
    service = await update_service(ctx.client)
    if action_of(service, "UpdateService.SimpleUpdate") is None:
        raise UnsupportedError("This iDRAC takes no firmware by URL.")
    component: str | None = None
    if image is not None:
        check_source(ctx.client, image)
        uri, what = image, f"Install firmware {image.rpartition('/')[2]}"
        version = version_in(image)
    else:
        listing = link(service, "FirmwareInventory")
        if not any(part.id == rollback for part in await firmware(ctx.client)):
            raise NotFoundError("The inventory has no such entry.", next_step="List it: idrac_list_inventory firmware.")
        uri, what = f"{listing}/{rollback}", f"Go back to firmware {rollback}"
        component, version = component_in(rollback or "")
    body: JsonObject = {"ImageURI": uri, "@Redfish.OperationApplyTime": when}
    if image is not None:
        body["TransferProtocol"] = image.partition(":")[0].upper()
    target = ctx.client.target_of(service, "UpdateService.SimpleUpdate")
    return await change_firmware(
        ctx,
        lambda: ctx.client.write("POST", target, body),
        {"POST": target, "body": body},
        summary=what,
        after={"image": uri, "when": when},
        when=when,
        version=version,
        component=component,
    )


async def change_firmware(
    ctx: Ctx,
    send: Send,
    content: JsonObject,
    *,
    summary: str,
    after: JsonObject,
    when: When,
    version: str | None,
    component: str | None = None,
) -> Change:
    """A change of firmware, whichever way it comes: verified by what the inventory lists, and by health.

    Args:
        ctx: Of the tool.
        send: Sends it, once.
        content: What is sent, for the plan's digest.
        summary: Without its time.
        after: What is wanted.
        when: Its time.
        version: As the image's name tells it.
        component: Its id, where it is known before.
    """
    client = ctx.client
    wanted = Wanted(await snapshot(client), version, component, restarts=when == "Immediate")

    async def sent() -> Answered:
        answered = await send()
        if answered.job is not None:
            updates.keep(client, answered.job, wanted)
        return answered

    async def look() -> Seen:
        return judge(wanted, await snapshot(client), None)

    async def judged(job: Job) -> Seen:
        updates.keep(client, job.id, wanted)
        return judge(wanted, await snapshot(client), job)

    radius = ["An update of the iDRAC itself restarts it: nothing is monitored for minutes."]
    if when == "Immediate":
        radius.insert(0, "Firmware of BIOS, network or RAID restarts the server at once.")
    return await change(
        ctx,
        Write(sent, content, jobs=JOBS, wait_s=40.0, judged=judged, restarts=wanted.restarts),
        summary=f"{summary} {'now' if when == 'Immediate' else 'at the next restart'}",
        before={"firmware": wanted.before.digest},
        after=after,
        look=look,
        relative=True,
        cannot_undo="The version before stays in the inventory as Previous-… where the part keeps it.",
        blast_radius=radius,
    )

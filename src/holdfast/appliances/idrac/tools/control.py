"""Boot, virtual media, identify light, lockdown, jobs to delete, restart of the iDRAC."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.idrac import bootorder
from holdfast.appliances.idrac.arguments import JobRef, WebUrl
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.clearing import plan_clear
from holdfast.appliances.idrac.configuring import (
    boot_place,
    boot_state,
    media_slots,
    plan_boot,
    plan_eject,
    plan_insert,
    plan_led,
    plan_lockdown,
)
from holdfast.appliances.idrac.identifiers import RedfishId
from holdfast.appliances.idrac.managing import plan_delete_job, plan_restart, read_manager
from holdfast.appliances.idrac.models import BootOption, BootState, ManagerInfo, MediaPage, MediaSlot
from holdfast.appliances.idrac.reading import flag, text, texts
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import HoldfastError
from holdfast.transport.values import JsonObject

BootTarget = Annotated[
    Literal["None", "Pxe", "Cd", "Hdd", "Floppy", "BiosSetup", "Utilities", "SDCard", "UefiHttp"],
    Field(description="What to boot from; None takes the override away."),
]
Slot = Annotated[RedfishId | None, Field(description="Slot; the one for CDs when left out.")]


@tool(title="Boot settings", toolset="control")
async def idrac_get_boot(ctx: Ctx) -> BootState:
    """Boot override, boot order and what the server can be told to boot from."""
    _, resource = await boot_place(ctx.client)
    shown = boot_state(resource)
    notes: list[str] = []
    options: tuple[bootorder.Option, ...] = ()
    try:
        options = (await bootorder.read_order(ctx.client)).options
    except HoldfastError as error:
        notes.append(f"Boot order: {error.message}")
    return BootState(
        target=str(shown["target"]),
        enabled=str(shown["enabled"]),
        mode=text(resource, "Boot/BootSourceOverrideMode"),
        order=[BootOption(id=one.id, name=one.name, enabled=one.enabled) for one in options] or None,
        allowed=list(texts(resource, "Boot/BootSourceOverrideTarget@Redfish.AllowableValues")) or None,
        notes=notes or None,
    )


@tool(title="Set boot order", toolset="control", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_set_boot_order(
    ctx: Ctx,
    *,
    first: Annotated[list[RedfishId], Field(min_length=1, max_length=32, description="Ids of idrac_get_boot.")],
) -> Change:
    """Boot from these first, from the next restart of the server on; the others follow as they are."""
    return await bootorder.plan_order(ctx, first)


@tool(title="Set boot override", toolset="control", risk=Risk.WRITE, idempotent=True)
async def idrac_set_boot(
    ctx: Ctx,
    *,
    source: BootTarget,
    once: Annotated[bool, Field(description="Only at the next start.")] = True,
    mode: Annotated[Literal["UEFI", "Legacy"] | None, Field(description="Not on iDRAC10.")] = None,
) -> Change:
    """Boot from this at the next start (or every one)."""
    return await plan_boot(ctx, source, once, mode)


@tool(title="List virtual media", toolset="control")
async def idrac_list_media(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> MediaPage:
    """Virtual media slots and what is inserted."""
    found = await media_slots(ctx.client)

    def shown(row: JsonObject) -> MediaSlot:
        return MediaSlot(
            slot=text(row, "Id") or "?",
            inserted=flag(row, "Inserted"),
            image=text(row, "Image"),
            connected_via=text(row, "ConnectedVia"),
            types=list(texts(row, "MediaTypes")) or None,
            write_protected=flag(row, "WriteProtected"),
        )

    return page(MediaPage, found, shown, limit, cursor)


@tool(title="Insert virtual media", toolset="control", risk=Risk.WRITE, idempotent=True, open_world=True)
async def idrac_insert_media(
    ctx: Ctx, *, image: Annotated[WebUrl, Field(description="URL of the image.")], slot: Slot = None
) -> Change:
    """Insert an image, write-protected. The configuration lists where images may come from."""
    return await plan_insert(ctx, image, slot)


@tool(title="Eject virtual media", toolset="control", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_eject_media(ctx: Ctx, *, slot: Slot = None) -> Change:
    """Eject an image. An installation that runs from it breaks off."""
    return await plan_eject(ctx, slot)


@tool(title="Set identify light", toolset="control", risk=Risk.WRITE, idempotent=True)
async def idrac_set_led(ctx: Ctx, *, identify: Annotated[bool, Field(description="Whether it blinks.")]) -> Change:
    """Let the server's identify light blink, or end it."""
    return await plan_led(ctx, identify)


@tool(title="Set lockdown mode", toolset="control", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_set_lockdown(ctx: Ctx, *, enabled: Annotated[bool, Field(description="Begin or end it.")]) -> Change:
    """Begin or end system lockdown mode, which refuses every change of configuration and firmware."""
    return await plan_lockdown(ctx, enabled)


@tool(title="iDRAC info", toolset="control")
async def idrac_get_manager(ctx: Ctx) -> ManagerInfo:
    """The iDRAC itself: firmware, clock, network, lockdown, readiness of its Lifecycle Controller."""
    return await read_manager(ctx.client)


@tool(title="Restart the iDRAC", toolset="control", risk=Risk.DESTRUCTIVE, idempotent=False)
async def idrac_restart_manager(ctx: Ctx) -> Change:
    """Restart the iDRAC; the server keeps running. It is away for minutes; waits until it is back."""
    return await plan_restart(ctx)


@tool(title="Delete job", toolset="control", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_delete_job(ctx: Ctx, *, job: JobRef) -> Change:
    """Delete a job that has ended or is only scheduled. A running one cannot be stopped."""
    return await plan_delete_job(ctx, job)


@tool(title="Clear the job queue", toolset="control", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_clear_jobs(
    ctx: Ctx,
    *,
    force: Annotated[bool, Field(description="Also what runs; restarts the Lifecycle Controller.")] = False,
) -> Change:
    """Delete all jobs of the queue, those of others as well: ended ones, and staged ones with their settings."""
    return await plan_clear(ctx, force=force)

"""Changes of single settings: light, boot, virtual media, lockdown (contract 12.9, 12.10, 12.17, 12.19)."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

from holdfast.appliances.idrac.changes import Ctx, Seen, acting, change, patching
from holdfast.appliances.idrac.client import IDracClient
from holdfast.appliances.idrac.places import attributes_place
from holdfast.appliances.idrac.reading import dig, flag, link, text, texts
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.errors import ConflictError, InputError, NotFoundError, RefusedError, UnsupportedError

LOCKDOWN: Final = "Lockdown.1.SystemLockdown"
_DECODED: Final = 4
"""How often a path is decoded before what is still encoded is refused."""


def led_of(resource: JsonObject) -> bool | None:
    """Whether the light identifies: the new property where there is one; a lit old one does not (contract 12.19)."""
    new = flag(resource, "LocationIndicatorActive")
    if new is not None:
        return new
    old = text(resource, "IndicatorLED")
    return None if old is None else old == "Blinking"


async def plan_led(ctx: Ctx, on: bool) -> Change:
    """The change of the identify light."""
    system = await ctx.client.places.system()
    now, address = led_of(system), text(system, "@odata.id") or ""
    if now is None:
        raise UnsupportedError("This server has no identify light that can be set.")
    new = flag(system, "LocationIndicatorActive") is not None
    body: JsonObject = {"LocationIndicatorActive": on} if new else {"IndicatorLED": "Blinking" if on else "Lit"}

    async def look() -> Seen:
        shown = led_of(await ctx.client.places.system())
        return Seen(shown == on, {"identify": shown})

    return await change(
        ctx,
        patching(ctx, address, body),
        summary=f"Switch the identify light {'on' if on else 'off'}",
        before={"identify": now},
        after={"identify": on},
        look=look,
        undo=UndoCall(tool="idrac_set_led", arguments={"identify": now}),
        nothing_to_do=now == on,
    )


async def boot_place(client: IDracClient) -> tuple[str, JsonObject]:
    """Where boot is changed: the system's settings resource where it names one for it, else the system."""
    system = await client.places.system()
    settings = link(system, "@Redfish.Settings/SettingsObject")
    if settings is not None:
        pending = await client.get(settings)
        if isinstance(pending.get("Boot"), dict):
            return settings, pending
    return text(system, "@odata.id") or "", system


def boot_state(resource: JsonObject, *, mode: bool = False) -> JsonObject:
    """The override as it is, with its mode if wanted; target None means inactive, whatever else is said (12.9)."""
    target = text(resource, "Boot/BootSourceOverrideTarget") or "None"
    enabled = text(resource, "Boot/BootSourceOverrideEnabled") or "Disabled"
    found: JsonObject = {"target": target, "enabled": "Disabled" if target == "None" else enabled}
    return {**found, "mode": text(resource, "Boot/BootSourceOverrideMode")} if mode else found


async def plan_boot(ctx: Ctx, target: str, once: bool, mode: str | None) -> Change:
    """The change of the boot override; target None takes it away."""
    address, resource = await boot_place(ctx.client)
    allowed = texts(resource, "Boot/BootSourceOverrideTarget@Redfish.AllowableValues")
    if allowed and target not in allowed:
        raise InputError(f"This server boots from {', '.join(allowed)}.")
    before = boot_state(resource, mode=mode is not None)
    enabled = "Disabled" if target == "None" else "Once" if once else "Continuous"
    wanted: JsonObject = {"target": target, "enabled": enabled}
    boot: JsonObject = {"BootSourceOverrideTarget": target, "BootSourceOverrideEnabled": enabled}
    if mode is not None:
        boot["BootSourceOverrideMode"] = wanted["mode"] = mode

    async def look() -> Seen:
        shown = boot_state((await boot_place(ctx.client))[1], mode=mode is not None)
        missed = [name for name in wanted if shown.get(name) != wanted[name]]
        return Seen(not missed, shown, partly=missed == ["mode"])

    back: JsonObject = {"source": before["target"], "once": before["enabled"] != "Continuous"}
    if mode is not None and before["mode"] is not None:
        back["mode"] = before["mode"]
    return await change(
        ctx,
        patching(ctx, address, {"Boot": boot}),
        summary=f"Boot from {target} {'at the next start' if once else 'at every start'}"
        if target != "None"
        else "Take the boot override away",
        before=before,
        after=wanted,
        look=look,
        undo=UndoCall(tool="idrac_set_boot", arguments=back),
        nothing_to_do=before == wanted,
    )


async def media_slots(client: IDracClient) -> list[JsonObject]:
    """The slots of virtual media: at the system where it has them, else at the manager."""
    home = link(await client.places.system(), "VirtualMedia") or link(await client.places.manager(), "VirtualMedia")
    if home is None:
        raise UnsupportedError("This iDRAC has no virtual media.")
    return await client.rows(home)


def media_state(slot: JsonObject) -> JsonObject:
    """A slot as far as a plan is bound to it."""
    return {"slot": text(slot, "Id"), "inserted": flag(slot, "Inserted") or False, "image": text(slot, "Image")}


async def _slot(client: IDracClient, name: str | None) -> JsonObject:
    slots = await media_slots(client)
    for slot in slots:
        if text(slot, "Id") == name or (name is None and {"CD", "DVD"} & set(texts(slot, "MediaTypes"))):
            return slot
    raise NotFoundError(
        "There is no such slot.", next_step=f"Slots: {', '.join(text(slot, 'Id') or '?' for slot in slots)}."
    )


def check_source(client: IDracClient, url: str) -> None:
    """Refuse a URL that the configuration does not allow: the iDRAC would fetch whatever it is told.

    A prefix allows what is on its host and port, in its folder or below. A path that may lead out of it, `..` also in
    encoded forms, is not allowed: who serves it reads it in ways of its own.

    Raises:
        RefusedError: No prefix allows it.
    """
    if not any(_below(url, source) for source in client.settings.image_sources):
        raise RefusedError(
            "The configuration does not allow images from there. Nothing was executed.",
            next_step="The operator lists allowed URL prefixes in image_sources of this target.",
        )


def _below(url: str, prefix: str) -> bool:
    found, allowed = urlsplit(url), urlsplit(prefix)
    if (found.scheme, found.netloc.lower()) != (allowed.scheme, allowed.netloc.lower()):
        return False
    path = found.path
    for _ in range(_DECODED):
        path = unquote(path)
    if "%" in path or ".." in path.replace("\\", "/").split("/"):
        return False
    folder = f"{allowed.path.rstrip('/')}/"
    return found.path == allowed.path or found.path.startswith(folder)


async def plan_insert(ctx: Ctx, image: str, slot: str | None) -> Change:
    """The change of inserting an image."""
    check_source(ctx.client, image)
    found = await _slot(ctx.client, slot)
    before, name = media_state(found), text(found, "Id") or ""
    if before["inserted"] and before["image"] != image:
        raise ConflictError("Another image is inserted there.", next_step="Eject it first (idrac_eject_media).")

    async def look() -> Seen:
        shown = media_state(await _slot(ctx.client, name))
        return Seen(bool(shown["inserted"]) and shown["image"] == image, shown)

    body: JsonObject = {"Image": image, "Inserted": True, "WriteProtected": True}
    return await change(
        ctx,
        acting(ctx, found, "VirtualMedia.InsertMedia", body, settle_s=10.0),
        summary=f"Insert {image.rpartition('/')[2]} as virtual media in slot {name}",
        before=before,
        after={"slot": name, "inserted": True, "image": image},
        look=look,
        undo=UndoCall(tool="idrac_eject_media", arguments={"slot": name}),
        nothing_to_do=before["inserted"] is True,
    )


async def plan_eject(ctx: Ctx, slot: str | None) -> Change:
    """The change of ejecting an image."""
    found = await _slot(ctx.client, slot)
    before, name = media_state(found), text(found, "Id") or ""

    async def look() -> Seen:
        shown = media_state(await _slot(ctx.client, name))
        return Seen(not shown["inserted"], shown)

    image = before["image"]
    return await change(
        ctx,
        acting(ctx, found, "VirtualMedia.EjectMedia", {}, settle_s=30.0),
        summary=f"Eject the virtual media of slot {name}",
        before=before,
        after={"slot": name, "inserted": False, "image": None},
        look=look,
        undo=UndoCall(tool="idrac_insert_media", arguments={"image": image, "slot": name}) if image else None,
        cannot_undo=None if image else "Nothing is inserted.",
        blast_radius=("An installation that runs from it breaks off.",),
        nothing_to_do=not before["inserted"],
    )


async def lockdown_place(client: IDracClient) -> str:
    """Address of the attributes that hold lockdown."""
    found = await attributes_place(client, "iDRAC")
    if found is None:
        raise UnsupportedError("This iDRAC has no attributes over Redfish, hence no lockdown mode.")
    return found


async def lockdown_state(client: IDracClient) -> str | None:
    """Enabled, Disabled, or None where there is no such mode."""
    resource = await client.get(f"{await lockdown_place(client)}?$select=Attributes/{LOCKDOWN}")
    value = dig(resource, f"Attributes/{LOCKDOWN}")
    return value if isinstance(value, str) else None


async def plan_lockdown(ctx: Ctx, enabled: bool) -> Change:
    """The change of system lockdown mode."""
    address = await lockdown_place(ctx.client)
    before, wanted = await lockdown_state(ctx.client), "Enabled" if enabled else "Disabled"

    async def look() -> Seen:
        shown = await lockdown_state(ctx.client)
        return Seen(shown == wanted, {"lockdown": shown})

    return await change(
        ctx,
        patching(ctx, address, {"Attributes": {LOCKDOWN: wanted}}),
        summary=f"{'Begin' if enabled else 'End'} system lockdown mode",
        before={"lockdown": before},
        after={"lockdown": wanted},
        look=look,
        undo=UndoCall(tool="idrac_set_lockdown", arguments={"enabled": not enabled}),
        blast_radius=("Every change of configuration or firmware is refused until it ends.",) if enabled else (),
        nothing_to_do=before == wanted,
        destructive=not enabled,
    )

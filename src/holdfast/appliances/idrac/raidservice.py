"""Changes of an array beyond volumes made and deleted: spares, foreign configurations, initialisation, caches,
conversion, the reset of a whole controller (contract 12.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from holdfast.appliances.idrac.arrays import JOBS, WAIT_S, controller_row, is_boss, volume_facts, volume_rows
from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change, patching
from holdfast.appliances.idrac.inventory import drives_of
from holdfast.appliances.idrac.reading import action_of, flag, link, links, text, texts
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.errors import ConflictError, InputError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

Spare = Literal["none", "global", "dedicated"]
InitializeType = Literal["Fast", "Slow"]
ReadCache = Literal["Off", "ReadAhead", "AdaptiveReadAhead"]
WriteCache = Literal["WriteThrough", "ProtectedWriteBack", "UnprotectedWriteBack"]
Mode = Literal["RAID", "NonRAID"]

_LIST: Final = "List them: idrac_list_inventory storage."


async def raid_service(client: IDracClient) -> JsonObject:
    """Dell's RAID service.

    Raises:
        UnsupportedError: This generation has none over Redfish (7, 8).
    """
    address = link(await client.places.system(), "Links/Oem/Dell/DellRaidService")
    if address is None:
        raise UnsupportedError("This iDRAC has no RAID service over Redfish.")
    return await client.get(address)


async def drives(client: IDracClient, controller: str, *, not_boss: str = "") -> dict[str, JsonObject]:
    """The drives of a controller by id.

    Raises:
        UnsupportedError: It is a BOSS, and `not_boss` says what that does not do.
    """
    found = await controller_row(client, controller)
    if not_boss and is_boss(found):
        raise UnsupportedError(f"{controller} is a BOSS: {not_boss}. Nothing was sent.")
    rows = await drives_of(client, found)
    return {text(row, "Id") or "": row for row in rows}


async def _drive(client: IDracClient, controller: str, drive: str, *, not_boss: str = "") -> JsonObject:
    found = (await drives(client, controller, not_boss=not_boss)).get(drive)
    if found is None:
        raise NotFoundError("The controller has no such drive.", next_step=_LIST)
    return found


async def _volume(client: IDracClient, controller: str, volume: str) -> JsonObject:
    found = (await volume_rows(client, controller)).get(volume)
    if found is None:
        raise NotFoundError("The controller has no such volume.", next_step=_LIST)
    return found


def raid_status(row: JsonObject) -> str | None:
    """What the controller says of a drive: Ready, Online, Spare, Foreign, NonRAID, Failed."""
    return text(row, "Oem/Dell/DellPhysicalDisk/RaidStatus", "Oem/Dell/DellPCIeSSD/RaidStatus")


def _spare_of(row: JsonObject) -> str:
    return (text(row, "HotspareType") or "None").lower()


def _posting(ctx: Ctx, target: str, body: JsonObject, *, wait_s: float = WAIT_S) -> Write:
    content: JsonObject = {"POST": target, "body": body}
    return Write(lambda: ctx.client.write("POST", target, body), content, jobs=JOBS, wait_s=wait_s)


async def plan_spare(ctx: Ctx, controller: str, drive: str, spare: Spare, volume: str | None) -> Change:
    """A drive as hot spare of all volumes, of one, or as none.

    Raises:
        ConflictError: The drive is in use.
        InputError: A volume without a dedicated spare, or the other way round.
    """
    client = ctx.client
    if (spare == "dedicated") != (volume is not None):
        raise InputError("Give a volume with a dedicated spare, and only then.")
    service = await raid_service(client)
    row = await _drive(client, controller, drive, not_boss="it keeps no hot spares")
    now = _spare_of(row)
    if links(row, "Links/Volumes"):
        raise ConflictError("The drive is part of a volume.")
    if volume is not None:
        await _volume(client, controller, volume)
    if spare != "none" and now not in ("none", spare):
        raise ConflictError(f"The drive is a {now} hot spare already.", next_step="Make it none first.")
    body: JsonObject = {"TargetFQDD": drive}
    if volume is not None:
        body["VirtualDiskArray"] = [volume]
    action = "UnassignSpare" if spare == "none" else "AssignSpare"

    async def look() -> Seen:
        shown = _spare_of(await _drive(client, controller, drive))
        return Seen(shown == spare, {"hot_spare": shown})

    undo: UndoCall | None = None
    if now != "dedicated":
        undo = UndoCall(tool="idrac_set_hot_spare", arguments={"controller": controller, "drive": drive, "spare": now})
    return await change(
        ctx,
        _posting(ctx, client.target_of(service, f"DellRaidService.{action}"), body),
        summary=f"Make drive {drive} {'no hot spare' if spare == 'none' else f'a {spare} hot spare'}",
        before={"hot_spare": now},
        after={"hot_spare": spare},
        look=look,
        undo=undo,
        cannot_undo=None if undo else "Whose spare it was is not told.",
        blast_radius=("A volume that loses a drive has this spare no more.",) if spare == "none" else (),
        nothing_to_do=now == spare,
    )


async def plan_foreign(ctx: Ctx, controller: str, *, take: bool) -> Change:
    """The import or the clearing of what drives bring from another controller."""
    client = ctx.client
    service = await raid_service(client)
    foreign = await _foreign(client, controller)
    action = "ImportForeignConfig" if take else "ClearForeignConfig"

    async def look() -> Seen:
        left = await _foreign(client, controller)
        return Seen(not left, {"foreign_drives": [*left], "volumes": [*sorted(await volume_rows(client, controller))]})

    return await change(
        ctx,
        _posting(ctx, client.target_of(service, f"DellRaidService.{action}"), {"TargetFQDD": controller}),
        summary=f"{'Import' if take else 'Clear'} the foreign configuration of {len(foreign)} drives at {controller}",
        before={"foreign_drives": [*foreign]},
        after={"foreign_drives": []},
        look=look,
        cannot_undo="What was imported stays." if take else "The volumes that were on these drives are lost.",
        blast_radius=() if take else ("Everything that these drives brought along is lost.",),
        nothing_to_do=not foreign,
        destructive=not take,
    )


async def _foreign(client: IDracClient, controller: str) -> list[str]:
    return sorted(name for name, row in (await drives(client, controller)).items() if raid_status(row) == "Foreign")


async def plan_initialize(ctx: Ctx, controller: str, volume: str, kind: InitializeType) -> Change:
    """The initialisation of a volume: everything on it is lost."""
    client = ctx.client
    row = await _volume(client, controller, volume)
    action = action_of(row, "Volume.Initialize") or {}
    kinds = texts(action, "InitializeType@Redfish.AllowableValues")
    if kinds and kind not in kinds:
        raise UnsupportedError(f"This volume can be initialised {' or '.join(kinds)} only. Nothing was sent.")
    body: JsonObject = {"InitializeType": kind}

    async def look() -> Seen:
        return Seen(None, volume_facts(await _volume(client, controller, volume)), note="Only its job tells.")

    return await change(
        ctx,
        _posting(ctx, client.target_of(row, "Volume.Initialize"), body),
        summary=f"Initialise volume {text(row, 'Name') or volume} ({volume}), {kind.lower()}: its data is lost",
        before=volume_facts(row),
        after={**volume_facts(row), "initialised": kind},
        look=look,
        cannot_undo="What was on the volume is lost.",
        blast_radius=("Everything on this volume is lost; a system that runs from it fails.",),
    )


async def plan_check(ctx: Ctx, controller: str, volume: str) -> Change:
    """The check of a redundant volume's consistency."""
    client = ctx.client
    row = await _volume(client, controller, volume)
    if text(row, "RAIDType", "VolumeType") in ("RAID0", "NonRedundant"):
        raise ConflictError("A volume without redundancy has nothing to check.")

    async def look() -> Seen:
        return Seen(None, volume_facts(await _volume(client, controller, volume)), note="Only its job tells.")

    return await change(
        ctx,
        _posting(ctx, client.target_of(row, "Volume.CheckConsistency"), {}),
        summary=f"Check the consistency of volume {text(row, 'Name') or volume} ({volume})",
        before=volume_facts(row),
        after=volume_facts(row),
        look=look,
        cannot_undo="A check changes nothing but what is inconsistent.",
        blast_radius=("The volume is slower meanwhile.",),
    )


async def plan_cache(
    ctx: Ctx, controller: str, volume: str, read: ReadCache | None, write: WriteCache | None
) -> Change:
    """The change of a volume's cache policies, at once."""
    client = ctx.client
    row = await _volume(client, controller, volume)
    settings = link(row, "@Redfish.Settings/SettingsObject")
    if settings is None:
        raise UnsupportedError("The caches of this volume cannot be changed over Redfish.")
    wanted: JsonObject = {}
    if read is not None:
        wanted["ReadCachePolicy"] = read
    if write is not None:
        wanted["WriteCachePolicy"] = write
    if not wanted:
        raise InputError("Give a policy to change.")
    before: JsonObject = {name: text(row, name) for name in wanted}
    body: JsonObject = {**wanted}
    if "Immediate" in texts(row, "@Redfish.Settings/SupportedApplyTimes"):
        body["@Redfish.SettingsApplyTime"] = {"ApplyTime": "Immediate"}

    async def look() -> Seen:
        now = await _volume(client, controller, volume)
        shown: JsonObject = {name: text(now, name) for name in wanted}
        return Seen(shown == wanted, shown)

    back: JsonObject = {"controller": controller, "volume": volume}
    back |= {"read" if name == "ReadCachePolicy" else "write": value for name, value in before.items()}
    return await change(
        ctx,
        Write(
            lambda: client.write("PATCH", settings, body), {"PATCH": settings, "body": body}, jobs=JOBS, wait_s=WAIT_S
        ),
        summary=f"Set {', '.join(f'{name} {value}' for name, value in wanted.items())} of volume {volume}",
        before=before,
        after=wanted,
        look=look,
        undo=UndoCall(tool="idrac_set_volume_cache", arguments=back),
        blast_radius=("Data in the cache is lost when the power fails.",) if write == "UnprotectedWriteBack" else (),
        nothing_to_do=before == wanted,
        destructive=write == "UnprotectedWriteBack",
    )


async def plan_locate(ctx: Ctx, controller: str, drive: str, on: bool) -> Change:
    """The light of a drive."""
    client = ctx.client
    row = await _drive(client, controller, drive)
    now = flag(row, "LocationIndicatorActive")
    if now is None:
        raise UnsupportedError("The light of this drive cannot be set over Redfish.")

    async def look() -> Seen:
        shown = flag(await _drive(client, controller, drive), "LocationIndicatorActive")
        return Seen(shown == on, {"identify": shown})

    arguments: JsonObject = {"controller": controller, "drive": drive, "identify": now}
    return await change(
        ctx,
        patching(ctx, text(row, "@odata.id") or "", {"LocationIndicatorActive": on}),
        summary=f"Switch the light of drive {drive} {'on' if on else 'off'}",
        before={"identify": now},
        after={"identify": on},
        look=look,
        undo=UndoCall(tool="idrac_locate_drive", arguments=arguments),
        nothing_to_do=now == on,
    )


async def plan_convert(ctx: Ctx, controller: str, names: list[str], mode: Mode) -> Change:
    """Drives made ready for volumes, or passed through to the operating system.

    Raises:
        ConflictError: One is in a volume or a spare.
    """
    client = ctx.client
    service = await raid_service(client)
    known = await drives(client, controller, not_boss="it does not convert its drives")
    missing = sorted(set(names) - set(known))
    if missing:
        raise NotFoundError(f"The controller has no drive {', '.join(missing)}.", next_step=_LIST)
    before: JsonObject = {name: raid_status(known[name]) for name in sorted(names)}
    wanted = "Ready" if mode == "RAID" else "NonRAID"
    other = "NonRAID" if mode == "RAID" else "Ready"
    used = sorted(name for name, state in before.items() if state not in (wanted, other))
    if used:
        raise ConflictError(f"In use or not ready: {', '.join(f'{name} is {before[name]}' for name in used)}.")
    changing = [name for name, state in before.items() if state != wanted]
    body: JsonObject = {"PDArray": [*changing]}

    async def look() -> Seen:
        now = await drives(client, controller)
        shown: JsonObject = {name: raid_status(now.get(name, {})) for name in sorted(names)}
        return Seen(all(state == wanted for state in shown.values()), shown)

    back: JsonObject = {
        "controller": controller,
        "drives": [*changing],
        "mode": "NonRAID" if mode == "RAID" else "RAID",
    }
    return await change(
        ctx,
        _posting(ctx, client.target_of(service, f"DellRaidService.ConvertTo{mode}"), body),
        summary=f"Convert {len(changing)} drives of {controller} to {mode}",
        before=before,
        after=dict.fromkeys(sorted(names), wanted),
        look=look,
        undo=UndoCall(tool="idrac_convert_drives", arguments=back),
        blast_radius=("What is on the drives is lost.",),
        nothing_to_do=not changing,
    )


async def plan_reset(ctx: Ctx, controller: str) -> Change:
    """The reset of a controller: all its volumes are deleted."""
    client = ctx.client
    service = await raid_service(client)
    present = await volume_rows(client, controller)

    async def look() -> Seen:
        left = await volume_rows(client, controller)
        return Seen(not left, {"volumes": [*sorted(left)]})

    return await change(
        ctx,
        _posting(ctx, client.target_of(service, "DellRaidService.ResetConfig"), {"TargetFQDD": controller}),
        summary=f"Reset {controller}: delete all its volumes ({len(present)}) with their data",
        before={"volumes": [volume_facts(row) for _, row in sorted(present.items())]},
        after={"volumes": []},
        look=look,
        cannot_undo="What was on the volumes is lost.",
        blast_radius=(
            "Everything on all volumes of this controller is lost; a system that runs from one fails.",
            "Hot spares are spares no more.",
        ),
        nothing_to_do=not present,
    )

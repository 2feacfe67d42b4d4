"""Volumes and drives: created, deleted, erased, each as a job (contract 12.11). All of them destroy data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.inventory import controllers, drives_of, volumes_of
from holdfast.appliances.idrac.reading import dig, link, links, objects, text, whole
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import ConflictError, InputError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

RaidType = Literal["RAID0", "RAID1", "RAID5", "RAID6", "RAID10", "RAID50", "RAID60"]
JOBS: Final = frozenset({"RAIDConfiguration", "RealTimeNoRebootConfiguration"})
WAIT_S: Final = 40.0
_OLD: Final = {"RAID0": "NonRedundant", "RAID1": "Mirrored", "RAID5": "StripedWithParity", "RAID10": "SpannedMirrors"}
_GONE: Final = "What was on these disks is lost."


async def controller_row(client: IDracClient, name: str) -> JsonObject:
    """A storage controller by its id. Raises `NotFoundError`."""
    found = await controllers(client)
    for row in found:
        if text(row, "Id") == name:
            return row
    known = ", ".join(text(row, "Id") or "?" for row in found)
    raise NotFoundError("There is no such storage controller.", next_step=f"Controllers: {known}.")


def is_boss(row: JsonObject) -> bool:
    """Whether a controller is a BOSS: two M.2 drives, a mirror of both, and nothing else (contract 12.11)."""
    first = (objects(row, "StorageControllers") or objects(row, "Controllers") or [row])[0]
    return "BOSS" in (text(first, "Model", "Name") or "").upper() or (text(row, "Id") or "").startswith("BOSS.")


async def volume_rows(client: IDracClient, controller: str) -> dict[str, JsonObject]:
    """The volumes of a controller by id."""
    rows = await volumes_of(client, await controller_row(client, controller))
    return {text(row, "Id") or "": row for row in rows}


def volume_facts(row: JsonObject) -> JsonObject:
    """A volume as a plan is bound to it."""
    return {
        "id": text(row, "Id"),
        "name": text(row, "Name"),
        "raid_type": text(row, "RAIDType", "VolumeType"),
        "capacity_bytes": whole(row, "CapacityBytes"),
    }


async def plan_create_volume(ctx: Ctx, controller: str, raid: RaidType, drives: list[str], name: str) -> Change:
    """The creation of a volume; recognised afterwards by its id, which was not there before."""
    row = await controller_row(ctx.client, controller)
    listing = link(row, "Volumes")
    if listing is None:
        raise UnsupportedError("This controller makes no volumes.")
    levels = dig((objects(row, "StorageControllers") or [{}])[0], "SupportedRAIDTypes")
    if isinstance(levels, list) and raid not in levels:
        raise InputError(f"This controller makes {', '.join(str(one) for one in levels) or 'no volumes'}.")
    known = {text(one, "Id") or "": text(one, "@odata.id") or "" for one in await drives_of(ctx.client, row)}
    missing = sorted(set(drives) - set(known))
    if missing:
        raise NotFoundError(
            f"The controller has no drive {', '.join(missing)}.",
            next_step="List them: idrac_list_inventory with section storage.",
        )
    present = {text(one, "Id") or "": one for one in await volumes_of(ctx.client, row)}
    used = {address.rsplit("/", 1)[-1] for one in present.values() for address in links(one, "Links/Drives")}
    if used & set(drives):
        raise ConflictError(f"Drives in a volume already: {', '.join(sorted(used & set(drives)))}.")
    chosen: list[JsonObject] = [{"@odata.id": known[one]} for one in drives]
    body: JsonObject
    if (await ctx.client.places.generation_now() or 9) < 9:
        if raid not in _OLD:
            raise InputError(f"This generation makes {', '.join(_OLD)}.")
        body = {"VolumeType": _OLD[raid], "Drives": list(chosen), "Name": name}
    else:
        body = {"RAIDType": raid, "Links": {"Drives": list(chosen)}, "Name": name}

    async def look() -> Seen:
        now = await volume_rows(ctx.client, controller)
        made = [one for key, one in now.items() if key not in present and text(one, "Name") == name]
        return Seen(bool(made), volume_facts(made[0]) if made else {"volume": None})

    return await change(
        ctx,
        Write(
            lambda: ctx.client.write("POST", listing, body),
            {"POST": listing, "body": body},
            jobs=JOBS,
            wait_s=WAIT_S,
        ),
        summary=f"Create {raid} volume {name} on {len(drives)} drives of {controller}",
        before={"volumes": [*sorted(present)], "drives": [*sorted(drives)]},
        after={"name": name, "raid_type": raid},
        look=look,
        cannot_undo=_GONE,
        blast_radius=("Everything on the chosen drives is overwritten.",),
    )


async def plan_delete_volume(ctx: Ctx, controller: str, volume: str) -> Change:
    """The deletion of a volume with everything on it."""
    found = (await volume_rows(ctx.client, controller)).get(volume)
    if found is None:
        raise NotFoundError("The controller has no such volume.", next_step="List them: idrac_list_inventory storage.")
    address = text(found, "@odata.id") or ""

    async def look() -> Seen:
        now = await volume_rows(ctx.client, controller)
        return Seen(volume not in now, volume_facts(now[volume]) if volume in now else {"volume": None})

    return await change(
        ctx,
        Write(lambda: ctx.client.write("DELETE", address), {"DELETE": address}, jobs=JOBS, wait_s=WAIT_S),
        summary=f"Delete volume {text(found, 'Name') or volume} ({volume}) with all its data",
        before=volume_facts(found),
        after={"volume": None},
        look=look,
        cannot_undo=_GONE,
        blast_radius=("Everything on this volume is lost; a system that runs from it fails.",),
    )


_PCIE: Final = ("PCIe", "NVMe")


async def plan_erase_drive(ctx: Ctx, controller: str, drive: str) -> Change:
    """The secure erasure of a drive that is in no volume."""
    rows = await drives_of(ctx.client, await controller_row(ctx.client, controller))
    found = next((row for row in rows if text(row, "Id") == drive), None)
    if found is None:
        raise NotFoundError("The controller has no such drive.", next_step="List them: idrac_list_inventory storage.")
    if links(found, "Links/Volumes"):
        raise ConflictError("The drive is part of a volume.", next_step="Delete the volume first, if that is wanted.")
    target = ctx.client.target_of(found, "Drive.SecureErase")
    generation = await ctx.client.places.generation_now()
    if generation in (7, 8) and text(found, "Protocol") not in _PCIE:  # contract 12.11
        raise UnsupportedError(f"iDRAC {generation} erases PCIe SSDs only; this drive is none. Nothing was executed.")
    before: JsonObject = {"drive": drive, "serial_number": text(found, "SerialNumber"), "model": text(found, "Model")}

    async def look() -> Seen:
        return Seen(None, before, note="Only its job tells whether a drive has been erased.")

    return await change(
        ctx,
        Write(lambda: ctx.client.write("POST", target, {}), {"POST": target}, jobs=JOBS, wait_s=WAIT_S),
        summary=f"Securely erase drive {drive} (serial number {text(found, 'SerialNumber') or 'unknown'})",
        before=before,
        after={**before, "erased": True},
        look=look,
        cannot_undo="What was on the drive is lost.",
        blast_radius=("Everything on this drive is lost.",),
    )

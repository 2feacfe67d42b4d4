"""Disks of guests: growing and moving (contract 15.6, 15.7)."""

from __future__ import annotations

import re
from typing import Final

from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.encoding import form_of, is_drive, plain, properties
from holdfast.appliances.proxmox.guests import Guest, config_of
from holdfast.appliances.proxmox.protection import guard_guest
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.errors import ConflictError, NotFoundError

_UNITS: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMGT]?)")
_GIB: Final = 1024**3


def size_of(text: str | None) -> int | None:
    """Bytes of a size such as 32G; None when it says nothing."""
    found = _SIZE.fullmatch(text or "")
    return round(float(found[1]) * _UNITS[found[2]]) if found is not None else None


def _disk(guest: Guest, config: JsonObject, disk: str) -> dict[str, str]:
    value = plain(config.get(disk))
    parts = properties(value)
    if not value or not is_drive(disk) or parts.get("media") == "cdrom":
        have = ", ".join(sorted(name for name in config if is_drive(name)))
        raise NotFoundError(f"{guest.label} has no disk {disk}.", next_step=f"It has: {have}.")
    return parts


def _where(parts: dict[str, str]) -> str:
    return parts.get("", parts.get("file", parts.get("volume", "")))


async def plan_resize(ctx: Ctx, guest: Guest, disk: str, size_gib: int) -> Change:
    """Let a disk grow to an absolute size.

    Raises:
        NotFoundError: There is no such disk.
        ConflictError: It is larger already.
    """
    await guard_guest(ctx, guest, interrupts=False)
    config = await config_of(ctx.client, guest)
    now = size_of(_disk(guest, config, disk).get("size"))
    wanted = size_gib * _GIB
    if now is not None and wanted < now:
        raise ConflictError(
            f"{disk} has {now / _GIB:g} GiB; disks never shrink.", next_step="Make a smaller disk and copy the data."
        )

    async def look() -> Seen:
        seen = size_of(_disk(guest, await config_of(ctx.client, guest), disk).get("size"))
        return Seen(seen is not None and seen >= wanted, {"size_bytes": seen})

    return await change(
        ctx,
        Write(
            "PUT",
            (*guest.path, "resize"),
            form_of({"disk": disk, "size": f"{size_gib}G", "digest": plain(config.get("digest"))}),
            tasks=frozenset({"resize"}),
            vmid=guest.vmid,
            guest=guest,
        ),
        summary=f"Let {disk} of {guest.label} grow to {size_gib} GiB",
        before={"size_bytes": now},
        after={"size_bytes": wanted},
        look=look,
        cannot_undo="Disks never shrink.",
        nothing_to_do=now == wanted,
    )


async def plan_move(
    ctx: Ctx, guest: Guest, disk: str, storage: str, format_: str | None, *, delete_source: bool
) -> Change:
    """Move a disk to another storage.

    Raises:
        NotFoundError: There is no such disk.
        ConflictError: A running container's volume cannot move.
    """
    await guard_guest(ctx, guest, interrupts=False)
    config = await config_of(ctx.client, guest)
    volume = _where(_disk(guest, config, disk))
    origin = volume.partition(":")[0]
    digest = plain(config.get("digest"))
    if guest.is_vm:
        segments, given = (*guest.path, "move_disk"), {"disk": disk, "format": format_}
    else:
        segments, given = (*guest.path, "move_volume"), {"volume": disk}

    async def look() -> Seen:
        seen = _where(_disk(guest, await config_of(ctx.client, guest), disk))
        left = f"{disk} is {seen}; a part of a copy may be left on {storage}: see proxmox_list_content."
        return Seen(seen.partition(":")[0] == storage and seen != volume, {"volume": seen}, partly=None, left=left)

    undo = UndoCall(tool="proxmox_move_disk", arguments={"guest": str(guest.vmid), "disk": disk, "storage": origin})
    return await change(
        ctx,
        Write(
            "POST",
            segments,
            form_of({**given, "storage": storage, "delete": delete_source or None, "digest": digest}),
            tasks=frozenset({"qmmove", "move_volume"}),
            vmid=guest.vmid,
            guest=guest,
        ),
        summary=f"Move {disk} of {guest.label} from {origin} to {storage}",
        before={"volume": volume},
        after={"storage": storage},
        look=look,
        undo=undo,
        blast_radius=[f"Destroys the old copy {volume}."] if delete_source else [f"{volume} stays as unusedN."],
        nothing_to_do=origin == storage and format_ is None,
        destructive=delete_source,
    )

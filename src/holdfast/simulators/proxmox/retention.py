"""Which backups a retention policy keeps (contract section 15.8)."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Final

from holdfast.simulators.proxmox.storages import Volume

_PERIODS: Final[dict[str, Callable[[datetime.datetime], str]]] = {
    "keep-hourly": lambda day: day.strftime("%Y-%m-%d %H"),
    "keep-daily": lambda day: day.strftime("%Y-%m-%d"),
    "keep-weekly": lambda day: day.strftime("%G-%V"),
    "keep-monthly": lambda day: day.strftime("%Y-%m"),
    "keep-yearly": lambda day: day.strftime("%Y"),
}


def parse_policy(text: str) -> dict[str, int]:
    """`keep-last=3,keep-daily=7` as numbers."""
    pairs = (part.partition("=") for part in text.split(",") if part)
    return {name: int(value) for name, _, value in pairs}


def marks(volumes: list[Volume], policy: dict[str, int]) -> dict[str, str]:
    """Mark of every backup: keep, remove, protected, or renamed when its name tells no guest.

    Backups of each guest are looked at on their own, newest first; a period counts once.
    """
    found: dict[str, str] = {}
    groups: dict[tuple[int | None, str], list[Volume]] = {}
    for volume in volumes:
        kind = "qemu" if "qemu" in volume.name else "lxc"
        if volume.vmid is None:
            found[volume.volid] = "renamed"
        elif volume.protected:
            found[volume.volid] = "protected"
        else:
            groups.setdefault((volume.vmid, kind), []).append(volume)
    for group in groups.values():
        group.sort(key=lambda volume: -volume.ctime)
        found.update(_marks_of_guest(group, policy))
    return found


def _marks_of_guest(newest_first: list[Volume], policy: dict[str, int]) -> dict[str, str]:
    if policy.get("keep-all") or not any(policy.values()):
        return {volume.volid: "keep" for volume in newest_first}
    found = {volume.volid: "keep" for volume in newest_first[: policy.get("keep-last", 0)]}
    for name, period in _PERIODS.items():
        wanted, seen = policy.get(name, 0), set[str]()
        kept = {period(_day(volume)) for volume in newest_first if found.get(volume.volid) == "keep"}
        for volume in newest_first:
            span = period(_day(volume))
            if len(seen) >= wanted:
                break
            if volume.volid in found or span in kept or span in seen:
                continue
            seen.add(span)
            found[volume.volid] = "keep"
    return {volume.volid: found.get(volume.volid, "remove") for volume in newest_first}


def _day(volume: Volume) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(volume.ctime, datetime.UTC)

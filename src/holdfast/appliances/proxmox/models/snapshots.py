"""Snapshots."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.proxmox.reading import Key
from holdfast.control.answers import Page, Row
from holdfast.control.cleaning import Untrusted


class Snapshot(Row):
    """A snapshot. with_memory: the VM's memory is part of it. parent: the one before; state: being made or removed."""

    name: Untrusted
    description: Untrusted | None = None
    taken_at: Annotated[int | None, Key("snaptime")] = None
    parent: Untrusted | None = None
    with_memory: Annotated[bool | None, Key("vmstate")] = None
    state: Annotated[Untrusted | None, Key("snapstate")] = None


class SnapshotPage(Page[Snapshot]):
    """Snapshots of a guest, oldest first. current_parent: the one that the guest's present state comes from."""

    current_parent: Untrusted | None = None

"""Storages, their content, backups and backup jobs."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.proxmox.reading import Key
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson


class StorageRow(Row):
    """A storage of the cluster. Usage is that of shared storages, or of each node's own under nodes."""

    identified_by = ("storage",)

    storage: Untrusted
    type: Untrusted | None = None
    content: list[Untrusted] | None = None
    shared: bool | None = None
    enabled: bool | None = None
    used_bytes: int | None = None
    total_bytes: int | None = None
    nodes: list[Untrusted] | None = None
    unavailable_on: list[Untrusted] | None = None


class StoragePage(Page[StorageRow]):
    """Storages."""


class StorageStatus(Answer):
    """A storage as one node sees it now."""

    storage: Untrusted
    node: Untrusted
    type: Untrusted | None = None
    active: bool | None = None
    enabled: bool | None = None
    shared: bool | None = None
    content: list[Untrusted] | None = None
    total_bytes: Annotated[int | None, Key("total")] = None
    used_bytes: Annotated[int | None, Key("used")] = None
    available_bytes: Annotated[int | None, Key("avail")] = None


class Volume(Row):
    """A volume: disk image, ISO, template or backup. notes and protected belong to backups."""

    identified_by = ("volid",)

    volid: Untrusted
    content: Untrusted | None = None
    format: Untrusted | None = None
    size_bytes: Annotated[int | None, Key("size")] = None
    used_bytes: Annotated[int | None, Key("used")] = None
    created_at: Annotated[int | None, Key("ctime")] = None
    vmid: int | None = None
    notes: Untrusted | None = None
    protected: bool | None = None
    verified: Untrusted | None = None


class VolumePage(Page[Volume]):
    """Content of a storage."""


class BackupJob(Row):
    """A scheduled backup. all: every guest but those in exclude."""

    id: Untrusted
    enabled: bool | None = None
    schedule: Untrusted | None = None
    next_run_at: Annotated[int | None, Key("next-run")] = None
    storage: Untrusted | None = None
    mode: Untrusted | None = None
    vmids: Annotated[list[Untrusted] | None, Key("vmid")] = None
    all: bool | None = None
    pool: Untrusted | None = None
    exclude: list[Untrusted] | None = None
    keep: Annotated[Untrusted | None, Key("prune-backups")] = None
    comment: Untrusted | None = None


class BackupJobPage(Page[BackupJob]):
    """Backup jobs."""


class UnprotectedGuest(Row):
    """A guest that no backup job covers."""

    identified_by = ("vmid",)

    vmid: int
    name: Untrusted | None = None
    type: Untrusted | None = None


class UnprotectedPage(Page[UnprotectedGuest]):
    """Guests without a backup job."""


class PruneMark(Row):
    """What a prune would do to a backup: keep, remove, protected or renamed."""

    identified_by = ("volid",)

    volid: Untrusted
    mark: Untrusted
    vmid: int | None = None
    type: Untrusted | None = None
    created_at: Annotated[int | None, Key("ctime")] = None


class PrunePage(Page[PruneMark]):
    """Preview of a prune."""

    would_remove: int | None = None


class UrlFacts(Answer):
    """What a node learns about a URL before it downloads it."""

    filename: Untrusted | None = None
    size_bytes: Annotated[int | None, Key("size")] = None
    mimetype: Untrusted | None = None
    facts: UntrustedJson | None = None

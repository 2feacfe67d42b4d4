"""Datasets, snapshots, disks."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted


class Dataset(Row):
    """A file system or volume. Sizes in bytes; quota 0 or absent: none."""

    id: Untrusted
    type: Untrusted
    used_bytes: int | None = None
    available_bytes: int | None = None
    quota_bytes: int | None = None
    snapshots_bytes: int | None = None
    volume_bytes: int | None = None
    compression: Untrusted | None = None
    readonly: bool | None = None
    encrypted: bool | None = None
    locked: bool | None = None
    mountpoint: Untrusted | None = None


class DatasetPage(Page[Dataset]):
    """Datasets in the order of their names."""


class Snapshot(Row):
    """A snapshot. used_bytes: what deleting it alone would free."""

    id: Untrusted
    created: Untrusted | None = None
    used_bytes: int | None = None
    referenced_bytes: int | None = None
    holds: int | None = None


class SnapshotPage(Page[Snapshot]):
    """Snapshots."""


class Disk(Row):
    """A disk; temperature in °C, measured at most 5 minutes ago. identifier is what truenas_replace_disk takes."""

    name: Untrusted
    identifier: Untrusted
    serial: Untrusted | None = None
    model: Untrusted | None = None
    type: Untrusted | None = None
    size_bytes: Annotated[int | None, From("size")] = None
    rpm: Annotated[int | None, From("rotationrate")] = None
    pool: Untrusted | None = None
    temperature_c: float | None = None


class DiskPage(Page[Disk]):
    """Disks in the order of their names."""


class Vdev(Row):
    """A member of a pool."""

    group: Untrusted
    vdev: Untrusted
    disk: Untrusted | None = None
    guid: Untrusted
    status: Untrusted
    read_errors: int
    write_errors: int
    checksum_errors: int


class Topology(Answer):
    """A pool with its members and its scrub or resilver."""

    name: Untrusted
    status: Untrusted
    healthy: bool
    status_detail: Untrusted | None = None
    scan: Annotated[Untrusted | None, From("scan.function")] = None
    scan_state: Annotated[Untrusted | None, From("scan.state")] = None
    scan_percent: Annotated[float | None, From("scan.percentage")] = None
    scan_errors: Annotated[int | None, From("scan.errors")] = None
    scan_left_s: int | None = None
    members: list[Vdev]

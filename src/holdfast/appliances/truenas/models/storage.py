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
    """A member of a pool: a disk's place in a top-level vdev. lost_disk: what a disk that is gone was called."""

    group: Untrusted
    vdev: Untrusted
    vdev_type: Untrusted
    vdev_guid: Untrusted
    disk: Untrusted | None = None
    lost_disk: Untrusted | None = None
    guid: Untrusted
    status: Untrusted
    size_bytes: int | None = None
    read_errors: int
    write_errors: int
    checksum_errors: int


class Topology(Answer):
    """A pool with its members, its scrub or resilver, and the widening of a RAIDZ."""

    name: Untrusted
    guid: Untrusted | None = None
    status: Untrusted
    healthy: bool
    status_detail: Untrusted | None = None
    size_bytes: Annotated[int | None, From("size")] = None
    used_bytes: Annotated[int | None, From("allocated")] = None
    free_bytes: Annotated[int | None, From("free")] = None
    fragmentation_percent: Annotated[Untrusted | None, From("fragmentation")] = None
    autotrim: Annotated[Untrusted | None, From("autotrim.value")] = None
    features_current: Annotated[bool | None, From("is_upgraded")] = None
    scan: Annotated[Untrusted | None, From("scan.function")] = None
    scan_state: Annotated[Untrusted | None, From("scan.state")] = None
    scan_percent: Annotated[float | None, From("scan.percentage")] = None
    scan_errors: Annotated[int | None, From("scan.errors")] = None
    scan_bytes: Annotated[int | None, From("scan.bytes_to_process")] = None
    scan_done_bytes: Annotated[int | None, From("scan.bytes_processed")] = None
    scan_started: Annotated[Untrusted | None, From("scan.start_time")] = None
    scan_ended: Annotated[Untrusted | None, From("scan.end_time")] = None
    scan_paused_since: Annotated[Untrusted | None, From("scan.pause")] = None
    scan_left_s: int | None = None
    expand_state: Annotated[Untrusted | None, From("expand.state")] = None
    expand_percent: Annotated[float | None, From("expand.percentage")] = None
    expand_left_s: int | None = None
    members: list[Vdev]


class DiskHealth(Row):
    """What there is about a disk's health. verdict: ok, warning, failing, or unknown where nothing tells.

    temperature: °C now, the disk's own limit, and least, mean and most of the last 7 days. smart: the last self-test,
    25.04 only. reasons: why the verdict is not ok.
    """

    name: Untrusted
    serial: Untrusted | None = None
    model: Untrusted | None = None
    pool: Untrusted | None = None
    verdict: Untrusted
    reasons: list[Untrusted] | None = None
    status: Untrusted | None = None
    read_errors: int | None = None
    write_errors: int | None = None
    checksum_errors: int | None = None
    temperature_c: float | None = None
    limit_c: float | None = None
    min_c: float | None = None
    mean_c: float | None = None
    max_c: float | None = None
    smart: Untrusted | None = None


class DiskHealthPage(Page[DiskHealth]):
    """Health of disks, the worst first."""


class ScrubTask(Row):
    """When a pool is scrubbed."""

    id: int
    pool: Annotated[Untrusted, From("pool_name")]
    schedule: Untrusted
    threshold_days: Annotated[int | None, From("threshold")] = None
    enabled: bool | None = None
    description: Untrusted | None = None


class ScrubTaskPage(Page[ScrubTask]):
    """Scrub tasks."""


class ResilverWindow(Answer):
    """In which hours resilvering goes before other work; weekdays: 1 Monday … 7 Sunday."""

    enabled: bool
    begin: Untrusted
    end: Untrusted
    weekdays: Annotated[list[int], From("weekday")]

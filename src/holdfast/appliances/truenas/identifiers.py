"""Grammars of what TrueNAS names: pools, datasets, snapshots, shares, apps, disks (contract 15)."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from pydantic import Field

from holdfast.control.grammar import Grammar

_ZFS_PART: Final = r"\.?[A-Za-z0-9_](?:[A-Za-z0-9_.: -]*[A-Za-z0-9_.:-])?"
_ZFS_POOL: Final = r"[A-Za-z](?:[A-Za-z0-9_.: -]*[A-Za-z0-9_.:-])?"
_DATASET: Final = rf"{_ZFS_POOL}(?:/{_ZFS_PART})*"
_ZFS_SNAPSHOT: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_.: -]*[A-Za-z0-9_.:-])?"
_PATH_PART: Final = r"\.?[A-Za-z0-9_@](?:[A-Za-z0-9_.:@+=, -]*[A-Za-z0-9_.:@+=,-])?"

PoolName: TypeAlias = Annotated[str, Grammar("pool", _ZFS_POOL, 50, "ZFS pool name", ("tank", "backup pool"))]
DatasetPath: TypeAlias = Annotated[
    str,
    Grammar("dataset", _DATASET, 200, "dataset path pool/a/b", ("tank", "tank/vm", "tank/My Files", "tank/.system")),
]
ZfsSnapshotName: TypeAlias = Annotated[
    str, Grammar("snapshot name", _ZFS_SNAPSHOT, 200, "ZFS snapshot name, after the @", ("auto-2026-11-20_00-00",))
]
ZfsSnapshotId: TypeAlias = Annotated[
    str,
    Grammar(
        "snapshot", rf"{_DATASET}@{_ZFS_SNAPSHOT}", 255, "ZFS snapshot dataset@name", ("tank/vm@auto-2026-11-20_00-00",)
    ),
]
SharePath: TypeAlias = Annotated[
    str,
    Grammar("path", rf"/mnt(?:/{_PATH_PART})+", 1023, "path below /mnt", ("/mnt/tank/vm", "/mnt/tank/My Files/a=b")),
]
JobNumber: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=2_147_483_647, description="TrueNAS job id")]
AppName: TypeAlias = Annotated[
    str, Grammar("app", r"[a-z](?:[a-z0-9-]*[a-z0-9])?", 40, "app name: lower case, digits, -", ("jellyfin", "my-app"))
]
ShareName: TypeAlias = Annotated[
    str,
    Grammar("share", r"[A-Za-z0-9_](?:[A-Za-z0-9_. -]*[A-Za-z0-9_.-])?\$?", 80, "SMB share name", ("media", "Admin$")),
]
DiskName: TypeAlias = Annotated[
    str, Grammar("disk", r"[a-z]{2,8}[a-z0-9]{0,24}", 32, "disk name", ("sda", "nvme0n1", "da12"))
]

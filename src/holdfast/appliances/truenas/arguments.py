"""Arguments that many tools share."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from holdfast.appliances.truenas.identifiers import DatasetPath, PoolName
from holdfast.control.grammar import Grammar

DatasetFilter: TypeAlias = Annotated[DatasetPath | None, Field(description="Only of this dataset.")]
PoolFilter: TypeAlias = Annotated[PoolName | None, Field(description="Only of this pool.")]
Recursive: TypeAlias = Annotated[bool, Field(description="Also all datasets below.")]
Comment: TypeAlias = Annotated[str | None, Field(max_length=250, description="Comment.")]
Size: TypeAlias = Annotated[int | None, Field(ge=0, le=2**62, description="Bytes.")]
ObjectRef: TypeAlias = Annotated[
    str,
    Grammar(
        "object",
        r"[A-Za-z0-9_/@:.*%{}$ -]+",
        255,
        "name or id",
        ("media", "3", "/mnt/tank/vm"),
    ),
]
Schedule: TypeAlias = Annotated[
    str,
    Grammar(
        "schedule",
        r"[0-9*,/-]+ [0-9*,/-]+ [0-9*,/-]+ [0-9a-z*,/-]+ [0-9a-z*,/-]+",
        60,
        "cron schedule: minute hour day-of-month month day-of-week",
        ("0 3 * * *", "*/15 8-18 * * mon-fri"),
    ),
]
Direction: TypeAlias = Literal["PUSH", "PULL"]
Way: TypeAlias = Annotated[Direction, Field(description="From this system, or to it.")]
BootEnvironment: TypeAlias = Annotated[
    str, Grammar("boot environment", r"[A-Za-z0-9][A-Za-z0-9_.-]*", 64, "boot environment", ("25.10.7",))
]
NamingSchema: TypeAlias = Annotated[
    str,
    Grammar("naming schema", r"[A-Za-z0-9_.:%-]+", 100, "name pattern with %Y %m %d %H %M", ("auto-%Y-%m-%d_%H-%M",)),
]
Unit: TypeAlias = Literal["HOUR", "DAY", "WEEK", "MONTH", "YEAR"]
Keep: TypeAlias = Annotated[int | None, Field(ge=1, le=1000, description="How many keep_units snapshots are kept.")]
KeepUnit: TypeAlias = Annotated[Unit | None, Field(description="Unit of keep.")]
DiskIdentifier: TypeAlias = Annotated[
    str,
    Grammar("disk identifier", r"\{[a-z_]+\}[A-Za-z0-9_.: -]+", 128, "disk identifier", ("{serial_lunid}S1_5000c",)),
]
Member: TypeAlias = Annotated[
    str, Grammar("member", r"[A-Za-z0-9_.-]+", 64, "disk name or guid of a member of the pool", ("sda", "5569483903"))
]

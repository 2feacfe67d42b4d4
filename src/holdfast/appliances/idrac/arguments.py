"""Arguments that several tools share."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from holdfast.appliances.idrac.identifiers import DellJobId
from holdfast.config.targets import TargetName
from holdfast.control.grammar import Grammar

JobRef: TypeAlias = Annotated[DellJobId, Field(description="Job: JID_… or RID_….")]
Severity: TypeAlias = Annotated[
    Literal["Critical", "Warning", "OK"] | None, Field(description="Only entries of this severity.")
]
LogName: TypeAlias = Annotated[
    Literal["lifecycle", "sel", "faults"],
    Field(description="lifecycle: everything that happened; sel: hardware events; faults: what is broken now."),
]
Moment: TypeAlias = Annotated[
    str,
    Grammar(
        "time",
        r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d))?",
        25,
        "ISO date, or time with offset",
        ("2026-11-01", "2026-11-01T00:00:00-06:00"),
    ),
]
Since: TypeAlias = Annotated[Moment | None, Field(description="Only entries from then on.")]
Contains: TypeAlias = Annotated[str | None, Field(min_length=1, max_length=64, description="Text to look for.")]
MessageRef: TypeAlias = Annotated[
    str, Grammar("message id", r"[A-Z]{2,6}[0-9]{1,5}", 12, "message id", ("PSU0003", "SYS1003"))
]
WebUrl: TypeAlias = Annotated[
    str,
    Grammar(
        "URL",
        r"(?:https?|nfs|cifs)://[A-Za-z0-9._\[\]:-]+/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*",
        1024,
        "http(s)://host/path without credentials or query",
        ("https://mirror.example/a.iso",),
    ),
]
ImageFile: TypeAlias = Annotated[
    str,
    Grammar(
        "image file",
        r"[A-Za-z0-9][A-Za-z0-9_.+-]*\.(?:EXE|exe|d7|d9|d10|pm)",
        128,
        "file name of an update package: .EXE, .d7, .d9, .d10, .pm",
        ("BIOS_7XK1N_WN64_2.22.1.EXE", "firmimgFIT.d9"),
    ),
]
UserName: TypeAlias = Annotated[
    str, Grammar("user name", r"[A-Za-z0-9_.-]+", 16, "user name, at most 16 characters", ("monitor", "svc-mcp"))
]

Names: TypeAlias = Annotated[list[TargetName] | None, Field(max_length=500, description="Targets; all when left out.")]
Tag: TypeAlias = Annotated[str | None, Field(max_length=64, description="Only targets with this tag.")]
Group: TypeAlias = Annotated[str | None, Field(max_length=64, description="Only targets of this group.")]
Model: TypeAlias = Annotated[str | None, Field(max_length=64, description="Only models with this in their name.")]
Generation: TypeAlias = Annotated[int | None, Field(ge=7, le=10, description="Only this iDRAC generation.")]
MaxAge: TypeAlias = Annotated[int, Field(ge=0, le=900, description="Answers up to this old are not asked for again.")]
SaveWait: TypeAlias = Annotated[int, Field(ge=0, le=570, description="Longest wait for its job, seconds.")]

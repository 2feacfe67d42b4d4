"""Arguments that many tools share."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from holdfast.appliances.proxmox.identifiers import NodeName
from holdfast.control.grammar import Grammar

GuestRef: TypeAlias = Annotated[
    str,
    Grammar(
        "guest",
        r"[A-Za-z0-9][A-Za-z0-9.-]*",
        63,
        "Id or name of the guest.",
        ("101", "web", "db.example"),
    ),
]
Node: TypeAlias = Annotated[NodeName, Field(description="Node.")]
NodeFilter: TypeAlias = Annotated[NodeName | None, Field(description="Only on this node.")]
Option: TypeAlias = Annotated[
    str, Grammar("option", r"[a-z][a-z0-9_-]*", 40, "option by its Proxmox name", ("scsi1", "net0", "onboot", "cpu"))
]
Comment: TypeAlias = Annotated[str | None, Field(max_length=250, description="Comment.")]
Timeframe: TypeAlias = Annotated[Literal["hour", "day", "week", "month", "year"], Field(description="How far back.")]
GrantPath: TypeAlias = Annotated[
    str,
    Grammar(
        "path",
        r"/(?:[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+){0,5})?",
        200,
        "path of grants: /, /vms/101, /storage/local, /pool/prod",
        ("/", "/vms/101", "/access/groups"),
        lambda text: ".." not in text.split("/") and "." not in text.split("/"),
    ),
]

"""Which tools there are, from the committed catalogue, and which of them are listed here.

The catalogue is generated from the tool functions (`make docs`) and compared with them by the tests. Reading it instead
of importing every room is what keeps the start of a server as fast as that of an empty one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from importlib.resources import files
from typing import Final, cast

from pydantic import JsonValue

from holdfast.control.answers import JsonObject
from holdfast.control.schemas import input_schema, output_schema
from holdfast.control.spec import Risk, Toolset, ToolSpec, tools_in
from holdfast.errors import ConfigError

ESTATE: Final = "estate"


@dataclass(frozen=True)
class ToolsetInfo:
    """A toolset as the catalogue knows it."""

    kind: str
    name: str
    description: str
    default: bool

    @property
    def full_name(self) -> str:
        """Kind and name: `proxmox:guests`."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True)
class Entry:
    """A tool as the catalogue knows it, without importing it."""

    name: str
    kind: str
    toolset: str
    default: bool
    risk: Risk
    command: bool
    module: str
    title: str
    description: str
    input_schema: JsonObject
    output_schema: JsonObject
    hints: dict[str, bool]

    @property
    def writes(self) -> bool:
        """Whether the tool can change anything."""
        return self.risk is not Risk.READ

    def spec(self) -> ToolSpec:
        """The tool itself; imports its room."""
        return cast("ToolSpec", getattr(import_module(self.module), self.name))


@dataclass(frozen=True)
class Catalogue:
    """All tools of some kinds."""

    toolsets: tuple[ToolsetInfo, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Selection:
    """What is to be listed.

    Attributes:
        kinds: Kinds of appliance served.
        toolsets: Toolsets named beside the default ones: `guests` or `proxmox:guests`; `all` for every one but those
            that run commands, which must be named.
        operate_kinds: Kinds with at least one target in operate mode.
        read_only: List no write at all, whatever the targets say.
        allow: Names or globs; when given, nothing else is listed.
        narrow: Names or globs; when given, nothing else is listed of what the others leave.
        deny: Names or globs that are never listed.
    """

    kinds: frozenset[str]
    toolsets: tuple[str, ...] = ()
    operate_kinds: frozenset[str] = frozenset()
    read_only: bool = False
    allow: tuple[str, ...] = ()
    narrow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


def catalogue_of(kind: str, toolsets: Sequence[Toolset]) -> JsonObject:
    """The catalogue of a room, from its tool functions."""
    tools: list[JsonValue] = []
    for toolset in toolsets:
        for spec in tools_in(import_module(toolset.module)):
            if spec.toolset != toolset.name:
                raise ValueError(f"{spec.name} declares toolset {spec.toolset} but stands in {toolset.module}")
            tools.append(
                {
                    "name": spec.name,
                    "toolset": spec.toolset,
                    "risk": spec.risk.value,
                    "command": spec.command,
                    "module": spec.module,
                    "title": spec.title,
                    "description": spec.description,
                    "hints": dict(spec.hints),
                    "input": input_schema(spec),
                    "output": output_schema(spec),
                }
            )
    named: list[JsonValue] = [{"name": t.name, "description": t.description, "default": t.default} for t in toolsets]
    return {"kind": kind, "toolsets": named, "tools": tools}


def load_catalogue(kinds: Iterable[str]) -> Catalogue:
    """Read the committed catalogue of these kinds."""
    toolsets: list[ToolsetInfo] = []
    entries: list[Entry] = []
    for kind in kinds:
        text = files("holdfast.catalogue").joinpath(f"{kind}.json").read_text(encoding="utf-8")
        room = json.loads(text)
        default = {toolset["name"]: bool(toolset["default"]) for toolset in room["toolsets"]}
        toolsets += [ToolsetInfo(kind, t["name"], t["description"], t["default"]) for t in room["toolsets"]]
        entries += [
            Entry(
                name=tool["name"],
                kind=kind,
                toolset=tool["toolset"],
                default=default[tool["toolset"]],
                risk=Risk(tool["risk"]),
                command=tool["command"],
                module=tool["module"],
                title=tool["title"],
                description=tool["description"],
                input_schema=tool["input"],
                output_schema=tool["output"],
                hints=tool["hints"],
            )
            for tool in room["tools"]
        ]
    return Catalogue(tuple(toolsets), tuple(entries))


def select(catalogue: Catalogue, selection: Selection) -> tuple[Entry, ...]:
    """The tools to list, in the catalogue's order.

    Raises:
        ConfigError: A toolset, an allowed or a denied name matches nothing.
    """
    _check(catalogue, selection)
    return tuple(entry for entry in catalogue.entries if _listed(entry, selection))


def _listed(entry: Entry, selection: Selection) -> bool:
    if entry.kind != ESTATE and entry.kind not in selection.kinds:
        return False
    if entry.writes and (selection.read_only or (entry.kind != ESTATE and entry.kind not in selection.operate_kinds)):
        return False
    if any(fnmatchcase(entry.name, glob) for glob in selection.deny):
        return False
    named = {entry.toolset, f"{entry.kind}:{entry.toolset}"} & set(selection.toolsets)
    if not (named or (entry.default and not entry.command) or ("all" in selection.toolsets and not entry.command)):
        return False
    lists = (selection.allow, selection.narrow)
    return all(not globs or any(fnmatchcase(entry.name, glob) for glob in globs) for globs in lists)


def _check(catalogue: Catalogue, selection: Selection) -> None:
    known = {t.name for t in catalogue.toolsets} | {t.full_name for t in catalogue.toolsets} | {"all"}
    for name in selection.toolsets:
        if name not in known:
            choices = ", ".join(sorted(t.full_name for t in catalogue.toolsets))
            raise ConfigError(f"There is no toolset {name!r} here.", next_step=f"Toolsets: {choices}, or all.")
    for glob in (*selection.allow, *selection.narrow, *selection.deny):
        if not any(fnmatchcase(entry.name, glob) for entry in catalogue.entries):
            raise ConfigError(f"No tool matches {glob!r}.", next_step="holdfast tools lists the names.")

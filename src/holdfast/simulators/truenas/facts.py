"""What each release's public methods take, answer, and demand: data generated from the vendor's own models.

`facts.jsonl` holds one line a shared schema or a method, for the methods this simulator serves; `compile_facts` writes
it. Releases the vendor's file does not describe are derived in `releases`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from holdfast.simulators.truenas.errors import Json, Row

Auth = Literal["role", "any", "none"]
REF = "$"
"""A schema `{"$": "d7"}` stands for the shared schema d7."""


@dataclass(frozen=True)
class Param:
    """One positional parameter and its schema."""

    name: str
    required: bool
    schema: Row


@dataclass(frozen=True)
class JobFacts:
    """How a method runs as a job (contract section 7). `lock` is a name, or "callable" when arguments decide."""

    lock: str | None = None
    queue: int = 5
    logs: bool = False
    pipes: tuple[str, ...] = ()
    check_pipes: bool = True
    transient: bool = False
    abortable: bool = False
    read_roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """One method of one release. `auth`: "none" before login, "any" after login, "role" needs one of `roles`."""

    name: str
    params: tuple[Param, ...] = ()
    returns: Row = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    auth: Auth = "role"
    job: JobFacts | None = None

    @property
    def namespace(self) -> str:
        """Everything before the last dot."""
        return self.name.rpartition(".")[0]

    @property
    def is_query(self) -> bool:
        """It takes query filters and query options."""
        return any("filters" in param.name for param in self.params)


def job_facts(options: Mapping[str, Any]) -> JobFacts:
    """Job facts from the vendor's declaration, where absent keys mean the vendor's defaults."""
    return JobFacts(
        lock=options.get("lock"),
        queue=options.get("lock_queue_size", 5),
        logs=options.get("logs", False),
        pipes=tuple(options.get("pipes", ())),
        check_pipes=options.get("check_pipes", True),
        transient=options.get("transient", False),
        abortable=options.get("abortable", False),
        read_roles=tuple(options.get("read_roles", ())),
    )


@dataclass(frozen=True)
class FactBook:
    """The shared schemas, and the methods of each described release."""

    shared: Mapping[str, Row]
    releases: Mapping[str, Mapping[str, Fact]]

    def resolve(self, schema: Row) -> Row:
        """The schema itself, or the shared one it stands for."""
        name = schema.get(REF)
        return self.shared[name] if isinstance(name, str) else schema

    def expand(self, value: Json) -> Json:
        """The schema with every shared part written out."""
        if isinstance(value, dict):
            if isinstance(value.get(REF), str) and value[REF] in self.shared:
                return self.expand(self.shared[value[REF]])
            return {key: self.expand(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.expand(item) for item in value]
        return value


def parse(lines: Iterable[str]) -> FactBook:
    """The fact book of these lines."""
    shared: dict[str, Row] = {}
    releases: dict[str, dict[str, Fact]] = {}
    for line in lines:
        entry = json.loads(line)
        if "shared" in entry:
            shared[entry["shared"]] = entry["schema"]
            continue
        fact = Fact(
            name=entry["method"],
            params=tuple(Param(name, bool(required), schema) for name, required, schema in entry.get("params", ())),
            returns=entry["returns"],
            roles=tuple(entry.get("roles", ())),
            auth=entry.get("auth", "role"),
            job=job_facts(entry["job"]) if "job" in entry else None,
        )
        for release in entry["in"]:
            releases.setdefault(release, {})[fact.name] = fact
    return FactBook(shared, releases)


@cache
def vendor_facts() -> FactBook:
    """The facts shipped with the package; read once."""
    text = files(__package__).joinpath("facts.jsonl").read_text(encoding="utf-8")
    return parse(text.splitlines())

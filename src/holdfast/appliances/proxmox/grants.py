"""The grant that a bare refusal does not name.

Where a rule of the API has alternatives, its refusal is a mere `Permission check failed` (contract 3). The alternatives
are facts of the vendor's schemas (facts/alternatives.json): which privileges on which path would do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final, cast
from urllib.parse import unquote

from holdfast.appliances.proxmox.errors import missing_grant
from holdfast.errors import ApplianceError, PermissionDeniedError
from holdfast.transport import Request

_GUESTS: Final = ("VM.Allocate on /vms/{vmid}", "VM.Allocate on /pool/{pool}")
_UNWRITTEN: Final[Mapping[str, tuple[str, ...]]] = {
    "POST /nodes/{node}/qemu": _GUESTS,
    "POST /nodes/{node}/lxc": _GUESTS,
}
"""Creation of guests, whose rule the schema tells in prose only (contract 3)."""


def named(error: ApplianceError, request: Request) -> ApplianceError:
    """The error; a refusal that names no grant gets those that would do."""
    if not isinstance(error, PermissionDeniedError) or error.details:
        return error
    wanted = alternatives(request)
    if not wanted:
        return error
    if len(wanted) == 1 and " and " not in wanted[0]:
        privilege, _, where = wanted[0].partition(" on ")
        return missing_grant(privilege, where)
    shown = ", or ".join(wanted)
    return PermissionDeniedError(
        f"Proxmox denies this: {shown} is missing.",
        status=error.status,
        next_step=f"Grant a role with {shown} to the user and, if it is separated, to the token.",
        details={"any_of": shown},
    )


def alternatives(request: Request) -> tuple[str, ...]:
    """`PRIVILEGES on PATH` for each alternative of the rule of a request; empty when its rule has none."""
    segments = unquote(request.target.partition("?")[0]).removeprefix("/api2/json/").split("/")
    for endpoint, wanted in _table():
        method, _, path = endpoint.partition(" ")
        parts = path.strip("/").split("/")
        if method != request.method or len(parts) != len(segments):
            continue
        if all(part.startswith("{") or part == segment for part, segment in zip(parts, segments, strict=True)):
            values = {part.strip("{}"): segment for part, segment in zip(parts, segments, strict=True)}
            for given in (request.query, request.form):
                values |= {name: str(value) for name, value in dict(given or {}).items()}
            return _filled(wanted, values)
    return ()


def _filled(wanted: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    """With the values of the request; an alternative about something that it does not name is left out."""
    possible = [one for one in wanted if all(name in values for name in re.findall(r"\{(\w+)\}", one))]
    return tuple(re.sub(r"\{(\w+)\}", lambda found: values[found[1]], one) for one in possible)


@cache
def _table() -> tuple[tuple[str, tuple[str, ...]], ...]:
    text = files(__package__).joinpath("facts", "alternatives.json").read_text(encoding="utf-8")
    facts = cast("dict[str, list[str]]", json.loads(text))
    known = {**{endpoint: tuple(wanted) for endpoint, wanted in facts.items()}, **_UNWRITTEN}
    return tuple(sorted(known.items(), key=lambda one: one[0].count("{")))

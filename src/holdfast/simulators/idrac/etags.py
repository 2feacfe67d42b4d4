"""Entity tags: weak `W/"gen-N"`, on most resources or on few (contract §7)."""

from __future__ import annotations

import json
import re
import zlib

from holdfast.simulators.idrac.persona import Persona
from holdfast.simulators.idrac.wire import Json

_FEW = re.compile(r"/(?:AccountService|Accounts/[^/]+|FirmwareInventory/[^/]+|FirmwareInventory|HttpPush)$")


def has_etag(persona: Persona, path: str) -> bool:
    """Whether this firmware gives the resource an entity tag."""
    return persona.etags == "most" or _FEW.search(path) is not None


def etag_of(body: Json, volatile: frozenset[str]) -> str:
    """The tag of a resource's present content, leaving out what changes by itself."""
    steady = {name: value for name, value in body.items() if name not in volatile}
    content = json.dumps(steady, sort_keys=True, separators=(",", ":"), default=str)
    return f'W/"gen-{zlib.crc32(content.encode())}"'


def matches(header: str, current: str) -> bool:
    """Whether an If-Match or If-None-Match header names the tag; compared weakly."""
    if header.strip() == "*":
        return True
    bare = current.removeprefix("W/")
    return any(candidate.strip().removeprefix("W/") == bare for candidate in header.split(","))

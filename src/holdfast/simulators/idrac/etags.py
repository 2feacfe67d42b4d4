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


def encode(body: Json) -> bytes:
    """A body as it goes over the wire."""
    return json.dumps(body, separators=(",", ":")).encode()


def tag(content: bytes) -> str:
    """The tag of a content."""
    return f'W/"gen-{zlib.crc32(content)}"'


def etag_of(body: Json, volatile: frozenset[str]) -> str:
    """The tag of a resource's present content, leaving out what changes by itself."""
    return tag(encode({name: value for name, value in body.items() if name not in volatile}))


def tagged(body: Json, volatile: frozenset[str]) -> tuple[str, bytes]:
    """The tag of a resource and its encoded body with the tag in it."""
    if volatile:
        found = etag_of(body, volatile)
        content = encode(body)
    else:
        content = encode(body)
        found = tag(content)
    if "@odata.id" in body:
        content = content[:-1] + b',"@odata.etag":' + json.dumps(found).encode() + b"}"
    return found, content


def matches(header: str, current: str) -> bool:
    """Whether an If-Match or If-None-Match header names the tag; compared weakly."""
    if header.strip() == "*":
        return True
    bare = current.removeprefix("W/")
    return any(candidate.strip().removeprefix("W/") == bare for candidate in header.split(","))

"""Reading a multipart upload without keeping it: sizes, digests and the first bytes are enough."""

from __future__ import annotations

import hashlib

from aiohttp import BodyPartReader, web

from holdfast.simulators.idrac.errors import refuse
from holdfast.simulators.idrac.wire import Part

_HEAD = 65_536


async def read(request: web.Request, *, limit: int) -> tuple[Part, ...]:
    """All parts of the request; 415 when it is not multipart, 413 when a part is larger than `limit` bytes."""
    kind = request.headers.get("Content-Type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise refuse(415, "SYS401", kind)
    parts: list[Part] = []
    try:
        reader = await request.multipart()
    except ValueError:
        raise refuse(400, "UnrecognizedRequestBody") from None
    while True:
        try:
            part = await reader.next()
        except ValueError:
            raise refuse(400, "UnrecognizedRequestBody") from None
        if part is None:
            return tuple(parts)
        if not isinstance(part, BodyPartReader):
            raise refuse(400, "UnrecognizedRequestBody")
        digest, size, head = hashlib.sha256(), 0, b""
        while chunk := await part.read_chunk(65_536):
            size += len(chunk)
            if size > limit:
                raise refuse(413, "RED027")
            digest.update(chunk)
            if len(head) < _HEAD:
                head += chunk[: _HEAD - len(head)]
        parts.append(
            Part(
                part.name or "",
                part.filename,
                part.headers.get("Content-Type", ""),
                size,
                digest.hexdigest(),
                head,
            )
        )

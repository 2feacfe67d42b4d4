"""Answers that the rack gives itself, and what it does to a simulator's."""

from __future__ import annotations

import asyncio
import zlib
from email.utils import formatdate
from typing import Final

from aiohttp import hdrs, web

from holdfast.simulators.rack.faults import ActiveFault
from holdfast.simulators.rack.link import Link

_LOGIN_PAGE: Final = """<!DOCTYPE html>
<html lang="en"><head><title>Login</title></head>
<body><form method="post" action="/login"><label>User <input name="user"></label>
<label>Password <input name="password" type="password"></label><button>Sign in</button></form></body></html>
"""
_CHUNK: Final = 64 * 1024
_GARBAGE: Final = b"\x00\xff\xfe this is not HTTP \x00" * 8


def none(link: Link | None) -> web.Response:
    """No answer: the connection is reset. What is returned cannot be sent any more."""
    if link is not None:
        link.reset()
    return web.Response(status=500)


def garbage(link: Link | None) -> web.Response:
    """Bytes that are not HTTP, then the end of the connection."""
    if link is not None:
        link.write_through(_GARBAGE)
        link.end()
    return web.Response(status=500)


def unavailable(fault: ActiveFault, now: float) -> web.Response:
    """503 (or another status) with Retry-After in seconds or as a date by the appliance's clock."""
    response = web.Response(status=int(fault.number("status")), text="Service unavailable\n")
    seconds = fault.number("retry_after_s")
    if seconds:
        if fault.text("retry_after_form") == "date":
            response.headers[hdrs.RETRY_AFTER] = formatdate(now + seconds, usegmt=True)
        else:
            response.headers[hdrs.RETRY_AFTER] = f"{seconds:g}"
    return response


def login_page() -> web.Response:
    """The web interface's login form, as a broken session or a captive portal shows it."""
    return web.Response(text=_LOGIN_PAGE, content_type="text/html")


def redirect(fault: ActiveFault) -> web.Response:
    """302 to somewhere else."""
    return web.Response(status=302, headers={hdrs.LOCATION: fault.text("location")})


async def oversize(fault: ActiveFault, request: web.Request, link: Link | None) -> web.StreamResponse:
    """A JSON document of the wanted size, sent piece by piece; gzip-encoded when the fault says so.

    Healing the fault ends the answer where it is, and the connection with it.
    """
    size = int(fault.number("size_bytes"))
    head, tail = b'{"data": "', b'"}'
    filling = max(0, size - len(head) - len(tail))
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "application/json"})
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS) if fault.flag("compressed") else None
    if packer is None:
        response.content_length = len(head) + filling + len(tail)
    else:
        response.headers[hdrs.CONTENT_ENCODING] = "gzip"
    await response.prepare(request)

    async def send(data: bytes) -> None:
        wire = data if packer is None else packer.compress(data)
        if wire:
            await response.write(wire)

    await send(head)
    piece = b"A" * _CHUNK
    while filling > 0 and not fault.healed.is_set():
        await send(piece[:filling])
        filling -= _CHUNK
        await asyncio.sleep(0)
    if filling > 0:
        return none(link)
    await send(tail)
    if packer is not None:
        await response.write(packer.flush())
    await response.write_eof()
    return response


def halved(response: web.StreamResponse) -> web.StreamResponse:
    """The same answer with half its body; answers that are already on their way stay as they are."""
    if response.prepared or not isinstance(response, web.Response) or not isinstance(response.body, bytes | bytearray):
        return response
    headers = response.headers.copy()
    headers.popall(hdrs.CONTENT_LENGTH, None)
    return web.Response(
        status=response.status,
        reason=response.reason,
        headers=headers,
        body=bytes(response.body[: len(response.body) // 2]),
    )


def body_length(request: web.Request, response: web.StreamResponse) -> int | None:
    """Bytes of the body that will go out; None when that is not known beforehand."""
    if response.prepared:
        return None
    if request.method == hdrs.METH_HEAD or response.status in (204, 304):
        return 0
    if not isinstance(response, web.Response) or response.chunked or response.compression:
        return None
    if response.body is None:
        return 0
    return len(response.body) if isinstance(response.body, bytes | bytearray) else None

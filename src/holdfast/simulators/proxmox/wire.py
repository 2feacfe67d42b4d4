"""The HTTP edge of the simulated proxy daemon: what it refuses, how it encodes (contract sections 1, 4, 5)."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote, unquote_plus
from weakref import WeakKeyDictionary

from aiohttp import BodyPartReader, web

from holdfast.simulators.base import note_authorised
from holdfast.simulators.proxmox.api import Api, Reply
from holdfast.simulators.proxmox.auth import Authenticator, Identity
from holdfast.simulators.proxmox.call import Text, Upload
from holdfast.simulators.proxmox.errors import ApiError, EmptyError
from holdfast.simulators.proxmox.values import Json

MAX_BODY_BYTES: Final = 512 * 1024
MAX_UPLOAD_BYTES: Final = 256 * 1024 * 1024
MAX_HEAD_BYTES: Final = 8192
MAX_HEAD_LINES: Final = 64
MAX_REQUESTS: Final = 100
SILENCE_S: Final = 5.0
_COMPRESS_FROM_BYTES: Final = 1024
_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})
_BASE: Final = "/api2/"
_UPLOAD: Final = re.compile(r"/nodes/[^/]+/storage/[^/]+/upload")
_HEADERS: Final = {"Cache-Control": "max-age=0", "Pragma": "no-cache", "Server": "pve-api-daemon/3.0"}
_INDEX: Final = (
    "<!DOCTYPE html><html><head><title>{} - Proxmox Virtual Environment</title></head>"
    "<body>Proxmox VE login</body></html>"
)


class Refusal(Exception):
    """An error of the protocol itself: no envelope around it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def decode_form(text: str) -> dict[str, object]:
    """Pairs separated by `&` or `;`; values of a repeated key are joined by NUL, as the real server does."""
    found: dict[str, object] = {}
    for part in re.split("[&;]", text):
        if not part:
            continue
        name, _, value = part.partition("=")
        key, decoded = unquote_plus(name), unquote_plus(value)
        found[key] = f"{found[key]}\0{decoded}" if key in found else decoded
    return found


class Frontend:
    """Answers HTTP requests with the API of one node."""

    def __init__(
        self, api: Api, authenticator: Authenticator, local_node: Callable[[], str], wait: Callable[[float], float]
    ) -> None:
        """`wait` turns seconds of the real appliance into seconds to sleep here."""
        self._api = api
        self._authenticator = authenticator
        self._local_node = local_node
        self._wait = wait
        self._served: WeakKeyDictionary[asyncio.Transport, int] = WeakKeyDictionary()

    def app(self) -> web.Application:
        """The application; forms are limited by the length they announce, uploads by what fits in memory."""
        app = web.Application(client_max_size=MAX_UPLOAD_BYTES)
        app.router.add_route("*", "/{path:.*}", self.serve)
        return app

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        size = sum(len(name) + len(value) + 4 for name, value in request.raw_headers)
        if size >= MAX_HEAD_BYTES or len(request.raw_headers) >= MAX_HEAD_LINES:
            await asyncio.sleep(self._wait(SILENCE_S))
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        try:
            response = await self._answer(request)
        except Refusal as error:
            response = self._plain(error.status, error.reason)
        except EmptyError as error:
            await asyncio.sleep(self._wait(error.delay_s))
            if error.status == 401:
                note_authorised(request, False)
            response = self._plain(error.status, error.reason)
        self._count(request, response)
        return response

    def _plain(self, status: int, reason: str) -> web.Response:
        return web.Response(status=status, reason=reason, headers=_HEADERS)

    def _count(self, request: web.Request, response: web.Response) -> None:
        """Close after errors and after a hundred requests."""
        transport = request.transport
        served = 0
        if transport is not None:
            served = self._served.get(transport, 0) + 1
            self._served[transport] = served
        if response.status >= 400 or served >= MAX_REQUESTS:
            response.headers["Connection"] = "close"
            response.force_close()

    async def _answer(self, request: web.Request) -> web.Response:
        verb = request.method
        if verb not in _METHODS:
            raise Refusal(501, f"method '{verb}' not available")
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            raise Refusal(501, "chunked transfer encoding not supported")
        raw_path, _, query = request.raw_path.partition("?")
        path = unquote(raw_path)
        first = path.lstrip("/").partition("/")[0]
        if "//" in path or ".." in path.split("/") or re.search(r"[\x00-\x1f\x7f]", path) or "@" in first:
            raise Refusal(400, "invalid url")
        if not path.startswith(_BASE):
            if path == "/":
                return web.Response(text=_INDEX.format(self._local_node()), content_type="text/html", headers=_HEADERS)
            raise Refusal(404, "File not found")
        style, _, rest = path.removeprefix(_BASE).partition("/")
        if style not in ("json", "extjs"):
            raise Refusal(501, f"no such uri '{path}'")
        rest = f"/{rest.rstrip('/')}"
        identity = self._authenticator.identify(
            verb,
            rest,
            _cookie(request.headers.get("Cookie", "")),
            request.headers.get("Authorization"),
            request.headers.get("CSRFPreventionToken"),
        )
        note_authorised(request, True)
        given, upload = await self._body(request, verb, rest)
        given.update(decode_form(query))
        return await self._call(request, verb, rest, given, identity, upload, style == "extjs")

    async def _call(
        self,
        request: web.Request,
        verb: str,
        path: str,
        given: Mapping[str, object],
        identity: Identity,
        upload: Upload | None,
        extjs: bool,
    ) -> web.Response:
        try:
            reply = await self._api.handle(verb, path, given, identity, upload)
        except ApiError as error:
            if error.status == 401:
                note_authorised(request, False)
                await asyncio.sleep(self._wait(3.0))
            return self._error(error, extjs)
        if isinstance(reply.data, Text):
            return _download(reply.data)
        return await self._success(request, reply, reply.data, extjs)

    def _error(self, error: ApiError, extjs: bool) -> web.Response:
        message = error.text if error.text.endswith("\n") else f"{error.text}\n"
        body: dict[str, Json] = {"data": None, "message": message}
        if error.errors:
            body["errors"] = {
                name: why.rstrip("\n") if "\n" not in why.rstrip("\n") else why for name, why in error.errors.items()
            }
        reason = message.strip().splitlines()[0] if message.strip() else "error"
        if extjs:
            body.update(success=0, status=error.status)
        return web.Response(
            status=200 if extjs else error.status,
            reason="OK" if extjs else reason,
            body=json.dumps(body).encode(),
            headers={**_HEADERS, "Content-Type": "application/json;charset=UTF-8"},
        )

    async def _success(self, request: web.Request, reply: Reply, data: Json, extjs: bool) -> web.Response:
        document: dict[str, Json] = {"data": data, **reply.beside}
        if extjs:
            document.update(success=1)
        body = json.dumps(document, separators=(",", ":")).encode()
        response = web.Response(headers={**_HEADERS, "Content-Type": "application/json;charset=UTF-8"})
        if len(body) > _COMPRESS_FROM_BYTES and "gzip" in request.headers.get("Accept-Encoding", ""):
            body = await asyncio.to_thread(gzip.compress, body, 1)
            response.headers["Content-Encoding"] = "gzip"
        response.body = body
        if reply.proxied:
            # The hop's own header is passed on beside the proxy's (contract section 1, duplicate header).
            response.headers.add("Connection", "close")
            response.headers.add("Connection", "Keep-Alive")
        return response

    async def _body(self, request: web.Request, verb: str, path: str) -> tuple[dict[str, object], Upload | None]:
        length = request.content_length or 0
        if not length:
            return {}, None
        if verb not in ("POST", "PUT"):
            raise Refusal(501, f"Unexpected content for method '{verb}'")
        kind = request.content_type if "Content-Type" in request.headers else ""
        if verb == "POST" and _UPLOAD.fullmatch(path):
            if kind != "multipart/form-data":
                raise Refusal(506, f"upload 'Content-Type {kind}' not implemented")
            return await _multipart(request)
        if length > MAX_BODY_BYTES:
            raise Refusal(501, "for data too large")
        if kind not in ("", "application/x-www-form-urlencoded", "application/json"):
            raise Refusal(506, f"upload 'Content-Type {kind}' not implemented")
        text = (await request.read()).decode("utf-8", "replace")
        if kind != "application/json":
            return decode_form(text), None
        try:
            document = json.loads(text)
        except ValueError as error:
            raise Refusal(400, "unable to parse JSON body") from error
        if not isinstance(document, dict):
            raise Refusal(400, "JSON body is not an object")
        return {str(name): value for name, value in document.items() if value is not None}, None


def _cookie(header: str) -> str | None:
    """The ticket out of a Cookie header; parsers of cookies would cut it at its `=` when it is not encoded."""
    found = re.search(r"(?:^|[;\s])PVEAuthCookie=([^;]*)", header)
    return found[1].strip() if found else None


def _download(text: Text) -> web.Response:
    disposition = f'attachment; filename="{text.filename}"'
    headers = {**_HEADERS, "Content-Disposition": disposition} if text.filename else _HEADERS
    return web.Response(text=text.body, content_type="text/plain", headers=headers)


async def _multipart(request: web.Request) -> tuple[dict[str, object], Upload | None]:
    """Fields and the file of an upload; the file comes last, under the name `filename`."""
    fields: dict[str, object] = {}
    upload: Upload | None = None
    reader = await request.multipart()
    async for part in reader:
        if not isinstance(part, BodyPartReader):
            raise Refusal(501, "nested multipart not supported")
        content = await part.read(decode=False)
        if part.name == "filename" and part.filename:
            upload = Upload(part.filename, bytes(content))
            fields["filename"] = part.filename
        elif part.name:
            fields[part.name] = bytes(content).decode("utf-8", "replace").strip()
    return fields, upload

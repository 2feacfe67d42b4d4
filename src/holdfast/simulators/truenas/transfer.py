"""Files over plain HTTP: `GET /_download/<job>` and `POST /_upload` (contract section 10)."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import BodyPartReader, web

from holdfast.simulators.base import Arrival
from holdfast.simulators.truenas.call import Call
from holdfast.simulators.truenas.credentials import FULL_ADMIN, Credential
from holdfast.simulators.truenas.errors import InvalidValueError, Json, MiddlewareError
from holdfast.simulators.truenas.jobs import Job, Pipe

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box

TOKEN_LIFE_S = 300.0
CHUNK = 64 * 1024
MAX_UPLOAD = 64 * 1024 * 1024
MAX_FILES = 5
# Takes an upload although its declaration has no input pipe.
CHECKED_INSIDE = frozenset({"update.file"})


@dataclass
class _Ticket:
    token: str
    job: Job
    origin: str
    expires_at: float
    gone: bool = False


class Transfers:
    """Downloads that wait to be fetched, and uploads."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._tickets: dict[int, _Ticket] = {}

    def forget(self) -> None:
        """The middleware restarted."""
        self._tickets.clear()

    def offer(self, job: Job, origin: str, *, buffered: bool) -> str:
        """The path under which this job's output can be fetched once."""
        box = self._box
        token = f"{box.random.getrandbits(256):064x}"
        ticket = _Ticket(token, job, origin, box.clock.now() + TOKEN_LIFE_S)
        self._tickets[job.id] = ticket
        window = box.timing.buffered_window_s if buffered else box.timing.download_window_s

        def missed() -> None:
            if job.output is not None and not job.output.attached:
                ticket.gone = True
                job.output = None
                if not job.finished:
                    box.jobs.abort(job, cancels_threads=True)

        box.timeline.after(window, missed)
        return f"/_download/{job.id}?auth_token={token}"

    async def download(self, request: web.Request) -> web.StreamResponse:
        """`GET /_download/<job>`: 401 bad token, 404 no such job, 410 too late, else the bytes, chunked."""
        box = self._box
        box.timeline.pump()
        number, token = request.match_info["job"], request.query.get("auth_token", "")
        ticket = self._tickets.get(int(number)) if number.isdigit() else None
        box.arrived(Arrival("GET", request.path, {}, b"", ticket is not None and ticket.token == token))
        if not token:
            return web.Response(status=401)
        if ticket is None:
            return web.Response(status=404)
        if ticket.token != token or ticket.origin != request.remote:
            return web.Response(status=401)
        if ticket.gone or ticket.job.output is None:
            return web.Response(status=410)
        if box.clock.now() >= ticket.expires_at:
            return web.Response(status=401)
        pipe = ticket.job.output
        pipe.attached = True
        ticket.token = ""
        if ticket.job.held:
            box.jobs.release(ticket.job)
        await ticket.job.done.wait()
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for start in range(0, len(pipe.data), CHUNK):
            await response.write(bytes(pipe.data[start : start + CHUNK]))
        await response.write_eof()
        return response

    async def upload(self, request: web.Request) -> web.Response:
        """`POST /_upload`: multipart, `data` first, then 1–5 parts named `file`; answers `{"job_id": N}`."""
        box = self._box
        box.timeline.pump()
        credential, refusal = self._identify(request)
        box.arrived(Arrival("POST", request.path, {}, b"", credential is not None))
        if credential is None:
            return web.Response(status=refusal)
        if not request.content_type.startswith("multipart/"):
            return web.Response(status=405)
        reader = await request.multipart()
        first = await reader.next()
        if not isinstance(first, BodyPartReader) or first.name != "data":
            return web.Response(status=405, text="Method not allowed: the first part must be data")
        try:
            call = json.loads(bytes(await first.read()))
            name, params = call["method"], call.get("params", [])
        except (ValueError, TypeError, LookupError):
            return web.Response(status=400, text="Bad JSON")
        pipe = Pipe(attached=True)
        files = 0
        while isinstance(part := await reader.next(), BodyPartReader):
            files += 1
            if part.name != "file" or files > MAX_FILES:
                return web.Response(status=405)
            while chunk := await part.read_chunk(CHUNK):
                pipe.data += chunk
                if len(pipe.data) > MAX_UPLOAD:
                    return web.Response(status=413)
        if files == 0:
            return web.Response(status=405)
        return self._enqueue(credential, str(name), params, pipe)

    def _enqueue(self, credential: Credential, name: str, params: Json, pipe: Pipe) -> web.Response:
        box = self._box
        fact = box.dispatcher.fact(box.persona.name, name)
        if fact is None or fact.job is None or ("input" not in fact.job.pipes and name not in CHECKED_INSIDE):
            return web.Response(status=422, text=f"Method {name} does not take a file")
        if fact.auth == "role" and not credential.has_role(fact.roles or (FULL_ADMIN,)):
            return web.Response(status=403)
        try:
            if not isinstance(params, list):
                raise InvalidValueError("params must be an array")
            call = Call(box, fact, box.persona.release, None, credential)
            arguments = box.dispatcher.check(fact, params)
            job = box.dispatcher.submit(call, box.dispatcher.handlers[name], arguments, input_pipe=pipe)
        except MiddlewareError as error:
            return web.Response(status=412, text=error.reason)
        return web.json_response({"job_id": job.id})

    def _identify(self, request: web.Request) -> tuple[Credential | None, int]:
        """The caller by `Token`, `Bearer` or Basic, and the status that refuses it."""
        from holdfast.simulators.truenas.methods.identities import Identities

        identities = self._box.get(Identities)
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        origin = request.remote or "127.0.0.1"
        if scheme == "Token":
            return identities.token_credential(secret, origin), 401
        if scheme == "Bearer":
            return identities.key_credential(None, secret, secure=request.secure), 401
        if scheme == "Basic":
            try:
                username, _, password = base64.b64decode(secret, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None, 401
            if identities.two_factor_enabled(username):
                return None, 403
            return identities.password_credential(username, password), 401
        return None, 401

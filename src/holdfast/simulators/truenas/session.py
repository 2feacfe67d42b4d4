"""One WebSocket: frames in, answers and notifications out, and the close codes in between (contract 2 and 3)."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from holdfast.simulators.base import Arrival
from holdfast.simulators.truenas import wire
from holdfast.simulators.truenas.credentials import Credential
from holdfast.simulators.truenas.errors import (
    EACCES,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PARSE_ERROR,
    TOO_MANY_CALLS,
    CallError,
    Json,
    MiddlewareError,
    Row,
    error_body,
)
from holdfast.simulators.truenas.events import Subscription

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box

MAX_ANONYMOUS = 8192
MAX_AUTHENTICATED = 65536
MAX_LIBRARY = 4 * 1024 * 1024
RUNNING_CALLS = 10
ACCEPTED_CALLS = 20
CLOSE_WAIT_S = 1.0


class Session:
    """One socket and the identity that logged in on it."""

    def __init__(self, box: Box, request: web.Request, api_version: str, api_release: str) -> None:
        self.id = str(uuid.uuid4())
        self.box = box
        self.path = request.path
        self.origin = request.remote or "127.0.0.1"
        address = request.transport.get_extra_info("sockname") if request.transport is not None else None
        self.local_ip, self.local_port = (str(address[0]), int(address[1])) if address else ("127.0.0.1", 0)
        self.secure = request.secure
        self.api_version = api_version
        self.api_release = api_release
        self.created = box.clock.now()
        self.credential: Credential | None = None
        self.login_state: Json = None
        self.legacy_jobs = True
        self.options: Row = {"legacy_jobs": True, "private_methods": False, "py_exceptions": False}
        self.subscriptions: dict[str, Subscription] = {}
        self.closed = False
        self.in_flight = 0
        self._request = request
        self._transport = request.transport
        self._socket = web.WebSocketResponse(autoping=False, max_msg_size=MAX_LIBRARY, timeout=CLOSE_WAIT_S)
        self._outbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._slots = asyncio.Semaphore(RUNNING_CALLS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._goodbye: asyncio.Future[None] | None = None
        self._last_sent = box.clock.now()

    async def run(self) -> web.WebSocketResponse:
        """Serve the socket until it closes."""
        await self._socket.prepare(self._request)
        if self.box.faults.take("not-allowed") is not None:
            await self._socket.close(code=1008, message=b"You are not allowed to access this resource")
            return self._socket
        self.box.sessions.append(self)
        self._watch_idle()
        writer = asyncio.create_task(self._write())
        try:
            await self._read()
            if self._goodbye is not None:
                await self._goodbye  # whoever closes from elsewhere must get its close frame out first
        finally:
            self._end()
            self._outbox.put_nowait(None)
            with contextlib.suppress(asyncio.CancelledError):
                await writer
        return self._socket

    def _end(self) -> None:
        self.closed = True
        if self in self.box.sessions:
            self.box.sessions.remove(self)
        for subscription in self.subscriptions.values():
            subscription.end()
        self.subscriptions.clear()
        for task in self._tasks:
            if self.box.persona.cancels_on_disconnect:
                task.cancel()
            else:
                self.box.adopt(task)

    async def _read(self) -> None:
        while not self._socket.closed:
            message = await self._socket.receive()
            if message.type is WSMsgType.TEXT:
                if not await self._on_text(message.data):
                    return
            elif message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
                self._last_sent = self.box.clock.now()
            elif message.type is WSMsgType.BINARY:
                await self.close(1003, "Binary messages are not supported")
                return
            elif message.type is not WSMsgType.PONG:
                return

    async def _write(self) -> None:
        while (text := await self._outbox.get()) is not None:
            try:
                await self._socket.send_str(text)
            except (ConnectionError, RuntimeError):
                return
            self._last_sent = self.box.clock.now()

    def send(self, frame: Row) -> None:
        """Queue a frame; lost when the socket is gone."""
        if not self.closed:
            self._outbox.put_nowait(wire.dumps(frame))

    async def close(self, code: int, reason: str) -> None:
        """Close in good order."""
        self._outbox.put_nowait(None)
        goodbye = self._goodbye = asyncio.get_running_loop().create_future()
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                await self._socket.close(code=code, message=reason.encode())
        finally:
            goodbye.set_result(None)

    def abort(self) -> None:
        """Cut the connection: the peer sees 1006."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def truncate(self, frame: Row) -> None:
        """Send half of a frame, then cut the connection."""
        text = wire.dumps(frame).encode()
        if self._transport is not None:
            length = len(text)
            head = bytes([0x81, 126]) + min(length, 65535).to_bytes(2, "big")
            self._transport.write(head + text[: length // 2])
            self.closed = True
            self._transport.close()

    def _watch_idle(self) -> None:
        """The reverse proxy closes a socket on which the server was silent for too long."""

        def check() -> None:
            if self.closed:
                return
            limit = self.box.idle_close_s
            left = self._last_sent + limit - self.box.clock.now()
            if left <= 0:
                self.abort()
            else:
                self.box.timeline.after(left, check)

        self.box.timeline.after(self.box.idle_close_s, check)

    def check_age(self) -> None:
        """Log an aged session out. CallError (EACCES) when that happened now."""
        if self.credential is not None and self.box.clock.now() >= self.credential.expires_at:
            self.log_out()
            raise CallError("Session is expired", EACCES)

    def log_in(self, credential: Credential) -> None:
        """This session is now that identity."""
        self.credential = credential
        self.box.on_login(self)

    def log_out(self) -> None:
        """Forget the identity and its subscriptions."""
        self.credential = None
        for subscription in self.subscriptions.values():
            subscription.end()
        self.subscriptions.clear()

    async def _on_text(self, text: str) -> bool:
        """Handle one message; False when the socket was closed for it."""
        self.box.timeline.pump()
        if self.credential is None and len(text) > MAX_ANONYMOUS:
            await self.close(1007, "Anonymous connection max message length is 8 kB")
            return False
        if len(text) > MAX_AUTHENTICATED:
            await self.close(1009, "Max message length is 64 kB")
            return False
        try:
            message = wire.loads(text)
        except (ValueError, RecursionError, OverflowError, OSError) as error:
            self._refuse(None, PARSE_ERROR, str(error))
            return True
        if isinstance(message, list):
            self._refuse(None, PARSE_ERROR, "Batch messages are not supported at this time")
            return True
        if not isinstance(message, dict):
            self._refuse(None, PARSE_ERROR, "Invalid Message Format")
            return True
        problem = envelope_problem(message)
        message_id = message.get("id")
        if problem is not None:
            known = message_id if isinstance(message_id, str | int) and not isinstance(message_id, bool) else None
            self._refuse(known, INVALID_REQUEST, problem)
            return True
        self._accept(message, text)
        return True

    def _refuse(self, message_id: object, code: int, text: str) -> None:
        self.send({"jsonrpc": "2.0", "id": message_id, "error": {"code": code, "message": text}})

    def _accept(self, message: Row, text: str) -> None:
        name = message["method"]
        state, faults = self.box.state, self.box.faults
        arrival = Arrival(name, self.path, {}, text.encode(), self.credential is not None)
        self.box.arrived(arrival)
        if faults.take("cut-after-send", name) is not None:
            self.abort()
            return
        if self.in_flight >= ACCEPTED_CALLS or faults.take("too-many-calls", name) is not None:
            if "id" in message:
                limit = f"Maximum number of concurrent calls ({ACCEPTED_CALLS}) has exceeded"
                self._refuse(message["id"], TOO_MANY_CALLS, limit)
            return
        self.in_flight += 1
        self.box.most_on_a_socket = max(self.box.most_on_a_socket, self.in_flight)
        state.in_flight += 1
        state.max_in_flight = max(state.max_in_flight, state.in_flight)
        task = asyncio.create_task(self._call(message, arrival))
        self._tasks.add(task)
        task.add_done_callback(self._called)

    def _called(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.in_flight -= 1
        self.box.state.in_flight -= 1
        error = task.exception() if not task.cancelled() else None
        if error is not None:
            self.box.crashed(error)
            self.box.background(self.close(1011, str(error)[:100]))

    async def _call(self, message: Row, arrival: Arrival) -> None:
        name = message["method"]
        answer: Row = {"jsonrpc": "2.0", "id": message.get("id")}
        async with self._slots:
            try:
                message_id = message.get("id")
                known_id = str(message_id) if message_id is not None else None
                result = await self.box.dispatcher.call(self, name, message.get("params", []), known_id)
                answer["result"] = result
                arrival.executed = True
            except MiddlewareError as error:
                arrival.executed = error.after_work
                answer["error"] = error_body(error, frames=self.box.persona.trace_frames)
        self.box.answered(name, answer)
        faults = self.box.faults
        if arrival.executed and faults.take("cut-after-commit", name) is not None:
            self.abort()
        elif arrival.executed and faults.take("truncated-frame", name) is not None:
            self.truncate(answer)
        elif arrival.executed and faults.take("no-answer", name) is not None:
            return
        elif "id" in message:
            try:
                self.send(answer)
            except TypeError as error:
                self._refuse(message["id"], INTERNAL_ERROR, str(error))


def envelope_problem(message: Row) -> str | None:
    """Why this object is not a JSON-RPC 2.0 call, or None."""
    if message.get("jsonrpc") != "2.0":
        return "'jsonrpc' member must be '2.0'"
    if "id" in message and (
        isinstance(message["id"], bool) or not (message["id"] is None or isinstance(message["id"], str | int))
    ):
        return "'id' member must be of type string, integer or null"
    if not isinstance(message.get("method"), str):
        return "'method' member must be of type string"
    if not isinstance(message.get("params", []), list):
        return "'params' member must be of type array"
    return None

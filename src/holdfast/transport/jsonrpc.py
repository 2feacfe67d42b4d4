"""JSON-RPC 2.0 over one WebSocket: concurrent calls, notifications, and the truth about what was sent."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Self, TypeAlias

from holdfast.errors import (
    AttemptTimeoutError,
    Executed,
    HoldfastError,
    InputError,
    OverloadedError,
    ProtocolError,
)
from holdfast.transport.jsontext import parse_json
from holdfast.transport.lastlook import ask_before_sending
from holdfast.transport.limits import MIB, Limits
from holdfast.transport.pool import ConnectionPool
from holdfast.transport.rpcfailures import READ_BACK, JsonRpcError, Pending, failure_of
from holdfast.transport.tls import TlsSettings
from holdfast.transport.values import JsonInput, JsonObject, JsonValue
from holdfast.transport.wire import Wire, WireClosed

RequestId: TypeAlias = int | str
OnNotification: TypeAlias = Callable[[str, JsonValue], None]
OnClose: TypeAlias = Callable[[int, str], None]

RPC_LIMITS: Final = Limits(wire_bytes=64 * MIB, decoded_bytes=64 * MIB, json_nodes=1_000_000)
"""A TrueNAS answer has no size limit of its own (contract truenas §2)."""


class JsonRpcSocket:
    """An open socket. Created by `connect`; `close` it, or use it as an async context manager.

    Attributes:
        max_request_chars: A longer request is refused before it is sent (TrueNAS: 65536, and 8192 before login;
            contract truenas §2). May be changed at any time.
        unmatched: Answers that came for no waiting call: late ones, or with an id never used.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        limits: Limits,
        max_request_chars: int,
        max_pending: int,
        on_notification: OnNotification | None,
        on_close: OnClose | None,
        target: str | None,
    ) -> None:
        self.max_request_chars = max_request_chars
        self.unmatched = 0
        self.peer_certificate: bytes | None = None
        """The certificate that the peer showed, DER, where the socket is on TLS and was opened by `connect`."""
        self._wire = wire
        self._limits = limits
        self._max_pending = max_pending
        self._on_notification = on_notification
        self._on_close = on_close
        self._target = target
        self._ids = itertools.count(1)
        self._pending: dict[RequestId, Pending] = {}
        self._end: WireClosed | None = None
        self._ended = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name="holdfast-jsonrpc-reader")

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        pool: ConnectionPool,
        tls: TlsSettings | None = None,
        limits: Limits = RPC_LIMITS,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        target: str | None = None,
        open_timeout_s: float = 10.0,
        connect_timeout_s: float = 5.0,
        ping_interval_s: float = 20.0,
        max_request_chars: int = 65536,
        max_pending: int = 64,
        on_notification: OnNotification | None = None,
        on_close: OnClose | None = None,
    ) -> Self:
        """Open a socket at ``wss://HOST[:PORT]/PATH`` (``ws://`` only where the URL says so).

        Args:
            url: Where; without credentials.
            pool: Connections; a socket does not count against its limits.
            tls: As for `HttpTransport`; HTTP/1.1 is negotiated.
            limits: `wire_bytes` caps a message, the `json_*` and `number_chars` caps its content.
            headers: Fields of the opening request.
            proxy: URL of an HTTP proxy; the environment's is never used.
            target: Name of the configured target, put into errors.
            open_timeout_s: Absolute bound from name resolution to the end of the opening handshake.
            connect_timeout_s: Bound of name resolution, TCP and TLS together.
            ping_interval_s: Silence after which the peer is pinged; it has half as long to answer.
            max_request_chars: See the class.
            max_pending: Calls that may wait for an answer at once.
            on_notification: Called in the order of arrival with method and params; must not block.
            on_close: Called once with close code (1006: cut off) and reason.

        Raises:
            NotSentError, TlsError, RedirectError, ProtocolError, AttemptTimeoutError, LostReplyError: As `send`.
            AuthenticationError, PermissionDeniedError, UnsupportedError, UnavailableError: The opening request was
                answered with 401, 403, 404 or 502–504.
        """
        from holdfast.transport.websocket import open_wire

        wire = await open_wire(
            url,
            pool=pool,
            tls=tls if tls is not None else TlsSettings(),
            limits=limits,
            headers=headers or {},
            proxy=proxy,
            target=target,
            open_timeout_s=open_timeout_s,
            connect_timeout_s=connect_timeout_s,
            ping_interval_s=ping_interval_s,
        )
        made = cls(
            wire,
            limits=limits,
            max_request_chars=max_request_chars,
            max_pending=max_pending,
            on_notification=on_notification,
            on_close=on_close,
            target=target,
        )
        made.peer_certificate = wire.certificate
        return made

    @property
    def closed(self) -> bool:
        """Whether no call can be made any more."""
        return self._end is not None

    @property
    def close_code(self) -> int | None:
        """Close code once closed; 1006 when the connection was cut."""
        return None if self._end is None else self._end.code

    @property
    def close_reason(self) -> str:
        """Reason given by the peer: untrusted text."""
        return "" if self._end is None else self._end.reason

    @property
    def pending(self) -> int:
        """Calls that wait for an answer."""
        return len(self._pending)

    async def wait_closed(self) -> None:
        """Return once the socket is closed."""
        await self._ended.wait()

    async def call(
        self,
        method: str,
        params: Sequence[JsonInput] | Mapping[str, JsonInput] = (),
        *,
        timeout_s: float = 30.0,
        request_id: RequestId | None = None,
        safe: bool = False,
    ) -> JsonValue:
        """Call `method` and return its result.

        Args:
            method: Name of the method.
            params: Positional (TrueNAS takes no others) or named arguments.
            timeout_s: Absolute bound in seconds, clipped to the enclosing deadline.
            request_id: Id to use; a number not used before when None.
            safe: The method changes nothing: errors say so instead of leaving it unknown.

        Raises:
            JsonRpcError: The appliance answered with an error.
            InputError: Longer than `max_request_chars`, not JSON, or the id is in use; nothing was sent.
            OverloadedError: `max_pending` calls are waiting; nothing was sent.
            NotSentError: The socket was closed before; nothing was sent.
            PermissionDeniedError: The socket was closed with 1008.
            LostReplyError: The socket broke after the call was written.
            AttemptTimeoutError: No answer in time.
            ProtocolError, LimitError: The answer is none, or over a limit.
            DeadlineError: The enclosing deadline had passed already; nothing was sent.
        """
        from holdfast.transport.deadline import time_left

        budget = time_left(timeout_s)
        if self._end is not None:
            raise failure_of(self._end, None, target=self._target)
        if len(self._pending) >= self._max_pending:
            raise OverloadedError(
                f"{self._max_pending} calls already wait for an answer on this socket.", target=self._target
            )
        key = next(self._ids) if request_id is None else request_id
        if isinstance(key, bool) or key in self._pending:
            raise InputError("The id of a call must be text or a whole number that is not in use.")
        text = self._frame(key, method, params)
        entry = Pending(asyncio.get_running_loop().create_future(), method, safe)
        self._pending[key] = entry
        try:
            async with asyncio.timeout(budget):
                if not safe:
                    ask_before_sending()
                # From here on the frame may be on its way, even if sending fails.
                entry.written = True
                try:
                    await self._wire.send(text)
                except WireClosed as end:
                    raise failure_of(end, entry, target=self._target) from None
                return await entry.future
        except AttemptTimeoutError:
            raise
        except TimeoutError:
            raise AttemptTimeoutError(
                f"No answer to {method} came within {budget:.1f} s.",
                next_step=None if safe else READ_BACK,
                executed=Executed.NO if safe else Executed.UNKNOWN,
                target=self._target,
                details={"timeout_s": round(budget, 3)},
            ) from None
        finally:
            self._pending.pop(key, None)
            if entry.future.done() and not entry.future.cancelled():
                entry.future.exception()  # retrieved: a failure that met a cancelled caller is not an accident

    def _frame(self, key: RequestId, method: str, params: Sequence[JsonInput] | Mapping[str, JsonInput]) -> str:
        arguments: JsonInput = dict(params) if isinstance(params, Mapping) else list(params)
        message: dict[str, JsonInput] = {"jsonrpc": "2.0", "id": key, "method": method, "params": arguments}
        try:
            text = json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
            text.encode()
        except (ValueError, TypeError, RecursionError):
            raise InputError("An argument of the call cannot be written as JSON.") from None
        if len(text) > self.max_request_chars:
            raise InputError(
                f"The call is {len(text)} characters long; the appliance takes {self.max_request_chars}.",
                next_step="Send less at once.",
                target=self._target,
            )
        return text

    async def close(self, code: int = 1000) -> None:
        """Close the socket; waiting calls fail. May be called twice."""
        self._finish(WireClosed(code, ""))
        self._reader.cancel()
        await self._wire.close(code)
        await asyncio.wait([self._reader])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _read(self) -> None:
        end = WireClosed(1006, "")
        try:
            while True:
                self._take(await self._wire.receive())
        except WireClosed as closed:
            end = closed
        except HoldfastError as error:
            # What cannot be understood cannot be trusted to be complete either: the socket ends here.
            end = WireClosed(1002, "", error)
        finally:
            self._finish(end)
        await self._wire.close(end.code if end.error is not None else 1000)

    def _take(self, text: str) -> None:
        message = parse_json(text, self._limits)
        if not isinstance(message, dict):
            raise ProtocolError("The appliance sent a message that is no JSON-RPC object.", target=self._target)
        if "method" in message:
            self._notify(message)
            return
        key, error = message.get("id"), message.get("error")
        if key is None and isinstance(error, dict) and len(self._pending) == 1:
            key = next(iter(self._pending))  # an error about a request whose id could not be read: there is only one
        entry = self._pending.get(key) if isinstance(key, (int, str)) and not isinstance(key, bool) else None
        if entry is None or entry.future.done():
            self.unmatched += 1
            return
        if isinstance(error, dict):
            entry.future.set_exception(self._rpc_error(entry, error))
        elif "result" in message:
            entry.future.set_result(message["result"])
        else:
            entry.future.set_exception(
                ProtocolError(
                    f"The appliance's answer to {entry.method} has neither result nor error.",
                    executed=Executed.NO if entry.safe else Executed.UNKNOWN,
                    target=self._target,
                )
            )

    def _notify(self, message: JsonObject) -> None:
        method = message["method"]
        if self._on_notification is not None and isinstance(method, str) and "id" not in message:
            # In a callback of its own: what it raises goes to the loop's handler and does not end the reader.
            asyncio.get_running_loop().call_soon(self._on_notification, method, message.get("params"))

    def _rpc_error(self, entry: Pending, error: JsonObject) -> JsonRpcError:
        code = error.get("code")
        text = error.get("message")
        return JsonRpcError(
            entry.method,
            code if isinstance(code, int) else 0,
            text if isinstance(text, str) else "",
            error.get("data"),
            self._target,
        )

    def _finish(self, end: WireClosed) -> None:
        if self._end is not None:
            return
        self._end = end
        waiting = [entry for entry in self._pending.values() if not entry.future.done()]
        for entry in waiting:
            alone = len(waiting) == 1
            entry.future.set_exception(failure_of(end, entry, target=self._target, alone=alone))
        self._ended.set()
        if self._on_close is not None:
            asyncio.get_running_loop().call_soon(self._on_close, end.code, end.reason)

"""What can become of a call on a socket that did not end with a result."""

from __future__ import annotations

import asyncio

from holdfast.errors import (
    ApplianceError,
    Executed,
    HoldfastError,
    InputError,
    LostReplyError,
    NotSentError,
    PermissionDeniedError,
)
from holdfast.transport.values import JsonValue
from holdfast.transport.wire import WireClosed

READ_BACK = "Read the state back before repeating it: it may have been executed."


class JsonRpcError(ApplianceError):
    """The appliance answered a call with a JSON-RPC error object; its client interprets it.

    Attributes:
        rpc_code: The error's code.
        rpc_message: The error's message, as sent: untrusted text.
        data: The error's data: untrusted, may hold source paths and values; not for models or logs.
    """

    code = "rpc_error"

    def __init__(self, method: str, rpc_code: int, rpc_message: str, data: JsonValue, target: str | None) -> None:
        super().__init__(
            f"The appliance answered {method} with error {rpc_code}.",
            status=rpc_code,
            executed=Executed.UNKNOWN,
            target=target,
        )
        self.rpc_code = rpc_code
        self.rpc_message = rpc_message
        self.data = data


class Pending:
    """A call that waits for its answer.

    Attributes:
        future: Gets the result or the error.
        method: Name of the method.
        safe: The method changes nothing.
        written: The call may be on its way to the peer.
    """

    __slots__ = ("future", "method", "safe", "written")

    def __init__(self, future: asyncio.Future[JsonValue], method: str, safe: bool) -> None:
        self.future = future
        self.method = method
        self.safe = safe
        self.written = False


def failure_of(
    end: WireClosed, entry: Pending | None, *, target: str | None = None, alone: bool = False
) -> HoldfastError:
    """What the end of a socket means for one call.

    Args:
        end: How the socket ended.
        entry: The call; None for one that was not begun.
        target: Name of the configured target.
        alone: It was the only call waiting, so a complaint about a call's size is about this one.
    """
    sent = entry if entry is not None and entry.written and not end.before_sending else None
    executed = Executed.NO if sent is None or sent.safe else Executed.UNKNOWN
    details = {"close_code": end.code}
    if end.code == 1008:
        return PermissionDeniedError(
            "The appliance closed the socket because it does not allow access from this address (1008).",
            next_step="Add this machine to the addresses that the appliance allows; repeating does not help.",
            executed=executed,
            target=target,
            details=details,
        )
    if sent is None:
        return NotSentError(
            f"The socket was closed (code {end.code}) before the call was sent.",
            next_step="Connect again and repeat the call.",
            target=target,
            details=details,
        )
    if end.error is not None and not isinstance(end.error, LostReplyError):
        return type(end.error)(
            end.error.message, next_step=end.error.next_step, executed=executed, target=target, details=details
        )
    if end.code in (1007, 1009) and alone:
        return InputError(
            f"The appliance refused the call to {sent.method} as too long (close code {end.code}).",
            next_step="Send less at once.",
            executed=Executed.NO,
            target=target,
            details=details,
        )
    return LostReplyError(
        f"The socket was closed (code {end.code}) before {sent.method} was answered.",
        next_step=None if sent.safe else READ_BACK,
        executed=executed,
        target=target,
        details=details,
    )

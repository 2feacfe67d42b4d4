"""A message pipe with an end, as `JsonRpcSocket` needs it; `websocket` provides one over aiohttp."""

from __future__ import annotations

from typing import Protocol

from holdfast.errors import HoldfastError


class WireClosed(Exception):
    """The pipe has ended.

    Attributes:
        code: WebSocket close code; 1006 when the connection was cut.
        reason: Text given by the peer: untrusted.
        error: The typed error, when it ended because of one.
        before_sending: Raised by `Wire.send` only: nothing of the message was written.
    """

    def __init__(
        self, code: int, reason: str, error: HoldfastError | None = None, *, before_sending: bool = False
    ) -> None:
        super().__init__(f"closed with {code}")
        self.code = code
        self.reason = reason
        self.error = error
        self.before_sending = before_sending


class Wire(Protocol):
    """Text messages in both directions."""

    async def send(self, text: str) -> None:
        """Write a message.

        Raises:
            WireClosed: It cannot be written (any more).
        """

    async def receive(self) -> str:
        """The next message.

        Raises:
            WireClosed: There will be none.
        """

    async def close(self, code: int) -> None:
        """End the pipe; may be called twice."""

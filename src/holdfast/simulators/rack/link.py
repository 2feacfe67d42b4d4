"""One client connection, between TLS and the HTTP server: where bytes are held back, slowed and cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Callable
from typing import Final, Protocol

if sys.platform == "linux":
    import fcntl
    import termios

_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


class Shaper(Protocol):
    """What happens to outgoing bytes of one connection; `head` bytes (status line and headers) pass before it."""

    def feed(self, data: bytes) -> None:
        """Take bytes of a body."""

    def flush(self) -> None:
        """Let everything go that is held back."""

    @property
    def pending(self) -> bool:
        """Whether bytes are held back."""


class Link(asyncio.Protocol):
    """The protocol that TLS talks to; it passes on to aiohttp's and stands between it and the transport.

    `socket_path` is the path of the WebSocket that the connection has become, None for one that speaks HTTP.
    """

    def __init__(
        self, server: asyncio.Protocol, on_made: Callable[[Link], None], on_lost: Callable[[Link], None]
    ) -> None:
        self._server = server
        self._on_made = on_made
        self._on_lost = on_lost
        self._wire: asyncio.Transport | None = None
        self._wire_closed = False
        self._socket: socket.socket | None = None
        self._shaper: Shaper | None = None
        self._head: bytearray | None = None
        self._held: list[bytes] = []
        self._frozen = False
        self._server_paused_reading = False
        self._paused_by_wire = False
        self._server_paused_writing = False
        self._closing = False
        self._muted = False
        self._dead = False
        self._shaped_by: object = None
        self._reply_lost: Callable[[], bool] | None = None
        self._reply_lost_by: object = None
        self._reply_due = False
        self.socket_path: str | None = None

    # what the wire calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._wire = transport
        self._socket = transport.get_extra_info("socket")
        self._on_made(self)
        self._server.connection_made(LinkTransport(self, transport))

    def data_received(self, data: bytes) -> None:
        """Part of `asyncio.Protocol`."""
        self._reply_due = self._reply_lost is not None
        self._server.data_received(data)

    def eof_received(self) -> bool | None:
        """Part of `asyncio.Protocol`."""
        return self._server.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of `asyncio.Protocol`."""
        self._dead = True
        self.unshape()
        self._on_lost(self)
        self._server.connection_lost(exc)

    def pause_writing(self) -> None:
        """Part of `asyncio.Protocol`."""
        self._paused_by_wire = True
        self._tell_server_about_writing()

    def resume_writing(self) -> None:
        """Part of `asyncio.Protocol`."""
        self._paused_by_wire = False
        self._tell_server_about_writing()

    # what the rack does

    def reset(self) -> None:
        """Abort the connection with a RST, whatever is still to be sent."""
        if self._wire is None or self._dead:
            return
        self._dead = True
        if self._socket is not None:
            # Lingering for zero seconds makes the kernel send RST instead of FIN.
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self._wire.abort()

    def end(self) -> None:
        """Close the connection in order (TLS close notification, FIN); sends nothing more."""
        self.mute()
        self._close_wire()

    def mute(self) -> None:
        """Swallow all further output; the one who mutes also ends the connection."""
        self._muted = True

    @property
    def unsent_bytes(self) -> int:
        """Bytes that the peer's kernel does not have yet, as far as this platform can tell."""
        return 0 if self._dead else _unsent_bytes(self._socket)

    def freeze(self) -> None:
        """Neither read nor write until thawed."""
        if self._wire is not None and not self._frozen:
            self._frozen = True
            self._wire.pause_reading()

    def thaw(self) -> None:
        """Go on where `freeze` stopped."""
        if self._wire is None or not self._frozen:
            return
        self._frozen = False
        held, self._held = self._held, []
        for data in held:
            self.send(data)
        if not self._server_paused_reading and not self._dead:
            self._wire.resume_reading()
        if self._closing:
            self.close()

    @property
    def frozen(self) -> bool:
        """Whether the connection neither reads nor writes now."""
        return self._frozen

    def shape(self, shaper: Shaper, cause: object, *, head_first: bool) -> None:
        """Give what is sent from now on to a shaper; with `head_first` only what follows an HTTP head."""
        self._shaper = shaper
        self._shaped_by = cause
        self._head = bytearray() if head_first else None

    def unshape(self) -> None:
        """Send everything as it comes again; what a shaper holds back goes out now."""
        shaper, self._shaper, self._shaped_by, self._head = self._shaper, None, None, None
        if shaper is not None:
            shaper.flush()

    def lose_next_reply(self, cause: object, lost: Callable[[], bool], *, due: bool) -> None:
        """Ask `lost` when anything is to be sent after the next bytes from the peer; if it says so, reset instead.

        With `due` those bytes have come already.
        """
        self._reply_lost = lost
        self._reply_lost_by = cause
        self._reply_due = due

    def disarm(self, cause: object) -> None:
        """Undo what `shape` and `lose_next_reply` did for this cause."""
        if self._shaped_by is cause:
            self.unshape()
        if self._reply_lost_by is cause:
            self._reply_lost = self._reply_lost_by = None

    def write_through(self, data: bytes) -> None:
        """Send bytes past any shaper; for shapers."""
        if self._wire is not None and not self._dead:
            self._wire.write(data)

    def shaper_moved(self) -> None:
        """To be called by a shaper when it begins or ends to hold bytes back."""
        self._tell_server_about_writing()
        if self._closing and (self._shaper is None or not self._shaper.pending):
            self.close()

    # what aiohttp's transport passes on

    def send(self, data: bytes) -> None:
        """Send bytes, as the faults that are on allow."""
        if self._dead or self._muted:
            return
        if self._frozen:
            self._held.append(data)
            return
        if self._reply_due and self._reply_lost is not None and self._reply_lost():
            self.reset()
            return
        if self._shaper is None:
            self.write_through(data)
        elif self._head is None:
            self._shaper.feed(data)
        else:
            self._send_head(data)

    def close(self) -> None:
        """Close in order, after what is held back."""
        self._closing = True
        if self._muted or self._frozen or (self._shaper is not None and self._shaper.pending):
            return
        self._close_wire()

    def pause_reading(self) -> None:
        """The server wants no more bytes for now."""
        self._server_paused_reading = True
        if self._wire is not None and not self._frozen:
            self._wire.pause_reading()

    def resume_reading(self) -> None:
        """The server wants bytes again."""
        self._server_paused_reading = False
        if self._wire is not None and not self._frozen:
            self._wire.resume_reading()

    @property
    def closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._closing or self._dead or self._wire is None or self._wire.is_closing()

    def _close_wire(self) -> None:
        # Once only: a second close() of asyncio's TLS transport forgets its connection, and abort() then does nothing.
        if self._wire is not None and not self._wire_closed:
            self._wire_closed = True
            self._wire.close()

    def _send_head(self, data: bytes) -> None:
        assert self._head is not None
        assert self._shaper is not None
        before = len(self._head)
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            self.write_through(data)
            return
        head_bytes = end + 4 - before
        self._head = None
        self.write_through(data[:head_bytes])
        self._shaper.feed(data[head_bytes:])

    def _tell_server_about_writing(self) -> None:
        paused = self._paused_by_wire or (self._shaper is not None and self._shaper.pending)
        if paused and not self._server_paused_writing:
            self._server.pause_writing()
        elif self._server_paused_writing and not paused:
            self._server.resume_writing()
        self._server_paused_writing = paused


class LinkTransport(asyncio.Transport):
    """The transport that aiohttp sees: what it writes goes through the `Link`."""

    def __init__(self, link: Link, wire: asyncio.Transport) -> None:
        super().__init__()
        self.link = link
        self._wire = wire

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Part of `asyncio.Transport`."""
        return self._wire.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Part of `asyncio.Transport`."""
        return self.link.closing

    def close(self) -> None:
        """Part of `asyncio.Transport`."""
        self.link.close()

    def abort(self) -> None:
        """Part of `asyncio.Transport`."""
        self._wire.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Part of `asyncio.Transport`."""
        self.link.send(bytes(data))

    def can_write_eof(self) -> bool:
        """Part of `asyncio.Transport`; TLS cannot half-close."""
        return False

    def pause_reading(self) -> None:
        """Part of `asyncio.Transport`."""
        self.link.pause_reading()

    def resume_reading(self) -> None:
        """Part of `asyncio.Transport`."""
        self.link.resume_reading()

    def is_reading(self) -> bool:
        """Part of `asyncio.Transport`."""
        return self._wire.is_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Part of `asyncio.Transport`."""
        self._wire.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Part of `asyncio.Transport`."""
        return self._wire.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Part of `asyncio.Transport`."""
        return self._wire.get_write_buffer_limits()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Part of `asyncio.Transport`."""
        return self.link


def _unsent_bytes(wire_socket: socket.socket | None) -> int:
    """Bytes written that the peer's kernel has not acknowledged, as far as this platform can tell."""
    if sys.platform != "linux" or wire_socket is None or wire_socket.fileno() < 0:
        return 0
    answer = fcntl.ioctl(wire_socket.fileno(), termios.TIOCOUTQ, b"\0" * 4)
    return int(struct.unpack("i", answer)[0])

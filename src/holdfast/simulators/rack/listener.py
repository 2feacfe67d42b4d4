"""A listening socket whose port stays the same while it refuses, drops or accepts connections."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import sys
from collections.abc import Callable
from typing import Final

_BACKLOG: Final = 512
_MOST_FILLERS: Final = 8
_FILL_WAIT_MS: Final = 1000
_ACCEPT_PAUSE_S: Final = 0.1
_LINUX: Final = sys.platform == "linux"


class Listener:
    """Listens on one loopback port and hands every accepted socket (non-blocking) to `on_connection`.

    On Linux the port stays bound in every state. Elsewhere a refusing port is closed and bound again when it opens,
    and a black hole accepts connections and leaves them alone.
    """

    def __init__(self, host: str, on_connection: Callable[[socket.socket], None]) -> None:
        self._host = host
        self._on_connection = on_connection
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._fillers: list[socket.socket] = []
        self._listening = False
        self._silent = False
        self._retry: asyncio.TimerHandle | None = None
        self.port = 0

    def bind(self, port: int = 0) -> int:
        """Take a port (0: any free one) without listening yet; returns it.

        Raises:
            OSError: the port is in use.
        """
        if port == 0:
            # Bound once to learn a free number and again by that number: Linux gives a number that it chose itself
            # back as soon as the socket stops listening.
            with _new_socket(self._host) as finder:
                finder.bind((self._host, 0))
                self._bind(finder.getsockname()[1])
        else:
            self._bind(port)
        return self.port

    def open(self) -> None:
        """Accept connections."""
        self._stop_listening()
        self._listen(_BACKLOG)
        self._silent = False
        self._watch()

    def refuse(self) -> None:
        """Refuse connections; those not yet accepted are reset."""
        self._stop_listening()

    def black_hole(self) -> None:
        """Let connection attempts hang as if their packets were dropped."""
        self._stop_listening()
        self._listen(0)
        self._silent = True
        if not self._fill_backlog():
            self._watch()

    def close(self) -> None:
        """Give the port back."""
        self._stop_listening()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _bind(self, port: int) -> None:
        self._socket = _new_socket(self._host)
        try:
            self._socket.bind((self._host, port))
        except OSError:
            self._socket.close()
            self._socket = None
            raise
        self.port = self._socket.getsockname()[1]

    def _listen(self, backlog: int) -> None:
        if self._socket is None:
            self._bind(self.port)
        assert self._socket is not None
        self._socket.listen(backlog)
        self._listening = True

    def _watch(self) -> None:
        self._retry = None
        if self._socket is not None and self._listening:
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def _stop_listening(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        if self._socket is None or not self._listening:
            return
        self._listening = False
        self._loop.remove_reader(self._socket.fileno())
        if _LINUX:
            # Ends listening without giving up the port; listen() may follow on the same socket.
            self._socket.shutdown(socket.SHUT_RDWR)
        else:
            self._socket.close()
            self._socket = None

    def _accept(self) -> None:
        assert self._socket is not None
        for _ in range(_BACKLOG):
            try:
                connection, _address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # Out of file descriptors: the event would repeat at once, so look again a little later.
                self._loop.remove_reader(self._socket.fileno())
                self._retry = self._loop.call_later(_ACCEPT_PAUSE_S, self._watch)
                return
            connection.setblocking(False)
            if self._silent:
                self._fillers.append(connection)
            else:
                self._on_connection(connection)
            if not self._listening:
                return

    def _fill_backlog(self) -> bool:
        """Fill the queue of connections not yet accepted, so that the kernel drops further SYNs; False if it cannot."""
        if not _LINUX:
            return False
        for _ in range(_MOST_FILLERS):
            if self._queue_is_full():
                return True
            filler = socket.socket(_family(self._host))
            filler.setblocking(False)
            filler.connect_ex((self._host, self.port))
            self._fillers.append(filler)
            connected = select.poll()
            connected.register(filler, select.POLLOUT)
            connected.poll(_FILL_WAIT_MS)
        return self._queue_is_full()

    def _queue_is_full(self) -> bool:
        # For a listening socket, struct tcp_info carries the queue's length and limit (linux/tcp.h, tcp_get_info).
        assert self._socket is not None
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
        waiting, limit = struct.unpack_from("II", info, 24)
        return bool(waiting > limit)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _new_socket(host: str) -> socket.socket:
    made = socket.socket(_family(host))
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made

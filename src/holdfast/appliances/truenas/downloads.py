"""Files that TrueNAS offers over plain HTTPS, each once and for a minute (contract 10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from holdfast.appliances.truenas.settings import TrueNASSettings
from holdfast.appliances.wiring import transport_of
from holdfast.errors import UnavailableError
from holdfast.transport import ConnectionPool, HttpTransport, Reply, Request
from holdfast.transport.limits import DEFAULT_LIMITS

KEEPALIVE_S: Final = 10.0
"""Downloads are rare: their connections are not kept long."""


class Downloads:
    """Fetches what `core.download` and its like offer.

    Args:
        settings: Where the files are: the client sets it to where its socket leads.
        pool: Shared connections.
        hide: Has a secret kept out of everything that is said: the token in a link is one.
    """

    def __init__(self, settings: TrueNASSettings, pool: ConnectionPool, hide: Callable[[str], None]) -> None:
        self.settings = settings
        self._pool = pool
        self._hide = hide

    async def to_file(self, link: str, destination: Path, *, max_bytes: int) -> None:
        """Fetch to a new file that only its owner may read; it appears when it is complete.

        Args:
            link: Path with a token.
            destination: Of the file.
            max_bytes: A longer file is given up.

        Raises:
            UnavailableError: The offer has lapsed.
            HoldfastError: As the transport's `download`.
        """
        http, path = self._offered(link)
        self._handed_over(await http.download(self._request(path), destination, max_bytes=max_bytes))

    async def to_memory(self, link: str, *, max_bytes: int) -> bytes:
        """As `to_file`, but into memory."""
        http, path = self._offered(link)
        limits = replace(DEFAULT_LIMITS, wire_bytes=max_bytes, decoded_bytes=max_bytes)
        reply = await http.send(replace(self._request(path), limits=limits))
        self._handed_over(reply)
        return reply.body

    def _request(self, path: str) -> Request:
        return Request("GET", path, attempt_timeout_s=self.settings.timeout)

    def _offered(self, link: str) -> tuple[HttpTransport, str]:
        http = transport_of(self.settings, self._pool, keepalive_s=KEEPALIVE_S)
        path = http.same_origin_path(link, "/_download/")
        self._hide(path.partition("auth_token=")[2])
        return http, path

    def _handed_over(self, reply: Reply) -> None:
        if not reply.ok:
            raise UnavailableError(
                f"TrueNAS did not hand the file over (HTTP {reply.status}).",
                status=reply.status,
                next_step="Repeat; the file has to be fetched within a minute.",
                target=self.settings.label,
            )

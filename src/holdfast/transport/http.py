"""HTTP to one appliance: `HttpTransport`. Raises only `holdfast.errors`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from holdfast import __version__
from holdfast.errors import ConfigError
from holdfast.transport.givenup import GivenUp
from holdfast.transport.intake import FileSink
from holdfast.transport.limits import DEFAULT_LIMITS, Limits
from holdfast.transport.messages import Reply, Request, check_headers
from holdfast.transport.pool import ConnectionPool
from holdfast.transport.proxy import Proxy
from holdfast.transport.tls import TlsSettings
from holdfast.transport.urls import Origin, same_origin_path


@dataclass(frozen=True, slots=True)
class SendEvent:
    """A request is being put on a connection.

    Attributes:
        label: Method and path, without the query.
        number: 1 for the first time, 2 for the one resend of a GET or HEAD that met a dead kept connection.
        reused: Whether the connection had carried a request before.
        target: Name of the configured target.
    """

    label: str
    number: int
    reused: bool
    target: str | None


OnSend: TypeAlias = Callable[[SendEvent], None]

_DEFAULTS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": f"holdfast/{__version__}",
}


class HttpTransport:
    """Sends requests to one origin. Nothing is repeated but a GET or HEAD that met a dead kept connection (once).

    No redirects, no cookie jar, no proxy or credentials from the environment.

    Args:
        base_url: ``https://HOST[:PORT]``; ``http://`` only where the URL says so.
        pool: Connections, shared with other targets.
        tls: How the certificate is checked; ignored for ``http://``.
        limits: Caps on answers.
        default_headers: Fields sent with every request, over Accept, Accept-Encoding and User-Agent.
        keepalive_s: Seconds for which an idle connection is kept. Stay below the appliance's own: Proxmox closes
            after 5 s (use 4), iDRAC after 60 s, pfSense after 70 s.
        proxy: URL of an HTTP proxy, credentials allowed in it; the environment's is never used.
        target: Name of the configured target, put into errors.
        on_send: Called each time a request is put on a connection.
        given_up: What becomes of requests that are given up when they have been sent; without it their connection is
            closed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        pool: ConnectionPool,
        tls: TlsSettings | None = None,
        limits: Limits = DEFAULT_LIMITS,
        default_headers: Mapping[str, str] | None = None,
        keepalive_s: float = 15.0,
        proxy: str | None = None,
        target: str | None = None,
        on_send: OnSend | None = None,
        given_up: GivenUp[Reply] | None = None,
    ) -> None:
        self.origin, rest = Origin.parse(base_url)
        if rest not in ("", "/"):
            raise ConfigError("A target's URL must not have a path: only scheme, host and port.")
        self.pool = pool
        self.tls = tls if tls is not None else TlsSettings()
        self.limits = limits
        self.target = target
        self.on_send = on_send
        self.given_up = given_up
        self.requests_sent = 0
        self.keepalive_s = keepalive_s
        check_headers(default_headers or {})
        self.headers = merged(_DEFAULTS, default_headers or {})
        self.proxy = Proxy.parse(proxy) if proxy is not None else None

    def __repr__(self) -> str:
        return f"HttpTransport({str(self.origin)!r})"

    def same_origin_path(self, link: str, prefix: str) -> str:
        """`urls.same_origin_path` for links of this appliance; absolute links of its own origin are accepted."""
        return same_origin_path(link, prefix, origin=self.origin)

    async def send(self, request: Request) -> Reply:
        """Send one request and read the whole answer. Any status is a reply.

        Raises:
            NotSentError: Proof that nothing was sent.
            OverloadedError: No connection became free in time; nothing was sent.
            TlsError: The peer is not the expected one; nothing was sent.
            LostReplyError: Sent, or perhaps sent, without a usable answer.
            AttemptTimeoutError: The same, because time ran out.
            ProtocolError, RedirectError: The answer is not one.
            LimitError: The answer is over a limit.
            DeadlineError: The enclosing deadline had passed before anything was sent.
            InputError: The request cannot be sent as it is.
        """
        from holdfast.transport.exchange import exchange

        return await exchange(self, request)

    async def download(self, request: Request, destination: Path, *, max_bytes: int | None = None) -> Reply:
        """Send a request and write a 2xx answer to `destination`, which appears only when it is complete.

        Answers with another status are returned with their body, as by `send`, and nothing is written. The file is
        readable by its owner only. The reply of a download has an empty body. `max_bytes` replaces
        `Limits.download_bytes`.

        Raises:
            FileExistsError: The partial file (``destination`` + ``.part``) exists already.
            OSError: The file cannot be written.
            HoldfastError: As `send`.
        """
        from holdfast.transport.exchange import exchange

        file = FileSink(destination)  # before anything is sent: the link of a download often works only once
        try:
            reply = await exchange(self, request, file=file, file_cap=max_bytes)
            if reply.ok:
                file.commit()
        finally:
            file.abandon()
        return reply


def merged(*layers: Mapping[str, str]) -> dict[str, str]:
    """Header fields of several layers; a later layer replaces a field of the same name in any case."""
    fields: dict[str, tuple[str, str]] = {}
    for layer in layers:
        fields.update((name.lower(), (name, value)) for name, value in layer.items())
    return dict(fields.values())

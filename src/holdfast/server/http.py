"""Streamable HTTP, health and metrics on one port."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from holdfast import __version__
from holdfast.config import ServerSettings
from holdfast.errors import ConfigError, PolicyError
from holdfast.server.discovery import Discovery
from holdfast.server.guard import MAX_HEADER_BYTES, AllowedOrigins, HttpGuard, Verify, check_bind, principal_of
from holdfast.server.slowclients import ConnectionLimits, protocol_class

_log = logging.getLogger("holdfast.server.http")
_SHUTDOWN_S = 10

Metrics = Callable[[str], tuple[bytes, str]]
"""The page and its content type, for a principal; raises `PolicyError` for whom it is not."""
Ready = Callable[[], tuple[bool, dict[str, int]]]


def http_principal(ctx: ServerRequestContext[Any, Any]) -> str:
    """The principal of a request that came over HTTP."""
    return principal_of(ctx.request if isinstance(ctx.request, Request) else None)


def bound_socket(settings: ServerSettings) -> socket.socket:
    """A listening socket at the configured address.

    Raises:
        ConfigError: The address cannot be bound.
    """
    check_bind(settings)
    host = settings.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, settings.port))
    except OSError as error:
        sock.close()
        raise ConfigError(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}.",
            next_step="Choose another port (server.port, --port; 0 takes a free one), or end what listens there.",
        ) from None
    return sock


def build_app(
    server: Server[dict[str, Any]],
    settings: ServerSettings,
    port: int,
    *,
    verify: Verify,
    metrics: Metrics,
    ready: Ready,
) -> HttpGuard:
    """The whole ASGI application behind its guard."""

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__})

    async def readyz(request: Request) -> Response:
        fine, counts = ready()
        return JSONResponse({"ready": fine, **counts}, status_code=200 if fine else 503)

    async def metrics_page(request: Request) -> Response:
        try:
            body, content_type = metrics(principal_of(request))
        except PolicyError as error:
            return PlainTextResponse(f"{error}\n", status_code=403)
        return Response(body, media_type=content_type)

    discovery = Discovery.of(settings)
    routes = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics_page)]
    if discovery is not None:
        found = discovery

        async def metadata(request: Request) -> Response:
            return JSONResponse(found.document(request.headers["host"]))

        routes.append(Route(found.location, metadata))
    app = server.streamable_http_app(
        streamable_http_path=settings.path,
        max_request_body_size=settings.max_body_bytes,
        max_sessions=settings.max_connections,
        # Host and Origin are the guard's business, which checks every route and not only this one.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        custom_starlette_routes=routes,
    )
    return HttpGuard(app, allowed=AllowedOrigins.of(settings, port), verify=verify, discovery=discovery)


def uvicorn_config(app: HttpGuard, settings: ServerSettings) -> uvicorn.Config:
    """How uvicorn serves the application: no access log, no banners, bounded headers, waits and connections."""
    limits = ConnectionLimits(settings.header_timeout, settings.transfer_timeout, settings.max_connections)
    return uvicorn.Config(
        app,
        http=protocol_class(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        ssl_certfile=str(settings.tls_cert_file) if settings.tls_cert_file else None,
        ssl_keyfile=str(settings.tls_key_file) if settings.tls_key_file else None,
    )


async def serve_http(app: HttpGuard, settings: ServerSettings, sock: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    await uvicorn.Server(uvicorn_config(app, settings)).serve(sockets=[sock])

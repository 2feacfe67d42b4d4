"""Run an application over stdio or HTTP until its client goes or a signal comes."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import sys
from typing import Literal

from holdfast.errors import ConfigError
from holdfast.server.application import Application

_log = logging.getLogger("holdfast.server")


def run(application: Application, transport: Literal["stdio", "http"]) -> None:
    """Serve until the end; connections are closed (sessions logged out) before this returns."""
    asyncio.run(_stdio(application) if transport == "stdio" else _http(application))


async def _stdio(application: Application) -> None:
    from mcp.server.stdio import stdio_server

    loop = asyncio.get_running_loop()
    stopping: list[asyncio.Task[None]] = []

    async def leave() -> None:
        # The SDK's reader waits for stdin in a thread that cannot be cancelled, so the process ends under it, after
        # sessions are logged out and the ledger is closed.
        await application.stop()
        logging.shutdown()
        os._exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: stopping.append(loop.create_task(leave())))
    server = application.mcp_server()
    async with application.running(), stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def _http(application: Application) -> None:
    from holdfast.server.guard import any_of, static_tokens
    from holdfast.server.http import bound_socket, build_app, http_principal, serve_http

    settings = application.config.server
    tokens = static_principals(application)
    verifiers = [static_tokens(tokens)]
    if settings.oidc_issuer is not None:
        from holdfast.server.oidc import OidcVerifier

        audience = settings.oidc_audience or "holdfast"
        claim = settings.oidc_principal_claim
        verifiers.append(OidcVerifier(settings.oidc_issuer, audience, principal_claim=claim, reserved=tokens.keys()))
    sock = bound_socket(settings)
    port = sock.getsockname()[1]
    app = build_app(
        application.mcp_server(http_principal),
        settings,
        port,
        verify=any_of(*verifiers),
        metrics=application.metrics,
        ready=application.ready,
    )
    scheme = "https" if settings.tls_cert_file else "http"
    _log.info("listening on %s://%s:%s%s", scheme, settings.host, port, settings.path)
    try:
        async with application.running():
            await serve_http(app, settings, sock)
    finally:
        sock.close()


def static_principals(application: Application) -> dict[str, str]:
    """Static tokens by principal; one for this run when nothing at all is configured.

    Raises:
        ConfigError: Two of them are for one principal.
    """
    settings = application.config.server
    tokens = {principal: secret.reveal() for principal, secret in settings.tokens.items()}
    if settings.token is not None:
        if "token" in tokens:
            raise ConfigError(
                "server.token and server.tokens.token stand for the same principal.",
                next_step="Keep one of them, or give the second its own name under tokens.",
            )
        tokens["token"] = settings.token.reveal()
    if not tokens and settings.oidc_issuer is None:
        tokens["token"] = secrets.token_urlsafe(48)
        application.room.redactor.add(tokens["token"])
        sys.stderr.write(f"holdfast: no server.token is configured; for this run it is: {tokens['token']}\n")
    return tokens

"""The routes beside the socket (contract sections 1, 2 and 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler

from holdfast.simulators.base import Arrival
from holdfast.simulators.truenas.releases import release_for_api
from holdfast.simulators.truenas.session import Session

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box

# Exists for adapting legacy calls; answers, but is not listed (contract section 1).
HIDDEN_VERSION = "v24.10"


class Routes:
    """Request handlers over one box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def application(self) -> web.Application:
        """All routes; timers run while it does."""
        box = self._box
        app = web.Application(client_max_size=128 * 1024 * 1024)
        app.router.add_get("/api/versions", self._versions)
        app.router.add_get("/api/boot_id", self._boot_id)
        app.router.add_get("/api/{version}", self._socket)
        app.router.add_route("*", "/api/v2.0/{rest:.*}", self._rest)
        app.router.add_get("/_download/{job}", box.transfers.download)
        app.router.add_post("/_upload", box.transfers.upload)
        app.router.add_get("/", self._user_interface)
        app.router.add_get("/ui/{rest:.*}", self._page)
        app.middlewares.append(self._gate)

        async def start(_: web.Application) -> None:
            box.timeline.start()

        async def stop(_: web.Application) -> None:
            await box.stop()

        app.on_startup.append(start)
        app.on_shutdown.append(stop)
        return app

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """While the middleware is away, the reverse proxy answers 502 for everything behind it."""
        self._box.timeline.pump()
        if self._box.away or (request.path.startswith("/api/") and self._box.faults.take("upgrade-502") is not None):
            return web.Response(status=502, text="<html><head><title>502 Bad Gateway</title></head></html>")
        return await handler(request)

    async def _versions(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.json_response(list(self._box.persona.api_versions))

    async def _boot_id(self, request: web.Request) -> web.Response:
        self._note(request)
        if not self._box.persona.has_boot_id:
            return self._to_user_interface()
        return web.json_response(self._box.boot_id)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        version = request.match_info["version"]
        persona = self._box.persona
        if version == "current":
            api_version, release = persona.api_versions[-1], persona.name
        elif version in persona.api_versions:
            api_version, release = version, release_for_api(version)
        else:
            return web.Response(status=404)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            self._note(request)
            return web.Response(status=400, text='No WebSocket UPGRADE hdr: None\n Can "Upgrade" only to "WebSocket".')
        return await Session(self._box, request, api_version, release).run()

    async def _rest(self, request: web.Request) -> web.Response:
        """REST is not simulated: gone on 26; before, told to be deprecated. Nobody should call it."""
        self._note(request)
        return web.Response(status=401 if self._box.persona.has_rest else 404)

    async def _user_interface(self, request: web.Request) -> web.Response:
        return self._to_user_interface()

    @staticmethod
    def _to_user_interface() -> web.Response:
        return web.Response(status=302, headers={"Location": "/ui/"})

    async def _page(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.Response(text="<!doctype html><title>TrueNAS</title>", content_type="text/html")

    def _note(self, request: web.Request) -> None:
        self._box.arrived(Arrival(request.method, request.path, dict(request.query), b"", False))

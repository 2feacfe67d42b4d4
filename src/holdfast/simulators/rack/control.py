"""The control endpoint of a rack: faults and time, over plain HTTP on loopback.

A web page in a browser on the same machine must not be able to drive it: every request needs the bearer token, the
Host must be this very endpoint (a rebound DNS name is not), and a foreign Origin is refused.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from holdfast.simulators.faultlist import Value
from holdfast.simulators.rack.rack import EVERY, Rack
from holdfast.simulators.rack.running import RunningSimulator

_BODY_LIMIT: Final = 64 * 1024
_SHUTDOWN_S: Final = 0.5
_MOST_SECONDS: Final = 10 * 365 * 86400.0


class ControlEndpoint:
    """Serves one rack's control endpoint; `url` and `token` are what a caller needs."""

    def __init__(self, rack: Rack, *, host: str = "127.0.0.1", token: str | None = None) -> None:
        self._rack = rack
        self._host = host
        self.token = token if token is not None else secrets.token_urlsafe(32)
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """`http://host:port`."""
        return f"http://{self._host}:{self.port}"

    async def start(self, port: int = 0) -> None:
        """Listen on this port (0: any free one).

        Raises:
            OSError: the port is in use.
        """
        app = web.Application(client_max_size=_BODY_LIMIT, middlewares=[self._guard()])
        app.add_routes(
            [
                web.get("/state", self._state),
                web.get("/arrivals", self._arrivals),
                web.post("/faults", self._add_fault),
                web.delete("/faults", self._heal),
                web.delete("/faults/{simulator}", self._heal),
                web.delete("/faults/{simulator}/{fault}", self._heal),
                web.post("/advance", self._advance),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, port)
        try:
            await site.start()
        except OSError:
            await self.stop()
            raise
        self.port = site.port

    async def stop(self) -> None:
        """Stop listening; safe to call again."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _guard(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            names = {f"{name}:{self.port}" for name in (self._host, "localhost")}
            if request.headers.get(hdrs.HOST, "") not in names:
                return _refusal(421, "this endpoint answers only to its own address")
            origin = request.headers.get(hdrs.ORIGIN)
            if origin is not None and origin not in {f"http://{name}" for name in names}:
                return _refusal(403, "requests from web pages are refused")
            given = request.headers.get(hdrs.AUTHORIZATION, "").encode()
            if not hmac.compare_digest(given, f"Bearer {self.token}".encode()):
                return _refusal(401, "the bearer token of the rack is needed", {"WWW-Authenticate": "Bearer"})
            try:
                return await handler(request)
            except LookupError as error:
                return _refusal(404, str(error.args[0]) if error.args else "not found")
            except (ValueError, TypeError) as error:
                return _refusal(400, str(error))

        return guard

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "now": self._rack.clock.now(),
                "advanced_s": self._rack.clock.offset_s,
                "simulators": [simulator_state(one) for one in self._rack.values()],
            }
        )

    async def _arrivals(self, request: web.Request) -> web.Response:
        """The last arrivals of one simulator, without headers and bodies, which hold credentials."""
        name = request.query.get("simulator", "")
        if name not in self._rack:
            raise LookupError(f"the rack has no simulator {name!r}; it has {', '.join(self._rack)}")
        running = self._rack[name]
        limit = int(request.query.get("limit", "100"))
        if limit < 1:
            raise ValueError("limit must be at least 1")
        return web.json_response(
            {
                "total": _arrivals_total(running),
                "arrivals": [
                    {
                        "method": arrival.method,
                        "path": arrival.path,
                        "authorised": arrival.authorised,
                        "executed": arrival.executed,
                        "status": arrival.status,
                    }
                    for arrival in running.state.arrivals[-limit:]
                ],
            }
        )

    async def _add_fault(self, request: web.Request) -> web.Response:
        wanted = await _object(request, {"simulator", "fault", "options"})
        name, fault = wanted.get("simulator"), wanted.get("fault")
        if not isinstance(name, str) or not isinstance(fault, str):
            raise ValueError("simulator and fault are needed, both texts")
        self._rack.fault(name, fault, **_options(wanted.get("options", {})))
        return web.json_response({"simulators": [simulator_state(one) for one in self._rack.select(name)]})

    async def _heal(self, request: web.Request) -> web.Response:
        name = request.match_info.get("simulator", EVERY)
        self._rack.heal(name, request.match_info.get("fault"))
        return web.json_response({"simulators": [simulator_state(one) for one in self._rack.select(name)]})

    async def _advance(self, request: web.Request) -> web.Response:
        seconds = (await _object(request, {"seconds"})).get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _MOST_SECONDS:
            raise ValueError("seconds is needed, a number from 0 up")
        self._rack.advance(seconds)
        return web.json_response({"now": self._rack.clock.now(), "advanced_s": self._rack.clock.offset_s})


def simulator_state(running: RunningSimulator) -> dict[str, object]:
    """What is told about one simulator; no credentials."""
    state = running.state
    writes = {} if running.simulator.records_arrivals else {"max_writes_in_flight": state.max_writes_in_flight}
    return {
        "name": running.name,
        "kind": running.kind,
        "persona": running.simulator.persona,
        "url": running.url,
        "host": running.host,
        "port": running.port,
        "faults": [fault.as_json() for fault in running.active_faults()],
        "own_faults": sorted(running.own_faults),
        "arrivals": _arrivals_total(running),
        "in_flight": state.in_flight,
        "max_in_flight": state.max_in_flight,
        **writes,
        "connections_open": state.connections_open,
        "connections": state.connections_total,
        "handshakes_failed": state.handshakes_failed,
    }


def _arrivals_total(running: RunningSimulator) -> int:
    return len(running.state.arrivals) if running.simulator.records_arrivals else running.state.arrivals_total


def _refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": text}, status=status, headers=headers)


async def _object(request: web.Request, allowed: set[str]) -> dict[str, object]:
    if request.content_type != "application/json":
        raise ValueError("the body must be application/json")
    try:
        body = json.loads(await request.text())
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    if unknown := sorted(set(body) - allowed):
        raise ValueError(f"unknown keys: {', '.join(unknown)}; there are {', '.join(sorted(allowed))}")
    return body


def _options(given: object) -> dict[str, Value]:
    if not isinstance(given, dict):
        raise ValueError("options must be a JSON object")
    options: dict[str, Value] = {}
    for key, value in given.items():
        if not isinstance(value, str | int | float | bool):
            raise ValueError(f"option {key} must be a text, a number, true or false")
        options[key] = value
    return options

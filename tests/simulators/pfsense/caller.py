"""A small client that hides nothing of the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.pfsense import PfSenseSimulator


@dataclass
class Reply:
    """An answer as it came: status, headers and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The envelope."""
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def data(self) -> Any:
        """`data` of an answer that succeeded."""
        assert self.status == 200, self.body
        return self.json["data"]

    @property
    def error(self) -> tuple[int, str]:
        """Status and response_id of an answer."""
        return self.status, self.json["response_id"]


class Caller:
    """Sends requests to one running simulator, as an account of it."""

    def __init__(self, simulator: PfSenseSimulator, session: aiohttp.ClientSession, base: str) -> None:
        self.sim = simulator
        self.session = session
        self.base = base
        self.username = "holdfast"

    @property
    def clock(self) -> SimulatedClock:
        """The appliance's clock."""
        return self.sim.clock

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        user: str | None = None,
        timeout_s: float = 60.0,
    ) -> Reply:
        """Send one request; `path` is below /api/v2 unless it begins with `//`, and may have a query string."""
        sent = {"X-API-Key": self.sim.api_key(user or self.username)} | (headers or {})
        sent = {name: value for name, value in sent.items() if value != ""}
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        url = self.base + (path[1:] if path.startswith("//") else "/api/v2" + path)
        skip = ["Content-Type", "Accept"]
        async with self.session.request(
            method,
            url,
            data=data,
            headers=sent,
            skip_auto_headers=skip,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout_s),
        ) as response:
            return Reply(response.status, dict(response.headers), await response.read())

    async def get(self, path: str, **options: Any) -> Any:
        """`data` of a successful GET."""
        return (await self("GET", path, **options)).data

    async def post(self, path: str, body: Any, **options: Any) -> Any:
        """`data` of a successful POST."""
        return (await self("POST", path, body, **options)).data

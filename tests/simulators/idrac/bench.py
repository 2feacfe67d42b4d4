"""One simulated iDRAC on a TLS socket and a client that owes nothing to Holdfast's."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.idrac import IDracSimulator, create
from holdfast.simulators.rack import RunningSimulator
from holdfast.simulators.world import World, default_world
from tests.support.racks import running

ROOT = "/redfish/v1"
SYS = f"{ROOT}/Systems/System.Embedded.1"
MGR = f"{ROOT}/Managers/iDRAC.Embedded.1"
CHS = f"{ROOT}/Chassis/System.Embedded.1"
OEM_M = f"{MGR}/Oem/Dell"
OEM_S = f"{SYS}/Oem/Dell"
Who = tuple[str, str] | bool | None
"""Name and password, True for the administrator, None for nobody."""
GONE = (aiohttp.ClientConnectionError, ConnectionError)
"""What a client sees of a connection that ends without an answer."""
NOW = 1_795_420_800.0
ALL = ("7", "8", "9-14g", "9", "10")
MODERN = ("9", "10")


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    body: dict[str, object] = field(default_factory=dict)

    @property
    def infos(self) -> list[dict[str, object]]:
        """The entries of ExtendedInfo, wherever they stand and in whatever shape."""
        error = self.body.get("error")
        found = (error if isinstance(error, dict) else self.body).get("@Message.ExtendedInfo", [])
        entries = found if isinstance(found, list) else [found]
        return [entry for entry in entries if isinstance(entry, dict)]

    @property
    def ids(self) -> list[str]:
        """The short message ids."""
        return [str(entry["MessageId"]).rsplit(".", 1)[-1] for entry in self.infos]

    @property
    def members(self) -> list[dict[str, object]]:
        """The members of a collection."""
        found = self.body["Members"]
        assert isinstance(found, list)
        return found

    def at(self, *path: str | int) -> object:
        """A value deep in the body."""
        value: object = self.body
        for step in path:
            if isinstance(value, dict):
                value = value[str(step)]
            else:
                assert isinstance(value, list)
                assert isinstance(step, int)
                value = value[step]
        return value

    @property
    def job(self) -> str:
        """The job id in the Location."""
        return self.headers["Location"].rsplit("/", 1)[-1]


@dataclass
class Bench:
    """A simulator that runs, its clock, and a way to talk to it."""

    simulator: IDracSimulator
    running: RunningSimulator
    clock: SimulatedClock
    http: aiohttp.ClientSession
    credentials: tuple[str, str] | None

    async def request(
        self,
        method: str,
        path: str,
        content: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        auth: Who = True,
        data: bytes | aiohttp.FormData | aiohttp.MultipartWriter | None = None,
    ) -> Answer:
        """Send one request; `auth` True means the administrator by Basic, None nobody."""
        sent = dict(headers or {})
        who = self.credentials if auth is True else auth
        if isinstance(who, tuple):
            sent["Authorization"] = "Basic " + base64.b64encode(f"{who[0]}:{who[1]}".encode()).decode()
        payload: bytes | aiohttp.FormData | aiohttp.MultipartWriter | None = data
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
            payload = json.dumps(content).encode()
        url = URL(self.running.url + path, encoded=True)
        async with self.http.request(method, url, data=payload, headers=sent, allow_redirects=False) as reply:
            raw = await reply.read()
            body: dict[str, object] = {}
            if raw and "json" in reply.headers.get("Content-Type", ""):
                parsed = json.loads(raw)
                if isinstance(parsed, dict):
                    body = parsed
            return Answer(reply.status, reply.headers, raw, body)

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None, auth: Who = True) -> Answer:
        """GET as the administrator."""
        return await self.request("GET", path, headers=headers, auth=auth)

    async def post(
        self, path: str, content: object = None, *, headers: Mapping[str, str] | None = None, auth: Who = True
    ) -> Answer:
        """POST, with `{}` when nothing else is given."""
        return await self.request("POST", path, {} if content is None else content, headers=headers, auth=auth)

    async def patch(
        self, path: str, content: object, *, headers: Mapping[str, str] | None = None, auth: Who = True
    ) -> Answer:
        """PATCH."""
        return await self.request("PATCH", path, content, headers=headers, auth=auth)

    async def delete(self, path: str, *, headers: Mapping[str, str] | None = None, auth: Who = True) -> Answer:
        """DELETE."""
        return await self.request("DELETE", path, headers=headers, auth=auth)

    def wait(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.clock.advance(seconds)

    def fault(self, name: str, **options: str | int | float | bool) -> None:
        """Switch a fault of the appliance on."""
        self.running.fault(name, **options)

    async def listening(self) -> None:
        """Wait until the port takes connections, as it does soon after the simulated time for it has come."""
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.running.port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            return
        raise AssertionError("the port does not open")

    @property
    def generation(self) -> int:
        """Of the iDRAC."""
        return self.simulator.bmc.persona.generation


@asynccontextmanager
async def bench(
    persona: str | None = "9", *, name: str = "idrac", world: World | None = None, on: bool = True
) -> AsyncIterator[Bench]:
    """A simulator with a clock that moves only when told to; `on` sees to it that the host has power."""
    the_world = world if world is not None else default_world()
    clock = SimulatedClock(lambda: NOW)
    simulator = create(the_world, clock, name, persona)
    if on and not simulator.bmc.host.on:
        simulator.bmc.host.state = "On"
        simulator.bmc.host.boot_progress = "OSRunning"
    async with running(simulator, world=the_world, clock=clock) as runs:
        connector = aiohttp.TCPConnector(ssl=runs.authority.client_context())
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
            who = simulator.credentials
            yield Bench(simulator, runs, clock, http, (who["username"], who["password"]))

"""A simulator on loopback with a clock that only tests move, and a client that knows nothing but HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlencode

from aiohttp import ClientSession, TCPConnector, web
from multidict import CIMultiDictProxy
from yarl import URL

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.proxmox import ProxmoxSimulator, create
from holdfast.simulators.proxmox.facts import method_table
from holdfast.simulators.world import World, default_world
from tests.simulators.proxmox.returns import returns_by_endpoint, violations

START = 1_795_000_000.0
VM = "/nodes/pve2/qemu/110"
CT = "/nodes/pve2/lxc/112"
MAIL = "/nodes/pve2/qemu/111"
WEB = "/nodes/pve1/qemu/101"
DNS = "/nodes/pve1/lxc/103"
"""Guests of the default world: a VM and a container that are stopped, one that is locked, two that run."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    reason: str
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The JSON body."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def data(self) -> Any:
        """What stands under `data`."""
        return self.document["data"]

    @property
    def errors(self) -> dict[str, str]:
        """The map of refused parameters."""
        return dict(self.document.get("errors", {}))


@dataclass
class Bench:
    """A running simulator and ways to call it; every successful answer is held against the vendor's schema."""

    sim: ProxmoxSimulator
    clock: SimulatedClock
    session: ClientSession
    base: str
    checked: bool = True
    _root: dict[str, str] = field(default_factory=dict)

    def token(self, credentials: Mapping[str, str] | None = None) -> dict[str, str]:
        """The header of an API token; the operator's by default."""
        known = credentials or self.sim.credentials
        return {"Authorization": f"PVEAPIToken={known['token_id']}={known['token_secret']}"}

    async def root(self) -> dict[str, str]:
        """Headers of a fresh login as root, kept for the test."""
        if not self._root:
            self._root = await self.login(**self.sim.password_credentials)
        return self._root

    async def login(self, username: str, password: str) -> dict[str, str]:
        """Headers of a ticket."""
        answer = await self.call(
            "POST", "/access/ticket", form={"username": username, "password": password}, headers={}
        )
        assert answer.status == 200, answer.reason
        cookie = quote(answer.data["ticket"], safe="")
        return {"Cookie": f"PVEAuthCookie={cookie}", "CSRFPreventionToken": answer.data["CSRFPreventionToken"]}

    async def call(
        self,
        verb: str,
        path: str,
        form: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        style: str = "json",
        **options: Any,
    ) -> Answer:
        """Send one request; values that are lists repeat their key."""
        target = f"{self.base}/api2/{style}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        sent = dict(self.token() if headers is None else headers)
        if form is not None and "data" not in options and "json" not in options:
            options["data"] = urlencode(form, doseq=True)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        url = URL(target, encoded=True)
        async with self.session.request(verb, url, headers=sent, allow_redirects=False, **options) as answer:
            found = Answer(answer.status, answer.reason or "", answer.headers, await answer.read())
        assert found.reason != "Internal Server Error", f"{verb} {path}: the simulator itself failed"
        if found.status == 200 and style == "json" and self.checked:
            self._check(verb, path, found)
        return found

    def _check(self, verb: str, path: str, answer: Answer) -> None:
        release = self.sim.persona or "9.1"
        route = method_table(release).find(verb, unquote(path))
        if route is None or not answer.headers.get("Content-Type", "").startswith("application/json"):
            return
        schema = returns_by_endpoint(release).get(route[0].endpoint, {})
        wrong = violations(schema, answer.data)
        assert not wrong, f"{route[0].endpoint}: {wrong[:5]}"

    async def get(self, path: str, **query: Any) -> Any:
        """The data of a successful read."""
        answer = await self.call("GET", path, query=query or None)
        assert answer.status == 200, f"{path}: {answer.status} {answer.reason} {answer.body[:400]!r}"
        return answer.data

    async def do(self, verb: str, path: str, form: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """The data of a successful write; DELETE takes its parameters in the query string."""
        if verb == "DELETE":
            answer = await self.call(verb, path, query=form, **options)
        else:
            answer = await self.call(verb, path, form or {}, **options)
        assert answer.status == 200, f"{verb} {path}: {answer.status} {answer.reason} {answer.body[:400]!r}"
        return answer.data

    async def refused(self, verb: str, path: str, form: Mapping[str, Any] | None = None, **options: Any) -> Answer:
        """The answer to a call that must not succeed."""
        if verb in ("DELETE", "GET"):
            answer = await self.call(verb, path, query=form, **options)
        else:
            answer = await self.call(verb, path, form or {}, **options)
        assert answer.status >= 400, f"{verb} {path}: {answer.body[:200]!r}"
        return answer

    async def finished(self, upid: str, *, seconds: float = 120) -> str:
        """Let time pass until a task has ended; its exit status."""
        node = upid.split(":")[1]
        self.clock.advance(seconds)
        status = await self.get(f"/nodes/{node}/tasks/{quote(upid, safe='')}/status")
        assert status["status"] == "stopped", status
        return str(status["exitstatus"])

    async def run(self, verb: str, path: str, form: Mapping[str, Any] | None = None, **options: Any) -> str:
        """Do a write that starts a task, and wait for its end; the exit status."""
        upid = await self.do(verb, path, form, **options)
        assert isinstance(upid, str), upid
        assert upid.startswith("UPID:"), upid
        return await self.finished(upid)


@asynccontextmanager
async def bench(
    *, persona: str | None = None, world: World | None = None, name: str = "pve", checked: bool = True
) -> AsyncIterator[Bench]:
    """A simulator on a plain loopback port; the delays of the real appliance are left out."""
    clock = SimulatedClock(lambda: START)
    sim = create(world or default_world(), clock, name, persona)
    sim.delay_scale = 0.0
    runner = web.AppRunner(sim.app(), keepalive_timeout=sim.keepalive_timeout_s, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with ClientSession(connector=TCPConnector(limit=8)) as session:
            yield Bench(sim, clock, session, f"http://127.0.0.1:{port}", checked)
    finally:
        await runner.cleanup()


async def state_of(one: Bench, guest: str) -> str:
    """Whether a guest runs, is stopped, paused …"""
    row = await one.get(f"{guest}/status/current")
    return str(row.get("qmpstatus") or row["status"])

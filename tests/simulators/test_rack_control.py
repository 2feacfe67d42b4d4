"""The control endpoint: what it does, and whom it refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from holdfast.simulators.base import Arrival, SimulatedClock
from holdfast.simulators.rack import ControlEndpoint, Rack
from tests.simulators.rackclient import connected, tcp_connects
from tests.support import running_rack
from tests.support.echo import EchoSimulator


class Caller:
    """Asks the control endpoint, as its owner does unless told otherwise."""

    def __init__(self, control: ControlEndpoint, session: aiohttp.ClientSession) -> None:
        self.control = control
        self._session = session

    async def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        given = {"Authorization": f"Bearer {self.control.token}"} if headers is None else headers
        async with self._session.request(method, self.control.url + path, json=body, headers=given) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def controlled() -> AsyncIterator[tuple[Rack, Caller]]:
    async with (
        running_rack(EchoSimulator(name="a"), EchoSimulator(name="b"), clock=SimulatedClock(lambda: 500.0)) as rack,
        aiohttp.ClientSession() as session,
    ):
        control = ControlEndpoint(rack)
        await control.start()
        try:
            yield rack, Caller(control, session)
        finally:
            await control.stop()


async def test_the_state_tells_where_everything_is_and_what_happened() -> None:
    async with controlled() as (rack, caller):
        async with connected(rack["a"]) as connection:
            await connection.ask("GET", "/echo")
        rack.fault("b", "drip", bytes_per_s=5, times=3)
        status, state = await caller.ask("GET", "/state")
        assert status == 200
        assert state["now"] == 500.0
        first, second = state["simulators"]
        assert (first["name"], first["kind"], first["url"]) == ("a", "echo", rack["a"].url)
        assert (first["arrivals"], first["max_in_flight"], first["faults"]) == (1, 1, [])
        assert second["faults"] == [
            {"fault": "drip", "options": {"bytes_per_s": 5}, "hits": 0, "method": "any", "path": "", "remaining": 3}
        ]
        assert second["own_faults"] == ["sulk"]
        assert "echo-key" not in json.dumps(state)


async def test_faults_are_switched_on_and_off() -> None:
    async with controlled() as (rack, caller):
        status, told = await caller.ask("POST", "/faults", {"simulator": "a", "fault": "refuse"})
        assert status == 200
        assert told["simulators"][0]["faults"][0]["fault"] == "refuse"
        assert await tcp_connects(rack["a"]) == "refused"
        assert (await caller.ask("POST", "/faults", {"simulator": "*", "fault": "latency", "options": {"seconds": 0}}))[
            0
        ] == 200
        assert (await caller.ask("DELETE", "/faults/a/refuse"))[0] == 200
        assert [f.kind.name for f in rack["a"].active_faults()] == ["latency"]
        assert (await caller.ask("DELETE", "/faults/a"))[0] == 200
        assert rack["a"].active_faults() == ()
        assert rack["b"].active_faults() != ()
        assert (await caller.ask("DELETE", "/faults"))[0] == 200
        assert rack["b"].active_faults() == ()


async def test_an_appliances_own_fault_passes_through() -> None:
    async with controlled() as (rack, caller):
        assert (await caller.ask("POST", "/faults", {"simulator": "a", "fault": "sulk"}))[0] == 200
        async with connected(rack["a"]) as connection:
            assert (await connection.ask("GET", "/echo")).head.startswith(b"HTTP/1.1 418 ")


async def test_time_is_advanced() -> None:
    async with controlled() as (rack, caller):
        assert await caller.ask("POST", "/advance", {"seconds": 90}) == (200, {"now": 590.0, "advanced_s": 90.0})
        assert rack.clock.now() == 590.0


async def test_arrivals_are_listed_without_what_may_be_secret() -> None:
    async with controlled() as (rack, caller):
        async with connected(rack["a"]) as connection:
            await connection.ask("POST", "/echo", b"password=hunter2")
            await connection.ask("GET", "/size/1")
        status, told = await caller.ask("GET", "/arrivals?simulator=a&limit=1")
        assert status == 200
        assert told == {
            "total": 2,
            "arrivals": [{"method": "GET", "path": "/size/1", "authorised": True, "executed": True, "status": 200}],
        }
        assert (await caller.ask("GET", "/arrivals?simulator=c"))[0] == 404
        assert (await caller.ask("GET", "/arrivals?simulator=a&limit=0"))[0] == 400


async def test_the_arrivals_of_a_simulator_that_counts_itself_are_told_too() -> None:
    class Bookkeeper(EchoSimulator):
        records_arrivals = True

    async with controlled() as (rack, caller):
        keeper = Bookkeeper(name="keeper")
        keeper.state.arrivals.append(Arrival("pool.query", "/api/current", {}, b"[]", True))
        await rack.add_simulator(keeper)
        assert (await caller.ask("GET", "/state"))[1]["simulators"][-1]["arrivals"] == 1
        assert (await caller.ask("GET", "/arrivals?simulator=keeper"))[1]["total"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "complaint"),
    [
        ("POST", "/faults", {"simulator": "c", "fault": "refuse"}, 404, "no simulator 'c'; it has a, b"),
        ("POST", "/faults", {"simulator": "a", "fault": "explode"}, 404, "there are refuse"),
        ("POST", "/faults", {"simulator": "a", "fault": "drip", "options": {"x": 1}}, 400, "no option 'x'"),
        ("POST", "/faults", {"simulator": "a", "fault": "drip", "options": {"bytes_per_s": [1]}}, 400, "bytes_per_s"),
        ("POST", "/faults", {"simulator": "a", "fault": "drip", "options": 7}, 400, "options must be"),
        ("POST", "/faults", {"simulator": "a"}, 400, "simulator and fault"),
        ("POST", "/faults", {"simulator": "a", "fault": "drip", "colour": "red"}, 400, "unknown keys: colour"),
        ("POST", "/faults", ["a"], 400, "a JSON object"),
        ("POST", "/advance", {"seconds": -1}, 400, "seconds"),
        ("POST", "/advance", {"seconds": True}, 400, "seconds"),
        ("POST", "/advance", {}, 400, "seconds"),
        ("DELETE", "/faults/a/explode", None, 404, "explode"),
        ("DELETE", "/faults/c", None, 404, "no simulator 'c'"),
    ],
)
async def test_wrong_requests_are_refused_with_the_reason(
    method: str, path: str, body: object, status: int, complaint: str
) -> None:
    async with controlled() as (rack, caller):
        told, answer = await caller.ask(method, path, body)
        assert told == status
        assert complaint in str(answer["error"])
        assert rack["a"].active_faults() == ()


async def test_a_body_that_is_not_json_is_refused() -> None:
    async with controlled() as (_rack, caller), aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {caller.control.token}"}
        for content_type in ("text/plain", "application/json"):
            async with session.post(
                f"{caller.control.url}/advance", data="{seconds:", headers=headers | {"Content-Type": content_type}
            ) as answer:
                assert answer.status == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer ü"}, 401),
        ({"Authorization": "TOKEN", "Origin": "https://evil.example"}, 403),
        ({"Authorization": "TOKEN", "Origin": "null"}, 403),
        ({"Authorization": "TOKEN", "Host": "evil.example"}, 421),
        ({"Authorization": "TOKEN", "Host": "127.0.0.1"}, 421),
        ({"Authorization": "TOKEN", "Host": ""}, 421),
    ],
)
async def test_only_the_owner_of_the_token_at_the_right_address_is_heard(headers: dict[str, str], status: int) -> None:
    async with controlled() as (rack, caller):
        given = {key: value.replace("TOKEN", f"Bearer {caller.control.token}") for key, value in headers.items()}
        told, _ = await caller.ask("POST", "/faults", {"simulator": "a", "fault": "refuse"}, given)
        assert told == status
        assert rack["a"].active_faults() == ()


async def test_tokens_are_long_and_differ_from_run_to_run() -> None:
    async with running_rack() as rack:
        one, two = ControlEndpoint(rack), ControlEndpoint(rack)
        assert one.token != two.token
        assert len(one.token) >= 43


async def test_the_endpoint_listens_on_loopback_and_is_gone_after_stopping() -> None:
    async with controlled() as (_rack, caller):
        assert caller.control.url.startswith("http://127.0.0.1:")
        await caller.control.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await caller.ask("GET", "/state")

"""A rack starts simulators on TLS sockets, records what arrives and gives everything back."""

from __future__ import annotations

import aiohttp
from tests.support import running, running_in_thread
from tests.support.echo import EchoSimulator


async def test_a_client_that_trusts_the_ca_is_answered_and_recorded() -> None:
    async with running(EchoSimulator()) as sim, aiohttp.ClientSession() as session:
        async with session.post(f"{sim.url}/echo?a=1", data=b"hello", ssl=sim.authority.client_context()) as answer:
            assert (await answer.json())["text"] == "hello"
        [arrival] = sim.state.arrivals
        assert (arrival.method, arrival.path, arrival.query, arrival.body) == ("POST", "/echo", {"a": "1"}, b"hello")
        assert (arrival.status, arrival.executed, arrival.authorised) == (200, True, True)
        assert sim.state.arrivals_total == 1
        assert sim.state.in_flight == 0
        assert sim.state.max_in_flight == 1


def test_a_blocking_client_can_use_a_simulator_in_another_thread() -> None:
    with running_in_thread(EchoSimulator()) as sim:
        import urllib.request

        with urllib.request.urlopen(
            f"{sim.running.url}/echo", context=sim.running.authority.client_context(), timeout=5
        ) as answer:
            assert answer.status == 200
        assert sim.do(lambda running: running.state.arrivals_total) == 1

"""Whatever the fault: a client notices it while it is on, and nothing of it when it is off."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
import pytest

from holdfast.simulators.faultlist import FAULTS
from holdfast.simulators.rack import RunningSimulator
from tests.support import running
from tests.support.echo import EchoSimulator
from tests.support.realtime import PATIENT_S, REAL_TIME

HASTY_S = 0.35
GOOD = "200 application/json valid"


async def seen_by_a_client(
    sim: RunningSimulator, session: aiohttp.ClientSession, *, patience_s: float = PATIENT_S
) -> str:
    """One POST on a new connection, in a word or two."""
    try:
        async with session.post(
            f"{sim.url}/echo",
            data=b"x" * 100,
            ssl=sim.authority.client_context(),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=patience_s),
        ) as answer:
            body = await answer.read()
            valid = "valid" if body.endswith(b"}") and len(body) < 1000 else "odd"
            return f"{answer.status} {answer.content_type} {valid}"
    except (aiohttp.ClientError, ssl.SSLError, TimeoutError) as error:
        return type(error).__name__


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_shows_while_it_is_on_and_leaves_no_trace(name: str) -> None:
    special: dict[str, dict[str, int | float]] = {
        "latency": {"seconds": 2 * HASTY_S},
        "oversize": {"size_bytes": 100_000},
    }
    options = special.get(name, {})
    async with (
        running(EchoSimulator()) as sim,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
    ):
        assert await seen_by_a_client(sim, session) == GOOD
        sim.fault(name, **options)
        assert [fault.kind.name for fault in sim.active_faults()] == [name]
        assert await seen_by_a_client(sim, session, patience_s=HASTY_S) != GOOD
        sim.heal(name)
        assert sim.active_faults() == ()
        assert await seen_by_a_client(sim, session) == GOOD


@REAL_TIME
@pytest.mark.parametrize("name", FAULTS)
async def test_a_rack_stops_quickly_whatever_fault_is_on(name: str) -> None:
    async with running(EchoSimulator()) as sim, aiohttp.ClientSession() as session:
        sim.fault(name)
        client = asyncio.create_task(seen_by_a_client(sim, session))
        await asyncio.sleep(0.02)
        async with asyncio.timeout(PATIENT_S):
            await sim.stop()
        await client
    assert sim.state.in_flight == 0
    assert sim.state.connections_open == 0

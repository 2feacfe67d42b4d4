"""A rack starts simulators on TLS sockets, records what arrives and gives everything back."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import urllib.request

import aiohttp
import pytest

from holdfast.simulators.base import SimulatedClock, SimulatorState
from holdfast.simulators.rack import KINDS, Authority, Member, Rack, make_simulator
from holdfast.simulators.rack.gate import ARRIVALS_KEPT
from holdfast.simulators.world import default_world
from tests.simulators.rackclient import connected, settled, tcp_connects
from tests.support import free_port, running, running_in_thread, running_rack
from tests.support.echo import EchoSimulator


async def test_a_client_that_trusts_the_ca_is_answered_and_recorded() -> None:
    async with running(EchoSimulator()) as sim, aiohttp.ClientSession() as session:
        async with session.post(f"{sim.url}/echo?a=1", data=b"hello", ssl=sim.authority.client_context()) as answer:
            assert (await answer.json())["text"] == "hello"
        [arrival] = sim.state.arrivals
        assert (arrival.method, arrival.path, arrival.query, arrival.body) == ("POST", "/echo", {"a": "1"}, b"hello")
        assert (arrival.status, arrival.executed, arrival.authorised) == (200, True, True)
        assert (sim.state.arrivals_total, sim.state.in_flight, sim.state.max_in_flight) == (1, 0, 1)


async def test_a_client_that_does_not_know_the_ca_refuses() -> None:
    async with running(EchoSimulator()) as sim, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{sim.url}/echo", ssl=Authority().client_context())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_certificate_is_for_loopback_by_address_and_by_name(host: str) -> None:
    async with running(EchoSimulator()) as sim, aiohttp.ClientSession() as session:
        url = f"https://{host}:{sim.port}/echo"
        async with session.get(url, ssl=sim.authority.client_context()) as answer:
            assert answer.status == 200


async def test_simulators_listen_on_loopback_only() -> None:
    async with running(EchoSimulator()) as sim:
        assert sim.host == "127.0.0.1"
        # Another loopback address stands for any other interface of this machine.
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.2", sim.port)


def test_a_blocking_client_can_use_a_simulator_in_another_thread() -> None:
    with running_in_thread(EchoSimulator()) as sim:
        context = sim.running.authority.client_context()
        with urllib.request.urlopen(f"{sim.running.url}/echo", context=context, timeout=5) as answer:
            assert answer.status == 200
        assert sim.do(lambda simulator: simulator.state.arrivals_total) == 1


def test_what_goes_wrong_in_the_simulators_thread_reaches_the_test() -> None:
    with pytest.raises(ValueError, match="no simulator of 'toaster'"), running_in_thread("toaster"):
        pass


async def test_paths_are_recorded_as_they_were_on_the_wire() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        await connection.ask("DELETE", "/echo/a%2Fb%20c?x=%2F")
        assert sim.state.arrivals[0].path == "/echo/a%2Fb%20c"
        assert sim.state.arrivals[0].query == {"x": "/"}


async def test_a_simulator_says_itself_whether_credentials_were_accepted() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        connection.send("GET", "/secret", b"", "X-Key: echo-key")
        await connection.answer()
        connection.send("GET", "/secret", b"", "X-Key: wrong")
        await connection.answer()
        assert [a.authorised for a in sim.state.arrivals] == [True, False]
        assert sim.state.arrivals[1].headers["X-Key"] == "wrong"


async def test_requests_to_unknown_paths_are_arrivals_too() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        await connection.ask("GET", "/nowhere")
        assert [(a.path, a.status) for a in sim.state.arrivals] == [("/nowhere", 404)]


async def test_large_and_multipart_bodies_reach_the_handler_and_are_not_kept() -> None:
    async with running(EchoSimulator()) as sim, aiohttp.ClientSession() as session:
        trust = sim.authority.client_context()
        form = aiohttp.FormData()
        form.add_field("image", b"z" * 200_000, filename="image.bin")
        async with session.post(f"{sim.url}/upload", data=form, ssl=trust) as answer:
            assert (await answer.json()) == {"bytes": 200_000}
        async with session.post(f"{sim.url}/echo", data=b"z" * 200_000, ssl=trust) as answer:
            assert len((await answer.json())["text"]) == 200_000
        assert [(a.body, a.body_complete) for a in sim.state.arrivals] == [(b"", False), (b"", False)]


async def test_only_the_latest_arrivals_are_kept_but_all_are_counted() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, connected(sim) as connection:
        await connection.ask("GET", "/echo")
        sim.state.arrivals.extend([sim.state.arrivals[0]] * (ARRIVALS_KEPT - 1))
        sim.state.arrivals_total = ARRIVALS_KEPT
        await connection.ask("GET", "/size/1")
        assert len(sim.state.arrivals) == ARRIVALS_KEPT // 2 + 1
        assert sim.state.arrivals[-1].path == "/size/1"
        assert sim.state.arrivals_total == ARRIVALS_KEPT + 1


async def test_a_simulator_that_keeps_its_own_records_is_left_alone() -> None:
    class Bookkeeper(EchoSimulator):
        records_arrivals = True

    async with running(Bookkeeper()) as sim, connected(sim) as connection:
        await connection.ask("POST", "/echo", b"x")
        assert sim.state == SimulatorState(connections_open=1, connections_total=1)


async def test_simulators_of_one_kind_are_numbered() -> None:
    async with Rack() as rack:
        await rack.add_simulator(EchoSimulator(name="echo"))
        with pytest.raises(ValueError, match="named 'echo' already"):
            await rack.add_simulator(EchoSimulator(name="echo"))
        await rack.add_simulator(EchoSimulator(name="echo2"))
        assert list(rack) == ["echo", "echo2"]
        assert rack["echo"].port != rack["echo2"].port


def test_members_are_read_from_short_texts() -> None:
    assert Member.parse("idrac") == (Member("idrac"),)
    assert Member.parse("truenas:25.04") == (Member("truenas", "25.04"),)
    assert Member.parse("idrac:9-14g*3") == (Member("idrac", "9-14g"),) * 3
    for wrong in ("", "toaster", "idrac*0", "idrac*x", "idrac:", "idrac 2", "IDRAC"):
        with pytest.raises(ValueError, match=r"KIND|no simulator of"):
            Member.parse(wrong)


async def test_faults_reach_a_simulator_by_name_all_of_a_kind_or_all() -> None:
    async with running_rack(EchoSimulator(name="a"), EchoSimulator(name="b")) as rack:
        rack.fault("a", "refuse")
        assert [await tcp_connects(one) for one in rack.values()] == ["refused", "connected"]
        rack.fault("echo", "refuse")
        assert [await tcp_connects(one) for one in rack.values()] == ["refused", "refused"]
        rack.heal("b")
        assert [await tcp_connects(one) for one in rack.values()] == ["refused", "connected"]
        rack.heal()
        assert [await tcp_connects(one) for one in rack.values()] == ["connected", "connected"]
        with pytest.raises(LookupError, match="no simulator 'c'; it has a, b"):
            rack.fault("c", "refuse")


async def test_a_simulator_can_leave_a_running_rack() -> None:
    async with running_rack(EchoSimulator(name="a"), EchoSimulator(name="b")) as rack:
        gone = rack["a"]
        await rack.remove("a")
        assert list(rack) == ["b"]
        assert await tcp_connects(gone) == "refused"


async def test_ports_follow_a_base_when_one_is_given_and_are_free_again_afterwards() -> None:
    base = free_port()
    for _ in range(2):
        async with Rack(EchoSimulator(name="a"), port_base=base) as rack:
            assert rack["a"].port == base
            async with connected(rack["a"]) as connection:
                await connection.ask("GET", "/echo")


async def test_a_port_in_use_stops_the_start_and_leaves_nothing_running() -> None:
    async with running(EchoSimulator()) as taken:
        other = EchoSimulator(name="other")
        rack = Rack(EchoSimulator(name="first"), authority=taken.authority)
        await rack.start()
        first = rack["first"]
        with pytest.raises(OSError, match="in use"):
            await rack.add_simulator(other, port=taken.port)
        assert list(rack) == ["first"]
        await rack.stop()
        assert await tcp_connects(first) == "refused"
        assert other.wire is None


async def test_advancing_the_rack_advances_the_appliances_clock() -> None:
    clock = SimulatedClock(lambda: 100.0)
    async with running_rack(clock=clock) as rack:
        rack.advance(3600)
        assert clock.now() == 3700.0


async def test_a_hundred_simulators_cost_one_socket_each() -> None:
    def open_files() -> int:
        return len(os.listdir("/dev/fd"))

    async with running_rack() as rack:
        before = open_files()
        for number in range(100):
            await rack.add_simulator(EchoSimulator(name=f"bmc{number}"))
        assert open_files() - before == 100
        for number in (0, 99):
            async with connected(rack[f"bmc{number}"]) as connection:
                await connection.ask("GET", "/echo")
        await settled(lambda: open_files() - before == 100, "the clients' connections are closed")
    assert open_files() <= before


def test_the_server_side_of_the_house_never_imports_simulators() -> None:
    code = (
        "import sys, holdfast.server, holdfast.cli.main, holdfast.cli.simulate;"
        "print([name for name in sys.modules if name.startswith('holdfast.simulators')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_every_kind_can_be_made_for_the_default_world() -> None:
    world = default_world()
    for kind in KINDS:
        simulator = make_simulator(kind, world=world)
        assert simulator.kind == kind
        assert simulator.name == kind
        assert simulator.world is world
        assert simulator.credentials


def test_an_unknown_persona_is_a_value_error() -> None:
    for kind in KINDS:
        with pytest.raises(ValueError, match=r"(?i)persona|release|version"):
            make_simulator(kind, persona="no-such-thing")


def test_a_client_context_trusts_only_the_racks_ca() -> None:
    assert len(Authority().client_context().get_ca_certs()) == 1
    assert Authority().client_context().verify_mode is ssl.CERT_REQUIRED

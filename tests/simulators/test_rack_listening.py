"""Faults on the way to a connection: refuse, black-hole, hang-tls, bad-cert, plain-http, cut."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from holdfast.simulators.faultlist import BAD_CERTIFICATES
from tests.simulators.rackclient import BRIEFLY_S, PATIENTLY_S, Connection, connected, settled, tcp_connects
from tests.support import running
from tests.support.echo import EchoSimulator


async def test_refuse_refuses_and_the_same_port_answers_when_healed() -> None:
    async with running(EchoSimulator()) as sim:
        port = sim.port
        sim.fault("refuse")
        assert [await tcp_connects(sim) for _ in range(3)] == ["refused"] * 3
        sim.heal()
        assert sim.port == port
        async with connected(sim) as connection:
            assert (await connection.ask("GET", "/echo")).head.startswith(b"HTTP/1.1 200 ")


async def test_refuse_resets_open_connections_unless_told_to_leave_them() -> None:
    async with running(EchoSimulator()) as sim:
        async with connected(sim) as connection:
            await connection.ask("GET", "/echo")
            sim.fault("refuse")
            assert (await connection.until_the_end()).how == "reset"
        sim.heal("refuse")
        async with connected(sim) as connection:
            sim.fault("refuse", cut=False)
            assert (await connection.ask("GET", "/echo")).head.startswith(b"HTTP/1.1 200 ")
            assert await tcp_connects(sim) == "refused"


async def test_nobody_else_is_given_the_port_while_it_refuses() -> None:
    import socket

    async with running(EchoSimulator()) as sim:
        sim.fault("refuse")
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((sim.host, sim.port))


async def test_black_hole_leaves_connection_attempts_hanging() -> None:
    async with running(EchoSimulator()) as sim:
        sim.fault("black-hole")
        assert [await tcp_connects(sim, BRIEFLY_S) for _ in range(3)] == ["hangs"] * 3
        assert sim.state.connections_total == 0
        sim.heal()
        assert await tcp_connects(sim) == "connected"


async def test_black_hole_silences_open_connections_and_healing_aborts_them_unexecuted() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, connected(sim) as connection:
        await connection.ask("GET", "/echo")
        sim.fault("black-hole")
        connection.send("POST", "/echo", b"late")
        assert (await connection.until_the_end(BRIEFLY_S)).how == "silent"
        sim.heal()
        assert (await connection.until_the_end()).how == "reset"
        assert echo.writes == 0
        assert sim.state.arrivals_total == 1


async def test_black_hole_can_deliver_late_what_was_sent_into_it() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim, connected(sim) as connection:
        await connection.ask("GET", "/echo")
        sim.fault("black-hole", late_delivery=True)
        connection.send("POST", "/echo", b"late")
        assert (await connection.until_the_end(BRIEFLY_S)).how == "silent"
        assert echo.writes == 0
        sim.heal()
        assert b'"late"' in (await connection.answer()).body
        assert echo.writes == 1


async def test_black_hole_swallows_the_answer_of_a_request_that_is_being_executed() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("stall", execute=True)
        connection.send("POST", "/echo", b"x")
        await settled(lambda: sim.state.in_flight == 1, "the request arrives")
        sim.fault("black-hole", late_delivery=True)
        sim.heal("stall")
        await settled(lambda: sim.state.in_flight == 0, "the request is executed")
        assert (await connection.until_the_end(BRIEFLY_S)).how == "silent"
        sim.heal()
        assert (await connection.answer()).head.startswith(b"HTTP/1.1 200 ")


async def test_refuse_in_place_of_black_hole_takes_over_and_heals_to_normal() -> None:
    async with running(EchoSimulator()) as sim:
        sim.fault("black-hole")
        sim.fault("refuse")
        assert [fault.kind.name for fault in sim.active_faults()] == ["refuse"]
        assert await tcp_connects(sim) == "refused"
        sim.fault("black-hole")
        assert await tcp_connects(sim, BRIEFLY_S) == "hangs"
        sim.heal("black-hole")
        assert await tcp_connects(sim) == "connected"


async def test_hang_tls_accepts_tcp_and_never_shakes_hands() -> None:
    async with running(EchoSimulator()) as sim:
        sim.fault("hang-tls")
        assert await tcp_connects(sim) == "connected"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(BRIEFLY_S):
                await asyncio.open_connection(sim.host, sim.port, ssl=sim.authority.client_context())
        sim.heal()
        async with connected(sim) as connection:
            await connection.ask("GET", "/echo")


async def test_hang_tls_for_two_connections_lets_the_third_through() -> None:
    async with running(EchoSimulator()) as sim:
        sim.fault("hang-tls", times=2)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(BRIEFLY_S):
                    await asyncio.open_connection(sim.host, sim.port, ssl=sim.authority.client_context())
        async with connected(sim) as connection:
            await connection.ask("GET", "/echo")
        assert sim.active_faults() == ()


async def test_healing_ends_connections_whose_handshake_hung() -> None:
    async with running(EchoSimulator()) as sim:
        sim.fault("hang-tls")
        reader, writer = await asyncio.open_connection(sim.host, sim.port)
        writer.write(b"\x16\x03\x01 the beginning of a handshake")
        connection = Connection(reader, writer)
        assert (await connection.until_the_end(BRIEFLY_S)).how == "silent"
        sim.heal()
        assert (await connection.until_the_end()).how in ("closed", "reset")
        writer.close()


@pytest.mark.parametrize("certificate", [name for name in BAD_CERTIFICATES if name != "renewed"])
async def test_a_verifying_client_refuses_each_bad_certificate(certificate: str) -> None:
    why = {
        "expired": "expired",
        "not-yet-valid": "not yet valid",
        "wrong-name": "mismatch",
        "unknown-ca": "unable to get local issuer|self.signed",
        "self-signed": "self.signed",
    }[certificate]
    async with running(EchoSimulator()) as sim:
        sim.fault("bad-cert", certificate=certificate)
        with pytest.raises(ssl.SSLCertVerificationError, match=f"(?i){why}"):
            async with connected(sim):
                pass
        await settled(lambda: sim.state.handshakes_failed == 1, "the server notices")
        assert sim.state.arrivals_total == 0
        sim.heal()
        async with connected(sim) as connection:
            await connection.ask("GET", "/echo")


async def test_a_renewed_certificate_is_trusted_but_is_another_one() -> None:
    async with running(EchoSimulator()) as sim:
        seen = []
        for _ in range(2):
            async with connected(sim) as connection:
                tls = connection.writer.get_extra_info("ssl_object")
                seen.append(tls.getpeercert(binary_form=True))
            sim.fault("bad-cert", certificate="renewed")
        assert seen[0] != seen[1]


async def test_plain_http_speaks_http_without_tls() -> None:
    async with running(EchoSimulator()) as sim:
        sim.fault("plain-http")
        reader, writer = await asyncio.open_connection(sim.host, sim.port)
        connection = Connection(reader, writer)
        assert (await connection.ask("GET", "/echo")).head.startswith(b"HTTP/1.1 200 ")
        writer.close()
        with pytest.raises(ssl.SSLError):
            async with connected(sim):
                pass


async def test_cut_aborts_every_open_connection_and_leaves_the_port_open() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as one, connected(sim) as two:
        await one.ask("GET", "/echo")
        await two.ask("GET", "/echo")
        assert sim.state.connections_open == 2
        sim.fault("cut")
        assert (await one.until_the_end()).how == "reset"
        assert (await two.until_the_end()).how == "reset"
        await settled(lambda: sim.state.connections_open == 0, "the connections are gone")
        assert await tcp_connects(sim) == "connected"


async def test_cut_ends_an_unfinished_handshake() -> None:
    async with running(EchoSimulator()) as sim:
        reader, writer = await asyncio.open_connection(sim.host, sim.port)
        await settled(lambda: sim.state.connections_total == 1, "the connection is accepted")
        assert sim.cut() == 1
        assert (await Connection(reader, writer).until_the_end()).how in ("closed", "reset")
        writer.close()


async def test_a_locked_out_client_connects_and_gets_no_answer() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim:
        echo.locked_out = True
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(BRIEFLY_S):
                await asyncio.open_connection(sim.host, sim.port, ssl=sim.authority.client_context())
        echo.locked_out = False
        async with connected(sim) as connection:
            await connection.ask("GET", "/echo")


async def test_a_simulator_can_change_its_own_wire() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim:
        assert echo.wire is not None
        echo.wire.fault("refuse")
        assert await tcp_connects(sim) == "refused"
        echo.wire.heal("refuse")
        assert await asyncio.wait_for(tcp_connects(sim), PATIENTLY_S) == "connected"
    assert echo.wire is None

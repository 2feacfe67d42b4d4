"""Logging in by ticket: once, renewed, replaced when refused, second factor; and what every request looks like."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from holdfast.appliances.proxmox import AsyncProxmoxClient, addresses
from holdfast.appliances.proxmox.secondfactor import SecondFactorError, totp_code
from holdfast.appliances.proxmox.session import RENEW_AFTER_S
from holdfast.errors import AuthenticationError, Executed, HoldfastError, QuarantinedError
from holdfast.simulators.base import Arrival, SimulatedClock
from holdfast.simulators.proxmox.access import Factor
from holdfast.simulators.proxmox.errors import EmptyError
from holdfast.simulators.proxmox.simulator import ProxmoxSimulator
from holdfast.simulators.rack import RunningSimulator
from holdfast.transport import Reply, Request
from tests.support import running
from tests.support.racks import shared_authority
from tests.support.realtime import REAL_TIME

SECRET = "JBSWY3DPEHPK3PXP"


@asynccontextmanager
async def by_password(
    tmp_path: Path, *, who: str = "root@pam", **settings: object
) -> AsyncIterator[tuple[AsyncProxmoxClient, RunningSimulator]]:
    """A client that logs in with user name and password."""
    async with running("proxmox", clock=SimulatedClock(time.time)) as sim:
        ca_file = tmp_path / "ca.pem"
        ca_file.write_text(shared_authority().ca_pem)
        simulator = sim.simulator
        assert isinstance(simulator, ProxmoxSimulator)
        password = simulator.cluster.access.users[who].password
        given: Mapping[str, object] = {"username": who, "password": password, "ca_file": str(ca_file), **settings}
        async with AsyncProxmoxClient({"host": "127.0.0.1", "port": sim.port, **given}) as client:
            yield client, sim


def simulator_of(sim: RunningSimulator) -> ProxmoxSimulator:
    assert isinstance(sim.simulator, ProxmoxSimulator)
    return sim.simulator


def logins(sim: RunningSimulator) -> list[Arrival]:
    return [one for one in sim.state.arrivals if one.path.endswith("/access/ticket")]


def header(arrival: Arrival, name: str) -> str | None:
    return next((value for key, value in arrival.headers.items() if key.lower() == name.lower()), None)


async def test_many_first_calls_make_one_login_and_only_writes_carry_the_csrf_token(tmp_path: Path) -> None:
    async with by_password(tmp_path) as (client, sim):
        await asyncio.gather(*(client.get("version") for _ in range(10)))
        await client.write("PUT", "cluster", "options", form={"keyboard": "de"})
        assert len(logins(sim)) == 1
        calls = [one for one in sim.state.arrivals if not one.path.endswith("/access/ticket")]
        assert {header(one, "CSRFPreventionToken") is not None for one in calls if one.method == "GET"} == {False}
        assert header(calls[-1], "CSRFPreventionToken")
        assert {header(one, "Authorization") for one in calls} == {None}


async def test_a_ticket_is_renewed_with_itself_after_an_hour_and_the_password_is_not_sent_again(
    tmp_path: Path,
) -> None:
    async with by_password(tmp_path) as (client, sim):
        session = client._addresses.first._session
        now = [0.0]
        session._monotonic = lambda: now[0]
        await client.get("version")
        now[0] = RENEW_AFTER_S - 1
        await client.get("version")
        assert len(logins(sim)) == 1
        now[0] = RENEW_AFTER_S + 1
        await asyncio.gather(*(client.get("version") for _ in range(5)))
        assert len(logins(sim)) == 2
        assert parse_qs(logins(sim)[1].body.decode())["password"][0].startswith("PVE:root@pam:")


async def test_a_ticket_that_ended_is_replaced_once_for_all_who_use_it(tmp_path: Path) -> None:
    async with by_password(tmp_path) as (client, sim):
        await client.get("version")
        sim.simulator.set_fault("ticket-expired")
        await asyncio.gather(*(client.get("version") for _ in range(4)))
        assert len(logins(sim)) == 2


async def test_a_wrong_password_is_sent_once(tmp_path: Path) -> None:
    async with by_password(tmp_path, password="wrong") as (client, sim):
        errors = await asyncio.gather(*(client.get("version") for _ in range(5)), return_exceptions=True)
        assert all(isinstance(error, AuthenticationError) for error in errors)
        with pytest.raises(QuarantinedError):
            await client.get("version")
        assert len(logins(sim)) == 1


def enrol(sim: RunningSimulator) -> None:
    simulator_of(sim).cluster.access.users["ops@pve"].factors["phone"] = Factor("totp", "phone", 0, {SECRET})


async def test_a_second_factor_is_answered_with_a_code_of_the_secret(tmp_path: Path) -> None:
    async with by_password(tmp_path, who="ops@pve", totp_secret=SECRET) as (client, sim):
        enrol(sim)
        assert await client.get("version")
        first, second = (parse_qs(one.body.decode()) for one in logins(sim))
        assert "tfa-challenge" not in first
        assert second["tfa-challenge"][0].startswith("PVE:!tfa!")
        assert second["password"][0].startswith("totp:")


async def test_without_a_secret_a_second_factor_is_refused_with_the_way_out(tmp_path: Path) -> None:
    async with by_password(tmp_path, who="ops@pve") as (client, sim):
        enrol(sim)
        with pytest.raises(AuthenticationError, match="second factor") as told:
            await client.get("version")
        assert "API token" in str(told.value.next_step)
        assert "password is right" in told.value.message
        with pytest.raises(SecondFactorError):
            await client.get("version")
        assert len(logins(sim)) == 1


async def test_a_code_that_is_refused_is_not_tried_until_the_factor_is_locked(tmp_path: Path) -> None:
    async with by_password(tmp_path, who="ops@pve", totp_secret="AAAAAAAAAAAAAAAA") as (client, sim):
        enrol(sim)
        session = client._addresses.first._session
        for _ in range(5):
            with pytest.raises(SecondFactorError) as told:
                await client.get("version")
            assert "The password is right" in told.value.message
            assert told.value.executed is Executed.NO
        assert 0 < (told.value.retry_after_s or 0) <= 30
        assert len(logins(sim)) == 2, "one password, one code"
        session._now = sim.simulator.clock.now
        for _ in range(3):
            sim.simulator.clock.advance(31)
            with pytest.raises(SecondFactorError):
                await client.get("version")
        assert len(logins(sim)) == 4, "a second code in the next half minute, and never a third"


async def test_the_code_is_that_of_the_appliances_clock(tmp_path: Path) -> None:
    async with by_password(tmp_path, who="ops@pve", totp_secret=SECRET) as (client, sim):
        enrol(sim)
        client._addresses.first._session._now = lambda: time.time() - 4000
        assert await client.get("version")


async def test_a_code_is_never_sent_twice_and_the_next_one_is_said_to_come(tmp_path: Path) -> None:
    async with by_password(tmp_path, who="ops@pve", totp_secret=SECRET) as (client, sim):
        enrol(sim)
        assert await client.get("version")
        sim.simulator.set_fault("ticket-expired")
        with pytest.raises(SecondFactorError, match="used already") as told:
            await client.get("version")
        assert told.value.retry_after_s
        assert told.value.executed is Executed.NO
        assert len(logins(sim)) == 2


async def test_a_fresh_ticket_that_is_refused_is_no_wrong_password(tmp_path: Path) -> None:
    async with by_password(tmp_path) as (client, sim):
        await client.get("version")
        authenticator = simulator_of(sim).authenticator
        authenticator.ticket_user = _refusing  # type: ignore[method-assign]
        with pytest.raises(AuthenticationError, match="took the login") as told:
            await client.get("version")
        assert "credential is right" in str(told.value.next_step)
        del authenticator.ticket_user
        assert await client.get("version"), "nothing is quarantined"


def _refusing(ticket: str) -> str:
    raise EmptyError(401, "Authentication failed!")


async def test_a_login_whose_answer_is_lost_did_not_send_the_write(tmp_path: Path) -> None:
    async with by_password(tmp_path) as (client, sim):
        sim.fault("drop-before", method="POST", path="/api2/json/access/ticket")
        with pytest.raises(HoldfastError) as told:
            await client.write("PUT", "cluster", "options", form={"keyboard": "de"})
        assert told.value.executed is Executed.NO
        assert {one.path for one in sim.state.arrivals} == {"/api2/json/access/ticket"}


async def test_a_renewal_that_fails_leaves_the_ticket_that_still_holds(tmp_path: Path) -> None:
    async with by_password(tmp_path) as (client, sim):
        session = client._addresses.first._session
        now = [0.0]
        session._monotonic = lambda: now[0]
        await client.get("version")
        now[0] = RENEW_AFTER_S + 1
        sim.fault("http-503", method="POST", path="/api2/json/access/ticket", times=1)
        assert await client.get("version")


async def test_a_name_without_a_realm_is_told_as_what_was_taken_for_it(tmp_path: Path) -> None:
    async with by_password(tmp_path, username="root", password="wrong") as (client, _):
        with pytest.raises(AuthenticationError) as told:
            await client.get("version")
        assert "names no realm, so pam was taken" in str(told.value.next_step)
        assert "root@pam" in str(told.value.next_step)


@pytest.mark.parametrize(("moment", "code"), [(59, "287082"), (1111111109, "081804"), (2000000000, "279037")])
def test_codes_are_those_of_the_standard(moment: int, code: str) -> None:
    # RFC 6238, appendix B: the secret is the text 12345678901234567890; its last six digits.
    assert totp_code("GEZD GNBV GY3T QOJQ gezdgnbvgy3tqojq", moment) == code


@REAL_TIME
async def test_at_most_four_requests_are_in_flight_on_at_most_four_kept_connections(tmp_path: Path) -> None:
    async with by_password(tmp_path) as (client, sim):
        await client.get("version")
        opened = sim.state.connections_total
        sim.fault("latency", seconds=0.05)
        await asyncio.gather(*(client.get("nodes") for _ in range(24)))
        assert sim.state.max_in_flight <= 4
        assert sim.state.connections_total - opened <= 4


async def test_writes_go_out_on_connections_of_their_own_and_reads_keep_theirs(tmp_path: Path) -> None:
    async with by_password(tmp_path) as (client, sim):
        await client.get("version")
        opened = sim.state.connections_total
        for _ in range(3):
            await client.get("version")
        assert sim.state.connections_total == opened
        for keyboard in ("de", "fr", "it"):
            await client.write("PUT", "cluster", "options", form={"keyboard": keyboard})
        assert sim.state.connections_total == opened + 3


@REAL_TIME
async def test_an_idle_connection_is_given_up_before_the_appliance_closes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ProxmoxSimulator.keepalive_timeout_s > addresses.KEEPALIVE_S
    monkeypatch.setattr(addresses, "KEEPALIVE_S", 0.1)
    async with by_password(tmp_path) as (client, sim):
        await client.get("version")
        opened = sim.state.connections_total
        await asyncio.sleep(0.3)
        await client.get("version")
        assert sim.state.connections_total == opened + 1


async def test_an_attempt_outlasts_the_verdict_that_the_appliance_gives_after_thirty_seconds(tmp_path: Path) -> None:
    async with by_password(tmp_path, timeout=5) as (client, _):
        bounds: list[float] = []
        address = client._addresses.first
        send = address._session.send

        async def watched(request: Request) -> Reply:
            bounds.append(request.attempt_timeout_s)
            return await send(request)

        address._session.send = watched  # type: ignore[method-assign]
        await client.get("version")
        await client.write("PUT", "cluster", "options", form={"keyboard": "de"})
        assert min(bounds) > 30

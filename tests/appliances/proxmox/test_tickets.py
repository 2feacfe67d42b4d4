"""The edges of a login to Proxmox: when a ticket is renewed or dropped, what is told, and that nothing else is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from holdfast.appliances.proxmox import AsyncProxmoxClient
from holdfast.appliances.proxmox.secondfactor import SecondFactorError
from holdfast.appliances.proxmox.session import _USED_UP_S, RENEW_AFTER_S
from holdfast.errors import ApplianceError, AuthenticationError, Executed, QuarantinedError
from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.proxmox.access import Factor
from holdfast.simulators.rack import RunningSimulator
from tests.appliances.proxmox.test_session import SECRET, by_password, enrol, header, logins, simulator_of
from tests.support import running
from tests.support.racks import shared_authority

TICKET = "/api2/json/access/ticket"
OTHER_SECRET = "GEZDGNBVGY3TQOJQ"


def passwords(sim: RunningSimulator) -> list[str]:
    """What was sent as the password with each login."""
    return [parse_qs(one.body.decode())["password"][0] for one in logins(sim)]


def in_time_of(client: AsyncProxmoxClient, began: float = 10_000.0) -> list[float]:
    """The client's time, to be set."""
    now = [began]
    client._addresses.first._session._monotonic = lambda: now[0]
    return now


async def test_a_ticket_is_renewed_after_an_hour_and_no_sooner(tmp_path: Path) -> None:
    async with by_password(tmp_path) as (client, sim):
        now = in_time_of(client)
        await client.get("version")
        now[0] += RENEW_AFTER_S
        await client.get("version")
        assert len(logins(sim)) == 1
        now[0] += 0.5
        await client.get("version")
        assert len(logins(sim)) == 2
        await client.get("version")
        assert len(logins(sim)) == 2
        assert passwords(sim)[1].startswith("PVE:")


async def test_a_ticket_that_is_not_renewed_because_it_is_refused_is_replaced_by_a_login(tmp_path: Path) -> None:
    async with by_password(tmp_path) as (client, sim):
        now = in_time_of(client)
        await client.get("version")
        simulator_of(sim).set_fault("ticket-expired")
        now[0] += RENEW_AFTER_S + 1
        await client.get("version")
        old, renewal, anew = passwords(sim)
        assert (renewal[:4], anew) == ("PVE:", old)
        assert [one.status for one in sim.state.arrivals if one.path != TICKET] == [200, 200]


async def test_a_ticket_is_used_while_it_cannot_be_renewed_until_it_is_nearly_over(tmp_path: Path) -> None:
    async with by_password(tmp_path) as (client, sim):
        now = in_time_of(client)
        await client.get("version")
        began = now[0]
        for after in (RENEW_AFTER_S + 1, _USED_UP_S):
            now[0] = began + after
            sim.fault("http-503", method="POST", path=TICKET, times=1)
            await client.get("version")
        first, *later = passwords(sim)
        assert all(one.startswith("PVE:") for one in later)
        now[0] = began + _USED_UP_S + 0.5
        sim.fault("http-503", method="POST", path=TICKET, times=1)
        await client.get("version")
        assert passwords(sim)[-1] == first


async def test_of_calls_whose_ticket_is_refused_together_one_logs_in(tmp_path: Path) -> None:
    async with by_password(tmp_path) as (client, sim):
        await client.get("version")
        simulator_of(sim).set_fault("ticket-expired")
        await asyncio.gather(client.get("version"), client.get("version"))
        refused = [one for one in sim.state.arrivals if one.status == 401]
        assert len(refused) == 2
        assert len(logins(sim)) == 2


async def test_ticket_and_token_against_forgery_are_told_to_the_redaction(tmp_path: Path) -> None:
    told: list[str] = []
    async with by_password(tmp_path) as (client, sim):
        client._addresses.first._session._on_secret = told.append
        await client.get("version")
        await client.write("PUT", "cluster", "options", form={"keyboard": "de"})
        ticket, forgery = told
        assert ticket.startswith("PVE:")
        assert {header(one, "CSRFPreventionToken") for one in sim.state.arrivals if one.method == "PUT"} == {forgery}
    async with by_password(tmp_path) as (client, _):
        client._addresses.first._session._on_secret = None
        assert await client.get("version")


async def test_a_login_that_the_node_cannot_answer_is_told_as_that(tmp_path: Path) -> None:
    async with by_password(tmp_path) as (client, sim):
        sim.fault("http-503", method="POST", path=TICKET)
        with pytest.raises(ApplianceError) as told:
            await client.get("version")
        assert told.value.status == 503
        assert told.value.executed is Executed.NO
        assert {one.path for one in sim.state.arrivals} == {TICKET}


async def test_a_wrong_password_is_told_with_the_realm_that_was_named(tmp_path: Path) -> None:
    async with by_password(tmp_path, password="wrong") as (client, sim):
        with pytest.raises(AuthenticationError) as told:
            await client.get("version")
        assert "user and password of root@pam." in str(told.value.next_step)
        assert "names no realm" not in str(told.value.next_step)
        assert parse_qs(logins(sim)[0].body.decode())["username"] == ["root@pam"]
        with pytest.raises(QuarantinedError, match="The user name and password was refused"):
            await client.get("version")
    async with by_password(tmp_path, username="root") as (client, sim):
        await client.get("version")
        assert parse_qs(logins(sim)[0].body.decode())["username"] == ["root@pam"]


@pytest.mark.parametrize("half", ["token_id", "token_secret"])
async def test_half_a_token_beside_a_password_is_none(half: str, tmp_path: Path) -> None:
    halves = {"token_id": "root@pam!mon", "token_secret": "8c1d2f5a-77aa-4c1e-9d0b-3f2b1a0c9e8d"}
    async with by_password(tmp_path, **{half: halves[half]}) as (client, sim):
        await client.get("version")
        assert len(logins(sim)) == 1
        assert {header(one, "Authorization") for one in sim.state.arrivals} == {None}


@asynccontextmanager
async def by_token(tmp_path: Path, **settings: object) -> AsyncIterator[tuple[AsyncProxmoxClient, RunningSimulator]]:
    async with running("proxmox", clock=SimulatedClock(time.time)) as sim:
        ca_file = tmp_path / "ca.pem"
        ca_file.write_text(shared_authority().ca_pem)
        token = {name: sim.credentials[name] for name in ("token_id", "token_secret")}
        where = {"host": "127.0.0.1", "port": sim.port, "ca_file": str(ca_file)}
        async with AsyncProxmoxClient({**where, **token, **settings}) as client:
            yield client, sim


async def test_a_token_needs_no_login_even_where_a_password_is_configured_too(tmp_path: Path) -> None:
    async with by_token(tmp_path, username="root@pam", password="wrong") as (client, sim):
        assert await client.get("version")
        [call] = sim.state.arrivals
        assert str(header(call, "Authorization")).startswith("PVEAPIToken=")
        assert header(call, "Cookie") is None


async def test_a_wrong_token_is_sent_once_and_told_as_a_token(tmp_path: Path) -> None:
    async with by_token(tmp_path, token_secret="00000000-0000-0000-0000-000000000000") as (client, sim):
        with pytest.raises(AuthenticationError) as told:
            await client.get("version")
        assert "token_id and token_secret" in str(told.value.next_step)
        with pytest.raises(QuarantinedError, match="The API token was refused"):
            await client.get("version")
        assert len(sim.state.arrivals) == 1


async def test_a_code_that_is_taken_makes_good_for_one_that_was_refused(tmp_path: Path) -> None:
    async with by_password(tmp_path, who="ops@pve", totp_secret=SECRET) as (client, sim):
        enrol(sim)
        session = client._addresses.first._session
        session._now = sim.simulator.clock.now
        session._factor._refusals = 1
        assert await client.get("version")
        simulator_of(sim).cluster.access.users["ops@pve"].factors["phone"] = Factor("totp", "phone", 0, {OTHER_SECRET})
        simulator_of(sim).set_fault("ticket-expired")
        for codes in (2, 3, 3):
            sim.simulator.clock.advance(31)
            with pytest.raises(SecondFactorError):
                await client.get("version")
            assert sum(one.startswith("totp:") for one in passwords(sim)) == codes

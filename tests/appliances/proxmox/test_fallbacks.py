"""A second node of the same cluster is asked when the first cannot be reached, and only then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.appliances.proxmox import ProxmoxSettings
from holdfast.appliances.proxmox.addresses import CHECKED_FOR_S
from holdfast.errors import NotSentError
from holdfast.simulators.proxmox import create
from holdfast.simulators.rack import RunningSimulator
from holdfast.simulators.world import default_world
from tests.appliances.proxmox.harness import client_of, pve_room, simulator_of
from tests.support import free_port
from tests.support.rooms import Room

QUICK = "connect_timeout = 0.3\n"
NEVER_OPEN = "circuit_breaker_fail_max = 1000\n"
SOON_OPEN = "circuit_breaker_fail_max = 3\ncircuit_breaker_probe_interval = 0\n"


@dataclass
class Pair:
    """A room whose target has a fallback."""

    pve: Room
    other: RunningSimulator

    def asked(self) -> list[str]:
        """What arrived at the fallback: method and path."""
        return [f"{one.method} {one.path.removeprefix('/api2/json')}" for one in self.other.state.arrivals]


@asynccontextmanager
async def pair(
    tmp_path: Path, *, foreign: bool = False, settings: str = "", without: tuple[str, ...] = ()
) -> AsyncIterator[Pair]:
    """The cluster by pve1 and, as fallback, by pve2; or by a node of another cluster that the rack's CA vouches for."""
    port = free_port()
    lines = f'cluster = "rack"\nfallback_hosts = ["127.0.0.1:{port}"]\n{QUICK}{settings}'
    async with pve_room(tmp_path, settings=lines, without=without) as pve:
        simulator = simulator_of(pve)
        if foreign:
            stranger = create(default_world(), pve.clock, simulator.name)
            stranger.cluster.name = "elsewhere"
            stranger.name = "stranger"
            yield Pair(pve, await pve.rack.add_simulator(stranger, port=port))
        else:
            yield Pair(pve, await pve.rack.add_simulator(simulator.at("pve2"), port=port))


async def test_while_the_first_address_answers_nothing_is_sent_to_the_others(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        await two.pve.call("proxmox_system_info")
        await two.pve.call("proxmox_start_guest", guest="build")
        assert two.asked() == []


@pytest.mark.parametrize("fault", ["refuse", "black-hole", "hang-tls"])
async def test_reads_and_writes_go_to_a_fallback_when_the_first_address_cannot_be_reached(
    fault: str, tmp_path: Path
) -> None:
    async with pair(tmp_path, settings=NEVER_OPEN) as two:
        two.pve.running.fault(fault)
        assert (await two.pve.call("proxmox_system_info"))["cluster"] == "rack"
        assert two.asked()[0] == "GET /cluster/status", "who it is comes before anything else"
        started = await two.pve.call("proxmox_start_guest", guest="build")
        assert started["outcome"] == "applied"
        assert [one for one in two.asked() if one.startswith("POST")] == ["POST /nodes/pve2/qemu/110/status/start"]
        two.pve.running.heal()
        before = len(two.asked())
        assert (await two.pve.call("proxmox_list_nodes"))["total"] == 3
        assert len(two.asked()) == before, "the first address is used again as soon as it answers"


async def test_a_dead_first_address_costs_no_time_once_its_circuit_is_open(tmp_path: Path) -> None:
    async with pair(tmp_path, settings=SOON_OPEN) as two:
        two.pve.running.fault("refuse")
        client = await client_of(two.pve)
        for _ in range(5):
            await client.get("version")
        states = {name: breaker.current_state for name, breaker in client.circuits().items()}
        assert states["proxmox_api/lab"] == "open"
        assert [state for name, state in states.items() if "@127.0.0.1:" in name] == ["closed"]
        assert client.circuit_breaker is not None
        assert client.circuit_breaker.current_state == "open"
        assert two.asked().count("GET /version") == 5


@pytest.mark.parametrize("fault", ["drop-before", "lost-reply"])
async def test_a_write_that_was_sent_is_never_sent_to_another_address(fault: str, tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        two.pve.running.fault(fault, method="write", times=1)
        answer = await two.pve.call("proxmox_start_guest", guest="build")
        assert answer["outcome"] == ("applied" if fault == "lost-reply" else "not_applied")
        assert two.asked() == []


async def test_a_certificate_that_does_not_fit_is_told_and_no_reason_to_go_elsewhere(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        two.pve.running.fault("bad-cert", certificate="unknown-ca")
        assert (await two.pve.fails("proxmox_list_nodes")).code == "tls"
        assert two.asked() == []


async def test_a_fallback_of_another_cluster_is_not_used_whatever_it_accepts(tmp_path: Path) -> None:
    async with pair(tmp_path, foreign=True, settings=NEVER_OPEN) as two:
        two.pve.running.fault("refuse")
        error = await two.pve.fails("proxmox_start_guest", guest="build")
        assert isinstance(error, NotSentError)
        assert error.executed == "no"
        assert "the cluster elsewhere, not of rack" in str(error.details["fallbacks"])
        assert set(two.asked()) == {"GET /cluster/status"}
        two.pve.running.heal()
        assert (await two.pve.call("proxmox_list_nodes"))["total"] == 3


async def test_a_credential_that_a_fallback_refuses_is_still_good_at_the_first_address(tmp_path: Path) -> None:
    async with pair(tmp_path, foreign=True, settings=NEVER_OPEN) as two:
        two.other.simulator.set_fault("token-refused")
        two.pve.running.fault("refuse")
        for _ in range(3):
            error = await two.pve.fails("proxmox_list_nodes")
            assert error.code == "unreachable"
        assert len(two.asked()) == 1, "a refused credential is not presented a second time"
        two.pve.running.heal()
        assert (await two.pve.call("proxmox_list_nodes"))["total"] == 3


async def test_with_a_password_a_fallback_gets_one_login_of_its_own(tmp_path: Path) -> None:
    password = "file-secret"
    lines = 'username = "joe@pve"\npassword = "file-secret"'
    async with pair(tmp_path, settings=lines, without=("token_id", "token_secret")) as two:
        access = simulator_of(two.pve).cluster.access
        access.users["joe@pve"] = type(access.users["ops@pve"])("joe@pve", password=password, groups={"operators"})
        access.changed()
        await two.pve.call("proxmox_list_nodes")
        two.pve.running.fault("refuse")
        for _ in range(3):
            await two.pve.call("proxmox_node_status", node="pve2")
        assert two.asked().count("POST /access/ticket") == 1


async def test_who_a_fallback_is_is_asked_again_after_a_while(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        client = await client_of(two.pve)
        now = [0.0]
        client._addresses._others[0]._monotonic = lambda: now[0]
        two.pve.running.fault("refuse")
        for moment, checks in ((0.0, 1), (CHECKED_FOR_S - 1, 1), (CHECKED_FOR_S, 2)):
            now[0] = moment
            await client.get("version")
            assert two.asked().count("GET /cluster/status") == checks


async def test_when_no_address_can_be_reached_each_is_told(tmp_path: Path) -> None:
    async with pair(tmp_path, settings=NEVER_OPEN) as two:
        two.pve.running.fault("refuse")
        two.other.fault("refuse")
        error = await two.pve.fails("proxmox_list_nodes")
        assert error.code == "unreachable"
        assert error.executed == "no"
        assert str(two.other.port) in str(error.details["fallbacks"])


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"fallback_hosts": ["pve2"]}, "needs cluster"),
        ({"fallback_hosts": ["pve2"], "cluster": "rack", "verify": False}, "verified"),
        ({"fallback_hosts": ["https://pve2"], "cluster": "rack"}, "HOST or HOST:PORT"),
        ({"fallback_hosts": ["pve2:99999"], "cluster": "rack"}, "port"),
        ({"fallback_hosts": ["999.1.1.1"], "cluster": "rack"}, "fallback_hosts"),
        ({"fallback_hosts": ["pve2/x:8006"], "cluster": "rack"}, "HOST or HOST:PORT"),
    ],
)
def test_fallbacks_that_cannot_be_checked_are_refused_at_start(keys: dict[str, object], said: str) -> None:
    known = {"host": "pve1", "token_id": "a@pve!ops", "token_secret": "env:X"}
    with pytest.raises(ValueError, match=said):
        ProxmoxSettings.model_validate({**known, **keys})


def test_fallbacks_have_the_targets_port_unless_they_name_one() -> None:
    settings = ProxmoxSettings.model_validate(
        {
            "host": "pve1",
            "port": 443,
            "token_id": "a@pve!ops",
            "token_secret": "env:X",
            "cluster": "rack",
            "fallback_hosts": ["PVE2.lan", "10.0.0.3:8006", "[2001:db8::1]:8006", "2001:db8::2"],
        }
    )
    assert settings.fallback_addresses == [
        ("pve2.lan", 443),
        ("10.0.0.3", 8006),
        ("2001:db8::1", 8006),
        ("2001:db8::2", 443),
    ]

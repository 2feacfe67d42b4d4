"""The synchronous client of the resilience guide: several threads, one session, the same errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pybreaker
import pytest

from holdfast.appliances.proxmox import ProxmoxClient
from holdfast.errors import NotFoundError
from holdfast.simulators.proxmox.simulator import ProxmoxSimulator
from tests.support import running_in_thread
from tests.support.racks import ThreadedSimulator, shared_authority


@pytest.fixture
def sim() -> Iterator[ThreadedSimulator]:
    with running_in_thread("proxmox") as simulator:
        yield simulator


def client_of(sim: ThreadedSimulator, tmp_path: Path, **settings: object) -> ProxmoxClient:
    """As the guide makes one, with the rack's authority."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(shared_authority().ca_pem)
    simulator = sim.running.simulator
    assert isinstance(simulator, ProxmoxSimulator)
    return ProxmoxClient(
        host="127.0.0.1",
        port=sim.running.port,
        protocol="https",
        ssl_verify=True,
        ca_file=str(ca_file),
        **{**simulator.password_credentials, **settings},  # type: ignore[arg-type]
    )


def logins(sim: ThreadedSimulator) -> int:
    return sum(arrival.path.endswith("/access/ticket") for arrival in sim.running.state.arrivals)


def test_eight_threads_share_one_session_and_get_their_own_answers(sim: ThreadedSimulator, tmp_path: Path) -> None:
    with client_of(sim, tmp_path) as client, ThreadPoolExecutor(8) as threads:
        names = list(threads.map(lambda n: client.get("nodes", f"pve{n % 2 + 1}", "status") is not None, range(64)))
        assert all(names)
        assert client.get_system_info()["cluster"] is not None
        assert len(client.cluster_resources()) > 10
    assert logins(sim) == 1


def test_a_write_and_its_task_can_be_followed_synchronously(sim: ThreadedSimulator, tmp_path: Path) -> None:
    with client_of(sim, tmp_path) as client:
        upid = client.write("POST", "nodes", "pve2", "qemu", "110", "status", "start", form={})
        assert str(upid).startswith("UPID:pve2:")
        with pytest.raises(NotFoundError):
            client.get("nodes", "pve1", "qemu", "999", "config")


def test_an_expired_ticket_is_replaced_by_one_login_while_threads_go_on(sim: ThreadedSimulator, tmp_path: Path) -> None:
    with client_of(sim, tmp_path) as client:
        client.get("version")
        sim.do(lambda running: running.simulator.set_fault("ticket-expired"))
        assert client.get("version") is not None
        assert client.get("nodes") is not None
    assert logins(sim) == 2


def test_an_open_circuit_is_pybreakers_error_in_every_thread(sim: ThreadedSimulator, tmp_path: Path) -> None:
    client = client_of(
        sim,
        tmp_path,
        retry_max_attempts=1,
        circuit_breaker_fail_max=2,
        retry_min_wait=0,
        retry_max_wait=0,
        circuit_breaker_probe_interval=0,
    )
    with client:
        client.get("version")
        sim.do(lambda running: running.fault("refuse"))
        errors: list[type[BaseException]] = []

        def call() -> None:
            try:
                client.get("version")
            except Exception as error:  # noqa: BLE001 - its type is what is tested
                errors.append(type(error))

        for _ in range(3):
            thread = threading.Thread(target=call)
            thread.start()
            thread.join()
        assert issubclass(errors[-1], pybreaker.CircuitBreakerError)
        assert client.circuit_breaker is not None
        assert client.circuit_breaker.current_state == "open"


def test_a_closed_client_says_so_and_closing_twice_is_harmless(sim: ThreadedSimulator, tmp_path: Path) -> None:
    client = client_of(sim, tmp_path)
    client.get("version")
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get("version")

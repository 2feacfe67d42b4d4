"""What is known of the machine that Holdfast runs on."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.appliances.proxmox import here


@pytest.fixture
def interfaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in place of /sys/class/net, a machine named `web.rack.example` with these addresses."""
    folder = tmp_path / "net"
    folder.mkdir()
    monkeypatch.setattr(here, "_INTERFACES", folder)
    monkeypatch.setattr(socket, "gethostname", lambda: "web.rack.example")
    has(monkeypatch, "10.20.0.50", "127.0.1.1", "::1", "fd00::50", "10.20.0.50")
    here.detect.cache_clear()
    yield folder
    here.detect.cache_clear()


def has(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def look_up(host: str, port: object) -> list[tuple[object, ...]]:
        assert (host, port) == ("web.rack.example", None)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def put(folder: Path, name: str, address: str) -> None:
    (folder / name).mkdir()
    (folder / name / "address").write_text(address + "\n", encoding="ascii")


def test_a_machine_is_known_by_its_short_name_hardware_addresses_and_addresses_without_loopback(
    interfaces: Path,
) -> None:
    put(interfaces, "lo", "00:00:00:00:00:00")
    put(interfaces, "eth0", "BC:24:11:5E:01:01")
    put(interfaces, "wg0", "")
    found = here.detect()
    assert found.hostname == "web"
    assert found.macs == {"bc:24:11:5e:01:01"}
    assert found.addresses == {"10.20.0.50", "fd00::50"}


def test_what_stands_beside_the_interfaces_hides_none_of_them(interfaces: Path) -> None:
    for number in range(8):
        put(interfaces, f"eth{number}", f"bc:24:11:5e:01:0{number}")
        (interfaces / f"bonding_masters{number}").write_text("bond0\n", encoding="ascii")
    assert len(here.detect().macs) == 8


def test_it_is_looked_at_once(interfaces: Path) -> None:
    put(interfaces, "eth0", "bc:24:11:5e:01:01")
    first = here.detect()
    put(interfaces, "eth1", "bc:24:11:5e:01:02")
    assert here.detect() is first


def test_where_interfaces_are_not_listed_the_one_hardware_address_that_the_system_tells_is_taken(
    interfaces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uuid, "getnode", lambda: 0x02AB0C115E01)
    interfaces.rmdir()
    assert here.detect().macs == {"02:ab:0c:11:5e:01"}


def test_a_name_that_nobody_resolves_leaves_the_addresses_unknown(
    interfaces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(host: str, port: object) -> list[tuple[object, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    found = here.detect()
    assert found.addresses == frozenset()
    assert found.hostname == "web"

"""The iDRAC client against a Redfish service that others wrote: sushy-emulator, over TLS with Basic authentication."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import bcrypt
import pytest
import trustme

from holdfast.appliances.idrac import IDracClient
from holdfast.errors import AuthenticationError, NotFoundError, QuarantinedError, TlsError
from tests.support import free_port

USER, PASSWORD = "admin", "emulated-password"
START_LIMIT_S = 30


class Emulator:
    """A running sushy-emulator."""

    def __init__(self, port: int, ca_file: Path) -> None:
        self.port = port
        self.ca_file = ca_file

    def client(self, password: str = PASSWORD, **changes: object) -> IDracClient:
        config: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.port,
            "username": USER,
            "password": password,
            "ca_file": str(self.ca_file),
            "retry_min_wait": 0,
            "retry_max_wait": 0,
        }
        return IDracClient({**config, **changes})


@pytest.fixture
async def emulator(tmp_path: Path) -> AsyncIterator[Emulator]:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(tmp_path / "cert.pem"), append=True)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (tmp_path / "htpasswd").write_text(f"{USER}:{hashed}\n")
    (tmp_path / "emulator.conf").write_text(f'SUSHY_EMULATOR_AUTH_FILE = "{tmp_path / "htpasswd"}"\n')
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("sushy-emulator")), "--fake", "-i", "127.0.0.1", "-p", str(port)),
        *("--config", str(tmp_path / "emulator.conf"), "--ssl-certificate", str(tmp_path / "cert.pem")),
        *("--ssl-key", str(tmp_path / "key.pem")),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=tmp_path,
    )
    try:
        await _listening(port, process)
        yield Emulator(port, tmp_path / "ca.pem")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _listening(port: int, process: asyncio.subprocess.Process) -> None:
    for _ in range(START_LIMIT_S * 20):
        if process.returncode is not None:
            raise AssertionError(f"sushy-emulator ended with {process.returncode}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise AssertionError("sushy-emulator does not listen")


async def test_it_discovers_the_system_and_its_manager_without_assuming_their_ids(emulator: Emulator) -> None:
    async with emulator.client() as client:
        info = await client.get_system_info()
        systems = await client.systems()
    system, manager = info["system"], info["manager"]
    assert isinstance(system, dict)
    assert isinstance(manager, dict)
    assert system["@odata.type"].startswith("#ComputerSystem.")  # type: ignore[union-attr]
    assert system["PowerState"] in ("On", "Off")
    assert manager["@odata.type"].startswith("#Manager.")  # type: ignore[union-attr]
    assert [one["Id"] for one in systems] == [system["Id"]]


async def test_it_falls_back_to_basic_where_no_sessions_are_offered(emulator: Emulator) -> None:
    async with emulator.client() as client:
        await client.systems()
        assert client._session.by_basic


async def test_a_wrong_password_is_tried_once(emulator: Emulator) -> None:
    async with emulator.client(password="wrong") as client:
        with pytest.raises(AuthenticationError):
            await client.systems()
        with pytest.raises(QuarantinedError):
            await client.systems()


async def test_a_resource_that_does_not_exist_is_told(emulator: Emulator) -> None:
    async with emulator.client() as client:
        with pytest.raises(NotFoundError):
            await client.get("/redfish/v1/Systems/no-such-system")


async def test_its_certificate_is_verified(emulator: Emulator) -> None:
    async with emulator.client(ca_file=None) as client:
        with pytest.raises(TlsError):
            await client.systems()

"""Files over HTTP beside the socket (contract section 10)."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
import tarfile
from typing import Any

import aiohttp
import pytest

from tests.simulators.truenas.peer import Peer, Stand, standing


async def offer(peer: Peer, *, buffered: bool, secretseed: bool = False) -> tuple[int, str]:
    """Start a configuration download."""
    number, path = await peer.call("core.download", "config.save", [{"secretseed": secretseed}], "config.db", buffered)
    return int(number), str(path)


async def get(stand: Stand, path: str) -> tuple[int, bytes]:
    """Status and body."""
    async with stand.http.get(stand.url + path) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize("buffered", [True, False])
async def test_a_configuration_is_downloaded_once(buffered: bool) -> None:
    async with standing() as stand:
        peer = await stand.login()
        number, path = await offer(peer, buffered=buffered)
        status, body = await get(stand, path)
        assert status == 200
        database = sqlite3.connect(":memory:")
        database.deserialize(body)
        names = {row[0] for row in database.execute("SELECT DISTINCT namespace FROM holdings")}
        database.close()
        assert {"user", "sharing.smb"} <= names
        assert (await peer.wait_job(number))["state"] == "SUCCESS"
        assert (await get(stand, path))[0] == 401, "the token is spent"


async def test_with_secrets_it_is_an_archive() -> None:
    async with standing() as stand:
        peer = await stand.login()
        _, path = await offer(peer, buffered=True, secretseed=True)
        _, body = await get(stand, path)
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            assert tar.getnames() == ["freenas-v1.db", "pwenc_secret"]


async def test_an_unbuffered_download_holds_its_job_and_is_gone_after_a_minute() -> None:
    async with standing() as stand:
        peer = await stand.login()
        number, path = await offer(peer, buffered=False)
        row = (await peer.call("core.get_jobs", [["id", "=", number]]))[0]
        assert row["state"] == "RUNNING"
        stand.clock.advance(61)
        assert (await get(stand, path))[0] == 410


async def test_tokens_are_bound_to_their_job_and_age() -> None:
    async with standing() as stand:
        peer = await stand.login()
        number, path = await offer(peer, buffered=True)
        assert (await get(stand, f"/_download/{number}"))[0] == 401
        assert (await get(stand, f"/_download/{number}?auth_token=wrong"))[0] == 401
        assert (await get(stand, "/_download/99?auth_token=x"))[0] == 404
        stand.clock.advance(301)
        assert (await get(stand, path))[0] == 401


async def test_only_methods_that_write_files_can_be_downloaded() -> None:
    async with standing() as stand:
        peer = await stand.login()
        error = await peer.refused("core.download", "pool.query", [], "x")
        assert error.code == -32001
        key = stand.simulator.add_account("reader", "READONLY_ADMIN")
        reader = await stand.login(username="reader", api_key=key)
        assert (await reader.refused("core.download", "config.save", [], "x")).errno == 13


def form(*parts: tuple[str, bytes]) -> aiohttp.FormData:
    """A multipart body of these parts, in this order."""
    data = aiohttp.FormData()
    for name, content in parts:
        if name == "data":
            data.add_field(name, content.decode())
        else:
            data.add_field(name, content, filename="f")
    return data


def call(method: str, *params: Any) -> bytes:
    """The `data` part."""
    return json.dumps({"method": method, "params": list(params)}).encode()


async def post(stand: Stand, data: aiohttp.FormData | bytes, authorization: str) -> tuple[int, str]:
    """Status and text."""
    headers = {"Authorization": authorization}
    async with stand.http.post(f"{stand.url}/_upload", data=data, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_an_upload_by_key_token_or_password_writes_a_file() -> None:
    async with standing() as stand:
        peer = await stand.login()
        bearer = f"Bearer {stand.simulator.credentials['api_key']}"
        token = f"Token {await peer.call('auth.generate_token')}"
        basic = f"Basic {base64.b64encode(b'truenas_admin:harbour-42').decode()}"
        for number, authorization in enumerate((bearer, token, basic)):
            path = f"/mnt/tank/home/f{number}"
            status, text = await post(
                stand, form(("data", call("filesystem.put", path)), ("file", b"hello")), authorization
            )
            assert status == 200
            assert (await peer.wait_job(json.loads(text)["job_id"]))["state"] == "SUCCESS"
            assert (await peer.call("filesystem.stat", path))["size"] == 5


async def test_bad_uploads_are_refused_each_with_its_status() -> None:
    async with standing() as stand:
        good = f"Bearer {stand.simulator.credentials['api_key']}"
        put = call("filesystem.put", "/mnt/tank/home/x")
        cases: list[tuple[aiohttp.FormData | bytes, str, int]] = [
            (form(("data", put), ("file", b"x")), "Bearer 1-wrong", 401),
            (form(("data", put), ("file", b"x")), "Basic !!!", 401),
            (form(("file", b"x"), ("data", put)), good, 405),
            (form(("data", put)), good, 405),
            (form(("data", put), ("other", b"x")), good, 405),
            (form(("data", put), *[("file", b"x")] * 6), good, 405),
            (b"plain", good, 405),
            (form(("data", b"{not json"), ("file", b"x")), good, 400),
            (form(("data", call("pool.query")), ("file", b"x")), good, 422),
            (form(("data", call("filesystem.put", 5)), ("file", b"x")), good, 412),
        ]
        for data, authorization, status in cases:
            assert (await post(stand, data, authorization))[0] == status


async def test_basic_is_refused_for_a_user_with_two_factors() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("auth.twofactor.update", {"enabled": True})
        await peer.call("user.renew_2fa_secret", "truenas_admin", {})
        basic = f"Basic {base64.b64encode(b'truenas_admin:harbour-42').decode()}"
        data = form(("data", call("filesystem.put", "/mnt/tank/home/x")), ("file", b"x"))
        assert (await post(stand, data, basic))[0] == 403


async def test_a_role_is_needed_for_an_upload_too() -> None:
    async with standing() as stand:
        key = stand.simulator.add_account("reader", "READONLY_ADMIN")
        data = form(("data", call("filesystem.put", "/mnt/tank/home/x")), ("file", b"x"))
        assert (await post(stand, data, f"Bearer {key}"))[0] == 403


async def test_an_uploaded_key_file_unlocks() -> None:
    async with standing() as stand:
        peer = await stand.login()
        options = {"encryption": True, "inherit_encryption": False, "encryption_options": {"passphrase": "a phrase"}}
        await peer.call("pool.dataset.create", {"name": "tank/safe", **options})
        await peer.done("pool.dataset.lock", "tank/safe")
        data = form(
            ("data", call("pool.dataset.unlock", "tank/safe", {"key_file": True})),
            ("file", b'{"tank/safe": "a phrase"}'),
        )
        status, text = await post(stand, data, f"Bearer {stand.simulator.credentials['api_key']}")
        assert status == 200
        assert (await peer.wait_job(json.loads(text)["job_id"]))["result"]["unlocked"] == ["tank/safe"]

"""The saved configuration: whole, readable by its owner only, and never half there."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import stat
import tarfile
from pathlib import Path

import pytest

from holdfast.appliances.truenas import backup
from holdfast.errors import Executed, HoldfastError, ProtocolError
from holdfast.transport.values import JsonValue
from tests.appliances.truenas.harness import calls_of, nas, sent


def saved(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "backups").iterdir())


@pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])
async def test_the_saved_file_is_the_database_and_the_answer_tells_its_digest(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        answer = await made.call("truenas_save_config")
        (file,) = saved(tmp_path)
        assert answer["outcome"] == "applied"
        assert answer["after"] == {
            "file": file.name,
            "bytes": file.stat().st_size,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        with sqlite3.connect(file) as database:
            assert database.execute("SELECT count(*) FROM holdings").fetchone()[0] > 10
        assert [params for method, params in sent(made) if method == "core.download"] == [
            ["config.save", [{"secretseed": False, "root_authorized_keys": False}], "config.db", False]
        ]
        assert "auth_token" not in json.dumps(answer)


async def test_with_secrets_a_person_is_asked_and_an_archive_is_written(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        planned = await made.call("truenas_save_config", secrets=True, dry_run=True)
        assert "stored password" in str(planned["warnings"])
        assert (await made.call("truenas_save_config", secrets=True))["outcome"] == "applied"
        (file,) = saved(tmp_path)
        with tarfile.open(file) as archive:
            assert archive.getnames() == ["freenas-v1.db", "pwenc_secret"]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_without_a_folder_nothing_is_asked_for(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        (tmp_path / "backups").rmdir()
        error = await made.fails("truenas_save_config")
        assert error.code == "refused"
        assert calls_of(made, "core.download") == 0


async def test_a_file_over_the_bound_is_given_up_and_nothing_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "MAX_BYTES", 4096)
    async with nas(tmp_path) as made:
        error = await made.fails("truenas_save_config")
        assert error.executed is Executed.NO
        assert saved(tmp_path) == []


@pytest.mark.parametrize(
    "content", [b"", b"<html>log in</html>", b"SQLite format 3\x00" + bytes(4080), backup.SQLITE_MAGIC * 7]
)
def test_what_is_no_whole_configuration_is_told_apart(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    assert not backup._is_database(file)
    assert not backup._is_archive(file)


def test_a_cut_database_and_a_cut_archive_are_told_apart(tmp_path: Path) -> None:
    whole = tmp_path / "whole.db"
    with sqlite3.connect(whole) as database:
        database.execute("CREATE TABLE many AS SELECT zeroblob(9000) AS bytes")
    database.close()
    assert backup._is_database(whole)
    packed = tmp_path / "whole.tar"
    with tarfile.open(packed, "w") as archive:
        archive.add(whole, "freenas-v1.db")
        archive.add(whole, "pwenc_secret")
    assert backup._is_archive(packed)
    for file, check in ((whole, backup._is_database), (packed, backup._is_archive)):
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        assert not check(file)


@pytest.mark.parametrize("fault", ["reset", "drip", "truncate"])
async def test_a_download_that_breaks_off_leaves_no_file(fault: str, tmp_path: Path) -> None:
    async with nas(tmp_path, settings="timeout = 1") as made:
        await made.call("truenas_connection_test")
        made.running.fault(fault, path="/_download/")
        error = await made.fails("truenas_save_config")
        assert error.executed is Executed.NO
        assert "auth_token" not in str(error)
        assert saved(tmp_path) == []


@pytest.mark.parametrize(
    "answer", [[], [1], [1, "/_download/1", 2], {"job": 1}, ["1", "/_download/1"], [1, None], None]
)
def test_an_offer_that_is_none_is_told(answer: JsonValue) -> None:
    with pytest.raises(ProtocolError):
        backup._offer(answer)


@pytest.mark.parametrize(
    "link", ["https://elsewhere.example/_download/1?auth_token=x", "/ui/", "//elsewhere/_download/1"]
)
async def test_a_link_that_leads_elsewhere_is_not_followed(link: str, tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        client = await made.application.connections.client(made.application.connections.target("truenas", None))
        with pytest.raises(HoldfastError):
            await client.downloads.to_memory(link, max_bytes=1000)  # type: ignore[attr-defined]  # a TrueNASClient
        assert not [one for one in made.arrivals if one.path.startswith(("/_download", "/ui"))]


async def test_keys_and_passwords_of_services_are_left_out(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        ssh = await made.call("truenas_get_service_config", service="ssh")
        assert not [name for name in ssh["config"] if name.startswith(("host_", "privatekey"))]  # type: ignore[union-attr]
        snmp = await made.call("truenas_get_service_config", service="snmp")
        assert "community" in str(snmp["hidden"])
        assert "community" not in snmp["config"]  # type: ignore[operator]

"""The ledger's files as one process writes them: where a file ends, what the reserve is for, what stays behind."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.control import statefiles
from holdfast.control.ledger import restart
from holdfast.control.ledger.chain import ACTIVE
from holdfast.control.ledger.files import RESERVE_BYTES, Draft, LedgerFiles
from holdfast.errors import LedgerError
from tests.control.ledgers import KEY, START, kinds, reader, records

EVENT = Draft("event", {"event": "x"})
OUTCOME = Draft("outcome", {"id": "i", "result": "applied"})


Begin = Callable[..., LedgerFiles]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """The files as a process that begins has them; the clock stands."""
    begun: list[LedgerFiles] = []

    def files_at(directory: Path, **options: Any) -> LedgerFiles:
        begun.append(LedgerFiles(directory, **{"key": KEY, "now": lambda: START, **options}))
        begun[-1].open({})
        return begun[-1]

    yield files_at
    for files in begun:
        files.close()


class Failing:
    """Makes writing to one file fail some times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, error: OSError, times: int) -> None:
        self.left = times
        real: Callable[..., int] = os.write

        def write(handle: int, data: bytes) -> int:
            if self.left and Path(os.readlink(f"/proc/self/fd/{handle}")).name == name:
                self.left -= 1
                raise error
            return real(handle, data)

        monkeypatch.setattr(os, "write", write)


def test_a_file_that_has_just_reached_its_size_is_closed(tmp_path: Path, begin: Begin) -> None:
    begin(tmp_path / "a")
    size = (tmp_path / "a" / ACTIVE).stat().st_size
    for name, segment_bytes, segments in (("b", size, 2), ("c", size + 1, 1)):
        files = begin(tmp_path / name, segment_bytes=segment_bytes)
        files.append([EVENT])
        assert len(list((tmp_path / name).glob("*.jsonl"))) == segments


def test_a_full_file_is_not_closed_with_a_torn_line_at_its_end(tmp_path: Path, begin: Begin) -> None:
    begin(tmp_path / "l", segment_bytes=1).close()
    with (tmp_path / "l" / ACTIVE).open("ab") as file:
        file.write(b"torn")
    begin(tmp_path / "l", segment_bytes=1).append([EVENT])
    report = reader(tmp_path / "l").verify()
    assert (report.ok, report.torn, report.records, report.files) == (True, 1, 4, 3)


def test_the_reserve_is_there_and_on_disk_once_a_process_has_begun(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    begin(tmp_path / "l")
    assert (tmp_path / "l" / "reserve").stat().st_size == RESERVE_BYTES
    assert "reserve" in synced


def test_the_reserve_is_written_once_and_again_only_when_it_is_short(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    real = secrets.token_bytes

    def token_bytes(count: int) -> bytes:
        if count > 100:
            made.append(count)
        return real(count)

    monkeypatch.setattr(secrets, "token_bytes", token_bytes)
    files = begin(tmp_path / "l")
    files.append([EVENT])
    assert made == [RESERVE_BYTES]
    os.truncate(tmp_path / "l" / "reserve", RESERVE_BYTES - 1)
    files.append([EVENT])
    assert made == [RESERVE_BYTES] * 2
    assert (tmp_path / "l" / "reserve").stat().st_size == RESERVE_BYTES


def test_a_reserve_that_cannot_be_filled_refuses_the_write_and_takes_no_space(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = begin(tmp_path / "l")
    (tmp_path / "l" / "reserve").unlink()
    Failing(monkeypatch, "reserve", OSError(errno.ENOSPC, "No space left on device"), 1)
    with pytest.raises(LedgerError) as caught:
        files.append([EVENT])
    assert str(caught.value).startswith("The ledger cannot be written: No space left on device. Nothing was executed.")
    assert not (tmp_path / "l" / "reserve").exists()
    assert kinds(tmp_path / "l") == ["opened"]


def test_the_reserve_is_spent_on_outcomes_only(tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    files = begin(tmp_path / "l")
    full = Failing(monkeypatch, ACTIVE, OSError(errno.ENOSPC, "No space left on device"), 1)
    with pytest.raises(LedgerError, match="No space left"):
        files.append([EVENT])
    assert (tmp_path / "l" / "reserve").exists()
    full.left = 1
    files.append([OUTCOME], may_use_reserve=True)
    assert not (tmp_path / "l" / "reserve").exists()
    assert kinds(tmp_path / "l") == ["opened", "outcome"]


def test_an_outcome_is_recorded_although_the_reserve_cannot_be_filled_again(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = begin(tmp_path / "l")
    (tmp_path / "l" / "reserve").unlink()
    Failing(monkeypatch, "reserve", OSError(errno.ENOSPC, "No space left on device"), 1)
    files.append([OUTCOME], may_use_reserve=True)
    assert kinds(tmp_path / "l") == ["opened", "outcome"]


def test_a_record_in_a_file_that_is_there_does_not_wait_for_the_directory(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = begin(tmp_path / "l")
    synced: list[Path] = []
    monkeypatch.setattr(statefiles, "sync_dir", synced.append)
    files.append([EVENT])
    assert synced == []


def test_the_reserve_is_not_spent_where_space_is_not_what_is_missing(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = begin(tmp_path / "l")
    Failing(monkeypatch, ACTIVE, OSError(errno.EIO, "Input/output error"), 1)
    with pytest.raises(LedgerError, match="Input/output error"):
        files.append([OUTCOME], may_use_reserve=True)
    assert (tmp_path / "l" / "reserve").exists()
    assert kinds(tmp_path / "l") == ["opened"]


def test_an_error_of_the_system_without_words_is_told_by_its_own(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = begin(tmp_path / "l")
    Failing(monkeypatch, ACTIVE, OSError("the disk is gone"), 1)
    with pytest.raises(LedgerError, match=r"cannot be written: the disk is gone\."):
        files.append([EVENT])


def test_no_file_stays_open_but_the_one_that_says_who_lives(tmp_path: Path, begin: Begin) -> None:
    def held() -> list[str]:
        found = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        return sorted(Path(name).name for name in found if name.startswith(str(tmp_path)))

    one = begin(tmp_path / "l", segment_bytes=1)
    two = begin(tmp_path / "l", segment_bytes=1)
    for _ in range(3):
        one.append([EVENT])
        two.append([OUTCOME], may_use_reserve=True)
    assert held() == sorted(f"{files.owner}.lock" for files in (one, two))
    one.close()
    two.close()
    assert held() == []


def test_a_process_that_could_not_begin_begins_at_its_next_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = LedgerFiles(tmp_path / "l", key=KEY, now=lambda: START)
    Failing(monkeypatch, ACTIVE, OSError(errno.ENOSPC, "No space left on device"), 1)
    with pytest.raises(LedgerError, match="cannot be opened"):
        files.open({})
    assert list((tmp_path / "l" / "owners").iterdir()) == []
    files.open({})
    assert kinds(tmp_path / "l") == ["opened"]
    assert [path.stem for path in (tmp_path / "l" / "owners").iterdir()] == [files.owner]


def test_processes_that_are_no_more_are_forgotten(tmp_path: Path, begin: Begin) -> None:
    living = begin(tmp_path / "l")
    (tmp_path / "l" / "owners" / "dead.lock").touch(mode=0o600)
    files = begin(tmp_path / "l")
    assert {path.stem for path in (tmp_path / "l" / "owners").iterdir()} == {living.owner, files.owner}


def test_an_intent_left_open_becomes_unknown_once_however_often_a_process_begins(tmp_path: Path, begin: Begin) -> None:
    dying = begin(tmp_path / "l")
    dying.append([Draft("intent", {"id": "i"})])
    dying.close()
    for _ in range(3):
        begin(tmp_path / "l").close()
    assert kinds(tmp_path / "l") == ["opened", "intent", "opened", "outcome", "opened", "opened"]


def test_a_ledger_is_set_aside_at_the_time_it_is_with_the_hashes_of_its_files(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(tmp_path / "l").close()
    synced: list[Path] = []
    real = statefiles.sync_dir

    def sync_dir(path: Path) -> None:
        synced.append(path)
        real(path)

    monkeypatch.setattr(statefiles, "sync_dir", sync_dir)
    monkeypatch.setattr(time, "time", lambda: START)
    aside = restart(tmp_path / "l", who="alice", reason="r", key=KEY)
    assert aside.name == "set-aside-20261118T110640Z"
    assert aside in synced
    [first] = records(tmp_path / "l")
    assert first["time"] == "2026-11-18T11:06:40.000000Z"
    assert {file["name"]: file["sha256"] for file in first["body"]["files"]} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in aside.iterdir()
    }
    assert len(first["body"]["files"]) == 2


def test_a_ledger_without_a_head_can_be_set_aside(tmp_path: Path, begin: Begin) -> None:
    begin(tmp_path / "l").close()
    (tmp_path / "l" / "head.json").unlink()
    aside = restart(tmp_path / "l", who="alice", reason="r", key=KEY, now=START)
    assert [path.name for path in aside.iterdir()] == [ACTIVE]
    assert reader(tmp_path / "l").verify().ok

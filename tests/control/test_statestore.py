"""The state behind plans and approvals: the same behaviour in memory and on disk."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdfast.control.statestore import MAX_RECORD_BYTES, FileState, MemoryState, State
from holdfast.errors import ConfigError


@pytest.fixture(params=["memory", "files"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> State:
    return MemoryState() if request.param == "memory" else FileState(tmp_path / "state")


def test_a_record_is_kept_and_can_be_removed(state: State) -> None:
    assert state.get("plans", "a") is None
    assert state.keys("plans") == []
    assert state.create("plans", "a", b"one", expires_at=100.0)
    assert state.get("plans", "a") == b"one"
    assert state.keys("plans") == ["a"]
    state.remove("plans", "a")
    state.remove("plans", "a")
    assert state.get("plans", "a") is None


def test_a_record_is_never_overwritten(state: State) -> None:
    assert state.create("plans", "a", b"one", expires_at=100.0)
    assert not state.create("plans", "a", b"two", expires_at=200.0)
    assert not state.create("plans", "a", b"one", expires_at=200.0)
    assert state.get("plans", "a") == b"one"


def test_spaces_are_apart(state: State) -> None:
    state.create("plans", "a", b"one", expires_at=100.0)
    assert state.get("used", "a") is None
    assert state.keys("used") == []
    assert state.create("used", "a", b"two", expires_at=100.0)
    state.remove("used", "a")
    assert state.get("plans", "a") == b"one"


def test_of_many_that_create_at_once_exactly_one_succeeds(state: State) -> None:
    barrier = threading.Barrier(12)

    def attempt(number: int) -> bool:
        barrier.wait(10)
        return state.create("used", "a", f"{number}".encode(), expires_at=100.0)

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(attempt, range(12))) == 1


def test_pruning_removes_what_expired_before_and_nothing_else(state: State) -> None:
    for key, expires in (("a", 100.0), ("b", 200.0), ("c", 300.0)):
        state.create("plans", key, b"x", expires_at=expires)
    state.create("used", "a", b"x", expires_at=1.0)
    state.prune("plans", before=200.0)
    assert sorted(state.keys("plans")) == ["b", "c"]
    assert state.keys("used") == ["a"]
    state.prune("nothing", before=1e12)


@pytest.mark.parametrize("name", ["", "..", "a/b", "../a", "A", "a.b", "a\x00", "-a", "a" * 81, ".hidden"])
def test_names_cannot_leave_the_directory(state: State, name: str) -> None:
    with pytest.raises(ValueError):
        state.create("plans", name, b"x", expires_at=1.0)
    with pytest.raises(ValueError):
        state.create(name, "a", b"x", expires_at=1.0)
    with pytest.raises(ValueError):
        state.get("plans", name)
    with pytest.raises(ValueError):
        state.remove("plans", name)


def test_two_processes_see_the_same_files(tmp_path: Path) -> None:
    FileState(tmp_path).create("plans", "a", b"one", expires_at=100.0)
    assert FileState(tmp_path).get("plans", "a") == b"one"


def test_a_record_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    state = FileState(tmp_path)
    state.create("plans", "a", b"one", expires_at=100.0)
    (tmp_path / "plans" / "a.json").chmod(0o666)
    with pytest.raises(OSError, match="Others may write"):
        state.get("plans", "a")


def test_a_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s").chmod(0o777)
    with pytest.raises(ConfigError):
        FileState(tmp_path / "s")


def test_strange_files_in_the_directory_are_no_records(tmp_path: Path) -> None:
    state = FileState(tmp_path)
    state.create("plans", "a", b"one", expires_at=100.0)
    for name in ("b.txt", ".c.json", "UPPER.json", "..json", "abcdefghij"):
        (tmp_path / "plans" / name).touch()
    assert state.keys("plans") == ["a"]


def test_a_record_has_a_bound(tmp_path: Path) -> None:
    assert FileState(tmp_path).create("plans", "b", b"x" * MAX_RECORD_BYTES, expires_at=1.0)
    with pytest.raises(ValueError, match="too large"):
        FileState(tmp_path).create("plans", "a", b"x" * (MAX_RECORD_BYTES + 1), expires_at=1.0)


def test_a_file_that_another_process_removes_meanwhile_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = FileState(tmp_path)
    for key in ("a", "b"):
        state.create("plans", key, b"x", expires_at=1.0)
    real = os.unlink

    def racing(path: str) -> None:
        real(path)
        real(path)

    monkeypatch.setattr(os, "unlink", racing)
    state.prune("plans", before=100.0)
    assert state.keys("plans") == []

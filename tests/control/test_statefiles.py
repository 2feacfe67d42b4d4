"""State files: private, complete or absent, created by exactly one, locked between processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdfast.control import statefiles
from holdfast.control.statefiles import create, load_or_create_key, locked, private_dir, read, replace, write_all
from holdfast.errors import ConfigError
from tests.support.realtime import REAL_TIME


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directories_and_files_are_private_whatever_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = private_dir(tmp_path / "a" / "b")
        create(made / "created", b"x")
        replace(made / "replaced", b"x")
        load_or_create_key(made / "key")
        with locked(made / "lock"):
            pass
    finally:
        os.umask(before)
    assert mode(made) == mode(made.parent) == 0o700
    for name in ("created", "replaced", "key", "lock"):
        assert mode(made / name) == 0o600, name


def test_a_directory_that_is_there_already_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o755)
    assert private_dir(tmp_path / "a") == tmp_path / "a"
    assert mode(tmp_path / "a") == 0o755


@pytest.mark.parametrize("wrong", [0o777, 0o770, 0o722, 0o1777])
def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path, wrong: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(wrong)
    with pytest.raises(ConfigError, match="Others may write"):
        private_dir(tmp_path / "a")


def test_a_file_in_place_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(OSError):
        private_dir(tmp_path / "a" / "b")


def test_what_belongs_to_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"x")
    owner = tmp_path.stat().st_uid
    os.chown(tmp_path, 12345, -1) if os.geteuid() == 0 else None
    os.chown(tmp_path / "file", 12345, -1) if os.geteuid() == 0 else None
    stranger = 54321 if os.geteuid() == 0 else owner + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    with pytest.raises(ConfigError, match="another user"):
        private_dir(tmp_path)
    with pytest.raises(ConfigError, match="another user"):
        read(tmp_path / "file", 10)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_in_the_service_s_directory_belongs_to_the_service(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    create(tmp_path / "decision", b"x")
    replace(tmp_path / "head", b"x")
    private_dir(tmp_path / "below")
    for name in ("decision", "head", "below"):
        assert (tmp_path / name).stat().st_uid == 12345, name


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has files of root")
def test_what_belongs_to_root_is_believed_by_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create(tmp_path / "f", b"x")
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert read(tmp_path / "f", 10) == b"x"
    assert private_dir(tmp_path) == tmp_path


def test_content_and_name_are_on_disk_before_success_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync
    synced: list[str] = []

    def sync(handle: int) -> None:
        target = Path(os.readlink(f"/proc/self/fd/{handle}"))
        synced.append("directory" if target == tmp_path else f"content of {target.stat().st_size} bytes")
        real(handle)

    monkeypatch.setattr(os, "fsync", sync)
    create(tmp_path / "f", b"four")
    assert synced == ["content of 4 bytes", "directory"]
    replace(tmp_path / "f", b"three")
    assert synced[2:] == ["content of 5 bytes", "directory"]


def test_no_file_stays_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for number in range(20):
        create(tmp_path / f"c{number}", b"x")
        replace(tmp_path / "f", b"x")
        read(tmp_path / "f", 10)
        load_or_create_key(tmp_path / "key")
        with locked(tmp_path / "lock"):
            pass
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_file_may_carry_another_time(tmp_path: Path) -> None:
    create(tmp_path / "f", b"x", modified_at=12345.0)
    assert (tmp_path / "f").stat().st_mtime == 12345.0


def test_a_file_is_created_once(tmp_path: Path) -> None:
    assert create(tmp_path / "f", b"one") is True
    assert create(tmp_path / "f", b"two") is False
    assert (tmp_path / "f").read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["f"]


def test_of_many_that_create_at_once_exactly_one_succeeds(tmp_path: Path) -> None:
    barrier = threading.Barrier(16)

    def attempt(number: int) -> bool:
        barrier.wait(10)
        return create(tmp_path / "f", f"{number:2d}".encode() * 1000)

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(attempt, range(16))) == [False] * 15 + [True]
    winner = int((tmp_path / "f").read_bytes()[:2].decode().strip() or 0)
    assert (tmp_path / "f").read_bytes() == f"{winner:2d}".encode() * 1000
    assert os.listdir(tmp_path) == ["f"]


def test_a_replaced_file_has_the_new_content_and_no_remains_stay(tmp_path: Path) -> None:
    replace(tmp_path / "f", b"one")
    replace(tmp_path / "f", b"two")
    assert (tmp_path / "f").read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("make", [create, replace])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object) -> None:
    def full(handle: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        make(tmp_path / "f", b"data")  # type: ignore[operator]  # one of two functions
    assert os.listdir(tmp_path) == []


def test_a_replacement_that_fails_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace(tmp_path / "f", b"old")

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", refuse)
        with pytest.raises(OSError, match="Input/output"):
            replace(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, bytes(data)[:3]))
    handle = os.open(tmp_path / "f", os.O_WRONLY | os.O_CREAT)
    write_all(handle, b"0123456789")
    os.close(handle)
    assert (tmp_path / "f").read_bytes() == b"0123456789"


def test_a_file_is_read_up_to_its_bound_and_not_beyond(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 100)
    assert read(tmp_path / "f", 100) == b"x" * 100
    with pytest.raises(ConfigError, match="larger than 99"):
        read(tmp_path / "f", 99)
    assert read(tmp_path / "missing", 10) is None


def test_a_file_that_grows_while_it_is_read_is_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_bytes(b"x")
    monkeypatch.setattr(os, "read", lambda handle, count: b"y" * min(count, 50))
    with pytest.raises(ConfigError, match="larger"):
        read(tmp_path / "f", 100)


def test_links_pipes_and_directories_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "f")
    with pytest.raises(OSError):
        read(tmp_path / "link", 10)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="not a regular file"):
        read(tmp_path / "pipe", 10)
    (tmp_path / "dir").mkdir()
    with pytest.raises(ConfigError, match="not a regular file"):
        read(tmp_path / "dir", 10)


@pytest.mark.parametrize(
    ("permission", "plain", "secret"), [(0o600, True, True), (0o644, True, False), (0o660, False, False)]
)
def test_what_others_may_do_decides_whether_a_file_is_believed(
    tmp_path: Path, permission: int, plain: bool, secret: bool
) -> None:
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "f").chmod(permission)
    for allowed, wants_secret in ((plain, False), (secret, True)):
        if allowed:
            assert read(tmp_path / "f", 10, secret=wants_secret) == b"x"
        else:
            with pytest.raises(ConfigError, match="Others may"):
                read(tmp_path / "f", 10, secret=wants_secret)


def test_a_key_is_made_once_and_stays(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path / "keys" / "key")
    assert len(key) == 32
    assert load_or_create_key(tmp_path / "keys" / "key") == key
    assert load_or_create_key(tmp_path / "keys" / "other") != key


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    barrier = threading.Barrier(12)

    def start(_: int) -> bytes:
        barrier.wait(10)
        return load_or_create_key(tmp_path / "key")

    with ThreadPoolExecutor(12) as pool:
        assert len(set(pool.map(start, range(12)))) == 1


def test_a_key_that_vanishes_while_it_is_made_is_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statefiles, "create", lambda path, data: False)
    with pytest.raises(ConfigError, match="does not hold a key"):
        load_or_create_key(tmp_path / "key")


@pytest.mark.parametrize("content", [b"", b"abcd", b"zz" * 32, b"ab" * 31, b"ab" * 33, b"\xff" * 64])
def test_a_file_that_holds_no_key_is_refused_and_not_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(ConfigError, match="does not hold a key"):
        load_or_create_key(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == content


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_or_create_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(ConfigError, match="Others may use"):
        load_or_create_key(tmp_path / "key")


def test_only_one_thread_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        with locked(tmp_path / "lock"):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(64)))
    assert max(most) == 1


@REAL_TIME
def test_who_waits_too_long_for_the_lock_gives_up(tmp_path: Path) -> None:
    now = [0.0]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    again = locked(tmp_path / "lock", timeout_s=0.1, monotonic=lambda: now[0], sleep=sleep)
    with locked(tmp_path / "lock"), pytest.raises(TimeoutError, match="another process holds lock"), again:
        pass
    assert 0.09 < sum(waits) < 0.12
    at_once = locked(tmp_path / "lock", timeout_s=0, monotonic=lambda: 7.0, sleep=waits.append)
    waits.clear()
    with locked(tmp_path / "lock"), pytest.raises(TimeoutError), at_once:
        pass
    assert waits == []
    with locked(tmp_path / "lock", timeout_s=0):
        pass


HOLDER = """
import sys, time
from pathlib import Path
from holdfast.control.statefiles import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@REAL_TIME
def test_the_lock_holds_between_processes_and_a_killed_process_lets_go(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(TimeoutError), locked(tmp_path / "lock", timeout_s=0.02):
            pass
        holder.kill()
        holder.wait(10)
        with locked(tmp_path / "lock", timeout_s=10):
            pass


def test_an_error_inside_lets_go_of_the_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path / "lock"):
        raise KeyError
    with locked(tmp_path / "lock", timeout_s=0):
        pass


def test_a_lock_file_is_not_followed_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError), locked(tmp_path / "lock"):
        pass
    assert not (tmp_path / "elsewhere").exists()
    assert statefiles.PRIVATE_FILE == 0o600

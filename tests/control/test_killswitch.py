"""The kill switch: whoever can put a file there stops every write; in doubt it is engaged."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.control import statefiles
from holdfast.control.killswitch import KillStatus, KillSwitch
from holdfast.errors import ConfigError, KillSwitchError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "KILL"


@pytest.fixture
def switch(path: Path) -> KillSwitch:
    return KillSwitch(path, now=lambda: 1000.0)


def test_writes_are_allowed_until_somebody_engages_it(switch: KillSwitch) -> None:
    switch.check()
    assert switch.status() == KillStatus(engaged=False)


def test_engaged_it_refuses_and_says_who_and_why(switch: KillSwitch) -> None:
    switch.engage(reason="storage is failing", who="alice")
    with pytest.raises(KillSwitchError, match=r"engaged by alice: storage is failing\. Nothing was executed"):
        switch.check()
    assert switch.status() == KillStatus(True, "storage is failing", "alice", 1000.0)


def test_it_stays_engaged_after_a_restart_and_for_every_other_process(switch: KillSwitch, path: Path) -> None:
    switch.engage(reason="r", who="w")
    with pytest.raises(KillSwitchError):
        KillSwitch(path).check()


def test_release_allows_writes_again_in_every_process(switch: KillSwitch, path: Path) -> None:
    switch.engage(reason="r", who="w")
    assert KillSwitch(path).release() == KillStatus(True, "r", "w", 1000.0)
    switch.check()
    KillSwitch(path).check()


def test_taking_its_directory_away_or_putting_another_there_does_not_allow_writes(
    switch: KillSwitch, path: Path
) -> None:
    switch.engage(reason="r", who="w")
    path.parent.rename(path.parent.with_name("aside"))
    said = "the state directory is not the one of the start: restart the server"
    assert switch.status() == KillStatus(True, said)
    path.parent.mkdir(mode=0o700)
    assert switch.status() == KillStatus(True, said)
    with pytest.raises(KillSwitchError, match="not the one of the start"):
        switch.check()
    path.parent.rmdir()
    path.parent.with_name("aside").rename(path.parent)
    assert switch.status().reason == "r"
    switch.release()
    switch.check()


def test_releasing_what_is_not_engaged_changes_nothing(switch: KillSwitch) -> None:
    assert switch.release() == KillStatus(engaged=False)
    switch.check()


def test_the_first_reason_stays(switch: KillSwitch, path: Path) -> None:
    switch.engage(reason="first", who="alice")
    assert KillSwitch(path).engage(reason="second", who="bob").reason == "first"
    assert switch.status().who == "alice"


def test_an_empty_file_made_by_hand_is_enough(switch: KillSwitch, path: Path) -> None:
    path.touch(mode=0o644)
    with pytest.raises(KillSwitchError, match=r"engaged\. Nothing"):
        switch.check()


@pytest.mark.parametrize("content", [b"stop!", b"[]", b"\xff\xfe", b"{" * 10_000, b"x" * 1_000_000, b'{"reason": 5}'])
def test_any_content_is_enough(switch: KillSwitch, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    assert switch.status().engaged
    with pytest.raises(KillSwitchError):
        switch.check()


def test_a_file_that_vanishes_while_it_is_read_counts_once_more(
    switch: KillSwitch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.touch(mode=0o600)
    monkeypatch.setattr(statefiles, "read", lambda path, max_bytes: None)
    assert switch.status() == KillStatus(engaged=True)


def test_a_directory_or_a_broken_link_in_its_place_is_enough(switch: KillSwitch, path: Path) -> None:
    path.mkdir()
    with pytest.raises(KillSwitchError):
        switch.check()
    path.rmdir()
    path.symlink_to(path.parent / "nowhere")
    with pytest.raises(KillSwitchError):
        switch.check()
    with pytest.raises(KillSwitchError):
        KillSwitch(path).check()


def test_a_file_that_cannot_be_looked_at_counts_as_present(switch: KillSwitch, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "lstat", refuse)
    assert switch.status().engaged
    with pytest.raises(KillSwitchError, match="cannot be examined"):
        switch.check()


def test_text_in_the_file_is_cleaned_and_bounded(switch: KillSwitch, path: Path) -> None:
    path.write_text(json.dumps({"reason": "a\x1b[31m\nb" + "x" * 5000, "who": "\u202eeve", "since": True}))
    path.chmod(0o600)
    status = switch.status()
    assert status.reason is not None
    assert status.reason.startswith("a bx")
    assert len(status.reason) <= 300
    assert status.who == "eve"
    assert status.since is None


def test_its_file_is_private(switch: KillSwitch, path: Path) -> None:
    switch.engage(reason="r", who="w")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(ConfigError):
        KillSwitch(tmp_path / "open" / "KILL")


def test_when_the_file_cannot_be_written_this_process_stops_all_the_same(
    switch: KillSwitch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes, **_: object) -> bool:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(statefiles, "create", full)
        with pytest.raises(OSError, match="No space"):
            switch.engage(reason="r", who="w")
    with pytest.raises(KillSwitchError, match="engaged by w: r"):
        switch.check()
    assert switch.status() == KillStatus(True, "r", "w", 1000.0)
    with monkeypatch.context() as broken:
        broken.setattr(statefiles, "create", full)
        with pytest.raises(OSError, match="No space"):
            switch.engage(reason="second", who="bob")
    assert switch.status().reason == "r"
    switch.release()
    switch.check()


def test_the_release_is_on_disk_before_it_is_reported(switch: KillSwitch, monkeypatch: pytest.MonkeyPatch) -> None:
    switch.engage(reason="r", who="w")
    synced: list[tuple[Path, bool]] = []
    monkeypatch.setattr(statefiles, "sync_dir", lambda path: synced.append((path, switch.status().engaged)))
    switch.release()
    assert [engaged for _, engaged in synced] == [False]


def test_when_the_file_cannot_be_removed_writes_stay_stopped(
    switch: KillSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch.engage(reason="r", who="w")

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", refuse)
        with pytest.raises(PermissionError):
            switch.release()
    with pytest.raises(KillSwitchError):
        switch.check()


@pytest.fixture
def restored_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("restored_handler")
def test_the_signal_engages_and_never_releases(switch: KillSwitch, path: Path) -> None:
    switch.engage_on_signal()
    os.kill(os.getpid(), signal.SIGUSR1)
    assert path.exists()
    assert switch.status().reason == "signal SIGUSR1"
    os.kill(os.getpid(), signal.SIGUSR1)
    with pytest.raises(KillSwitchError):
        switch.check()


@pytest.mark.usefixtures("restored_handler")
def test_another_signal_may_be_chosen(switch: KillSwitch) -> None:
    before = signal.getsignal(signal.SIGUSR2)
    try:
        switch.engage_on_signal(signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert switch.status().reason == "signal SIGUSR2"


@pytest.mark.usefixtures("restored_handler")
def test_the_signal_stops_this_process_even_when_the_disk_is_full(
    switch: KillSwitch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes, **_: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(statefiles, "create", full)
    switch.engage_on_signal(signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert not path.exists()
    with pytest.raises(KillSwitchError):
        switch.check()


def test_where_the_system_has_no_such_signal_nothing_happens(
    switch: KillSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(signal, "SIGUSR1")
    switch.engage_on_signal()
    switch.check()


WAITING = """
import sys, time
from pathlib import Path
from holdfast.control.killswitch import KillSwitch
switch = KillSwitch(Path(sys.argv[1]))
switch.engage_on_signal()
print("ready", flush=True)
for _ in range(3000):
    if switch.status().engaged:
        print("stopped", flush=True)
        break
    time.sleep(0.01)
"""


def test_a_signal_to_one_process_stops_all(path: Path, switch: KillSwitch) -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.readline() == "stopped\n"
        assert process.wait(timeout=30) == 0
    with pytest.raises(KillSwitchError, match="signal SIGUSR1"):
        switch.check()

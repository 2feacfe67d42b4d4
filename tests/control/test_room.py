"""The control room of a process: made when first needed, and asked before every change."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import JsonValue

from holdfast.appliances.kinds import settings_classes
from holdfast.config import Config, parse_config
from holdfast.control import statefiles
from holdfast.control.caller import Caller
from holdfast.control.change import Change
from holdfast.control.ledger import Intent, restart
from holdfast.control.room import ControlRoom, default_state_dir
from holdfast.errors import ConfigError, HoldfastError, KillSwitchError, NotSentError, PolicyError
from tests.control.doors import Door, Target, entry
from tests.support.realtime import REAL_TIME


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def configured(tmp_path: Path, mode: str = "operate", control: str = "", secret: str = "s3cret-s3cret") -> Config:
    return parse_config(
        f"""
[targets.proxmox.lab]
host = "127.0.0.1"
mode = "{mode}"
token_id = "a@pve!bb"
token_secret = "{secret}"

[control]
state_dir = "{tmp_path / "state"}"
{control}
""",
        settings_classes(),
    )


async def never(tool: str, target: str, arguments: dict[str, JsonValue]) -> Change:
    raise AssertionError("nothing is to be read back")


async def left_open(config: Config) -> None:
    room = ControlRoom(config)
    intent = Intent("alice", "proxmox.lab", "proxmox", "proxmox_shut_door", "write", {"door": 7}, "c1")
    await room.parts().ledger.intent(intent)
    await room.stop()


async def settled(room: ControlRoom) -> None:
    """Wait until what an earlier process left open is looked at."""
    if room._settling is not None:
        await asyncio.wait([room._settling])


async def test_a_room_that_only_reads_leaves_no_trace(tmp_path: Path) -> None:
    room = ControlRoom(configured(tmp_path, "read-only"))
    await room.start(never)
    assert room.confirmation_keys() == []
    assert room.ready() == (True, {})
    await room.stop()
    assert not (tmp_path / "state").exists()


async def test_the_signal_does_not_end_a_room_that_only_reads_and_stops_the_others_of_its_state(
    tmp_path: Path,
) -> None:
    room = ControlRoom(configured(tmp_path, "read-only"))
    await room.start(never)
    signal.raise_signal(signal.SIGUSR1)
    with pytest.raises(KillSwitchError, match="signal SIGUSR1"):
        ControlRoom(configured(tmp_path)).parts().kill_switch.check()
    await room.stop()


async def test_the_signal_does_not_end_a_room_whose_state_cannot_be_used(tmp_path: Path) -> None:
    room = ControlRoom(configured(tmp_path, "read-only"))
    await room.start(never)
    (tmp_path / "state").write_text("no directory")
    signal.raise_signal(signal.SIGUSR1)
    await room.stop()


def test_servers_of_one_state_directory_seal_confirmations_alike_and_others_do_not(tmp_path: Path) -> None:
    one, two = (ControlRoom(configured(tmp_path)).confirmation_keys() for _ in range(2))
    assert one == two
    assert len(one[0]) == 32
    assert one[0] not in (tmp_path / "state" / "key").read_bytes()
    (tmp_path / "b").mkdir()
    assert ControlRoom(configured(tmp_path / "b")).confirmation_keys() != one


def test_a_server_whose_state_directory_cannot_be_used_is_told_so_before_it_serves(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no directory")
    with pytest.raises(HoldfastError, match="state"):
        ControlRoom(configured(tmp_path)).confirmation_keys()


async def test_a_room_is_ready_while_what_a_change_needs_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = ControlRoom(configured(tmp_path))
    await room.start(never)
    fine = (True, {"ledger_writable": 1, "ledger_whole": 1, "writes_stopped": 0})
    not_fine = (False, {"ledger_writable": 0, "ledger_whole": 1, "writes_stopped": 0})
    assert room.ready() == fine
    await room.parts().ledger.event("begun")
    assert room.ready() == fine
    room.parts().kill_switch.engage(reason="drill", who="operator")
    assert room.ready() == (True, {"ledger_writable": 1, "ledger_whole": 1, "writes_stopped": 1})
    room.parts().kill_switch.release()
    access, statvfs = os.access, os.statvfs
    for name in ("ledger", "ledger.jsonl", "lock"):
        monkeypatch.setattr(os, "access", lambda path, mode, name=name: Path(path).name != name and access(path, mode))
        assert room.ready() == not_fine
    monkeypatch.setattr(os, "access", access)
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=0))
    assert room.ready() == not_fine
    monkeypatch.setattr(os, "statvfs", statvfs)
    assert room.ready() == fine
    await room.stop()
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "state").write_text("no directory")
    assert room.ready() == (False, {"ledger_writable": 0, "ledger_whole": 0, "writes_stopped": 1})


async def test_a_room_whose_ledger_is_damaged_is_not_ready(tmp_path: Path) -> None:
    config = configured(tmp_path)
    await left_open(config)
    ledger = tmp_path / "state" / "ledger" / "ledger.jsonl"
    whole = ledger.read_text()
    ledger.write_text(whole.replace("alice", "mallory"))
    room = ControlRoom(config)
    await room.start(never)
    await settled(room)
    assert room.ready() == (False, {"ledger_writable": 0, "ledger_whole": 0, "writes_stopped": 0})
    await room.stop()


async def test_a_room_whose_ledger_may_have_been_cut_is_not_ready_until_it_is_begun_anew(tmp_path: Path) -> None:
    config = configured(tmp_path)
    room = ControlRoom(config)
    for number in range(3):
        await room.parts().ledger.event("begun", number=number)
    place = tmp_path / "state" / "ledger"
    lost = (False, {"ledger_writable": 1, "ledger_whole": 0, "writes_stopped": 0})
    lines = (place / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (place / "ledger.jsonl").write_bytes(b"".join(lines[:3]))
    assert room.ready() == lost
    (place / "head.json").unlink()
    assert room.ready() == lost
    await room.parts().ledger.event("goes on")
    assert not room.parts().ledger.reader.verify().ok
    assert room.ready() == lost
    await room.stop()
    assert ControlRoom(config).ready() == lost
    key = statefiles.load_or_create_key(tmp_path / "state" / "key")
    restart(place, who="operator", reason="cut", key=key)
    assert ControlRoom(config).ready() == (True, {"ledger_writable": 1, "ledger_whole": 1, "writes_stopped": 0})


async def test_a_room_whose_ledger_cannot_be_read_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = ControlRoom(configured(tmp_path))
    await room.parts().ledger.event("begun")

    def fails(*_: object, **__: object) -> bytes:
        raise OSError(5, "Input/output error")

    room.parts()
    monkeypatch.setattr(statefiles, "read", fails)
    ready, facts = room.ready()
    assert (ready, facts["ledger_whole"]) == (False, 0)
    await room.stop()


async def test_the_signal_stops_writes_from_the_start_on(tmp_path: Path) -> None:
    room = ControlRoom(configured(tmp_path))
    await room.start(never)
    signal.raise_signal(signal.SIGUSR1)
    with pytest.raises(KillSwitchError):
        room.parts().kill_switch.check()
    assert (tmp_path / "state" / "stop").exists()
    assert room._settling is None
    await room.stop()


def test_a_room_that_is_started_in_another_thread_leaves_signals_alone(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(ControlRoom(configured(tmp_path)).start(never))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert failures == []
    assert signal.getsignal(signal.SIGUSR1) is before


async def test_what_an_earlier_process_left_open_is_read_back_at_the_start(tmp_path: Path) -> None:
    config = configured(tmp_path)
    await left_open(config)
    asked: list[str] = []

    async def recompute(tool: str, target: str, arguments: dict[str, JsonValue]) -> Change:
        asked.append(tool)
        return Door(state="shut").change()

    room = ControlRoom(config)
    await room.start(recompute)
    await settled(room)
    assert asked == ["proxmox_shut_door"]
    assert room.parts().ledger.reader.unsettled() == []
    await room.stop()
    await room.stop()


async def test_a_ledger_that_cannot_be_read_is_logged_and_does_not_keep_the_server_from_reading(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    config = configured(tmp_path)
    await left_open(config)
    ledger = tmp_path / "state" / "ledger" / "ledger.jsonl"
    ledger.write_text(ledger.read_text().replace("alice", "mallory"))
    room = ControlRoom(config)
    await room.start(never)
    await settled(room)
    assert "earlier writes cannot be settled: The ledger is damaged" in caplog.text
    await room.stop()


@REAL_TIME
async def test_a_room_that_ends_while_it_reads_back_waits_for_that_and_closes_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    config = configured(tmp_path)
    await left_open(config)
    began = asyncio.Event()

    async def hangs(tool: str, target: str, arguments: dict[str, JsonValue]) -> Change:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            order.append("reading back has ended")
        raise NotSentError("not reached")

    room = ControlRoom(config)
    await room.start(hangs)
    await began.wait()
    close = room.parts().ledger.close

    async def noted() -> None:
        order.append("the ledger is closed")
        await close()

    monkeypatch.setattr(room.parts().ledger, "close", noted)
    await asyncio.wait_for(room.stop(), 10)
    assert order == ["reading back has ended", "the ledger is closed"]
    assert len(ControlRoom(config).parts().ledger.reader.unsettled()) == 1


async def test_a_change_goes_through_the_rooms_own_gates_and_sleep(tmp_path: Path) -> None:
    door, slept = Door(blind=True), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def compute() -> Change:
        return door.change()

    room = ControlRoom(configured(tmp_path), sleep)
    target = Target(name="lab", host="door.example")
    result = await room.run(entry(), target, Caller(), {"door": 7}, compute, dry_run=False, plan_id=None)
    assert result.outcome == "unknown"
    assert slept == [1.0, 3.0]
    assert room.parts() is room.parts()
    planned = await room.run(entry(), target, Caller(), {"door": 7}, compute, dry_run=True, plan_id=None)
    assert planned.outcome in ("planned", "nothing_to_do")
    await room.stop()


async def test_a_room_that_is_stopped_lets_the_ledger_be_written_by_the_next(tmp_path: Path) -> None:
    room = ControlRoom(configured(tmp_path))
    parts = room.parts()
    await parts.ledger.start()
    await room.stop()
    assert room.parts() is not parts
    await room.stop()


# -- the policy


RULES = """
[[rules]]
principals = ["alice"]
targets = ["proxmox.lab"]
toolsets = ["proxmox:doors"]
risks = ["write"]
tools = ["proxmox_shut_door"]
"""


def test_without_a_policy_file_the_gate_is_open(tmp_path: Path) -> None:
    ControlRoom(configured(tmp_path)).gate(principal="anyone", target=None, entry=entry())


def test_the_gate_asks_the_policy_about_principal_target_toolset_risk_and_tool(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(RULES)
    policy.chmod(0o600)
    room = ControlRoom(configured(tmp_path, control=f'policy_file = "{policy}"'))
    lab, other = Target(name="lab", host="a.example"), Target(name="other", host="b.example")
    room.gate(principal="alice", target=lab, entry=entry())
    for principal, target, made in [("bob", lab, entry()), ("alice", other, entry()), ("alice", None, entry())]:
        with pytest.raises(PolicyError):
            room.gate(principal=principal, target=target, entry=made)


def test_a_policy_whose_own_test_fails_does_not_start(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        RULES
        + '[[tests]]\nprincipal = "alice"\ntarget = "lab"\nkind = "proxmox"\ntoolset = "doors"\nrisk = "write"\n'
        + 'tool = "proxmox_shut_door"\nexpect = "deny"\n'
    )
    policy.chmod(0o600)
    with pytest.raises(ConfigError, match="test 1"):
        ControlRoom(configured(tmp_path, control=f'policy_file = "{policy}"'))


# -- secrets and places


def test_secrets_of_the_configuration_are_known_to_the_exit_and_one_that_cannot_be_had_does_not_matter(
    tmp_path: Path,
) -> None:
    assert "s3cret" not in ControlRoom(configured(tmp_path)).exit.text("it is s3cret-s3cret")
    ControlRoom(configured(tmp_path, secret="env:HOLDFAST_NO_SUCH_VARIABLE"))


def test_a_secret_that_can_be_had_only_later_is_known_to_the_exit_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.control.redaction.MAX_RUNTIME_SECRETS", 4)
    file = tmp_path / "secret"
    config = configured(tmp_path, secret=f"file:{file}")
    room = ControlRoom(config)
    [secret] = config.secrets()
    with pytest.raises(ConfigError):
        secret.reveal()
    file.write_text("s3cret-s3cret\n")
    assert secret.reveal() == "s3cret-s3cret"
    for number in range(20):
        assert "s3cret" not in room.exit.text("it is s3cret-s3cret")
        room.redactor.add(f"ticket-of-a-login-{number}")
        secret.reveal()


def test_crash_reports_pass_the_rooms_redactor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = sys.excepthook
    ControlRoom(configured(tmp_path)).redact_crashes()
    assert sys.excepthook is not before


def test_the_state_directory_is_configured_or_named_by_the_environment_or_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ControlRoom(configured(tmp_path)).state_dir == tmp_path / "state"
    monkeypatch.setenv("HOLDFAST_STATE", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert default_state_dir() == tmp_path / "named"
    monkeypatch.delenv("HOLDFAST_STATE")
    assert default_state_dir() == tmp_path / "xdg" / "holdfast"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_state_dir() == tmp_path / "home" / ".local" / "state" / "holdfast"
    bare = parse_config(
        '[targets.proxmox.lab]\nhost = "127.0.0.1"\ntoken_id = "a@pve!bb"\ntoken_secret = "x"\n', settings_classes()
    )
    assert ControlRoom(bare).state_dir == default_state_dir()

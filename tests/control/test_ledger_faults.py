"""Full disks, failing disks, killed processes, torn lines: a write is refused or it is recorded."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.control import statefiles
from holdfast.control.ledger import Ledger, Outcome
from holdfast.control.ledger.files import RESERVE_BYTES
from holdfast.control.redaction import Redactor
from holdfast.errors import Executed, LedgerError
from tests.control.ledgers import KEY, intent, kinds, opened, reader, records
from tests.support.realtime import REAL_TIME


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if not mounted or mounted.returncode != 0:
        pytest.skip("this user cannot mount a file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# More than the rest of a page, which a full file system still has for the end of a file.
LONG = Outcome("applied", verified=True, note="n" * 2000, task="t" * 2000, error="e" * 2000)


def fill(disk: Path) -> None:
    """Use up every byte that is left."""
    with (disk / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        for _ in range(1_000_000):
            file.write(b"x" * 512)
    with (disk / "filler2").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        for _ in range(10_000):
            file.write(b"x")


async def test_on_a_full_disk_writes_are_refused_but_what_was_sent_is_recorded(small_disk: Path) -> None:
    async with opened(small_disk / "l") as ledger:
        entry = await ledger.intent(intent(1))
        fill(small_disk)
        await ledger.outcome(entry, LONG)
        assert not (small_disk / "l" / "reserve").exists()
        assert records(small_disk / "l")[-1]["body"]["result"] == "applied"
        with pytest.raises(LedgerError, match="No space left") as caught:
            await ledger.intent(intent(2))
        assert caught.value.executed is Executed.NO
        assert caught.value.next_step is not None
        (small_disk / "filler").unlink()
        await ledger.intent(intent(3))
    assert kinds(small_disk / "l") == ["opened", "intent", "outcome", "intent"]
    assert (small_disk / "l" / "reserve").stat().st_size == RESERVE_BYTES
    assert reader(small_disk / "l").verify().ok


async def test_when_not_even_the_reserve_is_enough_the_outcome_is_kept_and_written_later(small_disk: Path) -> None:
    async with opened(small_disk / "l") as ledger:
        entry = await ledger.intent(intent(1))
        (small_disk / "l" / "reserve").unlink()
        fill(small_disk)
        with pytest.raises(LedgerError, match="was sent \\(applied\\), but its outcome") as caught:
            await ledger.outcome(entry, LONG)
        assert caught.value.executed is Executed.YES
        with pytest.raises(LedgerError):
            await ledger.intent(intent(2))
        assert [left.id for left in await ledger.unsettled()] == [entry.id]
        (small_disk / "filler").unlink()
        await ledger.event("space again")
        assert await ledger.unsettled() == []
    assert kinds(small_disk / "l") == ["opened", "intent", "outcome", "event"]
    assert reader(small_disk / "l").verify().ok


async def test_a_ledger_cannot_begin_on_a_full_disk(small_disk: Path) -> None:
    fill(small_disk)
    async with opened(small_disk / "l") as ledger:
        with pytest.raises(LedgerError, match="No space left"):
            await ledger.start()
        (small_disk / "filler").unlink()
        await ledger.start()
        await ledger.intent(intent())
    assert reader(small_disk / "l").verify().ok


LIMITED = """
import asyncio, resource, signal, sys
from pathlib import Path
from holdfast.control.ledger import Intent, Ledger
from holdfast.control.redaction import Redactor
from holdfast.errors import LedgerError

async def main():
    ledger = Ledger(Path(sys.argv[1]), redactor=Redactor(), key=b"k" * 32)
    await ledger.start()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, 70_000))
    for number in range(200):
        try:
            await ledger.intent(Intent("a", "t", "k", "tool", "write", {"x": "y" * 1500}, "c"))
        except LedgerError as error:
            print(number, error)
            return
    print("never refused")

asyncio.run(main())
"""


async def test_a_limit_on_file_sizes_refuses_the_write_and_leaves_no_half_line(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: ASYNC221 - the process is what is tested, nothing else runs meanwhile
        [sys.executable, "-c", LIMITED, str(tmp_path / "l")], capture_output=True, text=True, timeout=60, check=True
    )
    assert "File too large" in done.stdout
    written = int(done.stdout.split()[0])
    assert 0 < written < 60
    assert (tmp_path / "l" / "ledger.jsonl").read_bytes().endswith(b"\n")
    report = reader(tmp_path / "l").verify()
    assert report.ok
    assert (report.records, report.unfinished) == (written + 1, False)


class FailingDisk:
    """Makes one call of the operating system fail on the ledger's file, from now on or for some time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, function: str, code: int, times: int = 1_000_000) -> None:
        self.real: Callable[..., Any] = getattr(os, function)
        self.code, self.left = code, times
        monkeypatch.setattr(os, function, self)

    def __call__(self, handle: int, *arguments: Any) -> Any:
        name = os.readlink(f"/proc/self/fd/{handle}")
        if name.endswith("ledger.jsonl") and self.left > 0:
            self.left -= 1
            raise OSError(self.code, os.strerror(self.code))
        return self.real(handle, *arguments)


async def test_a_write_that_fails_in_the_middle_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.start()
        before = (tmp_path / "l" / "ledger.jsonl").read_bytes()
        real = os.write

        def half(handle: int, data: bytes) -> int:
            if os.readlink(f"/proc/self/fd/{handle}").endswith("ledger.jsonl"):
                if len(data) < 100:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return real(handle, bytes(data)[: len(data) // 2])
            return real(handle, data)

        with monkeypatch.context() as broken:
            broken.setattr(os, "write", half)
            with pytest.raises(LedgerError):
                await ledger.intent(intent())
            assert (tmp_path / "l" / "ledger.jsonl").read_bytes() == before
            # And when it cannot even be taken back:
            broken.setattr(os, "ftruncate", lambda handle, size: (_ for _ in ()).throw(OSError(5, "I/O error")))
            with pytest.raises(LedgerError):
                await ledger.intent(intent())
        assert len((tmp_path / "l" / "ledger.jsonl").read_bytes()) > len(before)
        await ledger.intent(intent())
    assert kinds_with_torn(tmp_path / "l") == ["opened", "torn", "recovered", "intent"]
    report = reader(tmp_path / "l").verify()
    assert report.ok
    assert report.torn == 1


async def test_a_disk_that_cannot_sync_is_trusted_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path / "l") as ledger:
        entry = await ledger.intent(intent(1))
        with monkeypatch.context() as broken:
            FailingDisk(broken, "fsync", errno.EIO)
            with pytest.raises(LedgerError, match="Input/output error"):
                await ledger.intent(intent(2))
        # It says so only once; nobody knows what it has lost.
        with pytest.raises(LedgerError, match="failed to store") as caught:
            await ledger.intent(intent(3))
        assert caught.value.next_step is not None
        assert "restart" in caught.value.next_step
        with pytest.raises(LedgerError):
            await ledger.event("x")
        with pytest.raises(LedgerError) as lost:
            await ledger.outcome(entry, Outcome("unknown"))
        assert lost.value.executed is Executed.UNKNOWN
    async with opened(tmp_path / "l") as ledger:
        [left] = await ledger.start()
        assert left.id == entry.id
    assert reader(tmp_path / "l").verify().ok


async def test_the_data_are_synced_before_the_intent_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real_write, real_sync = os.write, os.fsync

    def write(handle: int, data: bytes) -> int:
        order.append(f"write {Path(os.readlink(f'/proc/self/fd/{handle}')).name}")
        return real_write(handle, data)

    def sync(handle: int) -> None:
        order.append(f"sync {Path(os.readlink(f'/proc/self/fd/{handle}')).name}")
        real_sync(handle)

    async with opened(tmp_path / "l") as ledger:
        await ledger.start()
        monkeypatch.setattr(os, "write", write)
        monkeypatch.setattr(os, "fsync", sync)
        await ledger.intent(intent())
    assert order[:2] == ["write ledger.jsonl", "sync ledger.jsonl"]


async def test_a_new_file_is_synced_with_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(statefiles, "sync_dir", synced.append)
    async with opened(tmp_path / "l", segment_bytes=10) as ledger:
        await ledger.start()
        assert synced == [tmp_path / "l"]
        await ledger.event("x")
        # Once for the name that changed, once for the new file.
        assert synced == [tmp_path / "l"] * 3


async def test_a_head_that_cannot_be_written_only_means_more_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path / "l", segment_bytes=1500) as ledger:
        await ledger.start()
        with monkeypatch.context() as broken:

            def refuse(*_: object) -> None:
                raise OSError(errno.ENOSPC, "No space left on device")

            broken.setattr("holdfast.control.ledger.head.write", refuse)
            for number in range(6):
                async with ledger.attempt(intent(number)) as entry:
                    entry.settle(Outcome("applied"))
            left = await ledger.intent(intent(9))
            head = ledger.head()
            assert head is not None
            assert head.seq == 1
            assert [found.id for found in await ledger.unsettled()] == [left.id]
        await ledger.outcome(left, Outcome("applied"))
        head = ledger.head()
        assert head is not None
        assert head.seq == 15
    report = reader(tmp_path / "l").verify()
    assert report.ok
    assert report.files > 2


async def test_a_read_only_disk_refuses_writes_and_can_still_be_read(small_disk: Path) -> None:
    async with opened(small_disk / "l") as ledger:
        await ledger.event("x")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)  # noqa: ASYNC221 - as above
    async with opened(small_disk / "l") as ledger:
        with pytest.raises(LedgerError, match="Read-only file system"):
            await ledger.intent(intent())
    assert reader(small_disk / "l").verify().ok
    assert len(reader(small_disk / "l").show().records) == 2
    assert reader(small_disk / "l").unsettled() == []


async def test_a_directory_that_others_may_write_to_refuses_writes(tmp_path: Path) -> None:
    (tmp_path / "l").mkdir()
    (tmp_path / "l").chmod(0o777)
    async with opened(tmp_path / "l") as ledger:
        with pytest.raises(LedgerError, match="Others may write"):
            await ledger.intent(intent())
    assert list((tmp_path / "l").iterdir()) == []


async def test_a_file_in_place_of_the_directory_refuses_writes(tmp_path: Path) -> None:
    (tmp_path / "l").touch()
    async with opened(tmp_path / "l") as ledger:
        with pytest.raises(LedgerError):
            await ledger.intent(intent())


async def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.start()
        (tmp_path / "l" / "ledger.jsonl").rename(tmp_path / "elsewhere")
        (tmp_path / "l" / "ledger.jsonl").symlink_to(tmp_path / "elsewhere")
        before = (tmp_path / "elsewhere").read_bytes()
        with pytest.raises(LedgerError):
            await ledger.intent(intent())
    assert (tmp_path / "elsewhere").read_bytes() == before


@REAL_TIME
async def test_who_cannot_get_the_lock_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path / "l", lock_timeout_s=0.02) as ledger:
        await ledger.start()
        with statefiles.locked(tmp_path / "l" / "lock"), pytest.raises(LedgerError, match="another process holds lock"):
            await ledger.intent(intent())
        await ledger.intent(intent())


def kinds_with_torn(directory: Path) -> list[str]:
    found: list[str] = []
    for line in (directory / "ledger.jsonl").read_bytes().splitlines():
        try:
            found.append(json.loads(line)["kind"])
        except ValueError:
            found.append("torn")
    return found


@pytest.mark.parametrize("torn", [b"x", b'{"alg":"hmac-sha256","body":{"id":"', b"\x00" * 4096, b"garbage\n", b"\n"])
@pytest.mark.parametrize("has_head", [True, False])
async def test_a_torn_line_is_kept_and_recorded_as_such(tmp_path: Path, torn: bytes, has_head: bool) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.event("before")
    path = tmp_path / "l" / "ledger.jsonl"
    with path.open("ab") as file:
        file.write(torn)
    if not has_head:
        (tmp_path / "l" / "head.json").unlink()
    report = reader(tmp_path / "l").verify()
    assert report.unfinished
    assert report.ok is has_head
    async with opened(tmp_path / "l") as ledger:
        await ledger.event("after")
    assert torn.rstrip(b"\n") + b"\n" in path.read_bytes()
    assert kinds_with_torn(tmp_path / "l") == ["opened", "event", "torn", "recovered", "opened", "event"]
    body = json.loads(path.read_bytes().splitlines()[3])["body"]
    assert body["torn_bytes"] == len(torn.rstrip(b"\n"))
    report = reader(tmp_path / "l").verify()
    assert report.ok is has_head
    assert (report.torn, report.unfinished, report.records) == (1, False, 5)


async def test_a_torn_line_cannot_be_exchanged_for_another_later(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.event("before")
    path = tmp_path / "l" / "ledger.jsonl"
    with path.open("ab") as file:
        file.write(b"evidence")
    async with opened(tmp_path / "l") as ledger:
        await ledger.event("after")
    whole = path.read_bytes()
    for changed in (b"evidencf", b"", b"evidence evidence"):
        path.write_bytes(whole.replace(b"evidence", changed))
        assert not reader(tmp_path / "l").verify().ok
    path.write_bytes(whole.replace(b"evidence\n", b""))
    # Nothing is hidden by taking the torn line away: what the record after it says stays.
    assert b"torn_sha256" in path.read_bytes()


async def test_two_torn_lines_are_no_accident(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.event("before")
    with (tmp_path / "l" / "ledger.jsonl").open("ab") as file:
        file.write(b"one\ntwo")
    async with opened(tmp_path / "l") as ledger:
        with pytest.raises(LedgerError, match="damaged"):
            await ledger.event("after")
    assert not reader(tmp_path / "l").verify().ok


async def test_a_torn_line_of_any_length_is_taken_in_bounded_memory(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.event("before")
    with (tmp_path / "l" / "ledger.jsonl").open("ab") as file:
        file.write(b"x" * 3_000_000)
    assert not reader(tmp_path / "l").verify().ok
    async with opened(tmp_path / "l") as ledger:
        with pytest.raises(LedgerError, match="damaged"):
            await ledger.event("after")


async def test_records_that_a_dying_process_left_after_the_head_are_found(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.start()
        stale = (tmp_path / "l" / "head.json").read_bytes()
        entry = await ledger.intent(intent())
    (tmp_path / "l" / "head.json").write_bytes(stale)
    assert reader(tmp_path / "l").verify().ok
    assert [left.id for left in reader(tmp_path / "l").unsettled()] == [entry.id]
    async with opened(tmp_path / "l") as ledger:
        assert [left.id for left in await ledger.start()] == [entry.id]


async def test_a_process_that_ended_between_two_files_leaves_a_whole_chain(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.event("x")
    (tmp_path / "l" / "ledger.jsonl").rename(tmp_path / "l" / "ledger-000000000001.jsonl")
    assert reader(tmp_path / "l").verify().ok
    for with_head in (True, False):
        if not with_head:
            (tmp_path / "l" / "ledger.jsonl").rename(tmp_path / "l" / "ledger-000000000003.jsonl")
            (tmp_path / "l" / "head.json").unlink()
        async with opened(tmp_path / "l") as ledger:
            await ledger.event("y")
        report = reader(tmp_path / "l").verify()
        assert (report.broken, report.headless) == (None, () if with_head else (5,))
    assert [record["seq"] for record in records(tmp_path / "l")] == list(range(1, 8))


async def test_one_record_may_fill_a_file(tmp_path: Path) -> None:
    async with opened(tmp_path / "l", segment_bytes=1) as ledger:
        entry = await ledger.intent(intent())
        await ledger.outcome(entry, Outcome("unknown"))
        [left] = await ledger.unsettled()
        assert left.intent.body["id"] == entry.id
    names = sorted(path.name for path in (tmp_path / "l").glob("*.jsonl"))
    assert names == ["ledger-000000000001.jsonl", "ledger-000000000002.jsonl", "ledger.jsonl"]
    assert reader(tmp_path / "l").verify().ok


WRITER = """
import asyncio, sys
from pathlib import Path
from holdfast.control.ledger import Intent, Ledger, Outcome
from holdfast.control.redaction import Redactor

async def main():
    ledger = Ledger(Path(sys.argv[1]), redactor=Redactor(), key=b"k" * 32, segment_bytes=6000)
    await ledger.start()
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[3])):
        async with ledger.attempt(Intent(sys.argv[2], "t", "k", "tool", "write", {"n": number}, "c")) as entry:
            entry.settle(Outcome("applied"))
    await ledger.close()

asyncio.run(main())
"""


def writer(directory: Path, name: str, count: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), name, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    processes = [writer(tmp_path / "l", f"p{number}", 12) for number in range(3)]
    for process in processes:
        process.communicate("go\n", timeout=60)
        assert process.returncode == 0
    report = reader(tmp_path / "l").verify()
    assert report.ok
    assert (report.records, report.unsettled) == (3 + 3 * 12 * 2, ())
    assert report.files > 3
    intents = [
        (r["body"]["principal"], r["body"]["arguments"]["n"]) for r in records(tmp_path / "l") if r["kind"] == "intent"
    ]
    assert sorted(intents) == sorted((f"p{p}", n) for p in range(3) for n in range(12))
    assert list((tmp_path / "l" / "owners").iterdir()) == []


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from holdfast.control import statefiles
from holdfast.control.ledger import Intent, Ledger, Outcome, files, head
from holdfast.control.redaction import Redactor

at, directory = sys.argv[1], Path(sys.argv[2])

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def after(module, name, condition=lambda *_: True):
    real = getattr(module, name)
    def wrapper(*arguments, **options):
        result = real(*arguments, **options)
        if armed and condition(*arguments):
            die()
        return result
    setattr(module, name, wrapper)

def before(module, name, condition=lambda *_: True):
    real = getattr(module, name)
    def wrapper(*arguments, **options):
        if armed and condition(*arguments):
            die()
        return real(*arguments, **options)
    setattr(module, name, wrapper)

armed = False
is_ledger = lambda handle, *_: os.readlink(f"/proc/self/fd/{handle}").endswith("ledger.jsonl")

def torn(handle, data):
    real_write(handle, bytes(data)[:100])
    die()

async def main():
    global armed, real_write
    ledger = Ledger(directory, redactor=Redactor(), key=b"k" * 32, segment_bytes=1)
    await ledger.start()
    sent = directory.parent / "sent"
    real_write = os.write
    where, _, what = at.partition(" ")
    def arm():
        global armed
        armed = True
        if what == "lock": before(files, "follow")
        if what == "write": before(os, "write", is_ledger)
        if what == "half":
            os.write = lambda handle, data: torn(handle, data) if is_ledger(handle) else real_write(handle, data)
        if what == "sync": before(os, "fsync", is_ledger)
        if what == "synced": after(os, "fsync", is_ledger)
        if what == "head": before(head, "write")
        if what == "done": after(head, "write")
        if what == "rotate": after(statefiles, "sync_dir")
    if where == "intent": arm()
    entry = await ledger.intent(Intent("a", "t", "k", "tool", "write", {}, "c"))
    if at == "send before": die()
    with sent.open("a") as file:
        file.write("x")
        file.flush()
        os.fsync(file.fileno())
    if at == "send after": die()
    if where == "outcome": arm()
    await ledger.outcome(entry, Outcome("applied"))
    if at == "end": die()

asyncio.run(main())
"""

POINTS = {
    # where the process is killed: (was it sent, what is known afterwards)
    "intent lock": (0, None),
    "intent rotate": (0, None),
    "intent write": (0, None),
    "intent half": (0, None),
    "intent sync": (0, "unknown"),
    "intent synced": (0, "unknown"),
    "intent head": (0, "unknown"),
    "intent done": (0, "unknown"),
    "send before": (0, "unknown"),
    "send after": (1, "unknown"),
    "outcome lock": (1, "unknown"),
    "outcome rotate": (1, "unknown"),
    "outcome write": (1, "unknown"),
    "outcome half": (1, "unknown"),
    "outcome sync": (1, "applied"),
    "outcome synced": (1, "applied"),
    "outcome head": (1, "applied"),
    "outcome done": (1, "applied"),
    "end": (1, "applied"),
}


@pytest.mark.parametrize("point", POINTS)
async def test_a_process_killed_at_any_point_leaves_what_the_next_start_can_settle(point: str, tmp_path: Path) -> None:
    directory = tmp_path / "l"
    killed = subprocess.run(  # noqa: ASYNC221 - as above
        [sys.executable, "-c", KILLED, point, str(directory)], capture_output=True, text=True, timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    sent, known = POINTS[point]
    found = tmp_path / "sent"
    assert (len(found.read_text()) if found.exists() else 0) == sent
    # Nothing may have been sent that is not on the ledger.
    assert not sent or known
    async with opened(directory) as ledger:
        left = await ledger.start()
        assert [entry.entry.state for entry in left] == (["unknown"] if known == "unknown" else [])
        for entry in left:
            await ledger.outcome(entry.id, Outcome("applied" if sent else "not_applied", note="read back"))
        assert await ledger.unsettled() == []
    report = reader(directory).verify()
    assert report.ok, report.broken
    assert report.unsettled == ()
    outcomes = [r["body"]["result"] for r in records_of_whole_lines(directory) if r["kind"] == "outcome"]
    assert (
        outcomes
        == {None: [], "applied": ["applied"], "unknown": ["unknown", "applied" if sent else "not_applied"]}[known]
    )


def records_of_whole_lines(directory: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in [*sorted(directory.glob("ledger-*.jsonl")), directory / "ledger.jsonl"]:
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found


async def test_a_process_that_begins_is_never_taken_for_dead(tmp_path: Path) -> None:
    ledgers = [Ledger(tmp_path / "l", redactor=Redactor(), key=KEY) for _ in range(5)]
    for ledger in ledgers:
        await ledger.intent(intent())
    assert {left.entry.state for left in await ledgers[0].unsettled()} == {"open"}
    assert len(list((tmp_path / "l" / "owners").iterdir())) == 5
    for ledger in ledgers[1:]:
        await ledger.close()
    async with opened(tmp_path / "l") as last:
        assert [left.entry.state for left in await last.start()] == ["unknown"] * 4
        assert sorted(left.entry.state for left in await last.unsettled()) == ["open"] + ["unknown"] * 4
        assert len(list((tmp_path / "l" / "owners").iterdir())) == 2
    await ledgers[0].close()
    assert stat.S_ISDIR((tmp_path / "l" / "owners").stat().st_mode)

"""The side file that says where the ledger ends: whole or not at all, and believed only with its seal."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.control.ledger import head
from holdfast.control.ledger.chain import OpenIntent, Position

KEY = b"k" * 32
POSITION = Position(
    seq=7,
    hash="a" * 64,
    first=1,
    offset=900,
    signed=True,
    headless=(3, 5),
    open={"x": OpenIntent(7, 1, 800, "me", "open"), "y": OpenIntent(6, 1, 700, "me", "unknown", "t-1")},
)


def test_a_head_reads_back_as_it_was_written_and_only_with_its_key(tmp_path: Path) -> None:
    assert head.read(tmp_path, KEY) is None
    head.write(tmp_path, POSITION, KEY)
    assert head.read(tmp_path, KEY) == POSITION
    assert head.read(tmp_path, b"x" * 32) is None
    assert head.read(tmp_path, None) is None
    assert [file.name for file in tmp_path.iterdir()] == [head.NAME]
    head.write(tmp_path, POSITION, None)
    assert head.read(tmp_path, None) == POSITION


def test_a_head_of_a_ledger_that_never_lost_it_says_nothing_of_that(tmp_path: Path) -> None:
    """So that heads from before there was such a thing are genuine."""
    plain = replace(POSITION, headless=())
    head.write(tmp_path, plain, KEY)
    assert "headless" not in (tmp_path / head.NAME).read_text()
    assert head.read(tmp_path, KEY) == plain


def test_a_head_is_on_disk_before_it_takes_the_place_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, put = os.fsync, Path.replace

    def synced(handle: int) -> None:
        done.append("synced")
        fsync(handle)

    def replaced(self: Path, target: Path) -> Path:
        done.append("replaced")
        return put(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    head.write(tmp_path, POSITION, KEY)
    assert done == ["synced", "replaced"]


def test_a_head_that_cannot_be_put_in_its_place_is_told_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head.write(tmp_path, POSITION, KEY)

    def fails(self: Path, target: Path) -> Path:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="Input/output error"):
        head.write(tmp_path, Position(), KEY)
    assert [file.name for file in tmp_path.iterdir()] == [head.NAME]
    assert head.read(tmp_path, KEY) == POSITION


@pytest.mark.parametrize("damaged", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"head": {}, "seal": ""}'])
def test_a_damaged_head_is_none(tmp_path: Path, damaged: bytes) -> None:
    head.write(tmp_path, POSITION, KEY)
    (tmp_path / head.NAME).write_bytes(damaged)
    assert head.read(tmp_path, KEY) is None

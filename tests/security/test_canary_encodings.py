"""Planted secrets come out nowhere, in whatever encoding an appliance, a log or a defect tells them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.control import secretforms, secretindex
from tests.security.test_canary import CRASH, ERROR_PATHS, WITNESSES, everything, hits
from tests.support.encodings import ENCODINGS

WITNESS = next(call for call in WITNESSES if call.tool == "pfsense_delete_alias")
"""It shows what it deletes: in its answer, in its question, on the ledger, in the request for approval."""
UNDONE_BY = {
    "views": ("base64 twice", "base64 of percent", "hexadecimal of base64", "quoted-printable, every byte"),
    "folded": ("lower case", "swapped case", "base32 in lower case"),
    "_base32": ("base32", "base32hex", "base64 of base32"),
}
"""What is found by one stage alone."""


async def all_exits(folder: Path, paths: dict[str, dict[str, str | int]], encoding: str) -> dict[str, str]:
    """What leaves by each exit on these paths, and when the tool crashes."""
    told = await everything(WITNESS, folder / "works", paths, [encoding])
    fails = await everything(WITNESS, folder / "crashes", {CRASH: {}}, [encoding])
    return {where: f"{text}\n{fails[where]}" for where, text in told.items()}


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_no_planted_secret_leaves_by_any_exit_in_any_encoding(encoding: str, tmp_path: Path) -> None:
    told = await all_exits(tmp_path, ERROR_PATHS, encoding)
    assert {where: hits(text) for where, text in told.items() if hits(text)} == {}
    for where in ("answers", "questions", "logs", "state", "crashes"):
        assert "[redacted]" in told[where], where


def _nothing(*_: object) -> Iterator[str]:
    return iter(())


@pytest.mark.parametrize(("stage", "encoding"), [(stage, name) for stage, names in UNDONE_BY.items() for name in names])
async def test_without_the_stage_that_undoes_an_encoding_there_are_hits_by_every_exit(
    stage: str, encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stage == "views":
        monkeypatch.setattr(secretindex, "views", _nothing)
    elif stage == "folded":
        monkeypatch.setattr(secretforms, "folded", str)
    else:
        monkeypatch.setattr(secretforms, "_base32", _nothing)
    told = await all_exits(tmp_path, {"none": {}, "everywhere": {}}, encoding)
    assert {where for where, text in told.items() if hits(text)} >= {"answers", "questions", "logs", "state", "crashes"}

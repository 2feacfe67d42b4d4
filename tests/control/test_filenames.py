"""Texts of an appliance as names of files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.control.filenames import MOST, file_stem
from tests.support.hostile import IDENTIFIERS, SHELL, STRINGS


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("7HXQ4T2-profile", "7HXQ4T2-profile"),
        ("azAZ09-_.x", "azAZ09-_.x"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "_"),
        ("", "_"),
        (".hidden", "hidden"),
        ("büro am see", "b_ro_am_see"),
        ("x" * (MOST + 1), "x" * MOST),
        ("R740 password=hunter2hunter2 x", "R740_password__redacted__x"),
        ("x" * MOST + "y", "x" * MOST),
        ("x" * (MOST - 20) + " password=hunter2hunter2", "x" * (MOST - 20) + "_password__redacted_"),
        ("x" * (MOST - 12) + " password=hunter2hunter2", "x" * (MOST - 12) + "_password__r"),
    ],
)
def test_a_text_becomes_one_plain_segment(text: str, stem: str) -> None:
    assert file_stem(text) == stem


@given(st.one_of(st.sampled_from([*IDENTIFIERS, *SHELL, *STRINGS]), st.text(max_size=300)))
def test_no_text_leaves_its_folder_or_is_too_long_for_a_name(text: str) -> None:
    place = Path("/folder") / f"{file_stem(text)}.key"
    assert place.parent == Path("/folder")
    assert ".." not in place.parts
    assert 0 < len(place.name.encode()) <= MOST + 4

"""Errors as a model reads them."""

from __future__ import annotations

import pytest

from holdfast.errors import Executed, UnsupportedError
from holdfast.server.errors import error_text


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("binary not installed: /usr/bin/ceph-mon", "binary not installed: /usr/bin/ceph-mon. Nothing was executed."),
        ("There is no such node.", "There is no such node. Nothing was executed."),
        ("No such node. Nothing was executed.", "No such node. Nothing was executed."),
    ],
)
def test_each_sentence_ends_before_the_next_begins(said: str, read: str) -> None:
    assert error_text(UnsupportedError(said, executed=Executed.NO)).startswith(f"{read} [code=")

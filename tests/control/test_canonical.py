"""Canonical JSON and digests: equal exactly when the values are."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from holdfast.control.canonical import canonical, derive_key, digest, keyed_digest, same_digest

VALUES: tuple[JsonValue, ...] = (
    None,
    False,
    True,
    0,
    1,
    1.0,
    -1,
    "",
    "1",
    "true",
    "null",
    [],
    {},
    [[]],
    [{}],
    [1, 2],
    [2, 1],
    ["1,2"],
    {"a": 1},
    {"a": "1"},
    {"a": 1, "b": 2},
    {"a": {"b": 2}},
    {"ab": ""},
    {"a": "b"},
    "\u00e9",
    "e\u0301",
    "\ud800",
    "\\ud800",
    "a\u0000",
)


def test_different_values_have_different_forms_and_digests() -> None:
    for one, other in itertools.combinations(VALUES, 2):
        assert canonical(one) != canonical(other)
        assert digest(one) != digest(other)
        assert keyed_digest(b"k", one) != keyed_digest(b"k", other)


def test_the_order_of_keys_does_not_count() -> None:
    assert canonical({"b": 1, "a": {"d": 2, "c": 3}}) == b'{"a":{"c":3,"d":2},"b":1}'
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(value=json_values)
@settings(max_examples=200, deadline=None)
def test_the_form_is_printable_ascii_and_reads_back_as_the_value(value: JsonValue) -> None:
    form = canonical(value)
    assert form.decode("ascii").isprintable()
    assert json.loads(form) == value
    assert canonical(json.loads(form)) == form


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, (1,), b"x", {"a": object()}, {"a": {None: 1}}])
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical(value)  # type: ignore[arg-type]  # the point of the test


def test_what_is_nested_too_deep_is_refused() -> None:
    deep: JsonValue = 1
    for _ in range(64):
        deep = [deep]
    assert canonical(deep)
    with pytest.raises(ValueError, match="deeper"):
        canonical([deep])
    with pytest.raises(ValueError, match="deeper"):
        canonical({"a": deep})


def test_keys_and_purposes_separate_digests() -> None:
    assert keyed_digest(b"one", 1) != keyed_digest(b"two", 1)
    assert derive_key(b"k", "plans") != derive_key(b"k", "approvals")
    assert derive_key(b"k", "plans") != derive_key(b"l", "plans")
    assert len(derive_key(b"k", "plans")) == 32


def test_digests_are_compared_whole() -> None:
    assert same_digest("ab", "ab")
    assert not same_digest("ab", "ac")
    assert not same_digest("ab", "a")
    assert not same_digest("", "a")
    assert not same_digest("a\u00e9", "a\ud800")

"""Compose files as YAML text: read as Compose reads them, looked through and sent as the object that they stand for;
what cannot be read is told by line and column, and nothing is sent.
"""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.appliances.truenas import composetext
from holdfast.appliances.truenas.composetext import MAX_CHARS, read_compose
from holdfast.errors import Executed, HoldfastError
from holdfast.transport.values import JsonValue
from tests.appliances.truenas.case import PERSONAS
from tests.appliances.truenas.harness import calls_of, nas, sent
from tests.support.rooms import Room

TEXT = """\
# as it stands in many a repository
x-common: &common
  restart: no
  environment:
    DB_PASSWORD: from-the-text-1
services:
  web:
    <<: *common
    image: nginx:1
    restart: always
    ports: [31299:80, 22:22]
    volumes: [data:/data]
  db:
    <<: [*common]
    image: "postgres:17"
volumes: {data: }
"""
MEANS = {
    "x-common": {"restart": "no", "environment": {"DB_PASSWORD": "from-the-text-1"}},
    "services": {
        "web": {
            "restart": "always",
            "environment": {"DB_PASSWORD": "from-the-text-1"},
            "image": "nginx:1",
            "ports": ["31299:80", "22:22"],
            "volumes": ["data:/data"],
        },
        "db": {"restart": "no", "environment": {"DB_PASSWORD": "from-the-text-1"}, "image": "postgres:17"},
    },
    "volumes": {"data": None},
}

SCALARS = {
    "0440": 288,
    "0o17": 15,
    "0x1F": 31,
    "-0b11": -3,
    "1_000": 1000,
    "08": 8.0,
    "1e3": 1000.0,
    ".5": 0.5,
    "~": None,
    "TRUE": True,
    "yes": "yes",
    "off": "off",
    "12:30:45": "12:30:45",
    "2026-01-01": "2026-01-01",
    "'1'": "1",
    "!!str 5": "5",
    "=": "=",
    '"\\ud83d\\ude00"': "😀",
}

WRONG = {
    "a: [": (1, 5, "expected the node content"),
    "a:\n  b: c: d": (2, 7, "mapping values are not allowed here"),
    "a:\n\t- b": (2, 1, "cannot start any token"),
    "a: *secret-word": (1, 4, "undefined alias"),
    "a: 1\nb: 2\na: 3": (3, 1, "a key stands twice"),
    "80: x": (1, 1, "a key is not text"),
    "? [a]\n: b": (1, 3, "a key is not text"),
    "a: 1\n---\nb: 2": (2, 1, "another document"),
    "a: .inf": (1, 4, "no value of the kind float"),
    "a: !!int secret-word": (1, 4, "no value of the kind int"),
    "a: !!python/object/apply:os.system [secret-word]": (1, 4, "a tag"),
    "a: !reset null": (1, 4, "a tag"),
    "a: !!binary c2VjcmV0": (1, 4, "a tag"),
    "<<: [1]": (1, 5, "merges mappings only"),
    'a: "\\ud800"': (1, 4, "half of a character"),
    "a: " + "[" * 500: (1, 43, "nested more than 40 deep"),
    "a: &a [*a]": (1, 4, "aliases nest it"),
    "a: &a {<<: *a}": (1, 4, "aliases nest it"),
    "a: " + "1" * 5000: (1, 4, "no value of the kind int"),
}

LEVELS = range(1, 30)
BOMBS = (
    "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in LEVELS),
    "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in LEVELS),
    "a0: &a0 {}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in LEVELS),
    "a: [" + "x," * 25_000 + "]",
)


LONG = "services:\n" + "".join(f"  s{i}:\n    image: nginx:{i}\n    labels: [{'x,' * 30}]\n" for i in range(90))


def _nested(deep: int) -> object:
    return [_nested(deep - 1)] if deep else []


def test_the_text_stands_for_what_compose_reads_in_it() -> None:
    assert read_compose(TEXT) == MEANS


@pytest.mark.parametrize("text", SCALARS)
def test_values_are_those_of_yaml_1_2_with_octal_numbers(text: str) -> None:
    assert read_compose(f"a: {text}") == {"a": SCALARS[text]}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:20])
def test_what_cannot_be_read_is_told_by_line_and_column_without_its_value(text: str) -> None:
    line, column, why = WRONG[text]
    with pytest.raises(ValueError, match=rf"line {line}, column {column}: .*{re.escape(why)}") as told:
        read_compose(text)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("bomb", BOMBS, ids=("lists", "mappings", "empty", "long"))
def test_a_few_lines_that_stand_for_billions_of_values_are_refused_soon(bomb: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="more than 5000 values"):
        read_compose(bomb)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("text", ["", "# nothing", "- a", "word", "a: \x07", "a: 1" + " " * MAX_CHARS])
def test_what_is_no_mapping_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no mapping|does not allow|longer than"):
        read_compose(text)


@given(st.text(alphabet="ab01:-[]{}&*!<>|?%@`'\"#,\n\t .~\\ux\u20ac", max_size=80))
def test_whatever_is_written_is_read_or_refused_and_what_is_read_can_be_sent(text: str) -> None:
    try:
        value = read_compose(text)
    except ValueError as error:
        assert "YAML text" in str(error)  # noqa: PT017  # most texts are refused
        return
    json.dumps(value, allow_nan=False).encode()


@pytest.mark.parametrize("persona", PERSONAS)
async def test_an_app_is_installed_changed_and_checked_from_text_as_from_the_object(
    persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        assert (await made.call("truenas_check_compose", compose=TEXT))["valid"] is True
        plan = await made.call("truenas_install_app", app="mine", compose=TEXT, dry_run=True)
        same = await made.call("truenas_install_app", app="mine", compose=MEANS, plan_id=plan["plan_id"])
        assert same["outcome"] == "applied"
        created = [params for method, params in sent(made) if method == "app.create"]
        assert created == [[{"app_name": "mine", "custom_app": True, "custom_compose_config": MEANS}]]
        changed = await made.call("truenas_update_app", app="mine", compose=TEXT.replace("nginx:1", "nginx:2"))
        assert changed["outcome"] == "applied"
        ledger = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
        assert b"from-the-text-1" not in ledger


async def test_text_that_cannot_be_read_or_does_not_hold_sends_nothing(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        for text, why in (
            ("services:\n  web: [", "line 2, column 9"),
            ("services: {web: {imag: nginx}}", "image does"),
        ):
            error = await made.fails("truenas_install_app", app="mine", compose=text)
            assert (error.code, error.executed) == ("invalid_argument", Executed.NO)
            assert why in error.message
        assert calls_of(made, "app.create") == 0


async def _threads(made: Room, monkeypatch: pytest.MonkeyPatch, *calls: tuple[str, dict[str, object]]) -> set[str]:
    """The threads in which the texts of these calls are read."""
    seen: set[str] = set()

    def reading(text: str) -> dict[str, JsonValue]:
        seen.add(threading.current_thread().name)
        return read_compose(text)

    monkeypatch.setattr(composetext, "read_compose", reading)
    for tool, arguments in calls:
        with suppress(HoldfastError):
            await made.call(tool, **arguments)
    return seen


@pytest.mark.parametrize("text", [LONG, *BOMBS], ids=("long", "lists", "mappings", "empty", "values"))
async def test_no_text_is_read_on_the_event_loop(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with nas(tmp_path) as made:
        seen = await _threads(
            made,
            monkeypatch,
            ("truenas_check_compose", {"compose": text}),
            ("truenas_install_app", {"app": "mine", "compose": text, "dry_run": True}),
            ("truenas_update_app", {"app": "mine", "compose": text, "dry_run": True}),
        )
        assert seen
        assert threading.current_thread().name not in seen


@pytest.mark.parametrize("bomb", BOMBS, ids=("lists", "mappings", "empty", "values"))
async def test_what_stands_for_billions_of_values_is_refused_by_the_tools(bomb: str, tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        error = await made.fails("truenas_check_compose", compose=bomb)
        assert (error.code, error.executed) == ("invalid_argument", Executed.NO)
        assert "more than 5000 values" in error.message


@pytest.mark.parametrize(
    ("compose", "why"),
    [
        ({"services": {"web": {"image": "nginx:1", "command": ["x"] * 6000}}}, "more than 5000 values"),
        ({"services": {"web": {"image": "nginx:1", "labels": _nested(60)}}}, "nested more than 40 deep"),
    ],
    ids=("values", "depth"),
)
async def test_an_object_is_held_to_the_limits_of_the_text(
    compose: dict[str, object], why: str, tmp_path: Path
) -> None:
    async with nas(tmp_path) as made:
        error = await made.fails("truenas_check_compose", compose=compose)
        assert (error.code, error.executed) == ("invalid_argument", Executed.NO)
        assert why in error.message

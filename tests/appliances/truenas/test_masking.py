"""Secrets of settings and command lines are found, and only they."""

from __future__ import annotations

import pytest

from holdfast.appliances.truenas.masking import secrets_in, without_flags
from holdfast.transport.values import JsonInput, JsonValue


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("serve --token abc", "serve --token [redacted]"),
        ("serve --token=abc --port=80", "serve --token=[redacted] --port=80"),
        ("serve -token  abc", "serve -token  [redacted]"),
        ("serve --verbose -token abc", "serve --verbose -token [redacted]"),
        ("serve -v --token abc -password def", "serve -v --token [redacted] -password [redacted]"),
        ("sh -c '-token abc'", "sh -c '-token [redacted]"),
        ("serve -token=-abc", "serve -token=[redacted]"),
        ('serve -token "two words" now', "serve -token [redacted] now"),
        ("serve -token='two words' now", "serve -token=[redacted] now"),
        ('serve -token pre"two words"post now', "serve -token [redacted] now"),
        (r'serve -token "it\"s two" now', "serve -token [redacted] now"),
        (r"serve -token two\ words now", "serve -token [redacted] now"),
        ('serve -token "unclosed now', "serve -token [redacted] now"),
        ("serve --token --verbose", "serve --token --verbose"),
        ("serve --token=", "serve --token="),
        ("serve --token", "serve --token"),
        ("test -z --token;", "test -z --token;"),
        ("serve --port 80 token abc", "serve --port 80 token abc"),
        ("serve --token-file /run/token", "serve --token-file /run/token"),
    ],
)
@pytest.mark.parametrize("name", ["command", "entrypoint", "args", "cmd", "test"])
def test_only_values_of_secret_flags_are_hidden_in_a_command_line(name: str, line: str, shown: str) -> None:
    assert without_flags({name: line}) == {name: shown}


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--token", "abc", "def"], ["--token", "[redacted]", "def"]),
        (["--token=abc", "def"], ["--token=[redacted]", "def"]),
        (["--token", "--verbose", "def"], ["--token", "--verbose", "def"]),
        (["--user=token", "serve"], ["--user=token", "serve"]),
        (["--port", "80"], ["--port", "80"]),
        (["token", "abc"], ["token", "abc"]),
        (["--token", 7, "abc"], ["--token", 7, "abc"]),
        ([7, None, True], [7, None, True]),
        (["sh", "-c", "serve -v -token abc"], ["sh", "-c", "serve -v -token [redacted]"]),
        ([["--token", "abc"], {"args": "--token abc"}], [["--token", "[redacted]"], {"args": "--token [redacted]"}]),
    ],
)
def test_only_values_of_secret_flags_are_hidden_among_words(words: list[JsonValue], shown: list[JsonValue]) -> None:
    assert without_flags({"command": words}) == {"command": shown}


def test_what_is_no_command_is_shown_as_it_is_and_commands_are_found_at_any_depth() -> None:
    harmless: dict[str, JsonValue] = {"notes": "--token abc", "labels": ["--token", "abc"], "port": 80, "none": None}
    services = [{"web": {"command": "--token abc", **harmless}}]
    shown = [{"web": {"command": "--token [redacted]", **harmless}}]
    assert without_flags({"services": services, **harmless}) == {"services": shown, **harmless}  # type: ignore[dict-item]


def test_secrets_of_a_call_are_found_wherever_they_stand_but_words_are_not_taken_for_them() -> None:
    environment = ["DB_PASSWORD=from-the-list-1", "MODE=not-a-secret-1"]
    values: dict[str, JsonInput] = {
        "datasets": [{"name": "tank/s", "passphrase": "correct horse"}],
        "compose": {"environment": environment, "labels": {"API_TOKEN": "0123456789"}},
        "tokens": ["first-token-1", "second-token-2"],
        "password": "postgres",
        "pin": "1234",
        "password_disabled": "not-a-secret-2",
        "nothing": None,
    }
    found = {"from-the-list-1", "correct horse", "0123456789", "first-token-1", "second-token-2"}
    assert set(secrets_in([7, values])) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"password": "left=right-1"}, ["left=right-1"]),
        ({"MODE": "left=right-1"}, []),
        ({"env": "TOKEN=a=b=c=d=e"}, ["a=b=c=d=e"]),
        ({"password": "12345678"}, ["12345678"]),
        ({"password": "1234567"}, []),
        ({"password": "wordsonly"}, []),
        ({"password": "WORDSONLY"}, ["WORDSONLY"]),
        ({"password": "two words"}, ["two words"]),
        ({"password": 12345678}, []),
    ],
)
def test_a_secret_is_the_whole_text_of_its_name_that_is_long_enough_and_no_word(
    value: JsonInput, found: list[str]
) -> None:
    assert list(secrets_in(value)) == found


def test_a_text_may_stand_under_a_name_that_is_told() -> None:
    assert list(secrets_in("secret-1", "password")) == ["secret-1"]
    assert list(secrets_in("secret-1", "comment")) == []

"""Secrets of settings: those beside a name of their own, and those among the words of command lines of apps
(`--token X`, `--token=X`), which the one exit does not know by their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from holdfast.control.secretkeys import names_secret
from holdfast.transport.values import JsonInput, JsonObject, JsonValue

HIDDEN: Final = "[redacted]"
_SHORTEST: Final = 8
_COMMANDS: Final = frozenset({"command", "entrypoint", "args", "cmd", "test"})
# A flag that no value follows is taken as well, so that it is not tried anew from each hyphen in it.
_FLAG: Final = re.compile(r"-(?P<name>-?[A-Za-z][A-Za-z0-9_.-]*+)(?P<sign>=|\s++(?!-))?+")
_VALUE: Final = re.compile(r"""(?:"(?:[^"\\]|\\.)*+"|'[^']*+'|\\.|\S)++""", re.DOTALL)


def without_flags(value: JsonObject) -> JsonObject:
    """The settings with the values of secret flags hidden in command lines."""
    return {name: _masked(item, name in _COMMANDS) for name, item in value.items()}


def secrets_in(value: JsonInput, name: str = "") -> Iterator[str]:
    """Texts that stand under the name of a secret (`name`: of the value itself), or after it as in `NAME=text`. Words
    are left out: a word that is some app's password must not be hidden wherever it stands.
    """
    if isinstance(value, str):
        if not names_secret(name):
            name, _, value = value.partition("=")
        if names_secret(name) and len(value) >= _SHORTEST and not (value.isalpha() and value.islower()):
            yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from secrets_in(item, key)
    elif isinstance(value, Sequence):
        for item in value:
            yield from secrets_in(item, name)


def _masked(value: JsonValue, command: bool) -> JsonValue:
    if isinstance(value, dict):
        return without_flags(value)
    if isinstance(value, str):
        return _without_values(value) if command else value
    if not isinstance(value, list):
        return value
    if not command:
        return [_masked(item, False) for item in value]
    shown: list[JsonValue] = []
    hide_next = False
    for item in value:
        if hide_next and isinstance(item, str) and not item.startswith("-"):
            shown.append(HIDDEN)
        else:
            shown.append(_masked(item, True))
        hide_next = (
            isinstance(item, str) and item.startswith("-") and "=" not in item and names_secret(item.lstrip("-"))
        )
    return shown


def _without_values(line: str) -> str:
    shown: list[str] = []
    at = 0
    while (flag := _FLAG.search(line, at)) is not None:
        shown.append(line[at : flag.end()])
        at = flag.end()
        if flag["sign"] and names_secret(flag["name"]) and (value := _VALUE.match(line, at)) is not None:
            shown.append(HIDDEN)
            at = value.end()
    return "".join([*shown, line[at:]])

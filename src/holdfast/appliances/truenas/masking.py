"""Secrets among the words of command lines in apps' settings: `--token X` and `--token=X`. Those beside a name of their
own are hidden at the one exit.
"""

from __future__ import annotations

import re
from typing import Final

from holdfast.control.secretkeys import names_secret
from holdfast.transport.values import JsonObject, JsonValue

HIDDEN: Final = "[redacted]"
_COMMANDS: Final = frozenset({"command", "entrypoint", "args", "cmd", "test"})
_FLAG: Final = re.compile(r"(?P<flag>--?[A-Za-z][A-Za-z0-9_.-]*)(?P<equals>=|\s+|$)(?P<value>\S*)")


def without_flags(value: JsonObject) -> JsonObject:
    """The settings with the values of secret flags hidden in command lines."""
    return {name: _masked(item, name in _COMMANDS) for name, item in value.items()}


def _masked(value: JsonValue, command: bool) -> JsonValue:
    if isinstance(value, dict):
        return without_flags(value)
    if isinstance(value, str):
        return _FLAG.sub(_hide, value) if command else value
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


def _hide(match: re.Match[str]) -> str:
    if not match["value"] or match["value"].startswith("-") or not names_secret(match["flag"].lstrip("-")):
        return match[0]
    return f"{match['flag']}{match['equals']}{HIDDEN}"

"""The one redaction that every answer, error, log line, metric and ledger record passes.

Secrets are found in three ways, each for what the others cannot see: by the name of the field that holds them, by
their known value in any usual encoding, also as a number, wrapped into lines or escaped several times over, and by
their shape (a private key block, an authorization header, a vendor's token). Text of appliances is to be cleaned before
(`holdfast.control.cleaning`), since an invisible character in the middle of a secret would hide it from here.

Redacting twice gives the same as redacting once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, overload

from pydantic import JsonValue

from holdfast.control import secretforms
from holdfast.control.secretindex import SecretIndex
from holdfast.control.secretkeys import names_secret
from holdfast.control.secretkeys import word_set as _words
from holdfast.control.secretshapes import redact_shapes

REDACTED: Final = "[redacted]"
"""What stands in place of a secret."""
MAX_DEPTH: Final = 64
"""What is nested deeper is left out, levels."""
MAX_RUNTIME_SECRETS: Final = 4096
"""Secrets added while running (session tokens, tickets) that are remembered; the oldest go first."""

MAX_HARMLESS: Final = 4096
"""Short texts without secrets that are remembered: names of fields and states are in every answer."""
HARMLESS_CHARS: Final = 64
"""Longest of them."""

_LEAST_NUMBER: Final = 100_000
_MOST_DIGITS: Final = 300
TOO_DEEP: Final = "[nested too deep]"
# {"name": "Users.2.Password", "value": "…"}: the name of the secret stands in a value of its own.
_NAME_FIELDS: Final = _words("name key field attribute attributename property option header")
_VALUE_FIELDS: Final = _words(
    "value values before after old new previous wanted rawvalue parsed currentvalue defaultvalue pendingvalue"
)


class Redactor:
    """Takes secrets out of texts and JSON values. Safe to use from several threads.

    Args:
        known_secrets: Values that must never leave: passwords, keys, tokens. Give the parts of a compound secret one by
            one. Shorter than 4 characters cannot be recognised by value; 4 to 7 characters are recognised as whole
            words, longer ones anywhere. Those of 6 digits and more are recognised as numbers, too.
    """

    def __init__(self, known_secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._configured = frozenset(secret for secret in known_secrets if _recognisable(secret))
        self._runtime: OrderedDict[str, None] = OrderedDict()
        self._index = SecretIndex(self._configured)
        self._numbers = _numbers(self._configured)
        self._harmless: set[str] = set()

    def add(self, secret: str) -> bool:
        """Learn a secret that came up while running, such as a session token; effective from now on.

        Returns:
            Whether it can be recognised by value; False when it is too short.
        """
        if not _recognisable(secret):
            return False
        with self._lock:
            if secret in self._runtime:
                self._runtime.move_to_end(secret)
            elif secret not in self._configured:
                self._runtime[secret] = None
                if len(self._runtime) <= MAX_RUNTIME_SECRETS:
                    self._index.add(secret)
                    self._numbers |= _numbers([secret])
                else:
                    # A quarter goes at once, so that making the index anew stays rare.
                    for _ in range(MAX_RUNTIME_SECRETS // 4):
                        self._runtime.popitem(last=False)
                    self._index = SecretIndex((*self._configured, *self._runtime))
                    self._numbers = _numbers((*self._configured, *self._runtime))
                # Last: what is found harmless meanwhile, without the new secret, goes into the set that is left behind.
                self._harmless = set()
        return True

    def text(self, text: str) -> str:
        """The text without secrets."""
        harmless = self._harmless
        if text in harmless:
            return text
        redacted = redact_shapes(self._index.redact(text, REDACTED), REDACTED)
        if redacted == text and len(text) <= HARMLESS_CHARS:
            if len(harmless) >= MAX_HARMLESS:
                harmless.clear()
            harmless.add(text)
        return redacted

    @overload
    def value(self, value: dict[str, JsonValue]) -> dict[str, JsonValue]: ...

    @overload
    def value(self, value: JsonValue) -> JsonValue: ...

    def value(self, value: JsonValue) -> JsonValue:
        """The JSON value without secrets: the same shape, with `[redacted]` in place of what must not leave."""
        return self._value(value, 0)

    def _value(self, value: JsonValue, depth: int) -> JsonValue:
        if isinstance(value, str):
            return self.text(value)
        if not isinstance(value, dict | list):
            return REDACTED if self._numbers and self._is_secret_number(value) else value
        if depth >= MAX_DEPTH:
            return TOO_DEEP
        if isinstance(value, list):
            return [self._value(item, depth + 1) for item in value]
        return self._object(value, depth)

    def _is_secret_number(self, value: JsonValue) -> bool:
        return isinstance(value, int | float) and abs(value) in self._numbers

    def _object(self, value: dict[str, JsonValue], depth: int) -> JsonValue:
        is_pair = any(_plain(key) in _VALUE_FIELDS for key in value)
        named = any(
            isinstance(item, str) and _plain(key) in _NAME_FIELDS and names_secret(item) for key, item in value.items()
        )
        made: dict[str, JsonValue] = {}
        for key, item in value.items():
            hidden = (named and _plain(key) in _VALUE_FIELDS) or (names_secret(key) and not (is_pair and key == "key"))
            made[self.text(key)] = self._secret(item, depth + 1) if hidden else self._value(item, depth + 1)
        return made

    def _secret(self, value: JsonValue, depth: int) -> JsonValue:
        """What stands under a secret's name: texts and numbers go, objects are judged by their own names."""
        if value is None or isinstance(value, bool) or value == "":
            return value
        if isinstance(value, dict):
            return self._value(value, depth)
        if isinstance(value, list) and depth < MAX_DEPTH:
            return [self._secret(item, depth + 1) for item in value]
        return REDACTED


def _numbers(secrets: Iterable[str]) -> frozenset[int | float]:
    """The secrets that JSON may hold as a number, exactly or as near as a float comes."""
    found = [int(s) for s in map(str.strip, secrets) if s.isascii() and s.isdecimal() and len(s) <= _MOST_DIGITS]
    return frozenset(number for exact in found if exact >= _LEAST_NUMBER for number in (exact, float(exact)))


def _recognisable(secret: str) -> bool:
    return len(secret.strip()) >= secretforms.MIN_LENGTH


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()

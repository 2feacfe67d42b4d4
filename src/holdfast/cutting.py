"""Cutting long texts without leaving the first part of a secret, which nothing would recognise afterwards.

Texts are cut in many places that know no secrets: fields of answers, messages of errors. What serves a call says with
`redacting` what takes secrets out; it is then asked about the whole text before anything of it is cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeAlias

Redact: TypeAlias = Callable[[str], str]
"""Gives a text without its secrets."""

LONGEST_SECRET: Final = 16_384
"""Longest form of a secret that is known for certain not to be left in part, characters."""

_redact: ContextVar[Redact | None] = ContextVar("redact_before_cut", default=None)


@contextmanager
def redacting(redact: Redact) -> Iterator[None]:
    """While this lasts, also in tasks that are begun meanwhile, texts are redacted before they are cut."""
    token = _redact.set(redact)
    try:
        yield
    finally:
        _redact.reset(token)


def head_of(text: str, most: int) -> str:
    """As much of a text as is looked at when `most` characters are wanted: a bound on the work."""
    return text[: 8 * most + 2 * LONGEST_SECRET]


def redacted(text: str, *, complete: bool, redact: Redact | None = None) -> str:
    """A text that is about to be cut, without its secrets.

    Args:
        text: All that is looked at.
        complete: Whether that is the whole text; if not, a secret may stand across its end, which is left out then.
        redact: Takes secrets out; what `redacting` says when omitted.
    """
    found = redact if redact is not None else _redact.get()
    shown = text if found is None else found(text)
    return shown if complete or found is None else shown[:-LONGEST_SECRET]


def cut(text: str, most: int) -> str:
    """At most the first `most` characters of a text, without its secrets if it had to be cut."""
    if len(text) <= most:
        return text
    head = head_of(text, most)
    return redacted(head, complete=head == text)[:most]

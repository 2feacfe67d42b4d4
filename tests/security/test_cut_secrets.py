"""Wherever a text is cut, no part of a secret stays that nothing would recognise afterwards."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from typing import cast
from urllib.parse import quote

import pytest
from pydantic import TypeAdapter

from holdfast.control.change import Applied, Change, Observed
from holdfast.control.cleaning import BLOCK, LINE, HouseText, Untrusted, UntrustedJson, UntrustedText, clean, one_line
from holdfast.control.exit import LONGEST_TEXT, OneExit
from holdfast.control.questions import LONGEST_LINE, question
from holdfast.control.redactedlogs import RedactingFilter
from holdfast.control.redaction import Redactor
from holdfast.cutting import LONGEST_SECRET, cut, redacting
from tests.support.encodings import PLANTED

REDACTOR = Redactor(PLANTED.values())
EXIT = OneExit(REDACTOR)
PART = 8


def written(secret: str) -> list[str]:
    """The secret as it may stand in a text."""
    raw = secret.encode()
    return [secret, base64.b64encode(raw).decode(), quote(secret, safe=""), "\u200b".join(secret)]


def leaked(text: str, secret: str) -> str | None:
    """A part of the secret, in any of its forms, that is in the text."""
    for form in (" ".join(secret.split()), base64.b64encode(secret.encode()).decode(), quote(secret, safe="")):
        for at in range(len(form) - PART + 1):
            if form[at : at + PART] in text:
                return form[at : at + PART]
    return None


def line_of_log(text: str) -> str:
    record = logging.makeLogRecord({"msg": text, "extra_fact": [text]})
    RedactingFilter(REDACTOR).filter(record)
    return f"{record.msg} {vars(record)['extra_fact']}"


async def _none() -> Applied:
    return Applied()


async def _unknown() -> Observed:
    return Observed("unknown")


def asked(text: str) -> str:
    change = Change(
        summary=text,
        identity=text,
        before={"a": text},
        after={"b": {text: text}},
        apply=_none,
        read_back=_unknown,
        blast_radius=[text],
        warnings=[text],
        cannot_undo=text,
    )
    return question(change, "proxmox.lab", EXIT)


def field(kind: object) -> Callable[[str], str]:
    """What leaves of a field of an answer."""
    adapter: TypeAdapter[object] = TypeAdapter(cast("type[object]", kind))

    def leave(text: str) -> str:
        with redacting(EXIT.whole):
            made = adapter.validate_python({"x": text} if kind is UntrustedJson else text)
            shown = adapter.dump_python(made, mode="json")
        return str(EXIT.value({"message": shown}))

    return leave


def inner(most: int) -> Callable[[str], str]:
    """What leaves of an error's text that a client has cut."""

    def leave(text: str) -> str:
        with redacting(EXIT.whole):
            return EXIT.text(cut(text, most))

    return leave


def told(text: str) -> str:
    """An exit with a bound of its own, as the ledger and requests for approval have."""
    return f"{EXIT.line(text, 1000)} {EXIT.value({text: [text]}, 1000)}"


CUTS: dict[str, tuple[int, Callable[[str], str]]] = {
    "Untrusted": (LINE, field(Untrusted)),
    "UntrustedText": (BLOCK, field(UntrustedText)),
    "UntrustedJson": (BLOCK, field(UntrustedJson)),
    "HouseText": (2048, field(HouseText)),
    "error": (200, inner(200)),
    "longer error": (400, inner(400)),
    "record": (1000, told),
    "name of a member": (LINE, told),
    "question": (LONGEST_LINE, asked),
    "log": (LONGEST_TEXT, line_of_log),
    "exit": (LONGEST_TEXT, EXIT.text),
    "what is looked at of a line": (8 * LINE + 2 * LONGEST_SECRET, field(Untrusted)),
    "what is looked at of an error": (8 * 200 + 2 * LONGEST_SECRET, inner(200)),
}


def paddings(cap: int, form: str) -> Iterator[int]:
    """Every place near a cap of one line; fewer of them where a text is long, and for long secrets."""
    note = 40
    first, last = max(cap - len(form) - note, 0), cap + 2
    step = 1 if cap <= LINE and len(form) < 100 else 7 if cap <= 2048 else 29 if cap <= BLOCK else 131
    return iter(range(first, last, step))


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("where", CUTS)
def test_no_part_of_a_secret_stays_where_a_text_is_cut(where: str, name: str) -> None:
    cap, leave = CUTS[where]
    secret = PLANTED[name]
    for form in written(secret):
        for padding in paddings(cap, form):
            text = f"{'z' * padding}{form}{' tail' * 20}"
            assert leaked(leave(text), secret) is None, f"{padding} characters before it"


@pytest.mark.parametrize("name", ["password", "long", "pem"])
def test_none_stays_when_redacting_makes_a_long_text_short(name: str) -> None:
    """So many secrets that what is left of them fits, and one of them stands across the end of what is looked at."""
    secret = PLANTED[name]
    for shift in range(0, len(secret), 17):
        text = "z" * shift + f"{secret} " * (90_000 // len(secret))
        for leave in (CUTS["Untrusted"][1], CUTS["error"][1]):
            assert leaked(leave(text), secret) is None


def test_without_a_cut_nothing_is_redacted_before_the_exit() -> None:
    with redacting(lambda text: "changed"):
        assert (cut("short", 5), clean("short", max_length=5), one_line("short")) == ("short", "short", "short")
        assert cut("longer", 5) == "chang"
        assert clean("longer", max_length=7) == "longer"
        assert clean("longer", max_length=5) == "chang"
    assert cut("longer", 5) == "longe"


def test_a_person_sees_that_a_name_was_not_what_it_looked_like() -> None:
    assert "Caution: characters that cannot be seen" in asked("web\u202e\x1b[31m\u200b")
    assert "Caution" not in asked("web")
    shown = asked(f"web{PLANTED['password']}\u202e")
    assert "\u202e" not in shown
    assert PLANTED["password"] not in shown

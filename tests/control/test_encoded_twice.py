"""Secrets in what was encoded more than once, in letters of another case, and short ones within escapes."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.control import secretforms, secretviews
from holdfast.control.redaction import REDACTED, Redactor
from holdfast.control.secretforms import folded
from holdfast.control.secretindex import SecretIndex
from holdfast.control.secretviews import MOST_READ, views
from tests.support.encodings import ENCODINGS, PLANTED, base64_of, percent_of, quoted_of

SECRET = "Kq7x-w9Zt4.mP2"
LINE = 76


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data)


def _wrapped(data: bytes) -> bytes:
    """As the command of that name writes it."""
    encoded = base64.b64encode(data)
    return b"".join(encoded[at : at + LINE] + b"\n" for at in range(0, len(encoded), LINE))


def _hexadecimal(data: bytes) -> bytes:
    return data.hex().encode()


def _url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data)


CHAINS: dict[str, tuple[Callable[[bytes], bytes], ...]] = {
    "base64 twice": (_base64, _base64),
    "base64 twice, for addresses": (_url, _url),
    "base64 three times": (_base64, _base64, _base64),
    "base64 four times": (_base64,) * 4,
    "base64 five times": (_base64,) * 5,
    "base64 twice, in lines": (_wrapped, _wrapped),
    "base64 of hexadecimal": (_hexadecimal, _base64),
    "hexadecimal of base64": (_base64, _hexadecimal),
    "hexadecimal twice": (_hexadecimal, _hexadecimal),
    "base64 of base32": (base64.b32encode, _base64),
}


def bits_left(encoded: bytes, shown: str) -> list[str | None]:
    """The characters of an encoded text, None for those that are gone from what is shown of it."""
    left: list[str | None] = [None] * len(encoded)
    at, text = 0, encoded.decode()
    for piece in shown.split(REDACTED):
        at = text.index(piece, at)
        left[at : at + len(piece)] = list(piece)
        at += len(piece)
    return left


@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("chain", CHAINS)
def test_a_secret_encoded_more_than_once_is_found_wherever_it_stands(chain: str, before: int) -> None:
    for after in range(4):
        data = b"user=" + b"x" * before + SECRET.encode() + b"y" * after
        for encode in CHAINS[chain]:
            data = encode(data)
        shown = Redactor([SECRET]).text(f"got {data.decode()}!")
        assert REDACTED in shown, after
        # What a secret of fourteen letters takes, encoded, is gone: all but what it shares with its neighbours.
        gone = sum(letter is None for letter in bits_left(b"got " + data + b"!", shown))
        assert gone >= (len(SECRET) - 2) * 8 / 6, after


@pytest.mark.parametrize("glued", ["x", "xy", "xyz", "/path/", "key_", "\\n", "IIII", "IIIIIIII"])
def test_what_stands_before_an_encoded_text_does_not_hide_it(glued: str) -> None:
    shown = Redactor([SECRET]).text(f"{glued}{base64_of(base64_of(SECRET))}")
    assert REDACTED in shown
    assert shown.startswith(glued)


def test_of_two_places_with_the_same_encoded_secret_both_are_found() -> None:
    written = base64_of(base64_of(SECRET + "!"))
    assert Redactor([SECRET]).text(f"{written} {written}").count(REDACTED) == 2


@pytest.mark.parametrize(
    "encode",
    [lambda text: base64_of(percent_of(text)), lambda text: base64_of(quoted_of(text, 30)), base64_of],
    ids=["percent", "quoted-printable", "nothing"],
)
def test_what_was_escaped_first_is_found_in_base64(encode: Callable[[str], str]) -> None:
    secret = PLANTED["password"]
    shown = Redactor([secret]).text(f"before {encode(secret)} after")
    assert REDACTED in shown
    assert not any(encode(secret)[at : at + 12] in shown for at in range(len(encode(secret)) - 11))


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_of_every_planted_secret_is_found_in_a_text(encoding: str, name: str) -> None:
    written = ENCODINGS[encoding](PLANTED[name])
    shown = Redactor(PLANTED.values()).text(f"before {written} after")
    assert shown.startswith(f"before {REDACTED}")
    assert shown.endswith(" after")
    # Digits at the end that stand for what comes after it, too.
    assert len(shown) - len(f"before {REDACTED} after") <= len("U9PT09PT09PT")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("UTJGdVlYSjVNVEV4", "Q2FuYXJ5MTEx"),
        ("UTJGdVlYSjVNVEV4TVE", "Q2FuYXJ5MTExMQ"),
        ("UTJGdVlYSjVNVEV4T", "Q2FuYXJ5MTEx"),
        ("UTJGdVlYSjVNVEV4TVE=", "Q2FuYXJ5MTExMQ"),
        ("5132467559584a35", "Q2FuYXJ5"),
        ("5132467559584A355", "Q2FuYXJ5"),
        ("a-5132467559584a35", "Q2FuYXJ5"),
    ],
)
def test_runs_of_encoded_text_read_as_what_they_stand_for(text: str, read: str) -> None:
    assert [view.text for view in views(text)] == [read]


@pytest.mark.parametrize(
    "text",
    [
        "UTJGdVlYSjVNVE",
        "5132467559584a",
        "AAAAAAAAAAAAAAAAAAAAAAAA",
        "ffffffffffffffffffffffff",
        "internationalisation",
    ],
)
def test_short_runs_and_those_that_stand_for_no_text_are_not_read(text: str) -> None:
    assert list(views(text)) == []


def test_characters_of_an_encoded_text_stand_where_all_their_bits_stand() -> None:
    [view] = views("<UTJGdVlYSjVNVEV4>")
    assert [view.span(at, at + 1) for at in range(4)] == [(1, 3), (2, 4), (3, 5), (5, 7)]
    assert view.span(0, 12) == (1, 17)
    [view] = views("<5132467559584a35>")
    assert [view.span(at, at + 1) for at in range(2)] == [(1, 3), (3, 5)]


def test_readings_of_a_text_end_where_they_would_be_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    text = percent_of(percent_of("a%b=41 " * 40))
    assert sum(len(view.text) for view in views(text)) <= MOST_READ * len(text) + secretviews._ALWAYS_READ
    monkeypatch.setattr(secretviews, "_ALWAYS_READ", 0)
    monkeypatch.setattr(secretviews, "MOST_READ", 1)
    once = next(iter(views(text))).text
    assert [view.text for view in views(text)] == [once]
    monkeypatch.setattr(secretviews, "MOST_READ", 0)
    monkeypatch.setattr(secretviews, "_ALWAYS_READ", len(once))
    assert [view.text for view in views(text)] == [once]
    monkeypatch.setattr(secretviews, "_ALWAYS_READ", len(once) - 1)
    assert list(views(text)) == []


def test_a_reading_may_be_empty() -> None:
    assert [view.text for view in views("=\n")] == [""]
    assert Redactor([SECRET]).text("=\n") == "=\n"


def test_one_reading_that_two_ways_lead_to_is_read_once() -> None:
    text = "abcdefghijklmnop\nabcd%2Dx"
    found = [view.text for view in views(text)]
    assert sorted(found) == sorted(["abcdefghijklmnop\nabcd-x", "abcdefghijklmnopabcd%2Dx", "abcdefghijklmnopabcd-x"])


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("Straße-Ünïcode", "STRASSE-ÜNÏCODE"),
        ("Straße-Ünïcode", "STRAẞE-üNÏCODE"),
        ("ΟΔΟΣ-οδος-1", "οδοσ-ΟΔΟΣ-1"),
        ("Straße-7", "STRASSE-7"),
        ("ﬁve-offices", "FIVE-OFFICES"),
        ("kelvin-\u212a-273", "KELVIN-k-273"),
        ("İstanbul-1453", "İSTANBUL-1453"),
        ("correct horse", "Correct Horse"),
        ("MiXeD-CaSe-1", "mIxEd-cAsE-1"),
    ],
)
def test_letters_of_another_case_hide_no_secret(secret: str, text: str) -> None:
    assert Redactor([secret]).text(f"is {text}, it is") == f"is {REDACTED}, it is"


@given(st.text(max_size=40))
def test_letters_without_their_case_are_as_many(text: str) -> None:
    assert len(folded(text)) == len(text)
    assert folded(folded(text)) == folded(text)
    if text.isascii():
        assert folded(text) == text.lower()


def test_the_memory_for_letters_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secretforms, "_FOLDS", secretforms._Folds())
    monkeypatch.setattr(secretforms, "_MAX_REMEMBERED", 3)
    assert folded("ÄÖÜÉÈ\U00010400") == "äöüéè\U00010428"
    assert len(secretforms._FOLDS) == 3


@pytest.mark.parametrize(
    "text",
    [
        *("%63alvin", "%63%61%6c%76%69%6e", "\\u0063alvin", "&#99;alvin", "=63alvin", "\\143alvin", "c\\x61lvin"),
        *("%2563alvin", "calvin%0A", "%0Acalvin", "\\ncalvin\\r", "\\tcalvin", "\\rcalvin\\n"),
    ],
)
def test_a_short_secret_is_found_as_a_whole_word_within_escapes(text: str) -> None:
    shown = Redactor(["calvin"]).text(f"by {text} it")
    assert REDACTED in shown
    assert "alvin" not in shown


def test_a_short_secret_is_no_part_of_a_longer_word_within_escapes_either() -> None:
    for text in ("x%63alvin", "%63alvinist", "\\scalvin", "ncalvin", "\\xcalvin", "%41calvin"):
        assert Redactor(["calvin"]).text(text) == text


def test_a_short_word_that_only_comes_about_when_lines_are_joined_is_none() -> None:
    text = "abcdefghijklmnop+\ncalv\nin+xyz"
    assert Redactor(["calvin"]).text(text) == text
    assert Redactor(["calvin"]).text(text.replace("calv", "%63alv")) == text.replace("calv", "%63alv")
    # An escape that only comes about then, too.
    text = "abcdefghijklmnop\nabcd+%6\n3alvin+x"
    assert "abcdefghijklmnopabcd+calvin+x" in [view.text for view in views(text)]
    assert Redactor(["calvin"]).text(text) == text


def test_an_everyday_word_as_a_short_secret_is_found_only_as_it_is_written() -> None:
    assert Redactor(["public"]).text("Public public PUBLIC") == f"Public {REDACTED} PUBLIC"
    assert Redactor(["my cat"]).text("My cat my cat") == f"My cat {REDACTED}"
    assert Redactor(["adm1n"]).text("Adm1n adm1n ADM1N adm1ns") == f"{REDACTED} {REDACTED} {REDACTED} adm1ns"
    assert Redactor(["pw-pw"]).text("PW-pw") == REDACTED


def test_a_short_secret_beside_another_is_found_at_once() -> None:
    redactor = Redactor(["0123456789", "calvin"])
    once = redactor.text("0123456789calvin0123456789")
    assert once == REDACTED * 3
    assert redactor.text(once) == once


ALPHABETS = {
    "words": string.ascii_letters + "   ,.-\n",
    "base64": string.ascii_letters + string.digits + "+/=\n",
    "hexadecimal": "0123456789abcdef-: ",
    "escapes": "abc%=&#;\\u00x41{}\n ",
}
SECRETS = random.Random(7)
KNOWN = [
    *PLANTED.values(),
    *("calvin", "pw-1x", "s3cret", "12345"),
    *("".join(SECRETS.choices(string.ascii_letters + string.digits + "-_.!", k=8 + n % 57)) for n in range(300)),
]
INDEX = SecretIndex(KNOWN)


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_texts_put_together_at_random_stay_to_the_letter(alphabet: str) -> None:
    chosen = random.Random(11)
    for _ in range(400):
        text = "".join(chosen.choices(ALPHABETS[alphabet], k=chosen.randrange(8, 400)))
        if not any(secret in text for secret in KNOWN):
            assert INDEX.redact(text, REDACTED) == text

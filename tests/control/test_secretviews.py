"""Secrets in encodings that can be written in too many ways to be looked for one by one."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable
from functools import partial
from html.entities import html5
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.control.redaction import REDACTED, Redactor
from holdfast.control.secretviews import MAX_LAYERS, MIN_LINE, views
from tests.support.encodings import PLANTED, quoted_of
from tests.support.realtime import growth

REDACTOR = Redactor(PLANTED.values())


def _wrapped(text: str, width: int, end: str) -> str:
    return end.join(text[at : at + width] for at in range(0, len(text), width))


def _percent(secret: str, times: int) -> str:
    for _ in range(times):
        secret = quote(secret, safe="")
    return secret


def _json(secret: str) -> str:
    units = secret.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02X}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _units(text: str) -> list[int]:
    """Units of UTF-16."""
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


NAMES = {text: f"&{name}" for name, text in html5.items() if name.endswith(";")}


def _named(character: str) -> str:
    return NAMES.get(character, character)


WRITTEN: dict[str, Callable[[str], str]] = {
    "percent of every byte": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()),
    "percent of every other character": lambda secret: "".join(
        quote(c, safe="") if at % 2 else "".join(f"%{byte:02x}" for byte in c.encode()) for at, c in enumerate(secret)
    ),
    **{f"percent {times} times": partial(_percent, times=times) for times in (1, 2, 3, 4)},
    "JSON, every character": _json,
    "JSON twice": lambda secret: _json(secret).replace("\\", "\\\\"),
    "JSON, then percent": lambda secret: quote(_json(secret), safe=""),
    "HTML, decimal": lambda secret: "".join(f"&#{ord(c)};" for c in secret),
    "HTML, hexadecimal": lambda secret: "".join(f"&#x{ord(c):X};" for c in secret),
    "C, escaped": lambda secret: "".join(f"\\x{ord(c):02x}" for c in secret),
    "Python, escaped": lambda secret: "".join(f"\\U{ord(c):08x}" for c in secret),
    "C, bytes": lambda secret: "".join(f"\\x{byte:02x}" for byte in secret.encode()),
    "octal": lambda secret: "".join(f"\\{byte:03o}" for byte in secret.encode()),
    "octal of every other character": lambda secret: "".join(
        c if at % 2 and c not in "\\01234567" else "".join(f"\\{byte:03o}" for byte in c.encode())
        for at, c in enumerate(secret)
    ),
    "octal twice": lambda secret: "".join(f"\\\\{byte:03o}" for byte in secret.encode()),
    "JavaScript": lambda secret: "".join(f"\\u{{{ord(c):x}}}" for c in secret),
    "JavaScript, six digits": lambda secret: "".join(f"\\u{{{ord(c):06X}}}" for c in secret),
    "Perl": lambda secret: "".join(f"\\x{{{ord(c):x}}}" for c in secret),
    "HTML, names of what has one": lambda secret: "".join(_named(c) for c in secret),
    "HTML, names, twice": lambda secret: "".join(_named(c) for c in secret).replace("&", "&amp;"),
    "HTML, surrogates": lambda secret: "".join(f"&#{unit};" for unit in _units(secret)),
    "HTML, surrogates, hexadecimal": lambda secret: "".join(f"&#x{unit:X};" for unit in _units(secret)),
    "HTML, with noughts before": lambda secret: "".join(f"&#{ord(c):011d};" for c in secret),
    "JavaScript, surrogates": lambda secret: "".join(f"\\u{{{unit:x}}}" for unit in _units(secret)),
    "quoted-printable, every byte": lambda secret: "".join(f"={byte:02X}" for byte in secret.encode()),
    "quoted-printable, in short lines": partial(quoted_of, width=12),
    "quoted-printable, lines made one": lambda secret: quoted_of(secret, 12).replace("\r\n", " "),
    "quoted-printable, escaped": lambda secret: quoted_of(secret, 12).replace("\r\n", "\\r\\n"),
    "quoted-printable, then percent": lambda secret: quote(quoted_of(secret), safe=""),
    "percent in lower case": lambda secret: quote(secret, safe="").lower(),
    "upper case, then JSON": lambda secret: _json(secret.upper()),
    "lower case, then percent": lambda secret: quote(secret.lower(), safe=""),
    "title case": str.title,
    "swapped case": str.swapcase,
    "shell": lambda secret: re.sub(r"[^A-Za-z0-9\n\u0080-\U0010ffff\\]", r"\\\g<0>", secret),
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("writing", WRITTEN)
def test_a_secret_is_found_however_it_is_escaped(writing: str, name: str) -> None:
    written = WRITTEN[writing](PLANTED[name])
    assert REDACTOR.text(f"before {written} after") == f"before {REDACTED} after"


@pytest.mark.parametrize(
    "letter", ["\u00e9", "\u07ff", "\u0800", "\u0905", "\u20ac", "\uffe5", "\U00010000", "\U0001f600", "\U0010fffd"]
)
@pytest.mark.parametrize("writing", [name for name in WRITTEN if name != "C, escaped"])
def test_a_secret_is_found_whatever_the_length_of_its_letters_in_bytes(writing: str, letter: str) -> None:
    """The first and the last of two, three and four bytes in UTF-8, and pairs of surrogates in UTF-16."""
    secret = f"Kq7{letter}x{letter}{letter}w9-Zt4{letter}"
    written = WRITTEN[writing](secret)
    assert Redactor([secret]).text(f"before {written} after") == f"before {REDACTED} after"


def test_a_secret_is_found_between_bytes_that_are_no_letter() -> None:
    secret = "Kq7\u20acx9-Zt4w"
    every = "".join(f"%{byte:02X}" for byte in secret.encode())
    for before, after in (
        ("%C3", "%C3"),
        ("%E2%82", "%E2%82"),
        ("%F0%9F%98", "%80"),
        ("%C0%80", "%FF"),
        ("%ED%A0%80", ""),
    ):
        assert Redactor([secret]).text(f"{before}{every}{after}") == f"{before}{REDACTED}{after}"


ENDS = ("\n", "\r\n", "\n  ", " ", "\t", "\\n", "\\r\\n", "\\\\n", "%0A", "%0D%0A")


@pytest.mark.parametrize("width", [MIN_LINE, 64, 76])
@pytest.mark.parametrize("name", PLANTED)
def test_base64_that_is_wrapped_into_lines_does_not_decode_to_the_secret(name: str, width: int) -> None:
    secret = PLANTED[name]
    for number, end in enumerate(ENDS):
        plain = b"x" * (60 + number) + secret.encode() + b"y" * 60
        left = REDACTOR.text(_wrapped(base64.b64encode(plain).decode(), width, end))
        pieces = left.replace(end, "").split(REDACTED)
        assert len(pieces) >= 2
        decoded = [base64.b64decode(piece[at : at + (len(piece) - at) // 4 * 4]) for piece in pieces for at in range(4)]
        assert not any(part in shown for shown in decoded for part in _parts(secret, 12))


def test_wrapped_base64_is_read_to_its_end() -> None:
    secret = PLANTED["password"]
    written = _wrapped(base64.b64encode(secret.encode() * 3).decode(), MIN_LINE, "\n")
    assert written.replace("\n", "") in [view.text for view in views(written)]


def _parts(secret: str, size: int) -> list[bytes]:
    raw = secret.encode()
    return [raw[at : at + size] for at in range(max(len(raw) - size + 1, 1))]


def test_what_stands_around_an_escaped_secret_stays_to_the_letter() -> None:
    secret = PLANTED["password"]
    around = ("50%25 of &#228; \\u00e4 %C3%A4 ", " caf%C3%A9 %E2%82%AC %F0%9F%98%80 %FF%C3 \\x41 &#x41; 100%")
    for written in (_percent(secret, 3), _json(secret)):
        assert REDACTOR.text(f"{around[0]}{written}{around[1]}") == f"{around[0]}{REDACTED}{around[1]}"


def test_texts_that_only_have_escapes_or_lines_stay_to_the_letter() -> None:
    for text in (
        "aHR0cHM6Ly9leGFtcGxlLm9yZy8K aHR0cHM6Ly9leGFtcGxlLm9yZy8K",
        "%zz %4 \\u12 &#; &#xG; &#9999999; \\xZZ",
        "\\9 \\777 \\u{} \\u{110000} &nosuch; &amp &amp; \\! &NotEqualTilde;",
        "internationalisation\nand localisation",
    ):
        assert REDACTOR.text(text) == text


def test_two_secrets_in_neighbouring_words_are_two() -> None:
    redactor = Redactor(["abcdefgh", "abcdefghijklmnop"])
    assert redactor.text("abcdefghijklmnop abcdefgh") == f"{REDACTED} {REDACTED}"


def test_so_many_layers_are_undone_and_no_more() -> None:
    text = "%2561"
    for _ in range(MAX_LAYERS - 2):
        text = text.replace("%", "%25")
    assert [view.text for view in views(text)][-1] == "a"
    assert len(list(views(text))) == MAX_LAYERS
    assert len(list(views(text.replace("%", "%25")))) == MAX_LAYERS
    assert [view.text for view in views(text.replace("%", "%25"))][-1] == "%61"
    assert list(views("a plain text")) == []
    assert list(views("a=1&b=2; &nosuch; &#; no escape")) == []
    assert list(views("a=1&amp")) == []
    assert list(views("100 % of C:\\dir &# no escape")) == []


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("\\101\\102", "AB"),
        ("\\1011", "A1"),
        ("\\60\\0", "0\0"),
        ("\\400", " 0"),
        ("\\303\\251", "é"),
        ("\\351", "é"),
        ("\\xc3\\251\\xe9\\303", "ééÃ"),
        ("%E9%C3%A9%80%7F", "éé\x80\x7f"),
        ("\\u{1F600}\\x{41}\\U{42}", "\U0001f600AB"),
        ("&quot;&amp;&lt;&eacute;", '"&<é'),
        ("&nosuch;&amp;", "&nosuch;&"),
        ("&NotEqualTilde;", "\u2242"),
        ("&#55357;&#56832;&#xD83D;\\uDE00", "\U0001f600\U0001f600"),
        ("&#55357;-&#56832;", "\ud83d-\ude00"),
        ("&#56832;&#55357;&#55295;&#56832;", "\ude00\ud83d\ud7ff\ude00"),
        ("&#56319;&#57343;&#55296;&#56320;", "\U0010ffff\U00010000"),
        ("&#56319;&#57344;&#56320;&#56320;", "\udbff\ue000\udc00\udc00"),
        ("\ud83dA&#56832;", "\ud83dA\ude00"),
        ("\\ \\!\\~\\[\\]\\^\\z", " !~[]^\\z"),
        ("&#1114112;", "\U0010ffff"),
    ],
)
def test_escapes_read_as_what_they_stand_for(text: str, read: str) -> None:
    assert next(views(text)).text == read


def test_a_pair_of_surrogates_stands_where_both_stand() -> None:
    [view] = views("a&#55357;&#56832;b")
    assert (view.span(1, 2), view.span(2, 3)) == ((1, 17), (17, 18))


@given(st.text(alphabet=st.sampled_from("a%41=\\ux0&#;{}!mp78dDcC\nAÄ \rVUkZ"), max_size=80))
def test_every_reading_knows_where_its_characters_come_from(text: str) -> None:
    for view in views(text):
        assert len(view.starts) == len(view.stops) == len(view.text)
        spans = list(zip(view.starts, view.stops, strict=True))
        assert all(0 <= start < stop <= len(text) for start, stop in spans)
        # One character may hold bits of two.
        assert all(before[0] <= after[0] and before[1] <= after[1] for before, after in itertools.pairwise(spans))


@pytest.mark.parametrize(
    "unit",
    [
        *("%41", "%", "\\u0041", "\\", "&#65;", "&#", "a", "abcdefghijklmnopqrst\n", "%25", "\\101", "\\1", "\\x41"),
        *("=41", "=", "=\n", "= ", "QUJD", "VVVV", "UVVV", "414243", "4", "VkVW\n", "%3D41", "V" * 15 + " ", "=3D"),
        *("\\u{41}", "\\u{", "\\u{1", "&amp;", "&a", "&;", "&nosuchname;", "&#55357;", "\\ud83d", "\\!", "\\\\x"),
        "&" + "a" * 31,
    ],
)
def test_a_megabyte_of_escapes_is_read_in_linear_time(unit: str) -> None:
    assert growth(lambda chars: REDACTOR.text(unit * (chars // len(unit))), 16_000) < 64


@pytest.mark.parametrize("number", [7311731173117311, -7311731173117311, 7311731173117311.0, 123456, 123456.0])
def test_a_known_number_is_redacted_as_a_json_number_too(number: float) -> None:
    redactor = Redactor([PLANTED["number"]])
    redactor.add("123456")
    assert redactor.value({"n": number, "rows": [number], "same": {"n": number}}) == {
        "n": REDACTED,
        "rows": [REDACTED],
        "same": {"n": REDACTED},
    }


def test_a_number_too_long_for_a_float_is_redacted_as_near_as_a_float_comes() -> None:
    secret = "123456789012345678901234567890"
    assert Redactor([secret]).value({"n": float(secret)}) == {"n": REDACTED}


@pytest.mark.parametrize(
    "number", [12345, 0, 1, 99999, 3456789, 7311731173117312, float("nan"), float("inf"), True, False]
)
def test_other_numbers_stay(number: float) -> None:
    redactor = Redactor(["12345", "099999", "0000001", PLANTED["number"], "9" * 5000, "٣٤٥٦٧٨٩"])
    left = redactor.value({"n": number})["n"]
    assert left is number


def test_numbers_that_have_gone_out_of_memory_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.control.redaction.MAX_RUNTIME_SECRETS", 4)
    redactor = Redactor(["111111"])
    for number in range(222220, 222225):
        redactor.add(str(number))
    assert redactor.value([111111, 222220, 222224]) == [REDACTED, 222220, REDACTED]


def test_the_least_number_and_the_longest_are_redacted_and_no_other_kind_of_value() -> None:
    redactor = Redactor(["100000", "9" * 300, "8" * 301])
    assert redactor.value([100000, int("9" * 300), int("8" * 301), None, True, "x"]) == [
        REDACTED,
        REDACTED,
        int("8" * 301),
        None,
        True,
        "x",
    ]

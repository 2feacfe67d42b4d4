"""Cleaning: nothing acts any more, everything readable stays."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from holdfast.control.cleaning import (
    _TABLE,
    Clean,
    HouseText,
    Untrusted,
    UntrustedJson,
    UntrustedText,
    clean,
    clean_value,
    one_line,
)
from holdfast.cutting import LONGEST_SECRET
from tests.support.hostile import STRINGS
from tests.support.realtime import growth

_VARIATION = {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x180B, 0x1810)}
_UNSEEN = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x1D159}
_TAGS_AND_THEIR_BLOCK = set(range(0xE0000, 0xE1000))
_NOTHING = _VARIATION | _UNSEEN | _TAGS_AND_THEIR_BLOCK


def is_harmless(text: str, *, multiline: bool) -> bool:
    """Written anew, from what the Unicode standard says and not from the code under test."""
    for character in text:
        if character in "\n\t":
            if not multiline:
                return False
            continue
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            return False
        if ord(character) in _NOTHING:
            return False
    text.encode("utf-8")
    return True


@pytest.mark.parametrize("multiline", [True, False])
def test_every_hostile_string_is_harmless_afterwards(multiline: bool) -> None:
    for text in STRINGS:
        cleaned = clean(text, max_length=300, multiline=multiline)
        assert is_harmless(cleaned, multiline=multiline), ascii(text[:60])
        assert len(cleaned) <= 300


@given(text=st.text(alphabet=st.characters(), max_size=200), multiline=st.booleans(), longest=st.integers(1, 250))
@example(text="\x1b\x1b[31m[31m", multiline=True, longest=100)
@example(text="\r\u200b\n", multiline=True, longest=100)
@example(text="\x00\u200b\x00", multiline=False, longest=100)
@example(text="a" * 200, multiline=False, longest=30)
@settings(max_examples=400, deadline=None)
def test_any_text_is_harmless_afterwards_and_cleaning_twice_changes_nothing(
    text: str, multiline: bool, longest: int
) -> None:
    cleaned = clean(text, max_length=longest, multiline=multiline)
    assert is_harmless(cleaned, multiline=multiline)
    assert len(cleaned) <= longest
    assert clean(cleaned, max_length=longest, multiline=multiline) == cleaned


def test_every_single_character_is_harmless_afterwards() -> None:
    for start in range(0, 0x110000, 0x1000):
        block = "".join(f"{chr(code)}x" for code in range(start, start + 0x1000))
        assert is_harmless(clean(block, max_length=20_000), multiline=True), hex(start)


@pytest.mark.parametrize(
    "text",
    [
        "web-1",
        "Größe 5 µs – “naïve” café",
        "データベース サーバー",
        "сервер баз данных",
        "שרת",
        "خادم",
        "हिन्दी",
        "ไทย",
        "😀 ok",
        "line one\nline two\tcolumn",
        "C:\\temp & <b>not html</b> $HOME `x` 100%",
        "e\u0301",
        "",
    ],
)
def test_readable_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\x1b[31mred\x1b[0mb", "aredb"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x9b2Jb", "ab"),
        ("a\x1bP1$r\x1b\\b", "ab"),
        ("a\x1b]0;open\nnext", "a\ufffd]0;open\nnext"),
        ("a\x1bcb", "ab"),
        ("10%\r100%", "10%\n100%"),
        ("a\r\nb\x0bc\x0cd\x85e\u2028f\u2029g", "a\nb\nc\nd\ne\nf\ng"),
        ("a\x00b", "a\ufffdb"),
        ("a\x00\x01\x02b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("a\ue000b", "a\ufffdb"),
        ("pass\u200bword", "password"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("web\U000e0064\U000e0065", "web"),
        ("\u2764\ufe0f", "\u2764"),
        ("a\u00a0b\u3000c", "a b c"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 4),
    ],
)
def test_what_acts_is_taken_out(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_a_sequence_that_is_never_closed_hides_no_later_line() -> None:
    for opener in ("\x1b]0;", "\x1bP", "\x1b_", "\x9d", "\x90", "\x1b["):
        assert "important" in clean(f"noise{opener}x\nimportant\n")


def test_one_line_stays_one_line() -> None:
    assert one_line("a\n\n  b\r\nc\td") == "a b c d"
    assert one_line("a\u2028b") == "a b"


def test_a_cut_text_says_how_much_is_missing() -> None:
    cut = clean("x" * 1000, max_length=100)
    assert len(cut) <= 100
    kept = len(cut.partition("…")[0])
    assert cut.endswith(f"… [{1000 - kept} more characters]")


def test_what_was_never_looked_at_is_counted_too() -> None:
    cut = clean("x" * 1_000_000, max_length=100)
    assert len(cut) <= 100
    assert int(cut.partition("[")[2].partition(" ")[0]) == 1_000_000 - len(cut.partition("…")[0])


def test_what_was_never_looked_at_is_counted_even_when_nothing_is_left_of_the_rest() -> None:
    assert clean("\u200b" * (8 * 100 + 32_768) + "visible", max_length=100) == "… [7 more characters]"


def test_a_bound_too_small_for_the_note_just_cuts() -> None:
    assert clean("x" * 100, max_length=5) == "xxxxx"
    note = "… [1000 more characters]"
    assert clean("x" * 1000, max_length=len(note)) == "x" * len(note)
    assert clean("x" * 1000, max_length=len(note) + 1) == "x… [999 more characters]"


def test_memory_for_characters_met_is_bounded() -> None:
    for start in range(0x3400, 0xD000, 0x1000):
        clean("".join(chr(code) for code in range(start, start + 0x1000)))
    assert len(_TABLE) == 20_000


def test_exactly_as_long_as_allowed_is_not_cut() -> None:
    assert clean("é" * 100, max_length=100) == "é" * 100


@pytest.mark.parametrize("length", [1, 99, 100])
def test_what_is_not_cut_is_not_redacted(length: int) -> None:
    def never(text: str) -> str:
        raise AssertionError("redacted although nothing is cut")

    assert clean("é" * length, max_length=100, redact=never) == "é" * length


@pytest.mark.parametrize("left", [1, 99, 100])
def test_what_fits_once_its_secrets_are_out_is_not_cut(left: int) -> None:
    assert clean("é" + "s" * 1000, max_length=100, redact=lambda _: "x" * left) == "x" * left


def test_what_is_cut_after_its_secrets_are_out_says_how_much_of_the_rest_is_missing() -> None:
    assert clean("é" * 1000, max_length=100, redact=lambda _: "x" * 101) == "x" * 77 + "… [24 more characters]"
    assert clean("é" * 1000, max_length=100, redact=str) == "é" * 76 + "… [924 more characters]"


def test_the_end_of_what_is_looked_at_is_not_shown_when_a_secret_may_stand_across_it() -> None:
    text = "é" * 1_000_000
    assert clean(text, max_length=100, redact=lambda _: "x" + "s" * LONGEST_SECRET) == "x… [999999 more characters]"


@pytest.mark.parametrize(
    "unit",
    [
        "\x1b]",
        "\x9d",
        "\x1b[",
        "\x1b]0;a",
        "\u0301",
        "\x00",
        "\u202e",
        "\n ",
        "\t",
        " ",
        " \x00",
        "\r",
        "é",
        "\ud800",
        "\x1bP",
    ],
)
def test_a_megabyte_of_anything_is_done_in_linear_time(unit: str) -> None:
    texts = {chars: unit * (chars // len(unit)) for chars in (10_000, 60_000, 960_000)}
    assert growth(lambda chars: clean(texts[chars], max_length=1_000_000, multiline=False), 60_000) < 64
    # What is cut off is hardly looked at.
    assert growth(lambda chars: clean(texts[chars], max_length=512, multiline=False), 10_000, 96) < 48


class Model(BaseModel):
    line: Untrusted = ""
    text: UntrustedText = ""
    own: HouseText = ""
    facts: UntrustedJson = {}
    maybe: Untrusted | None = None
    many: list[Untrusted] = []


@pytest.mark.parametrize("field", ["line", "text", "own", "maybe"])
def test_every_hostile_string_is_harmless_in_a_marked_field(field: str) -> None:
    for text in STRINGS:
        value = Model.model_validate({field: text}).model_dump(mode="json")[field]
        assert is_harmless(value, multiline=field in ("text", "own")), ascii(text[:60])


def test_lists_and_free_json_are_cleaned_inside() -> None:
    model = Model(many=["a\x00"], facts={"k\u202e": ["v\x1b[31m", {"deep": "\ud800"}, 1, None, True]})
    assert model.many == ["a\ufffd"]
    assert model.facts == {"k": ["v", {"deep": "\ufffd"}, 1, None, True]}


def test_what_got_around_validation_is_cleaned_on_the_way_out() -> None:
    smuggled = Model.model_construct(line="a\x00b", facts={"k": "\x1b[2J"}, text="", own="", maybe=None, many=["x\x00"])
    assert smuggled.model_dump() == {
        "line": "a\ufffdb",
        "text": "",
        "own": "",
        "facts": {"k": ""},
        "maybe": None,
        "many": ["x\ufffd"],
    }
    assert "\\u0000" not in smuggled.model_dump_json()
    copied = Model(line="ok").model_copy(update={"line": "\u202ebad"})
    assert copied.model_dump()["line"] == "bad"


def test_the_schema_marks_what_is_untrusted_and_bounds_it() -> None:
    for mode in ("validation", "serialization"):
        properties = TypeAdapter(Model).json_schema(mode=mode)["properties"]
        assert properties["line"]["x-untrusted"] is True
        assert properties["line"]["maxLength"] == 512
        assert properties["line"]["type"] == "string"
        assert properties["text"]["maxLength"] == 8192
        assert properties["many"]["items"]["x-untrusted"] is True
        assert properties["facts"]["x-untrusted"] is True
        assert "x-untrusted" not in properties["own"]
        assert properties["own"]["maxLength"] == 2048


def test_a_marked_field_takes_nothing_but_text() -> None:
    for wrong in (1, b"x", ["x"], {"x": 1}, 1.5):
        with pytest.raises(ValidationError):
            Model.model_validate({"line": wrong})


def test_a_field_may_have_a_bound_of_its_own() -> None:
    assert Clean(max_length=4)("abcdef") == "abcd"
    assert Clean()(7) == 7


def test_json_that_is_nested_too_deep_is_left_out() -> None:
    deep: list[object] = []
    for _ in range(500):
        deep = [deep]
    found: object = clean_value(deep)  # type: ignore[arg-type]  # built from lists only
    depth = 0
    while isinstance(found, list):
        depth += 1
        found = found[0]
    assert depth == 64
    assert found == "[nested too deep]"

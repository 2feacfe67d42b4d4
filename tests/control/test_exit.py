"""The one exit: cleaned first, then redacted."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import JsonValue

from holdfast.control.exit import LONGEST_TEXT, OneExit
from holdfast.control.redaction import REDACTED, Redactor
from tests.support.hostile import STRINGS

SECRET = "C4nary-Passw0rd!"
EXIT = OneExit(Redactor([SECRET]))


def test_a_secret_that_invisible_characters_hide_is_found() -> None:
    hidden = "\u200b".join(SECRET)
    assert EXIT.text(f"x {hidden} y") == f"x {REDACTED} y"
    assert EXIT.value({"a": [hidden], hidden: 1}) == {"a": [REDACTED], REDACTED: 1}
    assert EXIT.text(f"\x1b[31m{SECRET[:5]}\x1b[0m{SECRET[5:]}") == REDACTED


def test_a_field_with_a_secret_s_name_is_hidden() -> None:
    assert EXIT.value({"pass\u200bword": "x", "n": 1, "t": True, "z": None}) == {
        "password": REDACTED,
        "n": 1,
        "t": True,
        "z": None,
    }


def test_hostile_text_leaves_harmless_wherever_it_stands() -> None:
    value: dict[str, JsonValue] = {f"k{n}": {"list": [text]} for n, text in enumerate(STRINGS)}
    left = json.dumps(EXIT.value(value), ensure_ascii=False)
    for character in ("\x1b", "\u202e", "\u200b", "\U000e0041", "\x9b", "\u2028"):
        assert character not in left
        assert character not in "".join(EXIT.text(text) for text in STRINGS)
    left.encode("utf-8")


def test_lines_of_a_text_stay_lines() -> None:
    assert EXIT.text("a\r\nb\tc") == "a\nb\tc"


def test_a_text_that_leaves_is_bounded() -> None:
    assert len(EXIT.text("é" * 1_000_000)) <= LONGEST_TEXT


def test_what_leaves_may_pass_again_unchanged() -> None:
    for text in STRINGS:
        once = EXIT.text(text)
        assert EXIT.text(once) == once


def test_an_exception_is_shown_without_secrets_in_message_cause_and_source() -> None:
    try:
        try:
            raise ValueError("inner C4nary-Passw0rd!")
        except ValueError as inner:
            raise RuntimeError("outer password=abc") from inner
    except RuntimeError as error:
        shown = EXIT.exception(error)
    assert "C4nary" not in shown
    assert "password=abc" not in shown
    assert "ValueError" in shown
    assert "RuntimeError" in shown
    assert Path(__file__).name in shown


def nested(levels: int, innermost: JsonValue) -> JsonValue:
    for _ in range(levels):
        innermost = [innermost]
    return innermost


def test_of_anything_sixty_four_levels_are_shown_and_no_more() -> None:
    assert EXIT.anything(nested(64, 1)) == nested(64, 1)
    assert EXIT.anything(nested(65, 1)) == nested(64, "[nested too deep]")

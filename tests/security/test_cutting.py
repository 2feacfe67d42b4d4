"""What is redacted before a text is cut, and how much of the text is looked at."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.cutting import LONGEST_SECRET, cut, head_of, redacted, redacting


def upper(text: str) -> str:
    return text.upper()


def never(text: str) -> str:
    raise AssertionError(f"asked about {len(text)} characters")


def test_a_text_that_fits_is_not_looked_at() -> None:
    with redacting(never):
        assert [cut(text, 5) for text in ("", "four", "fiver")] == ["", "four", "fiver"]


def test_a_text_that_is_one_too_long_is_redacted_whole_and_then_cut() -> None:
    seen: list[str] = []

    def note(text: str) -> str:
        seen.append(text)
        return text.replace("secret", "*")

    with redacting(note):
        assert cut("secret", 5) == "*"
        assert cut("a secret b", 5) == "a * b"
        assert cut("abcdefgh", 5) == "abcde"
    assert seen == ["secret", "a secret b", "abcdefgh"]


def test_so_much_of_a_long_text_is_looked_at_and_no_more() -> None:
    bound = 8 * 10 + 2 * LONGEST_SECRET
    for size in (9, 10, 11, bound - 1, bound, bound + 1, bound + 1000):
        assert len(head_of("x" * size, 10)) == min(size, bound)


def test_nothing_that_may_be_the_first_part_of_a_secret_is_left_at_the_end_of_what_was_looked_at() -> None:
    text = "x" * 100 + "s" * LONGEST_SECRET
    assert redacted(text, complete=False, redact=upper) == "X" * 100
    assert redacted(text, complete=True, redact=upper) == text.upper()
    assert redacted("s" * LONGEST_SECRET, complete=False, redact=upper) == ""


def test_a_text_of_which_all_was_looked_at_keeps_its_end_and_a_longer_one_does_not() -> None:
    """Redacting makes all but the end short, so that the end comes within what is wanted."""
    bound = 8 * 10 + 2 * LONGEST_SECRET

    def shrink(text: str) -> str:
        return text.replace("z", "")

    end = "s" * LONGEST_SECRET
    whole = "z" * (bound - LONGEST_SECRET) + end
    with redacting(shrink):
        assert cut(whole, 10) == "s" * 10
        assert cut(whole + "s", 10) == ""


def test_where_nobody_knows_secrets_a_text_is_only_cut() -> None:
    assert redacted("abc", complete=False) == "abc"
    assert redacted("abc", complete=True) == "abc"
    assert cut("abcdef", 5) == "abcde"


def test_what_is_given_comes_before_what_was_said_for_the_call() -> None:
    with redacting(never):
        assert redacted("abc", complete=True, redact=upper) == "ABC"
    with redacting(upper):
        assert redacted("abc", complete=True) == "ABC"


def test_the_inner_one_holds_and_then_the_outer_one_again_however_the_block_is_left() -> None:
    with redacting(upper):
        with redacting(lambda text: text * 0):
            assert cut("abcdef", 5) == ""
        assert cut("abcdef", 5) == "ABCDE"
        with pytest.raises(AssertionError, match="asked about 6 characters"), redacting(never):
            cut("abcdef", 5)
        assert cut("abcdef", 5) == "ABCDE"
    assert cut("abcdef", 5) == "abcde"


async def test_tasks_that_are_begun_meanwhile_redact_and_others_do_not() -> None:
    begin = asyncio.Event()

    async def work() -> str:
        await begin.wait()
        return cut("abcdef", 5)

    other = asyncio.create_task(work())
    with redacting(upper):
        own = asyncio.create_task(work())
    begin.set()
    assert (await own, await other) == ("ABCDE", "abcde")

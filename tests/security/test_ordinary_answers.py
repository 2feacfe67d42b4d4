"""What is no secret is left alone: of all that appliances answer and people write, no text is changed by value.

By place and shape some are meant to be: that is another stage, `holdfast.control.secretshapes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import JsonValue

from holdfast.control.exit import OneExit
from holdfast.control.redaction import REDACTED
from tests.control.test_encoded_twice import INDEX
from tests.security.test_canary import CHUNKS, said
from tests.support.workingcalls import WorkingCall

DOCS = sorted((Path(__file__).resolve().parents[2] / "docs").rglob("*.md"))


def texts(value: JsonValue) -> Iterator[str]:
    """Every text in a JSON value, names of members included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


@pytest.mark.parametrize("calls", CHUNKS, ids=[calls[0].tool for calls in CHUNKS])
async def test_no_answer_of_any_tool_holds_anything_that_looks_like_a_secret_that_is_not_in_it(
    calls: Sequence[WorkingCall], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[JsonValue] = []
    leave = OneExit.value

    def value(self: OneExit, value: dict[str, JsonValue], *most: int) -> dict[str, JsonValue]:
        answered.append(value)
        return leave(self, value, *most)

    monkeypatch.setattr(OneExit, "value", value)
    for call in calls:
        folder = tmp_path / call.tool
        folder.mkdir()
        async with call.ready(folder) as (made, arguments):
            told: list[str] = []
            answered.append(await said(made, call.tool, arguments, told))
            answered.extend(told)
    found = set(texts(answered))
    assert len(found) > 20
    assert {text: INDEX.redact(text, REDACTED) for text in found if INDEX.redact(text, REDACTED) != text} == {}


@pytest.mark.parametrize("page", DOCS, ids=[page.stem for page in DOCS])
def test_no_page_of_the_documentation_holds_anything_that_looks_like_a_secret(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for part in (text, *text.splitlines()):
        assert INDEX.redact(part, REDACTED) == part

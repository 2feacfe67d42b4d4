"""Text of an appliance that was made to keep a pattern busy holds nobody up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from holdfast.appliances.pfsense.errors import envelope_of
from holdfast.appliances.truenas.masking import without_flags
from holdfast.control.cleaning import one_line
from holdfast.errors import HoldfastError
from holdfast.transport import Limits
from holdfast.transport.jsontext import looks_like_html, parse_json
from holdfast.transport.messages import Headers, Reply

_LIMIT_S = 2.0
"""Each takes milliseconds; in more than linear time it would be minutes, or for ever."""


def _refusal(message: str) -> str:
    body = json.dumps({"code": 400, "status": "bad request", "response_id": "X", "message": message, "data": []})
    with pytest.raises(HoldfastError) as caught:
        envelope_of(Reply(400, headers=Headers({"Content-Type": "application/json"}), body=body.encode()))
    return caught.value.message


def _command(text: str) -> str:
    return str(without_flags({"command": text})["command"])


def _rows(document: list[object]) -> int:
    found = parse_json(json.dumps(document), Limits(json_depth=2))
    assert isinstance(found, list)
    return len(found)


@pytest.mark.parametrize(
    ("reads", "found"),
    [
        pytest.param(lambda: looks_like_html("", b"<!---->" * 140 + b"{}"), False, id="comments before no page"),
        pytest.param(lambda: looks_like_html("", b"<!---->" * 140 + b"<html>"), True, id="comments before a page"),
        pytest.param(lambda: _refusal("no" + " " * 400_000 + "!")[:11], "pfSense: no", id="blanks in a refusal"),
        pytest.param(lambda: _command("-a" * 100_000 + "!"), "-a" * 100_000 + "!", id="a flag of flags"),
        pytest.param(lambda: _command("-token '\"" + r"\"" * 200_000), "-token [redacted]", id="quotes in a value"),
        pytest.param(lambda: _command("-token" + " " * 400_000 + "-a")[:6], "-token", id="blanks before no value"),
        pytest.param(lambda: _rows(["1" * 401] * 20_000), 20_000, id="digits in many strings"),
        pytest.param(lambda: _rows(["\\" * 4_000_000] + [[]] * 100), 101, id="backslashes in a string"),
        pytest.param(lambda: one_line(" " * 400_000)[:2], "  ", id="spaces in a name"),
        pytest.param(lambda: one_line("\u00a0" * 400_000)[:2], "  ", id="wide spaces in a name"),
    ],
)
@pytest.mark.timeout(30)
def test_it_is_read_in_linear_time(reads: Callable[[], object], found: object) -> None:
    began = time.process_time()
    assert reads() == found
    assert time.process_time() - began < _LIMIT_S


def test_a_stack_trace_is_left_out_of_a_refusal() -> None:
    assert _refusal("It failed. \n Stack trace:\n#0 /etc/inc/a.php(1)") == "pfSense: It failed."
    assert _refusal("It failed.\n #0 /etc/inc/a.php(1): x()\n#1 {main}") == "pfSense: It failed."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("run --password=hunter2hunter2 now", "run --password=[redacted] now"),
        ("run --password  hunter2hunter2", "run --password  [redacted]"),
        ("run -x--password=hunter2hunter2", "run -x--password=[redacted]"),
        ("run,--api-key!--password=hunter2hunter2", "run,--api-key!--password=[redacted]"),
        ("run --password --verbose", "run --password --verbose"),
        ("run --password", "run --password"),
        ("run --color=red", "run --color=red"),
    ],
)
def test_the_values_of_secret_flags_are_hidden_wherever_they_stand(text: str, shown: str) -> None:
    assert _command(text) == shown

"""JSON from a peer that cannot be trusted: bounded, strict about numbers, lenient about encodings."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import Executed, LimitError, ProtocolError
from holdfast.transport import JsonValue, Limits, parse_json
from holdfast.transport import values as v
from holdfast.transport.jsontext import decode_text, looks_like_html
from holdfast.transport.values import JsonObject

_leaves = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=20)
_documents = st.recursive(
    _leaves | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=30,
)


@given(_documents, st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_what_json_can_say_is_read_back_in_every_encoding(document: JsonValue, ascii_only: bool, codec: str) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only)
    assert parse_json(text.encode(codec)) == json.loads(text)


def _depth(value: JsonValue) -> int:
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 0


def _nodes(value: JsonValue) -> int:
    """Values as `Limits.json_nodes` counts them: empty containers count twice."""
    if isinstance(value, (list, dict)):
        inner = value if isinstance(value, list) else list(value.values())
        return 1 + (sum(map(_nodes, inner)) if inner else 1)
    return 1


_tricky = st.text(alphabet='[]{},:"\\ ab', max_size=12)
_nested = st.recursive(
    st.integers(0, 9) | _tricky,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_tricky, inner, max_size=3),
    max_leaves=25,
)


@given(_nested, st.integers(1, 6))
def test_depth_is_limited_exactly_whatever_strings_contain(document: JsonValue, limit: int) -> None:
    text = json.dumps(document)
    if _depth(document) <= limit:
        assert parse_json(text, Limits(json_depth=limit)) == document
    else:
        with pytest.raises(LimitError) as caught:
            parse_json(text, Limits(json_depth=limit))
        assert caught.value.details["limit"] == "json_depth"


@given(_nested, st.integers(1, 30))
def test_the_number_of_values_is_limited_exactly_whatever_strings_contain(document: JsonValue, limit: int) -> None:
    text = json.dumps(document)
    if _nodes(document) <= limit:
        assert parse_json(text, Limits(json_nodes=limit)) == document
    else:
        with pytest.raises(LimitError) as caught:
            parse_json(text, Limits(json_nodes=limit))
        assert caught.value.details["limit"] == "json_nodes"


@pytest.mark.parametrize("pad", range(6))
def test_brackets_in_a_string_are_text_wherever_the_text_is_cut_for_counting(pad: int) -> None:
    long = "a" * (1024 * 1024 - pad) + '"""' + "[" * 100 + "]" * 100
    assert parse_json(json.dumps([long])) == [long]


@pytest.mark.parametrize("number", ["1" * 401, "-" + "1" * 400, "0." + "0" * 400, "1e" + "0" * 400, "1" * 1_000_000])
@pytest.mark.parametrize("frame", ["{}", "[{}]", '{{"a": {}}}', '["{{", {}]', '["\\"", {}]', '["\\\\", {}]'])
def test_a_number_that_is_too_long_is_refused(number: str, frame: str) -> None:
    with pytest.raises(LimitError) as caught:
        parse_json(frame.format(number))
    assert caught.value.details["limit"] == "number_chars"


@pytest.mark.parametrize(
    "text", ['"' + "1" * 5000 + '"', '["\\"' + "9" * 5000 + '"]', '{"' + "0" * 3_000_000 + '": 1}']
)
def test_digits_in_a_string_are_text(text: str) -> None:
    assert parse_json(text) == json.loads(text)


def test_a_number_behind_digits_in_a_string_is_a_number_again() -> None:
    for digits in (500, 3_000_000):
        with pytest.raises(LimitError) as caught:
            parse_json('["' + "1" * digits + '", "a", ' + "1" * 401 + "]")
        assert caught.value.details["limit"] == "number_chars"


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "[-1e400]"])
def test_a_number_that_json_cannot_pass_on_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_json(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "[1,]", "{'a': 1}", "nul", "[1 2]", '"\n"', "[" * 70, "]" * 70, "[" * 100_000, b"\xff\xfe\xff"],
)
def test_what_is_no_json_is_refused_without_being_repeated(text: str | bytes) -> None:
    with pytest.raises((ProtocolError, LimitError)) as caught:
        parse_json(text)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("text", ["[" * 70, "[" * 70 + "]" * 60, "[" * 70 + "\\", '[["\\'])
def test_what_does_not_close_is_no_json_rather_than_too_deep(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_json(text, Limits(json_depth=min(69, len(text) - 3)))


def test_an_error_tells_at_which_character_the_answer_is_no_json() -> None:
    with pytest.raises(ProtocolError, match=r"is not valid JSON: [^(]* at character 3\.$"):
        parse_json("[1 2]")
    with pytest.raises(ProtocolError, match="is not valid JSON: NaN is not a JSON number"):
        parse_json("[NaN]")


def test_json_in_the_encoding_of_old_appliances_is_read() -> None:
    assert parse_json(b'["Z\xfc"]') == ["Z\u00fc"]
    assert parse_json(b'{"a": "Z\xa4"}', content_type="application/json; charset=iso-8859-15") == {"a": "Z\u20ac"}


def test_an_error_does_not_quote_the_answer() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_json('{"password": "canary", oops}', executed=Executed.NO)
    assert "canary" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.executed is Executed.NO


def test_of_duplicate_keys_the_last_wins() -> None:
    assert parse_json('{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize("text", ['{"\\ud800": ["\\udfff", "ok"]}', '["\\ud83d"]', '"a\\uDC00b"'])
def test_a_lone_surrogate_becomes_a_replacement_character(text: str) -> None:
    value = parse_json(text)
    assert "\ufffd" in json.dumps(value, ensure_ascii=False)
    assert json.dumps(value, ensure_ascii=False).encode()


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse_json('"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize(
    ("body", "content_type", "wanted"),
    [
        (b"\xef\xbb\xbfa", "", "a"),
        (b"Z\xc3\xbc", "text/plain; charset=iso-8859-1", "Zü"),
        (b"Z\xfc", "text/plain", "Zü"),
        (b"Z\xa4", 'text/plain; charset="ISO-8859-15"', "Z€"),
        (b"Z\x80\xff", "text/plain; charset=windows-1252", "Z€ÿ"),
        (b"Z\xff", "text/plain; charset=punycode", "Zÿ"),
        (b"\xfe\xff\x00a", "", "a"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", "", "a"),
        (b"\xff", "text/plain; charset=utf-16", "\ufffd"),
        (b"", "", ""),
    ],
)
def test_text_is_decoded_leniently_and_never_fails(body: bytes, content_type: str, wanted: str) -> None:
    assert decode_text(body, content_type) == wanted


@given(st.binary(max_size=50), st.text(max_size=30))
def test_any_bytes_become_text(body: bytes, charset: str) -> None:
    decode_text(body, f"text/plain; charset={charset}")
    looks_like_html("", body)


@pytest.mark.parametrize(
    ("content_type", "body", "html"),
    [
        ("text/html", b"{}", True),
        ("application/xhtml+xml", b"", True),
        ("application/json", b"<!DOCTYPE HTML><html>", True),
        ("", b"\xef\xbb\xbf \n<HTML lang=en>", True),
        ("", b"<!-- nginx --> <html>", True),
        ("", b"\r\n" * 300 + b"<html>", True),
        ("", b"<head><title>504</title>", True),
        ("text/plain", b"<center><h1>502 Bad Gateway</h1>", True),
        ("application/json", b'{"a": "<html>"}', False),
        ("application/xml", b"<?xml version='1.0'?><SystemConfiguration/>", False),
        ("", b"<SystemConfiguration>", False),
        ("", b"<htmlish>", False),
        ("", b"", False),
        ("", b"<" * 1000, False),
    ],
)
def test_a_web_page_is_recognised_by_type_or_first_bytes(content_type: str, body: bytes, html: bool) -> None:
    assert looks_like_html(content_type, body) is html


# -- typed access ------------------------------------------------------------------------------------------------------

_ROW: JsonObject = {
    "vmid": "100",
    "cpu": 0.25,
    "mem": 2048.0,
    "name": "web",
    "template": 0,
    "flag": "true",
    "off": "",
    "none": None,
    "tags": ["a"],
    "rows": [{"a": 1}],
    "net": {"mac": "x"},
}


def test_fields_come_out_typed() -> None:
    assert v.get_str(_ROW, "name") == "web"
    assert v.get_int(_ROW, "vmid", lenient=True) == 100
    assert v.get_int(_ROW, "mem") == 2048
    assert v.get_float(_ROW, "cpu") == 0.25
    assert v.get_float(_ROW, "vmid", lenient=True) == 100.0
    assert v.get_bool(_ROW, "template", lenient=True) is False
    assert v.get_bool(_ROW, "flag", lenient=True) is True
    assert v.get_object(_ROW, "net") == {"mac": "x"}
    assert v.get_list(_ROW, "tags") == ["a"]
    assert v.get_objects(_ROW, "rows") == [{"a": 1}]
    assert v.as_objects([{"a": 1}]) == [{"a": 1}]


def test_an_absent_or_null_field_is_none_where_it_is_optional() -> None:
    for key in ("none", "gone"):
        assert v.opt_str(_ROW, key) is None
        assert v.opt_int(_ROW, key) is None
        assert v.opt_float(_ROW, key) is None
        assert v.opt_bool(_ROW, key) is None
        assert v.opt_object(_ROW, key) is None
        assert v.opt_list(_ROW, key) is None
        assert v.opt_objects(_ROW, key) is None
    assert v.opt_int(_ROW, "off", lenient=True) is None
    assert v.opt_float(_ROW, "off", lenient=True) is None
    assert v.opt_str(_ROW, "name") == "web"
    assert v.opt_bool(_ROW, "flag", lenient=True) is True
    assert v.opt_objects(_ROW, "rows") == [{"a": 1}]
    assert v.opt_object(_ROW, "net") == {"mac": "x"}
    assert v.opt_list(_ROW, "tags") == ["a"]
    assert v.opt_int(_ROW, "vmid", lenient=True) == 100
    assert v.opt_float(_ROW, "cpu") == 0.25


def test_a_field_of_another_kind_is_named_by_its_path_and_not_by_its_value() -> None:
    row: JsonObject = {"key": "canary", "n": 1, "flag": True, "list": [], "text": "1.5"}
    for wrong in (
        lambda: v.get_int(row, "key", "data[3]"),
        lambda: v.get_int(row, "key", "data[3]", lenient=True),
        lambda: v.get_object(row, "key", "data[3]"),
        lambda: v.get_list(row, "key", "data[3]"),
        lambda: v.get_bool(row, "key", "data[3]", lenient=True),
        lambda: v.get_float(row, "key", "data[3]", lenient=True),
        lambda: v.opt_objects({"key": ["canary"]}, "key", "data[3]"),
    ):
        with pytest.raises(ProtocolError, match=r"data\[3\]\.key") as caught:
            wrong()
        assert "canary" not in str(caught.value)
    with pytest.raises(ProtocolError, match=r"lacks a field: data\[3\]\.gone"):
        v.get_str(row, "gone", "data[3]")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (v.as_int, True),
        (v.as_int, "1"),
        (v.as_int, 1.5),
        (v.as_float, False),
        (v.as_float, "1"),
        (v.as_bool, 0),
        (v.as_bool, "true"),
        (v.as_str, 1),
        (v.as_str, None),
        (v.as_object, []),
        (v.as_list, {}),
        (v.as_list, "text"),
    ],
)
def test_values_are_not_converted_unless_asked(read: object, value: JsonValue) -> None:
    with pytest.raises(ProtocolError):
        read(value)  # type: ignore[operator]  # one of the readers above


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "", "1" * 50, "0x10", "1_000 x", True, None, [], "²"])
def test_lenient_numbers_are_still_numbers(value: JsonValue) -> None:
    with pytest.raises(ProtocolError):
        v.as_float(value, lenient=True)
    with pytest.raises(ProtocolError):
        v.as_int(value, lenient=True)


@pytest.mark.parametrize("value", [2, -1, "2", "maybe", 1.0, None, []])
def test_lenient_booleans_are_still_booleans(value: JsonValue) -> None:
    with pytest.raises(ProtocolError):
        v.as_bool(value, lenient=True)

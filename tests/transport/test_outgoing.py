"""Bodies on their way out: as long as was said, in the parts that were meant, or not sent at all."""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path

import pytest

from holdfast.errors import Executed, InputError
from holdfast.transport import Part, Request, outgoing
from holdfast.transport.outgoing import Outgoing


def body(**fields: object) -> Outgoing:
    found = outgoing.outgoing(Request("POST", "/x", **fields))  # type: ignore[arg-type]  # one kind of body at a time
    assert found is not None
    return found


def test_a_request_without_a_body_has_none() -> None:
    assert outgoing.outgoing(Request("POST", "/x")) is None


@pytest.mark.parametrize(
    ("fields", "sent", "kind"),
    [
        ({"json": {"a": "\u00e9"}}, '{"a":"\u00e9"}'.encode(), "application/json"),
        ({"json": []}, b"[]", "application/json"),
        ({"form": {"a": "1 2"}}, b"a=1%202", "application/x-www-form-urlencoded"),
        ({"form": {}}, b"", "application/x-www-form-urlencoded"),
        ({"content": b"raw"}, b"raw", None),
        ({"content": b""}, b"", None),
    ],
)
def test_each_kind_of_body_has_its_type_and_its_length(
    fields: dict[str, object], sent: bytes, kind: str | None
) -> None:
    found = body(**fields)
    assert (found.in_memory(), found.length, found.content_type) == (sent, len(sent), kind)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", object(), b"x"])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="cannot be written as JSON"):
        body(json=[value])


def _part_of(part: Part) -> bytes:
    found = body(multipart=[part])
    assert found.content_type is not None
    boundary = found.content_type.removeprefix("multipart/form-data; boundary=").encode()
    assert len(boundary) == 32
    blocks = [block.read_bytes() if isinstance(block, Path) else block for block in found.blocks]
    whole = b"".join(blocks)
    assert len(whole) == found.length
    first, middle, end = whole.split(b"--" + boundary)
    assert (first, end) == (b"", b"--\r\n")
    return middle


@pytest.mark.parametrize(
    ("name", "content", "filename", "kind", "head"),
    [
        ("a", "text", None, None, 'form-data; name="a"'),
        ("a", "text", "t.txt", None, 'form-data; name="a"; filename="t.txt"'),
        ("a", "text", None, "text/plain", 'form-data; name="a"\r\nContent-Type: text/plain'),
        ("a", b"\0", None, None, 'form-data; name="a"\r\nContent-Type: application/octet-stream'),
        ("a", b"\0", "b", "x/y", 'form-data; name="a"; filename="b"\r\nContent-Type: x/y'),
        ('a"; filename="b', "", None, None, 'form-data; name="a%22; filename=%22b"'),
        ("a b\u00e9", "", "", None, 'form-data; name="a b\u00e9"; filename=""'),
    ],
)
def test_a_part_is_named_and_typed_as_it_says(
    name: str, content: str | bytes, filename: str | None, kind: str | None, head: str
) -> None:
    data = content.encode() if isinstance(content, str) else content
    wanted = f"\r\nContent-Disposition: {head}\r\n\r\n".encode() + data + b"\r\n"
    assert _part_of(Part(name, content, filename=filename, content_type=kind)) == wanted


def test_a_part_from_a_file_has_its_name_unless_it_is_given_another(tmp_path: Path) -> None:
    file = tmp_path / "image.bin"
    file.write_bytes(b"\1\2")
    for filename, told in ((None, "image.bin"), ("other", "other")):
        assert (
            _part_of(Part("f", file, filename=filename))
            == (
                f'\r\nContent-Disposition: form-data; name="f"; filename="{told}"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n\1\2\r\n"
            ).encode()
        )


@pytest.mark.parametrize("char", ["\x00", "\n", "\r", "\x1f", "\x7f"])
def test_no_name_or_type_of_a_part_can_forge_another(char: str) -> None:
    for part in (Part(f"a{char}", ""), Part("a", "", filename=f"b{char}c"), Part("a", "", content_type=f"t{char}")):
        with pytest.raises(InputError, match="control characters"):
            body(multipart=[part])


@pytest.mark.parametrize(
    "part", [Part("a\ud800", ""), Part("a", "\ud800"), Part("a", "", filename="\udcff"), Part("a", Path("gone\udcff"))]
)
def test_what_cannot_be_written_as_utf_8_is_refused(part: Part) -> None:
    with pytest.raises(InputError, match="must be valid Unicode"):
        body(multipart=[part])


@pytest.mark.parametrize("name", ["gone", "", "x" * 300])
def test_what_is_no_file_is_refused_before_anything_is_sent(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no file|cannot be read: "):
        body(content=tmp_path / name)


# -- streams -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[BufferedReader]:
    """The files that were opened."""
    found: list[BufferedReader] = []
    original = outgoing._opened

    def noted(file: Path) -> BufferedReader:
        found.append(original(file))
        return found[-1]

    monkeypatch.setattr(outgoing, "_opened", noted)
    return found


async def _streamed(found: Outgoing, sent: list[bytes]) -> None:
    async for block in found.stream():
        sent.append(block)


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 600_000])
async def test_a_file_is_streamed_whole_and_closed(size: int, tmp_path: Path, opened: list[BufferedReader]) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a" * size)
    found = body(multipart=[Part("t", "text"), Part("f", file), Part("b", b"bytes")])
    assert found.in_memory() is None
    sent: list[bytes] = []
    await _streamed(found, sent)
    assert len(b"".join(sent)) == found.length
    assert b"a" * size + b"\r\n" in b"".join(sent)
    assert max(map(len, sent)) <= 256 * 1024
    assert [file.closed for file in opened] == [True]


async def test_a_file_alone_is_streamed_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a" * 300_000)
    sent: list[bytes] = []
    await _streamed(body(content=file), sent)
    assert b"".join(sent) == b"a" * 300_000


@pytest.mark.parametrize("size", [0, 99, 101, 600_000])
async def test_a_file_that_changed_is_never_sent_as_the_length_that_was_told(
    size: int, tmp_path: Path, opened: list[BufferedReader]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a" * 100)
    found = body(content=file)
    file.write_bytes(b"a" * size)
    sent: list[bytes] = []
    with pytest.raises(InputError, match=r"The file file grew|A file changed") as caught:
        await _streamed(found, sent)
    assert caught.value.executed is Executed.UNKNOWN
    assert ("grew" in str(caught.value)) is (size > 100)
    assert len(b"".join(sent)) <= 100
    assert [file.closed for file in opened] == [True]

"""Bodies on their way in, fed as they come: every cap to the byte, every compression, files whole or not at all."""

from __future__ import annotations

import gzip
import resource
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import pytest

from holdfast.errors import Executed, LimitError, ProtocolError
from holdfast.transport import Limits
from holdfast.transport.intake import FileSink, Intake

_BLOCK = 256 * 1024
PLAIN = bytes(range(256)) * 3000
WIDE = Limits(ratio=10_000)


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = {
    "": PLAIN,
    "identity": PLAIN,
    " GZIP ": gzip.compress(PLAIN),
    "x-gzip": gzip.compress(PLAIN[:1000]) + gzip.compress(b"") + gzip.compress(PLAIN[1000:]),
    "deflate": zlib.compress(PLAIN),
    "Deflate": _raw_deflate(PLAIN),
}


def taken(
    encoding: str,
    data: bytes,
    *,
    limits: Limits = WIDE,
    piece: int = 1 << 30,
    cap: int | None = None,
    executed: Executed = Executed.UNKNOWN,
) -> bytes:
    """What comes out of a body that arrives in pieces of this size."""
    found = bytearray()
    intake = Intake(encoding, limits, found.extend, executed=executed, cap=cap)
    for start in range(0, len(data), piece):
        intake.feed(data[start : start + piece])
    intake.feed(b"")
    intake.finish()
    assert (intake.wire, intake.decoded) == (len(data), len(found))
    return bytes(found)


@pytest.mark.parametrize("piece", [1 << 30, 4096, 1])
@pytest.mark.parametrize("encoding", PACKED)
def test_a_body_comes_out_as_it_was_however_it_was_packed_and_cut(encoding: str, piece: int) -> None:
    packed = PACKED[encoding]
    size = max(piece, len(packed) // 5000)
    assert taken(encoding, packed, piece=size) == PLAIN
    assert taken(encoding, b"", piece=size) == b""


@pytest.mark.parametrize("size", [_BLOCK - 1, _BLOCK, _BLOCK + 1, _BLOCK + 30, 4 * _BLOCK])
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, _raw_deflate])
def test_what_unpacks_to_whole_blocks_is_whole(size: int, pack: object) -> None:
    assert callable(pack)
    encoding = "gzip" if pack is gzip.compress else "deflate"
    packed: bytes = pack(b"a" * size)
    for piece in (1 << 30, len(packed) - 4):
        assert taken(encoding, packed, piece=piece) == b"a" * size


def _refused(limit: str, encoding: str, data: bytes, limits: Limits, cap: int | None = None) -> str:
    with pytest.raises(LimitError) as caught:
        taken(encoding, data, limits=limits, cap=cap, executed=Executed.NO)
    assert caught.value.details == {"limit": limit}
    assert caught.value.executed is Executed.NO
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
def test_every_cap_is_kept_to_the_byte(encoding: str) -> None:
    packed = {"": PLAIN, "gzip": gzip.compress(PLAIN), "deflate": zlib.compress(PLAIN)}[encoding]
    wire, decoded = len(packed), len(PLAIN)
    exact = Limits(wire_bytes=wire, decoded_bytes=decoded, ratio=10_000)
    assert taken(encoding, packed, limits=exact) == PLAIN
    told = _refused("wire_bytes", encoding, packed, Limits(wire_bytes=wire - 1, ratio=10_000))
    assert f"larger than {wire - 1} bytes" in told
    told = _refused("decoded_bytes", encoding, packed, Limits(decoded_bytes=decoded - 1, ratio=10_000))
    assert f"larger than {decoded - 1} bytes" in told
    small = Limits(wire_bytes=1, decoded_bytes=1, ratio=10_000)
    assert taken(encoding, packed, limits=small, cap=decoded) == PLAIN
    _refused("decoded_bytes" if encoding else "wire_bytes", encoding, packed, WIDE, cap=decoded - 1)


def test_of_what_is_over_its_cap_no_more_than_one_block_is_unpacked() -> None:
    found = bytearray()
    intake = Intake("gzip", Limits(decoded_bytes=_BLOCK, ratio=10_000), found.extend, executed=Executed.NO)
    with pytest.raises(LimitError):
        intake.feed(gzip.compress(b"a" * (40 * _BLOCK)))
    assert (len(found), intake.decoded) == (_BLOCK, 2 * _BLOCK)


def test_what_is_announced_over_the_cap_is_refused_before_it_comes() -> None:
    intake = Intake("", Limits(wire_bytes=100), lambda block: None, executed=Executed.UNKNOWN)
    intake.expect(100)
    with pytest.raises(LimitError) as caught:
        intake.expect(101)
    assert caught.value.details == {"limit": "wire_bytes"}
    capped = Intake("", Limits(wire_bytes=100), lambda block: None, executed=Executed.UNKNOWN, cap=101)
    capped.expect(101)
    with pytest.raises(LimitError):
        capped.expect(102)


def test_a_ratio_counts_once_there_is_enough_to_count() -> None:
    packed = gzip.compress(b"a" * 100_000)
    most = 100_000 // len(packed)
    assert taken("gzip", packed, limits=Limits(ratio=most + 1, ratio_from_bytes=1))
    assert "compressed more than" in _refused("ratio", "gzip", packed, Limits(ratio=most, ratio_from_bytes=99_999))
    assert taken("gzip", packed, limits=Limits(ratio=most, ratio_from_bytes=100_000))


def test_a_ratio_is_kept_to_the_byte() -> None:
    packed = zlib.compress(b"a" * 2000)
    padded = next(size for size in range(2000, 4000) if size % len(zlib.compress(b"a" * size)) == 0)
    exact = zlib.compress(b"a" * padded)
    ratio = padded // len(exact)
    assert len(packed) < 100
    assert taken("deflate", exact, limits=Limits(ratio=ratio, ratio_from_bytes=1)) == b"a" * padded
    _refused("ratio", "deflate", exact, Limits(ratio=ratio - 1, ratio_from_bytes=1))


def test_a_compression_that_was_not_asked_for_is_refused_unless_nothing_comes_in_it() -> None:
    assert taken("br", b"") == b""
    for encoding in ("br", "zstd", "gzip, gzip", "compress"):
        with pytest.raises(ProtocolError, match="not asked for") as caught:
            taken(encoding, PACKED[" GZIP "], executed=Executed.NO)
        assert caught.value.executed is Executed.NO


GZIP, ZLIB = gzip.compress(b"abc", mtime=0), zlib.compress(b"abc")


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", b"abc"),
        ("gzip", GZIP[:-1]),
        ("gzip", GZIP[:-8] + b"\0" * 8),
        ("gzip", GZIP + b"rubbish"),
        ("gzip", GZIP + b"\x1frubbish"),
        ("gzip", GZIP + GZIP[:5]),
        ("deflate", ZLIB[:-1]),
        ("deflate", ZLIB[:-1] + b"\0"),
        ("deflate", ZLIB + b"rubbish"),
        ("deflate", ZLIB + b"\x1f"),
        ("deflate", ZLIB + ZLIB),
        ("deflate", b"\xff\xff"),
    ],
)
@pytest.mark.parametrize("piece", [1 << 30, 1])
def test_damaged_or_unfinished_compressed_data_is_told_as_that(encoding: str, data: bytes, piece: int) -> None:
    with pytest.raises(ProtocolError, match="damaged") as caught:
        taken(encoding, data, piece=piece, executed=Executed.NO)
    assert caught.value.executed is Executed.NO


def test_behind_damaged_data_nothing_more_is_taken() -> None:
    found = bytearray()
    intake = Intake("gzip", WIDE, found.extend, executed=Executed.NO)
    with pytest.raises(ProtocolError):
        intake.feed(GZIP + b"rubbish" + GZIP)
    assert found == b"abc"


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_a_limit_is_at_least_one(name: str) -> None:
    assert getattr(Limits(**{name: 1}), name) == 1
    for wrong in (0, -1):
        with pytest.raises(ValueError, match=f"{name} must be at least 1"):
            Limits(**{name: wrong})


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_file_appears_when_it_is_whole_and_replaces_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "config.tar"
    file.write_text("old")
    sink = FileSink(file)
    part = tmp_path / "config.tar.part"
    assert part.stat().st_mode & 0o777 == 0o600
    sink.write(b"new ")
    sink.write(b"content")
    assert file.read_text() == "old"
    sink.commit()
    assert not part.exists()
    part.write_text("of the next download")
    sink.abandon()
    assert file.read_bytes() == b"new content"
    assert part.read_text() == "of the next download"


def test_a_file_that_is_given_up_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "config.tar"
    file.write_text("old")
    sink = FileSink(file)
    sink.write(b"half of it")
    sink.abandon()
    sink.abandon()
    with pytest.raises(ProtocolError, match="given up"):
        sink.write(b"what comes too late")
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.tar"]
    assert file.read_text() == "old"


@contextmanager
def _no_file_over(size: int) -> Iterator[None]:
    """As on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _written(sink: FileSink, data: bytes) -> None:
    sink.write(data)
    sink.commit()


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_file_that_the_disk_does_not_take_leaves_nothing(size: int, tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "file")
    with _no_file_over(5):
        with pytest.raises(OSError):
            _written(sink, b"x" * size)
        sink.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_given_up_on_a_full_disk_leaves_nothing_either(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "file")
    sink.write(b"x" * 10)
    with _no_file_over(5):
        sink.abandon()
    assert list(tmp_path.iterdir()) == []


def test_the_unfinished_file_of_another_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file.part").write_text("somebody else's")
    with pytest.raises(FileExistsError):
        FileSink(tmp_path / "file")
    assert (tmp_path / "file.part").read_text() == "somebody else's"

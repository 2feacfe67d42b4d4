"""What an answer may cost before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on one answer. An answer over a cap raises `holdfast.errors.LimitError`; nothing of it is kept.

    Attributes:
        wire_bytes: Body bytes as they arrive, before decompression.
        decoded_bytes: Body bytes after decompression.
        ratio: Decoded bytes per wire byte, counted once `ratio_from_bytes` have been decoded.
        ratio_from_bytes: Decoded bytes below which the ratio is not looked at: short, repetitive answers compress well.
        json_depth: Nesting of arrays and objects.
        json_nodes: Arrays, objects and scalars together; object keys are not counted, empty containers count twice.
        number_chars: Characters of one number.
        header_line_bytes: Bytes of the status line and of each header line.
        header_count: Header lines of one answer.
        download_bytes: Bytes that a download to a file may have.
    """

    wire_bytes: int = 8 * MIB
    decoded_bytes: int = 32 * MIB
    ratio: int = 100
    ratio_from_bytes: int = 1 * MIB
    json_depth: int = 64
    json_nodes: int = 500_000
    number_chars: int = 400
    header_line_bytes: int = 16 * 1024
    header_count: int = 128
    download_bytes: int = 1024 * MIB

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")


DEFAULT_LIMITS = Limits()

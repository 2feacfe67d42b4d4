"""Base64 and hexadecimal of what is itself a text, undone: encoded twice, a secret looks like neither.

Where such a run begins nothing tells: what stands before it is often made of the same characters. But the bits of
printable ASCII leave a mark in each group of digits, by which a run is found with its groups as they were made; almost
no other text has it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from holdfast.control.textviews import View


@dataclass(frozen=True)
class _Codec:
    """How bytes are written.

    Attributes:
        bits: In each digit.
        runs: Runs of it that stand for ASCII, with the digits of an incomplete group at their end.
        decode: The bytes of a run; digits at its end that make no byte go.
    """

    bits: int
    runs: re.Pattern[str]
    decode: Callable[[str], bytes]


def _base64(run: str) -> bytes:
    whole = run[: len(run) - (len(run) % 4 == 1)]
    return binascii.a2b_base64(whole.replace("-", "+").replace("_", "/") + "=" * (-len(whole) % 4))


# The digits of a group that can stand where some of their bits are the first of a byte: 0 (with line feeds and tabs)
# and 2 to 7 in its upper half.
_CODECS: Final = (
    _Codec(
        6,
        re.compile(
            r"(?:[CDI-Za-f][AC-HQS-Xgi-nwyz0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]){4,}+"
            r"[A-Za-z0-9+/_-]{0,3}"
        ),
        _base64,
    ),
    _Codec(4, re.compile(r"(?:[02-7][0-9A-Fa-f]){8,}+"), bytes.fromhex),
)


def decoded(view: View) -> Iterator[View]:
    """What runs of encoded text read as, each by itself: those of 16 characters and more."""
    for codec in _CODECS:
        for match in codec.runs.finditer(view.text):
            text = codec.decode(match[0]).decode("latin-1")
            begins = [match.start() + 8 * number // codec.bits for number in range(len(text))]
            ends = [match.start() + (8 * number + codec.bits - 1) // codec.bits for number in range(1, len(text) + 1)]
            yield View(
                text,
                [view.starts[at] for at in begins],
                [view.stops[at - 1] for at in ends],
                words=view.words,
            )

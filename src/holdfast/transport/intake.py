"""Bodies on their way in: counted, decompressed within bounds, kept in memory or written to a file."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeAlias

from holdfast.errors import Executed, LimitError, ProtocolError
from holdfast.transport.limits import Limits

Sink: TypeAlias = Callable[[bytes], object]

_INFLATE_BLOCK = 256 * 1024


class Intake:
    """Counts, decompresses and caps one body, handing decoded blocks to `sink`.

    Args:
        encoding: Content-Encoding field of the answer; identity, gzip and deflate are known.
        limits: Caps.
        sink: Receives decoded blocks in order.
        executed: What the errors say about the operation that was answered.
        cap: Replaces the caps on wire and decoded bytes (downloads).
    """

    def __init__(
        self,
        encoding: str,
        limits: Limits,
        sink: Sink,
        *,
        executed: Executed,
        cap: int | None = None,
    ) -> None:
        self._limits = limits
        self._sink = sink
        self._executed = executed
        self._wire_cap = limits.wire_bytes if cap is None else cap
        self._decoded_cap = limits.decoded_bytes if cap is None else cap
        self.wire = 0
        self.decoded = 0
        self._coding = encoding.strip().lower().removeprefix("x-")
        self._inflater: zlib._Decompress | None = None
        self._ended = False

    def expect(self, length: int) -> None:
        """Refuse a body by its announced wire length before a byte of it is read."""
        if length > self._wire_cap:
            raise self._over("wire_bytes", f"larger than {self._wire_cap} bytes")

    def feed(self, data: bytes) -> None:
        """Take wire bytes.

        Raises:
            LimitError: A cap is exceeded; at most one block beyond it has been decoded.
            ProtocolError: The compressed data are damaged.
        """
        self.wire += len(data)
        if self.wire > self._wire_cap:
            raise self._over("wire_bytes", f"larger than {self._wire_cap} bytes")
        if self._coding in ("", "identity"):
            self._emit(data)
        elif self._coding in ("gzip", "deflate"):
            self._inflate(data)
        elif data:
            raise ProtocolError("The appliance used a compression that was not asked for.", executed=self._executed)

    def _inflate(self, data: bytes) -> None:
        more = bool(data)
        while more:
            if self._inflater is None:
                if self._ended and self._coding != "gzip":  # which allows members one after the other
                    raise self._damaged()
                self._inflater = self._new_inflater(data)
            try:
                block = self._inflater.decompress(data, _INFLATE_BLOCK)
            except zlib.error:
                raise self._damaged() from None
            self._emit(block)
            if self._inflater.eof:
                data = self._inflater.unused_data
                self._inflater, self._ended = None, True
                more = bool(data)
            else:
                data = self._inflater.unconsumed_tail
                more = len(block) == _INFLATE_BLOCK  # else all that came has been unpacked

    def finish(self) -> None:
        """The wire has ended.

        Raises:
            ProtocolError: In the middle of compressed data.
        """
        if self._inflater is not None:
            raise self._damaged()

    def _new_inflater(self, data: bytes) -> zlib._Decompress:
        if self._coding == "gzip":
            return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        # "deflate" means zlib by the standard and raw deflate by old servers; a zlib header starts with 0x?8.
        return zlib.decompressobj(wbits=zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS)

    def _emit(self, block: bytes) -> None:
        self.decoded += len(block)
        if self.decoded > self._decoded_cap:
            raise self._over("decoded_bytes", f"larger than {self._decoded_cap} bytes")
        if self.decoded > self._limits.ratio_from_bytes and self.decoded > self.wire * self._limits.ratio:
            raise self._over("ratio", f"compressed more than {self._limits.ratio} times")
        self._sink(block)

    def _over(self, limit: str, how: str) -> LimitError:
        return LimitError(
            f"The appliance's answer is {how} and was refused.",
            next_step="Ask for less at once: a filter, a smaller page.",
            executed=self._executed,
            details={"limit": limit},
        )

    def _damaged(self) -> ProtocolError:
        return ProtocolError("The appliance's compressed answer is damaged.", executed=self._executed)


class FileSink:
    """Writes a download next to its destination and moves it there when it is complete.

    The partial file is readable by its owner only.

    Raises:
        FileExistsError: There is a partial file already.
        OSError: It cannot be made.
    """

    def __init__(self, destination: Path) -> None:
        self._destination = destination
        self._part = destination.with_name(destination.name + ".part")
        self._file: BinaryIO = os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._moved = False

    def write(self, block: bytes) -> None:
        """Append a block.

        Raises:
            ProtocolError: The download was abandoned.
        """
        if self._file.closed:
            raise ProtocolError("The download was given up.")
        self._file.write(block)

    def commit(self) -> None:
        """Close and move to the destination, replacing what is there."""
        self._file.close()
        self._part.replace(self._destination)
        self._moved = True

    def abandon(self) -> None:
        """Close and remove what was written; does nothing after `commit`."""
        if self._moved:
            return
        with suppress(OSError):  # what a full disk does not take any more is not wanted
            self._file.close()
        self._part.unlink(missing_ok=True)

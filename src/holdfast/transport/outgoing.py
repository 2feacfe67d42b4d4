"""Bodies on their way out: JSON, forms, multipart and files, always with a known length."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from holdfast.errors import Executed, InputError
from holdfast.transport.messages import Part, Request
from holdfast.transport.urls import query_string
from holdfast.transport.values import JsonInput

_FILE_BLOCK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request body whose length is known before it is sent."""

    length: int
    blocks: Sequence[bytes | Path]
    content_type: str | None

    def in_memory(self) -> bytes | None:
        """The whole body when no file is involved."""
        blocks = [block for block in self.blocks if isinstance(block, bytes)]
        return b"".join(blocks) if len(blocks) == len(self.blocks) else None

    async def stream(self) -> AsyncIterator[bytes]:
        """The body block by block; files are read in a thread.

        Raises:
            InputError: A file became shorter or longer while it was sent; the connection is closed then.
        """
        sent = 0
        for block in self.blocks:
            if isinstance(block, bytes):
                sent += len(block)
                yield block
                continue
            file = _opened(block)
            try:
                while data := await asyncio.to_thread(file.read, _FILE_BLOCK):
                    sent += len(data)
                    if sent > self.length:
                        raise InputError(f"The file {block.name} grew while it was sent.", executed=Executed.UNKNOWN)
                    yield data
            finally:
                file.close()
        if sent != self.length:
            raise InputError("A file changed while it was sent.", executed=Executed.UNKNOWN)


def _opened(file: Path) -> BufferedReader:
    """The file, opened and closed without a thread: a cancelled call between the two would leave it open."""
    return file.open("rb")


def outgoing(request: Request) -> Outgoing | None:
    """The body of `request`, or None when it has none.

    Raises:
        InputError: A value cannot be written as JSON, a file cannot be read, or a part or its name is malformed.
    """
    if request.json is not None:
        data = json_bytes(request.json)
        return Outgoing(len(data), [data], "application/json")
    if request.form is not None:
        data = query_string(request.form).encode("ascii")
        return Outgoing(len(data), [data], "application/x-www-form-urlencoded")
    if request.multipart is not None:
        return _multipart(request.multipart)
    if request.content is not None:
        return Outgoing(_length(request.content), [request.content], None)
    return None


def json_bytes(value: JsonInput) -> bytes:
    """`value` as compact JSON in UTF-8.

    Raises:
        InputError: Not a JSON value: NaN, an infinite number, lone surrogates, or a foreign type.
    """
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        raise InputError("A value of the request cannot be written as JSON.") from None


def _length(block: bytes | Path) -> int:
    if isinstance(block, bytes):
        return len(block)
    try:
        if not block.is_file():
            raise InputError(f"There is no file {block.name} to send.")
        return block.stat().st_size
    except OSError as error:
        raise InputError(f"The file {block.name} cannot be read: {error.strerror}.") from None


def _multipart(parts: Sequence[Part]) -> Outgoing:
    boundary = secrets.token_hex(16)
    blocks: list[bytes | Path] = []
    for part in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_parameter(part.name)}"'
        filename = part.filename
        if filename is None and isinstance(part.content, Path):
            filename = part.content.name
        if filename is not None:
            head += f'; filename="{_parameter(filename)}"'
        media_type = part.content_type
        if media_type is None and not isinstance(part.content, str):
            media_type = "application/octet-stream"
        if media_type is not None:
            head += f"\r\nContent-Type: {_parameter(media_type)}"
        content = _utf8(part.content) if isinstance(part.content, str) else part.content
        blocks += [_utf8(f"{head}\r\n\r\n"), content, b"\r\n"]
    blocks.append(f"--{boundary}--\r\n".encode())
    return Outgoing(sum(_length(block) for block in blocks), blocks, f"multipart/form-data; boundary={boundary}")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InputError("A part, its name and its file's name must be valid Unicode.") from None


def _parameter(text: str) -> str:
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
        raise InputError("The name of a part or file must not contain control characters.")
    return text.replace('"', "%22")

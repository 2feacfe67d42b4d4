"""The side file that says where the ledger ends, so that a cut tail shows and a start need not read everything."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from holdfast.control import statefiles
from holdfast.control.canonical import digest, keyed_digest, same_digest
from holdfast.control.ledger.chain import OpenIntent, Position
from holdfast.errors import ConfigError

NAME: Final = "head.json"
_MAX_BYTES: Final = 4 * 1024 * 1024
_Count = Annotated[int, Field(ge=0)]
_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Open(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    seq: _Count
    first: _Count
    offset: _Count
    owner: str
    state: Literal["open", "unknown"]
    task: str | None = None


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    seq: _Count
    hash: _Hash
    first: _Count
    offset: _Count
    signed: bool
    open: dict[str, _Open]
    headless: tuple[_Count, ...] | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    head: _Content
    seal: str


def read(directory: Path, key: bytes | None) -> Position | None:
    """Where the ledger ended when its head was last written; None when the head is missing, damaged or forged.

    Raises:
        OSError: It cannot be read.
    """
    try:
        data = statefiles.read(directory / NAME, _MAX_BYTES)
        found = None if data is None else _File.model_validate_json(data)
    except (ValidationError, ConfigError, RecursionError):
        return None
    if found is None or not same_digest(found.seal, _seal(found.head, key)):
        return None
    head = found.head
    return Position(
        seq=head.seq,
        hash=head.hash,
        first=head.first,
        offset=head.offset,
        signed=head.signed,
        headless=head.headless or (),
        open={name: OpenIntent(**entry.model_dump()) for name, entry in head.open.items()},
    )


def write(directory: Path, position: Position, key: bytes | None) -> None:
    """Note where the ledger ends. The directory entry is not synced: an old head is caught up, never believed blindly.

    Raises:
        OSError: It cannot be written.
    """
    content = _Content(
        seq=position.seq,
        hash=position.hash,
        first=position.first,
        offset=position.offset,
        signed=position.signed,
        open={name: _Open(**asdict(entry)) for name, entry in position.open.items()},
        headless=position.headless or None,
    )
    data = _File(head=content, seal=_seal(content, key)).model_dump_json(exclude_none=True).encode()
    temporary = directory / f".{NAME}.{os.getpid()}.tmp"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, statefiles.PRIVATE_FILE)
    try:
        try:
            statefiles.write_all(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(directory / NAME)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _seal(content: _Content, key: bytes | None) -> str:
    value = {"head": json.loads(content.model_dump_json(exclude_none=True))}
    return digest(value) if key is None else keyed_digest(key, value)

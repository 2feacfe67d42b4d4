"""Files of a target, in the folders that the operator configured: profiles, collections, licences, passwords.

What is exported from a server can hold its secrets, hence every file is made with mode 0600, and none is replaced.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from pydantic import Field

from holdfast.control.filenames import file_stem
from holdfast.control.grammar import Grammar
from holdfast.errors import ConflictError, InputError, NotFoundError, RefusedError

MAX_READ: Final = 8 * 1024 * 1024
"""Largest file that is sent to an iDRAC as text, bytes: a whole profile has a few megabytes at most."""
MAX_SECRET: Final = 256
_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"

FileName: TypeAlias = Annotated[
    str,
    Grammar(
        "file",
        r"[A-Za-z0-9][A-Za-z0-9_.-]*",
        120,
        "name of a file, no folder in it",
        ("profile-7HXQ4T2.json", "web.pem"),
    ),
    Field(description="File in the target's files_dir."),
]


_PUT: Final = "Name a plain file that is in the operator's {key}, or have it put there."


def new_file(folder: Path | None, name: str, *, key: str = "files_dir") -> Path:
    """Where a new file goes.

    Raises:
        RefusedError: There is no such folder. Nothing was executed.
        ConflictError: A file of this name exists.
    """
    place = _folder(folder, key) / name
    if place.exists() or place.is_symlink():
        raise ConflictError(f"The file {name} exists already in {key}.", next_step="Choose another name.")
    return place


def free_file(folder: Path | None, stem: str, ending: str, *, key: str = "files_dir") -> Path:
    """Where a new file of this name goes; it is numbered where there are such files already.

    Raises:
        RefusedError: There is no such folder, or it has a hundred of them. Nothing was executed.
    """
    place, stem = _folder(folder, key), file_stem(stem)
    for number in range(1, 101):
        found = place / f"{stem}{f'-{number}' if number > 1 else ''}{ending}"
        if not found.exists() and not found.is_symlink():
            return found
    raise RefusedError(f"{key} is full of files {stem}*{ending}. Nothing was executed.")


def known_file(folder: Path | None, name: str, *, limit: int = MAX_READ, key: str = "files_dir") -> Path:
    """A file of the folder, a plain one: links could lead out of it.

    Raises:
        RefusedError: There is no such folder. Nothing was executed.
        NotFoundError: There is no such file.
        InputError: It is larger than the limit.
    """
    place = _folder(folder, key) / name
    try:
        found = place.lstat()
    except OSError:
        raise NotFoundError(f"There is no file {name} in {key}.", next_step=_PUT.format(key=key)) from None
    if not stat.S_ISREG(found.st_mode):
        raise NotFoundError(f"{name} in {key} is no plain file.", next_step=_PUT.format(key=key))
    if found.st_size > limit:
        raise InputError(f"The file {name} has {found.st_size} bytes; at most {limit} are taken.")
    return place


def _folder(folder: Path | None, key: str) -> Path:
    if folder is None or not folder.is_dir():
        raise RefusedError(
            f"There is no folder for this. Nothing was executed ({key}).",
            next_step=f"The operator sets {key} of the target to a folder that only the server may read.",
        )
    return folder


def text_of(place: Path) -> str:
    """The text of a file.

    Raises:
        InputError: It is no UTF-8 text.
    """
    try:
        return place.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"The file {place.name} is no text.") from None


def write_new(place: Path, content: bytes) -> None:
    """Write a file that only its owner may read; an existing one is not replaced."""
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def secret_in(folder: Path | None, name: str) -> str:
    """The secret that a file of the secrets' folder holds: its first line.

    Raises:
        RefusedError, NotFoundError, InputError: No folder, no such file, nothing in it.
    """
    lines = text_of(known_file(folder, name, limit=MAX_SECRET, key="secrets_dir")).splitlines()
    if not lines or not lines[0]:
        raise InputError(f"The file {name} in secrets_dir holds no secret in its first line.")
    return lines[0]


def new_password(length: int = 20) -> str:
    """A random password with letters of both cases, a digit and a sign, for the strictest policy (contract 12.12)."""
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(length - 4))
    return f"{drawn}-aA7"


def size_of(place: Path) -> int | None:
    """Bytes of a file; None where there is none."""
    return place.stat().st_size if place.is_file() else None

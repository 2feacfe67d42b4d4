"""Files of the state directory: private, complete or absent, and locked between processes.

Everything here is for small files on a local disk. Errors are the `OSError` of the operating system; callers turn them
into the error of their subject.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from holdfast.errors import ConfigError

PRIVATE_FILE: Final = 0o600
PRIVATE_DIR: Final = 0o700
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC: Final = getattr(os, "O_CLOEXEC", 0)
KEY_BYTES: Final = 32


def private_dir(path: Path) -> Path:
    """Make sure that the directory exists; one that is created is 0700 and belongs to whoever owns the one above.

    Raises:
        ConfigError: It is not a directory, belongs to somebody else, or others may write to it.
        OSError: It cannot be created.
    """
    try:
        path.mkdir(mode=PRIVATE_DIR)
    except FileExistsError:
        pass
    except FileNotFoundError:
        path.parent.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        path.mkdir(mode=PRIVATE_DIR, exist_ok=True)
    else:
        _give_to_owner_of(path.parent, path)
    found = path.stat()
    if os.name == "posix":
        if not _is_ours(found):
            raise ConfigError(f"The directory {path} belongs to another user.")
        if stat.S_IMODE(found.st_mode) & _OTHERS_WRITE:
            raise ConfigError(
                f"Others may write to the directory {path}.", next_step=f"Take the right away: chmod go-w {path}"
            )
    return path


def _is_ours(found: os.stat_result) -> bool:
    return os.geteuid() in (0, found.st_uid) or found.st_uid == 0


def _give_to_owner_of(directory: Path, made: Path | int) -> None:
    """What root makes in somebody's directory belongs to that somebody, who has to read it."""
    if os.name == "posix" and os.geteuid() == 0:
        owner = directory.stat()
        if owner.st_uid != 0:
            os.chown(made, owner.st_uid, owner.st_gid)


def sync_dir(path: Path) -> None:
    """Make names created, renamed or removed in the directory survive a power loss."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY | _CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_all(handle: int, data: bytes) -> None:
    """Write every byte; a disk that fills up in the middle raises its `OSError`."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _write_temporary(path: Path, data: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC, PRIVATE_FILE)
    try:
        try:
            _give_to_owner_of(path.parent, handle)
            write_all(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def create(path: Path, data: bytes, *, modified_at: float | None = None) -> bool:
    """Create the file with this content; False when it exists already. Of several that try, exactly one succeeds.

    A reader sees no file or the whole one. `modified_at` is its modification time, seconds since the epoch.
    """
    temporary = _write_temporary(path, data)
    try:
        if modified_at is not None:
            os.utime(temporary, (modified_at, modified_at))
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_dir(path.parent)
    return True


def replace(path: Path, data: bytes) -> None:
    """Give the file this content; a reader sees the old content or the new one."""
    temporary = _write_temporary(path, data)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_dir(path.parent)


def read(path: Path, max_bytes: int, *, secret: bool = False) -> bytes | None:
    """The content of a regular file, not through a symbolic link; None when there is none.

    Args:
        path: The file.
        max_bytes: More than this is refused.
        secret: Refuse a file that anybody else may read or write.

    Raises:
        ConfigError: Not a regular file, too large, of another user, or open to others.
        OSError: It cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | _NOFOLLOW | _CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"{path} is not a regular file.")
        if os.name == "posix":
            if not _is_ours(found):
                raise ConfigError(f"The file {path} belongs to another user.")
            if stat.S_IMODE(found.st_mode) & (_OTHERS if secret else _OTHERS_WRITE):
                raise ConfigError(f"Others may {'use' if secret else 'write'} the file {path}.")
        parts: list[bytes] = []
        left = max_bytes + 1
        while part := os.read(handle, min(left, 1 << 20)):
            parts.append(part)
            left -= len(part)
        if not left:
            raise ConfigError(f"The file {path} is larger than {max_bytes} bytes.")
        return b"".join(parts)
    finally:
        os.close(handle)


def load_or_create_key(path: Path) -> bytes:
    """The 32 byte key in this file (64 hexadecimal digits, mode 0600); a missing one is created.

    Of several processes that start at once, all get the same key.

    Raises:
        ConfigError: The file holds something else, or others may read it.
        OSError: It can be neither read nor created.
    """
    private_dir(path.parent)
    text = read(path, 4096, secret=True)
    if text is None:
        create(path, secrets.token_hex(KEY_BYTES).encode("ascii") + b"\n")
        text = read(path, 4096, secret=True) or b""
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"{path} does not hold a key of {KEY_BYTES} bytes in hexadecimal digits.",
            next_step="Restore the file. If you remove it, open plans and approvals are void.",
        )
    return key


@contextlib.contextmanager
def locked(
    path: Path,
    *,
    timeout_s: float = 10.0,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold an exclusive lock between threads and processes; a process that dies lets go of it.

    Raises:
        TimeoutError: Somebody else held it for the whole time.
        OSError: The lock file cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | _NOFOLLOW | _CLOEXEC, PRIVATE_FILE)
    try:
        give_up = monotonic() + timeout_s
        while not try_lock(handle):
            if monotonic() >= give_up:
                raise TimeoutError(f"another process holds {path.name}")
            sleep(0.005)
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def try_lock(handle: int) -> bool:
        """Take the lock of an open file if it is free; closing the file lets go of it."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(handle: int) -> bool:
        """Take the lock of an open file if it is free; closing the file lets go of it."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

"""Files from elsewhere: what the simulated internet serves, and how a file lands on a storage."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from holdfast.simulators.proxmox.call import Call
from holdfast.simulators.proxmox.errors import ApiError, TaskError
from holdfast.simulators.proxmox.storages import FILE_TYPES, Storage, Volume

_ENDINGS: Final = {
    "iso": r".+\.(?:iso|img)",
    "vztmpl": r".+\.(?:tar\.(?:gz|xz|zst|bz2)|tgz)",
    "import": r".+\.(?:ova|ovf|qcow2|raw|vmdk)",
}


@dataclass(frozen=True)
class Remote:
    """A file that a URL names."""

    filename: str
    size: int
    mimetype: str
    content: bytes


def fetch(url: str) -> Remote:
    """What the simulated internet has under a URL: every host but those below `.invalid` answers; TaskError else."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise TaskError("download failed: 400 URL must be http or https")
    if host.endswith(".invalid"):
        raise TaskError(f"download failed: 500 Can't connect to {host}:443 (Name or service not known)")
    if "missing" in parts.path:
        raise TaskError("download failed: 404 Not Found")
    name = parts.path.rpartition("/")[2] or "index.html"
    content = f"content of {url}\n".encode()
    size = 50 * 1024**2 + int(hashlib.sha256(url.encode()).hexdigest()[:6], 16)
    return Remote(name, size, "application/octet-stream", content)


def check_target(storage: Storage, content: str, filename: str) -> str:
    """The volume name a new file gets; 500 when storage or name do not fit."""
    if storage.type not in FILE_TYPES:
        raise ApiError(f"can't upload to storage type '{storage.type}'")
    if content not in storage.content:
        raise ApiError(f"storage '{storage.name}' does not support '{content}' content")
    clean = re.sub(r"[^-a-zA-Z0-9_.]", "_", filename.rpartition("/")[2])
    if not re.fullmatch(_ENDINGS[content], clean):
        raise ApiError("wrong file extension" if content != "import" else "invalid filename or wrong extension")
    return f"{content}/{clean}"


def check_sum(content: bytes, algorithm: str | None, expected: str | None) -> None:
    """TaskError unless the content has this checksum."""
    if algorithm is None or expected is None:
        return
    found = hashlib.new(algorithm, content).hexdigest()
    if found != expected.lower():
        raise TaskError(f"checksum mismatch: got '{found}' != expect '{expected}'")


def land(call: Call, storage: Storage, name: str, content: str, size: int) -> Volume:
    """Put the file on the storage."""
    return call.cluster.volumes.add(
        Volume(
            storage.name,
            name,
            content,
            name.rpartition(".")[2],
            size,
            int(call.now()),
            node=None if storage.shared else call.node,
        )
    )

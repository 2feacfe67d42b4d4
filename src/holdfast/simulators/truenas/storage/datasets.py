"""Datasets: file systems and volumes, their properties and inheritance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from holdfast.simulators.truenas.errors import Json, Row
from holdfast.simulators.truenas.storage.pools import human_size

# Property → (default raw value, kind). Kinds: size, switch, word, number, ratio.
PROPERTIES: dict[str, tuple[str, str]] = {
    "deduplication": ("off", "switch"),
    "aclmode": ("discard", "word"),
    "acltype": ("posix", "word"),
    "xattr": ("sa", "word"),
    "atime": ("off", "switch"),
    "casesensitivity": ("sensitive", "word"),
    "checksum": ("on", "switch"),
    "exec": ("on", "switch"),
    "sync": ("standard", "word"),
    "compression": ("lz4", "word"),
    "quota": ("0", "size"),
    "refquota": ("0", "size"),
    "reservation": ("0", "size"),
    "refreservation": ("0", "size"),
    "copies": ("1", "number"),
    "snapdir": ("hidden", "word"),
    "snapdev": ("hidden", "word"),
    "readonly": ("off", "switch"),
    "recordsize": ("131072", "size"),
    "special_small_block_size": ("0", "size"),
}
NOT_INHERITED = frozenset({"quota", "refquota", "reservation", "refreservation", "casesensitivity"})
FILESYSTEM_ONLY = frozenset(
    {"aclmode", "acltype", "xattr", "atime", "casesensitivity", "exec", "quota", "refquota", "snapdir", "recordsize"}
)
COMMENT = "org.freenas:description"
USER_NAMES = {
    "comments": COMMENT,
    "managedby": "org.truenas:managedby",
    "quota_warning": "org.freenas:quota_warning",
    "quota_critical": "org.freenas:quota_critical",
    "refquota_warning": "org.freenas:refquota_warning",
    "refquota_critical": "org.freenas:refquota_critical",
}
_MULTIPLES = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4, "P": 1024**5}


def parse_size(text: str) -> int:
    """Bytes of "128K", "1M" or "131072". ValueError when it is none of these."""
    text = text.strip().upper().removesuffix("B")
    if text and text[-1] in _MULTIPLES:
        return int(text[:-1]) * _MULTIPLES[text[-1]]
    return int(text)


@dataclass
class Encryption:
    """Set on a dataset that is an encryption root. `key` is the hex key or the passphrase."""

    algorithm: str
    key_format: str
    key: str
    iterations: int
    loaded: bool = True


@dataclass
class QuotaEntry:
    """A user's or group's use and limits in a dataset; zero means no limit."""

    used: int = 0
    quota: int = 0
    objects: int = 0
    object_quota: int = 0


@dataclass
class Dataset:
    """One dataset. `own_bytes` is what it itself refers to; times are seconds since the epoch."""

    name: str
    kind: str
    created: float
    txg: int
    own_bytes: int = 98_304
    local: dict[str, str] = field(default_factory=dict)
    user: dict[str, str] = field(default_factory=dict)
    volsize: int = 0
    volblocksize: int = 16_384
    sparse: bool = False
    origin: str = ""
    encryption: Encryption | None = None
    quotas: dict[tuple[str, int], QuotaEntry] = field(default_factory=dict)
    acl: Row | None = None
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    compress_ratio: float = 1.0
    internal: bool = False

    @property
    def pool(self) -> str:
        """Name of the pool."""
        return self.name.partition("/")[0]

    @property
    def parent(self) -> str | None:
        """Name of the parent dataset, None for the pool's root."""
        return self.name.rpartition("/")[0] or None

    @property
    def is_volume(self) -> bool:
        """Whether it is a volume (zvol)."""
        return self.kind == "VOLUME"


def show(name: str, raw: str, kind: str, source: str, source_info: str | None) -> Row:
    """A property as the appliance shows it: parsed, raw and worded."""
    parsed: Any
    value: str | None
    if kind == "size":
        number = int(raw)
        parsed, value = (number, human_size(number)) if number or name not in PROPERTIES else (None, None)
        if name in ("recordsize", "volblocksize", "special_small_block_size"):
            parsed, value = number, human_size(number)
    elif kind == "switch":
        parsed, value = raw == "on" if raw in ("on", "off") else raw, raw.upper()
        if name in ("checksum", "deduplication") and raw not in ("on", "off"):
            parsed = raw
    elif kind == "number":
        parsed, value = int(raw), raw
    elif kind == "ratio":
        parsed, value = raw, f"{raw}x"
    else:
        parsed, value = raw, raw.upper()
    return {"parsed": parsed, "rawvalue": raw, "value": value, "source": source, "source_info": source_info}


def fixed(parsed: Json, raw: str, value: str | None) -> Row:
    """A property that has no source."""
    return {"parsed": parsed, "rawvalue": raw, "value": value, "source": "NONE", "source_info": None}

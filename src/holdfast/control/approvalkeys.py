"""Who can sign an approval, and who can only check it.

With `SharedKey` both sides hold the same secret: whoever may read the state directory, the serving process included,
could sign. What it stops is the model, which can call tools only, and other users of the machine. To stop the serving
process too, let somebody else hold the private key: `Ed25519Approver` signs with it under another user, and the server
gets the public key (`Ed25519Checker`) and cannot sign at all.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Final, Protocol

from pydantic import JsonValue

from holdfast.control import statefiles
from holdfast.control.canonical import canonical, derive_key, keyed_digest, same_digest
from holdfast.errors import ConfigError

_KEY_BYTES: Final = 32


class Checker(Protocol):
    """Checks signatures."""

    def genuine(self, record: JsonValue, signature: str) -> bool:
        """Whether the signature was made over exactly this record."""


class Approver(Checker, Protocol):
    """Makes and checks signatures."""

    def sign(self, record: JsonValue) -> str:
        """The signature of a record."""


class SharedKey:
    """Signs with a secret that both sides hold.

    Args:
        key: Secret of the installation.
    """

    def __init__(self, key: bytes) -> None:
        self._key = derive_key(key, "approvals")

    def sign(self, record: JsonValue) -> str:
        """HMAC-SHA-256 of the record, hexadecimal."""
        return keyed_digest(self._key, record)

    def genuine(self, record: JsonValue, signature: str) -> bool:
        """Whether the signature is this record's."""
        return same_digest(signature, self.sign(record))


class Ed25519Checker:
    """Checks signatures that only the holder of the private key can make.

    Args:
        public_key: 32 bytes.
    """

    def __init__(self, public_key: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        self._key = Ed25519PublicKey.from_public_bytes(public_key)

    @classmethod
    def from_text(cls, text: str) -> Ed25519Checker:
        """From the public key as `Ed25519Approver.public_text` gives it.

        Raises:
            ConfigError: It is not such a key.
        """
        try:
            raw = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != _KEY_BYTES:
            raise ConfigError("The approver's public key is not 32 bytes in base64.")
        return cls(raw)

    def genuine(self, record: JsonValue, signature: str) -> bool:
        """Whether the signature is this record's."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(base64.b64decode(signature, validate=True), canonical(record))
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


class Ed25519Approver(Ed25519Checker):
    """Signs with a private key that the server does not have.

    Args:
        seed: 32 bytes, the private key.
    """

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._private.public_key().public_bytes_raw()
        super().__init__(self._public)

    @classmethod
    def from_file(cls, path: Path) -> Ed25519Approver:
        """The key in this file (mode 0600), created when missing.

        Raises:
            ConfigError: The file holds something else, or others may read it.
        """
        return cls(statefiles.load_or_create_key(path))

    @property
    def public_text(self) -> str:
        """The public key, base64, for the server's configuration."""
        return base64.b64encode(self._public).decode("ascii")

    def sign(self, record: JsonValue) -> str:
        """Ed25519 signature of the record, base64."""
        return base64.b64encode(self._private.sign(canonical(record))).decode("ascii")

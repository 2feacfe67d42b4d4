"""The server's side of SCRAM-SHA-512 with API keys (RFC 5802; contract section 5.4)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

ITERATIONS = 50_000
"""PBKDF2 rounds: the least a careful client accepts, so that simulated logins stay cheap."""


@dataclass(frozen=True)
class StoredKey:
    """What the server keeps of an API key's secret."""

    salt: bytes
    iterations: int
    client_key: bytes
    stored_key: bytes
    server_key: bytes


def stored_key(secret: str, salt: bytes, iterations: int = ITERATIONS) -> StoredKey:
    """Derive what the server keeps."""
    salted = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha512")
    server_key = hmac.digest(salted, b"Server Key", "sha512")
    return StoredKey(salt, iterations, client_key, hashlib.sha512(client_key).digest(), server_key)


@dataclass(frozen=True)
class ClientFirst:
    """A parsed client-first-message. `binding` is None without channel binding, else its type."""

    username: str
    key_id: int
    nonce: str
    bare: str
    header: str
    binding: str | None


def parse_client_first(message: str) -> ClientFirst:
    """Parse `gs2-header n=user:id,r=nonce`. ValueError when it is not one."""
    flag, authzid, *rest = message.split(",")
    if authzid or len(rest) < 2:
        raise ValueError("malformed client-first-message")
    if flag not in ("n", "y") and not flag.startswith("p="):
        raise ValueError("malformed gs2 header")
    bare = ",".join(rest)
    attributes = dict(part.split("=", 1) for part in rest)
    username, _, number = attributes["n"].replace("=2C", ",").replace("=3D", "=").rpartition(":")
    if not username or not number.isdigit() or not attributes.get("r"):
        raise ValueError("malformed client-first-message")
    binding = flag[2:] if flag.startswith("p=") else None
    return ClientFirst(username, int(number), attributes["r"], bare, f"{flag},{authzid},", binding)


@dataclass(frozen=True)
class Exchange:
    """A conversation between its first and its final message."""

    first: ClientFirst
    key: StoredKey
    server_first: str
    nonce: str

    @classmethod
    def begin(cls, first: ClientFirst, key: StoredKey, server_nonce: str) -> Exchange:
        """Answer a client-first-message."""
        nonce = first.nonce + server_nonce
        salt = base64.b64encode(key.salt).decode()
        return cls(first, key, f"r={nonce},s={salt},i={key.iterations}", nonce)

    def finish(self, message: str, binding_data: bytes) -> str | None:
        """The server-final-message, or None when the proof or the channel binding is wrong."""
        without_proof, separator, proof = message.rpartition(",p=")
        try:
            attributes = dict(part.split("=", 1) for part in without_proof.split(","))
            given_binding = base64.b64decode(attributes["c"], validate=True)
            given_proof = base64.b64decode(proof, validate=True)
        except (ValueError, LookupError, binascii.Error):
            return None
        wanted_binding = self.first.header.encode() + (binding_data if self.first.binding is not None else b"")
        if not separator or attributes.get("r") != self.nonce or given_binding != wanted_binding:
            return None
        auth_message = f"{self.first.bare},{self.server_first},{without_proof}".encode()
        signature = hmac.digest(self.key.stored_key, auth_message, "sha512")
        if len(given_proof) != len(signature):
            return None
        client_key = bytes(a ^ b for a, b in zip(given_proof, signature, strict=True))
        if not hmac.compare_digest(hashlib.sha512(client_key).digest(), self.key.stored_key):
            return None
        server_signature = hmac.digest(self.key.server_key, auth_message, "sha512")
        return f"v={base64.b64encode(server_signature).decode()}"

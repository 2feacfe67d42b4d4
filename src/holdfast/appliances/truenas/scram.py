"""SCRAM-SHA-512 with API keys, the client's side (RFC 5802, contract 5.4): the key never leaves this machine."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

from holdfast.errors import AuthenticationError, ConfigError, ProtocolError

MIN_ITERATIONS: Final = 50_000
MAX_ITERATIONS: Final = 5_000_000
"""Fewer rounds would make the proof easy to guess from, more would be an attack on this machine's time."""
_BINDING: Final = "tls-server-end-point"


class ScramLogin:
    """One exchange: `first` is sent, `final` answers the server's challenge, `verify` checks that the server knows the
    key too.

    Args:
        username: Owner of the key.
        api_key: The raw key, `<id>-<secret>`.
        certificate: The certificate that the server showed, DER: the exchange is bound to it. None: unbound.
        nonce: For tests.

    Raises:
        ConfigError: The key is not a TrueNAS API key.
    """

    def __init__(self, username: str, api_key: str, certificate: bytes | None, *, nonce: str | None = None) -> None:
        number, dash, self._secret = api_key.partition("-")
        if not (dash and self._secret and number.isascii() and number.isdigit()):
            raise ConfigError("The API key does not look like one of TrueNAS (number-text). Nothing was sent.")
        data = end_point(certificate) if certificate is not None else None
        self._header = "n,," if data is None else f"p={_BINDING},,"
        self._binding = b"" if data is None else data
        self._nonce = nonce or secrets.token_hex(24)
        name = username.replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name}:{number},r={self._nonce}"
        self._expected = b""

    @property
    def first(self) -> str:
        """The client-first-message."""
        return self._header + self._bare

    def final(self, server_first: str) -> str:
        """The client-final-message. Takes some hundred milliseconds: run it in a thread.

        Raises:
            ProtocolError: The challenge is malformed, does not belong to this exchange, or is unreasonable.
        """
        parts = _attributes(server_first)
        nonce, salt, rounds = parts.get("r", ""), parts.get("s", ""), parts.get("i", "")
        if not nonce.startswith(self._nonce) or len(nonce) <= len(self._nonce):
            raise ProtocolError("TrueNAS's challenge does not belong to this login.")
        if not (rounds.isascii() and rounds.isdigit() and MIN_ITERATIONS <= int(rounds) <= MAX_ITERATIONS):
            raise ProtocolError("TrueNAS's challenge asks for an unreasonable number of rounds.")
        channel = base64.b64encode(self._header.encode() + self._binding).decode()
        without_proof = f"c={channel},r={nonce}"
        salted = hashlib.pbkdf2_hmac("sha512", self._secret.encode(), _decoded(salt), int(rounds))
        message = f"{self._bare},{server_first},{without_proof}".encode()
        client_key = hmac.digest(salted, b"Client Key", "sha512")
        signature = hmac.digest(hashlib.sha512(client_key).digest(), message, "sha512")
        self._expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha512"), message, "sha512")
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        return f"{without_proof},p={base64.b64encode(proof).decode()}"

    def verify(self, server_final: str) -> None:
        """Check the server's signature.

        Raises:
            AuthenticationError: The server does not know the key: it is not the one that the key is for.
        """
        given = _decoded(_attributes(server_final).get("v", ""))
        if not self._expected or not hmac.compare_digest(given, self._expected):
            raise AuthenticationError("The server could not prove that it knows the key; it is not the right TrueNAS.")


def end_point(certificate: bytes) -> bytes | None:
    """The channel binding of a certificate (RFC 5929): its hash by its own signature's algorithm, SHA-256 in place of
    weaker ones. None where it is not defined (signatures without a hash of their own).
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        return None
    if algorithm is None:
        return None
    name = algorithm.name if algorithm.name in ("sha384", "sha512") else "sha256"
    return hashlib.new(name, certificate).digest()


def _attributes(message: str) -> dict[str, str]:
    parts = (part.partition("=") for part in message[:4096].split(","))
    return {name: value for name, _, value in parts}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError("TrueNAS's part of the login is malformed.") from None

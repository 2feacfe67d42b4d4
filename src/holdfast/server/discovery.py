"""How a client learns which OpenID provider its token has to come from: protected resource metadata (RFC 9728).

Only where a provider is configured. With static tokens alone there is nothing to discover, and clients that try would
start a login that ends nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from holdfast.config import ServerSettings

_WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True)
class Discovery:
    """What is told to clients without a token, by the name under which they reach the server.

    Attributes:
        issuer: The provider.
        path: Of the MCP endpoint.
        scheme: By which clients reach it: https also where a proxy in front does the TLS.
    """

    issuer: str
    path: str
    scheme: str

    @classmethod
    def of(cls, settings: ServerSettings) -> Discovery | None:
        """That of these settings; None without a provider."""
        if settings.oidc_issuer is None:
            return None
        secure = settings.tls_cert_file is not None or settings.behind_proxy
        return cls(settings.oidc_issuer, settings.path, "https" if secure else "http")

    @property
    def location(self) -> str:
        """Path of the metadata, which is open to everybody."""
        return f"{_WELL_KNOWN}{self.path.rstrip('/')}"

    def challenge(self, host: str) -> str:
        """The `WWW-Authenticate` header for a client that reaches the server under this host."""
        return f'Bearer resource_metadata="{self.scheme}://{host}{self.location}"'

    def document(self, host: str) -> dict[str, JsonValue]:
        """The metadata for it."""
        return {
            "resource": f"{self.scheme}://{host}{self.path}",
            "authorization_servers": [self.issuer],
            "bearer_methods_supported": ["header"],
        }

"""An HTTP proxy that the operator configured; the environment's proxies are never looked at."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from holdfast.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where to send requests instead, and with which header fields for the proxy itself."""

    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Read ``http://[USER:PASSWORD@]HOST:PORT``; the credentials are taken out of the URL.

        Raises:
            ConfigError: Not an http or https URL with a host.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ConfigError("The proxy's URL cannot be read.") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise ConfigError("The proxy's URL must be http://HOST:PORT or https://HOST:PORT.")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        plain = f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")
        if parts.username is None:
            return cls(plain)
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        token = base64.b64encode(credentials.encode()).decode("ascii")
        return cls(plain, {"Proxy-Authorization": f"Basic {token}"})

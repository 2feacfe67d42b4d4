"""Settings of a Proxmox VE target: a cluster, or a single node."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import ClassVar, Final, Self

from pydantic import Field, field_validator, model_validator

from holdfast.config import Secret, TargetSettings

_ADDRESS: Final = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?))(?::(?P<port>[0-9]{1,5}))?"
    r"|(?P<bare6>[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)",
    re.ASCII,
)


class ProxmoxSettings(TargetSettings):
    """Credentials: `token_id` and `token_secret` (preferred), or `username` and `password`."""

    kind: ClassVar[str] = "proxmox"
    default_port: ClassVar[int] = 8006

    token_id: str | None = Field(
        None,
        pattern=r"^[^\s:/!]+@[A-Za-z][A-Za-z0-9.\-_]+![A-Za-z][A-Za-z0-9.\-_]+$",
        description="USER@REALM!TOKENID.",
    )
    token_secret: Secret | None = Field(None, description="Secret of that token.")
    username: str | None = Field(None, description="USER or USER@REALM; without a realm, pam.")
    password: Secret | None = Field(None, description="Password of that user.")
    totp_secret: Secret | None = Field(
        None, description="Base32 secret of that user's TOTP, if it needs a second factor; a token needs none."
    )
    fallback_hosts: tuple[str, ...] = Field(
        (),
        max_length=32,
        description="Further nodes of the same cluster, HOST or HOST:PORT, asked in this order when host cannot be "
        "reached; needs cluster.",
    )
    cluster: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$",
        description="Name of the cluster: a fallback that does not name it is not used.",
    )
    own_guest: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$",
        description="Id or name of the guest that Holdfast itself runs in: it is never stopped, nor is its node. "
        "Recognised by itself where its name is this machine's host name.",
    )
    own_node: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$", description="Node that Holdfast itself runs on."
    )
    protected_guests: tuple[str, ...] = Field(
        (), description="Ids or names of guests that are never stopped, changed or deleted."
    )
    protected_tags: tuple[str, ...] = Field(
        ("holdfast-protected",), description="Guests with one of these tags are never stopped, changed or deleted."
    )
    upload_dir: Path | None = Field(None, description="Folder whose files may be uploaded; without it there are none.")
    secrets_dir: Path | None = Field(
        None, description="Folder where secrets of new API tokens are written (mode 0600); without it none are made."
    )

    @field_validator("fallback_hosts")
    @classmethod
    def _fallbacks_are_addresses(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            _address(host)
        return hosts

    @model_validator(mode="after")
    def _fallbacks_can_be_checked(self) -> Self:
        if self.fallback_hosts and self.cluster is None:
            raise ValueError("fallback_hosts needs cluster, the name that a fallback must answer with")
        if self.fallback_hosts and not self.verify:
            raise ValueError("fallback_hosts needs certificates that are verified: give ca_file or pin_sha256")
        return self

    @property
    def fallback_addresses(self) -> list[tuple[str, int]]:
        """Host and port of each fallback."""
        found = [_address(host) for host in self.fallback_hosts]
        return [(host, port or self.effective_port) for host, port in found]

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        by_token = self.token_id is not None and self.token_secret is not None
        by_password = self.username is not None and self.password is not None
        if not by_token and not by_password:
            raise ValueError("give token_id and token_secret, or username and password")
        return self


def _address(text: str) -> tuple[str, int | None]:
    """Host and port of `HOST` or `HOST:PORT`; an IPv6 address with a port is in brackets.

    Raises:
        ValueError: It is neither.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise ValueError("a fallback host is HOST or HOST:PORT, with a host name or an IP address")
    host = found["v6"] or found["bare6"] or found["name"]
    if ("." in host and host.replace(".", "").isdigit()) or ":" in host:
        host = str(ipaddress.ip_address(host))
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65536:
        raise ValueError("a port is a number from 1 to 65535")
    return host.lower(), port

"""Settings of a Proxmox VE target: a cluster, or a single node."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from holdfast.config import Secret, TargetSettings


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

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        by_token = self.token_id is not None and self.token_secret is not None
        by_password = self.username is not None and self.password is not None
        if not by_token and not by_password:
            raise ValueError("give token_id and token_secret, or username and password")
        return self

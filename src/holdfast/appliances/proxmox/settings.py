"""Settings of a Proxmox VE target: a cluster, or a single node."""

from __future__ import annotations

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

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        by_token = self.token_id is not None and self.token_secret is not None
        by_password = self.username is not None and self.password is not None
        if not by_token and not by_password:
            raise ValueError("give token_id and token_secret, or username and password")
        return self

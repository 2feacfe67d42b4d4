"""Settings of a TrueNAS target (JSON-RPC over WebSocket, 25.04 and newer)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from holdfast.config import Secret, TargetSettings


class TrueNASSettings(TargetSettings):
    """Credentials: `api_key` (with the `username` that owns it), or `username` and `password`."""

    kind: ClassVar[str] = "truenas"

    api_key: Secret | None = Field(None, description="API key.")
    username: str | None = Field(None, description="User that owns the key, or logs in by password.")
    password: Secret | None = Field(None, description="Password of that user.")

    login: Literal["auto", "scram", "plain"] = Field(
        "auto",
        description="auto: by SCRAM where it is offered (26), else the key itself inside TLS; scram, plain: only so.",
    )

    backup_dir: Path | None = Field(
        None, description="Folder where saved configurations are written (mode 0600); without it none are saved."
    )
    secrets_dir: Path | None = Field(
        None, description="Folder where new API keys are written (mode 0600); without it none are made."
    )

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.api_key is None and (self.username is None or self.password is None):
            raise ValueError("give api_key, or username and password")
        return self

"""Settings of a pfSense target (REST API package v2)."""

from __future__ import annotations

import ipaddress
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from holdfast.config import Secret, TargetSettings


class PfSenseSettings(TargetSettings):
    """Credentials: either `api_key`, or `username` and `password`.

    `api_secret` is accepted because the resilience guide shows it; version 2 of the REST API package has no such
    secret (contract 3.2), so it is not sent.
    """

    kind: ClassVar[str] = "pfsense"

    api_key: Secret | None = Field(None, description="API key of the REST API package (sent as X-API-Key).")
    api_secret: Secret | None = Field(None, description="Accepted for the guide's sake; version 2 has no secret.")
    username: str | None = Field(None, description="User for Basic or JWT authentication.")
    password: Secret | None = Field(None, description="Password of that user.")
    auth: str = Field("auto", pattern="^(auto|key|basic|jwt)$", description="Scheme; auto chooses by what is given.")

    own_address: str | None = Field(
        None,
        description="Address that the firewall sees this machine as, where that is not its own (behind NAT); the "
        "lock-out guard protects it.",
    )

    @field_validator("own_address")
    @classmethod
    def _own_address_is_one(cls, address: str | None) -> str | None:
        return None if address is None else str(ipaddress.ip_address(address))

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.api_key is None and (self.username is None or self.password is None):
            raise ValueError("give api_key, or username and password")
        return self

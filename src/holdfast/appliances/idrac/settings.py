"""Settings of an iDRAC target (Redfish)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from holdfast.config import Secret, TargetSettings


class IDracSettings(TargetSettings):
    """Credentials: `username` and `password`."""

    kind: ClassVar[str] = "idrac"

    username: str = Field(description="User of the iDRAC.")
    password: Secret = Field(description="Password of that user.")

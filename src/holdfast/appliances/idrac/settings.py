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
    service_tag: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9]{5,7}$",
        description="Service tag that must answer here; changes are refused when another server does.",
    )
    group: str | None = Field(None, max_length=64, description="Group for choosing servers: a rack, a site, a cluster.")
    image_sources: tuple[str, ...] = Field(
        (), description="URL prefixes that images and firmware may come from; empty allows none."
    )

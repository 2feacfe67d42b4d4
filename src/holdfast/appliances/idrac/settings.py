"""Settings of an iDRAC target (Redfish)."""

from __future__ import annotations

from pathlib import Path
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
        (), description="URLs of hosts, folders or files that images and firmware may come from; empty allows none."
    )
    firmware_dir: Path | None = Field(
        None, description="Folder with firmware images that may be pushed; without it there are none."
    )
    files_dir: Path | None = Field(
        None,
        description="Folder for files of this target: exported profiles, collections and licences are written there "
        "(mode 0600), certificates, licences and profiles are read from it; without it there are none.",
    )
    secrets_dir: Path | None = Field(
        None,
        description="Folder for passwords of iDRAC users: new ones are written there (mode 0600), given ones read.",
    )
    allow_address_change: bool = Field(
        False, description="Whether the iDRAC's own address may be changed; Holdfast may lose it by that."
    )

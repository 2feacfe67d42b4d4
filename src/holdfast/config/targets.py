"""What every target has in common: the guide's keys with the guide's defaults, where it is, and how TLS is verified."""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from holdfast.config.secrets import Secret

_HOST_NAME = re.compile(r"(?=.{1,253}\Z)(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")

TargetName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$"),
    Field(description="Name of a configured target."),
]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class Mode(StrEnum):
    """What may be done to a target."""

    READ_ONLY = "read-only"
    OPERATE = "operate"


class TargetSettings(BaseModel):
    """Settings of one appliance; each kind of appliance adds its credentials.

    All times are in seconds. Field names up to `connector_limit_per_host` are those of the resilience guide.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    kind: ClassVar[str]
    default_port: ClassVar[int] = 443
    default_scheme: ClassVar[str] = "https"

    name: TargetName = Field("default", description="Name of the target, as tools address it.")
    host: str = Field(description="Host name or IP address of the appliance.")
    port: int = Field(0, ge=0, le=65535, description="TCP port; 0 means the appliance's own default.")
    protocol: str = Field("", description="https unless spelled out; http only where the appliance allows it.")
    mode: Mode = Field(Mode.READ_ONLY, description="read-only, or operate to allow changes.")
    tags: tuple[str, ...] = Field((), description="Free labels for selecting targets.")

    verify: bool = Field(
        True,
        validation_alias=AliasChoices("verify", "ssl_verify"),
        description="Verify the certificate. false must be spelled out and is shown wherever the target is.",
    )
    ca_file: Path | None = Field(None, description="PEM file of the authority that signed the certificate.")
    pin_sha256: tuple[str, ...] = Field(
        (), description="SHA-256 fingerprint of the certificate, or several (holdfast trust NAME prints it)."
    )
    tls_minimum: Literal["1.0", "1.1", "1.2", "1.3"] = Field(
        "1.2", description="Oldest TLS version; iDRAC 7 and 8 with old firmware need an older one."
    )
    tls_server_name: str | None = Field(None, description="Name that the certificate is for, when it is not the host.")
    proxy: str | None = Field(None, description="HTTP proxy for this target; proxies in the environment are ignored.")

    retry_max_attempts: int = Field(3, ge=1, le=20, description="Attempts in all, the first included.")
    retry_min_wait: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)] = Field(
        1, description="Shortest wait between attempts, seconds."
    )
    retry_max_wait: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)] = Field(
        10, description="Longest wait between attempts, seconds."
    )
    circuit_breaker_enabled: bool = Field(True, description="Whether the client has a circuit breaker.")
    circuit_breaker_fail_max: int = Field(5, ge=1, le=1000, description="Failures that open the circuit.")
    circuit_breaker_timeout: Seconds = Field(60, description="Seconds until an open circuit is tested.")
    circuit_breaker_probe_interval: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = Field(
        5, description="Seconds between cheap probes while open; 0 turns probes off."
    )
    timeout: Seconds = Field(30, description="Time of one attempt, seconds.")
    connect_timeout: Seconds = Field(5, description="Time to connect, seconds.")
    total_timeout: Seconds = Field(50, description="Time of a whole call with its retries, seconds.")
    connector_limit: int = Field(100, ge=1, le=10_000, description="Connections in the pool.")
    connector_limit_per_host: int = Field(30, ge=1, le=1000, description="Connections to one host.")

    @field_validator("host")
    @classmethod
    def _host_is_an_address(cls, host: str) -> str:
        bare = host.strip("[]")
        try:
            return str(ipaddress.ip_address(bare))
        except ValueError:
            if _HOST_NAME.fullmatch(host):
                return host.lower()
        raise ValueError("a host is a host name or an IP address, without protocol, path or port")

    @field_validator("protocol")
    @classmethod
    def _protocol_is_known(cls, protocol: str) -> str:
        if protocol.lower() not in ("", "https", "http", "wss", "ws"):
            raise ValueError("protocol is https or http")
        return protocol.lower()

    @field_validator("pin_sha256", mode="before")
    @classmethod
    def _one_pin_or_several(cls, pins: object) -> object:
        return (pins,) if isinstance(pins, str) else pins if pins is not None else ()

    @field_validator("pin_sha256")
    @classmethod
    def _pins_are_fingerprints(cls, pins: tuple[str, ...]) -> tuple[str, ...]:
        bare = tuple(pin.lower().removeprefix("sha256:").replace(":", "").replace(" ", "") for pin in pins)
        if not all(_FINGERPRINT.fullmatch(pin) for pin in bare):
            raise ValueError("pin_sha256 is a SHA-256 fingerprint: 64 hexadecimal digits, colons allowed")
        return bare

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.retry_min_wait > self.retry_max_wait:
            raise ValueError("retry_min_wait must not be greater than retry_max_wait")
        if not self.verify and (self.ca_file or self.pin_sha256):
            raise ValueError("verify = false contradicts ca_file and pin_sha256; remove one of them")
        return self

    @property
    def effective_port(self) -> int:
        """The configured port, or the appliance's default."""
        return self.port or self.default_port

    @property
    def origin(self) -> str:
        """Scheme, host and port of the appliance, for example `https://192.0.2.1:443`."""
        scheme = {"": self.default_scheme, "wss": "https", "ws": "http"}.get(self.protocol, self.protocol)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.effective_port}"

    @property
    def label(self) -> str:
        """Kind and name, for logs and answers, for example `proxmox.home`."""
        return f"{self.kind}.{self.name}"

    @property
    def circuit_name(self) -> str:
        """Name of the client's circuit in logs and metrics: `pfsense_api`, as in the resilience guide.

        With the target's name behind it (`pfsense_api/home`) where that says more than the kind does.
        """
        plain = f"{self.kind}_api"
        return plain if self.name in ("default", self.kind) else f"{plain}/{self.name}"

    def secrets(self) -> tuple[Secret, ...]:
        """All secrets of this target, for redaction."""
        return tuple(value for value in self.__dict__.values() if isinstance(value, Secret))

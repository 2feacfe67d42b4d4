"""The configuration as a whole: targets, server, control."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from holdfast.config.secrets import Secret
from holdfast.config.targets import TargetSettings
from holdfast.errors import UnknownTargetError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _own_path(path: str) -> str:
    if path.rstrip("/") in ("/healthz", "/readyz", "/metrics"):
        raise ValueError("that path has another use, and /healthz and /readyz are open to everybody")
    return path


class ServerSettings(_Section):
    """`[server]`: how assistants reach Holdfast."""

    host: str = Field("127.0.0.1", description="Address to listen on (HTTP only).")
    port: int = Field(8700, ge=0, le=65535, description="Port to listen on (HTTP only); 0 takes a free one.")
    path: Annotated[str, AfterValidator(_own_path)] = Field(
        "/mcp", pattern=r"^/[A-Za-z0-9/_-]*$", description="Path of the MCP endpoint."
    )
    token: Secret | None = Field(None, description="Bearer token of at least 32 bytes that clients must present.")
    tokens: dict[str, Secret] = Field(
        {}, description="Further tokens by the name of the principal that each stands for, for the policy."
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Further Host header values to accept, as host or host:port."
    )
    allowed_origins: tuple[str, ...] = Field((), description="Origin header values to accept.")
    tls_cert_file: Path | None = Field(None, description="Certificate chain to serve HTTPS with.")
    tls_key_file: Path | None = Field(None, description="Private key of that certificate.")
    behind_proxy: bool = Field(
        False, description="A TLS proxy stands in front; needed to bind a public address without TLS."
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, le=16_777_216, description="Largest request body, bytes.")
    max_connections: int = Field(256, ge=1, le=10_000, description="Connections served at once.")
    header_timeout: Annotated[float, Field(gt=0, le=60)] = Field(10, description="Seconds to send the request headers.")
    transfer_timeout: Annotated[float, Field(gt=0, le=600)] = Field(
        30, description="Seconds to send the request body, and to take in an answer that waits to be sent."
    )
    oidc_issuer: str | None = Field(None, description="OpenID Connect issuer whose access tokens are accepted.")
    oidc_audience: str | None = Field(None, description="Audience that those tokens must carry.")
    oidc_principal_claim: str = Field(
        "sub",
        min_length=1,
        description="Claim of those tokens that names the principal for policy and ledger; only sub is sure not to be "
        "chosen by the user.",
    )


Approval = Literal["none", "plan", "person"]


class ControlSettings(_Section):
    """`[control]`: what stands between an assistant and the appliances."""

    state_dir: Path | None = Field(
        None, description="Where plans, approvals and the ledger are kept (default: per user)."
    )
    approve_write: Approval = Field(
        "none", description="What a write needs: none (operate mode suffices), plan (a second call), person."
    )
    approve_destructive: Literal["plan", "person"] = Field(
        "person", description="What a destructive change needs: person, or plan (a second call with the plan id)."
    )
    approver_key: str | None = Field(
        None, description="Public key of who approves out of band (holdfast approver-key FILE); only its holder can."
    )
    policy_file: Path | None = Field(None, description="Who may do what; deny by default once given.")
    toolsets: tuple[str, ...] = Field((), description="Toolsets to list beside the default ones; all for every one.")
    allow_tools: tuple[str, ...] = Field((), description="Tool names or globs; when given, only these are listed.")
    deny_tools: tuple[str, ...] = Field((), description="Tool names or globs that are never listed.")
    command_allow: tuple[str, ...] = Field(
        (), description="Programs (first word of the argument list) that command tools may run; empty allows none."
    )
    read_only: bool = Field(False, description="Never list or run a write, whatever a target's mode says.")
    answer_cap_bytes: int = Field(32_000, ge=2_000, le=400_000, description="Largest answer of a tool, bytes.")
    stale_max_age: Annotated[float, Field(ge=0, le=86_400)] = Field(
        900, description="Oldest last good answer shown while a circuit is open, seconds; 0 shows none."
    )


@dataclass(frozen=True)
class Config:
    """Everything that `holdfast.toml` says."""

    targets: tuple[TargetSettings, ...]
    server: ServerSettings = field(default_factory=ServerSettings)
    control: ControlSettings = field(default_factory=ControlSettings)
    path: Path | None = None

    def of_kind(self, kind: str) -> tuple[TargetSettings, ...]:
        """Targets of one kind of appliance, in the order of the file."""
        return tuple(target for target in self.targets if target.kind == kind)

    def target(self, kind: str, name: str | None) -> TargetSettings:
        """The target of this kind and name; without a name the only one of its kind.

        Raises:
            UnknownTargetError: There is no such target, or the name is needed to choose.
        """
        candidates = self.of_kind(kind)
        names = ", ".join(target.name for target in candidates) or "none is configured"
        if name is None:
            if len(candidates) == 1:
                return candidates[0]
            raise UnknownTargetError(
                f"Which {kind} target? The argument target is needed here.",
                next_step=f"Give target as one of: {names}.",
            )
        for target in candidates:
            if target.name == name:
                return target
        raise UnknownTargetError(f"There is no {kind} target of this name.", next_step=f"Targets of {kind}: {names}.")

    def secrets(self) -> tuple[Secret, ...]:
        """Every secret of the configuration, for redaction."""
        own = () if self.server.token is None else (self.server.token,)
        return (
            own
            + tuple(self.server.tokens.values())
            + tuple(secret for target in self.targets for secret in target.secrets())
        )

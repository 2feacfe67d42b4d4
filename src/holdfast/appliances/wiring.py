"""How a target's settings become a transport and a policy: the same for all appliances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from holdfast.config import TargetSettings
from holdfast.errors import ConfigError
from holdfast.resilience import Policy
from holdfast.transport import ConnectionPool, GivenUp, HttpTransport, Reply, TlsSettings

_Settings = TypeVar("_Settings", bound=TargetSettings)


def settings_of(model: type[_Settings], config: _Settings | Mapping[str, object]) -> _Settings:
    """The settings in a client's first argument: settings, or a dict with the resilience guide's keys.

    Raises:
        ConfigError: A key is unknown, missing or impossible; the message names it and never a value.
    """
    try:
        return model.model_validate(config)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "config"
        raise ConfigError(
            f"{key}: {first['msg'].removeprefix('Value error, ')}.",
            next_step=f"Keys of {model.kind}: {', '.join(model.model_fields)}.",
        ) from None


def tls_of(settings: TargetSettings) -> TlsSettings:
    """How the target's certificate is checked."""
    return TlsSettings(
        verify=settings.verify,
        ca_file=settings.ca_file,
        pin_sha256=settings.pin_sha256 or None,
        minimum=settings.tls_minimum,
        server_name=settings.tls_server_name,
    )


def transport_of(
    settings: TargetSettings, pool: ConnectionPool, *, keepalive_s: float, given_up: GivenUp[Reply] | None = None
) -> HttpTransport:
    """The HTTP transport of a target; `keepalive_s` stays below the appliance's own idle limit."""
    return HttpTransport(
        settings.origin,
        pool=pool,
        tls=tls_of(settings),
        proxy=settings.proxy,
        keepalive_s=keepalive_s,
        target=settings.label,
        given_up=given_up,
    )


def pool_of(settings: TargetSettings) -> ConnectionPool:
    """A pool of the target's own, for clients that are used alone."""
    return ConnectionPool(limit=settings.connector_limit, limit_per_host=settings.connector_limit_per_host)


def policy_of(settings: TargetSettings, *, max_in_flight: int) -> Policy:
    """The target's policy, with what the appliance can take at once."""
    limited = min(max_in_flight, settings.connector_limit_per_host)
    return Policy.from_config({**settings.model_dump(), "max_in_flight": limited})

"""The configuration: saved to a file, and the settings of the system and of its services as they are."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.backup import plan_save
from holdfast.appliances.truenas.models.configuration import Advanced, ServiceConfig, Settings, WebInterface
from holdfast.appliances.truenas.reading import dig, made, plain
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.control.spec import Risk, tool
from holdfast.transport.values import as_object, opt_bool, opt_str

_METHODS: Final = {
    "cifs": "smb.config",
    "nfs": "nfs.config",
    "ssh": "ssh.config",
    "ftp": "ftp.config",
    "snmp": "snmp.config",
    "ups": "ups.config",
    "iscsitarget": "iscsi.global.config",
}
_HIDDEN: Final = {
    "ssh": ("privatekey", "host_"),
    "snmp": ("community", "v3_password", "v3_privpassphrase"),
    "ups": ("monpwd", "extrausers"),
}
"""Beginnings of the names of fields that hold keys and passwords (contract 14: an account that may change a service
sees them in clear)."""


@tool(title="Save configuration", toolset="configuration", risk=Risk.WRITE, idempotent=False)
async def truenas_save_config(
    ctx: Ctx,
    *,
    secrets: Annotated[
        bool, Field(description="With the seed that decrypts stored passwords: needed to restore on another machine.")
    ] = False,
) -> Change:
    """Save the configuration of the system to a new file in the operator's folder (backup_dir), checked and readable by
    its owner only. Nothing changes on TrueNAS. Data in pools is no part of it.
    """
    return await plan_save(ctx, secrets=secrets)


@tool(title="Get system settings", toolset="configuration")
async def truenas_get_settings(ctx: Ctx) -> Settings:
    """Settings of the whole system: time zone, web interface, console, syslog, kernel, FIPS, two-factor login."""
    client = ctx.client
    general = as_object(await client.call("system.general.config"), "system.general.config")
    advanced = as_object(await client.call("system.advanced.config"), "system.advanced.config")
    security = as_object(await client.call("system.security.config"), "system.security.config")
    factor = as_object(await client.call("auth.twofactor.config"), "auth.twofactor.config")
    return Settings(
        timezone=opt_str(general, "timezone"),
        keyboard=opt_str(general, "kbdmap"),
        usage_collection=opt_bool(general, "usage_collection"),
        web=made(WebInterface, general),
        advanced=made(Advanced, advanced, syslog_servers=_syslog(advanced)),
        fips=opt_bool(security, "enable_fips"),
        stig=opt_bool(security, "enable_gpos_stig"),
        two_factor=opt_bool(factor, "enabled"),
        two_factor_for_ssh=opt_bool(as_object(dig(factor, "services") or {}, "services"), "ssh"),
    )


def _syslog(advanced: JsonObject) -> list[str]:
    """Servers that get the log: a list of objects since 25.10, one text before."""
    servers = advanced.get("syslogservers")
    if isinstance(servers, list):
        rows = [row for row in servers if isinstance(row, dict)]
        return [f"{row.get('host')} ({row.get('transport')})" for row in rows]
    single = advanced.get("syslogserver")
    return [single] if isinstance(single, str) and single else []


@tool(title="Get service configuration", toolset="configuration")
async def truenas_get_service_config(
    ctx: Ctx,
    *,
    service: Annotated[
        Literal["cifs", "nfs", "ssh", "ftp", "snmp", "ups", "iscsitarget"], Field(description="Service.")
    ],
) -> ServiceConfig:
    """How a service is configured: ports, protocols, addresses it listens on. Keys and passwords are left out."""
    row = as_object(await ctx.client.call(_METHODS[service]), service)
    secret = _HIDDEN.get(service, ())
    hidden = [name for name, value in row.items() if name.startswith(secret) and value] if secret else []
    shown = {name: plain(value) for name, value in row.items() if not secret or not name.startswith(secret)}
    return ServiceConfig(service=service, config=shown, hidden=hidden or None)

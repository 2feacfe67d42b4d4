"""Name service: servers, resolver, names that it answers itself."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field, JsonValue

from holdfast.appliances.pfsense.arguments import Changes, Ctx, Description, More, Ref, Search, body_of, has_text
from holdfast.appliances.pfsense.changes import plan_create, plan_delete, plan_update
from holdfast.appliances.pfsense.kinds import HOST_OVERRIDE
from holdfast.appliances.pfsense.models import DnsSettings, HostOverride, HostOverridePage
from holdfast.appliances.pfsense.objects import refs
from holdfast.appliances.pfsense.reading import all_rows, said, settings_of, texts
from holdfast.appliances.pfsense.singles import BY_NAME, plan_settings
from holdfast.control.change import Change
from holdfast.control.identifiers import Fqdn, IpAddress
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.spec import Risk, tool
from holdfast.transport.values import JsonObject, opt_bool, opt_objects

_RESOLVER = ("port", "active_interface", "outgoing_interface", "dnssec", "forwarding", "regdhcp", "regdhcpstatic")


@tool(title="DNS settings", toolset="dns")
async def pfsense_dns_settings(ctx: Ctx) -> DnsSettings:
    """DNS servers that the firewall asks, and the state of its resolver."""
    system, resolver = await asyncio.gather(
        settings_of(ctx.client, "SystemDNS"), settings_of(ctx.client, "DNSResolverSettings")
    )
    return DnsSettings(
        servers=texts(system, "dnsserver"),
        allow_dhcp_override=opt_bool(system, "dnsallowoverride"),
        local_first=said(system, "dnslocalhost"),
        resolver_enabled=opt_bool(resolver, "enable"),
        resolver={name: resolver[name] for name in _RESOLVER if resolver.get(name) is not None},
    )


@tool(title="Set DNS servers", toolset="dns", risk=Risk.WRITE, idempotent=True)
async def pfsense_set_dns_servers(
    ctx: Ctx,
    *,
    servers: Annotated[list[IpAddress], Field(max_length=16, description="Addresses, in their order.")],
) -> Change:
    """Set the DNS servers that the firewall itself asks, at once."""
    return await plan_settings(ctx, BY_NAME["dns"], {"dnsserver": list[JsonValue](servers)})


@tool(title="List host overrides", toolset="dns")
async def pfsense_list_host_overrides(
    ctx: Ctx, *, search: Search = None, limit: Limit = 50, cursor: Cursor = None
) -> HostOverridePage:
    """Names that the DNS resolver answers itself, with their addresses and aliases."""
    rows = await all_rows(ctx.client, "DNSResolverHostOverride")
    found = [_override(row, ref) for row, ref in zip(rows, refs(HOST_OVERRIDE, rows), strict=True)]
    found = [row for row in found if has_text(search, row.ref, row.description, *row.addresses, *(row.aliases or []))]
    return paginate(HostOverridePage, found, limit, cursor)


def _override(row: JsonObject, ref: str) -> HostOverride:
    aliases = [f"{alias.get('host')}.{alias.get('domain')}" for alias in opt_objects(row, "aliases") or []]
    return HostOverride(
        ref=ref,
        host=str(row.get("host")),
        domain=str(row.get("domain")),
        addresses=texts(row, "ip"),
        aliases=aliases or None,
        description=said(row, "descr"),
    )


@tool(title="Create host override", toolset="dns", risk=Risk.WRITE, idempotent=True)
async def pfsense_create_host_override(
    ctx: Ctx,
    *,
    host: Annotated[Fqdn, Field(description="Name without its domain.")],
    domain: Annotated[Fqdn, Field(description="Domain.")],
    addresses: Annotated[list[IpAddress], Field(min_length=1, max_length=32, description="Addresses.")],
    description: Description = None,
    more: More = None,
) -> Change:
    """Let the DNS resolver answer a name itself. Live after pfsense_apply_changes subsystem=dns_resolver."""
    given: JsonObject = {"host": host, "domain": domain, "ip": list[JsonValue](addresses), "descr": description}
    return await plan_create(ctx, HOST_OVERRIDE, body_of(given, more))


@tool(title="Change host override", toolset="dns", risk=Risk.WRITE, idempotent=True)
async def pfsense_update_host_override(ctx: Ctx, *, ref: Ref, changes: Changes) -> Change:
    """Change host, domain, ip (array), descr or aliases of a host override."""
    return await plan_update(ctx, HOST_OVERRIDE, ref, changes)


@tool(title="Delete host override", toolset="dns", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_delete_host_override(ctx: Ctx, *, ref: Ref) -> Change:
    """Delete one host override: the name is looked up outside again."""
    return await plan_delete(ctx, HOST_OVERRIDE, ref)

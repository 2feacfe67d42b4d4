"""The iDRAC's own network and attributes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac import addressing, following, networking
from holdfast.appliances.idrac.attributes import Group, plan_attributes, read_attributes
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.configmodels import NetworkInfo, Protocol, Setting, SettingPage
from holdfast.appliances.idrac.identifiers import AttributeName
from holdfast.appliances.idrac.reading import flag, text, texts, whole
from holdfast.appliances.idrac.secretnames import shown_value
from holdfast.control.change import Change
from holdfast.control.identifiers import Cidr, Fqdn, HostName, HostOrIp, IpAddress
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool

GroupName = Annotated[Group, Field(description="Whose attributes.")]


@tool(title="iDRAC network", toolset="network")
async def idrac_get_network(ctx: Ctx) -> NetworkInfo:
    """The iDRAC's own network: names, address, DNS, NTP, clock, services with their ports."""
    port, services = await following.port(ctx.client), await networking.protocols(ctx.client)
    address = following.address_of(port)
    manager = await ctx.client.places.manager()
    ahead = networking.clock_error_s(manager, ctx.now())
    return NetworkInfo(
        host_name=text(port, "HostName"),
        fqdn=text(port, "FQDN"),
        mac_address=text(port, "PermanentMACAddress", "MACAddress"),
        dhcp=address["dhcp"] is True,
        address=text(address, "address"),
        netmask=text(address, "netmask"),
        gateway=text(address, "gateway"),
        dns=[one for one in texts(port, "NameServers") if one != networking.NO_ADDRESS] or None,
        vlan=whole(port, "VLAN/VLANId") if flag(port, "VLAN/VLANEnable") else None,
        ntp_enabled=flag(services, "NTP/ProtocolEnabled"),
        ntp=list(texts(services, "NTP/NTPServers")) or None,
        clock=text(manager, "DateTime"),
        clock_ahead_s=None if ahead is None else round(ahead, 1),
        protocols=[Protocol.model_validate(row) for row in networking.protocol_rows(services)] or None,
    )


@tool(title="Change iDRAC network", toolset="network", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_set_network(
    ctx: Ctx,
    *,
    host_name: Annotated[HostName | None, Field(description="Name of the iDRAC.")] = None,
    domain: Annotated[Fqdn | None, Field(description="Its domain.")] = None,
    dns: Annotated[list[IpAddress] | None, Field(max_length=2, description="DNS servers.")] = None,
    ntp: Annotated[list[HostOrIp] | None, Field(max_length=3, description="NTP servers; none: NTP off.")] = None,
) -> Change:
    """Change names, DNS and NTP servers of the iDRAC; its address: idrac_set_address."""
    return await networking.plan_network(ctx, host_name=host_name, domain=domain, dns=dns, ntp=ntp)


@tool(title="Change iDRAC address", toolset="network", risk=Risk.DESTRUCTIVE, idempotent=True, time_limit_s=180)
async def idrac_set_address(
    ctx: Ctx,
    *,
    address: Annotated[Cidr | None, Field(description="Address with prefix; DHCP when left out.")] = None,
    gateway: Annotated[IpAddress | None, Field(description="Gateway in the same network.")] = None,
) -> Change:
    """Change the iDRAC's own IPv4 address and look for it there; the configuration must allow it, and then follow."""
    return await addressing.plan_address(ctx, address=address, gateway=gateway)


@tool(title="Set iDRAC clock", toolset="network", risk=Risk.WRITE, idempotent=True)
async def idrac_set_clock(ctx: Ctx) -> Change:
    """Set the iDRAC's clock to Holdfast's time."""
    return await networking.plan_clock(ctx)


@tool(title="List attributes", toolset="network")
async def idrac_list_attributes(
    ctx: Ctx,
    *,
    group: GroupName = "idrac",
    contains: Annotated[str | None, Field(max_length=64, description="Only names with this in them.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SettingPage:
    """Attributes of the iDRAC, the system or the Lifecycle Controller; secrets are not shown."""
    found = await read_attributes(ctx.client, group)
    names = [name for name in sorted(found) if contains is None or contains.lower() in name.lower()]
    return page(
        SettingPage, names, lambda name: Setting(name=name, value=shown_value(name, found[name])), limit, cursor
    )


@tool(title="Set attributes", toolset="network", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_set_attributes(
    ctx: Ctx,
    *,
    group: GroupName,
    attributes: Annotated[
        dict[AttributeName, Annotated[str, Field(max_length=256)] | int],
        Field(min_length=1, max_length=30, description="Name: value."),
    ],
) -> Change:
    """Change attributes at once; checked against the registry, read back one by one. Not network, users, secrets."""
    return await plan_attributes(ctx, group, attributes)

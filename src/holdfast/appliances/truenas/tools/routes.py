"""Static routes, and what the whole system is called, goes out by and asks for names."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Final

from pydantic import Field

from holdfast.appliances.truenas.arguments import Comment, ObjectRef
from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.collections import (
    Collection,
    again,
    at_least_one,
    create,
    delete,
    find,
    given,
    given_some,
    update,
)
from holdfast.appliances.truenas.models.network import NetworkInfo, Route, RoutePage
from holdfast.appliances.truenas.reach import own_way, refuse_cutting
from holdfast.appliances.truenas.reading import made, plain, server_page
from holdfast.appliances.truenas.writes import Ctx, Seen, call
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.identifiers import Cidr, Fqdn, HostName, IpAddress
from holdfast.control.paging import Cursor, Limit
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError, ProtocolError
from holdfast.transport.values import JsonValue, as_object, get_str

ROUTE: Final = Collection(
    namespace="staticroute",
    noun="static route",
    key="destination",
    shown=("destination", "gateway", "description"),
    list_tool="truenas_list_static_routes",
    ref="route",
    create_tool="truenas_create_static_route",
    update_tool="truenas_update_static_route",
    delete_tool="truenas_delete_static_route",
)
RouteRef = Annotated[ObjectRef, Field(description="Destination (10.9.0.0/16) or id.")]
Gateway = Annotated[
    str | None,
    Field(pattern=r"^(none|[0-9A-Fa-f:.]{2,45})$", description="Default gateway; none: no gateway."),
]
_SERVERS: Final = ("nameserver1", "nameserver2", "nameserver3")


@tool(title="List static routes", toolset="routes")
async def truenas_list_static_routes(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> RoutePage:
    """Static routes: networks behind other gateways than the default one."""
    return await server_page(
        ctx.client,
        RoutePage,
        [ROUTE.query],
        lambda row: made(Route, row),
        filters=[],
        limit=limit,
        cursor=cursor,
        order_by=["id"],
    )


async def _guard(ctx: Ctx, what: str, *destinations: str) -> None:
    way = await own_way(ctx)
    if any(way.decided_by(destination) for destination in destinations):
        refuse_cutting(way, what)


def _same_family(destination: str, gateway: str) -> None:
    try:
        alike = ipaddress.ip_network(destination, strict=False).version == ipaddress.ip_address(gateway).version
    except ValueError as error:
        raise ProtocolError(f"TrueNAS tells no addresses of this route: {error}. Nothing was executed.") from None
    if not alike:
        raise InputError("Destination and gateway must both be IPv4, or both IPv6.")


@tool(title="Create static route", toolset="routes", risk=Risk.WRITE, idempotent=False)
async def truenas_create_static_route(
    ctx: Ctx,
    *,
    destination: Annotated[Cidr, Field(description="Network behind the gateway.")],
    gateway: IpAddress,
    description: Comment = None,
) -> Change:
    """Reach a network by another gateway. A route that decides about the way to Holdfast itself is refused."""
    _same_family(destination, gateway)
    await _guard(ctx, f"A route to {destination}", destination)
    values: JsonObject = {"destination": destination, "gateway": gateway, **given(description=description)}
    return await create(ctx, ROUTE, values)


@tool(title="Change static route", toolset="routes", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_update_static_route(
    ctx: Ctx,
    *,
    route: RouteRef,
    destination: Annotated[Cidr | None, Field(description="Another network.")] = None,
    gateway: IpAddress | None = None,
    description: Comment = None,
) -> Change:
    """Change a static route: what it leads to is reached differently from then on. One that decides about the way to
    Holdfast itself is refused.
    """
    row = await find(ctx, ROUTE, route)
    values = given_some(destination=destination, gateway=gateway, description=description)
    old = get_str(row, "destination")
    _same_family(destination or old, gateway or get_str(row, "gateway"))
    if destination or gateway:
        await _guard(ctx, f"The route to {old}", old, destination or old)
    return await update(ctx, ROUTE, row, values)


@tool(title="Delete static route", toolset="routes", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_static_route(ctx: Ctx, *, route: RouteRef) -> Change:
    """Delete a static route: its network is reached by the default gateway, or not at all. One that decides about the
    way to Holdfast itself is refused.
    """
    row = await find(ctx, ROUTE, route)
    destination = get_str(row, "destination")
    await _guard(ctx, f"Deleting the route to {destination}", destination)
    return await delete(ctx, ROUTE, row, recreate=again(ROUTE, "destination", "gateway", "description"))


@tool(title="Get network configuration", toolset="routes")
async def truenas_get_network(ctx: Ctx) -> NetworkInfo:
    """Host name, domain, default gateways and name servers: as configured, and as in use (DHCP may give others)."""
    config = as_object(await ctx.client.call("network.configuration.config"), "network.configuration.config")
    summary = as_object(await ctx.client.call("network.general.summary"), "network.general.summary")
    return made(
        NetworkInfo,
        config,
        nameservers=_servers(config),
        gateways_in_use=summary.get("default_routes"),
        nameservers_in_use=summary.get("nameservers"),
        hosts=_lines(config.get("hosts")),
    )


def _servers(config: JsonObject) -> list[JsonValue]:
    return [value for name in _SERVERS if (value := config.get(name))]


def _lines(value: JsonValue) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _address(text: str, version: int) -> str:
    """A gateway as TrueNAS takes it: "" for none."""
    if text == "none":
        return ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise InputError(f"{text} is no IP address.") from None
    if address.version != version:
        raise InputError(f"{text} is no IPv{version} address.")
    return text


@tool(title="Change network configuration", toolset="routes", risk=Risk.WRITE, idempotent=True)
async def truenas_update_network(
    ctx: Ctx,
    *,
    hostname: HostName | None = None,
    domain: Fqdn | None = None,
    gateway: Gateway = None,
    gateway_v6: Gateway = None,
    nameservers: Annotated[
        list[IpAddress] | None, Field(max_length=3, description="Name servers in their order; replaces all.")
    ] = None,
) -> Change:
    """Change host name, domain, default gateway or name servers. There is no rollback timer for these: a gateway that
    decides about the way to Holdfast itself is refused.
    """
    config = as_object(await ctx.client.call("network.configuration.config"), "network.configuration.config")
    values = given(hostname=hostname, domain=domain)
    if gateway is not None:
        values["ipv4gateway"] = _address(gateway, 4)
    if gateway_v6 is not None:
        values["ipv6gateway"] = _address(gateway_v6, 6)
    if nameservers is not None:
        padded = [*nameservers, "", "", ""]
        values |= dict(zip(_SERVERS, padded, strict=False))
    at_least_one(values)
    before: JsonObject = {name: plain(config.get(name)) for name in values}
    gateways = [name for name in ("ipv4gateway", "ipv6gateway") if name in values and before[name] != values[name]]
    for name, everything in (("ipv4gateway", "0.0.0.0/0"), ("ipv6gateway", "::/0")):
        if name in gateways:
            await _guard(ctx, "Another default gateway", everything)

    async def look() -> Seen:
        row = as_object(await ctx.client.call("network.configuration.config"), "network.configuration.config")
        now: JsonObject = {name: plain(row.get(name)) for name in values}
        return Seen(now == values, now)

    undo: JsonObject = {name: before[name] for name in ("hostname", "domain") if name in values}
    for name, argument in (("ipv4gateway", "gateway"), ("ipv6gateway", "gateway_v6")):
        if name in values:
            undo[argument] = before[name] or "none"
    if nameservers is not None:
        undo["nameservers"] = _servers(config)
    told = {
        "hostname": "Clients that look for the old name do not find it.",
        "nameserver1": "Names are looked up elsewhere: shares, directory and updates depend on them.",
    }
    radius = [text for name, text in told.items() if name in values and before[name] != values[name]]
    if gateways:
        radius.append("Whatever lies behind the default gateway is reached differently, or not at all.")
    return await change(
        ctx,
        call("network.configuration.update", values),
        summary=f"Change {', '.join(values)} of {await ctx.client.identity()}",
        before=before,
        after=dict(values),
        look=look,
        undo=UndoCall(tool="truenas_update_network", arguments=undo),
        blast_radius=radius,
        nothing_to_do=before == values,
        destructive=bool(gateways),
    )

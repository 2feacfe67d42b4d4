"""Logs, states, neighbours, tables, ping."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.pfsense.arguments import Ctx, Interface, Search, has_text
from holdfast.appliances.pfsense.facts import model_named
from holdfast.appliances.pfsense.identifiers import AliasName
from holdfast.appliances.pfsense.logs import Packet, newest, parse_packet
from holdfast.appliances.pfsense.models import (
    ArpEntry,
    ArpPage,
    FirewallLogLine,
    FirewallLogPage,
    LogLine,
    LogPage,
    Ping,
    State,
    StatePage,
    Table,
)
from holdfast.appliances.pfsense.names import interface_names
from holdfast.appliances.pfsense.reading import all_rows, page_of, said, settings_of, texts, yes
from holdfast.control.identifiers import HostOrIp, IpAddress
from holdfast.control.paging import Cursor, Limit, changed_note, paginate
from holdfast.control.spec import tool
from holdfast.errors import NotFoundError
from holdfast.transport.values import JsonObject, as_object, opt_int

_LOSS = re.compile(r"(\d+) packets transmitted, (\d+) packets received, ([\d.]+)% packet loss")


@tool(title="Firewall log", toolset="diagnostics")
async def pfsense_firewall_log(
    ctx: Ctx,
    *,
    action: Annotated[Literal["pass", "block"] | None, Field(description="Only these.")] = None,
    interface: Annotated[Interface | None, Field(description="Only at this interface: lan, or its device.")] = None,
    source: Annotated[IpAddress | None, Field(description="Only from this address.")] = None,
    destination: Annotated[IpAddress | None, Field(description="Only to this address.")] = None,
    port: Annotated[int | None, Field(ge=1, le=65535, description="Only to this port.")] = None,
    rule: Annotated[str | None, Field(pattern=r"^[0-9]{1,11}$", description="Only of the rule with this ref.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FirewallLogPage:
    """Packets that rules with log, or the default block, have logged, the newest first. Looks back 5000 lines
    a call."""
    device = interface
    if interface is not None:
        names = await interface_names(ctx.client)
        row = names.rows.get(names.canonical(interface))
        device = str(row.get("if")) if row is not None else interface

    asked = (action, interface, source, destination, port, rule)

    def fits(packet: Packet | None) -> bool:
        if packet is None:
            return False
        return (
            action in (None, packet.action)
            and device in (None, packet.interface)
            and source in (None, packet.source)
            and destination in (None, packet.destination)
            and port in (None, packet.destination_port)
            and rule in (None, packet.tracker)
        )

    lines = await newest(
        ctx.client,
        "firewall",
        wanted=(lambda text: fits(parse_packet(text))) if any(asked) else None,
        limit=limit,
        cursor=cursor,
        convert=_packet,
    )
    return FirewallLogPage(
        items=lines.found,
        next_cursor=lines.next_cursor,
        scanned=lines.scanned,
        changed=lines.changed,
        notes=changed_note(lines.changed) or None,
    )


def _packet(text: str) -> FirewallLogLine:
    packet = parse_packet(text)
    if packet is None:
        return FirewallLogLine(text=text)
    return FirewallLogLine(
        time=packet.time,
        action=packet.action,
        interface=packet.interface,
        direction=packet.direction,
        protocol=packet.protocol,
        source=packet.source,
        source_port=packet.source_port,
        destination=packet.destination,
        destination_port=packet.destination_port,
        rule=packet.tracker or None,
    )


@tool(title="Read log", toolset="diagnostics")
async def pfsense_read_log(
    ctx: Ctx,
    *,
    log: Annotated[
        Literal["system", "auth", "dhcp", "openvpn", "restapi", "firewall"],
        Field(description="Which; restapi is the API's own."),
    ],
    search: Annotated[str | None, Field(max_length=120, description="Only lines with this text.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> LogPage:
    """Lines of a log, the newest first, filtered by text. Looks back 5000 lines a call. Other logs are not reachable
    through the API."""
    wanted = (lambda text: has_text(search, text)) if search is not None else None
    lines = await newest(
        ctx.client, log, wanted=wanted, limit=limit, cursor=cursor, convert=lambda text: LogLine(text=text)
    )
    return LogPage(
        items=lines.found,
        next_cursor=lines.next_cursor,
        scanned=lines.scanned,
        changed=lines.changed,
        notes=changed_note(lines.changed) or None,
    )


@tool(title="List firewall states", toolset="diagnostics")
async def pfsense_list_states(
    ctx: Ctx,
    *,
    interface: Annotated[Interface | None, Field(description="Only at this interface.")] = None,
    source: Annotated[IpAddress | None, Field(description="Only from this address.")] = None,
    destination: Annotated[IpAddress | None, Field(description="Only to this address.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> StatePage:
    """Connections in the state table, filtered and paged by the firewall, and how full the table is."""
    query: dict[str, str | int] = {}
    if interface is not None:
        query["interface"] = interface
    if source is not None:
        query["source__startswith"] = f"{source}:"
    if destination is not None:
        query["destination__startswith"] = f"{destination}:"
    part, size = await asyncio.gather(
        page_of(ctx.client, "FirewallState", limit, cursor, query, lambda rows: [_state(row) for row in rows]),
        settings_of(ctx.client, "FirewallStatesSize"),
    )
    return StatePage(
        items=part.items,
        next_cursor=part.next_cursor,
        changed=part.changed,
        notes=part.notes(),
        current=opt_int(size, "currentstates", lenient=True),
        maximum=opt_int(size, "maximumstates", lenient=True),
    )


def _state(row: JsonObject) -> State:
    return State(
        interface=said(row, "interface"),
        protocol=said(row, "protocol"),
        direction=said(row, "direction"),
        source=said(row, "source"),
        destination=said(row, "destination"),
        state=said(row, "state"),
        age=said(row, "age"),
        expires_in=said(row, "expires_in"),
        bytes=opt_int(row, "bytes_total", lenient=True),
        packets=opt_int(row, "packets_total", lenient=True),
    )


@tool(title="ARP table", toolset="diagnostics")
async def pfsense_arp_table(
    ctx: Ctx,
    *,
    search: Annotated[
        str | None, Field(max_length=60, description="Only with this text in address, MAC, name or interface.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ArpPage:
    """Neighbours that the firewall sees on its networks (IPv4)."""
    found = [
        _neighbour(row)
        for row in await all_rows(ctx.client, "ARPTable")
        if has_text(search, *(row.get(name) for name in ("ip_address", "mac_address", "hostname", "interface")))
    ]
    return paginate(ArpPage, found, limit, cursor)


def _neighbour(row: JsonObject) -> ArpEntry:
    return ArpEntry(
        ip=str(row.get("ip_address")),
        mac=said(row, "mac_address"),
        interface=said(row, "interface"),
        hostname=said(row, "hostname"),
        permanent=yes(row, "permanent"),
        expires=said(row, "expires"),
    )


@tool(title="Packet filter table", toolset="diagnostics")
async def pfsense_table(
    ctx: Ctx,
    *,
    name: Annotated[AliasName, Field(description="sshguard, virusprot, bogons, or an alias.")],
    search: Search = None,
    offset: Annotated[int, Field(ge=0, le=1_000_000, description="First entry.")] = 0,
) -> Table:
    """Entries of a table of the packet filter: what an alias resolves to now, or whom login protection blocks
    (sshguard)."""
    model = model_named("Table")
    await ctx.client.versions.require(model, "GET")
    try:
        row = as_object(await ctx.client.get(*model.path("GET"), query={"id": name}), "table")
    except NotFoundError as error:
        raise NotFoundError(
            f"There is no table {name}.", next_step="Aliases of hosts and networks have a table once they are applied."
        ) from error
    entries = [entry for entry in texts(row, "entries") if has_text(search, entry)]
    shown = entries[offset : offset + 500]
    more = [f"Go on with offset={offset + 500}."] if len(entries) > offset + 500 else None
    return Table(name=name, entries=shown, total=len(entries), notes=more)


@tool(title="Ping from the firewall", toolset="diagnostics")
async def pfsense_ping(
    ctx: Ctx,
    *,
    host: HostOrIp,
    count: Annotated[int, Field(ge=1, le=10, description="Packets.")] = 3,
    source_address: Annotated[IpAddress | None, Field(description="Own address to send from.")] = None,
) -> Ping:
    """Ping a host from the firewall. Traceroute and DNS look-ups are not possible through the API."""
    model = model_named("Ping")
    await ctx.client.versions.require(model, "POST")
    body: JsonObject = {"host": host, "count": count}
    if source_address is not None:
        body["source_address"] = source_address
    said_back = as_object(await ctx.client.act(model, body), "ping")
    output = str(said_back.get("output") or "")
    counted = _LOSS.search(output)
    return Ping(
        host=host,
        answered=said_back.get("result_code") == 0,
        sent=int(counted[1]) if counted else count,
        received=int(counted[2]) if counted else None,
        loss_percent=float(counted[3]) if counted else None,
        output=output,
    )

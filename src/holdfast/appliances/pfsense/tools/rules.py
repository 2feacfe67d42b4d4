"""What rules do with a packet, and their order."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.pfsense.arguments import AllowLockout, Changes, Ctx, Interface, Ref
from holdfast.appliances.pfsense.changes import plan_update
from holdfast.appliances.pfsense.kinds import RULE
from holdfast.appliances.pfsense.models import TrafficVerdict
from holdfast.appliances.pfsense.moves import plan_move
from holdfast.appliances.pfsense.names import names_from
from holdfast.appliances.pfsense.packets import Filter, Packet
from holdfast.appliances.pfsense.positions import Position
from holdfast.appliances.pfsense.reading import all_rows
from holdfast.appliances.pfsense.rules import rule_row
from holdfast.control.change import Change
from holdfast.control.identifiers import IpAddress
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError
from holdfast.transport.values import JsonObject, digits


@tool(title="Would this packet pass?", toolset="rules")
async def pfsense_explain_traffic(
    ctx: Ctx,
    *,
    interface: Annotated[Interface, Field(description="Where it arrives.")],
    source: Annotated[IpAddress, Field(description="Source address.")],
    destination: Annotated[IpAddress, Field(description="Destination address.")],
    protocol: Annotated[Literal["tcp", "udp", "icmp", "esp", "gre"], Field(description="Protocol.")] = "tcp",
    destination_port: Annotated[int | None, Field(ge=1, le=65535, description="Destination port.")] = None,
    source_port: Annotated[int | None, Field(ge=1, le=65535, description="Source port.")] = None,
) -> TrafficVerdict:
    """Would this packet pass, and which rule decides? Evaluates stored rules, aliases and port forwards as pf does;
    sends no packet."""
    if ipaddress.ip_address(source).version != ipaddress.ip_address(destination).version:
        raise InputError("Source and destination must be of one IP version. Nothing was executed.")
    client = ctx.client
    rules, forwards, aliases, interfaces, groups = await asyncio.gather(
        *(all_rows(client, model) for model in _READ_TO_EXPLAIN)
    )
    names = names_from(interfaces, groups, rules)
    there = Filter(names, {str(row.get("name")): row for row in aliases})
    ident = names.canonical(interface)
    if ident not in names.rows:
        known = ", ".join(names.rows)
        raise InputError(f"There is no interface {interface}. Nothing was executed.", next_step=f"Interfaces: {known}.")
    packet = Packet(
        ident,
        protocol,
        ipaddress.ip_address(source),
        ipaddress.ip_address(destination),
        source_port,
        destination_port,
    )
    first = next((row for row in forwards if there.matches(row, packet)), None)
    forward = None if first is None or first.get("nordr") else first
    if forward is not None:
        packet = _translated(packet, forward)
    decision = there.decide(rules, packet)
    action = decision.action
    notes = ["Stored rules are not live before they are applied. Answers of existing connections always pass."]
    if forward is not None and forward.get("associated_rule_id") == "pass":
        action = "pass"
        notes.append("The port forward passes it without a rule.")
    if decision.rule is None and action == "block":
        notes.append("No rule passes it: blocked by the default deny.")
    if ident == "lan" and packet.destination in there.own_addresses():
        notes.append("The anti-lockout rule of LAN, where it is on, passes the web interface's ports before all rules.")
    return TrafficVerdict(
        action=action,
        certain=decision.certain,
        decided_by=rule_row(decision.rule) if decision.rule is not None else None,
        forwarded_to=f"{forward.get('target')} port {forward.get('local_port') or 'same'}" if forward else None,
        doubts=[rule_row(row) for row in decision.doubts[:20]] or None,
        notes=notes,
    )


_READ_TO_EXPLAIN = ("FirewallRule", "PortForward", "FirewallAlias", "NetworkInterface", "InterfaceGroup")


def _translated(packet: Packet, forward: JsonObject) -> Packet:
    """The packet as the rules see it after a port forward; unchanged where the target is no single address."""
    try:
        target = ipaddress.ip_address(str(forward.get("target")))
    except ValueError:
        return packet
    local = digits(str(forward.get("local_port") or ""))
    port = packet.destination_port if local is None else local
    return Packet(packet.interface, packet.protocol, packet.source, target, packet.source_port, port)


@tool(title="Change firewall rule", toolset="rules", risk=Risk.WRITE, idempotent=True)
async def pfsense_update_rule(ctx: Ctx, *, ref: Ref, changes: Changes, allow_lockout: AllowLockout = False) -> Change:
    """Change fields of a rule: disabled, type, interface (array), protocol, source, destination, destination_port
    (text), descr, log, gateway, sched and others."""
    return await plan_update(ctx, RULE, ref, changes, force=allow_lockout)


@tool(title="Move firewall rule", toolset="rules", risk=Risk.WRITE, idempotent=True)
async def pfsense_move_rule(ctx: Ctx, *, ref: Ref, position: Position, allow_lockout: AllowLockout = False) -> Change:
    """Put a firewall rule somewhere else in the order: of one interface the first match decides."""
    return await plan_move(ctx, RULE, ref, position, force=allow_lockout)


@tool(title="Enable or disable firewall rule", toolset="rules", risk=Risk.WRITE, idempotent=True)
async def pfsense_enable_rule(
    ctx: Ctx,
    *,
    ref: Ref,
    enabled: Annotated[bool, Field(description="Whether it counts.")],
    allow_lockout: AllowLockout = False,
) -> Change:
    """Switch a firewall rule on or off without deleting it."""
    return await plan_update(ctx, RULE, ref, {"disabled": not enabled}, force=allow_lockout)

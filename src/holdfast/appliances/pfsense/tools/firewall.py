"""Firewall rules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.pfsense.arguments import (
    Address,
    AllowLockout,
    Ctx,
    Description,
    Disabled,
    Interface,
    More,
    Port,
    Ref,
    body_of,
)
from holdfast.appliances.pfsense.changes import plan_create, plan_delete
from holdfast.appliances.pfsense.kinds import RULE
from holdfast.appliances.pfsense.models import Rule, RulePage
from holdfast.appliances.pfsense.objects import refs
from holdfast.appliances.pfsense.positions import Position
from holdfast.appliances.pfsense.reading import page_of
from holdfast.appliances.pfsense.rules import VERSIONS, rule_row
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError
from holdfast.transport.values import JsonObject, JsonValue

Protocol = Literal["tcp", "udp", "tcp/udp", "icmp", "esp", "ah", "gre", "ipv6", "igmp", "pim", "ospf", "carp", "pfsync"]
FAMILIES = {shown: name for name, shown in VERSIONS.items()}


@tool(title="List firewall rules", toolset="firewall")
async def pfsense_list_rules(
    ctx: Ctx,
    *,
    interface: Annotated[Interface | None, Field(description="Only of this interface.")] = None,
    action: Annotated[Literal["pass", "block", "reject"] | None, Field(description="Only these.")] = None,
    description: Annotated[str | None, Field(max_length=60, description="Only with this text, case matters.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> RulePage:
    """Firewall rules in their order, paged by the firewall itself. Each has a ref for the other rule tools."""
    query: dict[str, str | int] = {}
    if interface is not None:
        query["interface__contains"] = interface
    if action is not None:
        query["type"] = action
    if description is not None:
        query["descr__contains"] = description

    def convert(rows: list[JsonObject]) -> list[Rule]:
        return [rule_row(row, ref) for row, ref in zip(rows, refs(RULE, rows), strict=True)]

    part = await page_of(ctx.client, "FirewallRule", limit, cursor, query, convert)
    return RulePage(items=part.items, next_cursor=part.next_cursor, changed=part.changed, notes=part.notes())


@tool(title="Create firewall rule", toolset="firewall", risk=Risk.WRITE, idempotent=True)
async def pfsense_create_rule(
    ctx: Ctx,
    *,
    action: Annotated[Literal["pass", "block", "reject"], Field(description="What to do.")],
    interface: Annotated[list[Interface], Field(min_length=1, max_length=64, description="Interfaces.")],
    source: Address,
    destination: Address,
    ip_version: Annotated[Literal["ipv4", "ipv6", "both"], Field(description="IP version.")] = "ipv4",
    protocol: Annotated[Protocol | None, Field(description="Left out: any.")] = None,
    destination_port: Port = None,
    description: Description = None,
    disabled: Disabled = False,
    position: Annotated[Position | None, Field(description="first, last, before:REF, after:REF.")] = None,
    more: More = None,
    allow_lockout: AllowLockout = False,
) -> Change:
    """Create a firewall rule; source_port, log, gateway, sched and others by more. Live after
    pfsense_apply_changes subsystem=firewall."""
    if destination_port and protocol not in ("tcp", "udp", "tcp/udp"):
        raise InputError("Ports need protocol tcp, udp or tcp/udp. Nothing was executed.")
    given: JsonObject = {
        "type": action,
        "interface": list[JsonValue](interface),
        "ipprotocol": FAMILIES[ip_version],
        "protocol": protocol,
        "source": source,
        "destination": destination,
        "destination_port": destination_port,
        "descr": description,
        "disabled": disabled or None,
    }
    return await plan_create(ctx, RULE, body_of(given, more), position=position, force=allow_lockout)


@tool(title="Delete firewall rule", toolset="firewall", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_delete_rule(ctx: Ctx, *, ref: Ref, allow_lockout: AllowLockout = False) -> Change:
    """Delete one firewall rule, found by its content right before."""
    return await plan_delete(ctx, RULE, ref, force=allow_lockout)

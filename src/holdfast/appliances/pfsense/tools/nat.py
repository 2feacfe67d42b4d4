"""Port forwards, outbound NAT and 1:1 NAT."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.pfsense.arguments import (
    Address,
    AllowLockout,
    Changes,
    Ctx,
    Description,
    Disabled,
    Interface,
    More,
    Port,
    Ref,
    Search,
    body_of,
    has_text,
)
from holdfast.appliances.pfsense.changes import plan_create, plan_delete, plan_update
from holdfast.appliances.pfsense.kinds import ONE_TO_ONE, OUTBOUND, PORT_FORWARD
from holdfast.appliances.pfsense.models import (
    OneToOneNat,
    OneToOneNatPage,
    OutboundNat,
    OutboundNatPage,
    PortForward,
    PortForwardPage,
)
from holdfast.appliances.pfsense.objects import refs
from holdfast.appliances.pfsense.reading import all_rows, said, settings_of, yes
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.spec import Risk, tool
from holdfast.transport.values import JsonObject

ForwardProtocol = Literal["any", "tcp", "udp", "tcp/udp", "icmp", "esp", "ah", "gre", "ipv6", "igmp", "pim", "ospf"]
OutboundProtocol = Literal["tcp", "udp", "tcp/udp", "icmp", "esp", "ah", "gre", "ipv6", "igmp", "pim", "ospf"]
Target = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:]{1,64}$", description="Inside address, alias or interface:ip.")]


@tool(title="List port forwards", toolset="nat")
async def pfsense_list_port_forwards(
    ctx: Ctx, *, search: Search = None, limit: Limit = 50, cursor: Cursor = None
) -> PortForwardPage:
    """Port forwards: what from outside reaches which machine inside."""
    rows = await all_rows(ctx.client, "PortForward")
    found = [_forward(row, ref) for row, ref in zip(rows, refs(PORT_FORWARD, rows), strict=True)]
    found = [row for row in found if has_text(search, row.description, row.target, row.destination_port)]
    return paginate(PortForwardPage, found, limit, cursor)


def _forward(row: JsonObject, ref: str) -> PortForward:
    return PortForward(
        ref=ref,
        interface=str(row.get("interface")),
        protocol=said(row, "protocol"),
        source=said(row, "source"),
        destination=said(row, "destination"),
        destination_port=said(row, "destination_port"),
        target=said(row, "target"),
        local_port=said(row, "local_port"),
        description=said(row, "descr"),
        disabled=yes(row, "disabled"),
        linked_rule=True if row.get("associated_rule_id") not in (None, "", "pass") else None,
    )


@tool(title="Create port forward", toolset="nat", risk=Risk.WRITE, idempotent=True)
async def pfsense_create_port_forward(
    ctx: Ctx,
    *,
    forward_to: Target,
    protocol: Annotated[ForwardProtocol, Field(description="Protocol.")],
    destination_port: Port = None,
    local_port: Annotated[Port, Field(description="Port at the target; left out: the same.")] = None,
    interface: Interface = "wan",
    source: Address = "any",
    destination: Address = "wan:ip",
    description: Description = None,
    disabled: Disabled = False,
    more: More = None,
    allow_lockout: AllowLockout = False,
) -> Change:
    """Forward a port to a machine inside. A firewall rule that passes it is made with it, unless
    more={"associated_rule_id": ""}. Live after pfsense_apply_changes subsystem=firewall."""
    given: JsonObject = {
        "interface": interface,
        "protocol": protocol,
        "source": source,
        "destination": destination,
        "destination_port": destination_port,
        "target": forward_to,
        "local_port": local_port or destination_port,
        "descr": description,
        "disabled": disabled or None,
        "associated_rule_id": "new",
    }
    return await plan_create(ctx, PORT_FORWARD, body_of(given, more), force=allow_lockout)


@tool(title="Change port forward", toolset="nat", risk=Risk.WRITE, idempotent=True)
async def pfsense_update_port_forward(
    ctx: Ctx, *, ref: Ref, changes: Changes, allow_lockout: AllowLockout = False
) -> Change:
    """Change fields of a port forward: target, local_port, destination_port, source, descr, disabled and others."""
    return await plan_update(ctx, PORT_FORWARD, ref, changes, force=allow_lockout)


@tool(title="Delete port forward", toolset="nat", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_delete_port_forward(ctx: Ctx, *, ref: Ref, allow_lockout: AllowLockout = False) -> Change:
    """Delete one port forward, and the firewall rule that was made with it."""
    return await plan_delete(ctx, PORT_FORWARD, ref, force=allow_lockout)


@tool(title="List outbound NAT", toolset="nat")
async def pfsense_list_outbound_nat(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> OutboundNatPage:
    """Mode and mappings of outbound NAT. Mappings count in the modes hybrid and advanced (manual) only."""
    rows, mode = await asyncio.gather(
        all_rows(ctx.client, "OutboundNATMapping"), settings_of(ctx.client, "OutboundNATMode")
    )
    found = [_outbound(row, ref) for row, ref in zip(rows, refs(OUTBOUND, rows), strict=True)]
    return paginate(OutboundNatPage, found, limit, cursor, mode=str(mode.get("mode")))


def _outbound(row: JsonObject, ref: str) -> OutboundNat:
    target, bits = said(row, "target"), row.get("target_subnet")
    return OutboundNat(
        ref=ref,
        interface=str(row.get("interface")),
        protocol=said(row, "protocol"),
        source=said(row, "source"),
        destination=said(row, "destination"),
        destination_port=said(row, "destination_port"),
        target=f"{target}/{bits}" if target and bits and ":" not in target else target,
        no_nat=yes(row, "nonat"),
        description=said(row, "descr"),
        disabled=yes(row, "disabled"),
    )


@tool(title="Create outbound NAT mapping", toolset="nat", risk=Risk.WRITE, idempotent=True)
async def pfsense_create_outbound_nat(
    ctx: Ctx,
    *,
    source: Address,
    translate_to: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_.:]{1,64}$", description="Address to speak as, such as wan:ip.")
    ] = "wan:ip",
    interface: Interface = "wan",
    destination: Address = "any",
    protocol: Annotated[OutboundProtocol | None, Field(description="Left out: any.")] = None,
    destination_port: Port = None,
    prefix_length: Annotated[int, Field(ge=1, le=128, description="Of translate_to; 32 for one IPv4 address.")] = 32,
    description: Description = None,
    disabled: Disabled = False,
    more: More = None,
) -> Change:
    """Translate the source of connections that leave through an interface."""
    no_nat = bool((more or {}).get("nonat"))
    given: JsonObject = {
        "interface": interface,
        "protocol": protocol,
        "source": source,
        "destination": destination,
        "destination_port": destination_port,
        "target": None if no_nat else translate_to,
        "target_subnet": None if no_nat else prefix_length,
        "descr": description,
        "disabled": disabled or None,
    }
    return await plan_create(ctx, OUTBOUND, body_of(given, more))


@tool(title="Change outbound NAT mapping", toolset="nat", risk=Risk.WRITE, idempotent=True)
async def pfsense_update_outbound_nat(ctx: Ctx, *, ref: Ref, changes: Changes) -> Change:
    """Change fields of an outbound NAT mapping: source, destination, target, target_subnet, descr and others."""
    return await plan_update(ctx, OUTBOUND, ref, changes)


@tool(title="Delete outbound NAT mapping", toolset="nat", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_delete_outbound_nat(ctx: Ctx, *, ref: Ref) -> Change:
    """Delete one outbound NAT mapping, found by its content right before."""
    return await plan_delete(ctx, OUTBOUND, ref)


@tool(title="List 1:1 NAT", toolset="nat")
async def pfsense_list_one_to_one_nat(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> OneToOneNatPage:
    """1:1 mappings of outside addresses to machines inside."""
    rows = await all_rows(ctx.client, "OneToOneNATMapping")
    found = [_one_to_one(row, ref) for row, ref in zip(rows, refs(ONE_TO_ONE, rows), strict=True)]
    return paginate(OneToOneNatPage, found, limit, cursor)


def _one_to_one(row: JsonObject, ref: str) -> OneToOneNat:
    return OneToOneNat(
        ref=ref,
        interface=str(row.get("interface")),
        external=said(row, "external"),
        source=said(row, "source"),
        destination=said(row, "destination"),
        description=said(row, "descr"),
        disabled=yes(row, "disabled"),
    )


@tool(title="Create 1:1 NAT mapping", toolset="nat", risk=Risk.WRITE, idempotent=True)
async def pfsense_create_one_to_one_nat(
    ctx: Ctx,
    *,
    external: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:]{1,64}$", description="Outside address.")],
    source: Annotated[Address, Field(description="Machine inside: IP or network.")],
    interface: Interface = "wan",
    destination: Address = "any",
    description: Description = None,
    disabled: Disabled = False,
    more: More = None,
    allow_lockout: AllowLockout = False,
) -> Change:
    """Map an outside address to a machine inside, in both directions."""
    given: JsonObject = {
        "interface": interface,
        "external": external,
        "source": source,
        "destination": destination,
        "descr": description,
        "disabled": disabled or None,
    }
    return await plan_create(ctx, ONE_TO_ONE, body_of(given, more), force=allow_lockout)


@tool(title="Change 1:1 NAT mapping", toolset="nat", risk=Risk.WRITE, idempotent=True)
async def pfsense_update_one_to_one_nat(
    ctx: Ctx, *, ref: Ref, changes: Changes, allow_lockout: AllowLockout = False
) -> Change:
    """Change fields of a 1:1 mapping: external, source, destination, descr, disabled and others."""
    return await plan_update(ctx, ONE_TO_ONE, ref, changes, force=allow_lockout)


@tool(title="Delete 1:1 NAT mapping", toolset="nat", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_delete_one_to_one_nat(ctx: Ctx, *, ref: Ref) -> Change:
    """Delete one 1:1 mapping, found by its content right before."""
    return await plan_delete(ctx, ONE_TO_ONE, ref)

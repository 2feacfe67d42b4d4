"""VLANs. Bridges, groups, link aggregations, GRE tunnels, virtual IPs and interfaces: toolset objects."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field

from holdfast.appliances.pfsense.arguments import AllowLockout, Changes, Ctx, Description, More, Ref, body_of
from holdfast.appliances.pfsense.changes import plan_create, plan_delete, plan_update
from holdfast.appliances.pfsense.identifiers import PfInterface
from holdfast.appliances.pfsense.kinds import VLAN
from holdfast.appliances.pfsense.models import Vlan, VlanPage
from holdfast.appliances.pfsense.objects import refs
from holdfast.appliances.pfsense.reading import all_rows, said
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.transport.values import JsonObject, get_int, opt_int


@tool(title="List VLANs", toolset="network")
async def pfsense_list_vlans(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> VlanPage:
    """VLANs of the firewall and the interfaces that they are assigned to."""
    rows, interfaces = await asyncio.gather(
        all_rows(ctx.client, "InterfaceVLAN"), all_rows(ctx.client, "NetworkInterface")
    )
    assigned = {str(row.get("if")): str(row.get("id")) for row in interfaces}
    found = list(zip(rows, refs(VLAN, rows), strict=True))
    return page(VlanPage, found, lambda one: _vlan(*one, assigned), limit, cursor)


def _vlan(row: JsonObject, ref: str, assigned: dict[str, str]) -> Vlan:
    device = said(row, "vlanif")
    return Vlan(
        ref=ref,
        device=device,
        parent_device=str(row.get("if")),
        tag=get_int(row, "tag", lenient=True),
        priority=opt_int(row, "pcp", lenient=True),
        description=said(row, "descr"),
        assigned_to=assigned.get(device or ""),
    )


@tool(title="Create VLAN", toolset="network", risk=Risk.WRITE, idempotent=True)
async def pfsense_create_vlan(
    ctx: Ctx,
    *,
    parent_device: Annotated[PfInterface, Field(description="Physical device, such as igb1.")],
    tag: Annotated[int, Field(ge=1, le=4094, description="VLAN id.")],
    pcp: Annotated[int | None, Field(ge=0, le=7, description="Priority.")] = None,
    description: Description = None,
    more: More = None,
) -> Change:
    """Create a VLAN on a physical device. It exists at once; it carries traffic once it is assigned to an interface
    (pfsense_create_object kind=interface)."""
    given: JsonObject = {"if": parent_device, "tag": tag, "pcp": pcp, "descr": description}
    return await plan_create(ctx, VLAN, body_of(given, more))


@tool(title="Change VLAN", toolset="network", risk=Risk.DESTRUCTIVE, idempotent=True)
async def pfsense_update_vlan(ctx: Ctx, *, ref: Ref, changes: Changes, allow_lockout: AllowLockout = False) -> Change:
    """Change tag, pcp or descr of a VLAN, at once: its link goes down for a moment."""
    return await plan_update(ctx, VLAN, ref, changes, force=allow_lockout)


@tool(title="Delete VLAN", toolset="network", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_delete_vlan(ctx: Ctx, *, ref: Ref, allow_lockout: AllowLockout = False) -> Change:
    """Delete a VLAN that is not assigned to an interface, at once."""
    return await plan_delete(ctx, VLAN, ref, force=allow_lockout)

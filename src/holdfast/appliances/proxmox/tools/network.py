"""Network interfaces of nodes: changes are staged, then applied or dropped."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.proxmox.arguments import Comment, Node
from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import Given, plain
from holdfast.appliances.proxmox.guests import known_node
from holdfast.appliances.proxmox.identifiers import NetInterface
from holdfast.appliances.proxmox.models.nodes import Interface, InterfacePage
from holdfast.appliances.proxmox.objects import Arg, Kind, Read, create, delete, update
from holdfast.appliances.proxmox.reading import by, made
from holdfast.control.change import Change
from holdfast.control.identifiers import Cidr, IpAddress
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import RefusedError
from holdfast.transport.values import JsonObject, as_objects, opt_str

Iface = Annotated[NetInterface, Field(description="Interface.")]
Type = Literal["bridge", "bond", "eth", "vlan", "OVSBridge", "OVSBond", "OVSPort", "OVSIntPort"]
Address = Annotated[Cidr | None, Field(description="Address/prefix.")]
Gateway = Annotated[IpAddress | None, Field(description="Gateway.")]
Ifaces = Annotated[list[NetInterface] | None, Field(max_length=16)]
BondMode = Literal["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"]
Autostart = Annotated[bool | None, Field(description="Up at boot.")]
Mtu = Annotated[int | None, Field(ge=1280, le=65_520, description="MTU.")]
VlanId = Annotated[int | None, Field(ge=1, le=4094, description="VLAN id.")]
_FIELDS = {
    "cidr": Arg("cidr"),
    "gateway": Arg("gateway"),
    "cidr6": Arg("cidr6"),
    "gateway6": Arg("gateway6"),
    "bridge_ports": Arg("bridge_ports", "list"),
    "vlan_aware": Arg("bridge_vlan_aware", "bool"),
    "slaves": Arg("slaves", "list"),
    "bond_mode": Arg("bond_mode"),
    "vlan_raw_device": Arg("vlan-raw-device"),
    "vlan_id": Arg("vlan-id", "int"),
    "mtu": Arg("mtu", "int"),
    "autostart": Arg("autostart", "bool"),
    "comment": Arg("comments"),
}
_DERIVED = frozenset(
    {
        "active",
        "address",
        "address6",
        "bridge_fd",
        "bridge_stp",
        "bridge_vids",
        "exists",
        "families",
        "iface",
        "link-type",
        "method",
        "method6",
        "netmask",
        "netmask6",
        "options",
        "priority",
        "altnames",
    }
)
_ALWAYS = ("type", *(arg.key for name, arg in _FIELDS.items()))
Field_ = Literal["cidr", "gateway", "cidr6", "gateway6", "bridge_ports", "vlan_aware", "mtu", "autostart", "comment"]


def _kind(node: str) -> Kind:
    return Kind(
        noun="interface",
        collection=("nodes", node, "network"),
        key="iface",
        argument="iface",
        args={"type": Arg("type"), **_FIELDS},
        tools=("proxmox_create_network", "proxmox_update_network", "proxmox_delete_network"),
        digest=False,
        given={"node": node},
        always=_ALWAYS,
        derived=_DERIVED,
    )


def _read(node: str, iface: str) -> Read:
    async def read(client: AsyncProxmoxClient) -> JsonObject | None:
        rows = await client.rows("nodes", node, "network")
        found = next((row for row in rows if row.get("iface") == iface), None)
        # Empty fields are told as such; sending them back would be refused.
        return {name: value for name, value in found.items() if value != ""} if found is not None else None

    return read


@tool(title="List network interfaces", toolset="network")
async def proxmox_list_networks(ctx: Ctx, *, node: Node, limit: Limit = 50, cursor: Cursor = None) -> InterfacePage:
    """Interfaces, bridges, bonds and VLANs of a node, and which changes wait to be applied."""
    await known_node(ctx.client, node)
    answer = await ctx.client.envelope("nodes", node, "network")
    rows = sorted(as_objects(answer.get("data"), "network"), key=by("iface"))
    shown = page(InterfacePage, rows, lambda row: made(Interface, row), limit, cursor)
    shown.staged = opt_str(answer, "changes")
    return shown


@tool(title="Stage new interface", toolset="network", risk=Risk.WRITE, idempotent=True)
async def proxmox_create_network(
    ctx: Ctx,
    *,
    node: Node,
    iface: Iface,
    type: Annotated[Type, Field(description="Kind of interface.")],  # noqa: A002 - the API's own word
    cidr: Address = None,
    gateway: Gateway = None,
    cidr6: Address = None,
    gateway6: Gateway = None,
    bridge_ports: Annotated[Ifaces, Field(description="Ports of a bridge.")] = None,
    vlan_aware: Annotated[bool | None, Field(description="A bridge that carries VLANs.")] = None,
    slaves: Annotated[Ifaces, Field(description="Members of a bond.")] = None,
    bond_mode: Annotated[BondMode | None, Field(description="Mode of a bond.")] = None,
    vlan_raw_device: Annotated[NetInterface | None, Field(description="Interface below a VLAN.")] = None,
    vlan_id: VlanId = None,
    mtu: Mtu = None,
    autostart: Autostart = None,
    comment: Comment = None,
) -> Change:
    """Stage a new interface of a node. Nothing happens on the network until proxmox_apply_network."""
    await known_node(ctx.client, node)
    given: dict[str, Given] = {
        "type": type,
        "cidr": cidr,
        "gateway": gateway,
        "cidr6": cidr6,
        "gateway6": gateway6,
        "bridge_ports": _blank(bridge_ports),
        "vlan_aware": vlan_aware,
        "slaves": _blank(slaves),
        "bond_mode": bond_mode,
        "vlan_raw_device": vlan_raw_device,
        "vlan_id": vlan_id,
        "mtu": mtu,
        "autostart": autostart,
        "comment": comment,
    }
    return await create(ctx, _kind(node), iface, given, read=_read(node, iface))


def _blank(names: list[str] | None) -> str | None:
    """Interfaces are listed with blanks between them."""
    return " ".join(names) if names is not None else None


@tool(title="Stage interface change", toolset="network", risk=Risk.WRITE, idempotent=True)
async def proxmox_update_network(
    ctx: Ctx,
    *,
    node: Node,
    iface: Iface,
    cidr: Address = None,
    gateway: Gateway = None,
    cidr6: Address = None,
    gateway6: Gateway = None,
    bridge_ports: Annotated[Ifaces, Field(description="Ports of a bridge.")] = None,
    vlan_aware: Annotated[bool | None, Field(description="A bridge that carries VLANs.")] = None,
    mtu: Mtu = None,
    autostart: Autostart = None,
    comment: Comment = None,
    unset: Annotated[list[Field_] | None, Field(description="Fields to remove.")] = None,
) -> Change:
    """Stage a change of an interface; what is not given stays. Nothing happens until proxmox_apply_network."""
    await known_node(ctx.client, node)
    given: dict[str, Given] = {
        "cidr": cidr,
        "gateway": gateway,
        "cidr6": cidr6,
        "gateway6": gateway6,
        "bridge_ports": _blank(bridge_ports),
        "vlan_aware": vlan_aware,
        "mtu": mtu,
        "autostart": autostart,
        "comment": comment,
    }
    return await update(ctx, _kind(node), iface, given, unset, read=_read(node, iface))


@tool(title="Stage interface removal", toolset="network", risk=Risk.WRITE, idempotent=True)
async def proxmox_delete_network(ctx: Ctx, *, node: Node, iface: Iface) -> Change:
    """Stage the removal of an interface. Nothing happens until proxmox_apply_network."""
    await known_node(ctx.client, node)
    return await delete(ctx, _kind(node), iface, read=_read(node, iface))


async def _staged(ctx: Ctx, node: str) -> tuple[str, list[JsonObject]]:
    answer = await ctx.client.envelope("nodes", node, "network")
    return opt_str(answer, "changes") or "", as_objects(answer.get("data"), "network")


@tool(title="Apply network changes", toolset="network", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_apply_network(ctx: Ctx, *, node: Node) -> Change:
    """Apply the staged network changes of a node. A mistake can cut the node off; then only its console helps."""
    await known_node(ctx.client, node)
    diff, rows = await _staged(ctx, node)
    await _keeps_address(ctx, node, diff, rows)

    async def look() -> Seen:
        left, _ = await _staged(ctx, node)
        return Seen(not left, {"staged": left})

    return await change(
        ctx,
        Write("PUT", ("nodes", node, "network"), tasks=frozenset({"srvreload"})),
        summary=f"Apply the staged network changes of {node}",
        before={"staged": diff},
        after={"staged": ""},
        look=look,
        cannot_undo="Stage the opposite and apply that; the difference says what changed.",
        blast_radius=["Guests and storages on the changed interfaces may be cut off."],
        task_decides=True,  # the file is put in place before it is loaded
        nothing_to_do=not diff,
    )


async def _keeps_address(ctx: Ctx, node: str, diff: str, rows: list[JsonObject]) -> None:
    """Refuse to take away the address on which the node is reached: port 8006 would be shut with it.

    Raises:
        RefusedError: Nothing was executed.
    """
    members = await ctx.client.rows("cluster", "status")
    address = next((plain(row.get("ip")) for row in members if row.get("name") == node and row.get("ip")), None)
    had = address is not None and any(line.startswith("-") and address in line for line in diff.splitlines())
    has = any(address in (plain(row.get("address")), plain(row.get("address6"))) for row in rows)
    if had and not has:
        raise RefusedError(
            f"Afterwards no interface of {node} would have its address {address}: nobody could reach port 8006 there. "
            "Nothing was executed.",
            next_step="Stage the address on another interface, or drop the changes with proxmox_revert_network.",
        )


@tool(title="Drop network changes", toolset="network", risk=Risk.WRITE, idempotent=True)
async def proxmox_revert_network(ctx: Ctx, *, node: Node) -> Change:
    """Drop the staged network changes of a node; the running configuration is not touched."""
    await known_node(ctx.client, node)
    diff, _ = await _staged(ctx, node)

    async def look() -> Seen:
        left, _ = await _staged(ctx, node)
        return Seen(not left, {"staged": left})

    return await change(
        ctx,
        Write("DELETE", ("nodes", node, "network")),
        summary=f"Drop the staged network changes of {node}",
        before={"staged": diff},
        after={"staged": ""},
        look=look,
        cannot_undo="Stage the changes again.",
        nothing_to_do=not diff,
    )

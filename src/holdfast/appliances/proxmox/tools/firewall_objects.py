"""Aliases, ipsets and security groups of the firewall."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.proxmox.arguments import Comment
from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import plain
from holdfast.appliances.proxmox.firewall import Scope, scope_of
from holdfast.appliances.proxmox.models.firewall import (
    FirewallObject,
    FirewallObjectPage,
    IpsetEntry,
    IpsetEntryPage,
)
from holdfast.appliances.proxmox.objects import Arg, Kind, Read, create, delete, update
from holdfast.appliances.proxmox.reading import by, made
from holdfast.appliances.proxmox.tools.firewall import GroupName, ScopeGuest
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.identifiers import IpOrCidr
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, NotFoundError
from holdfast.transport.values import JsonObject

Name = Annotated[
    str, Grammar("name", r"[A-Za-z][A-Za-z0-9_-]{1,63}", 64, "name: letter, then letters, digits, _ or -", ("nas",))
]


def _aliases(scope: Scope) -> Kind:
    return Kind(
        noun="firewall alias",
        collection=(*scope.base, "aliases"),
        key="name",
        argument="name",
        args={"cidr": Arg("cidr"), "comment": Arg("comment")},
        tools=("proxmox_create_firewall_alias", "proxmox_update_firewall_alias", "proxmox_delete_firewall_alias"),
        given=scope.given,
        digest_on_delete=True,
        always=("cidr",),
        derived=frozenset({"ipversion"}),
    )


def _ipsets(scope: Scope) -> Kind:
    return Kind(
        noun="ipset",
        collection=(*scope.base, "ipset"),
        key="name",
        argument="name",
        args={"comment": Arg("comment")},
        tools=("proxmox_create_ipset", None, "proxmox_delete_ipset"),
        digest=False,
        given=scope.given,
    )


def _entries(scope: Scope, ipset: str) -> Kind:
    return Kind(
        noun=f"entry of ipset {ipset}",
        collection=(*scope.base, "ipset", ipset),
        key="cidr",
        argument="cidr",
        args={"excluded": Arg("nomatch", "bool"), "comment": Arg("comment")},
        tools=("proxmox_add_ipset_entry", None, "proxmox_remove_ipset_entry"),
        given={**scope.given, "ipset": ipset},
        digest_on_delete=True,
        derived=frozenset({"errors"}),
    )


_GROUPS = Kind(
    noun="security group",
    collection=("cluster", "firewall", "groups"),
    key="group",
    argument="group",
    args={"comment": Arg("comment")},
    tools=("proxmox_create_firewall_group", None, "proxmox_delete_firewall_group"),
    digest=False,
)


def _by_list(kind: Kind, ident: str) -> Read:
    """Reads an object through the list of its kind: a GET of the item answers its members."""

    async def read(client: AsyncProxmoxClient) -> JsonObject | None:
        rows = await client.rows(*kind.collection)
        return next((row for row in rows if plain(row.get(kind.key)) == ident), None)

    return read


@tool(title="List firewall objects", toolset="firewall_objects")
async def proxmox_list_firewall_objects(
    ctx: Ctx,
    *,
    guest: ScopeGuest = None,
    kind: Annotated[Literal["alias", "ipset", "group"] | None, Field(description="Only these.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FirewallObjectPage:
    """Aliases, ipsets and security groups of the cluster, or of one guest. Rules refer to them by name."""
    scope = await scope_of(ctx, None, guest)
    rows: list[JsonObject] = []
    for name, part in (("alias", "aliases"), ("group", "groups"), ("ipset", "ipset")):
        if kind in (None, name) and not (part == "groups" and scope.level == "guest"):
            found = await ctx.client.rows(*scope.base, part)
            rows += [{**row, "kind": name, "name": row.get("group", row.get("name"))} for row in found]
    return page(
        FirewallObjectPage, sorted(rows, key=by("kind", "name")), lambda row: made(FirewallObject, row), limit, cursor
    )


@tool(title="Create firewall alias", toolset="firewall_objects", risk=Risk.WRITE, idempotent=True)
async def proxmox_create_firewall_alias(
    ctx: Ctx, *, name: Name, cidr: IpOrCidr, guest: ScopeGuest = None, comment: Comment = None
) -> Change:
    """Name an address or network, for the rules of the cluster or of one guest."""
    scope = await scope_of(ctx, None, guest, changes=True)
    return await create(ctx, _aliases(scope), name, {"cidr": cidr, "comment": comment})


@tool(title="Change firewall alias", toolset="firewall_objects", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_update_firewall_alias(
    ctx: Ctx,
    *,
    name: Name,
    guest: ScopeGuest = None,
    cidr: Annotated[IpOrCidr | None, Field(description="New address or network.")] = None,
    comment: Comment = None,
) -> Change:
    """Change what an alias stands for: every rule that uses it changes with it."""
    scope = await scope_of(ctx, None, guest, changes=True)
    warning = "Every rule that uses the alias changes with it."
    return await update(ctx, _aliases(scope), name, {"cidr": cidr, "comment": comment}, warnings=[warning])


@tool(title="Delete firewall alias", toolset="firewall_objects", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_firewall_alias(ctx: Ctx, *, name: Name, guest: ScopeGuest = None) -> Change:
    """Delete an alias that no rule uses any more: rules that still do stop working."""
    scope = await scope_of(ctx, None, guest, changes=True)
    await _unused(ctx, scope, name)
    return await delete(ctx, _aliases(scope), name)


async def _unused(ctx: Ctx, scope: Scope, name: str) -> None:
    rules = await ctx.client.rows(*scope.rules)
    used = {plain(rule.get(field)).removeprefix("dc/") for rule in rules for field in ("source", "dest")}
    if used & {name, f"+{name}", f"dc/{name}", f"guest/{name}"}:
        raise ConflictError(f"Rules of {scope.label} use {name}.", next_step="Change or delete those rules first.")


@tool(title="List ipset entries", toolset="firewall_objects")
async def proxmox_list_ipset_entries(
    ctx: Ctx, *, name: Name, guest: ScopeGuest = None, limit: Limit = 50, cursor: Cursor = None
) -> IpsetEntryPage:
    """Addresses and networks in an ipset of the cluster or of one guest."""
    scope = await scope_of(ctx, None, guest)
    rows = await ctx.client.rows(*_ipsets(scope).item(name))
    return page(IpsetEntryPage, sorted(rows, key=by("cidr")), lambda row: made(IpsetEntry, row), limit, cursor)


@tool(title="Create ipset", toolset="firewall_objects", risk=Risk.WRITE, idempotent=True)
async def proxmox_create_ipset(ctx: Ctx, *, name: Name, guest: ScopeGuest = None, comment: Comment = None) -> Change:
    """Make an empty ipset; proxmox_add_ipset_entry fills it. The set management has a meaning of its own."""
    scope = await scope_of(ctx, None, guest, changes=True)
    kind = _ipsets(scope)
    return await create(ctx, kind, name, {"comment": comment}, read=_by_list(kind, name))


@tool(title="Delete ipset", toolset="firewall_objects", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_ipset(ctx: Ctx, *, name: Name, guest: ScopeGuest = None) -> Change:
    """Delete an empty ipset that no rule uses any more."""
    scope = await scope_of(ctx, None, guest, changes=True)
    await _unused(ctx, scope, name)
    kind = _ipsets(scope)
    return await delete(ctx, kind, name, read=_by_list(kind, name))


@tool(title="Add ipset entry", toolset="firewall_objects", risk=Risk.WRITE, idempotent=True)
async def proxmox_add_ipset_entry(
    ctx: Ctx,
    *,
    ipset: Name,
    cidr: IpOrCidr,
    guest: ScopeGuest = None,
    excluded: Annotated[bool | None, Field(description="Take it out of the set instead.")] = None,
    comment: Comment = None,
) -> Change:
    """Add an address or network to an ipset: rules that use the set apply to it at once."""
    scope = await scope_of(ctx, None, guest, changes=True)
    await _existing(ctx, scope, ipset)
    kind = _entries(scope, ipset)
    return await create(ctx, kind, cidr, {"excluded": excluded, "comment": comment}, read=_by_list(kind, cidr))


@tool(title="Remove ipset entry", toolset="firewall_objects", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_remove_ipset_entry(ctx: Ctx, *, ipset: Name, cidr: IpOrCidr, guest: ScopeGuest = None) -> Change:
    """Remove an address or network from an ipset: rules that use the set no longer apply to it."""
    scope = await scope_of(ctx, None, guest, changes=True)
    await _existing(ctx, scope, ipset)
    kind = _entries(scope, ipset)
    return await delete(ctx, kind, cidr, read=_by_list(kind, cidr))


async def _existing(ctx: Ctx, scope: Scope, ipset: str) -> None:
    if await _by_list(_ipsets(scope), ipset)(ctx.client) is None:
        raise NotFoundError(f"There is no ipset {ipset}.", next_step="proxmox_list_firewall_objects lists them.")


@tool(title="Create security group", toolset="firewall_objects", risk=Risk.WRITE, idempotent=True)
async def proxmox_create_firewall_group(ctx: Ctx, *, group: GroupName, comment: Comment = None) -> Change:
    """Make an empty security group; proxmox_create_firewall_rule with group fills it."""
    return await create(ctx, _GROUPS, group, {"comment": comment}, read=_by_list(_GROUPS, group))


@tool(title="Delete security group", toolset="firewall_objects", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_firewall_group(ctx: Ctx, *, group: GroupName) -> Change:
    """Delete an empty security group that no rule uses any more."""
    return await delete(ctx, _GROUPS, group, read=_by_list(_GROUPS, group))

"""Firewall rules and options of the cluster, its nodes and its guests."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.proxmox.arguments import Comment, GuestRef, Node
from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.encoding import Given, as_json, plain, without
from holdfast.appliances.proxmox.firewall import (
    fingerprint,
    guard_reach,
    options_kind,
    plan_create_rule,
    plan_delete_rule,
    plan_update_rule,
    rules_of,
    scope_of,
)
from holdfast.appliances.proxmox.models.firewall import FirewallOptions, FirewallRule, FirewallRulePage
from holdfast.appliances.proxmox.objects import read_item, update
from holdfast.appliances.proxmox.reading import made
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError

ScopeNode = Annotated[Node | None, Field(description="Rules of this node.")]
ScopeGuest = Annotated[GuestRef | None, Field(description="Rules of this guest.")]
GroupName = Annotated[
    str, Grammar("security group", r"[A-Za-z][A-Za-z0-9_-]{1,17}", 18, "security group", ("web", "mgmt-in"))
]
ScopeGroup = Annotated[GroupName | None, Field(description="Rules of this security group.")]
Position = Annotated[int, Field(ge=0, le=9999, description="Position; the first rule that matches decides.")]
Fingerprint = Annotated[
    str | None,
    Field(pattern=r"^[0-9a-f]{12}$", description="fingerprint of the rule: refuse if another stands there."),
]
Address = Annotated[
    str,
    Grammar(
        "address",
        r"[A-Za-z0-9+][A-Za-z0-9_.:/,+-]*",
        200,
        "address, network, range, alias or +ipset; several by comma",
        ("10.20.0.0/24", "+management", "nas", "10.0.0.1-10.0.0.9"),
    ),
]
Ports = Annotated[
    str, Grammar("ports", r"[A-Za-z0-9][A-Za-z0-9:,-]*", 120, "port, low:high or list", ("443", "8000:8080", "80,443"))
]
Action = Annotated[
    str,
    Grammar("action", r"ACCEPT|DROP|REJECT|[A-Za-z][A-Za-z0-9_-]{1,17}", 18, "ACCEPT, DROP, REJECT, or a group's name"),
]
Word = Annotated[str, Grammar("word", r"[A-Za-z0-9][A-Za-z0-9_.-]*", 40, "name", ("tcp", "SSH", "net0", "vmbr0"))]
LogLevel = Literal["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog"]
RuleField = Literal["macro", "protocol", "source", "dest", "sport", "dport", "iface", "log", "comment"]
Type = Literal["in", "out", "forward", "group"]
Policy = Literal["ACCEPT", "DROP", "REJECT"]


@tool(title="List firewall rules", toolset="firewall")
async def proxmox_list_firewall_rules(
    ctx: Ctx,
    *,
    node: ScopeNode = None,
    guest: ScopeGuest = None,
    group: ScopeGroup = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FirewallRulePage:
    """Firewall rules of the cluster, or of a node, a guest or a security group, in the order in which they apply."""
    rules = await rules_of(ctx, await scope_of(ctx, node, guest, group))
    return page(
        FirewallRulePage, rules, lambda row: made(FirewallRule, row, fingerprint=fingerprint(row)), limit, cursor
    )


@tool(title="Create firewall rule", toolset="firewall", risk=Risk.WRITE, idempotent=False)
async def proxmox_create_firewall_rule(
    ctx: Ctx,
    *,
    type: Annotated[Type, Field(description="Direction; group inserts a security group.")],  # noqa: A002 - API's word
    action: Annotated[Action, Field(description="ACCEPT, DROP, REJECT, or with type group its name.")],
    node: ScopeNode = None,
    guest: ScopeGuest = None,
    group: ScopeGroup = None,
    position: Position = 0,
    enabled: Annotated[bool, Field(description="Whether it applies.")] = True,
    macro: Annotated[Word | None, Field(description="Service macro such as SSH.")] = None,
    protocol: Annotated[Word | None, Field(description="tcp, udp, icmp …")] = None,
    source: Annotated[Address | None, Field(description="From.")] = None,
    dest: Annotated[Address | None, Field(description="To.")] = None,
    sport: Annotated[Ports | None, Field(description="Source ports.")] = None,
    dport: Annotated[Ports | None, Field(description="Destination ports.")] = None,
    iface: Annotated[Word | None, Field(description="Interface; net0 for guests.")] = None,
    log: Annotated[LogLevel | None, Field(description="Log level.")] = None,
    comment: Comment = None,
) -> Change:
    """Insert a firewall rule. Refused where it would shut port 8006 of Proxmox itself."""
    scope = await scope_of(ctx, node, guest, group, changes=True)
    given: dict[str, Given] = {
        "type": type,
        "action": action,
        "enabled": enabled,
        "macro": macro,
        "protocol": protocol,
        "source": source,
        "dest": dest,
        "sport": sport,
        "dport": dport,
        "iface": iface,
        "log": log,
        "comment": comment,
    }
    return await plan_create_rule(ctx, scope, given, position)


@tool(title="Change firewall rule", toolset="firewall", risk=Risk.WRITE, idempotent=True)
async def proxmox_update_firewall_rule(
    ctx: Ctx,
    *,
    position: Position,
    fingerprint: Fingerprint = None,
    node: ScopeNode = None,
    guest: ScopeGuest = None,
    group: ScopeGroup = None,
    move_to: Annotated[int | None, Field(ge=0, le=9999, description="New position; alone.")] = None,
    type: Annotated[Type | None, Field(description="Direction.")] = None,  # noqa: A002 - the API's word
    action: Annotated[Action | None, Field(description="ACCEPT, DROP, REJECT.")] = None,
    enabled: Annotated[bool | None, Field(description="Whether it applies.")] = None,
    macro: Annotated[Word | None, Field(description="Service macro.")] = None,
    protocol: Annotated[Word | None, Field(description="tcp, udp, icmp …")] = None,
    source: Annotated[Address | None, Field(description="From.")] = None,
    dest: Annotated[Address | None, Field(description="To.")] = None,
    sport: Annotated[Ports | None, Field(description="Source ports.")] = None,
    dport: Annotated[Ports | None, Field(description="Destination ports.")] = None,
    iface: Annotated[Word | None, Field(description="Interface.")] = None,
    log: Annotated[LogLevel | None, Field(description="Log level.")] = None,
    comment: Comment = None,
    unset: Annotated[list[RuleField] | None, Field(description="Fields to remove.")] = None,
) -> Change:
    """Change a firewall rule, or move it. Refused where it would shut port 8006 of Proxmox itself."""
    scope = await scope_of(ctx, node, guest, group, changes=True)
    given: dict[str, Given] = {
        "type": type,
        "action": action,
        "enabled": enabled,
        "macro": macro,
        "protocol": protocol,
        "source": source,
        "dest": dest,
        "sport": sport,
        "dport": dport,
        "iface": iface,
        "log": log,
        "comment": comment,
    }
    return await plan_update_rule(ctx, scope, position, fingerprint, given, list(unset or ()), move_to)


@tool(title="Delete firewall rule", toolset="firewall", risk=Risk.DESTRUCTIVE, idempotent=False)
async def proxmox_delete_firewall_rule(
    ctx: Ctx,
    *,
    position: Position,
    fingerprint: Fingerprint = None,
    node: ScopeNode = None,
    guest: ScopeGuest = None,
    group: ScopeGroup = None,
) -> Change:
    """Delete a firewall rule. Refused where it would shut port 8006 of Proxmox itself."""
    scope = await scope_of(ctx, node, guest, group, changes=True)
    return await plan_delete_rule(ctx, scope, position, fingerprint)


@tool(title="Get firewall options", toolset="firewall")
async def proxmox_get_firewall_options(
    ctx: Ctx, *, node: ScopeNode = None, guest: ScopeGuest = None
) -> FirewallOptions:
    """Whether the firewall of the cluster, a node or a guest is on, and its default policies."""
    scope = await scope_of(ctx, node, guest)
    row = await ctx.client.object(*scope.base, "options")
    known = [arg.key for arg in options_kind(scope).args.values()]
    other = without(row, [*known, "digest", "policy_forward"])
    return made(FirewallOptions, row, scope=scope.label, other=dict(sorted(other.items())) or None)


@tool(title="Set firewall options", toolset="firewall", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_set_firewall_options(
    ctx: Ctx,
    *,
    node: ScopeNode = None,
    guest: ScopeGuest = None,
    enabled: Annotated[bool | None, Field(description="Switch it on or off.")] = None,
    policy_in: Annotated[Policy | None, Field(description="What happens to inbound traffic without a rule.")] = None,
    policy_out: Annotated[Policy | None, Field(description="The same, outbound.")] = None,
    log_level_in: Annotated[LogLevel | None, Field(description="Log level (node, guest).")] = None,
    log_level_out: Annotated[LogLevel | None, Field(description="Log level (node, guest).")] = None,
    unset: Annotated[
        list[Literal["enabled", "policy_in", "policy_out", "log_level_in", "log_level_out"]] | None,
        Field(description="Back to the default."),
    ] = None,
) -> Change:
    """Switch a firewall on or off, or set its default policies. Refused where it would shut port 8006 of Proxmox."""
    scope = await scope_of(ctx, node, guest, changes=True)
    kind = options_kind(scope)
    given: dict[str, Given] = {
        "enabled": enabled,
        "policy_in": policy_in,
        "policy_out": policy_out,
        "log_level_in": log_level_in,
        "log_level_out": log_level_out,
    }
    named = {name for name, value in given.items() if value is not None} | set(unset or ())
    if wrong := sorted(named - set(kind.args)):
        raise InputError(
            f"{scope.label} has no option {', '.join(wrong)}.", next_step=f"It has {', '.join(kind.args)}."
        )
    given = {name: value for name, value in given.items() if name in kind.args}
    now = await read_item(ctx.client, kind, "options") or {}
    gone = {kind.args[name].key for name in unset or ()}
    then: JsonObject = {key: value for key, value in now.items() if key not in gone} | as_json(kind.form(given))
    await guard_reach(ctx, scope, options=then)
    off = plain(then.get("enable")) in ("", "0") and plain(now.get("enable")) == "1"
    return await update(
        ctx,
        kind,
        "options",
        given,
        unset,
        summary=f"Set firewall options of {scope.label}",
        warnings=["Nothing is filtered any more."] if off else [],
    )

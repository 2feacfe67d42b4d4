"""The firewall's scopes: cluster, node, guest, security group; their rules by content, not by position."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.encoding import Form, Given, plain
from holdfast.appliances.proxmox.firewallreach import Reach, Rules, reach
from holdfast.appliances.proxmox.guests import find_guest, known_node
from holdfast.appliances.proxmox.objects import Arg, Kind
from holdfast.appliances.proxmox.protection import guard_guest
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.cutting import cut
from holdfast.errors import ConflictError, InputError, NotFoundError, RefusedError
from holdfast.transport.values import digits, opt_str

RULE_ARGS: Final[Mapping[str, Arg]] = {
    "type": Arg("type"),
    "action": Arg("action"),
    "enabled": Arg("enable", "bool"),
    "macro": Arg("macro"),
    "protocol": Arg("proto"),
    "source": Arg("source"),
    "dest": Arg("dest"),
    "sport": Arg("sport"),
    "dport": Arg("dport"),
    "iface": Arg("iface"),
    "log": Arg("log"),
    "comment": Arg("comment"),
}


@dataclass(frozen=True)
class Scope:
    """One rule set.

    Attributes:
        level: Where it applies.
        label: For people.
        base: Path of its firewall (of its rules, for a group).
        given: Arguments that name it, for undo.
    """

    level: Literal["cluster", "node", "guest", "group"]
    label: str
    base: tuple[str, ...]
    given: Mapping[str, str]

    @property
    def rules(self) -> tuple[str, ...]:
        """Path of its rules."""
        return self.base if self.level == "group" else (*self.base, "rules")

    @property
    def node(self) -> str | None:
        """The node whose rules these are."""
        return self.base[1] if self.level == "node" else None


async def scope_of(
    ctx: Ctx, node: str | None, guest: str | None, group: str | None = None, *, changes: bool = False
) -> Scope:
    """The rule set that the arguments name; the cluster's without any.

    Raises:
        InputError: More than one is named.
    """
    if sum(name is not None for name in (node, guest, group)) > 1:
        raise InputError("Give one of node, guest and group, or none for the cluster's rules.")
    if node is not None:
        await known_node(ctx.client, node)
        return Scope("node", f"node {node}", ("nodes", node, "firewall"), {"node": node})
    if guest is not None:
        found = await find_guest(ctx.client, guest, fresh=changes)
        if changes:
            await guard_guest(ctx, found, interrupts=False)
        return Scope("guest", found.label, (*found.path, "firewall"), {"guest": str(found.vmid)})
    if group is not None:
        return Scope("group", f"security group {group}", ("cluster", "firewall", "groups", group), {"group": group})
    return Scope("cluster", "the cluster", ("cluster", "firewall"), {})


async def rules_of(ctx: Ctx, scope: Scope) -> list[JsonObject]:
    """Its rules in the order in which they apply."""
    return _ordered(await ctx.client.rows(*scope.rules))


def _ordered(rules: Rules) -> list[JsonObject]:
    return sorted(rules, key=lambda rule: digits(plain(rule.get("pos"))) or 0)


def shown_rule(rule: JsonObject) -> JsonObject:
    """A rule in the words of the tools."""
    return {name: arg.shown(rule[arg.key]) for name, arg in RULE_ARGS.items() if rule.get(arg.key) is not None}


def fingerprint(rule: JsonObject) -> str:
    """What a rule says, as 12 hex digits: positions shift, this does not."""
    text = json.dumps(shown_rule(rule), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _count(rules: Rules, mark: str) -> int:
    return sum(fingerprint(rule) == mark for rule in rules)


def rule_at(scope: Scope, rules: Rules, position: int, expected: str | None) -> JsonObject:
    """The rule at a position.

    Raises:
        NotFoundError: There is none.
        ConflictError: It is another rule than expected.
    """
    found = next((rule for rule in rules if plain(rule.get("pos")) == str(position)), None)
    if found is None:
        raise NotFoundError(f"{scope.label} has no rule {position}.", next_step=f"It has {len(rules)} rules.")
    if expected is not None and fingerprint(found) != expected:
        raise ConflictError(
            f"Rule {position} of {scope.label} is not the expected one: rules have moved.",
            next_step="List the rules again.",
        )
    return found


async def guard_reach(ctx: Ctx, scope: Scope, *, rules: Rules | None = None, options: JsonObject | None = None) -> None:
    """Refuse what would shut port 8006, for a cluster whose firewall is on (or is being switched on).

    Args:
        ctx: Of the tool.
        scope: What changes.
        rules: Its rules afterwards; unchanged when None.
        options: Its options afterwards; unchanged when None.

    Raises:
        RefusedError: Nothing was executed.
    """
    if scope.level == "guest":
        return
    now = await ctx.client.object("cluster", "firewall", "options")
    then = options if options is not None and scope.level == "cluster" else now
    if plain(then.get("enable")) in ("", "0"):
        return
    own_now = await rules_of(ctx, scope)
    cluster_now = (
        own_now if scope.level == "cluster" else _ordered(await ctx.client.rows("cluster", "firewall", "rules"))
    )
    own_then = rules if rules is not None else own_now
    names = {plain(rule.get("action")) for rule in [*cluster_now, *own_now, *own_then] if rule.get("type") == "group"}
    groups = {name: _ordered(await ctx.client.rows("cluster", "firewall", "groups", name)) for name in sorted(names)}
    here = ctx.client.here.addresses
    before = reach(_chain(scope, own_now, cluster_now), now, groups, here)
    changed = {**groups, scope.base[-1]: own_then} if scope.level == "group" else groups
    after = reach(_chain(scope, own_then, cluster_now), then, changed, here)
    if after < before:
        would = "would" if after is Reach.SHUT else "might"
        raise RefusedError(
            f"This {would} shut port 8006 of {scope.label}: nobody could reach it from here. Nothing was executed.",
            next_step=(
                "First add an enabled rule: type in, action ACCEPT, protocol tcp, dport 8006, at position 0, without a "
                "source or with this machine's network as it; what an alias or a set holds is not known here."
            ),
        )


def _chain(scope: Scope, own: Rules, cluster: Rules) -> list[JsonObject]:
    """Rules in the order in which they apply to a node: its own, then the cluster's."""
    parts = [own, cluster] if scope.level == "node" else [own if scope.level == "cluster" else cluster]
    chain = [rule for part in parts for rule in _ordered(part)]
    return [{**rule, "pos": number} for number, rule in enumerate(chain)]


async def plan_create_rule(ctx: Ctx, scope: Scope, given: Mapping[str, Given], position: int) -> Change:
    """Insert a rule at a position."""
    rules = await rules_of(ctx, scope)
    position = min(position, len(rules))
    form = _form(given)
    rule: JsonObject = {name: plain(value) for name, value in form.items() if isinstance(value, str | int | float)}
    await guard_reach(ctx, scope, rules=_numbered([*rules[:position], rule, *rules[position:]]))
    mark = fingerprint(rule)
    digest = opt_str(rules[0], "digest") if rules else None
    if digest is not None:
        form["digest"] = digest

    async def look() -> Seen:
        seen = await rules_of(ctx, scope)
        return Seen(_count(seen, mark) == _count(rules, mark) + 1, {"rules": len(seen), "rule": shown_rule(rule)})

    return await change(
        ctx,
        Write("POST", scope.rules, {**form, "pos": position}),
        summary=f"Insert a firewall rule at {position} of {scope.label}: {_words(rule)}",
        before={"rules": len(rules), "digest": digest},
        after={"rules": len(rules) + 1, "rule": shown_rule(rule)},
        look=look,
        relative=True,
        undo=UndoCall(
            tool="proxmox_delete_firewall_rule",
            arguments={**scope.given, "position": position, "fingerprint": mark},
        ),
        warnings=await _switches(ctx, scope),
        destructive=_drops(rule) and scope.level != "guest",
    )


async def plan_update_rule(
    ctx: Ctx,
    scope: Scope,
    position: int,
    expected: str | None,
    given: Mapping[str, Given],
    unset: Sequence[str],
    move_to: int | None,
) -> Change:
    """Change a rule, or move it (one of both at a time: the API ignores fields when it moves)."""
    rules = await rules_of(ctx, scope)
    old = rule_at(scope, rules, position, expected)
    form, gone = _form(given), [RULE_ARGS[name].key for name in unset]
    if (move_to is None) == (not form and not gone):
        raise InputError("Give either values to change, or move_to.")
    new: JsonObject = {name: value for name, value in old.items() if name not in gone} | {
        name: plain(value) for name, value in form.items() if isinstance(value, str | int | float)
    }
    others = [rule for rule in rules if rule is not old]
    place = position if move_to is None else min(move_to, len(others))
    await guard_reach(ctx, scope, rules=_numbered([*others[:place], new, *others[place:]]))
    mark, was = fingerprint(new), fingerprint(old)
    sent: Form = {**form}
    if gone:
        sent["delete"] = ",".join(gone)
    if move_to is not None:
        # The API counts positions before the rule is taken out: moving down means one further.
        sent["moveto"] = place + 1 if place > position else place
    if (digest := opt_str(old, "digest")) is not None:
        sent["digest"] = digest

    async def look() -> Seen:
        seen = await rules_of(ctx, scope)
        at = [rule for rule in seen if plain(rule.get("pos")) == str(place)]
        reached = bool(at) and fingerprint(at[0]) == mark and len(seen) == len(rules)
        return Seen(reached, {"position": place, **(shown_rule(at[0]) if at else {})})

    before = shown_rule(old)
    touched = [name for name, value in given.items() if value is not None] + list(unset)
    back: JsonObject = {name: before[name] for name in touched if name in before}
    if absent := sorted(name for name in touched if name not in before):
        back["unset"] = [*absent]
    if move_to is not None:
        back = {"move_to": position}
    return await change(
        ctx,
        Write("PUT", (*scope.rules, str(position)), sent),
        summary=f"Change firewall rule {position} of {scope.label}: {_words(old)}",
        before={"position": position, **before},
        after={"position": place, **shown_rule(new)},
        look=look,
        relative=True,
        undo=UndoCall(
            tool="proxmox_update_firewall_rule",
            arguments={**scope.given, "position": place, "fingerprint": mark, **back},
        ),
        nothing_to_do=mark == was and place == position,
        destructive=scope.level != "guest",
    )


async def plan_delete_rule(ctx: Ctx, scope: Scope, position: int, expected: str | None) -> Change:
    """Delete a rule, with the digest of the list that it was read from."""
    rules = await rules_of(ctx, scope)
    old = rule_at(scope, rules, position, expected)
    await guard_reach(ctx, scope, rules=_numbered([rule for rule in rules if rule is not old]))
    mark = fingerprint(old)
    form: Form = {"digest": digest} if (digest := opt_str(old, "digest")) is not None else {}

    async def look() -> Seen:
        seen = await rules_of(ctx, scope)
        return Seen(_count(seen, mark) == _count(rules, mark) - 1, {"rules": len(seen)})

    return await change(
        ctx,
        Write("DELETE", (*scope.rules, str(position)), form),
        summary=f"Delete firewall rule {position} of {scope.label}: {_words(old)}",
        before={"rules": len(rules), **shown_rule(old)},
        after={"rules": len(rules) - 1},
        look=look,
        relative=True,
        undo=UndoCall(
            tool="proxmox_create_firewall_rule",
            arguments={**scope.given, "position": position, **shown_rule(old)},
        ),
    )


def _form(given: Mapping[str, Given]) -> Form:
    form: Form = {}
    for name, value in given.items():
        if isinstance(value, bool):
            form[RULE_ARGS[name].key] = int(value)
        elif isinstance(value, str | int):
            form[RULE_ARGS[name].key] = value
    return form


def _numbered(rules: Rules) -> list[JsonObject]:
    return [{**rule, "pos": number} for number, rule in enumerate(rules)]


def _words(rule: JsonObject) -> str:
    shown = shown_rule(rule)
    return cut(" ".join(f"{name}={plain(value)}" for name, value in shown.items()), 300)


def _drops(rule: JsonObject) -> bool:
    return plain(rule.get("enable")) == "1" and plain(rule.get("action")) in ("DROP", "REJECT")


async def _switches(ctx: Ctx, scope: Scope) -> list[str]:
    """A rule alone does nothing: two master switches decide (contract 15.11)."""
    said: list[str] = []
    cluster = await ctx.client.object("cluster", "firewall", "options")
    if plain(cluster.get("enable")) in ("", "0"):
        said.append("The firewall of the cluster is off: the rule does nothing until it is switched on.")
    if scope.level == "guest":
        own = await ctx.client.object(*scope.base, "options")
        if plain(own.get("enable")) in ("", "0"):
            said.append("The firewall of this guest is off: the rule does nothing until it is switched on.")
    return said


def options_kind(scope: Scope) -> Kind:
    """The options of a scope as an object."""
    args = {"enabled": Arg("enable", "bool")}
    if scope.level in ("cluster", "guest"):
        args |= {"policy_in": Arg("policy_in"), "policy_out": Arg("policy_out")}
    if scope.level in ("node", "guest"):
        args |= {"log_level_in": Arg("log_level_in"), "log_level_out": Arg("log_level_out")}
    return Kind(
        noun="firewall options of",
        collection=scope.base,
        key="",
        argument="",
        args=args,
        tools=(None, "proxmox_set_firewall_options", None),
        given=scope.given,
    )

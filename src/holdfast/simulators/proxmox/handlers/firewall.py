"""The firewall in all its scopes: cluster, node, guest, vnet (contract section 15.11)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.firewall import FirewallScope, digest_of
from holdfast.simulators.proxmox.firewall_rules import check_rule
from holdfast.simulators.proxmox.sections import CHANGED
from holdfast.simulators.proxmox.values import Row, as_text

CLUSTER: Final = "/cluster/firewall"
NODE: Final = "/nodes/{node}/firewall"
GUESTS: Final = ("/nodes/{node}/qemu/{vmid}/firewall", "/nodes/{node}/lxc/{vmid}/firewall")
VNET: Final = "/cluster/sdn/vnets/{vnet}/firewall"
GROUP: Final = "/cluster/firewall/groups/{group}"
_RULES: Final = (*(f"{scope}/rules" for scope in (CLUSTER, NODE, *GUESTS, VNET)), GROUP)
_NUMBERS: Final = frozenset({"enable", "pos", "ipversion", "nomatch"})
_RULE_KEYS: Final = (
    "type",
    "action",
    "macro",
    "iface",
    "source",
    "dest",
    "proto",
    "sport",
    "dport",
    "icmp-type",
    "log",
    "comment",
    "enable",
)


def scope_of(call: Call) -> FirewallScope:
    """The configuration that the path is about."""
    template, cluster = call.method.template, call.cluster
    if template.startswith("/cluster/sdn"):
        vnet = call.params.text("vnet")
        if vnet not in cluster.sections.get("sdn-vnets", {}):
            raise ApiError(f"sdn vnet object ID '{vnet}' does not exist")
        return cluster.vnet_firewalls.setdefault(vnet, FirewallScope())
    if template.startswith("/cluster"):
        return cluster.firewall
    if "{vmid}" in template:
        # The file belongs to a number, whether or not a guest has it now and wherever that guest is.
        return cluster.guest_firewall(call.params.number("vmid"))
    return call.member().firewall


def firewall_file(call: Call) -> str:
    """The file of the scope, below /etc/pve."""
    if "vmid" in call.params:
        return f"firewall/{call.params.text('vmid')}.fw"
    return "firewall/cluster.fw" if call.method.template.startswith("/cluster") else f"nodes/{call.node}/host.fw"


def require_digest(call: Call, value: object) -> None:
    """500 when the content is not the one the caller has seen."""
    if call.params.maybe("digest") not in (None, digest_of(value)):
        raise ApiError(CHANGED)


# -- rules ------------------------------------------------------------------------------------------------------------


def _rules(call: Call) -> list[dict[str, str]]:
    scope = scope_of(call)
    if not call.method.template.startswith(GROUP):
        return scope.rules
    group = call.params.text("group")
    if group not in scope.groups:
        raise ApiError(f"no such security group '{group}'")
    return scope.groups[group]


def _rule_row(position: int, rule: dict[str, str], digest: str) -> Row:
    row: Row = {name: int(value) if name in _NUMBERS else value for name, value in rule.items()}
    row |= {"pos": position, "digest": digest}
    row.setdefault("enable", 0)
    return row


@answers(*(f"GET {path}" for path in _RULES))
def list_rules(call: Call) -> Answer:
    """Rules in the order they apply."""
    rules = _rules(call)
    digest = digest_of(rules)
    return [_rule_row(position, rule, digest) for position, rule in enumerate(rules)]


@answers(*(f"GET {path}/{{pos}}" for path in _RULES))
def get_rule(call: Call) -> Answer:
    """One rule."""
    rules, position = _rules(call), call.params.number("pos")
    return _rule_row(position, _at(rules, position), digest_of(rules))


def _at(rules: list[dict[str, str]], position: int) -> dict[str, str]:
    if not rules:
        # The vendor's code reads a list that is not there (contract section 15.11).
        where = "/usr/share/perl5/PVE/API2/Firewall/Rules.pm line 146."
        raise ApiError(f"Can't use an undefined value as an ARRAY reference at {where}")
    if position >= len(rules):
        raise ApiError(f"no rule at position {position}")
    return rules[position]


def _given(call: Call) -> dict[str, str]:
    return {name: as_text(value) for name, value in call.params.raw().items() if name in _RULE_KEYS}


@answers(*(f"POST {path}" for path in _RULES))
def add_rule(call: Call) -> Answer:
    """Insert a rule, at the top unless `pos` says otherwise; disabled unless `enable` is set."""
    rules = _rules(call)
    call.cluster.require_writable(firewall_file(call))
    require_digest(call, rules)
    rule = _given(call)
    rule.setdefault("enable", "0")
    check_rule(rule, call.cluster.firewall, scope_of(call), guest="vmid" in call.params)
    rules.insert(min(call.params.number("pos"), len(rules)), rule)
    return None


@answers(*(f"PUT {path}/{{pos}}" for path in _RULES))
def change_rule(call: Call) -> Answer:
    """Change a rule, or move it."""
    rules, position = _rules(call), call.params.number("pos")
    call.cluster.require_writable(firewall_file(call))
    require_digest(call, rules)
    rule = dict(_at(rules, position))
    if "moveto" in call.params:
        target = call.params.number("moveto")
        rules.insert(min(target, len(rules)), rule)
        del rules[position + (1 if target <= position else 0)]
        return None
    for name in call.params.words("delete"):
        rule.pop(name, None)
    rule.update(_given(call))
    check_rule(rule, call.cluster.firewall, scope_of(call), guest="vmid" in call.params)
    rules[position] = rule
    return None


@answers(*(f"DELETE {path}/{{pos}}" for path in _RULES))
def delete_rule(call: Call) -> Answer:
    """Delete by position; those below move up."""
    rules, position = _rules(call), call.params.number("pos")
    call.cluster.require_writable(firewall_file(call))
    require_digest(call, rules)
    _at(rules, position)
    del rules[position]
    return None


# -- options ----------------------------------------------------------------------------------------------------------

_OPTIONS: Final = tuple(f"{scope}/options" for scope in (CLUSTER, NODE, *GUESTS, VNET))


@answers(*(f"GET {path}" for path in _OPTIONS))
def get_options(call: Call) -> Answer:
    """Options of the scope and their digest."""
    options = scope_of(call).options
    row: Row = {name: int(value) if value.isdigit() else value for name, value in options.items()}
    row["digest"] = digest_of(options)
    return row


@answers(*(f"PUT {path}" for path in _OPTIONS))
def set_options(call: Call) -> Answer:
    """Change options of the scope."""
    options = scope_of(call).options
    call.cluster.require_writable(firewall_file(call))
    require_digest(call, options)
    for name in call.params.words("delete"):
        options.pop(name, None)
    for name, value in call.params.raw().items():
        if name not in ("node", "vmid", "vnet", "digest", "delete"):
            options[name] = as_text(value)
    return None

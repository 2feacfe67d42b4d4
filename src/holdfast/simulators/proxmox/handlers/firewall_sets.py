"""Named addresses, sets, security groups and what else rules refer to (contract section 15.11)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.firewall import digest_of
from holdfast.simulators.proxmox.firewall_rules import MACROS
from holdfast.simulators.proxmox.handlers.firewall import (
    CLUSTER,
    GROUP,
    GUESTS,
    NODE,
    firewall_file,
    require_digest,
    scope_of,
)
from holdfast.simulators.proxmox.values import Row

_NUMBERS: Final = frozenset({"nomatch"})

# -- aliases ----------------------------------------------------------------------------------------------------------

_ALIASES: Final = tuple(f"{scope}/aliases" for scope in (CLUSTER, *GUESTS))


def _alias_row(name: str, alias: dict[str, str], digest: str) -> Row:
    return {**alias, "name": name, "ipversion": 6 if ":" in alias["cidr"] else 4, "digest": digest}


def _alias(call: Call) -> dict[str, str]:
    name = call.params.text("name").lower()
    alias = scope_of(call).aliases.get(name)
    if alias is None:
        raise ApiError(f"no such alias '{name}'")
    return alias


@answers(*(f"GET {path}" for path in _ALIASES))
def list_aliases(call: Call) -> Answer:
    """Names of addresses."""
    aliases = scope_of(call).aliases
    return [_alias_row(name, alias, digest_of(aliases)) for name, alias in aliases.items()]


@answers(*(f"GET {path}/{{name}}" for path in _ALIASES))
def get_alias(call: Call) -> Answer:
    """One alias."""
    return _alias_row(call.params.text("name").lower(), _alias(call), digest_of(scope_of(call).aliases))


@answers(*(f"POST {path}" for path in _ALIASES))
def add_alias(call: Call) -> Answer:
    """A new alias."""
    aliases, name = scope_of(call).aliases, call.params.text("name").lower()
    call.cluster.require_writable(firewall_file(call))
    if name in aliases:
        raise ApiError(f"alias '{name}' already exists")
    aliases[name] = {key: call.params.text(key) for key in ("cidr", "comment") if key in call.params}
    return None


@answers(*(f"PUT {path}/{{name}}" for path in _ALIASES))
def change_alias(call: Call) -> Answer:
    """Change or rename an alias."""
    aliases, alias = scope_of(call).aliases, _alias(call)
    call.cluster.require_writable(firewall_file(call))
    require_digest(call, aliases)
    alias["cidr"] = call.params.text("cidr")
    if "comment" in call.params:
        alias["comment"] = call.params.text("comment")
    new = call.params.text("rename").lower()
    if new and new != call.params.text("name").lower():
        if new in aliases:
            raise ApiError(f"alias '{new}' already exists")
        aliases[new] = aliases.pop(call.params.text("name").lower())
    return None


@answers(*(f"DELETE {path}/{{name}}" for path in _ALIASES))
def delete_alias(call: Call) -> Answer:
    """Delete an alias."""
    _alias(call)
    aliases = scope_of(call).aliases
    call.cluster.require_writable(firewall_file(call))
    require_digest(call, aliases)
    del aliases[call.params.text("name").lower()]
    return None


# -- IP sets ----------------------------------------------------------------------------------------------------------

_SETS: Final = tuple(f"{scope}/ipset" for scope in (CLUSTER, *GUESTS))


def _set(call: Call) -> dict[str, dict[str, str]]:
    name = call.params.text("name")
    found = scope_of(call).ipsets.get(name)
    if found is None:
        raise ApiError(f"no such IPSet '{name}'")
    return found


@answers(*(f"GET {path}" for path in _SETS))
def list_sets(call: Call) -> Answer:
    """Sets of addresses."""
    scope = scope_of(call)
    rows: list[Row] = []
    for name, content in scope.ipsets.items():
        row: Row = {"name": name, "digest": digest_of(content)}
        if scope.ipset_comments.get(name):
            row["comment"] = scope.ipset_comments[name]
        rows.append(row)
    return rows


@answers(*(f"POST {path}" for path in _SETS))
def add_set(call: Call) -> Answer:
    """A new set; with `rename` an old one gets another name or comment."""
    scope, name, old = scope_of(call), call.params.text("name"), call.params.maybe("rename")
    call.cluster.require_writable(firewall_file(call))
    if old is not None:
        if old not in scope.ipsets:
            raise ApiError(f"IPSet '{old}' does not exist")
        if name != old and name in scope.ipsets:
            raise ApiError(f"IPSet '{name}' already exists")
        require_digest(call, scope.ipsets[old])
        scope.ipsets[name] = scope.ipsets.pop(old)
        scope.ipset_comments[name] = call.params.text("comment", scope.ipset_comments.pop(old, ""))
        return None
    if name in scope.ipsets:
        raise ApiError(f"IPSet '{name}' already exists")
    scope.ipsets[name] = {}
    if "comment" in call.params:
        scope.ipset_comments[name] = call.params.text("comment")
    return None


@answers(*(f"DELETE {path}/{{name}}" for path in _SETS))
def delete_set(call: Call) -> Answer:
    """Delete a set; one with members needs `force`."""
    scope, name = scope_of(call), call.params.text("name")
    if _set(call) and not call.params.flag("force"):
        raise ApiError(f"IPSet '{name}' is not empty")
    call.cluster.require_writable(firewall_file(call))
    del scope.ipsets[name]
    scope.ipset_comments.pop(name, None)
    return None


def _member_row(cidr: str, member: dict[str, str], digest: str) -> Row:
    row: Row = {"cidr": cidr, "digest": digest}
    row.update({name: int(value) if name in _NUMBERS else value for name, value in member.items()})
    return row


@answers(*(f"GET {path}/{{name}}" for path in _SETS))
def list_members(call: Call) -> Answer:
    """Members of a set."""
    content = _set(call)
    return [_member_row(cidr, member, digest_of(content)) for cidr, member in content.items()]


def _member(call: Call) -> dict[str, str]:
    cidr = call.params.text("cidr")
    found = _set(call).get(cidr)
    if found is None:
        raise ApiError(f"no such address '{cidr}' in IPSet '{call.params.text('name')}'")
    return found


@answers(*(f"GET {path}/{{name}}/{{cidr}}" for path in _SETS))
def get_member(call: Call) -> Answer:
    """One member."""
    return _member_row(call.params.text("cidr"), _member(call), digest_of(_set(call)))


def _member_given(call: Call) -> dict[str, str]:
    return {name: call.params.text(name) for name in ("nomatch", "comment") if name in call.params}


@answers(*(f"POST {path}/{{name}}" for path in _SETS))
def add_member(call: Call) -> Answer:
    """Add an address, network or alias."""
    content, cidr = _set(call), call.params.text("cidr")
    call.cluster.require_writable(firewall_file(call))
    if cidr in content:
        raise ApiError(f"address '{cidr}' already exists")
    if cidr[:1].isalpha() and "/" not in cidr.removeprefix("dc/").removeprefix("guest/") and ":" not in cidr:
        name = cidr.removeprefix("dc/").removeprefix("guest/").lower()
        if name not in call.cluster.firewall.aliases and name not in scope_of(call).aliases:
            raise ApiError(f"no such alias '{name}'")
    content[cidr] = _member_given(call)
    return None


@answers(*(f"PUT {path}/{{name}}/{{cidr}}" for path in _SETS))
def change_member(call: Call) -> Answer:
    """Change comment or negation."""
    member = _member(call)
    call.cluster.require_writable(firewall_file(call))
    require_digest(call, _set(call))
    member.update(_member_given(call))
    return None


@answers(*(f"DELETE {path}/{{name}}/{{cidr}}" for path in _SETS))
def delete_member(call: Call) -> Answer:
    """Remove a member."""
    _member(call)
    call.cluster.require_writable(firewall_file(call))
    require_digest(call, _set(call))
    del _set(call)[call.params.text("cidr")]
    return None


# -- groups, macros, references, log ----------------------------------------------------------------------------------


@answers(f"GET {CLUSTER}/groups")
def list_groups(call: Call) -> Answer:
    """Security groups."""
    scope = call.cluster.firewall
    rows: list[Row] = []
    for name, rules in scope.groups.items():
        row: Row = {"group": name, "digest": digest_of(rules)}
        if scope.group_comments.get(name):
            row["comment"] = scope.group_comments[name]
        rows.append(row)
    return rows


@answers(f"POST {CLUSTER}/groups")
def add_group(call: Call) -> Answer:
    """A new security group, or another name for an old one."""
    scope, name, old = call.cluster.firewall, call.params.text("group"), call.params.maybe("rename")
    call.cluster.require_writable("firewall/cluster.fw")
    if old is not None:
        if old not in scope.groups:
            raise ApiError(f"Security group '{old}' does not exist")
        if name != old and name in scope.groups:
            raise ApiError(f"Security group '{name}' already exists")
        scope.groups[name] = scope.groups.pop(old)
        scope.group_comments[name] = call.params.text("comment", scope.group_comments.pop(old, ""))
        return None
    if name in scope.groups:
        raise ApiError(f"Security group '{name}' already exists")
    scope.groups[name] = []
    if "comment" in call.params:
        scope.group_comments[name] = call.params.text("comment")
    return None


@answers(f"DELETE {GROUP}")
def delete_group(call: Call) -> Answer:
    """Delete an empty security group."""
    scope, name = call.cluster.firewall, call.params.text("group")
    if name not in scope.groups:
        raise ApiError(f"no such security group '{name}'")
    if scope.groups[name]:
        raise ApiError(f"Security group '{name}' is not empty")
    call.cluster.require_writable("firewall/cluster.fw")
    del scope.groups[name]
    scope.group_comments.pop(name, None)
    return None


@answers(f"GET {CLUSTER}/macros")
def list_macros(call: Call) -> Answer:
    """Named services."""
    return [{"macro": name, "descr": text} for name, text in MACROS.items()]


@answers(*(f"GET {scope}/refs" for scope in (CLUSTER, *GUESTS)))
def list_references(call: Call) -> Answer:
    """Aliases and sets that a rule may name."""
    wanted, rows = call.params.maybe("type"), list[Row]()
    scopes = [("dc", call.cluster.firewall)]
    if "vmid" in call.params:
        scopes.append(("guest", scope_of(call)))
    for label, scope in scopes:
        if wanted in (None, "alias"):
            for name, alias in scope.aliases.items():
                rows.append(_reference("alias", name, f"{label}/{name}", label, alias.get("comment")))
        if wanted in (None, "ipset"):
            for name in scope.ipsets:
                rows.append(_reference("ipset", name, f"+{label}/{name}", label, scope.ipset_comments.get(name)))
    return rows


def _reference(kind: str, name: str, ref: str, scope: str, comment: str | None) -> Row:
    row: Row = {"type": kind, "name": name, "ref": ref, "scope": scope}
    if comment:
        row["comment"] = comment
    return row


@answers(*(f"GET {scope}/log" for scope in (NODE, *GUESTS)))
def get_log(call: Call) -> Answer:
    """Dropped packets: none in the simulated rack."""
    scope_of(call)
    call.beside["total"] = 1
    return [{"n": 1, "t": "no content"}]

"""What was made can be found, changed, deleted and taken back, and leaves the configuration as it was."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.appliances.pfsense.facts import VOLATILE
from holdfast.appliances.pfsense.kinds import GENERAL
from tests.appliances.pfsense.calls import WRITES, Call
from tests.appliances.pfsense.conftest import simulator
from tests.simulators.pfsense.bodies import WIREGUARD_KEY, body
from tests.support.rooms import Room

# What pfSense chooses itself each time: identities, numbers, serials.
_GENERATED = VOLATILE | {
    "tracker",
    "associated_rule_id",
    "uniqid",
    "schedlabel",
    "ikeid",
    "reqid",
    "vpnid",
    "descr_of_linked_rule",
}
_EMPTY: tuple[Any, ...] = (None, "", [], {}, False)


def configuration(fw: Room) -> dict[str, Any]:
    """The stored configuration without what pfSense chooses by itself."""
    nodes = simulator(fw).machine.store.current.nodes
    return {path: _plain(node) for path, node in nodes.items() if _plain(node) not in _EMPTY}


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if isinstance(node, dict):
        found = {k: _plain(v) for k, v in node.items() if k not in _GENERATED and v not in _EMPTY}
        if str(found.get("descr", "")).startswith("Associated rule for port forward"):
            found["descr"] = "Associated rule"
        return found
    return node


# Defaults that pfSense fills in when the object is written through the API, where the seed had nothing.
_UNDONE = [call for call in WRITES if call.tool not in ("pfsense_apply_changes", "pfsense_restart_service")]


@pytest.mark.parametrize("call", _UNDONE, ids=lambda call: call.tool)
async def test_undoing_a_change_leaves_the_configuration_as_it_was(fw: Room, call: Call) -> None:
    arguments = await call.made(fw)
    if call.tool == "pfsense_start_service":
        await fw.call("pfsense_stop_service", service="ntpd")
        arguments = {"service": "ntpd"}
    before = configuration(fw)
    services = await fw.call("pfsense_list_services")
    answer = await fw.call(call.tool, **arguments)
    assert answer["outcome"] == "applied"
    undo = answer["undo"]
    assert isinstance(undo, dict), answer.get("cannot_undo")
    again = undo["arguments"]
    assert isinstance(again, dict)
    undone = await fw.call(str(undo["tool"]), **again)
    assert undone["outcome"] == "applied", undone
    after = configuration(fw)
    changed = {path for path in before | after if not _same(before.get(path), after.get(path))}
    assert changed == set(), {path: (before.get(path), after.get(path)) for path in changed}
    assert await fw.call("pfsense_list_services") == services


def _same(one: Any, other: Any) -> bool:
    """Equal, apart from defaults that one of both spells out."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        common = set(one) & set(other)
        return all(_same(one[name], other[name]) for name in common) and not _meaningful(one, other, common)
    return bool(one == other) or (one in _EMPTY and other in _EMPTY)


_DEFAULTS: dict[str, Any] = {
    "statetype": "keep state",
    "icmptype": ["any"],
    "direction": "any",
    "ipprotocol": "inet",
    "defaultleasetime": 7200,
    "maxleasetime": 86400,
    "trigger": "down",
    "target_subnet": 128,
    "natreflection": None,
}


def _meaningful(one: dict[str, Any], other: dict[str, Any], common: set[str]) -> set[str]:
    """Members that only one of both has, and that are no default."""
    rest = {**one, **other}
    return {name for name in rest if name not in common and rest[name] != _DEFAULTS.get(name, rest[name])}


_CHANGED: dict[str, dict[str, Any]] = {
    "access_list": {"description": "changed"},
    "bridge": {"descr": "changed"},
    "cron_job": {"command": "/usr/bin/false"},
    "dhcp_pool": {"domain": "changed.example"},
    "dhcp_server": {"domain": "changed.example"},
    "ntp_server": {"prefer": True},
    "openvpn_client": {"description": "changed"},
    "openvpn_override": {"description": "changed"},
    "openvpn_server": {"description": "changed"},
    "watchdog": {"notify": True},
}
_PARTICULAR: dict[str, dict[str, Any]] = {
    "access_list": {"name": "vpn", "action": "allow", "networks": [{"network": "10.98.0.0", "mask": 16}]},
    "openvpn_override": {"common_name": "bob", "server_list": ["ovpns1"]},
    "openvpn_client": {"server_port": "1194", "certref": "66f0a1b2c3d42"},
    "domain_override": {"domain": "other.example", "ip": "10.99.0.54"},
    "forwarder_override": {"host": "tv", "domain": "rack.example", "ip": "10.20.0.61", "aliases": []},
    "ntp_server": {"timeserver": "1.pool.ntp.example"},
    "wireguard_peer": {"publickey": WIREGUARD_KEY, "allowedips": []},
    "wireguard_tunnel": {"addresses": []},
    "gateway_group": {"name": "BOTH", "priorities": [{"gateway": "WANGW", "tier": 1, "virtual_ip": "address"}]},
}


@pytest.mark.parametrize("kind", GENERAL, ids=lambda kind: kind.name)
async def test_every_kind_of_object_can_be_made_found_changed_and_deleted(fw: Room, kind: Any) -> None:
    fields = {**body(kind.model_name), **_PARTICULAR.get(kind.name, {})}
    arguments: dict[str, Any] = {"kind": kind.name, "fields": fields}
    if kind.name == "dhcp_pool":
        arguments["parent"] = "lan"
    free = {"allow_lockout": True}  # where the simulator's clients come from no interface tells
    listed = (await fw.call("pfsense_list_objects", kind=kind.name, limit=200))["items"]
    made = await fw.call("pfsense_create_object", **arguments, **free)
    assert made["outcome"] == "applied", made
    after = made["after"]
    assert isinstance(after, dict)
    found = (await fw.call("pfsense_list_objects", kind=kind.name, limit=200))["items"]
    assert isinstance(found, list)
    assert isinstance(listed, list)
    assert len(found) == len(listed) + 1
    assert after["ref"] in [row["ref"] for row in found]  # type: ignore[index,call-overload]
    changes = _CHANGED.get(kind.name, {"descr": "CHANGED"})
    updated = await fw.call("pfsense_update_object", kind=kind.name, ref=after["ref"], changes=changes, **free)
    assert updated["outcome"] == "applied", updated
    now = updated["after"]
    assert isinstance(now, dict)
    deleted = await fw.call("pfsense_delete_object", kind=kind.name, ref=now["ref"], **free)
    assert deleted["outcome"] == "applied", deleted
    assert (await fw.call("pfsense_list_objects", kind=kind.name, limit=200))["items"] == listed


@pytest.mark.parametrize("call", [c for c in WRITES if c.prepare or "ref" in c.arguments], ids=lambda call: call.tool)
async def test_an_object_that_does_not_exist_is_not_found_and_nothing_is_sent(fw: Room, call: Call) -> None:
    ref = "99999999999" if "rule" in call.tool else "nothing-of-this-name"
    error = await fw.fails(call.tool, **{**call.arguments, "ref": ref})
    assert error.code == "not_found"
    assert error.next_step
    assert fw.writes() == []

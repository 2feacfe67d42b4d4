"""The HA manager's configuration and state (contract section 15.5)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox import ha
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.cluster import ha_sid
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter
from holdfast.simulators.proxmox.sections import Sections
from holdfast.simulators.proxmox.values import Row, split_list

_RESOURCES: Final = Sections(
    "ha-resources", "sid", "ha/resources.cfg", "POST /cluster/ha/resources", "resource", frozenset({"crm-state"})
)
_RULES: Final = Sections("ha-rules", "rule", "ha/rules.cfg", "POST /cluster/ha/rules", "ha rule")
_GROUPS: Final = Sections("ha-groups", "group", "ha/groups.cfg", "POST /cluster/ha/groups", "ha group")
_MIGRATED: Final = "cannot {} group: ha groups have been migrated to rules"


def _sid(call: Call) -> str:
    """The full sid: a bare number gets the prefix of its guest."""
    text = call.params.text("sid")
    if ":" in text:
        return text
    guest = call.cluster.guests.get(int(text))
    if guest is None:
        raise bad_parameter("sid", f"unable to determine type of '{text}' - no such guest")
    return ha_sid(guest)


def _resource(call: Call) -> tuple[str, dict[str, str]]:
    sid = _sid(call)
    found = ha.resources(call.cluster).get(sid)
    if found is None:
        raise ApiError(f"no such resource '{sid}'")
    return sid, found


def _row(call: Call, sid: str) -> Row:
    row = _RESOURCES.row(call, sid)
    row["type"] = sid.partition(":")[0]
    row.setdefault("state", "started")
    return row


@answers("GET /cluster/ha/resources")
def list_resources(call: Call) -> Answer:
    """Managed guests."""
    wanted = call.params.maybe("type")
    return [_row(call, sid) for sid in ha.resources(call.cluster) if wanted in (None, sid.partition(":")[0])]


@answers("GET /cluster/ha/resources/{sid}")
def get_resource(call: Call) -> Answer:
    """One managed guest."""
    return _row(call, _resource(call)[0])


@answers("POST /cluster/ha/resources")
def add_resource(call: Call) -> Answer:
    """Let the manager look after a guest."""
    sid = _sid(call)
    call.cluster.require_writable("ha/resources.cfg")
    if ha.guest_of(call.cluster, sid) is None:
        raise ApiError(f"unable to add resource '{sid}' - no such guest")
    if sid in ha.resources(call.cluster):
        raise ApiError(f"resource ID '{sid}' already defined")
    if "group" in call.params:
        _check_group(call)
    section = _RESOURCES.given(call, ("type",))
    state = _state(section.get("state", "started"))
    section["state"] = state
    ha.resources(call.cluster)[sid] = section
    ha.request(call.cluster, sid, state)
    return None


def _state(word: str) -> str:
    return "started" if word == "enabled" else word


def _check_group(call: Call) -> None:
    if not call.cluster.release.startswith("8"):
        raise bad_parameter("group", _MIGRATED.format("use").capitalize())
    if call.params.text("group") not in _GROUPS.all(call):
        raise ApiError(f"ha group '{call.params.text('group')}' does not exist")


@answers("PUT /cluster/ha/resources/{sid}")
def change_resource(call: Call) -> Answer:
    """Change what the manager shall do."""
    sid, section = _resource(call)
    call.cluster.require_writable("ha/resources.cfg")
    if call.params.maybe("digest") not in (None, _RESOURCES.digest(call)):
        raise ApiError("detected modified configuration - file changed by other user? Try again.")
    if "group" in call.params:
        _check_group(call)
    for name in call.params.words("delete"):
        section.pop(name, None)
    section.update(_RESOURCES.given(call))
    ha.request(call.cluster, sid, _state(section.get("state", "started")))
    return None


@answers("DELETE /cluster/ha/resources/{sid}")
def delete_resource(call: Call) -> Answer:
    """The manager lets go of the guest, which stays as it is."""
    sid, _ = _resource(call)
    call.cluster.require_writable("ha/resources.cfg")
    del ha.resources(call.cluster)[sid]
    if call.params.flag("purge", True):
        for rule in _RULES.all(call).values():
            rule["resources"] = ",".join(word for word in split_list(rule["resources"]) if word != sid)
        for name in [name for name, rule in _RULES.all(call).items() if not rule["resources"]]:
            del _RULES.all(call)[name]
    return None


@answers("POST /cluster/ha/resources/{sid}/migrate", "POST /cluster/ha/resources/{sid}/relocate")
def move(call: Call) -> Answer:
    """Ask the manager to move a guest: online, or by stopping it first."""
    sid, _ = _resource(call)
    cluster, node = call.cluster, call.params.text("node")
    cluster.require_quorum()
    cluster.require_node(node)
    ha.move(cluster, sid, node, online=call.method.template.endswith("migrate"))
    return None if cluster.release.startswith("8") else {"sid": sid, "requested-node": node}


# -- rules and groups -------------------------------------------------------------------------------------------------


@answers("GET /cluster/ha/rules")
def list_rules(call: Call) -> Answer:
    """Affinity rules."""
    kind, resource = call.params.maybe("type"), call.params.maybe("resource")
    rows: list[Row] = []
    for name, section in _RULES.all(call).items():
        if kind not in (None, section["type"]):
            continue
        if resource is None or resource in split_list(section["resources"]):
            rows.append(_RULES.row(call, name))
    return rows


@answers("GET /cluster/ha/rules/{rule}")
def get_rule(call: Call) -> Answer:
    """One rule."""
    _RULES.find(call)
    return _RULES.row(call, _RULES.ident(call))


def _check_rule(call: Call, section: dict[str, str]) -> None:
    kind = section["type"]
    foreign = {"node-affinity": ("affinity",), "resource-affinity": ("nodes", "strict")}[kind]
    for name in foreign:
        if name in call.params:
            raise bad_parameter(name, f"unexpected property '{name}'")
    for name in {"node-affinity": ("nodes",), "resource-affinity": ("affinity",)}[kind]:
        if name not in section:
            raise bad_parameter(name, f"missing value for required option '{name}'")
    for word in split_list(section.get("nodes")):
        if word.partition(":")[0] not in call.cluster.nodes:
            raise bad_parameter("nodes", f"no such cluster node '{word.partition(':')[0]}'")
    for word in split_list(section["resources"]):
        if word not in ha.resources(call.cluster):
            raise bad_parameter("resources", f"cannot use unmanaged resource(s) {word}.")
    if kind == "resource-affinity" and len(split_list(section["resources"])) < 2:
        raise bad_parameter("resources", "rule is ineffective as there are less than two resources")


@answers("POST /cluster/ha/rules")
def add_rule(call: Call) -> Answer:
    """A new rule."""
    if _RULES.ident(call) in _RULES.all(call):
        raise ApiError(f"HA rule '{_RULES.ident(call)}' already exists")
    _check_rule(call, _RULES.given(call))
    _RULES.add(call)
    return None


@answers("PUT /cluster/ha/rules/{rule}")
def change_rule(call: Call) -> Answer:
    """Change a rule; its type stays."""
    section = _RULES.find(call)
    if call.params.text("type") != section["type"]:
        raise bad_parameter("type", f"cannot change the type of a rule from '{section['type']}'")
    kept = {name: value for name, value in section.items() if name not in call.params.words("delete")}
    _check_rule(call, {**kept, **_RULES.given(call)})
    _RULES.change(call)
    return None


@answers("DELETE /cluster/ha/rules/{rule}")
def delete_rule(call: Call) -> Answer:
    """Delete a rule."""
    _RULES.remove(call)
    return None


def _groups_gone(call: Call, doing: str) -> None:
    if not call.cluster.release.startswith("8"):
        raise ApiError(_MIGRATED.format(doing))


@answers("GET /cluster/ha/groups")
def list_groups(call: Call) -> Answer:
    """Groups of nodes, on releases before 9."""
    _groups_gone(call, "index")
    return [{**_GROUPS.row(call, name), "type": "group"} for name in _GROUPS.all(call)]


@answers("GET /cluster/ha/groups/{group}")
def get_group(call: Call) -> Answer:
    """One group."""
    _groups_gone(call, "read")
    _GROUPS.find(call)
    return {**_GROUPS.row(call, _GROUPS.ident(call)), "type": "group"}


@answers("POST /cluster/ha/groups")
def add_group(call: Call) -> Answer:
    """A new group."""
    _groups_gone(call, "create")
    _GROUPS.add(call, ("type",))
    return None


@answers("PUT /cluster/ha/groups/{group}")
def change_group(call: Call) -> Answer:
    """Change a group."""
    _groups_gone(call, "update")
    _GROUPS.change(call)
    return None


@answers("DELETE /cluster/ha/groups/{group}")
def delete_group(call: Call) -> Answer:
    """Delete a group."""
    _groups_gone(call, "delete")
    _GROUPS.remove(call)
    return None


# -- state ------------------------------------------------------------------------------------------------------------


def _master(call: Call) -> str:
    return next(node.name for node in call.cluster.nodes.values() if node.online)


@answers("GET /cluster/ha/status/current")
def get_status(call: Call) -> Answer:
    """Quorum, manager, local managers and every managed guest."""
    cluster, quorate = call.cluster, call.cluster.quorate()
    now = int(cluster.now())
    used = bool(ha.resources(cluster))
    rows: list[Row] = [
        {
            "id": "quorum",
            "type": "quorum",
            "node": call.local_node,
            "status": "OK" if quorate else f"No quorum on node '{call.local_node}'!",
            "quorate": int(quorate),
        }
    ]
    if used:
        master = _master(call)
        row: Row = {
            "id": "master",
            "type": "master",
            "node": master,
            "status": f"{master} ({'active' if quorate else 'no quorum'})",
            "timestamp": now,
        }
        rows.append(row)
        for node in cluster.nodes.values():
            stamp = now if node.online else int(node.offline_since_s)
            active = any(
                (guest := ha.guest_of(cluster, sid)) is not None and guest.node == node.name
                for sid in ha.resources(cluster)
            )
            word = ("active" if active else "idle") if node.online else "old timestamp - dead?"
            rows.append(
                {
                    "id": f"lrm:{node.name}",
                    "type": "lrm",
                    "node": node.name,
                    "status": f"{node.name} ({word})",
                    "timestamp": stamp,
                }
            )
    rows += [_service_row(call, sid) for sid in ha.resources(cluster)]
    return rows


def _service_row(call: Call, sid: str) -> Row:
    section, guest = ha.resources(call.cluster)[sid], ha.guest_of(call.cluster, sid)
    state = section.get("crm-state", "ignored" if section.get("state") == "ignored" else "queued")
    node = guest.node if guest else ""
    row: Row = {
        "id": f"service:{sid}",
        "type": "service",
        "sid": sid,
        "node": node,
        "state": state,
        "crm_state": state,
        "request_state": section.get("state", "started"),
        "status": f"{sid} ({node}, {state})",
        "max_restart": int(section.get("max_restart", "1")),
        "max_relocate": int(section.get("max_relocate", "1")),
    }
    if not call.cluster.release.startswith("8"):
        row["failback"] = int(section.get("failback", "1"))
    return row


@answers("GET /cluster/ha/status/manager_status")
def get_manager_status(call: Call) -> Answer:
    """The manager's own notes."""
    cluster = call.cluster
    now = int(cluster.now())
    return {
        "manager_status": {
            "master_node": _master(call),
            "node_status": {node.name: "online" if node.online else "unknown" for node in cluster.nodes.values()},
            "service_status": {
                sid: {
                    "state": section.get("crm-state", "queued"),
                    "node": guest.node if (guest := ha.guest_of(cluster, sid)) else "",
                    "running": int(bool(guest and guest.running)),
                }
                for sid, section in ha.resources(cluster).items()
            },
            "timestamp": now,
        },
        "lrm_status": {
            node.name: {"mode": "active", "state": "active", "timestamp": now, "results": {}}
            for node in cluster.nodes.values()
            if node.online
        },
        "quorum": {"node": call.local_node, "quorate": str(int(cluster.quorate()))},
    }


@answers("POST /cluster/ha/status/disarm-ha")
def disarm(call: Call) -> Answer:
    """Stop the manager from acting."""
    call.cluster.require_writable("ha/crm_commands")
    call.cluster.options_hidden["ha-armed"] = f"disarmed {call.params.text('resource-mode')}"
    return None


@answers("POST /cluster/ha/status/arm-ha")
def arm(call: Call) -> Answer:
    """Let the manager act again."""
    call.cluster.require_writable("ha/crm_commands")
    call.cluster.options_hidden.pop("ha-armed", None)
    for sid in ha.resources(call.cluster):
        ha.settle(call.cluster, sid)
    return None

"""The cluster's own configuration: members, join information, totem (contract section 15.4)."""

from __future__ import annotations

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.firewall import digest_of
from holdfast.simulators.proxmox.values import Row


@answers("GET /cluster/config/nodes")
def list_nodes(call: Call) -> Answer:
    """Members as corosync knows them."""
    return [
        {"node": node.name, "name": node.name, "nodeid": str(node.number), "ring0_addr": node.ip, "quorum_votes": "1"}
        for node in call.cluster.nodes.values()
    ]


def _totem(call: Call) -> Row:
    return {
        "cluster_name": call.cluster.name,
        "config_version": str(len(call.cluster.nodes)),
        "interface": {"0": {"linknumber": "0"}},
        "ip_version": "ipv4-6",
        "link_mode": "passive",
        "secauth": "on",
        "version": "2",
    }


@answers("GET /cluster/config/totem")
def get_totem(call: Call) -> Answer:
    """Settings of the cluster protocol."""
    return _totem(call)


@answers("GET /cluster/config/join")
def get_join(call: Call) -> Answer:
    """What a node needs to join."""
    cluster = call.cluster
    if len(cluster.nodes) < 2:
        raise ApiError("node is not in a cluster, no join info available!")
    node = cluster.require_node(call.params.text("node", call.local_node))
    members: list[Row] = [
        {
            "name": one.name,
            "nodeid": str(one.number),
            "pve_addr": one.ip,
            "pve_fp": cluster.certificate(one).fingerprint,
            "quorum_votes": "1",
            "ring0_addr": one.ip,
        }
        for one in cluster.nodes.values()
    ]
    return {
        "nodelist": members,
        "preferred_node": node.name,
        "totem": _totem(call),
        "config_digest": digest_of([one.name for one in cluster.nodes.values()]),
    }


@answers("GET /cluster/config/qdevice")
def get_qdevice(call: Call) -> Answer:
    """No quorum device is configured."""
    return {}


@answers("GET /cluster/config/apiversion")
def get_api_version(call: Call) -> Answer:
    """Version of the join protocol."""
    return 1


@answers("POST /cluster/config", "POST /cluster/config/join")
def refuse_change(call: Call) -> Answer:
    """The contacted node is in a cluster already."""
    raise ApiError(
        "detected the following error(s):\n"
        "* authentication key '/etc/corosync/authkey' already exists\n"
        "* cluster config '/etc/pve/corosync.conf' already exists"
    )


@answers("POST /cluster/config/nodes/{node}")
def add_member(call: Call) -> Answer:
    """Prepare a new member: the key and configuration of the real one are never made up here."""
    name = call.params.text("node")
    if name in call.cluster.nodes:
        raise ApiError(f"can't add existing node '{name}'")
    raise ApiError(f"error adding node '{name}': unable to reach '{call.params.text('new_node_ip', name)}'")


@answers("DELETE /cluster/config/nodes/{node}")
def delete_member(call: Call) -> Answer:
    """Remove a member that is off."""
    cluster, name = call.cluster, call.params.text("node")
    if name not in cluster.nodes:
        raise ApiError(f"Node/IP: {name} is not a known host of the cluster.")
    if name == call.local_node:
        raise ApiError("Cannot delete myself from cluster!")
    if cluster.nodes[name].online:
        raise ApiError(f"cluster node '{name}' is still online")
    cluster.require_quorum()
    cluster.require_writable("corosync.conf")
    if any(guest.node == name for guest in cluster.guests.values()):
        for guest in [one for one in cluster.guests.values() if one.node == name]:
            cluster.forget_guest(guest)
    del cluster.nodes[name]
    return None

"""One of everything, made through the API itself, and the paths under which it can then be read."""

from __future__ import annotations

from typing import Any, Final

from tests.simulators.proxmox.bench import Bench

OLD_ONLY: Final = frozenset({"8.4"})

# Values of path placeholders and of required parameters, by endpoint prefix, longest first.
_VALUES: Final[dict[str, dict[str, str]]] = {
    "/cluster/acme/plugins": {"id": "standalone"},
    "/cluster/backup": {"id": "nightly"},
    "/cluster/ceph": {"flag": "noout"},
    "/cluster/firewall/aliases": {"name": "office"},
    "/cluster/firewall/groups": {"group": "web", "pos": "0"},
    "/cluster/firewall/ipset": {"name": "friends", "cidr": "192.0.2.0/24"},
    "/cluster/firewall/rules": {"pos": "0"},
    "/cluster/ha/resources": {"sid": "vm:110"},
    "/cluster/ha/rules": {"rule": "prefer"},
    "/cluster/ha/groups": {"group": "prefer"},
    "/cluster/jobs/realm-sync": {"id": "sync1"},
    "/cluster/jobs/schedule-analyze": {"schedule": "mon..fri 02:30"},
    "/cluster/mapping/dir": {"id": "share"},
    "/cluster/mapping/pci": {"id": "gpu"},
    "/cluster/mapping/usb": {"id": "dongle"},
    "/cluster/metrics/server": {"id": "graph"},
    "/cluster/notifications/endpoints/gotify": {"name": "push"},
    "/cluster/notifications/endpoints/sendmail": {"name": "mail"},
    "/cluster/notifications/endpoints/smtp": {"name": "relay"},
    "/cluster/notifications/endpoints/webhook": {"name": "hook"},
    "/cluster/notifications/matchers": {"name": "all"},
    "/cluster/replication": {"id": "130-0"},
    "/cluster/sdn/controllers": {"controller": "evpn1"},
    "/cluster/sdn/dns": {"dns": "power"},
    "/cluster/sdn/dry-run": {"node": "pve1"},
    "/cluster/sdn/fabrics": {"id": "fab", "fabric_id": "fab", "node_id": "pve1"},
    "/cluster/sdn/ipams": {"ipam": "pve"},
    "/cluster/sdn/vnets": {"vnet": "vnet1", "subnet": "zone1-10.9.0.0-24", "pos": "0"},
    "/cluster/sdn/zones": {"zone": "zone1"},
    "/access/domains": {"realm": "corp"},
    "/access/groups": {"groupid": "operators"},
    "/access/roles": {"roleid": "Restarter"},
    "/access/tfa": {"userid": "tess@pve", "id": "recovery"},
    "/access/users": {"userid": "tess@pve", "tokenid": "ci"},
    "/pools": {"poolid": "core"},
    "/storage": {"storage": "local"},
    "/nodes/{node}/apt/changelog": {"name": "qemu-server"},
    "/nodes/{node}/ceph": {
        "osdid": "0",
        "name": "rbd",
        "config-keys": "global:fsid",
        "service": "osd",
        "action": "stop",
        "id": "0",
    },
    "/nodes/{node}/disks/smart": {"disk": "/dev/sdb"},
    "/nodes/{node}/disks/zfs": {"name": "fast"},
    "/nodes/{node}/firewall": {"pos": "0"},
    "/nodes/{node}/hardware/pci": {"pci-id-or-mapping": "0000:af:00.0"},
    "/nodes/{node}/lxc": {"vmid": "112"},
    "/nodes/{node}/network": {"iface": "vmbr0"},
    "/nodes/{node}/qemu": {"vmid": "110"},
    "/nodes/{node}/query-url-metadata": {"url": "https://images.example/x.iso"},
    "/nodes/{node}/query-oci-repo-tags": {"reference": "registry.example/app"},
    "/nodes/{node}/replication": {"id": "130-0"},
    "/nodes/{node}/scan/lvmthin": {"vg": "pve"},
    "/nodes/{node}/scan/nfs": {"server": "10.20.0.14"},
    "/nodes/{node}/sdn/fabrics": {"fabric": "fab"},
    "/nodes/{node}/sdn/vnets": {"vnet": "evnet"},
    "/nodes/{node}/sdn/zones": {"zone": "evpnz"},
    "/nodes/{node}/services": {"service": "cron"},
    "/nodes/{node}/storage": {"storage": "local"},
}
_COMMON: Final = {
    "node": "pve2",
    "snapname": "before",
    "timeframe": "hour",
    "ds": "cpu",
    "feature": "clone",
    "pos": "0",
    "name": "office",
    "cidr": "192.0.2.0/24",
    "pid": "0",
    "file": "/etc/hostname",
    "type": "user",
    "authid": "ops@pve",
}


def value_for(template: str, name: str) -> str | None:
    """What a placeholder or required parameter of an endpoint is set to, if this furnishing has something."""
    for prefix in sorted(_VALUES, key=len, reverse=True):
        if template.startswith(prefix) and name in _VALUES[prefix]:
            return _VALUES[prefix][name]
    return _COMMON.get(name)


# What has to be asked for by root with a ticket, and everything else made by the operator's token.
_STEPS: Final[list[tuple[str, str, dict[str, Any]]]] = [
    (
        "POST",
        "/nodes/pve2/disks/zfs",
        {"name": "fast", "raidlevel": "mirror", "devices": "/dev/sdb,/dev/sdc", "add_storage": 1},
    ),
    ("PUT", "/storage/fast", {"nodes": "pve1,pve2"}),
    ("POST", "/nodes/pve2/qemu", {"vmid": 130, "name": "replicated", "scsi0": "fast:1", "net0": "virtio,bridge=vmbr0"}),
    ("POST", "/cluster/replication", {"id": "130-0", "type": "local", "target": "pve1"}),
    ("POST", "/pools", {"poolid": "core", "comment": "the core"}),
    ("PUT", "/pools", {"poolid": "core", "vms": "110,112", "storage": "local"}),
    ("POST", "/access/users", {"userid": "tess@pve", "password": "correct-horse", "groups": "operators"}),
    ("POST", "/access/users/tess@pve/token/ci", {"comment": "pipeline"}),
    ("POST", "/access/roles", {"roleid": "Restarter", "privs": "VM.PowerMgmt,VM.Audit"}),
    ("PUT", "/access/acl", {"path": "/vms/110", "roles": "Restarter", "users": "tess@pve"}),
    (
        "POST",
        "/access/domains",
        {"realm": "corp", "type": "ldap", "server1": "ldap.example", "base_dn": "dc=x", "user_attr": "uid"},
    ),
    ("POST", "/cluster/jobs/realm-sync/sync1", {"realm": "corp", "schedule": "daily"}),
    ("POST", "/cluster/firewall/aliases", {"name": "office", "cidr": "192.0.2.10"}),
    ("POST", "/cluster/firewall/ipset", {"name": "friends", "comment": "let in"}),
    ("POST", "/cluster/firewall/ipset/friends", {"cidr": "192.0.2.0/24"}),
    ("POST", "/cluster/firewall/groups", {"group": "web"}),
    ("POST", "/cluster/firewall/groups/web", {"type": "in", "action": "ACCEPT", "macro": "HTTPS", "enable": 1}),
    (
        "POST",
        "/cluster/firewall/rules",
        {"type": "in", "action": "ACCEPT", "proto": "tcp", "dport": "8006", "source": "+friends"},
    ),
    ("POST", "/nodes/pve2/firewall/rules", {"type": "in", "action": "DROP"}),
    ("POST", "/cluster/ha/resources", {"sid": "vm:110", "state": "stopped"}),
    ("POST", "/cluster/mapping/dir", {"id": "share", "map": ["node=pve1,path=/srv"]}),
    ("POST", "/cluster/mapping/pci", {"id": "gpu", "map": ["node=pve2,path=0000:af:00.0,id=10de:25b6"]}),
    ("POST", "/cluster/mapping/usb", {"id": "dongle", "map": ["node=pve2,id=0624:0248"]}),
    ("POST", "/cluster/metrics/server/graph", {"type": "graphite", "server": "10.20.0.9", "port": 2003}),
    ("POST", "/cluster/notifications/endpoints/sendmail", {"name": "mail", "mailto": ["ops@rack.example"]}),
    (
        "POST",
        "/cluster/notifications/endpoints/gotify",
        {"name": "push", "server": "https://push.example", "token": "t"},
    ),
    (
        "POST",
        "/cluster/notifications/endpoints/smtp",
        {"name": "relay", "server": "mx", "from-address": "a@b.example", "mailto": ["c@d.example"]},
    ),
    (
        "POST",
        "/cluster/notifications/endpoints/webhook",
        {"name": "hook", "method": "post", "url": "https://hook.example"},
    ),
    ("POST", "/cluster/notifications/matchers", {"name": "all", "target": ["mail"]}),
    ("POST", "/cluster/backup", {"id": "nightly", "schedule": "sat 03:00", "storage": "nas-backup", "all": 1}),
    ("POST", "/cluster/sdn/controllers", {"controller": "evpn1", "type": "evpn", "asn": 65000, "peers": "10.20.0.11"}),
    ("POST", "/cluster/sdn/ipams", {"ipam": "pve", "type": "pve"}),
    ("POST", "/cluster/sdn/dns", {"dns": "power", "type": "powerdns", "key": "k", "url": "https://dns.example"}),
    ("POST", "/cluster/sdn/zones", {"zone": "zone1", "type": "simple"}),
    ("POST", "/cluster/sdn/zones", {"zone": "evpnz", "type": "evpn", "controller": "evpn1", "vrf-vxlan": 10}),
    ("POST", "/cluster/sdn/vnets", {"vnet": "vnet1", "zone": "zone1"}),
    ("POST", "/cluster/sdn/vnets", {"vnet": "evnet", "zone": "evpnz", "tag": 11}),
    ("POST", "/cluster/sdn/vnets/vnet1/subnets", {"subnet": "10.9.0.0/24", "type": "subnet", "gateway": "10.9.0.1"}),
    ("POST", "/nodes/pve2/qemu/110/firewall/aliases", {"name": "office", "cidr": "192.0.2.11"}),
    ("POST", "/nodes/pve2/qemu/110/firewall/ipset", {"name": "office"}),
    ("POST", "/nodes/pve2/qemu/110/firewall/ipset/office", {"cidr": "192.0.2.0/24"}),
    ("POST", "/nodes/pve2/qemu/110/firewall/rules", {"type": "in", "action": "ACCEPT"}),
    ("POST", "/nodes/pve2/lxc/112/firewall/aliases", {"name": "office", "cidr": "192.0.2.12"}),
    ("POST", "/nodes/pve2/lxc/112/firewall/ipset", {"name": "office"}),
    ("POST", "/nodes/pve2/lxc/112/firewall/ipset/office", {"cidr": "192.0.2.0/24"}),
    ("POST", "/nodes/pve2/lxc/112/firewall/rules", {"type": "in", "action": "ACCEPT"}),
    ("POST", "/nodes/pve2/qemu/110/snapshot", {"snapname": "before", "description": "as it was"}),
    ("POST", "/nodes/pve2/lxc/112/snapshot", {"snapname": "before"}),
    ("POST", "/nodes/pve2/vzdump", {"vmid": "110", "storage": "nas-backup"}),
]
_NEW: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("POST", "/cluster/ha/rules", {"rule": "prefer", "type": "node-affinity", "resources": "vm:110", "nodes": "pve2"}),
    ("POST", "/cluster/sdn/fabrics/fabric", {"id": "fab", "protocol": "openfabric", "ip_prefix": "10.8.0.0/24"}),
    (
        "POST",
        "/cluster/sdn/fabrics/node/fab",
        {"node_id": "pve1", "protocol": "openfabric", "interfaces": ["name=eno2"], "ip": "10.8.0.1"},
    ),
    ("POST", "/cluster/sdn/vnets/vnet1/firewall/rules", {"type": "forward", "action": "ACCEPT"}),
]
_OLD: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("POST", "/cluster/ha/groups", {"group": "prefer", "nodes": "pve2"}),
    ("POST", "/cluster/sdn/vnets/vnet1/firewall/rules", {"type": "forward", "action": "ACCEPT"}),
]


async def furnish(bench: Bench) -> None:
    """Make one of everything; every task must end well."""
    bench.sim.install_ceph()
    for verb, path, form in [*_STEPS, *(_OLD if bench.sim.persona == "8.4" else _NEW)]:
        answer = await bench.do(verb, path, form)
        if isinstance(answer, str) and answer.startswith("UPID:"):
            assert await bench.finished(answer) == "OK", f"{verb} {path}"
    root = await bench.root()
    await bench.do("POST", "/access/tfa/tess@pve", {"type": "recovery", "description": "paper"}, headers=root)
    await bench.do("PUT", "/cluster/sdn", {})
    bench.clock.advance(5)

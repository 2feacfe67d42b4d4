"""A tour through every write of the API: what is sent, and how it ends.

`DONE` means 200 and, for a task, the exit status OK; a text that starts with `task: ` is another exit status; any other
text is part of the refusal's reason, after its status.
"""

from __future__ import annotations

from typing import Any, Final

DONE: Final = "done"
Step = tuple[str, str, dict[str, Any], str]

_VM: Final = "/nodes/pve2/qemu/110"
_CT: Final = "/nodes/pve2/lxc/112"
_WEB: Final = "/nodes/pve1/qemu/101"
_DNS: Final = "/nodes/pve1/lxc/103"
_NOTIFY: Final = "/cluster/notifications"
_SDN: Final = "/cluster/sdn"
_CEPH: Final = "/nodes/pve2/ceph"
_ISO: Final = "local:iso/debian-13.1.0-amd64-netinst.iso"
_TEMPLATE: Final = "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst"
_REMOTE: Final = {
    "target-endpoint": "host=10.0.0.1,apitoken=PVEAPIToken=a@pve!b=c",
    "target-bridge": "vmbr0",
    "target-storage": "local",
}
_GONE: Final = "500 ha groups have been migrated to rules"


def _firewall(base: str) -> list[Step]:
    """Rules and options of one scope."""
    return [
        ("POST", f"{base}/rules", {"type": "in", "action": "DROP", "comment": "tour"}, DONE),
        ("PUT", f"{base}/rules/0", {"enable": 1}, DONE),
        ("DELETE", f"{base}/rules/0", {}, DONE),
        ("PUT", f"{base}/options", {"policy_in": "DROP"} if base != "/nodes/pve2/firewall" else {"enable": 1}, DONE),
    ]


def _sets(base: str) -> list[Step]:
    """Aliases and IP sets of one scope."""
    return [
        ("POST", f"{base}/aliases", {"name": "tour", "cidr": "192.0.2.7"}, DONE),
        ("PUT", f"{base}/aliases/tour", {"cidr": "192.0.2.8", "rename": "tour2"}, DONE),
        ("DELETE", f"{base}/aliases/tour2", {}, DONE),
        ("POST", f"{base}/ipset", {"name": "tour"}, DONE),
        ("POST", f"{base}/ipset/tour", {"cidr": "198.51.100.0/24"}, DONE),
        ("PUT", f"{base}/ipset/tour/198.51.100.0%2F24", {"comment": "x"}, DONE),
        ("DELETE", f"{base}/ipset/tour", {}, "500 IPSet 'tour' is not empty"),
        ("DELETE", f"{base}/ipset/tour/198.51.100.0%2F24", {}, DONE),
        ("DELETE", f"{base}/ipset/tour", {}, DONE),
    ]


def _endpoint(kind: str, name: str, change: dict[str, Any], new: dict[str, Any]) -> list[Step]:
    base = f"{_NOTIFY}/endpoints/{kind}"
    return [
        ("POST", base, {"name": "tour", **new}, DONE),
        ("PUT", f"{base}/{name}", change, DONE),
        ("DELETE", f"{base}/tour", {}, DONE),
    ]


ACCESS: Final[list[Step]] = [
    ("POST", "/access/ticket", {"username": "root@pam", "password": "wrong"}, "401 authentication failure"),
    ("POST", "/access/openid/auth-url", {"realm": "corp", "redirect-url": "https://x"}, "500 wrong realm type"),
    ("POST", "/access/openid/login", {"code": "a", "state": "b", "redirect-url": "https://x"}, "500 wrong realm type"),
    ("PUT", "/access/password", {"userid": "tess@pve", "password": "correct-horse-2"}, DONE),
    ("POST", "/access/groups", {"groupid": "tour"}, DONE),
    ("PUT", "/access/groups/tour", {"comment": "x"}, DONE),
    ("PUT", "/access/acl", {"path": "/vms", "roles": "PVEAuditor", "groups": "tour"}, DONE),
    ("DELETE", "/access/groups/tour", {}, DONE),
    ("PUT", "/access/users/tess@pve", {"comment": "x"}, DONE),
    ("PUT", "/access/users/tess@pve/token/ci", {"comment": "y"}, DONE),
    ("PUT", "/access/users/tess@pve/unlock-tfa", {}, DONE),
    ("POST", "/access/users/tess@pve/token/tour", {}, DONE),
    ("DELETE", "/access/users/tess@pve/token/tour", {}, DONE),
    ("POST", "/access/tfa/ops@pve", {"type": "recovery"}, DONE),
    ("PUT", "/access/tfa/ops@pve/recovery", {"enable": 0}, DONE),
    ("DELETE", "/access/tfa/ops@pve/recovery", {}, DONE),
    ("POST", "/access/roles", {"roleid": "Tour", "privs": "VM.Audit"}, DONE),
    ("PUT", "/access/roles/Tour", {"privs": "VM.Console", "append": 1}, DONE),
    ("PUT", "/access/roles/PVEAdmin", {"privs": "VM.Console"}, "500 update role failed: auto-generated role"),
    ("DELETE", "/access/roles/Tour", {}, DONE),
    (
        "POST",
        "/access/domains/corp/sync",
        {"scope": "both"},
        "task: Connect to 'ldap.example' failed: Connection timed out",
    ),
    ("PUT", "/access/domains/corp", {"comment": "x"}, DONE),
    ("POST", "/access/domains", {"realm": "tour", "type": "openid", "issuer-url": "https://i", "client-id": "c"}, DONE),
    ("DELETE", "/access/domains/tour", {}, DONE),
    ("DELETE", "/access/domains/pam", {}, "500 delete auth server failed"),
    ("POST", "/access/users", {"userid": "tour@pve"}, DONE),
    ("POST", "/access/users", {"userid": "tour@pve"}, "500 create user failed: user 'tour@pve' already exists"),
    ("DELETE", "/access/users/tour@pve", {}, DONE),
    ("DELETE", "/access/users/tour@pve", {}, "500 no such user ('tour@pve')"),
    ("POST", "/pools", {"poolid": "tour"}, DONE),
    ("PUT", "/pools/tour", {"comment": "x"}, DONE),
    ("DELETE", "/pools/tour", {}, DONE),
    ("PUT", "/pools", {"poolid": "core", "comment": "y"}, DONE),
    ("DELETE", "/pools", {"poolid": "core"}, "500 delete pool failed: pool 'core' is not empty (contains VMs)"),
]

CLUSTER: Final[list[Step]] = [
    ("PUT", "/cluster/options", {"description": "x", "migration": "type=insecure"}, DONE),
    ("POST", "/cluster/acme/account", {"contact": "a@b.example"}, "500 GET to https://acme-v02"),
    ("PUT", "/cluster/acme/account/default", {}, "500 ACME account config file 'default' does not exist"),
    ("DELETE", "/cluster/acme/account/default", {}, "500 ACME account config file 'default' does not exist"),
    ("POST", "/cluster/acme/plugins", {"id": "tour", "type": "dns", "api": "cf"}, DONE),
    ("PUT", "/cluster/acme/plugins/tour", {"disable": 1}, DONE),
    ("DELETE", "/cluster/acme/plugins/tour", {}, DONE),
    ("PUT", "/cluster/backup/nightly", {"enabled": 0, "prune-backups": "keep-last=3"}, DONE),
    ("POST", "/cluster/backup", {"schedule": "daily", "storage": "nas-backup", "vmid": "110", "id": "tour"}, DONE),
    ("DELETE", "/cluster/backup/tour", {}, DONE),
    ("POST", "/cluster/config", {"clustername": "x"}, "500 detected the following error(s):"),
    (
        "POST",
        "/cluster/config/join",
        {"hostname": "x", "password": "y", "fingerprint": ":".join(["AA"] * 32)},
        "500 detected the",
    ),
    ("POST", "/cluster/config/nodes/new1", {}, "500 error adding node 'new1'"),
    ("POST", "/cluster/config/nodes/pve1", {}, "500 can't add existing node 'pve1'"),
    ("DELETE", "/cluster/config/nodes/pve1", {}, "500 Cannot delete myself from cluster!"),
    *_firewall("/cluster/firewall"),
    *_sets("/cluster/firewall"),
    ("POST", "/cluster/firewall/groups", {"group": "tour"}, DONE),
    ("POST", "/cluster/firewall/groups/tour", {"type": "in", "action": "ACCEPT"}, DONE),
    ("PUT", "/cluster/firewall/groups/tour/0", {"enable": 1}, DONE),
    ("DELETE", "/cluster/firewall/groups/tour/0", {}, DONE),
    ("DELETE", "/cluster/firewall/groups/tour", {}, DONE),
    ("PUT", "/cluster/ha/resources/vm:110", {"comment": "x"}, DONE),
    ("POST", "/cluster/ha/resources/vm:110/migrate", {"node": "pve1"}, DONE),
    ("POST", "/cluster/ha/resources/vm:110/relocate", {"node": "pve2"}, DONE),
    ("POST", "/cluster/ha/resources", {"sid": "ct:112", "state": "ignored"}, DONE),
    ("DELETE", "/cluster/ha/resources/ct:112", {}, DONE),
    ("PUT", "/cluster/jobs/realm-sync/sync1", {"schedule": "weekly"}, DONE),
    ("DELETE", "/cluster/jobs/realm-sync/sync1", {}, DONE),
    ("POST", "/cluster/jobs/realm-sync/sync1", {"schedule": "daily", "realm": "corp"}, DONE),
    ("PUT", "/cluster/mapping/dir/share", {"description": "x"}, DONE),
    ("PUT", "/cluster/mapping/pci/gpu", {"description": "x"}, DONE),
    ("PUT", "/cluster/mapping/usb/dongle", {"description": "x", "map": ["node=pve1,id=0624:0248"]}, DONE),
    ("DELETE", "/cluster/mapping/dir/share", {}, DONE),
    ("DELETE", "/cluster/mapping/pci/gpu", {}, DONE),
    ("DELETE", "/cluster/mapping/usb/dongle", {}, DONE),
    ("POST", "/cluster/mapping/dir", {"id": "share", "map": ["node=pve1,path=/srv"]}, DONE),
    (
        "POST",
        "/cluster/mapping/pci",
        {"id": "gpu", "map": ["node=pve9,path=0000:af:00.0,id=10de:25b6"]},
        "400 Parameter",
    ),
    ("POST", "/cluster/mapping/usb", {"id": "dongle", "map": ["node=pve2,id=0624:0248"]}, DONE),
    ("PUT", "/cluster/metrics/server/graph", {"server": "10.20.0.8", "port": 2004}, DONE),
    ("DELETE", "/cluster/metrics/server/graph", {}, DONE),
    ("POST", "/cluster/metrics/server/graph", {"server": "10.20.0.8", "port": 2004, "type": "graphite"}, DONE),
    *_endpoint("sendmail", "mail", {"comment": "x"}, {"mailto": ["a@b.example"]}),
    *_endpoint("gotify", "push", {"comment": "x"}, {"server": "https://p", "token": "t"}),
    *_endpoint(
        "smtp", "relay", {"comment": "x"}, {"server": "mx", "from-address": "a@b.example", "mailto": ["c@d.example"]}
    ),
    *_endpoint("webhook", "hook", {"comment": "x"}, {"method": "put", "url": "https://h"}),
    ("PUT", f"{_NOTIFY}/matchers/all", {"mode": "any"}, DONE),
    ("DELETE", f"{_NOTIFY}/endpoints/sendmail/mail", {}, "500 cannot delete 'mail', referenced by: all"),
    ("POST", f"{_NOTIFY}/matchers", {"name": "tour", "target": ["absent"]}, "500 could not notify, target 'absent'"),
    ("DELETE", f"{_NOTIFY}/matchers/all", {}, DONE),
    ("POST", f"{_NOTIFY}/targets/mail/test", {}, DONE),
    ("POST", f"{_NOTIFY}/targets/push/test", {}, "500 could not notify via target 'push'"),
    ("PUT", "/cluster/replication/130-0", {"schedule": "*/30"}, DONE),
    ("POST", "/nodes/pve2/replication/130-0/schedule_now", {}, DONE),
    ("DELETE", "/cluster/replication/130-0", {}, DONE),
    (
        "POST",
        "/cluster/replication",
        {"id": "110-0", "target": "pve9", "type": "local"},
        "500 no such cluster node 'pve9'",
    ),
]

SDN: Final[list[Step]] = [
    ("PUT", f"{_SDN}/controllers/evpn1", {"asn": 65001}, DONE),
    ("DELETE", f"{_SDN}/controllers/evpn1", {}, "500 delete sdn controller object failed"),
    ("POST", f"{_SDN}/controllers", {"controller": "tour", "type": "bgp", "asn": 1, "peers": "10.0.0.1"}, DONE),
    ("DELETE", f"{_SDN}/controllers/tour", {}, DONE),
    ("PUT", f"{_SDN}/dns/power", {"ttl": 60}, DONE),
    ("DELETE", f"{_SDN}/dns/power", {}, DONE),
    ("PUT", f"{_SDN}/ipams/pve", {"url": "https://x"}, DONE),
    ("DELETE", f"{_SDN}/ipams/pve", {}, DONE),
    ("PUT", f"{_SDN}/zones/zone1", {"mtu": 1400}, DONE),
    ("PUT", f"{_SDN}/vnets/vnet1", {"alias": "x"}, DONE),
    ("PUT", f"{_SDN}/vnets/vnet1/subnets/zone1-10.9.0.0-24", {"snat": 1}, DONE),
    ("POST", f"{_SDN}/vnets/vnet1/ips", {"zone": "zone1", "ip": "10.9.0.5"}, DONE),
    ("PUT", f"{_SDN}/vnets/vnet1/ips", {"zone": "zone1", "ip": "10.9.0.5", "mac": "BC:24:11:00:00:01"}, DONE),
    ("DELETE", f"{_SDN}/vnets/vnet1/ips", {"zone": "zone1", "ip": "10.9.0.5"}, DONE),
    ("DELETE", f"{_SDN}/zones/zone1", {}, "500 delete sdn zone object failed: zone zone1 is used by vnet vnet1"),
    ("DELETE", f"{_SDN}/vnets/vnet1", {}, "500 delete sdn vnet object failed: Can't delete vnet if subnet"),
    *_firewall(f"{_SDN}/vnets/vnet1/firewall")[:3],
    ("PUT", f"{_SDN}/vnets/vnet1/firewall/options", {"enable": 1}, DONE),
    ("DELETE", f"{_SDN}/vnets/vnet1/subnets/zone1-10.9.0.0-24", {}, DONE),
    ("DELETE", f"{_SDN}/vnets/vnet1", {}, DONE),
    ("DELETE", f"{_SDN}/zones/zone1", {}, DONE),
    ("POST", f"{_SDN}/vnets", {"vnet": "tour", "zone": "absent"}, "500 create sdn vnet object failed"),
]
SDN_9: Final[list[Step]] = [
    (
        "POST",
        "/access/vncticket",
        {"authid": "a@pve", "path": "/", "privs": "VM.Console", "vncticket": "y"},
        "401 authentication failure",
    ),
    ("POST", f"{_SDN}/lock", {}, "500 configuration has pending changes!"),
    ("POST", f"{_SDN}/rollback", {}, DONE),
    ("POST", f"{_SDN}/lock", {}, DONE),
    ("PUT", f"{_SDN}/zones/zone1", {"mtu": 1401}, "500 invalid lock token provided!"),
    ("DELETE", f"{_SDN}/lock", {"force": 1}, DONE),
    (
        "POST",
        f"{_SDN}/fabrics/fabric",
        {"id": "tour", "protocol": "ospf", "ip_prefix": "10.7.0.0/24", "area": "0"},
        DONE,
    ),
    ("PUT", f"{_SDN}/fabrics/fabric/tour", {"protocol": "ospf", "area": "1", "delete": []}, "400 Parameter"),
    ("PUT", f"{_SDN}/fabrics/fabric/tour", {"protocol": "ospf", "ip6_prefix": "fd00::/64", "delete": ["area"]}, DONE),
    ("POST", f"{_SDN}/fabrics/node/tour", {"node_id": "pve2", "protocol": "ospf", "interfaces": ["name=eno2"]}, DONE),
    ("PUT", f"{_SDN}/fabrics/node/tour/pve2", {"protocol": "ospf", "interfaces": ["name=eno1"]}, DONE),
    ("DELETE", f"{_SDN}/fabrics/fabric/tour", {}, "500 fabric 'tour' still has nodes"),
    ("DELETE", f"{_SDN}/fabrics/node/tour/pve2", {}, DONE),
    ("DELETE", f"{_SDN}/fabrics/fabric/tour", {}, DONE),
    ("PUT", "/cluster/ha/rules/prefer", {"type": "node-affinity", "nodes": "pve1"}, DONE),
    ("DELETE", "/cluster/ha/rules/prefer", {}, DONE),
    (
        "POST",
        "/cluster/ha/rules",
        {"rule": "tour", "type": "resource-affinity", "resources": "vm:110"},
        "400 Parameter",
    ),
    ("POST", "/cluster/ha/status/disarm-ha", {"resource-mode": "freeze"}, DONE),
    ("POST", "/cluster/ha/status/arm-ha", {}, DONE),
    ("POST", "/cluster/ha/groups", {"group": "tour", "nodes": "pve1"}, "500 cannot create group: ha groups have been"),
    ("PUT", "/cluster/ha/groups/tour", {}, "500 cannot update group: ha groups have been"),
    ("DELETE", "/cluster/ha/groups/tour", {}, "500 cannot delete group: ha groups have been"),
    ("POST", "/nodes/pve2/storage/local/oci-registry-pull", {"reference": "registry.example/app:1"}, DONE),
    ("POST", f"{_WEB}/dbus-vmstate", {"action": "start"}, DONE),
    ("POST", "/cluster/bulk-action/guest/suspend", {"vms": [102]}, DONE),
    ("POST", "/cluster/bulk-action/guest/start", {"vms": [102]}, DONE),
    ("POST", "/cluster/bulk-action/guest/shutdown", {"vms": [102]}, DONE),
    ("POST", "/cluster/bulk-action/guest/migrate", {"vms": [102], "target": "pve2"}, DONE),
]
SDN_8: Final[list[Step]] = [
    ("POST", "/cluster/ha/groups", {"group": "tour", "nodes": "pve1"}, DONE),
    ("PUT", "/cluster/ha/groups/tour", {"nodes": "pve1,pve2"}, DONE),
    ("DELETE", "/cluster/ha/groups/tour", {}, DONE),
]

NODE: Final[list[Step]] = [
    (
        "POST",
        "/nodes/pve2/aplinfo",
        {"storage": "local", "template": "alpine-3.22-default_20250617_amd64.tar.xz"},
        DONE,
    ),
    ("POST", "/nodes/pve2/aplinfo", {"storage": "local", "template": "absent"}, "500 no such template"),
    ("POST", "/nodes/pve2/apt/update", {}, DONE),
    ("PUT", "/nodes/pve2/apt/repositories", {"handle": "test"}, DONE),
    (
        "POST",
        "/nodes/pve2/apt/repositories",
        {"path": "/etc/apt/sources.list.d/proxmox.sources", "index": 1, "enabled": 0},
        DONE,
    ),
    ("PUT", "/nodes/pve2/config", {"description": "x"}, DONE),
    ("POST", "/nodes/pve2/certificates/acme/certificate", {}, "500 No domains configured for this node"),
    ("PUT", "/nodes/pve2/certificates/acme/certificate", {}, "500 No domains configured for this node"),
    ("DELETE", "/nodes/pve2/certificates/acme/certificate", {}, "500 No domains configured for this node"),
    ("DELETE", "/nodes/pve2/certificates/custom", {}, DONE),
    ("PUT", "/nodes/pve2/dns", {"search": "rack.example", "dns1": "10.20.0.1"}, DONE),
    ("PUT", "/nodes/pve2/time", {"timezone": "Europe/Vienna"}, DONE),
    ("POST", "/nodes/pve2/hosts", {"data": "127.0.0.1 localhost\n"}, DONE),
    (
        "POST",
        "/nodes/pve2/execute",
        {"commands": '[{"method":"GET","path":"version"},{"method":"GET","path":"absent"}]'},
        DONE,
    ),
    *_firewall("/nodes/pve2/firewall"),
    ("POST", "/nodes/pve2/network", {"iface": "vmbr1", "type": "bridge", "bridge_ports": "eno2", "autostart": 1}, DONE),
    ("PUT", "/nodes/pve2/network/vmbr1", {"type": "bridge", "cidr": "10.30.0.2/24"}, DONE),
    ("DELETE", "/nodes/pve2/network/vmbr1", {}, DONE),
    ("DELETE", "/nodes/pve2/network", {}, DONE),
    ("PUT", "/nodes/pve2/network", {}, DONE),
    *(("POST", f"/nodes/pve2/services/cron/{word}", {}, DONE) for word in ("stop", "start", "restart", "reload")),
    ("POST", "/nodes/pve2/services/ksmtuned/start", {}, "task: command 'systemctl start ksmtuned' failed: exit code 5"),
    ("POST", "/nodes/pve2/subscription", {}, "500 no subscription key set"),
    ("PUT", "/nodes/pve2/subscription", {"key": "pve2c-1234567890"}, DONE),
    ("DELETE", "/nodes/pve2/subscription", {}, DONE),
    ("POST", "/nodes/pve2/termproxy", {}, "task: connection timed out"),
    ("POST", "/nodes/pve2/vncshell", {}, "task: connection timed out"),
    ("POST", "/nodes/pve2/spiceshell", {}, DONE),
    ("POST", "/nodes/pve3/wakeonlan", {}, "500 No wake on LAN MAC address defined"),
    ("POST", "/nodes/pve2/disks/initgpt", {"disk": "/dev/sdd"}, DONE),
    ("PUT", "/nodes/pve2/disks/wipedisk", {"disk": "/dev/sdd"}, DONE),
    ("PUT", "/nodes/pve2/disks/wipedisk", {"disk": "/dev/sda"}, "500 disk/partition '/dev/sda' has a holder"),
    *(
        step
        for kind, extra in (("directory", {}), ("lvm", {}), ("lvmthin", {"volume-group": "tour"}))
        for step in (
            ("POST", f"/nodes/pve2/disks/{kind}", {"name": "tour", "device": "/dev/sdd"}, DONE),
            ("DELETE", f"/nodes/pve2/disks/{kind}/tour", extra, DONE),
        )
    ),
    (
        "POST",
        "/nodes/pve2/disks/zfs",
        {"name": "tour", "raidlevel": "mirror", "devices": "/dev/sdd"},
        "500 mirror needs 2 disks",
    ),
    ("POST", "/nodes/pve2/disks/zfs", {"name": "tour", "raidlevel": "single", "devices": "/dev/sdd"}, DONE),
    ("DELETE", "/nodes/pve2/disks/zfs/tour", {}, DONE),
]

STORAGE: Final[list[Step]] = [
    ("POST", "/storage", {"storage": "tour", "type": "nfs", "server": "10.20.0.14", "export": "/mnt/tank/t"}, DONE),
    (
        "POST",
        "/storage",
        {"storage": "tour", "type": "nfs", "server": "10.20.0.14", "export": "/mnt/tank/t"},
        "500 storage ID 'tour' already",
    ),
    ("PUT", "/storage/tour", {"content": "iso,backup", "prune-backups": "keep-last=2"}, DONE),
    ("DELETE", "/storage/tour", {}, DONE),
    ("POST", "/nodes/pve2/storage/local-lvm/content", {"vmid": 110, "filename": "vm-110-disk-9", "size": "1G"}, DONE),
    (
        "DELETE",
        "/nodes/pve2/storage/local-lvm/content/vm-110-disk-9",
        {},
        "500 Cannot remove image, a guest with VMID '110' exists!",
    ),
    ("POST", f"/nodes/pve2/storage/local/content/{_ISO}", {"target": "iso/copy.iso"}, DONE),
    ("DELETE", "/nodes/pve2/storage/local/content/local:iso/copy.iso", {}, DONE),
    ("DELETE", "/nodes/pve2/storage/local/content/local:iso/copy.iso", {"delay": 5}, DONE),
    (
        "DELETE",
        "/nodes/pve2/storage/local/content/local:iso/copy.iso",
        {},
        "task: volume 'local:iso/copy.iso' does not exist",
    ),
    (
        "PUT",
        f"/nodes/pve2/storage/local/content/{_ISO}",
        {"notes": "x"},
        "500 setting notes and protection is only possible",
    ),
    (
        "POST",
        "/nodes/pve2/storage/local/download-url",
        {"content": "iso", "filename": "n.iso", "url": "https://images.example/n.iso"},
        DONE,
    ),
    (
        "POST",
        "/nodes/pve2/storage/local/download-url",
        {"content": "iso", "filename": "n.iso", "url": "https://images.example/n.iso"},
        "task: refusing to override",
    ),
    ("DELETE", "/nodes/pve2/storage/nas-backup/prunebackups", {"prune-backups": "keep-last=1"}, DONE),
    ("POST", "/nodes/pve2/vzdump", {"vmid": "112", "storage": "nas-backup", "compress": "zstd"}, DONE),
    ("POST", "/nodes/pve2/vzdump", {"vmid": "111", "storage": "nas-backup"}, "task: job errors"),
]

GUESTS: Final[list[Step]] = [
    ("DELETE", "/cluster/ha/resources/vm:110", {}, DONE),
    ("POST", "/nodes/pve2/qemu", {"vmid": 160, "name": "tour", "scsi0": "local-lvm:1"}, DONE),
    ("POST", "/nodes/pve2/lxc", {"vmid": 161, "ostemplate": _TEMPLATE, "rootfs": "local-lvm:1"}, DONE),
    ("PUT", f"{_VM}/config", {"description": "tour"}, DONE),
    ("POST", f"{_VM}/config", {"cores": 1}, DONE),
    ("PUT", f"{_CT}/config", {"description": "tour"}, DONE),
    ("PUT", f"{_VM}/cloudinit", {}, DONE),
    ("PUT", f"{_VM}/resize", {"disk": "scsi0", "size": "+1G"}, DONE),
    ("PUT", f"{_CT}/resize", {"disk": "rootfs", "size": "+1G"}, DONE),
    ("POST", f"{_VM}/move_disk", {"disk": "scsi0", "storage": "local-lvm"}, DONE),
    (
        "POST",
        f"{_CT}/move_volume",
        {"volume": "rootfs", "storage": "nas-vms", "delete": 1},
        "500 you can't move a disk with snapshots",
    ),
    ("POST", f"{_CT}/move_volume", {"volume": "rootfs", "storage": "nas-vms"}, DONE),
    ("PUT", f"{_VM}/unlink", {"idlist": "ide2"}, DONE),
    *(
        step
        for guest in (_VM, _CT)
        for step in (
            ("PUT", f"{guest}/snapshot/before/config", {"description": "x"}, DONE),
            ("POST", f"{guest}/snapshot/before/rollback", {}, DONE),
            ("DELETE", f"{guest}/snapshot/before", {}, DONE),
            ("POST", f"{guest}/snapshot", {"snapname": "again"}, "task: " if guest == _CT else DONE),
            *_firewall(f"{guest}/firewall"),
            *_sets(f"{guest}/firewall"),
            ("POST", f"{guest}/remote_migrate", _REMOTE, "500 Can't connect to 10.0.0.1:8006"),
            ("POST", f"{guest}/status/start", {}, DONE),
            ("POST", f"{guest}/vncproxy", {}, "task: connection timed out"),
            ("POST", f"{guest}/spiceproxy", {}, "500 spice port not available" if guest == _VM else DONE),
            (
                "POST",
                f"{guest}/termproxy",
                {},
                "500 unable to find a serial interface" if guest == _VM else "task: connection",
            ),
            ("POST", f"{guest}/mtunnel", {}, "500 Guest with ID"),
            ("POST", f"{guest}/status/reboot", {}, DONE),
            ("POST", f"{guest}/status/suspend", {}, DONE),
            ("POST", f"{guest}/status/resume", {}, DONE),
            ("POST", f"{guest}/status/shutdown", {}, DONE),
            ("POST", f"{guest}/status/start", {}, DONE),
            ("POST", f"{guest}/status/stop", {}, DONE),
        )
    ),
    ("POST", f"{_VM}/status/reset", {}, "500 VM 110 not running"),
    ("POST", f"{_WEB}/status/reset", {}, DONE),
    ("PUT", f"{_WEB}/sendkey", {"key": "ctrl-alt-delete"}, DONE),
    ("POST", f"{_WEB}/monitor", {"command": "info status"}, DONE),
    *(
        ("POST", f"{_WEB}/agent/{word}", {}, DONE)
        for word in ("ping", "fsfreeze-freeze", "fsfreeze-status", "fsfreeze-thaw", "fstrim")
    ),
    ("POST", f"{_WEB}/agent", {"command": "get-osinfo"}, DONE),
    ("POST", f"{_WEB}/agent/exec", {"command": ["uname", "-a"]}, DONE),
    ("POST", f"{_WEB}/agent/file-write", {"file": "/etc/motd", "content": "x"}, DONE),
    ("POST", f"{_WEB}/agent/set-user-password", {"username": "root", "password": "secret"}, DONE),
    ("POST", f"{_WEB}/agent/suspend-ram", {}, DONE),
    ("POST", f"{_WEB}/status/resume", {}, DONE),
    ("POST", f"{_WEB}/agent/suspend-hybrid", {}, DONE),
    ("POST", f"{_WEB}/status/resume", {}, DONE),
    ("POST", f"{_WEB}/agent/suspend-disk", {}, DONE),
    ("POST", f"{_WEB}/status/start", {}, DONE),
    ("POST", f"{_WEB}/agent/shutdown", {}, DONE),
    ("POST", f"{_VM}/clone", {"newid": 162, "full": 1}, DONE),
    ("POST", f"{_CT}/clone", {"newid": 163, "full": 1}, DONE),
    ("POST", "/nodes/pve2/qemu/162/migrate", {"target": "pve1", "with-local-disks": 1}, DONE),
    ("POST", "/nodes/pve2/lxc/163/migrate", {"target": "pve1"}, DONE),
    ("POST", "/nodes/pve1/qemu/162/template", {}, DONE),
    ("POST", "/nodes/pve1/lxc/163/template", {}, DONE),
    ("DELETE", "/nodes/pve1/qemu/162", {"purge": 1}, DONE),
    ("DELETE", "/nodes/pve1/lxc/163", {"purge": 1}, DONE),
    ("DELETE", "/nodes/pve2/qemu/160", {}, DONE),
    ("DELETE", "/nodes/pve2/lxc/161", {}, DONE),
    ("POST", "/nodes/pve1/startall", {"force": 1}, DONE),
    ("POST", "/nodes/pve1/suspendall", {}, DONE),
    ("POST", "/nodes/pve1/startall", {"force": 1}, DONE),
    ("POST", "/nodes/pve1/stopall", {"timeout": 10}, DONE),
    ("POST", "/nodes/pve1/migrateall", {"target": "pve2", "vms": "101"}, DONE),
    ("POST", "/nodes/pve2/status", {"command": "reboot"}, DONE),
]

CEPH: Final[list[Step]] = [
    ("PUT", "/cluster/ceph/flags", {"noout": 1, "noscrub": 1}, DONE),
    ("PUT", "/cluster/ceph/flags/noout", {"value": 0}, DONE),
    ("POST", f"{_CEPH}/init", {}, DONE),
    ("POST", f"{_CEPH}/mds/pve2", {}, DONE),
    ("POST", f"{_CEPH}/fs/cephfs", {}, DONE),
    ("DELETE", f"{_CEPH}/mds/pve2", {}, DONE),
    ("DELETE", f"{_CEPH}/mgr/pve2", {}, DONE),
    ("POST", f"{_CEPH}/mgr/pve2", {}, DONE),
    ("DELETE", f"{_CEPH}/mon/pve2", {}, DONE),
    ("POST", f"{_CEPH}/mon/pve2", {}, DONE),
    ("POST", f"{_CEPH}/pool", {"name": "tour", "size": 2, "min_size": 1}, DONE),
    ("PUT", f"{_CEPH}/pool/tour", {"pg_num": 64}, DONE),
    ("DELETE", f"{_CEPH}/pool/tour", {}, DONE),
    ("POST", f"{_CEPH}/osd", {"dev": "/dev/sdd"}, DONE),
    ("POST", f"{_CEPH}/osd/6/scrub", {}, DONE),
    ("POST", f"{_CEPH}/osd/6/out", {}, DONE),
    ("DELETE", f"{_CEPH}/osd/6", {}, "500 osd is still running (up == 1)"),
    ("POST", f"{_CEPH}/stop", {"service": "osd.6"}, DONE),
    ("DELETE", f"{_CEPH}/osd/6", {}, DONE),
    ("POST", f"{_CEPH}/start", {}, DONE),
    ("POST", f"{_CEPH}/restart", {"service": "osd.2"}, DONE),
    ("POST", f"{_CEPH}/osd/2/in", {}, DONE),
]


def steps(release: str) -> list[Step]:
    """The whole tour for one release."""
    newer = SDN_9 if release == "9.1" else SDN_8
    return [*ACCESS, *CLUSTER, *SDN, *newer, *NODE, *STORAGE, *CEPH, *GUESTS]


# Writes that other tests make, because they need more than a path and a form.
ELSEWHERE: Final = frozenset(
    {
        "DELETE /nodes/{node}/tasks/{upid}",
        "POST /nodes/{node}/storage/{storage}/upload",
        "POST /nodes/{node}/certificates/custom",
    }
)

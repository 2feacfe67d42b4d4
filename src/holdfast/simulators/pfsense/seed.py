"""The firewall as it is switched on: accounts, settings and identity; further subjects in the `seed_…` modules."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from holdfast.simulators.pfsense import seed_firewall, seed_network, seed_services, seed_vpn
from holdfast.simulators.pfsense.auth import hash_key, hash_password
from holdfast.simulators.pfsense.certificates import Wanted, certificate_pem, key_pem, new_key, sign
from holdfast.simulators.pfsense.config import Revision, Stored

if TYPE_CHECKING:
    from holdfast.simulators.pfsense.machine import Machine

DAY = 86400
CA_REFID = "66f0a1b2c3d40"
GUI_REFID = "66f0a1b2c3d41"
VPN_REFID = "66f0a1b2c3d42"
USER_REFID = "66f0a1b2c3d43"


def secret_of(machine: Machine, purpose: str) -> str:
    """A secret that is always the same for the same simulator name, so that restarts keep credentials."""
    return hashlib.sha256(f"{machine.name}/{purpose}".encode()).hexdigest()


def seed(machine: Machine) -> None:
    """Fill the machine's configuration from its world."""
    nodes = machine.store.current.nodes
    _system(machine, nodes)
    _certificates(machine, nodes)
    _accounts(machine, nodes)
    seed_network.seed(machine, nodes)
    seed_firewall.seed(machine, nodes)
    seed_services.seed(machine, nodes)
    seed_vpn.seed(machine, nodes)
    now = machine.clock.now()
    machine.runtime.booted_at = now - 12 * DAY - 4 * 3600 - 17 * 60
    machine.store.history = [
        Revision(
            int(now) - 900 * (n + 1), f"admin@{machine.world.firewall_lan_ip} (Local Database): {note}", 31_400 - n
        )
        for n, note in enumerate(("/system.php made unknown change", "/firewall_rules.php made unknown change"))
    ]


def _system(machine: Machine, nodes: dict[str, Any]) -> None:
    world = machine.world
    nodes["system"] = {
        "hostname": world.firewall_hostname,
        "domain": world.domain,
        "dnsserver": ["192.0.2.53", "198.51.100.53"],
        "dnsallowoverride": True,
        "dnslocalhost": "local",
        "timezone": "UTC",
        "maximumstates": 400000,
        "aliasesresolveinterval": 300,
        "checkaliasesurlcert": True,
        "passwd_protect_console": True,
    }
    nodes["system/ssh"] = {"enable": True, "port": "22", "sshdkeyonly": "enabled", "sshdagentforwarding": False}
    nodes["system/webgui"] = {"protocol": "https", "port": "443", "sslcertref": GUI_REFID}
    nodes["sysctl/item"] = [
        {
            "tunable": "net.inet.ip.portrange.first",
            "value": "1024",
            "descr": "Set the ephemeral port range to be lower.",
        },
        {"tunable": "net.inet.tcp.syncookies", "value": "1", "descr": ""},
    ]
    nodes["notifications/smtp"] = {"disable": True, "sslvalidate": True, "port": "25", "timeout": 20}
    nodes["syslog"] = {"nentries": 500, "logfilesize": 512000, "rotatecount": 7, "filter": True, "format": "rfc5424"}
    nodes["hasync"] = {"pfsyncinterface": "lo0"}
    nodes["installedpackages/package/0/conf"] = {
        "enabled": True,
        "keep_backup": True,
        "login_protection": True,
        "log_level": "LOG_WARNING",
        "represent_interfaces_as": "id",
        "auth_methods": ["BasicAuth", "KeyAuth", "JWTAuth"],
        "jwt_exp": 3600,
        "ha_sync_validate_certs": True,
    }
    nodes["installedpackages/package/0/conf/access_list/item"] = [
        {"type": "allow", "weight": 1, "network": "0.0.0.0/0", "descr": "Allow all IPv4 by default"},
        {"type": "allow", "weight": 1, "network": "::/0", "descr": "Allow all IPv6 by default"},
    ]


def _certificates(machine: Machine, nodes: dict[str, Any]) -> None:
    now = machine.clock.now()
    domain, host = machine.world.domain, f"{machine.world.firewall_hostname}.{machine.world.domain}"
    ca_key = new_key("ECDSA")
    ca = sign(Wanted(f"{domain} internal CA", is_ca=True, days=3650), ca_key, now - 400 * DAY, None, 1)
    nodes["ca"] = [
        {
            "refid": CA_REFID,
            "descr": f"{domain} internal CA",
            "trust": True,
            "serial": 4,
            "crt": certificate_pem(ca),
            "prv": key_pem(ca_key),
        }
    ]
    rows = []
    for number, (refid, descr, kind, name, age, days) in enumerate(
        (
            (GUI_REFID, "GUI default", "server", host, 300, 398),
            (VPN_REFID, "OpenVPN server", "server", f"vpn.{domain}", 377, 398),
            (USER_REFID, "alice VPN", "user", "alice", 30, 825),
        )
    ):
        key = new_key("ECDSA")
        wanted = Wanted(name, days=days, dns_names=[name] if kind == "server" else [])
        crt = sign(wanted, key, now - age * DAY, (ca, ca_key), number + 2)
        rows.append(
            {
                "refid": refid,
                "descr": descr,
                "type": kind,
                "caref": CA_REFID,
                "crt": certificate_pem(crt),
                "prv": key_pem(key),
            }
        )
    nodes["cert"] = rows


def _accounts(machine: Machine, nodes: dict[str, Any]) -> None:
    readable = sorted(
        endpoint.required_privileges("GET")[1]
        for endpoint in machine.schema.endpoints.values()
        if "GET" in endpoint.methods and len(endpoint.required_privileges("GET")) > 1
    )
    people: tuple[tuple[str, int, str, list[str], str], ...] = (
        ("admin", 0, "system", ["page-all", "user-shell-access"], "System Administrator"),
        ("holdfast", 2000, "user", ["page-all"], "operator of the API"),
        ("reader", 2001, "user", readable, "reads everything, changes nothing"),
        ("clerk", 2002, "user", ["page-all", "user-config-readonly"], "deny config write"),
        ("visitor", 2003, "user", [], "no privileges"),
        ("alice", 2004, "user", [], "VPN user"),
    )
    users, keys = [], []
    for name, uid, scope, privileges, descr in people:
        password = secret_of(machine, f"password/{name}")[:24]
        key = secret_of(machine, f"key/{name}")[:48]
        machine.accounts[name] = (password, key)
        row: Stored = {"name": name, "uid": uid, "scope": scope, "priv": privileges, "descr": descr, "expires": ""}
        if name == "alice":
            row["cert"] = [USER_REFID]
        row["_hash"] = hash_password(password, secret_of(machine, f"salt/{name}")[:16])
        users.append(row)
        keys.append(
            {
                "descr": f"key of {name}",
                "username": name,
                "hash_algo": "sha256",
                "length_bytes": 24,
                "hash": hash_key(key, "sha256"),
            }
        )
    nodes["system/user"] = users
    nodes["installedpackages/package/0/conf/keys/key"] = keys
    nodes["system/group"] = [
        {"name": "admins", "gid": 1999, "scope": "system", "description": "System Administrators", "member": ["admin"],
         "priv": ["page-all"]},
        {"name": "all", "gid": 1998, "scope": "system", "description": "All Users",
         "member": [row["name"] for row in users], "priv": []},
        {"name": "vpnusers", "gid": 2000, "scope": "local", "description": "", "member": ["alice"], "priv": []},
    ]  # fmt: skip
    nodes["system/authserver"] = []

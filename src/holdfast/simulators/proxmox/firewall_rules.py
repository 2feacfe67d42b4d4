"""Verification of firewall rules against the rest of the configuration (contract section 15.11)."""

from __future__ import annotations

import re
from typing import Final

from holdfast.simulators.proxmox.errors import bad_parameters
from holdfast.simulators.proxmox.firewall import FirewallScope

ACTIONS: Final = frozenset({"ACCEPT", "DROP", "REJECT"})
MACROS: Final = {
    "BGP": "Border Gateway Protocol traffic",
    "Ceph": "Ceph Storage Cluster traffic (Ceph Monitors, OSD & MDS Daemons)",
    "DHCPfwd": "Forwarded DHCP traffic",
    "DNS": "Domain Name System traffic (upd and tcp)",
    "FTP": "File Transfer Protocol",
    "HTTP": "Hypertext Transfer Protocol (WWW)",
    "HTTPS": "Hypertext Transfer Protocol (WWW) over SSL",
    "IMAP": "IMAP traffic",
    "IMAPS": "IMAP over SSL traffic",
    "LDAP": "LDAP traffic",
    "MySQL": "MySQL server",
    "NTP": "Network Time Protocol (ntpd)",
    "OpenVPN": "OpenVPN traffic",
    "PBS": "Proxmox Backup Server",
    "POP3": "POP3 traffic",
    "Ping": "ICMP echo request",
    "PostgreSQL": "PostgreSQL server",
    "RDP": "Microsoft Remote Desktop Protocol traffic",
    "SMB": "Microsoft SMB traffic",
    "SMTP": "Simple Mail Transfer Protocol",
    "SNMP": "Simple Network Management Protocol",
    "SPICEproxy": "Proxmox VE SPICE display proxy traffic",
    "SSH": "Secure shell traffic",
    "Syslog": "Syslog protocol (RFC 5424) traffic",
    "Telnet": "Telnet traffic",
    "Trcrt": "Traceroute (for up to 30 hops) traffic",
    "VNC": "VNC traffic for VNC display's 0 - 99",
    "Web": "WWW traffic (HTTP and HTTPS)",
}


def check_rule(rule: dict[str, str], datacenter: FirewallScope, own: FirewallScope, *, guest: bool) -> None:
    """400 with the map of what does not fit."""
    errors: dict[str, str] = {}
    kind, action = rule.get("type", ""), rule.get("action", "")
    if kind == "group":
        if action not in datacenter.groups:
            errors["action"] = f"no such security group '{action}'"
    elif action not in ACTIONS:
        errors["action"] = f"unknown action '{action}'"
    macro = rule.get("macro")
    if macro and macro not in MACROS:
        errors["macro"] = f"unknown macro '{macro}'"
    if macro and rule.get("dport"):
        errors["dport"] = (
            "macro already contains a destination port" if macro not in ("HTTP", "HTTPS") else "already set"
        )
    for port in ("sport", "dport"):
        if rule.get(port) and not macro and rule.get("proto") not in ("tcp", "udp", "udplite", "sctp", "dccp"):
            errors["proto" if not rule.get("proto") else port] = f"missing property - '{port}' requires this property"
    if rule.get("icmp-type") and rule.get("proto") not in ("icmp", "icmpv6", "ipv6-icmp"):
        errors["icmp-type"] = "this property requires proto 'icmp'"
    iface = rule.get("iface")
    if guest and iface and not re.fullmatch(r"net\d+", iface):
        errors["iface"] = "value does not look like a valid network device id (net0...)"
    for side in ("source", "dest"):
        refusal = _address_refusal(rule.get(side, ""), datacenter, own)
        if refusal:
            errors[side] = refusal
    if errors:
        raise bad_parameters(errors)


def _address_refusal(text: str, datacenter: FirewallScope, own: FirewallScope) -> str | None:
    for part in filter(None, text.split(",")):
        if part.startswith("+"):
            name = part[1:].removeprefix("dc/").removeprefix("guest/")
            if name not in datacenter.ipsets and name not in own.ipsets:
                return f"no such ipset '{name}'"
        elif re.match(r"(?:dc/|guest/)?[A-Za-z]", part):
            name = part.removeprefix("dc/").removeprefix("guest/").lower()
            if name not in datacenter.aliases and name not in own.aliases:
                return f"no such alias '{name}'"
        elif not re.fullmatch(r"[0-9a-fA-F.:/\-]+", part):
            return f"invalid address '{part}'"
    return None

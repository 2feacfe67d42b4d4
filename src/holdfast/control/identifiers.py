"""Identifiers that several appliances use, one grammar for each kind; what only one names is in its room.

Facts are of the wire contracts and of the vendors' schemas. Where a vendor accepts more than a path, a query or a log
can carry without harm, the grammar is narrower; what is left out is said at the kind. A value that fits is still
percent-encoded when it becomes part of a path.

No grammar, here or in a room, accepts an empty text, `.` or `..` as a part of a path, a control character, a blank at
either end, or a character outside of ASCII.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Final, TypeAlias

from holdfast.control.grammar import Grammar

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
IP: Final = r"[0-9A-Fa-f:.]{2,45}"


def is_ip(text: str) -> bool:
    """Whether it is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_network(text: str) -> bool:
    """Whether `address/prefix` is a network, or an address with its prefix."""
    address, _, prefix = text.partition("/")
    if not is_ip(address) or (prefix.startswith("0") and prefix != "0"):
        return False
    return int(prefix) <= ipaddress.ip_address(address).max_prefixlen


def _is_ip_or_network(text: str) -> bool:
    return is_network(text) if "/" in text else is_ip(text)


Uuid: TypeAlias = Annotated[
    str,
    Grammar(
        "UUID",
        r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
        36,
        "UUID",
        ("4c4c4544-0048-5810-8051-b7c04f345432",),
    ),
]
IpAddress: TypeAlias = Annotated[
    str, Grammar("IP address", IP, 45, "IPv4 or IPv6 address", ("10.20.0.1", "fd00::1", "::ffff:10.0.0.1"), is_ip)
]
Cidr: TypeAlias = Annotated[
    str,
    Grammar("network", rf"{IP}/[0-9]{{1,3}}", 49, "network as address/prefix", ("10.20.0.0/24", "::/0"), is_network),
]
IpOrCidr: TypeAlias = Annotated[
    str,
    Grammar(
        "address or network",
        rf"{IP}(?:/[0-9]{{1,3}})?",
        49,
        "IP address or network as address/prefix",
        ("10.20.0.1", "10.20.0.0/24"),
        _is_ip_or_network,
    ),
]
HostName: TypeAlias = Annotated[str, Grammar("host name", _LABEL, 63, "host name, one label", ("web", "pve-1"))]
Fqdn: TypeAlias = Annotated[
    str, Grammar("domain name", rf"{_LABEL}(?:\.{_LABEL})*", 253, "DNS name", ("nas.rack.example", "_acme.example.net"))
]
HostOrIp: TypeAlias = Annotated[
    str,
    Grammar(
        "host",
        rf"(?:{_LABEL}(?:\.{_LABEL})*|[0-9A-Fa-f.]*:{IP})",
        253,
        "DNS name or IP address",
        ("nas.rack.example", "10.20.0.1", "fd00::1"),
        lambda text: is_ip(text) if ":" in text or text.replace(".", "").isdigit() else True,
    ),
]
Mac: TypeAlias = Annotated[
    str,
    Grammar(
        "MAC address", r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", 17, "MAC as aa:bb:cc:dd:ee:ff", ("bc:24:11:5e:01:01",)
    ),
]
UserName: TypeAlias = Annotated[
    str, Grammar("user name", r"[A-Za-z0-9_][A-Za-z0-9_.-]*", 32, "user name", ("root", "svc_backup", "j.doe"))
]
ServiceName: TypeAlias = Annotated[
    str, Grammar("service", r"[A-Za-z][A-Za-z0-9_@.-]{0,63}", 64, "service name", ("cifs", "iscsitarget", "pveproxy"))
]

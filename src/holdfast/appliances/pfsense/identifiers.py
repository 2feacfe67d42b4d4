"""Grammars of what pfSense names: interfaces, aliases, gateways, addresses and ports of rules (contract 7.2, 12)."""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeAlias

from holdfast.control.grammar import Grammar
from holdfast.control.identifiers import IP, is_ip, is_network

_PORT: Final = r"[1-9][0-9]{0,4}"
_PF_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,31}(?:\.[0-9]{1,4})?", re.ASCII)


def _are_ports(text: str) -> bool:
    low, _, high = text.partition(":")
    return int(low) <= int(high or low) <= 65535


def _is_pf_address(text: str) -> bool:
    bare = text.removeprefix("!")
    if text == "!any":
        return False
    if "/" in bare:
        return is_network(bare)
    if bare == "(self)" or is_ip(bare):
        return True
    name = bare.removesuffix(":ip")
    return _PF_NAME.fullmatch(name) is not None and not name.replace(".", "").isdigit()


PfInterface: TypeAlias = Annotated[
    str,
    Grammar(
        "interface",
        r"[A-Za-z][A-Za-z0-9_]{0,26}(?:\.[0-9]{1,4})?",
        32,
        "interface: wan, lan, optN or device",
        ("wan", "opt3", "igb0.10"),
    ),
]
AliasName: TypeAlias = Annotated[
    str,
    Grammar(
        "alias name",
        r"[A-Za-z0-9_]+",
        31,
        "alias name: letters, digits, _; not only digits",
        ("nas_hosts", "web_ports"),
        lambda text: not text.isdigit(),
    ),
]
GatewayName: TypeAlias = Annotated[
    str, Grammar("gateway name", r"[A-Za-z0-9_]+", 31, "gateway name: letters, digits, _", ("WAN_DHCP",))
]
PfAddress: TypeAlias = Annotated[
    str,
    Grammar(
        "address",
        rf"!?(?:any|\(self\)|{IP}(?:/[0-9]{{1,3}})?|[A-Za-z0-9_]{{1,31}}(?:\.[0-9]{{1,4}})?(?::ip)?)",
        52,
        "IP, network, alias, interface, interface:ip, any or (self); ! in front inverts",
        ("any", "(self)", "lan", "lan:ip", "!nas_hosts", "10.20.0.0/24", "fd00::1"),
        _is_pf_address,
    ),
]
PfPort: TypeAlias = Annotated[
    str,
    Grammar(
        "port",
        rf"(?:{_PORT}(?::{_PORT})?|[0-9]{{0,30}}[A-Za-z_][A-Za-z0-9_]{{0,30}})",
        31,
        "port 1-65535, low:high, or a port alias",
        ("443", "8000:8080", "web_ports"),
        lambda text: _are_ports(text) if text.replace(":", "").isdigit() else True,
    ),
]
PackageName: TypeAlias = Annotated[
    str, Grammar("package", r"[A-Za-z0-9][A-Za-z0-9_.+-]*", 100, "package name", ("pfSense-pkg-RESTAPI",))
]

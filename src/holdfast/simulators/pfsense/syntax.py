"""Grammars of addresses, names and ports, as pfSense's own checks read them."""

from __future__ import annotations

import ipaddress
import re

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOSTNAME = re.compile(rf"{_LABEL}\Z")
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?\Z")
_FQDN = re.compile(rf"{_LABEL}(\.{_LABEL})+\.?\Z")
_ALIAS = re.compile(r"[A-Za-z0-9_]{1,31}\Z")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}\Z")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+\Z", re.IGNORECASE)


def is_ipv4(text: str) -> bool:
    """A dotted IPv4 address."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def is_ipv6(text: str) -> bool:
    """An IPv6 address, with or without a zone."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def is_link_local(text: str) -> bool:
    """An IPv6 link-local address."""
    return is_ipv6(text) and ipaddress.IPv6Address(text).is_link_local


def is_ip(text: str) -> bool:
    """An address of either family."""
    return is_ipv4(text) or is_ipv6(text)


def is_subnet(text: str) -> bool:
    """An address and a prefix length; host bits may be set."""
    if "/" not in text or not text.rpartition("/")[2].isdigit():
        return False
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return True


def is_subnet_of(text: str, version: int) -> bool:
    """A subnet of this IP version."""
    return is_subnet(text) and ipaddress.ip_interface(text).version == version


def is_hostname(text: str) -> bool:
    """One label or several."""
    return bool(_DOMAIN.match(text)) and len(text) <= 255


def is_unqualified(text: str) -> bool:
    """A host name of one label."""
    return bool(_HOSTNAME.match(text))


def is_domain(text: str) -> bool:
    """A domain name."""
    return bool(_DOMAIN.match(text)) and len(text) <= 255


def is_fqdn(text: str) -> bool:
    """A name of at least two labels that is no address."""
    return bool(_FQDN.match(text)) and not is_ip(text) and not text.rstrip(".").rpartition(".")[2].isdigit()


def is_alias_name(text: str) -> bool:
    """Letters, digits and underscore, at most 31, not only digits."""
    return bool(_ALIAS.match(text)) and not text.isdigit()


def is_mac(text: str) -> bool:
    """Six colon-separated bytes."""
    return bool(_MAC.match(text))


def is_email(text: str) -> bool:
    """A mail address."""
    return bool(_EMAIL.match(text))


def is_url(text: str) -> bool:
    """A URL with a scheme."""
    return bool(_URL.match(text))


def is_port(text: str) -> bool:
    """A port number, 1 to 65535."""
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 65535


def is_port_range(text: str) -> bool:
    """Two ports with a colon or hyphen between."""
    low, separator, high = text.replace("-", ":").partition(":")
    return bool(separator) and is_port(low) and is_port(high)


def address_number(text: str) -> int:
    """The address as a number; ValueError when it is none."""
    return int(ipaddress.ip_address(text))


def network_of(address: str, bits: int | str) -> str:
    """The network that an address with a prefix length lies in, as text."""
    return str(ipaddress.ip_interface(f"{address}/{bits}").network)


def in_network(address: str, network: str) -> bool:
    """Whether an address lies in a network; False when either is malformed."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False

"""Named formats of parameters: what each accepts and what it says when it does not (contract section 4)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final

from holdfast.simulators.proxmox.values import split_list

_DNS_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DNS_NAME: Final = rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*"
_CONFIG_ID: Final = r"[A-Za-z][A-Za-z0-9_-]+"
_STORAGE_ID: Final = r"[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]"
_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9_+.-]*"
_PRUNE_KEYS: Final = frozenset({"keep-all", *(f"keep-{span}ly" for span in ("hour", "week", "month", "year"))}) | {
    "keep-last",
    "keep-daily",
}
_TASK_STATES: Final = frozenset({"ok", "error", "warning", "unknown"})


class FormatError(ValueError):
    """A value that its format refuses; the text is the refusal."""


def _expression(pattern: str, refusal: str) -> Callable[[str], None]:
    expression = re.compile(pattern)

    def check(value: str) -> None:
        if not expression.fullmatch(value):
            raise FormatError(refusal.replace("{}", value))

    return check


def _address(value: str) -> None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise FormatError("value does not look like a valid IP address\n") from None


def _address_of(version: int) -> Callable[[str], None]:
    def check(value: str) -> None:
        try:
            right = ipaddress.ip_address(value).version == version
        except ValueError:
            right = False
        if not right:
            raise FormatError(f"value does not look like a valid IPv{version} address\n")

    return check


def _network_of(versions: frozenset[int], refusal: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        try:
            right = "/" in value and ipaddress.ip_interface(value).version in versions
        except ValueError:
            right = False
        if not right:
            raise FormatError(refusal)

    return check


def _address_config(version: int) -> Callable[[str], None]:
    network = _network_of(
        frozenset({version}), f"value does not look like a valid ipv{version} network configuration\n"
    )
    words = {"dhcp"} if version == 4 else {"auto", "dhcp"}

    def check(value: str) -> None:
        if value not in words:
            network(value)

    return check


def _either(refusal: str, *checks: Callable[[str], None]) -> Callable[[str], None]:
    def check(value: str) -> None:
        for one in checks:
            try:
                one(value)
            except FormatError:
                continue
            return
        raise FormatError(refusal.replace("{}", value))

    return check


def _vmid(value: str) -> None:
    if not re.fullmatch(r"[1-9][0-9]{2,8}", value):
        raise FormatError("value does not look like a valid VM ID\n")


def _user(value: str) -> None:
    if not 3 <= len(value) <= 64:
        raise FormatError(
            f"user name '{value}' is too {'short' if len(value) < 3 else 'long (' + str(len(value)) + ' > 64)'}\n"
        )
    if not re.fullmatch(rf"[^\s:/]+@{_CONFIG_ID[:-1]}*", value):
        raise FormatError(f"value '{value}' does not look like a valid user name\n")


def _prune(value: str) -> None:
    for part in filter(None, value.split(",")):
        key, separator, count = part.partition("=")
        if key not in _PRUNE_KEYS:
            raise FormatError(
                f"format error\n{key}: property is not defined in schema"
                " and the schema does not allow additional properties\n"
            )
        if not separator or not re.fullmatch(r"\d+", count):
            raise FormatError(f"format error\n{key}: type check ('integer') failed - got '{count}'\n")


def _startup(value: str) -> None:
    for part in filter(None, value.split(",")):
        if not re.fullmatch(r"(order=)?\d+|up=\d+|down=\d+", part):
            raise FormatError("unable to parse startup options\n")


def _calendar(value: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9*/:., \-~]+", value) or not re.search(
        r"[0-9*]|daily|weekly|monthly|hourly|minutely|yearly|quarterly|annually", value
    ):
        raise FormatError(f"unable to parse calendar event '{value}' - no digits found\n")


def _task_state(value: str) -> None:
    if value.lower() not in _TASK_STATES:
        raise FormatError(f"invalid status '{value}'\n")


def _storage_pair(value: str) -> None:
    if not re.fullmatch(rf"{_STORAGE_ID}(?::{_STORAGE_ID})?|1", value):
        raise FormatError(f"unable to parse pair '{value}'\n")


_config_id = _expression(_CONFIG_ID, "invalid configuration ID '{}'\n")
_dns = _expression(_DNS_NAME, "value does not look like a valid DNS name\n")
_volume = _expression(rf"{_STORAGE_ID}:\S+", "unable to parse volume ID '{}'\n")
_cidr = _network_of(frozenset({4, 6}), "value does not look like a valid CIDR network\n")
_disk_size = _expression(r"\d+(\.\d+)?[KMGT]?", "value does not look like a valid disk size: {}\n")
_mail = _expression(r"[^\s@]+@[^\s@]+|[A-Za-z0-9._-]+", "value does not look like a valid email address\n")
_iface = _expression(r"[A-Za-z][A-Za-z0-9_]{1,20}(?:[:.]\d+)?", "invalid network interface name '{}'\n")
_sdn_id = _expression(r"[a-z][a-z0-9]*[a-z0-9]", "ID '{}' contains illegal characters\n")
_ha_sid = _expression(r"(?:(?:vm|ct):)?[1-9][0-9]{2,8}", "unable to parse ha resource id '{}'\n")
_poolid = _expression(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+){0,2}", "value '{}' does not look like a valid pool name\n")
_host = _either("value does not look like a valid address: {}\n", _address, _dns)

_CHECKS: Final[dict[str, Callable[[str], None]]] = {
    "pve-node": _expression(_DNS_LABEL, "value does not look like a valid node name\n"),
    "pve-vmid": _vmid,
    "pve-configid": _config_id,
    "pve-storage-id": _expression(_STORAGE_ID, "storage ID '{}' contains illegal characters\n"),
    "pve-userid": _user,
    "pve-tokenid": _expression(
        r"[^\s:/]+@[^\s:/]+![A-Za-z][A-Za-z0-9._-]+", "value '{}' does not look like a valid token ID\n"
    ),
    "pve-realm": _expression(r"[A-Za-z][A-Za-z0-9._-]+", "value does not look like a valid realm\n"),
    "pve-groupid": _expression(r"[A-Za-z0-9._-]+", "group name '{}' contains invalid characters\n"),
    "pve-roleid": _expression(r"[A-Za-z0-9._-]+", "role name '{}' contains invalid characters\n"),
    "pve-priv": _expression(r"[A-Z][A-Za-z]+(\.[A-Z][A-Za-z]+)+", "invalid privilege '{}'\n"),
    "pve-poolid": _poolid,
    "pve-tag": _expression(_TAG, "invalid characters in tag\n"),
    "pve-volume-id": _volume,
    "pve-volume-id-or-qm-path": _either(
        "unable to parse volume ID or path\n", _volume, _expression(r"none|cdrom|/\S+", "not a path\n")
    ),
    "pve-volume-id-or-absolute-path": _either(
        "unable to parse volume ID or path\n", _volume, _expression(r"/\S+", "not a path\n")
    ),
    "pve-lxc-mp-string": _either("invalid mount point\n", _volume, _expression(r"/\S+", "not a path\n")),
    "pve-storage-path": _expression(r"/.*", "value does not look like a valid absolute path\n"),
    "pve-storage-content": _expression(
        r"images|rootdir|iso|vztmpl|backup|snippets|import|none", "invalid content type '{}'\n"
    ),
    "pve-storage-server": _host,
    "pve-storage-portal-dns": _expression(r"[^\s]+", "value does not look like a valid portal address\n"),
    "pve-iface": _iface,
    "pve-bridge-id": _expression(r"[-_.\w]+", "value does not look like a valid bridge name\n"),
    "pve-sdn-vnet-id": _sdn_id,
    "pve-sdn-zone-id": _sdn_id,
    "pve-sdn-controller-id": _sdn_id,
    "pve-sdn-ipam-id": _sdn_id,
    "pve-sdn-dns-id": _sdn_id,
    "pve-ha-resource-id": _expression(r"(?:vm|ct):[1-9][0-9]{2,8}", "unable to parse ha resource id '{}'\n"),
    "pve-ha-resource-or-vm-id": _ha_sid,
    "pve-ha-node": _expression(rf"{_DNS_LABEL}(?::\d+)?", "unable to parse ha node '{{}}'\n".replace("{{}}", "{}")),
    "pve-replication-job-id": _expression(
        r"[1-9][0-9]{2,8}-\d{1,9}", "value does not look like a valid replication job ID\n"
    ),
    "pve-calendar-event": _calendar,
    "pve-startup-order": _startup,
    "pve-task-status-type": _task_state,
    "prune-backups": _prune,
    "storage-pair": _storage_pair,
    "bridge-pair": _expression(r"[-_.\w]+(?::[-_.\w]+)?", "unable to parse pair '{}'\n"),
    "dns-name": _dns,
    "mac-addr": _expression(
        r"[a-fA-F0-9][02468aceACE][:][a-fA-F0-9]{2}(?::[a-fA-F0-9]{2}){4}",
        "value does not look like a valid unicast MAC address\n",
    ),
    "mac-prefix": _expression(
        r"[a-fA-F0-9][02468aceACE](?::[a-fA-F0-9]{2}){0,2}:?", "value is not a valid unicast MAC address prefix\n"
    ),
    "ip": _address,
    "ipv4": _address_of(4),
    "ipv6": _address_of(6),
    "ipv4mask": _expression(
        r"(?:255|254|252|248|240|224|192|128|0)(?:\.(?:255|254|252|248|240|224|192|128|0)){3}",
        "value does not look like a valid IP netmask\n",
    ),
    "address": _host,
    "CIDR": _cidr,
    "CIDRv4": _network_of(frozenset({4}), "value does not look like a valid IPv4 network\n"),
    "CIDRv6": _network_of(frozenset({6}), "value does not look like a valid IPv6 network\n"),
    "IPorCIDR": _either("value does not look like a valid IP address or CIDR network\n", _address, _cidr),
    "IPorCIDRorAlias": _either(
        "value does not look like a valid IP address or CIDR network\n",
        _address,
        _cidr,
        _expression(r"(?:dc/|guest/)?[A-Za-z][A-Za-z0-9_-]+", "not an alias\n"),
    ),
    "pve-ipv4-config": _address_config(4),
    "pve-ipv6-config": _address_config(6),
    "pve-fw-addr-spec": _expression(r"[+A-Za-z0-9_.:,/\-]+", "invalid address specification '{}'\n"),
    "pve-fw-sport-spec": _expression(r"[A-Za-z0-9_:,\-]+", "invalid port '{}'\n"),
    "pve-fw-dport-spec": _expression(r"[A-Za-z0-9_:,\-]+", "invalid port '{}'\n"),
    "pve-fw-protocol-spec": _expression(r"[A-Za-z0-9.\-]+", "unknown protocol '{}'\n"),
    "disk-size": _disk_size,
    "email": _mail,
    "email-or-username": _mail,
    "urlencoded": _expression(r"[-%a-zA-Z0-9_.!~*'()]*", "invalid urlencoded string: {}\n"),
    "pve-day-of-week": _expression(r"(?i)mon|tue|wed|thu|fri|sat|sun", "invalid day '{}'\n"),
}


def check_format(name: str, value: str) -> None:
    """Verify a value against a named format; FormatError when it is refused.

    Formats whose grammar the contract does not give pass every value.
    """
    check = _CHECKS.get(name)
    if check is not None:
        check(value)
    elif name.endswith("-list"):
        for part in split_list(value):
            check_format(name.removesuffix("-list"), part)
    elif name.endswith("-opt") and value:
        check_format(name.removesuffix("-opt"), value)

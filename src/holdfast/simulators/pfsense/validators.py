"""The package's validators, by the class names in the vendor's table; each raises the first problem it finds."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from holdfast.simulators.pfsense import syntax
from holdfast.simulators.pfsense.answers import invalid
from holdfast.simulators.pfsense.certificates import is_certificate, is_private_key, is_signing_request
from holdfast.simulators.pfsense.values import Value

if TYPE_CHECKING:
    from holdfast.simulators.pfsense.work import Obj, Work

Rule = dict[str, Any]
RESERVED_NAMES = frozenset(
    ("pass", "block", "reject", "all", "any", "from", "to", "port", "self", "l2tp", "pppoe", "ipsec", "openvpn", "icmp",
     "icmp6", "tcp", "udp", "inet", "inet6", "in", "out", "on", "quick", "log", "tag", "tagged", "keep", "state",
     "flags", "user", "group", "rdr", "nat", "binat", "anchor", "table", "scrub", "antispoof", "set")
)  # fmt: skip


def check_length(value: str | list[Any], minimum: int, maximum: int, name: str) -> None:
    """The number of characters, or of entries, lies within limits."""
    if len(value) < minimum:
        raise invalid(
            "LENGTH_VALIDATOR_MINIMUM_CONSTRAINT",
            f"Field `{name}` is too short: {len(value)}, at least {minimum}.",
        )
    if len(value) > maximum:
        raise invalid(
            "LENGTH_VALIDATOR_MAXIMUM_CONSTRAINT",
            f"Field `{name}` is too long: {len(value)}, at most {maximum}.",
        )


def _length(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    check_length(value, rule.get("minimum", 0), rule["maximum"], name)


def _range(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    minimum, maximum = rule.get("minimum", 0), rule["maximum"]
    if value < minimum:
        raise invalid(
            "NUMERIC_RANGE_VALIDATOR_MINIMUM_CONSTRAINT",
            f"Field `{name}` is too small: `{value}`, at least `{minimum}`.",
        )
    if value > maximum:
        raise invalid(
            "NUMERIC_RANGE_VALIDATOR_MAXIMUM_CONSTRAINT",
            f"Field `{name}` is too large: `{value}`, at most `{maximum}`.",
        )


def _ip(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    text = str(value)
    if text in rule.get("allow_keywords", ()):
        return
    host, separator, port = text.rpartition(":")
    if rule.get("allow_port") and separator and syntax.is_port(port):
        text = host.strip("[]")
    allowed = (
        (rule.get("allow_ipv4") and syntax.is_ipv4(text))
        or (rule.get("allow_ipv6") and syntax.is_ipv6(text))
        or (rule.get("allow_ipv6_link_local") and syntax.is_link_local(text))
        or (rule.get("allow_fqdn") and syntax.is_fqdn(text))
        or (rule.get("allow_alias") and work.machine.has_alias(work.tree, text))
    )
    if not allowed:
        raise invalid("IP_ADDRESS_VALIDATOR_FAILED", f"Field `{name}` is no IP address: `{value}`.")


def _subnet(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    text = str(value)
    allowed = (
        (rule.get("allow_ipv4") and syntax.is_subnet_of(text, 4))
        or (rule.get("allow_ipv6") and syntax.is_subnet_of(text, 6))
        or (rule.get("allow_alias") and work.machine.has_alias(work.tree, text))
    )
    if not allowed:
        raise invalid("SUBNET_VALIDATOR_FAILED", f"Field `{name}` is no subnet: `{value}`.")


def _hostname(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    text = str(value)
    allowed = (
        (rule.get("allow_hostname") and (syntax.is_unqualified(text) or syntax.is_hostname(text)))
        or (rule.get("allow_domain") and syntax.is_domain(text))
        or (rule.get("allow_fqdn") and syntax.is_fqdn(text))
    )
    if not allowed:
        raise invalid("HOSTNAME_VALIDATOR_FAILED", f"Field `{name}` is no hostname: `{value}`.")


def _mac(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    if not syntax.is_mac(str(value)):
        raise invalid("MAC_ADDRESS_VALIDATOR_FAILED", f"Field `{name}` is no MAC address: `{value}`.")


def _email(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    if not syntax.is_email(str(value)):
        raise invalid("EMAIL_ADDRESS_VALIDATOR_FAILED", f"Field `{name}` is no mail address.")


def _url(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    if not syntax.is_url(str(value)):
        raise invalid("URL_VALIDATOR_FAILED", f"Field `{name}` is no URL: `{value}`.")


def _regex(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    if value in rule.get("allowed_keywords", ()):
        return
    pattern = rule["pattern"][1:-1].replace("[[:ascii:]]", "[\\x00-\\x7f]")
    found = re.search(pattern, str(value)) is not None
    if found == bool(rule.get("invert")):
        raise invalid("REGEX_VALIDATOR_FAILED", f"Field `{name}` contains invalid characters.")


def _hex(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    text = str(value).removeprefix("0x") if rule.get("allow_hex_prefix") else str(value)
    if not re.fullmatch(rf"[0-9a-fA-F]{{{2 * rule['bytes']}}}", text):
        raise invalid("HEX_VALIDATOR_FAILED", f"Field `{name}` must be {rule['bytes']} bytes of hexadecimal.")


def _filter_name(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    text = str(value)
    if text in RESERVED_NAMES:
        raise invalid(
            "FILTER_NAME_VALIDATOR_RESERVED_NAME_USED",
            f"Field `{name}`: `{text}` is a word of the packet filter.",
        )
    if text.startswith("pkg_"):
        raise invalid(
            "FILTER_NAME_VALIDATOR_CANNOT_START_WITH_PKG",
            f"Field `{name}`: `{text}` starts with `pkg_`, which is kept for packages.",
        )
    if text.isdigit():
        raise invalid(
            "FILTER_NAME_VALIDATOR_CANNOT_BE_NUMERICAL",
            f"Field `{name}`: `{text}` is a number.",
        )
    if work.machine.persona.package >= (2, 10, 0) and not re.fullmatch(r"[A-Za-z0-9_]+", text):
        raise invalid(
            "FILTER_NAME_VALIDATOR_INVALID_CHARACTERS",
            f"Field `{name}`: `{text}` has more than letters, digits and underscores.",
        )
    interfaces = work.tree.rows(work.schema.models["NetworkInterface"])
    groups = work.tree.rows(work.schema.models["InterfaceGroup"])
    taken = any(ident == text and ident != obj.id for ident in interfaces) or any(
        row.get("ifname") == text and not (obj.model.name == "InterfaceGroup" and ident == obj.id)
        for ident, row in groups.items()
    )
    if taken:
        raise invalid(
            "FILTER_NAME_VALIDATOR_NAME_IN_USE_BY_INTERFACE",
            f"Field `{name}`: an interface or group is called `{text}` already.",
        )


def _unique_elsewhere(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    foreign, field = rule["foreign_model_name"], rule["foreign_model_field_name"]
    if any(row.get(field) == value for row in work.tree.rows(work.schema.models[foreign]).values()):
        raise invalid(
            "UNIQUE_FROM_FOREIGN_MODEL_VALIDATOR_FAILED",
            f"Field `{name}` equals the `{field}` of a {foreign}.",
        )


def _x509(rule: Rule, value: Value, name: str, work: Work, obj: Obj) -> None:
    text = str(value)
    if rule.get("allow_crt") and is_certificate(text):
        return
    if rule.get("allow_csr") and is_signing_request(text):
        return
    if (rule.get("allow_prv") or rule.get("allow_rsa") or rule.get("allow_ecprv")) and is_private_key(text):
        return
    raise invalid("X509_VALIDATOR_INVALID_VALUE", f"Field `{name}` is no certificate or key of the kind wanted.")


Validator = Callable[[Rule, Any, str, "Work", "Obj"], None]
VALIDATORS: dict[str, Validator] = {
    "LengthValidator": _length,
    "NumericRangeValidator": _range,
    "IPAddressValidator": _ip,
    "SubnetValidator": _subnet,
    "HostnameValidator": _hostname,
    "MACAddressValidator": _mac,
    "EmailAddressValidator": _email,
    "URLValidator": _url,
    "RegexValidator": _regex,
    "HexValidator": _hex,
    "FilterNameValidator": _filter_name,
    "UniqueFromForeignModelValidator": _unique_elsewhere,
    "X509Validator": _x509,
}

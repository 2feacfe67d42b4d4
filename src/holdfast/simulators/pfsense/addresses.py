"""Addresses and ports of rules: interfaces, aliases, keywords and inversion (contract §7.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.pfsense import syntax
from holdfast.simulators.pfsense.answers import invalid
from holdfast.simulators.pfsense.schema import Field

if TYPE_CHECKING:
    from holdfast.simulators.pfsense.work import Work


def check_filter_address(work: Work, field: Field, value: str) -> None:
    """`addr` of the contract: address, subnet, alias, any, (self), l2tp, pppoe, interface or its `:ip`; `!` inverts."""
    text = value.removeprefix("!") if "invert" in field.allows else value
    plain = text in ("any", "(self)", "l2tp", "pppoe")
    allowed = (
        (text == "any" and "any" in field.allows and value != "!any")
        or (text == "(self)" and "self" in field.allows)
        or (text == "l2tp" and "l2tp" in field.allows)
        or (text == "pppoe" and "pppoe" in field.allows)
        or (not plain and _is_network_word(work, field, text))
    )
    if not allowed:
        raise invalid("FILTER_ADDRESS_FIELD_INVALID", f"Field `{field.name}` is not a valid filter address: `{value}`.")


def _is_network_word(work: Work, field: Field, text: str) -> bool:
    name, separator, suffix = text.rpartition(":")
    interfaces = work.interface_names()
    return (
        ("ipaddr" in field.allows and syntax.is_ip(text))
        or ("subnet" in field.allows and syntax.is_subnet(text))
        or ("interface" in field.allows and text in interfaces)
        or ("interface_ip" in field.allows and bool(separator) and suffix == "ip" and name in interfaces)
        or ("interface_groups" in field.allows and text in work.interface_groups())
        or ("alias" in field.allows and work.machine.has_alias(work.tree, text, ("host", "network")))
    )


def check_special_network(work: Work, field: Field, value: str) -> None:
    """`net` of the contract: a subset of the above without inversion, as the field allows."""
    if value in field.allowed_keywords or _is_network_word(work, field, value):
        return
    raise invalid("SPECIAL_NETWORK_FIELD_INVALID", f"Field `{field.name}` has an invalid value: `{value}`.")


def check_port(work: Work, field: Field, value: str) -> None:
    """`port` of the contract: a port as text, a range `low:high` or a port alias where allowed."""
    allowed = (
        syntax.is_port(value)
        or ("range" in field.allows and ":" in value and syntax.is_port_range(value))
        or ("alias" in field.allows and work.machine.has_alias(work.tree, value, ("port",)))
        or value in field.allowed_keywords
    )
    if not allowed:
        raise invalid("PORT_FIELD_INVALID", f"Field `{field.name}` must be a valid port. Received `{value}`.")

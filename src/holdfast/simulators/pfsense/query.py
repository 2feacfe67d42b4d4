"""Filters, sorting and paging of plural endpoints (contract §6)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from functools import cmp_to_key
from typing import Any, Protocol, TypeVar

from holdfast.simulators.pfsense import php, syntax
from holdfast.simulators.pfsense.answers import not_found
from holdfast.simulators.pfsense.versions import Persona


class Queryable(Protocol):
    """What a query looks at."""

    id: int | str | None
    parent_id: int | str | None
    values: dict[str, Any]


T = TypeVar("T")
Q = TypeVar("Q", bound=Queryable)


def _contains(value: object, wanted: object) -> bool:
    if isinstance(value, list):
        return any(php.equals(item, wanted) for item in value)
    return str(wanted) in value if isinstance(value, str) else False


def _in(value: object, wanted: object) -> bool:
    if isinstance(wanted, list):
        return any(php.equals(value, item) for item in wanted)
    return isinstance(wanted, str) and isinstance(value, str) and value in wanted


def _regex(value: object, pattern: object) -> bool:
    """PCRE needs delimiters; without them PHP only warns and nothing matches (contract §6)."""
    match = re.match(r"([^\w\s\\])(.*)\1([imsxu]*)\Z", str(pattern), re.DOTALL)
    if match is None or not isinstance(value, str | int | float):
        return False
    flags = 0
    for letter, flag in (("i", re.IGNORECASE), ("m", re.MULTILINE), ("s", re.DOTALL), ("x", re.VERBOSE)):
        flags |= flag if letter in match[3] else 0
    try:
        return re.search(match[2], str(value), flags) is not None
    except re.error:
        return False


def _format(value: object, wanted: object) -> bool:
    text = "" if value is None else str(value)
    checks: dict[str, Callable[[str], bool]] = {
        "ipv4": syntax.is_ipv4,
        "ipv6": syntax.is_ipv6,
        "ip": syntax.is_ip,
        "subnetv4": lambda t: syntax.is_subnet(t) and ipaddress.ip_interface(t).version == 4,
        "subnetv6": lambda t: syntax.is_subnet(t) and ipaddress.ip_interface(t).version == 6,
        "subnet": syntax.is_subnet,
        "numeric": lambda t: php.number_of(t) is not None,
        "email": syntax.is_email,
        "url": syntax.is_url,
        "mac": syntax.is_mac,
        "fqdn": syntax.is_fqdn,
        "hostname": syntax.is_hostname,
        "port": syntax.is_port,
        "portrange": syntax.is_port_range,
        "alias": syntax.is_alias_name,
    }
    check = checks.get(str(wanted))
    return check is not None and check(text)


def _text(test: Callable[[str, str], bool]) -> Callable[[object, object], bool]:
    return lambda value, wanted: isinstance(value, str) and test(value, str(wanted))


FILTERS: dict[str, Callable[[object, object], bool]] = {
    "exact": php.equals,
    "except": lambda value, wanted: not php.equals(value, wanted),
    "startswith": _text(str.startswith),
    "endswith": _text(str.endswith),
    "contains": _contains,
    "in": _in,
    "lt": lambda value, wanted: php.compare(value, wanted) < 0,
    "lte": lambda value, wanted: php.compare(value, wanted) <= 0,
    "gt": lambda value, wanted: php.compare(value, wanted) > 0,
    "gte": lambda value, wanted: php.compare(value, wanted) >= 0,
    "regex": _regex,
    "format": _format,
}


def _filter_named(name: str, persona: Persona) -> Callable[[object, object], bool]:
    known = (
        name in FILTERS and (name != "in" or persona.has_in_filter) and (name != "format" or persona.has_plural_delete)
    )
    if not known:
        raise not_found("QUERY_FILTER_NOT_FOUND", f"Query filter with name `{name}` does not exist.")
    return FILTERS[name]


def _target(target: str, persona: Persona) -> tuple[str, Callable[[object, object], bool]]:
    field, separator, name = target.rpartition("__")
    if not separator:
        return target, FILTERS["exact"]
    return field, _filter_named(name, persona)


def matches(objects: Iterable[Q], params: dict[str, Any], persona: Persona) -> list[Q]:
    """Objects that match every parameter; a name that is no field matches everything (contract §6, §10.1)."""
    return [candidate for candidate in objects if _is_match(candidate, params, persona)]


def _is_match(candidate: Queryable, params: dict[str, Any], persona: Persona) -> bool:
    for target, wanted in params.items():
        field, test = _target(target, persona)
        if field == "id":
            value: object = candidate.id
        elif field == "parent_id":
            value = candidate.parent_id
        elif field in candidate.values:
            value = candidate.values[field]
        else:
            continue
        if not test(value, wanted):
            return False
    return True


def ordered(objects: list[Q], fields: Iterable[str], order: str, flags: str) -> list[Q]:
    """Objects sorted by fields, as array_multisort does with one order and one flag for all of them."""
    names = list(fields)

    def values_of(candidate: Queryable) -> list[object]:
        return [candidate.id if name == "id" else candidate.values.get(name) for name in names]

    def by_flag(left: object, right: object) -> int:
        if flags == "SORT_NUMERIC":
            a, b = php.number_of(left) or 0.0, php.number_of(right) or 0.0
            return (a > b) - (a < b)
        if flags in ("SORT_STRING", "SORT_LOCALE_STRING", "SORT_FLAG_CASE", "SORT_NATURAL"):
            one, two = ("" if v is None else str(v) for v in (left, right))
            if flags == "SORT_FLAG_CASE":
                one, two = one.lower(), two.lower()
            if flags == "SORT_NATURAL":
                keys = php.natural_key(one), php.natural_key(two)
                return (keys[0] > keys[1]) - (keys[0] < keys[1])
            return (one > two) - (one < two)
        return php.compare(left, right)

    def by_fields(left: Q, right: Q) -> int:
        for one, two in zip(values_of(left), values_of(right), strict=True):
            verdict = by_flag(one, two)
            if verdict:
                return -verdict if order == "SORT_DESC" else verdict
        return 0

    return sorted(objects, key=cmp_to_key(by_fields))


def page(items: list[T], limit: int, offset: int) -> list[T]:
    """The part of a list that limit and offset name; 0 is no limit, beyond the end is nothing."""
    if not limit and not offset:
        return items
    return items[offset : offset + limit] if limit else items[offset:]

"""Requests held against the Redfish standard (`redfish_facts.json`) and Dell's additions (`dell_facts.py`).

Neither was made from the client or from the simulator. Addresses are checked as addresses of these kinds of resources,
not as the ones to be used: clients discover those.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, Final

from holdfast.simulators.base import Arrival
from tests.appliances.idrac import dell_facts
from tests.appliances.idrac.dell_facts import Kind
from tests.support.schemacoverage import count

_FILE: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("redfish_facts.json").read_text(encoding="utf-8"))
FACTS: Final[dict[str, Any]] = _FILE["types"]
BASE: Final[dict[str, list[int]]] = _FILE["base"]
"""Message ids of the DMTF's Base registry, with the numbers of arguments that they take."""
_ANNOTATIONS: Final[dict[str, Kind]] = {
    "@Redfish.OperationApplyTime": "string: Immediate|OnReset",
    "@Redfish.SettingsApplyTime": {"ApplyTime": "*string: Immediate|OnReset"},
}
_JOB: Final = re.compile(r"(?:JID|RID)_\d+|JID_CLEARALL(?:_FORCE)?")
_ID: Final = re.compile(r"[A-Za-z0-9_.:\-]+(?:%23[A-Za-z0-9_.:\-]+)?")
_QUERIES: Final = {
    "$expand": re.compile(r"[*.~]\(\$levels=1\)"),
    "$skip": re.compile(r"[1-9]\d*"),
    "$select": re.compile(r"[A-Za-z][\w./]*(?:,[A-Za-z][\w./]*)*"),
    "$filter": re.compile(r"\w+ (?:eq|ge|le) '[^']*'(?: and \w+ (?:eq|ge|le) '[^']*')*"),
}


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = (_ID.pattern if part.startswith("{") else re.escape(part) for part in template.strip("/").split("/"))
    return re.compile("/" + "/".join(parts))


def types_at(path: str) -> list[str]:
    """Types of resources that the standard has at this address."""
    found = [name for name, known in FACTS.items() if any(_pattern(uri).fullmatch(path) for uri in known["uris"])]
    return found + [name for uri, name in dell_facts.FLAT.items() if _pattern(uri).fullmatch(path)]


def source(method: str, path: str) -> str:
    """Who describes a request: the standard, or Dell by the contract."""
    owner, _, action = path.partition("/Actions/")
    if action:
        return "standard" if any(action in FACTS[name]["actions"] for name in types_at(owner)) else "contract"
    known = any(_pattern(one).fullmatch(path) for allowed, one in dell_facts.WRITES if allowed == method)
    return "standard" if types_at(path.removesuffix("/Settings")) and not known else "contract"


def problems(method: str, path: str, query: dict[str, str], body: bytes) -> list[str]:
    """What is wrong with a request; empty when nothing is."""
    where = f"{method} {path}"
    found = [f"{where}: {problem}" for problem in _query_problems(method, query)]
    if method == "GET":
        if not types_at(path) and not any(_pattern(one).fullmatch(path) for one in dell_facts.GETS):
            found.append(f"{where}: neither the standard nor the contract has this address")
        return found
    expected = _expected(method, path)
    if expected is None:
        return [*found, f"{where}: neither the standard nor the contract allows this"]
    if expected == "multipart":
        return found
    if expected == "nothing":
        return [*found, f"{where}: a body"] if body else found
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        return [*found, f"{where}: no JSON"]
    return [*found, *(f"{where}: {problem}" for problem in kind_misfits("body", content, expected))]


def _query_problems(method: str, query: dict[str, str]) -> list[str]:
    wrong = [
        f"query {name}={value}"
        for name, value in query.items()
        if name not in _QUERIES or not _QUERIES[name].fullmatch(value)
    ]
    return wrong if method == "GET" else [f"query {name}" for name in query]


def _expected(method: str, path: str) -> Kind | None:
    """What the body must be; None when there must be no such request."""
    for (allowed, template), kind in dell_facts.WRITES.items():
        if allowed == method and _pattern(template).fullmatch(path):
            return "nothing" if kind is None else kind
    owner, _, action = path.partition("/Actions/")
    if action:
        return _action(owner, action) if method == "POST" else None
    resource = path.removesuffix("/Settings")
    for name in types_at(resource):
        if method in FACTS[name]["methods"]:
            return _content(name, method)
    return None


def _action(owner: str, action: str) -> Kind | None:
    last = action.rpartition("/")[2]
    plain = re.sub(r"^(?:EID_674_Manager|OemManager)\.", "", last)
    if plain in dell_facts.ACTIONS:
        return dell_facts.ACTIONS[plain]
    for name in types_at(owner):
        if last in FACTS[name]["actions"]:
            return {**FACTS[name]["actions"][last], **_ANNOTATIONS}
    return None


def _content(name: str, method: str) -> Kind | None:
    if method == "DELETE":
        return "nothing"
    if method == "POST":
        name = name.removesuffix("Collection")
    known: dict[str, Kind] = {**FACTS[name]["properties"], **_ANNOTATIONS}
    if method == "POST":
        # What only the creation may tell is read-only from then on.
        known |= {one: "any" for one in FACTS[name]["readonly"] if one in ("RAIDType", "UserName", "Password", "Name")}
        known |= dell_facts.CREATING.get(name, {})
    return {one: dell_facts.NESTED.get(one, kind) for one, kind in known.items()}


def kind_misfits(where: str, value: object, kind: Kind) -> list[str]:
    """How a value is not of a kind; empty when it is."""
    if isinstance(kind, dict):
        return _object_misfits(where, value, kind)
    if isinstance(kind, list):
        if not isinstance(value, list):
            return [f"{where} is no array"]
        return [wrong for one in value for wrong in kind_misfits(f"{where}[]", one, kind[0])]
    text = str(kind).lstrip("*")
    if text == "any":
        return []
    types, _, values = text.partition(": ")
    if types == "scp":
        several = value if isinstance(value, list) else [value]
        return [f"{where} is {one!r}" for one in several if one not in values.split("|")]
    if not any(_is(value, one) for one in types.split("|")):
        return [f"{where} is {type(value).__name__}, not {types}"]
    if values and isinstance(value, str) and value not in values.split("|"):
        return [f"{where} is {value!r}, not one of {values}"]
    return []


def _object_misfits(where: str, value: object, kind: dict[str, Kind]) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    wrong = [f"{where}.{name} is unknown" for name in value if name not in kind]
    wrong += [f"{where}.{name} is missing" for name, one in kind.items() if _needed(one) and name not in value]
    return wrong + [
        one for name, inner in value.items() if name in kind for one in kind_misfits(name, inner, kind[name])
    ]


def _needed(kind: Kind) -> bool:
    return isinstance(kind, str) and kind.startswith("*")


def _is(value: object, kind: str) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)


def jobs_are_jobs(path: str) -> bool:
    """Whether what stands at the place of a job's id in an address is one."""
    found = re.search(r"/(?:Jobs|Tasks|TaskMonitors)/([^/]+)", path)
    return found is None or _JOB.fullmatch(found[1]) is not None


def hold(release: str, tool: str, arrivals: list[Arrival]) -> None:
    """Hold requests to their descriptions, and count them."""
    assert arrivals
    outcomes: Counter[str] = Counter()
    for one in arrivals:
        found = problems(one.method, one.path, dict(one.query), one.body if one.body_complete else b"")
        outcomes["refused" if found else source(one.method, one.path)] += 1
        assert found == []
        assert jobs_are_jobs(one.path)
    count(release, tool, dict(outcomes))

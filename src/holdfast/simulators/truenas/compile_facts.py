"""Writes `facts.jsonl` from the vendor's machine-readable method models.

    python -m holdfast.simulators.truenas.compile_facts SCHEMA_DIRECTORY

The directory holds `truenas-25.04.jsonl` and `truenas-25.10.jsonl`. Only methods that the simulator serves are kept;
schemas that occur more than once are shared.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from holdfast.simulators.truenas.errors import Row
from holdfast.simulators.truenas.facts import REF, vendor_facts
from holdfast.simulators.truenas.releases import facts_of

RELEASES = ("25.04", "25.10")
SHARE_FROM_CHARACTERS = 40
_JOB_DEFAULTS: Row = {
    "lock": None,
    "lock_queue_size": 5,
    "logs": False,
    "process": False,
    "pipes": [],
    "check_pipes": True,
    "transient": False,
    "abortable": False,
    "read_roles": [],
}


def _key(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def read_vendor(directory: Path, release: str) -> dict[str, Row]:
    """The vendor's rows of one release, by method name."""
    text = (directory / f"truenas-{release}.jsonl").read_text(encoding="utf-8")
    rows = (json.loads(line) for line in text.splitlines())
    return {row["method"]: row for row in rows}


def entry_of(row: Row) -> Row:
    """The facts of one vendor row that the simulator uses."""
    entry: Row = {"method": row["method"]}
    if row["params"]:
        # A hidden parameter (`really_run`) is listed without a schema; callers cannot give it.
        pairs = zip(row["params"], row["accepts"], strict=False)
        entry["params"] = [[param["name"], int(param["required"]), schema] for param, schema in pairs]
    entry["returns"] = row["returns"][0] if row["returns"] else {}
    if row["roles"]:
        entry["roles"] = row["roles"]
    if row["no_auth"] or row["no_authz"]:
        entry["auth"] = "none" if row["no_auth"] else "any"
    if row["job"]:
        entry["job"] = {key: value for key, value in row["job_opts"].items() if value != _JOB_DEFAULTS[key]}
    return entry


def _rebuilt(schema: Row, change: Callable[[Row], Row]) -> Row:
    """A schema with each schema directly inside it changed."""
    result: Row = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties"):
            result[key] = {name: change(member) for name, member in value.items()}
        elif isinstance(value, dict) and key in ("items", "additionalProperties", "propertyNames"):
            result[key] = change(value)
        elif isinstance(value, list) and key in ("items", "anyOf", "oneOf", "allOf", "prefixItems"):
            result[key] = [change(member) for member in value]
        else:
            result[key] = value
    return result


def _walk(schema: Row, counts: Counter[str]) -> None:
    """Count a schema and every schema inside it."""

    def inner(member: Row) -> Row:
        _walk(member, counts)
        return member

    _rebuilt(schema, inner)
    counts[_key(schema)] += 1


def compile_facts(vendor: dict[str, dict[str, Row]], served: Iterable[str]) -> list[str]:
    """The lines of `facts.jsonl` for the served methods."""
    wanted = set(served)
    entries: dict[str, Row] = {}
    for release in RELEASES:
        for name, row in vendor[release].items():
            if name not in wanted:
                continue
            entry = entry_of(row)
            entries.setdefault(_key(entry), {**entry, "in": []})["in"].append(release)
    counts: Counter[str] = Counter()
    for entry in entries.values():
        for schema in [entry["returns"], *(schema for _, _, schema in entry.get("params", ()))]:
            _walk(schema, counts)
    shared = {
        text: f"d{number}"
        for number, text in enumerate(
            text for text, times in counts.items() if times > 1 and len(text) > SHARE_FROM_CHARACTERS
        )
    }

    def short(schema: Row, *, top: bool = False) -> Row:
        name = shared.get(_key(schema))
        return {REF: name} if name is not None and not top else _rebuilt(schema, short)

    lines = [{"shared": name, "schema": short(json.loads(text), top=True)} for text, name in shared.items()]
    for entry in sorted(entries.values(), key=lambda entry: (entry["method"], entry["in"])):
        compact = {**entry, "returns": short(entry["returns"])}
        if "params" in entry:
            compact["params"] = [[name, required, short(schema)] for name, required, schema in entry["params"]]
        lines.append(compact)
    return [json.dumps(line, separators=(",", ":")) for line in lines]


def write_facts(directory: Path, target: Path) -> None:
    """Write the facts of all methods first, because a box must be built to know which of them it serves."""
    vendor = {release: read_vendor(directory, release) for release in RELEASES}
    everything = {name for rows in vendor.values() for name in rows}
    _write(target, compile_facts(vendor, everything))
    vendor_facts.cache_clear()
    facts_of.cache_clear()
    from holdfast.simulators.truenas.methods import vendor_names

    _write(target, compile_facts(vendor, vendor_names()))
    vendor_facts.cache_clear()
    facts_of.cache_clear()


def _write(target: Path, lines: list[str]) -> None:
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_facts(Path(sys.argv[1]), Path(__file__).with_name("facts.jsonl"))

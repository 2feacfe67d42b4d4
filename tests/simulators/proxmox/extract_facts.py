"""Derive the simulator's compact table of methods from the vendor's schemas.

`python tests/simulators/proxmox/extract_facts.py` writes `src/holdfast/simulators/proxmox/data/methods.json` anew;
`test_facts.py` holds the committed table against the schemas whenever they are present.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
TABLE = ROOT / "src" / "holdfast" / "simulators" / "proxmox" / "data" / "methods.json"
RELEASES = ("9.1", "8.4")

_KEPT = (
    "type",
    "optional",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "default",
    "requires",
    "alias",
    "keyAlias",
    "default_key",
    "type-property",
    "instance-types",
)


def schema_directory() -> Path:
    """Where the vendor's schemas are expected: `HOLDFAST_SCHEMAS` or `../shared/schemas` beside the repository."""
    return Path(os.environ.get("HOLDFAST_SCHEMAS") or ROOT.parent / "shared" / "schemas")


def vendor_methods(release: str) -> list[dict[str, Any]]:
    """The vendor's description of every method of one release; OSError when the file is not there."""
    lines = (schema_directory() / f"proxmox-{release}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


def _facts(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {key: schema[key] for key in _KEPT if key in schema}
    layout = schema.get("format")
    if isinstance(layout, dict):
        kept["keys"] = {name: _facts(part) for name, part in layout.items()}
    elif layout:
        kept["format"] = layout
    if "items" in schema:
        kept["items"] = _facts(schema["items"])
    if "properties" in schema:
        kept["properties"] = {name: _facts(part) for name, part in schema["properties"].items()}
    if "oneOf" in schema:
        kept["oneOf"] = [_facts(part) for part in schema["oneOf"]]
    return kept


class _Interned:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self._index: dict[str, int] = {}

    def add(self, value: object) -> int:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        if text not in self._index:
            self._index[text] = len(self.lines)
            self.lines.append(text)
        return self._index[text]


def table_text() -> str:
    """The whole table as the text of `methods.json`: one fact a line, 8.4 only where it differs from 9.1."""
    schemas, rules = _Interned(), _Interned()
    releases: dict[str, dict[str, str]] = {}
    for release in RELEASES:
        methods: dict[str, str] = {}
        for entry in vendor_methods(release):
            parameters = entry["parameters"]
            flags = "".join(
                letter
                for letter, present in (
                    ("t", entry.get("allowtoken")),
                    ("p", entry.get("protected")),
                    ("n", entry.get("proxyto") == "node"),
                    ("d", entry.get("download_allowed")),
                    ("o", parameters.get("additionalProperties", 1)),
                )
                if present
            )
            properties = {
                name: schemas.add(_facts(part)) for name, part in (parameters.get("properties") or {}).items()
            }
            fact = [flags, rules.add(entry.get("permissions")), properties]
            methods[entry["endpoint"]] = json.dumps(fact, separators=(",", ":"))
        releases[release] = methods
    newest, older = releases["9.1"], releases["8.4"]
    difference = {name: older.get(name, "null") for name in {**newest, **older} if newest.get(name) != older.get(name)}
    parts = [
        '"schemas":[\n' + ",\n".join(schemas.lines) + "\n]",
        '"rules":[\n' + ",\n".join(rules.lines) + "\n]",
    ]
    for release, methods in (("9.1", newest), ("8.4", difference)):
        rows = (f"{json.dumps(name)}:{methods[name]}" for name in sorted(methods))
        parts.append(f'"{release}":{{\n' + ",\n".join(rows) + "\n}")
    return "{" + ",\n".join(parts) + "}\n"


if __name__ == "__main__":
    TABLE.write_text(table_text(), encoding="utf-8")

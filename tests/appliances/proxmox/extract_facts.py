"""Derive facts of the API from the vendor's schemas: its readable paths, and the alternatives of its permission rules.

`python -m tests.appliances.proxmox.extract_facts` writes the files in `src/holdfast/appliances/proxmox/facts/` anew;
`test_raw.py` and `test_grants.py` hold the committed files against the schemas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import schema_lines

FOLDER = Path(__file__).resolve().parents[3] / "src/holdfast/appliances/proxmox/facts"
_LEFT_OUT = re.compile(
    r"websocket|/rrd$|file-read|file-restore|exec-status|/access/(ticket|openid|tfa)|/scan/(cifs|pbs)|/report$"
    r"|/ceph/cfg/(raw|db)|/cluster/config/join$|/sendkey|/mtunnel|/users/\{userid\}/tfa"
)
Facts = dict[str, dict[str, str]]


def reads(release: str) -> Facts:
    """Path → parameter → type of all GETs that are not left out."""
    found: Facts = {}
    for line in schema_lines(f"proxmox-{release}.jsonl"):
        method, path = line["endpoint"].split(" ")
        if method != "GET" or _LEFT_OUT.search(path):
            continue
        parameters: dict[str, str] = {}
        for name, schema in sorted((line["parameters"].get("properties") or {}).items()):
            if f"{{{name}}}" in path or "password" in name:
                continue
            kind = "|".join(map(str, schema["enum"])) if schema.get("enum") else str(schema.get("type", "string"))
            parameters[name if schema.get("optional") else f"*{name}"] = kind
        found[path] = parameters
    return found


def reads_document() -> str:
    """The whole of reads.json: release 9.1, and how 8.4 differs (null: not there)."""
    new, old = reads("9.1"), reads("8.4")
    differs: dict[str, dict[str, str] | None] = {
        path: old.get(path) for path in sorted({*new, *old}) if new.get(path) != old.get(path)
    }
    parts = []
    for release, facts in (("9.1", new), ("8.4", differs)):
        lines = ",\n".join(
            f"{json.dumps(path)}:{json.dumps(facts[path], separators=(',', ':'))}" for path in sorted(facts)
        )
        parts.append(f'"{release}":{{\n{lines}\n}}')
    return "{" + ",\n".join(parts) + "}\n"


def alternatives() -> dict[str, list[str]]:
    """Endpoint → `PRIVILEGES on PATH` for each alternative of its rule: only such rules are refused without a word."""
    found: dict[str, list[str]] = {}
    for release in ("8.4", "9.1"):
        for line in schema_lines(f"proxmox-{release}.jsonl"):
            if wanted := list(_alternatives((line.get("permissions") or {}).get("check"))):
                found[line["endpoint"]] = wanted
    return found


def _alternatives(rule: Any) -> Iterator[str]:
    match rule:
        case ["and", *parts]:
            for part in parts:
                yield from _alternatives(part)
        case ["or", *parts]:
            for part in parts:
                if granted := " and ".join(_granted(part)):
                    yield granted


def _granted(rule: Any) -> Iterator[str]:
    """What satisfies a rule; nothing for the one about the caller's own account, which nobody can grant."""
    match rule:
        case ["and", *parts]:
            for part in parts:
                yield from _granted(part)
        case ["perm", path, privileges, *_]:
            yield f"{' and '.join(privileges)} on {path}"
        case ["userid-group", privileges, *_]:
            yield f"{' or '.join(privileges)} on /access/groups"
        case ["userid-param", privilege] if privilege != "self":
            yield f"{privilege} on /access"


def alternatives_document() -> str:
    """The whole of alternatives.json."""
    return json.dumps(alternatives(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    (FOLDER / "reads.json").write_text(reads_document(), encoding="utf-8")
    (FOLDER / "alternatives.json").write_text(alternatives_document(), encoding="utf-8")

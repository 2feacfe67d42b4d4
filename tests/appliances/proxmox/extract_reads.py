"""Derive the readable paths of the API from the vendor's schemas.

`python -m tests.appliances.proxmox.extract_reads` writes `src/holdfast/appliances/proxmox/facts/reads.json` anew;
`test_raw.py` holds the committed file against the schemas.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support import schema_lines

TARGET = Path(__file__).resolve().parents[3] / "src/holdfast/appliances/proxmox/facts/reads.json"
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


def document() -> str:
    """The whole file: release 9.1, and how 8.4 differs (null: not there)."""
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


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(document(), encoding="utf-8")

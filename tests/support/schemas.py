"""The vendors' machine-readable API descriptions, which live beside the repository."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "schemas"


def schemas_dir() -> Path:
    """The folder of the schemas: HOLDFAST_SCHEMAS, else `../shared/schemas` beside the repository.

    Where there is none the test is skipped, but fails in CI (the variable CI is set), so that nobody takes a run
    without schemas for a complete one.
    """
    named = os.environ.get("HOLDFAST_SCHEMAS")
    folder = Path(named) if named else _BESIDE
    if folder.is_dir():
        return folder
    reason = f"the vendors' schemas are not at {folder}; set HOLDFAST_SCHEMAS to their folder"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@cache
def _lines(path: Path) -> tuple[dict[str, Any], ...]:
    with path.open(encoding="utf-8") as lines:
        return tuple(json.loads(line) for line in lines if line.strip())


def schema_lines(name: str) -> tuple[dict[str, Any], ...]:
    """The objects of one schema file (`schema_lines("proxmox-9.1.jsonl")`), read once; do not change them."""
    return _lines(schemas_dir() / name)

"""Each room keeps a graded checklist, and says honestly what is done."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOMS = Path(__file__).resolve().parents[2] / "src" / "holdfast" / "appliances"
FILES = sorted(ROOMS.glob("*/quality.toml"))
LEVELS = ("bronze", "silver", "gold", "platinum")


def rules(file: Path) -> dict[str, dict[str, str]]:
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    assert set(found) == {"rules"}
    return dict(found["rules"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_every_rule_has_a_level_and_a_status_and_a_reason_where_it_is_not_done(file: Path) -> None:
    for name, rule in rules(file).items():
        assert rule["level"] in LEVELS, name
        assert rule["status"] in ("done", "todo", "exempt"), name
        assert rule["status"] == "done" or rule.get("reason"), f"{name} is not done and gives no reason"
        assert set(rule) <= {"level", "status", "reason"}


COMMON = {
    "circuit",
    "config_errors",
    "docs",
    "lost_reply",
    "paging",
    "quarantine",
    "read_back",
    "retries",
    "scale",
    "schema_coverage",
    "typed_models",
    "undo",
    "unique_identity",
    "untrusted_cleaned",
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_rooms_are_graded_by_the_same_rules_and_some_of_their_own(file: Path) -> None:
    assert set(rules(file)) >= COMMON


@pytest.mark.parametrize("kind", ["pfsense", "truenas", "idrac", "proxmox"])
def test_each_room_has_the_files_of_the_plan(kind: str) -> None:
    room = ROOMS / kind
    for name in ("__init__.py", "settings.py", "session.py", "errors.py", "tools/__init__.py"):
        if (kind, name) == ("truenas", "session.py"):
            name = "auth.py"  # the guide's name for it
        assert (room / name).is_file(), f"{kind} has no {name}"
    for name in ("client", "models"):
        assert (room / f"{name}.py").is_file() or (room / name).is_dir(), f"{kind} has no {name}"

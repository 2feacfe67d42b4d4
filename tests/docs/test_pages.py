"""What the pages name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PATH = re.compile(r"`((?:src|tests|docs|benchmarks|scripts)/[A-Za-z0-9_./-]*)`")
LINK = re.compile(r"\]\(([^)#:]+)\)")
COMMAND = re.compile(r"`?holdfast ([a-z]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_and_link_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in PATH.findall(text):
        assert (ROOT / name).exists(), f"{page.name} names {name}"
    for link in LINK.findall(text):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_command_in_the_readme_exists() -> None:
    from holdfast.cli import audit, commands, simulate

    known = {
        command.name or command.callback.__name__ for command in commands.app.registered_commands if command.callback
    }
    known |= {group.name for group in commands.app.registered_groups if group.name}
    known |= {"audit", simulate.simulate.__name__, "mcp", "home"}
    assert audit.app.registered_commands
    named = set(COMMAND.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    assert named <= known, named - known

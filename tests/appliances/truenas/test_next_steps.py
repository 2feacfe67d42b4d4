"""Every refusal of the room says what to do next, and names only tools that there are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from holdfast.appliances import truenas
from holdfast.control.inventory import load_catalogue

ROOM = Path(truenas.__path__[0])
REFUSALS = ("ConflictError", "NotFoundError", "UnavailableError", "UnsupportedError")
"""Errors that have no next step of their own."""
TOOLS = {entry.name for entry in load_catalogue(("truenas",)).entries}


def calls() -> Iterator[tuple[str, ast.Call]]:
    for file in sorted(ROOM.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSALS:
                yield f"{file.relative_to(ROOM)}:{node.lineno}", node


def test_every_refusal_says_what_to_do_next() -> None:
    found = list(calls())
    assert len(found) > 100
    assert [place for place, node in found if not any(word.arg == "next_step" for word in node.keywords)] == []


def test_every_tool_that_the_room_names_to_a_reader_exists() -> None:
    texts = "\n".join(file.read_text() for file in sorted(ROOM.rglob("*.py")))
    named = set(re.findall(r"\btruenas_[a-z_]*[a-z]\b", texts)) - {"truenas_api"}
    assert {name for name in named if name not in TOOLS} == set()

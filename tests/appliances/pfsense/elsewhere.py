"""What somebody else does to the firewall meanwhile, in the web interface."""

from __future__ import annotations

from typing import Any

from tests.appliances.pfsense.conftest import simulator
from tests.support.rooms import Room


def stored(fw: Room, path: str) -> list[dict[str, Any]]:
    """Objects as they are stored."""
    rows: list[dict[str, Any]] = simulator(fw).machine.store.current.nodes[path]
    return rows


def edit(fw: Room, path: str, rows: list[dict[str, Any]]) -> None:
    """Replace a stored list."""
    store = simulator(fw).machine.store
    tree = store.current.copy()
    tree.nodes[path] = rows
    store.current = tree


def edit_one(fw: Room, path: str, **values: Any) -> None:
    """Change a stored object that is no list."""
    store = simulator(fw).machine.store
    tree = store.current.copy()
    tree.nodes[path] = {**tree.nodes[path], **values}
    store.current = tree


def rules(fw: Room) -> list[str]:
    """Descriptions of the stored rules, in their order."""
    return [row["descr"] for row in stored(fw, "filter/rule")]


def tracker_of(fw: Room, description: str) -> str:
    """The tracker of the stored rule with this description: what names it for the tools."""
    return next(str(row["tracker"]) for row in stored(fw, "filter/rule") if row["descr"] == description)

"""`holdfast tools`: every tool, its toolset and risk, and whether it is listed with this configuration."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from holdfast.appliances.kinds import KINDS, settings_classes
from holdfast.config import default_config_path, load_config
from holdfast.control.inventory import ESTATE, load_catalogue


def show(config_file: Path | None, *, as_json: bool) -> None:
    """Print the tools; without any configuration, what there is."""
    path = config_file or default_config_path()
    listed: frozenset[str] | None = None
    if config_file is not None or path.is_file():
        from holdfast.server.application import Application, Serving

        application = Application(load_config(path, settings_classes()), Serving())
        listed = frozenset(entry.name for entry in application.entries)
    catalogue = load_catalogue((*KINDS, ESTATE))
    if as_json:
        rows = [
            {
                "name": entry.name,
                "toolset": f"{entry.kind}:{entry.toolset}",
                "risk": entry.risk.value,
                "default": entry.default,
                "listed": None if listed is None else entry.name in listed,
            }
            for entry in catalogue.entries
        ]
        print(json.dumps(rows, indent=2))
        return
    table = Table("tool", "toolset", "risk", "listed", title=None if listed is None else f"with {path}")
    for entry in catalogue.entries:
        shown = (
            ("yes" if entry.default else "by toolset") if listed is None else "yes" if entry.name in listed else "no"
        )
        table.add_row(entry.name, f"{entry.kind}:{entry.toolset}", entry.risk.value, shown)
    Console().print(table)

"""Prints what the security proofs of this room measured, so that a document can cite it."""

from __future__ import annotations

import pytest

from tests.transport.proofs import PREFIX


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per figure recorded with `proofs.record`."""
    figures: dict[str, float] = {}
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name.startswith(PREFIX) and isinstance(value, (int, float)):
                key = name.removeprefix(PREFIX)
                figures[key] = max(figures.get(key, value), value)
    if figures:
        terminalreporter.section("figures of the transport proofs (largest of each)")
        for name in sorted(figures):
            terminalreporter.write_line(f"{name} = {figures[name]:g}")

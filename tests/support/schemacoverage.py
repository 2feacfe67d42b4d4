"""Counts of requests that were held against a description of them, printed at the end of a run.

A test that does so calls `count`, and `call_took` with the number of requests of one call. Runs on several processes
are added up.
"""

from __future__ import annotations

from typing import Any

import pytest

_Counts = dict[str, dict[str, dict[str, int]]]
_counts: _Counts = {}
_requests: dict[str, int] = {}
_KEY = "holdfast_schema_coverage"
_MOST_KEY = "holdfast_most_requests"
_SHOWN = 8


def count(release: str, tool: str, outcomes: dict[str, int]) -> None:
    """Add what became of the requests of a tool: how many were valid by whose description, how many were not."""
    tools = _counts.setdefault(release, {})
    mine = tools.setdefault(tool, {})
    for outcome, number in outcomes.items():
        mine[outcome] = mine.get(outcome, 0) + number


def call_took(tool: str, requests: int) -> None:
    """Note how many requests one call of a tool took."""
    _requests[tool] = max(requests, _requests.get(tool, 0))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the counts of a worker process to the controller."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_KEY] = _counts
        output[_MOST_KEY] = _requests


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the counts of a worker process."""
    for release, tools in getattr(node, "workeroutput", {}).get(_KEY, {}).items():
        for tool, outcomes in tools.items():
            count(release, tool, outcomes)
    for tool, requests in getattr(node, "workeroutput", {}).get(_MOST_KEY, {}).items():
        call_took(tool, requests)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line a release."""
    if not _counts:
        return
    terminalreporter.section("requests held against their descriptions")
    for release, tools in sorted(_counts.items()):
        total: dict[str, int] = {}
        for outcomes in tools.values():
            for outcome, number in outcomes.items():
                total[outcome] = total.get(outcome, 0) + number
        every = sum(total.values())
        valid = every - total.get("refused", 0)
        parts = ", ".join(f"{number} by the {outcome}" for outcome, number in sorted(total.items()))
        share = 100 * valid / every if every else 0.0
        terminalreporter.write_line(f"{release}: {len(tools)} tools x {every} requests = {share:.1f} % valid ({parts})")
    most = sorted(_requests.items(), key=lambda pair: -pair[1])[:_SHOWN]
    if most:
        told = ", ".join(f"{tool} {requests}" for tool, requests in most)
        median = sorted(_requests.values())[len(_requests) // 2]
        terminalreporter.write_line(f"requests of one call, polls included: median {median}; most: {told}")

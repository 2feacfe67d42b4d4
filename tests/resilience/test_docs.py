"""docs/resilience.md: its snippets run, its tables are true, and it holds every snippet of the guide."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from types import CodeType
from typing import Final

import prometheus_client
import pytest

from holdfast.resilience import (
    Breaker,
    CircuitOpenError,
    Event,
    Executor,
    Policy,
    call_with_circuit_breaker_async,
    create_circuit_breaker,
    create_retry_decorator,
    default_classify,
    get_circuit_breaker_metrics,
    retry_with_circuit_breaker,
)
from holdfast.resilience.backoff import guide_wait
from holdfast.resilience.testing import set_testing

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "resilience.md").read_text(encoding="utf-8")
_BLOCK: Final = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)

IMPORTS: Final = {
    "from src.pfsense_client import HTTPPfSenseClient": "from holdfast.appliances.pfsense import HTTPPfSenseClient",
    "from src.truenas_client import TrueNASClient": "from holdfast.appliances.truenas import TrueNASClient",
    "from src.auth import AuthManager": "from holdfast.appliances.truenas import AuthManager",
    "from src.idrac_client import IDracClient": "from holdfast.appliances.idrac import IDracClient",
    "from src.proxmox_client import ProxmoxClient": "from holdfast.appliances.proxmox import ProxmoxClient",
    "from src.utils.resilience import get_circuit_breaker_metrics": (
        "from holdfast.resilience import get_circuit_breaker_metrics"
    ),
    "from tenacity import retry, stop_after_attempt, wait_exponential": (
        # the guide's snippet uses a name that it does not import
        "from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential"
    ),
}
"""The only changes made to the guide's snippets."""

LOG_LINES: Final = "# Retry attempt log\nWARNING: "
"""The one block of the guide that is marked as Python and holds log lines."""

SHELL: Final = "cd pfsense-mcp\npytest tests/test_resilience.py -v\n"
"""The one block of the guide that is for a shell; its tests are here."""


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return [match["code"] for match in _BLOCK.finditer(text) if match["language"] == language]


def guide() -> str:
    """The guide: HOLDFAST_GUIDE, else beside the repository. Without it the test is skipped, but fails in CI."""
    named = os.environ.get("HOLDFAST_GUIDE")
    path = Path(named) if named else ROOT.parent / "shared" / "RESILIENCE_GUIDE.seed.md"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    reason = f"the guide is not at {path.name} beside the repository; set HOLDFAST_GUIDE to its file"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def compiled(code: str, number: int) -> CodeType:
    """A snippet as code that may await at its top level."""
    made = compile(code, f"docs/resilience.md, snippet {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(made, CodeType)
    return made


async def test_every_snippet_of_the_page_runs_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": "page"}
    snippets = blocks(PAGE, "python")
    assert len(snippets) > 30
    collectors = set(prometheus_client.REGISTRY._collector_to_names)
    try:
        with set_testing(max_attempts=None):
            for number, snippet in enumerate(snippets, 1):
                running = eval(compiled(snippet, number), names)
                if inspect.iscoroutine(running):
                    await running
    finally:
        for collector in set(prometheus_client.REGISTRY._collector_to_names) - collectors:
            prometheus_client.REGISTRY.unregister(collector)
    printed = capsys.readouterr().out
    assert "'name': 'pfsense_api', 'state': 'closed'" in printed
    client = names["pfsense"]
    closing = client.close()  # type: ignore[attr-defined]  # a client
    if inspect.isawaitable(closing):
        await closing


def test_the_page_holds_every_snippet_of_the_guide_changed_only_in_its_imports() -> None:
    ours = blocks(PAGE, "python")
    seen = 0
    for snippet in blocks(guide(), "python"):
        if snippet.startswith(LOG_LINES):
            continue
        for old, new in IMPORTS.items():
            snippet = snippet.replace(f"{old}\n", f"{new}\n")
        assert snippet in ours, snippet
        seen += 1
    assert seen == 15


def test_the_page_holds_the_guides_log_lines() -> None:
    (lines,) = (block for block in blocks(guide(), "python") if block.startswith(LOG_LINES))
    promised = [line for line in lines.splitlines() if line and not line.startswith("#")]
    assert promised == "".join(blocks(PAGE, "text")).splitlines()
    assert len(promised) == 4


def test_nothing_else_is_in_the_guides_blocks() -> None:
    languages = {match["language"] for match in _BLOCK.finditer(guide())}
    assert languages == {"python", "bash"}
    assert blocks(guide(), "bash") == [SHELL]
    assert blocks(PAGE, "bash") == ["pytest tests/resilience -v\n"]


def test_the_pages_command_runs_the_eight_behaviours_of_the_guides_test_section() -> None:
    (command,) = blocks(PAGE, "bash")
    program, *arguments = shlex.split(command)
    assert program == "pytest"
    narrowed = [*arguments, "-k", "TheEight", "-p", "no:cacheprovider"]  # all of them would hold this one
    done = subprocess.run(
        [sys.executable, "-m", program, *narrowed], cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout
    passed = set(re.findall(r"::test_(\d)_\w+\S* PASSED", done.stdout))
    assert passed == set("12345678")


GUIDE_NAMES: Final = (
    Breaker,
    CircuitOpenError,
    Event,
    Executor,
    Policy,
    call_with_circuit_breaker_async,
    create_circuit_breaker,
    create_retry_decorator,
    default_classify,
    get_circuit_breaker_metrics,
    guide_wait,
    retry_with_circuit_breaker,
)
_SECTION: Final = re.compile(r'\(guide,\s+"([^"]+)"\)')


@pytest.mark.parametrize("thing", GUIDE_NAMES, ids=lambda thing: thing.__name__)
def test_what_the_guide_specifies_names_its_section(thing: object) -> None:
    headings = {re.sub(r"^\d+\. ", "", text) for text in re.findall(r"^#{2,3} (.+)$", guide(), re.MULTILINE)}
    named = _SECTION.findall(" ".join((thing.__doc__ or "").split()))
    assert named
    assert set(named) <= headings


def test_the_table_of_settings_is_the_policy() -> None:
    section = PAGE[PAGE.index("| Key | Default | Meaning |") : PAGE.index("The literal defaults")]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \|", section, re.MULTILINE)
    shown = {name: ast.literal_eval(value) for name, value in rows}
    expected = {field.name: field.default for field in fields(Policy) if field.default is not MISSING}
    expected["total_timeout"] = Policy().total_timeout
    assert shown == expected


def test_the_page_names_every_metric() -> None:
    from holdfast.resilience import Events, Executor
    from holdfast.resilience.prometheus import ResilienceCollector

    events = Events(lambda event: None)
    executor = Executor("api", events=events)
    names = {metric.name for metric in ResilienceCollector(events).collect()}
    assert executor.name == "api"
    for name in names:
        assert name in PAGE, name


def test_a_snippet_that_fails_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        eval(compiled("assert 1 == 2", 0), {})

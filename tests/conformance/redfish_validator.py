"""The DMTF protocol validator against every persona of the iDRAC simulator.

`python -m tests.conformance.redfish_validator` starts each persona on a TLS socket, lets the validator (package
`redfish-protocol-validator`, somebody else's idea of Redfish) talk to it, and compares the number of failed checks with
the bar in `redfish_bar.json`. The bar may only fall: more failures are an error, and so is a different failing
assertion; fewer ask for the bar to be lowered with `--lower`.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from holdfast.simulators.rack import Rack

BAR = Path(__file__).with_name("redfish_bar.json")
PERSONAS = ("7", "8", "9-14g", "9", "9-modular", "10", "other")
TIMEOUT_S = 300.0


class Bar(TypedDict):
    """What is recorded for a persona: how many checks fail, and why each failing assertion is how a real iDRAC is."""

    fail: int
    because: dict[str, str]


@dataclass
class Result:
    """What the validator found for one persona."""

    persona: str
    passed: int
    failed: int
    warned: int
    skipped: int
    seconds: float
    failures: dict[str, list[str]] = field(default_factory=dict)
    """Failing assertion → what it says about each request."""


def read_bars() -> dict[str, Bar]:
    """The recorded bars by persona."""
    bars: dict[str, Bar] = json.loads(BAR.read_text(encoding="utf-8"))
    return bars


def _validator() -> str:
    beside = Path(sys.executable).with_name("rf_protocol_validator")
    found = str(beside) if beside.exists() else shutil.which("rf_protocol_validator")
    if found is None:
        raise SystemExit("rf_protocol_validator is not installed (package redfish-protocol-validator)")
    return found


def _environment(directory: Path) -> dict[str, str]:
    """What the validator may know: no proxy, and no CA bundle, which would overrule `--no-cert-check`."""
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}


def _failures(report: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with report.open(encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines, delimiter="\t"):
            if "FAIL" in row:
                assertion = row[0]
                found.setdefault(assertion, []).append(" | ".join(cell.strip() for cell in row[1:] if cell.strip()))
    return found


async def validate(persona: str, directory: Path) -> Result:
    """Run the validator against one persona; its reports go into `directory`."""
    begun = time.monotonic()
    async with Rack(f"idrac:{persona}") as rack:
        simulator = rack["idrac"]
        credentials = simulator.credentials
        process = await asyncio.create_subprocess_exec(
            _validator(),
            "-r",
            simulator.url,
            "-u",
            credentials["username"],
            "-p",
            credentials["password"],
            "--no-cert-check",
            "--avoid-http-redirect",
            "--report-dir",
            str(directory / "reports"),
            "--report-type",
            "tsv",
            cwd=directory,
            env=_environment(directory),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
        except BaseException:
            process.kill()
            await process.wait()
            raise
    results = directory / "reports" / "results.json"
    if not results.exists():
        raise SystemExit(f"the validator broke off at persona {persona}:\n{output.decode(errors='replace')[-2000:]}")
    counts = json.loads(results.read_text(encoding="utf-8"))["TestResults"]["Protocol Validations"]
    tables = sorted((directory / "reports").glob("*.tsv"))
    return Result(
        persona,
        counts["pass"],
        counts["fail"],
        counts["warn"],
        counts["skip"],
        time.monotonic() - begun,
        _failures(tables[0]) if tables else {},
    )


def judge(result: Result, bar: Bar | None) -> list[str]:
    """What is wrong with a result against its bar; empty when nothing is."""
    if bar is None:
        return [f"persona {result.persona} has no bar; run with --lower"]
    found = []
    if result.failed > bar["fail"]:
        found.append(f"persona {result.persona}: {result.failed} checks fail, the bar is {bar['fail']}")
    found += [
        f"persona {result.persona}: {assertion} fails and no reason is recorded for it"
        for assertion in result.failures
        if not bar["because"].get(assertion)
    ]
    return found


def lowered(results: list[Result], bars: dict[str, Bar]) -> dict[str, Bar]:
    """The bars after these results: never higher than before, reasons kept for what still fails."""
    new = dict(bars)
    for result in results:
        old = bars.get(result.persona)
        because = old["because"] if old is not None else {}
        new[result.persona] = {
            "fail": min(result.failed, old["fail"]) if old is not None else result.failed,
            "because": {name: because.get(name, "") for name in sorted(result.failures)},
        }
    return new


async def _run(personas: list[str]) -> list[Result]:
    results = []
    for persona in personas:
        with tempfile.TemporaryDirectory(prefix="redfish-validator-") as directory:
            results.append(await validate(persona, Path(directory)))
    return results


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when no persona is above its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("personas", nargs="*", default=list(PERSONAS), help="which personas; all by default")
    parser.add_argument("--lower", action="store_true", help="write the bar where fewer checks fail than recorded")
    parser.add_argument("--failures", action="store_true", help="print every failed check")
    options = parser.parse_args(arguments)
    # The validator sends a method that aiohttp's parser refuses, and the log would show its stack.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    bars = read_bars() if BAR.exists() else {}
    results = asyncio.run(_run(options.personas))
    problems: list[str] = []
    for result in results:
        bar = bars.get(result.persona)
        print(
            f"iDRAC{result.persona}: {result.passed} pass, {result.failed} fail "
            f"(bar {bar['fail'] if bar else 'none'}), {result.warned} warn, {result.skipped} not tested, "
            f"{result.seconds:.0f} s"
        )
        if options.failures:
            for assertion, rows in result.failures.items():
                print(f"  {assertion}")
                for row in rows:
                    print(f"    {row}")
        if bar is not None and result.failed < bar["fail"] and not options.lower:
            print(f"  lower the bar of {result.persona} to {result.failed}: run with --lower")
        problems += judge(result, bar)
    if options.lower:
        text = json.dumps(lowered(results, bars), indent=2, sort_keys=True)
        BAR.write_text(text + "\n", encoding="utf-8")
        return 0
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

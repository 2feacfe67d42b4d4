"""`make conformance`: checks that others wrote, run against Holdfast and its simulators."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conformance import mcp
from tests.conformance.node import MissingError, ready


async def _mcp(bin_dir: Path) -> list[mcp.Check]:
    with tempfile.TemporaryDirectory(prefix="holdfast-conformance-") as name:
        folder = Path(name)
        async with mcp.served(folder) as server:
            return [
                *await mcp.inspector(bin_dir, server, folder),
                *await mcp.conformance(bin_dir, server, folder),
            ]


def _redfish() -> mcp.Check:
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance.redfish_validator"],
        check=False,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    return mcp.Check("redfish protocol validator, every persona", done.returncode == 0, done.stdout[-1500:])


def main() -> int:
    """Run everything; 0 only if nothing failed."""
    checks: list[mcp.Check] = []
    skipped = 0
    try:
        checks += asyncio.run(_mcp(ready()))
    except MissingError as missing:
        print(f"SKIPPED: the foreign MCP clients: {missing}")
        skipped += 1
    checks.append(_redfish())
    for check in checks:
        print(f"{'ok  ' if check.passed else 'FAIL'}  {check.name}")
        if not check.passed:
            print("      " + check.detail.replace("\n", "\n      "))
    failed = sum(not check.passed for check in checks)
    print(f"conformance: {len(checks) - failed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

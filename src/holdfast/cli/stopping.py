"""`holdfast kill` and `holdfast release`: stop all writes of all servers of this installation, and allow them again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from holdfast.cli.setting import control_parts, operator
from holdfast.control.parts import Parts


def kill(config_file: Path | None, reason: str) -> None:
    """Stop all writes, at once and beyond restarts."""
    parts = control_parts(config_file)
    parts.kill_switch.engage(reason=reason, who=operator())
    asyncio.run(_record(parts, "kill switch engaged", reason))
    print("All writes are stopped. Reads go on. holdfast release allows writes again.")


def release(config_file: Path | None) -> None:
    """Allow writes again."""
    parts = control_parts(config_file)
    before = parts.kill_switch.release()
    if not before.engaged:
        print("Writes were not stopped.")
        return
    asyncio.run(_record(parts, "kill switch released", before.reason or ""))
    print(f"Writes are allowed again (they were stopped by {before.who}: {before.reason}).")


async def _record(parts: Parts, event: str, reason: str) -> None:
    await parts.ledger.event(event, by=operator(), reason=reason)
    await parts.ledger.close()

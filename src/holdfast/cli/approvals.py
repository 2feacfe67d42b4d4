"""`holdfast plans`, `holdfast approve`, `holdfast deny`: decisions of a person, outside of the assistant."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from holdfast.cli.setting import control_parts, operator
from holdfast.control.approval import Request
from holdfast.control.parts import Parts


def show_plans(config_file: Path | None, *, as_json: bool) -> None:
    """Print the plans that wait for a decision."""
    waiting = control_parts(config_file).approvals.pending()
    if as_json:
        print(json.dumps([request.model_dump(mode="json") for request in waiting], indent=2))
        return
    if not waiting:
        print("No plan waits for a decision.")
    for request in waiting:
        print(_described(request))


def _described(request: Request) -> str:
    left = max(0, round(request.expires_at - time.time()))
    lines = [f"{request.plan_id}  {request.summary}  ({request.risk}, {left} s left)"]
    lines += [f"  {name}: {value}" for name, value in (("target", request.target), ("asked by", request.principal))]
    lines += [f"  {line}" for line in request.changes]
    lines += [f"  affects: {line}" for line in request.blast_radius]
    lines.append(f"  undo: {request.undo or 'cannot be undone'}")
    return "\n".join(lines)


def decide(config_file: Path | None, plan_id: str, *, approve: bool, reason: str | None, yes: bool) -> bool:
    """Show a plan and record the decision about it; tells whether it was recorded.

    Raises:
        PlanError: There is no such plan, it has expired, or it was decided already.
    """
    parts = control_parts(config_file)
    request = parts.approvals.find(plan_id)
    print(_described(request))
    if approve and not yes and input("Carry this out? [y/N] ").strip().lower() not in ("y", "yes"):
        print("Not approved.")
        return False
    decision = parts.approvals.decide(plan_id, approve=approve, by=operator(), reason=reason)
    asyncio.run(_record(parts, plan_id, decision.verdict))
    print(f"{plan_id} is {decision.verdict}." + (" The assistant can apply it now." if approve else ""))
    return True


async def _record(parts: Parts, plan_id: str, verdict: str) -> None:
    await parts.ledger.event(verdict, plan_id=plan_id, by=operator())
    await parts.ledger.close()

"""`holdfast plans`, `holdfast approve`, `holdfast deny`: decisions of a person, outside of the assistant."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from holdfast.cli.setting import control_parts, operator, recorded
from holdfast.control.approval import Request


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


def show_key(file: Path) -> None:
    """Print the public key that belongs to an approver's private key, which is made when the file is missing.

    Raises:
        ConfigError: The file holds something else, or others may read it.
    """
    from holdfast.control.approvalkeys import Ed25519Approver

    print(f'approver_key = "{Ed25519Approver.from_file(file).public_text}"')


def decide(
    config_file: Path | None, plan_id: str, *, approve: bool, reason: str | None, yes: bool, key: Path | None
) -> bool:
    """Show a plan and record the decision about it; tells whether it was recorded.

    Raises:
        PlanError: There is no such plan, it has expired, or it was decided already.
    """
    parts = control_parts(config_file, key)
    request = parts.approvals.find(plan_id)
    print(_described(request))
    if approve and not yes and not _says_yes():
        print("Not approved.")
        return False
    decision = parts.approvals.decide(plan_id, approve=approve, by=operator(), reason=reason)
    print(f"{plan_id} is {decision.verdict}." + (" The assistant can apply it now." if approve else ""))
    asyncio.run(recorded(parts, decision.verdict, f"{plan_id} IS {decision.verdict}.", plan_id=plan_id))
    return True


def _says_yes() -> bool:
    try:
        return input("Carry this out? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False

"""`holdfast doctor`: ask every target who it is, and say what stands in the way of those that do not answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from holdfast.appliances.connections import OpenConnections
from holdfast.appliances.kinds import KINDS
from holdfast.cli.setting import configuration, named_target
from holdfast.config import Config, TargetSettings
from holdfast.control.answers import JsonObject
from holdfast.control.caller import Caller
from holdfast.control.dispatch import Dispatcher
from holdfast.control.inventory import load_catalogue
from holdfast.control.room import ControlRoom
from holdfast.errors import ConfigError, HoldfastError

_AT_ONCE: Final = 16
_FACTS: Final = 3


@dataclass(frozen=True)
class Finding:
    """What became of one target.

    Attributes:
        target: KIND.NAME.
        origin: Where it was asked.
        mode: read-only or operate.
        certificate: How its certificate is checked.
        ok: It let us in, and answered.
        elapsed_s: Until the answer or the error, seconds.
        says: What it says of itself, or what went wrong.
        code: The error's code; None when it answered.
        next_step: What to do about it.
    """

    target: str
    origin: str
    mode: str
    certificate: str
    ok: bool
    elapsed_s: float
    says: str
    code: str | None = None
    next_step: str | None = None


async def examine(config: Config, targets: Sequence[TargetSettings]) -> list[Finding]:
    """Log in to every target and ask for its system information, as the server would; nothing is changed.

    Raises:
        ConfigError: The policy file of the configuration is wrong.
    """
    room = ControlRoom(config)
    connections = OpenConnections(config, on_secret=room.redactor.add)
    # All tools and no policy: this is the operator's own command.
    dispatcher = Dispatcher(entries=load_catalogue(KINDS).entries, connections=connections, writer=room, exit=room.exit)
    places = asyncio.Semaphore(_AT_ONCE)

    async def ask(target: TargetSettings) -> Finding:
        async with places:
            began = time.monotonic()
            try:
                answer = await dispatcher.call(
                    f"{target.kind}_system_info", {"target": target.name}, Caller(principal="doctor")
                )
            except HoldfastError as error:
                return _finding(target, began, error)
            return _finding(target, began, answer)

    try:
        return list(await asyncio.gather(*(ask(target) for target in targets)))
    finally:
        await connections.close()


def _finding(target: TargetSettings, began: float, came: JsonObject | HoldfastError) -> Finding:
    failed = isinstance(came, HoldfastError)
    return Finding(
        target=target.label,
        origin=target.origin,
        mode=target.mode.value,
        certificate=_checked_by(target),
        ok=not failed,
        elapsed_s=round(time.monotonic() - began, 3),
        says=came.message if isinstance(came, HoldfastError) else _facts(came),
        code=came.code if isinstance(came, HoldfastError) else None,
        next_step=came.next_step if isinstance(came, HoldfastError) else None,
    )


def _facts(answer: JsonObject) -> str:
    return ", ".join([f"{key} {value}" for key, value in answer.items() if isinstance(value, str)][:_FACTS])


def _checked_by(target: TargetSettings) -> str:
    if target.origin.startswith("http:"):
        return "none: no TLS"
    if target.pin_sha256:
        return "pinned"
    if not target.verify:
        return "not verified"
    return "verified by ca_file" if target.ca_file else "verified by the system's CAs"


def doctor(config_file: Path | None, names: Sequence[str], *, as_json: bool) -> bool:
    """Examine the named targets, or all, and print what was found; whether all of them answered.

    Raises:
        ConfigError: The configuration cannot be used, or has no target.
        UnknownTargetError: A name is not one of its targets.
    """
    config = configuration(config_file)
    targets = [named_target(config, name) for name in names] or list(config.targets)
    if not targets:
        raise ConfigError(
            "No target is configured.",
            next_step="Add a [targets.KIND.NAME] table; holdfast simulate --config-out FILE makes one to try.",
        )
    findings = asyncio.run(examine(config, targets))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            _print(finding)
        well = sum(finding.ok for finding in findings)
        print(f"\n{well} of {len(findings)} targets answered.")
    return all(finding.ok for finding in findings)


def _print(finding: Finding) -> None:
    print(f"{'ok' if finding.ok else 'FAILED':<6}  {finding.target}  {finding.says}")
    print(
        f"        {finding.origin}, certificate {finding.certificate}, {finding.mode}, after {finding.elapsed_s:.2f} s"
    )
    if finding.next_step:
        print(f"        Next: {finding.next_step}")

"""`python -m tests.control.killing STEP …`: the command `holdfast …` in a process that is killed in a write."""

from __future__ import annotations

import functools
import inspect
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from holdfast.cli.main import main
from holdfast.control.ledger import Ledger
from holdfast.control.plans import PlanStore
from holdfast.control.writes import Changes
from holdfast.transport import HttpTransport, Request


@dataclass(frozen=True)
class Step:
    """A step of a write, and the side of it on which the process dies."""

    owner: type
    method: str
    side: Literal["before", "after"]


STEPS: Final = {
    "after the plan is kept": Step(PlanStore, "issue", "after"),
    "after the plan is used up": Step(PlanStore, "consume", "after"),
    "after the intent is on the ledger": Step(Ledger, "intent", "after"),
    "before the request leaves": Step(HttpTransport, "send", "before"),
    "after the answer has come": Step(HttpTransport, "send", "after"),
    "before the state is read back": Step(Changes, "_read_back", "before"),
    "before the outcome is on the ledger": Step(Ledger, "outcome", "before"),
    "after the outcome is on the ledger": Step(Ledger, "outcome", "after"),
}


def die(step: Step) -> None:
    """Have this process killed at a step."""
    original = getattr(step.owner, step.method)

    def kill(side: str, arguments: tuple[Any, ...]) -> None:
        reads = any(isinstance(given, Request) and given.method == "GET" for given in arguments)
        if side == step.side and not reads:
            os.kill(os.getpid(), signal.SIGKILL)

    wrapped: Callable[..., Any]
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def awaited(*arguments: Any, **named: Any) -> Any:
            kill("before", arguments)
            result = await original(*arguments, **named)
            kill("after", arguments)
            return result

        wrapped = awaited
    else:

        @functools.wraps(original)
        def called(*arguments: Any, **named: Any) -> Any:
            kill("before", arguments)
            result = original(*arguments, **named)
            kill("after", arguments)
            return result

        wrapped = called
    setattr(step.owner, step.method, wrapped)


if __name__ == "__main__":
    die(STEPS[sys.argv[1]])
    sys.argv[:2] = ["holdfast"]
    main()

"""Who calls a tool, and how a person behind the caller can be asked."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from holdfast.control.context import Progress, no_progress


class Reply(StrEnum):
    """What came of asking a person."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    UNANSWERED = "unanswered"
    CANNOT_ASK = "cannot_ask"


@dataclass(frozen=True)
class Question:
    """What a person is asked before a plan is carried out."""

    plan_id: str
    message: str


Ask = Callable[[Question], Awaitable[Reply]]


async def cannot_ask(question: Question) -> Reply:
    """The way to ask of callers that have none."""
    return Reply.CANNOT_ASK


def new_correlation_id() -> str:
    """A short random id that ties records of one call together."""
    return secrets.token_hex(6)


@dataclass
class Sending:
    """Of one call: whether anything that may change something was sent, or may have been."""

    begun: bool = False


@dataclass(frozen=True)
class Caller:
    """Who calls, and what the caller's connection can do.

    Attributes:
        principal: Name for policy and ledger.
        ask: Puts a question to the person behind the caller.
        resumed_plan: Plan that the caller was asked about in an earlier round of this very call, if any.
        progress: Receives progress reports.
        correlation_id: Ties log lines, ledger records and answers of this call together.
        sending: Tells of a call that ended with an error that nobody expected whether it can have changed anything.
    """

    principal: str = "local"
    ask: Ask = cannot_ask
    resumed_plan: str | None = None
    progress: Progress = no_progress
    correlation_id: str = field(default_factory=new_correlation_id)
    sending: Sending = field(default_factory=Sending)

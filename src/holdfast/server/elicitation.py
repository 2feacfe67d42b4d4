"""Ask the person behind a client, in both protocol eras, with one question.

Clients of the handshake era are sent a request and the call waits. Clients from 2026-07-28 on get an
`input_required` result; they repeat the call with the answer and the sealed state, which holds the plan's id, so that
the answer can only ever be spent on the very plan that was shown.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolRequestParams,
    ClientCapabilities,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp_types.version import is_version_at_least
from pydantic import ValidationError

from holdfast.control.caller import Question, Reply

_log = logging.getLogger("holdfast.server")
_INPUT_REQUIRED_VERSION: Final = "2026-07-28"
_KEY: Final = "confirm"
ASK_TIMEOUT_S: Final = 120.0
"""How long a call waits for a person, seconds. Most hosts give up on the call before."""

_FORM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "confirm": {
            "type": "boolean",
            "title": "Carry out this change",
            "description": "Yes carries out exactly the change shown above.",
            "default": False,
        }
    },
    "required": ["confirm"],
}


class InputNeededError(Exception):
    """Ends this round of a call: the question goes out with the result, the answer comes with the next round."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.plan_id)
        self.question = question

    def result(self) -> InputRequiredResult:
        """The result that carries the question."""
        return InputRequiredResult(
            input_requests={_KEY: ElicitRequest(params=_form(self.question))}, request_state=self.question.plan_id
        )


def _form(question: Question) -> ElicitRequestFormParams:
    return ElicitRequestFormParams(message=question.message, requested_schema=_FORM)


def can_ask(capabilities: ClientCapabilities | None) -> bool:
    """Whether the client declared that it can show a form. A bare `elicitation: {}` counts as form support."""
    elicitation = capabilities.elicitation if capabilities is not None else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


class Asker:
    """The way to the person behind one call."""

    def __init__(
        self, ctx: ServerRequestContext[Any, Any], params: CallToolRequestParams, *, timeout_s: float = ASK_TIMEOUT_S
    ) -> None:
        self._ctx = ctx
        self._timeout_s = timeout_s
        self._params = params
        self._modern = is_version_at_least(ctx.protocol_version, _INPUT_REQUIRED_VERSION)

    @property
    def resumed_plan(self) -> str | None:
        """The plan that an earlier round of this call asked about; the state was sealed by this server."""
        return self._params.request_state if self._modern else None

    async def __call__(self, question: Question) -> Reply:
        """Ask, or read the answer that this round brought.

        Raises:
            InputNeededError: The question has to go out first (clients from 2026-07-28 on).
        """
        if not can_ask(self._ctx.session.client_capabilities):
            return Reply.CANNOT_ASK
        if not self._modern:
            return await self._push(question)
        answers = self._params.input_responses or {}
        answer = answers.get(_KEY)
        if self.resumed_plan != question.plan_id or answer is None:
            raise InputNeededError(question)
        return _reply(answer) if isinstance(answer, ElicitResult) else Reply.DECLINED

    async def _push(self, question: Question) -> Reply:
        if not self._ctx.session.can_send_request:
            return Reply.CANNOT_ASK
        asked = self._ctx.session.elicit_form(question.message, _FORM, related_request_id=self._ctx.request_id)
        try:
            return _reply(await asyncio.wait_for(asked, self._timeout_s))
        except TimeoutError:
            return Reply.UNANSWERED
        except (MCPError, ValidationError) as error:
            # It said that it can show forms, and then could not, or answered in no form.
            _log.info("a client could not ask its user: %s", type(error).__name__)
            return Reply.CANNOT_ASK


def _reply(result: ElicitResult) -> Reply:
    content = result.content or {}
    return Reply.ACCEPTED if result.action == "accept" and content.get("confirm") is True else Reply.DECLINED

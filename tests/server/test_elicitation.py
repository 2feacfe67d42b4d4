"""The way to the person behind a client: when it is taken, and which answers are a yes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolRequestParams,
    ClientCapabilities,
    CreateMessageResult,
    ElicitationCapability,
    ElicitRequestFormParams,
    ElicitResult,
    FormElicitationCapability,
    TextContent,
    UrlElicitationCapability,
)
from pydantic import ValidationError

from holdfast.control.caller import Question, Reply
from holdfast.server.elicitation import Asker, InputNeededError, can_ask
from tests.support.realtime import REAL_TIME

FORM = ClientCapabilities(elicitation=ElicitationCapability(form=FormElicitationCapability()))
QUESTION = Question("plan-aaaaaaaaaaaaaaaa", "Shut the door?")
YES = ElicitResult(action="accept", content={"confirm": True})
NOT_A_YES = [
    ElicitResult(action="accept", content={"confirm": False}),
    ElicitResult(action="accept", content={"confirm": "true"}),
    ElicitResult(action="accept", content={"confirm": 1}),
    ElicitResult(action="accept", content={"yes": True}),
    ElicitResult(action="accept", content={}),
    ElicitResult(action="accept"),
    ElicitResult(action="decline", content={"confirm": True}),
    ElicitResult(action="cancel", content={"confirm": True}),
    ElicitResult(action="decline"),
]


class Session:
    """The session of a client that answers so."""

    def __init__(self, capabilities: ClientCapabilities | None, answer: ElicitResult, can_send: bool) -> None:
        self.client_capabilities = capabilities
        self.can_send_request = can_send
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any], object]] = []

    async def elicit_form(
        self, message: str, requested_schema: dict[str, Any], related_request_id: object = None
    ) -> ElicitResult:
        self.asked.append((message, requested_schema, related_request_id))
        return self.answer


def asker(
    version: str,
    *,
    capabilities: ClientCapabilities | None = FORM,
    answer: ElicitResult = YES,
    can_send: bool = True,
    **params: Any,
) -> tuple[Asker, Session]:
    session = Session(capabilities, answer, can_send)
    ctx: Any = SimpleNamespace(protocol_version=version, session=session, request_id=7)
    return Asker(ctx, CallToolRequestParams(name="proxmox_shut_door", **params)), session


def resumed(answer: Any, plan: str = QUESTION.plan_id, key: str = "confirm") -> dict[str, Any]:
    return {"request_state": plan, "input_responses": {key: answer}}


@pytest.mark.parametrize(
    ("elicitation", "can"),
    [
        (ElicitationCapability(), True),
        (ElicitationCapability(form=FormElicitationCapability()), True),
        (ElicitationCapability(form=FormElicitationCapability(), url=UrlElicitationCapability()), True),
        (ElicitationCapability(url=UrlElicitationCapability()), False),
        (None, False),
    ],
)
def test_a_client_can_ask_when_it_declares_forms(elicitation: ElicitationCapability | None, can: bool) -> None:
    assert can_ask(ClientCapabilities(elicitation=elicitation)) is can
    assert can_ask(None) is False


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
@pytest.mark.parametrize("capabilities", [None, ClientCapabilities()])
async def test_a_client_that_declares_no_forms_is_not_asked_and_its_answers_count_for_nothing(
    version: str, capabilities: ClientCapabilities | None
) -> None:
    ask, session = asker(version, capabilities=capabilities, **resumed(YES))
    assert await ask(QUESTION) is Reply.CANNOT_ASK
    assert session.asked == []


async def test_a_client_of_the_handshake_era_is_asked_and_the_call_waits() -> None:
    ask, session = asker("2025-11-25")
    assert await ask(QUESTION) is Reply.ACCEPTED
    ((message, schema, related),) = session.asked
    assert (message, related) == ("Shut the door?", 7)
    assert schema["required"] == ["confirm"]
    assert schema["properties"]["confirm"]["default"] is False


@REAL_TIME
async def test_a_person_who_does_not_answer_is_not_waited_for_for_ever() -> None:
    cancelled = asyncio.Event()

    class Silent(Session):
        async def elicit_form(self, *_: Any, **__: Any) -> ElicitResult:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            raise AssertionError("not reached")

    ctx: Any = SimpleNamespace(protocol_version="2025-11-25", session=Silent(FORM, YES, True), request_id=7)
    ask = Asker(ctx, CallToolRequestParams(name="proxmox_shut_door"), timeout_s=0.05)
    assert await ask(QUESTION) is Reply.UNANSWERED
    assert cancelled.is_set()


async def test_a_client_of_the_handshake_era_without_a_way_back_is_not_asked() -> None:
    ask, session = asker("2025-11-25", can_send=False)
    assert await ask(QUESTION) is Reply.CANNOT_ASK
    assert session.asked == []


def _malformed() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        ElicitResult.model_validate({"action": "perhaps"})
    return caught.value


@pytest.mark.parametrize("error", [MCPError(code=-32601, message="Method not found"), _malformed()])
async def test_a_client_of_the_handshake_era_that_answers_with_an_error_or_nonsense_cannot_ask(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Session):
        async def elicit_form(self, *_: Any, **__: Any) -> ElicitResult:
            raise error

    ctx: Any = SimpleNamespace(protocol_version="2025-11-25", session=Failing(FORM, YES, True), request_id=7)
    caplog.set_level("INFO", logger="holdfast.server")
    assert await Asker(ctx, CallToolRequestParams(name="proxmox_shut_door"))(QUESTION) is Reply.CANNOT_ASK
    assert "could not ask" in caplog.text


@pytest.mark.parametrize("answer", NOT_A_YES)
async def test_nothing_but_a_true_confirmation_is_a_yes(answer: ElicitResult) -> None:
    ask, _ = asker("2025-11-25", answer=answer)
    assert await ask(QUESTION) is Reply.DECLINED
    ask, _ = asker("2026-07-28", **resumed(answer))
    assert await ask(QUESTION) is Reply.DECLINED


async def test_a_client_of_the_handshake_era_cannot_bring_an_answer_along() -> None:
    ask, session = asker("2025-11-25", answer=NOT_A_YES[0], **resumed(YES))
    assert ask.resumed_plan is None
    assert await ask(QUESTION) is Reply.DECLINED
    assert len(session.asked) == 1


async def test_a_later_client_gets_the_question_as_a_result_and_brings_the_answer() -> None:
    ask, session = asker("2026-07-28")
    with pytest.raises(InputNeededError) as needed:
        await ask(QUESTION)
    assert str(needed.value) == QUESTION.plan_id
    result = needed.value.result()
    assert result.request_state == QUESTION.plan_id
    (name,) = result.input_requests or {}
    params = (result.input_requests or {})[name].params
    assert isinstance(params, ElicitRequestFormParams)
    assert params.message == "Shut the door?"
    assert session.asked == []
    ask, _ = asker("2026-07-28", **resumed(YES, key=name))
    assert ask.resumed_plan == QUESTION.plan_id
    assert await ask(QUESTION) is Reply.ACCEPTED


@pytest.mark.parametrize(
    "params",
    [
        resumed(YES, plan="plan-bbbbbbbbbbbbbbbb"),
        resumed(YES, key="other"),
        {"input_responses": {"confirm": YES}},
        {"request_state": QUESTION.plan_id},
        {"request_state": QUESTION.plan_id, "input_responses": {}},
    ],
)
async def test_an_answer_to_another_question_is_none_and_the_question_goes_out_again(params: dict[str, Any]) -> None:
    ask, _ = asker("2026-07-28", **params)
    with pytest.raises(InputNeededError):
        await ask(QUESTION)


async def test_an_answer_of_another_kind_is_a_no() -> None:
    other = CreateMessageResult(role="user", content=TextContent(type="text", text="yes"), model="m")
    ask, _ = asker("2026-07-28", **resumed(other))
    assert await ask(QUESTION) is Reply.DECLINED

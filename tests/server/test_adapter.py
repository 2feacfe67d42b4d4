"""Handlers of the protocol over any dispatcher: what a client sees when things go as they should not."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
    InputRequiredResult,
    InputResponses,
    TextContent,
    TextResourceContents,
)

from holdfast.control.answers import JsonObject
from holdfast.control.caller import Caller, Question, Reply
from holdfast.control.rendering import compact
from holdfast.errors import ConflictError, Executed, PolicyError, UnknownToolError
from holdfast.server.adapter import Adapter, build_server

SECRET = "s3cret-s3cret"
KEYS = (b"k" * 32,)
REFUSED = (
    INVALID_PARAMS,
    "The confirmation is too old, or not one of this call. Nothing was executed. Next: call the tool again without it; "
    "the user is asked anew.",
)
Handler = Callable[[str, dict[str, object], Caller], Awaitable[JsonObject]]


def server_over(handler: Handler, keys: tuple[bytes, ...] = ()) -> Any:
    """A server whose calls are handled by this function."""

    def failed_internally(name: str, caller: Caller) -> Executed:
        return Executed.UNKNOWN if caller.sending.begun else Executed.NO

    dispatcher: Any = SimpleNamespace(entries={}, call=handler, failed_internally=failed_internally)
    return build_server(Adapter(dispatcher, circuits), name="holdfast", instructions="", keys=keys)


def circuits(principal: str) -> list[JsonObject]:
    if principal == "mallory":
        raise PolicyError("The policy does not allow it. Nothing was executed.")
    return [{"circuit": "door", "to": principal}]


def text_of(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


async def echo(name: str, arguments: dict[str, object], caller: Caller) -> JsonObject:
    return {"name": name, "arguments": compact(arguments), "principal": caller.principal}


async def test_a_call_has_its_arguments_and_its_principal_and_its_text_is_the_compact_answer() -> None:
    async with Client(server_over(echo)) as client:
        given = await client.call_tool("shut", {"door": 7})
        bare = await client.session.call_tool("shut")
    assert given.structured_content == {"name": "shut", "arguments": '{"door":7}', "principal": "local"}
    assert text_of(given) == compact(given.structured_content)
    assert bare.structured_content == {"name": "shut", "arguments": "{}", "principal": "local"}


async def test_a_defect_of_ours_shows_nothing_of_its_insides_and_is_found_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def defective(name: str, arguments: dict[str, object], caller: Caller) -> JsonObject:
        caller.sending.begun = name == "shut"
        raise ValueError(f"KeyError in line 7: {SECRET}")

    async with Client(server_over(defective)) as client:
        result = await client.call_tool("shut", {})
        read = text_of(await client.call_tool("look", {}))
    assert read.startswith("Holdfast failed internally. Nothing was executed. Next: the operator finds the cause")
    assert read.endswith("[code=internal executed=no]")
    text = text_of(result)
    assert result.is_error
    assert text.startswith("Holdfast failed internally. Whether anything was executed is unknown; read the state back")
    assert text.endswith("[code=internal executed=unknown]")
    assert SECRET not in text
    assert "ValueError" not in text
    record, _ = [record for record in caplog.records if record.name == "holdfast.server"]
    call = text.partition("under call ")[2].partition(".")[0]
    assert call in record.getMessage()
    assert record.exc_info is not None


@pytest.mark.parametrize(
    ("failure", "logged"), [(ConflictError("jammed"), 1), (UnknownToolError("There is no such tool."), 0)]
)
async def test_a_failure_is_logged_by_its_code_but_no_name_that_a_client_made_up(
    failure: Exception, logged: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "holdfast.server")

    async def failing(name: str, arguments: dict[str, object], caller: Caller) -> JsonObject:
        raise failure

    async with Client(server_over(failing)) as client:
        result = await client.call_tool("shut", {})
    assert result.is_error
    assert result.structured_content is None
    lines = [record.getMessage() for record in caplog.records if record.name == "holdfast.server"]
    assert len(lines) == logged
    assert all(line.startswith("tool shut failed: conflict (call ") for line in lines)


async def test_progress_reaches_the_client() -> None:
    async def working(name: str, arguments: dict[str, object], caller: Caller) -> JsonObject:
        await caller.progress(1, 2, "half way")
        return {}

    seen: list[tuple[float, float | None, str | None]] = []

    async def noted(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    async with Client(server_over(working)) as client:
        await client.call_tool("shut", {}, progress_callback=noted)
    assert seen == [(1, 2, "half way")]


async def test_the_circuits_are_the_only_resource() -> None:
    async with Client(server_over(echo)) as client:
        (resource,) = (await client.list_resources()).resources
        (content,) = (await client.read_resource(resource.uri)).contents
        assert isinstance(content, TextResourceContents)
        assert content.text == '{"circuits":[{"circuit":"door","to":"local"}]}'
        with pytest.raises(MCPError, match="There is no such resource"):
            await client.read_resource("holdfast://secrets")
        assert (await client.list_resource_templates()).resource_templates == []
        assert (await client.list_prompts()).prompts == []


async def test_the_circuits_are_told_to_whom_the_policy_allows_only() -> None:
    dispatcher: Any = SimpleNamespace(entries={}, call=echo)
    adapter = Adapter(dispatcher, circuits, lambda ctx: "mallory")
    async with Client(build_server(adapter, name="holdfast", instructions="")) as client:
        with pytest.raises(MCPError, match=r"The policy does not allow it\. Nothing was executed\..*code=policy"):
            await client.read_resource("holdfast://circuits")


async def test_the_list_is_made_once() -> None:
    adapter = Adapter(SimpleNamespace(entries={}, call=echo), list)  # type: ignore[arg-type]
    ctx: Any = None
    assert await adapter.list_tools(ctx, None) is await adapter.list_tools(ctx, None)


# -- the sealed state of a question


async def asking(name: str, arguments: dict[str, object], caller: Caller) -> JsonObject:
    reply = await caller.ask(Question("plan-aaaaaaaaaaaaaaaa", "Shut the door?"))
    return {"confirmed": reply is Reply.ACCEPTED, "resumed": caller.resumed_plan}


async def never(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    raise AssertionError("answered by the test itself")


async def confirmed(asked: Any, answering: Any, change: Callable[[str], str] = lambda state: state) -> object:
    """Whether a question that one server asked counts as confirmed for another."""
    answer: InputResponses = {"confirm": ElicitResult(action="accept", content={"confirm": True})}
    async with Client(asked, mode="2026-07-28", elicitation_callback=never) as client:
        question = await client.session.call_tool("shut", {}, allow_input_required=True)
    assert isinstance(question, InputRequiredResult)
    assert question.request_state is not None
    assert "plan-" not in question.request_state
    async with Client(answering, mode="2026-07-28", elicitation_callback=never) as client:
        try:
            result = await client.session.call_tool(
                "shut",
                {},
                input_responses=answer,
                request_state=change(question.request_state),
                allow_input_required=True,
            )
        except MCPError as error:
            return error.error.code, error.error.message
    assert isinstance(result, CallToolResult)
    assert result.structured_content is not None
    return result.structured_content["confirmed"]


async def test_a_confirmation_counts_at_every_server_that_has_the_key() -> None:
    assert await confirmed(server_over(asking, KEYS), server_over(asking, KEYS)) is True
    alone = server_over(asking)
    assert await confirmed(alone, alone) is True


@pytest.mark.parametrize("keys", [(), (b"x" * 32,)])
async def test_a_confirmation_that_another_key_sealed_is_refused(keys: tuple[bytes, ...]) -> None:
    assert await confirmed(server_over(asking, KEYS), server_over(asking, keys)) == REFUSED
    assert await confirmed(server_over(asking), server_over(asking, keys)) == REFUSED


@pytest.mark.parametrize(
    "change", [lambda state: state[:-2] + "AA", lambda state: "plan-aaaaaaaaaaaaaaaa", lambda state: state.swapcase()]
)
async def test_an_altered_confirmation_is_refused(change: Callable[[str], str]) -> None:
    assert await confirmed(server_over(asking, KEYS), server_over(asking, KEYS), change) == REFUSED


async def test_an_error_of_a_handler_is_not_taken_for_a_refused_confirmation() -> None:
    async def failing(name: str, arguments: dict[str, object], caller: Caller) -> JsonObject:
        raise MCPError(code=INVALID_PARAMS, message="No such thing.")

    async with Client(server_over(failing)) as client:
        assert "Holdfast failed internally" in text_of(await client.call_tool("shut", {}))
        with pytest.raises(MCPError, match="There is no such resource"):
            await client.read_resource("holdfast://secrets")

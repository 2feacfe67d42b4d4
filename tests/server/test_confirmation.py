"""A person confirms what destroys, in both protocol eras; a client that cannot ask gets nothing executed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    InputRequiredResult,
    InputResponses,
    TextContent,
)

from holdfast.server.adapter import Adapter, build_server
from holdfast.server.application import Application, Serving
from tests.support.rooms import Room, room

ERAS = ("legacy", "2026-07-28")


@pytest.fixture
async def pve(tmp_path: Path) -> AsyncIterator[Room]:
    async with room("proxmox", tmp_path) as made:
        yield made


class Person:
    """Answers the client's questions, and keeps them."""

    def __init__(self, action: str, confirm: bool = True) -> None:
        self.action = action
        self.confirm = confirm
        self.questions: list[str] = []

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self.questions.append(params.message)
        if self.action == "accept":
            return ElicitResult(action="accept", content={"confirm": self.confirm})
        return ElicitResult(action="decline" if self.action == "decline" else "cancel")


async def stop_web(pve: Room, era: str, person: Person | None) -> CallToolResult:
    server = build_server(
        Adapter(pve.application.dispatcher, pve.application.circuits), name="holdfast", instructions=""
    )
    async with Client(server, mode=era, elicitation_callback=person) as client:
        return await client.call_tool("proxmox_stop_guest", {"guest": "web"})


def text_of(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


@pytest.mark.parametrize("era", ERAS)
async def test_an_accepted_change_is_made_once_and_the_question_names_it(pve: Room, era: str) -> None:
    person = Person("accept")
    result = await stop_web(pve, era, person)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    assert result.structured_content["outcome"] == "applied"
    assert len(person.questions) == 1
    assert "VM 101 (web) on pve1" in person.questions[0]
    assert "running" in person.questions[0]
    assert len(pve.writes()) == 1


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("person", [Person("decline"), Person("cancel"), Person("accept", confirm=False)])
async def test_what_is_not_confirmed_is_not_executed_and_the_answer_tells_how_to_go_on(
    pve: Room, era: str, person: Person
) -> None:
    result = await stop_web(pve, era, person)
    assert result.is_error
    assert "Not confirmed: Cut the power of VM 101 (web) on pve1" in text_of(result)
    assert "declined, or dismissed. Nothing was executed. Next: Tell the user" in text_of(result)
    assert "holdfast approve plan-" in text_of(result)
    assert pve.writes() == []


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_cannot_ask_gets_nothing_executed(pve: Room, era: str) -> None:
    result = await stop_web(pve, era, None)
    assert result.is_error
    assert "this client cannot ask one. Nothing was executed. Next: Tell the user" in text_of(result)
    assert "code=not_confirmed" in text_of(result)
    assert pve.writes() == []


@pytest.mark.parametrize("code", [INVALID_REQUEST, METHOD_NOT_FOUND, INTERNAL_ERROR])
@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_fails_when_it_is_asked_gets_nothing_executed_and_is_told_how_to_go_on(
    pve: Room, era: str, code: int
) -> None:
    async def fails(context: ClientRequestContext, params: ElicitRequestParams) -> ErrorData:
        return ErrorData(code=code, message="no dialogue here: hunter2hunter2")

    server = build_server(
        Adapter(pve.application.dispatcher, pve.application.circuits), name="holdfast", instructions=""
    )
    async with Client(server, mode=era, elicitation_callback=fails) as client:
        if era == "legacy":
            text = text_of(await client.call_tool("proxmox_stop_guest", {"guest": "web"}))
            assert "this client cannot ask one. Nothing was executed. Next: Tell the user" in text
            assert "code=not_confirmed" in text
            assert "hunter2" not in text
        else:
            with pytest.raises(MCPError, match="no dialogue here"):
                await client.call_tool("proxmox_stop_guest", {"guest": "web"})
    assert pve.writes() == []


async def test_a_confirmation_cannot_be_replayed(pve: Room) -> None:
    server = build_server(
        Adapter(pve.application.dispatcher, pve.application.circuits), name="holdfast", instructions=""
    )
    async with Client(server, mode="2026-07-28", elicitation_callback=Person("accept")) as client:
        asked = await client.session.call_tool("proxmox_stop_guest", {"guest": "web"}, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        answer: InputResponses = {"confirm": ElicitResult(action="accept", content={"confirm": True})}
        outcomes: list[bool] = []
        for _ in range(2):
            result = await client.session.call_tool(
                "proxmox_stop_guest",
                {"guest": "web"},
                input_responses=answer,
                request_state=asked.request_state,
                allow_input_required=True,
            )
            assert isinstance(result, CallToolResult)
            outcomes.append(bool(result.is_error))
            await pve.call("proxmox_start_guest", guest="web")
        assert outcomes == [False, True]
    stops = [arrival for arrival in pve.writes() if arrival.path.endswith("/status/stop")]
    assert len(stops) == 1


async def test_a_confirmation_that_another_server_of_the_installation_asked_for_counts_after_a_restart_too(
    pve: Room, tmp_path: Path
) -> None:
    application = pve.application
    other = Application(application.config, Serving(toolsets=("all",)))
    async with other.running():
        servers = (application.mcp_server(), other.mcp_server())
        async with (
            Client(servers[0], mode="2026-07-28", elicitation_callback=Person("accept")) as first,
            Client(servers[1], mode="2026-07-28", elicitation_callback=Person("accept")) as second,
        ):
            asked = await first.session.call_tool("proxmox_stop_guest", {"guest": "web"}, allow_input_required=True)
            assert isinstance(asked, InputRequiredResult)
            done = await second.session.call_tool(
                "proxmox_stop_guest",
                {"guest": "web"},
                input_responses={"confirm": ElicitResult(action="accept", content={"confirm": True})},
                request_state=asked.request_state,
                allow_input_required=True,
            )
    assert isinstance(done, CallToolResult)
    assert done.structured_content is not None
    assert done.structured_content["outcome"] == "applied"
    assert sum(arrival.method == "POST" for arrival in pve.arrivals) == 1

"""Whatever is wrong, the model gets a clear tool error that says nothing was executed; a real client, a real wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent

from holdfast.server.adapter import Adapter, build_server
from tests.support.rooms import Room, room

PLANTED = "planted-value-that-must-not-come-back"


@asynccontextmanager
async def client_of(made: Room) -> AsyncIterator[Client]:
    server = build_server(
        Adapter(made.application.dispatcher, made.application.circuits), name="holdfast", instructions=""
    )
    async with Client(server) as client:
        yield client


@pytest.fixture
async def pve(tmp_path: Path) -> AsyncIterator[Room]:
    async with room("proxmox", tmp_path, settings="retry_max_attempts = 1") as made:
        yield made


async def failure(pve: Room, tool: str, arguments: dict[str, object]) -> str:
    """The text of a call's error; the result carries no structured content, and repeats no value."""
    async with client_of(pve) as client:
        result: CallToolResult = await client.call_tool(tool, arguments)
    assert result.is_error
    assert result.structured_content is None
    text = "".join(block.text for block in result.content if isinstance(block, TextContent))
    assert PLANTED not in text
    assert "Traceback" not in text
    assert "pydantic" not in text.lower()
    return text


async def test_an_unknown_argument_is_refused_with_the_names_that_exist(pve: Room) -> None:
    text = await failure(pve, "proxmox_start_guest", {"guest": "build", "dryrun": True})
    assert "dryrun (unknown argument; did you mean dry_run?)" in text
    assert "Nothing was executed." in text
    assert pve.arrivals == []


async def test_a_wrong_type_is_refused_without_repeating_the_value(pve: Room) -> None:
    text = await failure(pve, "proxmox_list_resources", {"limit": PLANTED})
    assert "limit (" in text
    assert "Nothing was executed." in text
    assert pve.arrivals == []


async def test_a_missing_argument_is_named(pve: Room) -> None:
    assert "guest (required)" in await failure(pve, "proxmox_start_guest", {})


async def test_a_cursor_that_is_none_of_ours_is_refused(pve: Room) -> None:
    assert "cursor" in await failure(pve, "proxmox_list_resources", {"cursor": "bm90LW9mLW91cnM"})


async def test_an_unknown_tool_is_told_and_nothing_is_executed(pve: Room) -> None:
    text = await failure(pve, "proxmox_explode", {})
    assert "There is no such tool here" in text
    assert "Nothing was executed." in text


async def test_an_unknown_target_is_told_with_those_that_exist(pve: Room) -> None:
    text = await failure(pve, "proxmox_system_info", {"target": "elsewhere"})
    assert "Targets of proxmox: lab" in text
    assert "Nothing was executed." in text


async def test_a_target_that_is_down_is_told_with_the_next_step(pve: Room) -> None:
    pve.running.fault("refuse")
    text = await failure(pve, "proxmox_system_info", {})
    assert "refused the connection" in text
    assert "executed=no" in text
    assert "Next:" in text


async def test_a_wrong_credential_is_tried_once_and_then_not_sent_again(tmp_path: Path) -> None:
    async with room("proxmox", tmp_path, settings='token_id = "ops@pve!wrong"', without=("token_id",)) as pve:
        first = await failure(pve, "proxmox_system_info", {})
        assert "code=authentication" in first
        assert "executed=no" in first
        arrived = len(pve.arrivals)
        second = await failure(pve, "proxmox_system_info", {})
        assert "code=quarantined" in second
        assert len(pve.arrivals) == arrived == 1


async def test_a_bad_certificate_is_told_before_any_credential_is_sent(pve: Room) -> None:
    pve.running.fault("bad-cert", certificate="expired")
    text = await failure(pve, "proxmox_system_info", {})
    assert "code=tls" in text
    assert "expired" in text
    assert "executed=no" in text
    assert pve.arrivals == []


async def test_an_oversized_answer_is_told_and_not_read_to_its_end(pve: Room) -> None:
    pve.running.fault("wire:oversize", size_bytes=50_000_000, path="/api2/json/cluster/resources")
    text = await failure(pve, "proxmox_list_resources", {})
    assert "code=limit" in text
    assert "executed=no" in text


async def test_a_login_page_in_place_of_the_api_is_told(pve: Room) -> None:
    pve.running.fault("wire:login-page")
    assert "web page" in await failure(pve, "proxmox_system_info", {})


async def test_a_redirect_is_refused(pve: Room) -> None:
    pve.running.fault("wire:redirect", location="https://evil.example/")
    assert "redirect" in (await failure(pve, "proxmox_system_info", {})).lower()

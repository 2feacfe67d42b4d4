"""A session belongs to the principal that opened it, and a question to the principal that was asked: in both eras."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from holdfast.server.guard import static_tokens
from tests.server.serving import Served, serving
from tests.support.rooms import Room, room

TOKENS = {"alice": "a" * 40, "bob": "b" * 40}
YES = {"action": "accept", "content": {"confirm": True}}


def message(method: str, number: int | None = None, **params: object) -> dict[str, object]:
    made: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": params}
    return made if number is None else {**made, "id": number}


STOP = {"name": "proxmox_stop_guest", "arguments": {"guest": "web"}}


@dataclass
class Wire:
    """Requests as any client may write them."""

    served: Served
    http: httpx2.AsyncClient
    session: str = ""
    questions: asyncio.Queue[int] = field(default_factory=asyncio.Queue)

    def headers(self, who: str, *, session: str | None = None, version: str = "2025-11-25") -> dict[str, str]:
        chosen = self.session if session is None else session
        return {
            "Authorization": f"Bearer {TOKENS[who]}",
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "mcp-protocol-version": version,
            **({"mcp-session-id": chosen} if chosen else {}),
        }

    async def opened(self, who: str) -> None:
        """Open a session of a client that can show questions."""
        hello = message(
            "initialize",
            1,
            protocolVersion="2025-11-25",
            capabilities={"elicitation": {}},
            clientInfo={"name": "test", "version": "1"},
        )
        answer = await self.http.post(self.served.url, headers=self.headers(who), json=hello)
        self.session = answer.headers["mcp-session-id"]
        ready = message("notifications/initialized")
        await self.http.post(self.served.url, headers=self.headers(who), json=ready)

    async def sends(self, who: str, body: dict[str, object], method: str = "POST") -> int:
        """The status of an answer within the session."""
        content = None if method == "GET" else body
        async with self.http.stream(method, self.served.url, headers=self.headers(who), json=content) as answer:
            return answer.status_code

    async def calls(self, who: str) -> dict[str, Any]:
        """A destructive call, its question put into `questions`; its result."""
        body = message("tools/call", 2, **STOP)
        async with self.http.stream("POST", self.served.url, headers=self.headers(who), json=body) as answer:
            async for line in answer.aiter_lines():
                if not line.startswith("data:") or "{" not in line:
                    continue
                told = json.loads(line[5:])
                if told.get("method") == "elicitation/create":
                    self.questions.put_nowait(told["id"])
                if told.get("id") == 2:
                    return dict(told["result"])
        raise AssertionError("the call ended without a result")


@pytest.fixture
async def pve(tmp_path: Path) -> AsyncIterator[Room]:
    async with room("proxmox", tmp_path) as made:
        yield made


@pytest.fixture
async def wire(pve: Room) -> AsyncIterator[Wire]:
    async with (
        serving(pve.application, verify=static_tokens(TOKENS)) as served,
        httpx2.AsyncClient(timeout=20) as http,
    ):
        yield Wire(served, http)


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_to_another_principal_a_session_does_not_exist(wire: Wire, method: str) -> None:
    await wire.opened("alice")
    assert await wire.sends("bob", message("tools/list", 3), method) == 404
    assert await wire.sends("alice", message("tools/list", 3)) == 200


async def test_the_answer_of_another_principal_to_a_question_is_not_taken(wire: Wire, pve: Room) -> None:
    await wire.opened("alice")
    call = asyncio.create_task(wire.calls("alice"))
    question = await asyncio.wait_for(wire.questions.get(), 20)
    answer = {"jsonrpc": "2.0", "id": question, "result": YES}
    assert await wire.sends("bob", answer) == 404
    assert pve.writes() == []
    assert not call.done()
    assert await wire.sends("alice", answer) == 202
    result = await asyncio.wait_for(call, 20)
    assert result["structuredContent"]["outcome"] == "applied"


async def test_a_session_is_its_principals_with_any_of_its_tokens(pve: Room) -> None:
    """A client that renews its access token keeps its session."""

    async def verify(token: str) -> str | None:
        return {"a" * 40: "alice", "b" * 40: "alice"}.get(token)

    async with serving(pve.application, verify=verify) as served, httpx2.AsyncClient(timeout=20) as http:
        wire = Wire(served, http)
        await wire.opened("alice")
        assert await wire.sends("bob", message("tools/list", 3)) == 200


async def test_the_confirmation_of_another_principal_is_not_taken_in_the_era_without_sessions(
    wire: Wire, pve: Room
) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    }

    async def call(who: str, **more: object) -> dict[str, Any]:
        headers = {
            **wire.headers(who, version="2026-07-28"),
            "mcp-method": "tools/call",
            "mcp-name": "proxmox_stop_guest",
        }
        body = message("tools/call", 2, **STOP, **more, _meta=meta)
        answer = await wire.http.post(wire.served.url, headers=headers, json=body)
        lines = [line[5:] for line in answer.text.splitlines() if line.startswith("data:")] or [answer.text]
        return dict(json.loads(lines[-1]))

    asked = (await call("alice"))["result"]
    confirmed = {"requestState": asked["requestState"], "inputResponses": {"confirm": YES}}
    refused = await call("bob", **confirmed)
    assert "Nothing was executed" in json.dumps(refused)
    assert pve.writes() == []
    assert (await call("alice", **confirmed))["result"]["structuredContent"]["outcome"] == "applied"

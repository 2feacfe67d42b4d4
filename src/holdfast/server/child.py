"""A `holdfast serve` child over stdio and a real MCP client on it: for the demonstration and for self-checks."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import TextContent

from holdfast.control.answers import JsonObject


@dataclass(frozen=True)
class Reply:
    """What a tool call came to."""

    ok: bool
    text: str
    answer: JsonObject | None
    took_s: float

    @property
    def stale(self) -> bool:
        """Whether an earlier answer is shown because the appliance could not be asked."""
        return self.answer is not None and "stale" in self.answer


@dataclass
class Child:
    """The client's view of the child, and what the child logged."""

    session: ClientSession
    log: list[dict[str, str]] = field(default_factory=list)

    async def tools(self) -> list[str]:
        """Names of the listed tools."""
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, name: str, **arguments: object) -> Reply:
        """Call a tool."""
        started = asyncio.get_running_loop().time()
        result = await self.session.call_tool(name, dict(arguments))
        took = asyncio.get_running_loop().time() - started
        text = " ".join(block.text for block in result.content if isinstance(block, TextContent))
        answer = cast("JsonObject | None", result.structured_content)
        return Reply(ok=not result.is_error, text=text, answer=answer, took_s=took)

    def logged(self, fragment: str) -> list[str]:
        """Messages of the child's log that contain this."""
        return [entry["message"] for entry in self.log if fragment in entry.get("message", "")]


@asynccontextmanager
async def child(config: Path, *arguments: str) -> AsyncIterator[Child]:
    """Start `holdfast serve` with this configuration and connect to it; it is ended on leaving."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "holdfast", "serve", "--config", str(config), "--log-format", "json", *arguments],
        env=_environment(),
    )
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "w") as errors:
        log: list[dict[str, str]] = []
        reading = asyncio.create_task(_collect(read_end, log))
        try:
            async with stdio_client(parameters, errlog=errors) as streams, ClientSession(*streams) as session:
                await session.initialize()
                yield Child(session, log)
        finally:
            errors.close()
            await reading


def _environment() -> dict[str, str]:
    kept = ("PYTHONPATH", "HOLDFAST_STATE", "XDG_STATE_HOME")
    return {name: os.environ[name] for name in kept if name in os.environ}


async def _collect(read_end: int, log: list[dict[str, str]]) -> None:
    """Read the child's log until it ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end))
    try:
        async for line in reader:
            try:
                log.append(json.loads(line))
            except ValueError:
                log.append({"level": "", "message": line.decode(errors="replace").rstrip()})
    finally:
        transport.close()


__all__: Sequence[str] = ["Child", "Reply", "child"]

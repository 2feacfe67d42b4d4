"""The yardstick: a bare server of the same SDK with one tool, started as a program of its own."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations
from pydantic import BaseModel


class Circuit(BaseModel):
    """A row as circuits_list answers it."""

    target: str
    name: str
    state: str
    fail_counter: int = 0
    success_counter: int = 0
    tls_verified: bool = True


class Circuits(BaseModel):
    """What the tool answers: as much as circuits_list does."""

    items: list[Circuit]
    total: int


server = MCPServer("yardstick", version="1")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
async def circuits(limit: int = 100) -> Circuits:
    """Four rows, made anew for each call."""
    kinds = ("pfsense", "truenas", "idrac", "proxmox")
    rows = [Circuit(target=f"{kind}.one", name=f"{kind}_api", state="closed") for kind in kinds][:limit]
    return Circuits(items=rows, total=len(rows))


if __name__ == "__main__":
    server.run("stdio")

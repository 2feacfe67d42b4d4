"""How to tell an assistant's host about Holdfast: ready pieces of configuration."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def http_snippets(url: str, token: str) -> dict[str, str]:
    """Configuration for a server that is reached over HTTP, by host."""
    header = f"Bearer {token}"
    return {
        "Claude Code": f'claude mcp add --transport http holdfast {url} --header "Authorization: {header}"',
        "VS Code (.vscode/mcp.json)": _json(
            {"servers": {"holdfast": {"type": "http", "url": url, "headers": {"Authorization": header}}}}
        ),
        "Cursor (~/.cursor/mcp.json)": _json(
            {"mcpServers": {"holdfast": {"url": url, "headers": {"Authorization": header}}}}
        ),
    }


def stdio_snippets(config: Path) -> dict[str, str]:
    """Configuration for a server that the host starts itself; absolute paths, since hosts start with a bare PATH."""
    command = str(Path(sys.executable).with_name("holdfast"))
    arguments = ["serve", "--config", str(config.absolute())]
    entry = {"command": command, "args": arguments}
    return {
        "Claude Code": f"claude mcp add holdfast -- {command} {' '.join(arguments)}",
        "Claude Desktop (claude_desktop_config.json)": _json({"mcpServers": {"holdfast": entry}}),
        "VS Code (.vscode/mcp.json)": _json({"servers": {"holdfast": {"type": "stdio", **entry}}}),
        "Cursor (~/.cursor/mcp.json)": _json({"mcpServers": {"holdfast": entry}}),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2)

"""Foreign MCP clients against the real server: the conformance suite's generic scenarios, and the Inspector."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from holdfast.simulators.rack import ControlEndpoint, Rack, RackFiles
from tests.conformance.bearer import relay
from tests.conformance.node import HERE, environment

GENERIC = {
    "2025-11-25": (
        "server-initialize",
        "server-session-lifecycle",
        "ping",
        "tools-list",
        "resources-list",
        "prompts-list",
        "dns-rebinding-protection",
        "server-sse-multiple-streams",
    ),
    "2026-07-28": (
        "tools-list",
        "resources-list",
        "prompts-list",
        "sep-2164-resource-not-found",
        "caching",
        "http-header-validation",
        "dns-rebinding-protection",
        "server-sse-multiple-streams",
        "input-required-result-unsupported-methods",
        "input-required-result-ignore-extra-params",
        "input-required-result-validate-input",
        "input-required-result-missing-input-response",
        "server-stateless",
    ),
}
_STEP_LIMIT_S = 120


@dataclass(frozen=True)
class Check:
    """One foreign check and how it ended."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True)
class Served:
    """A running server and how to reach it."""

    config: Path
    url: str
    open_url: str
    token: str


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Served]:
    """The simulated rack and `holdfast serve --transport http` on it, plain and through the relay."""
    config = folder / "holdfast.toml"
    token = secrets.token_urlsafe(48)
    async with Rack("pfsense", "truenas", "idrac", "proxmox") as rack:
        control = ControlEndpoint(rack)
        await control.start(0)
        try:
            RackFiles(config).write(rack, control, "operate")
            with config.open("a") as file:
                file.write(f'\n[server]\ntoken = "env:HOLDFAST_TOKEN"\n\n[control]\nstate_dir = "{folder / "state"}"\n')
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "holdfast", "serve", "--config", str(config), "--transport", "http"),
                *("--port", "0", "--log-format", "json"),
                env={**os.environ, "HOLDFAST_TOKEN": token},
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                port = await _port(process)
                async with relay(port, token) as open_port:
                    url = "http://127.0.0.1:{}/mcp"
                    yield Served(config, url.format(port), url.format(open_port), token)
            finally:
                process.terminate()
                await process.wait()
        finally:
            await control.stop()


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    async with asyncio.timeout(30):
        async for line in process.stderr:
            message = str(json.loads(line).get("message", "")) if line.startswith(b"{") else line.decode()
            if message.startswith("listening on"):
                drain = asyncio.create_task(_drain(process.stderr))
                drain.add_done_callback(lambda _: None)
                return int(message.rpartition(":")[2].partition("/")[0])
    raise RuntimeError("the server did not start")


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(65_536):
        pass


async def _run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_STEP_LIMIT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return -1, f"no end within {_STEP_LIMIT_S} s"
    return process.returncode or 0, output.decode(errors="replace")


async def conformance(bin_dir: Path, server: Served, folder: Path) -> list[Check]:
    """Every generic scenario of both revisions."""
    checks: list[Check] = []
    for version, scenarios in GENERIC.items():
        for scenario in scenarios:
            command = [str(bin_dir / "conformance"), "server", "--url", server.open_url, "--spec-version", version]
            command += ["--scenario", scenario]
            if scenario == "server-stateless":
                command += ["--expected-failures", str(HERE / "baseline.yml")]
            code, output = await _run(command, folder)
            checks.append(Check(f"conformance {version} {scenario}", code == 0, _tail(output)))
    return checks


def _over_http(server: Served, era: str) -> list[str]:
    return [
        server.url,
        "--transport",
        "http",
        "--protocol-era",
        era,
        "--header",
        f"Authorization: Bearer {server.token}",
    ]


async def inspector(bin_dir: Path, server: Served, folder: Path) -> list[Check]:
    """The Inspector over stdio and HTTP, in both eras; its strict schema check on every tool."""
    binary = str(bin_dir / "mcp-inspector")
    # The Inspector takes options of its own anywhere, so the configuration goes through the environment.
    stdio = [sys.executable, "-m", "holdfast", "serve", "-e", f"HOLDFAST_CONFIG={server.config}"]
    everything = [*stdio, "--toolsets", "all"]
    call = ["--method", "tools/call", "--tool-name", "proxmox_system_info", "--tool-args-json", "{}"]
    plans = {
        "stdio strict": [*stdio, "--method", "tools/list", "--strict"],
        "stdio strict, all toolsets": [*everything, "--method", "tools/list", "--strict"],
        "stdio call": [*stdio, *call],
        "http legacy strict": [*_over_http(server, "legacy"), "--method", "tools/list", "--strict"],
        "http modern strict": [*_over_http(server, "modern"), "--method", "tools/list", "--strict"],
        "http legacy call": [*_over_http(server, "legacy"), *call],
        "http modern call": [*_over_http(server, "modern"), *call],
    }
    checks: list[Check] = []
    for name, arguments in plans.items():
        code, output = await _run([binary, "--cli", *arguments], folder)
        checks.append(Check(f"inspector {name}", code == 0, _tail(output)))
    return checks


def _tail(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-12:])

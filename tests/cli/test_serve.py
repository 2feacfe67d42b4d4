"""`holdfast serve` and the console scripts, as processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from holdfast.simulators.rack import Rack
from tests.support import free_port
from tests.support.racks import shared_authority

SCRIPTS = Path(sys.executable).parent
HELLO: dict[str, object] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


async def run(*command: str, limit_s: float = 60, **environment: str) -> tuple[int, str, str]:
    """Run a command to its end with nothing on stdin."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    async with asyncio.timeout(limit_s):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def rpc(
    process: asyncio.subprocess.Process, number: int, method: str, params: dict[str, object]
) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    process.stdin.write(json.dumps(message).encode() + b"\n")
    await process.stdin.drain()
    async with asyncio.timeout(30):
        answer: dict[str, Any] = json.loads(await process.stdout.readline())
    assert answer["id"] == number
    return answer


@asynccontextmanager
async def rack_config(tmp_path: Path, *kinds: str) -> AsyncIterator[tuple[Rack, Path]]:
    async with Rack(*kinds, authority=shared_authority()) as rack:
        (tmp_path / "ca.pem").write_text(rack.authority.ca_pem)
        tables = []
        for name, running in rack.items():
            keys = "\n".join(f'{key} = "{value}"' for key, value in running.credentials.items())
            place = f'host = "127.0.0.1"\nport = {running.port}\nca_file = "ca.pem"'
            tables.append(f"[targets.{running.kind}.{name}]\n{place}\n{keys}\n")
        config = tmp_path / "holdfast.toml"
        config.write_text("\n".join(tables))
        yield rack, config


@pytest.mark.parametrize("script", ["pfsense-mcp", "truenas-mcp", "idrac-mcp", "proxmox-mcp"])
async def test_each_console_script_serves_its_own_appliance_only(script: str, tmp_path: Path) -> None:
    kind = script.removesuffix("-mcp")
    async with rack_config(tmp_path, "pfsense", "truenas", "idrac", "proxmox") as (_, config):
        process = await asyncio.create_subprocess_exec(
            str(SCRIPTS / script),
            *("--config", str(config)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=2**22,
        )
        hello = await rpc(process, 1, "initialize", HELLO)
        assert hello["result"]["serverInfo"]["name"] == f"holdfast-{kind}"
        listed = await rpc(process, 2, "tools/list", {})
        names = [tool["name"] for tool in listed["result"]["tools"]]
        assert f"{kind}_system_info" in names
        assert {name.partition("_")[0] for name in names} == {kind, "circuits"}
        call = await rpc(process, 3, "tools/call", {"name": f"{kind}_system_info", "arguments": {}})
        assert not call["result"].get("isError")
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def test_flags_narrow_what_is_listed_and_called(tmp_path: Path) -> None:
    async with rack_config(tmp_path, "proxmox") as (_, config):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "holdfast", "serve", "--config", str(config)),
            *("--allow-tools", "proxmox_system_*, circuits_*", "--deny-tools", "circuits_list"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await rpc(process, 1, "initialize", HELLO)
        listed = await rpc(process, 2, "tools/list", {})
        names = [tool["name"] for tool in listed["result"]["tools"]]
        assert names == ["proxmox_system_info"]
        call = await rpc(process, 3, "tools/call", {"name": "circuits_list", "arguments": {}})
        assert call["result"]["isError"] is True
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(10):
            assert await process.wait() == 0


def core_file_limit(pid: int) -> int:
    """Largest image of its memory that a process may leave behind, bytes."""
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="utf-8")
    (line,) = (line for line in limits.splitlines() if line.startswith("Max core file size"))
    return int(line.split()[4])


async def test_a_server_that_is_terminated_logs_out_leaves_no_session_and_would_have_left_no_core_file(
    tmp_path: Path,
) -> None:
    async with rack_config(tmp_path, "idrac") as (rack, config):
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", 'ulimit -S -c unlimited 2>/dev/null; exec "$@"', "sh"),
            *(sys.executable, "-m", "holdfast", "serve", "--config", str(config)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await rpc(process, 1, "initialize", HELLO)
        await rpc(process, 2, "tools/call", {"name": "idrac_system_info", "arguments": {}})
        assert core_file_limit(process.pid) == 0
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
        arrivals = rack["idrac"].state.arrivals
        opened = [a for a in arrivals if a.method == "POST" and a.path.endswith("/Sessions")]
        deleted = [a for a in arrivals if a.method == "DELETE"]
        assert len(opened) == len(deleted) == 1
        assert deleted[0].status in (200, 202, 204)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("", "No Proxmox VE target is configured"),
        ('[targets.pfsense.home]\nhost = "a"\napi_kee = "x"', "Did you mean api_key?"),
        ('[targets.idrac.a]\nhost = "a"\nusername = "root"\npassword = "env:P"', "No Proxmox VE target is configured"),
    ],
)
async def test_a_wrong_start_ends_with_two_lines_and_exit_code_2(tmp_path: Path, text: str | None, said: str) -> None:
    config = tmp_path / "holdfast.toml"
    if text is not None:
        config.write_text(text)
    code, out, err = await run(str(SCRIPTS / "proxmox-mcp"), "--config", str(config))
    assert code == 2
    assert out == ""
    assert said in err
    assert "Traceback" not in err


async def test_an_unknown_toolset_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    async with rack_config(tmp_path, "proxmox") as (_, config):
        code, _, err = await run(str(SCRIPTS / "holdfast"), "serve", "--config", str(config), "--toolsets", "gests")
        assert code == 2
        assert "proxmox:guests" in err


async def test_http_on_a_public_address_without_tls_does_not_start(tmp_path: Path) -> None:
    async with rack_config(tmp_path, "proxmox") as (_, config):
        command = (str(SCRIPTS / "holdfast"), "serve", "--config", str(config), "--transport", "http")
        code, _, err = await run(*command, "--host", "0.0.0.0")
        assert code == 2
        assert "plain text" in err


async def first_answer(port: int, token: str) -> int:
    """Status of GET /metrics, as soon as the server listens."""
    head = (
        f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    for _ in range(200):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.write(head.encode())
        answer = await reader.read()
        writer.close()
        return int(answer.split(b" ")[1])
    raise AssertionError("the server does not listen")


async def test_a_token_of_the_run_is_printed_when_none_is_configured_and_opens_the_server(tmp_path: Path) -> None:
    async with rack_config(tmp_path, "proxmox") as (_, config):
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "holdfast", "serve", "--config", str(config), "--transport", "http"),
            *("--port", str(port)),
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        token = ""
        async with asyncio.timeout(30):
            async for line in process.stderr:
                if b"for this run it is:" in line:
                    token = line.decode().rpartition(" ")[2].strip()
                if b"listening on" in line:
                    break
        assert len(token) >= 32
        assert await first_answer(port, token) == 200
        process.terminate()
        async with asyncio.timeout(15):
            await process.wait()


async def test_the_tools_command_lists_every_tool_with_its_risk() -> None:
    code, out, _ = await run(str(SCRIPTS / "holdfast"), "tools", "--json", HOLDFAST_CONFIG="/nonexistent")
    assert code == 0
    rows = {row["name"]: row for row in json.loads(out)}
    assert rows["proxmox_stop_guest"]["risk"] == "destructive"
    assert rows["circuits_list"]["toolset"] == "estate:circuits"

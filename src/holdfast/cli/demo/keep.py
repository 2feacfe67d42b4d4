"""`holdfast demo --serve`: the simulated rack and an HTTP server stay up until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from holdfast.cli.snippets import http_snippets, stdio_snippets
from holdfast.simulators.rack import ControlEndpoint, Rack, RackFiles


async def keep_up(port: int) -> None:
    """Run until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory(prefix="holdfast-demo-") as folder:
        config = Path(folder) / "holdfast.toml"
        async with Rack("pfsense", "truenas", "idrac", "proxmox") as rack:
            control = ControlEndpoint(rack)
            await control.start(0)
            try:
                RackFiles(config).write(rack, control, "operate")
                await _serve(config, control, port, stop)
            finally:
                await control.stop()


async def _serve(config: Path, control: ControlEndpoint, port: int, stop: asyncio.Event) -> None:
    token = secrets.token_urlsafe(48)
    with config.open("a") as file:
        file.write('\n[server]\ntoken = "env:HOLDFAST_DEMO_TOKEN"\n')
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "holdfast", "serve", "--config", str(config)),
        *("--transport", "http", "--port", str(port)),
        env={**os.environ, "HOLDFAST_DEMO_TOKEN": token},
    )
    _explain(config, control, f"http://127.0.0.1:{port}/mcp", token)
    ended = asyncio.create_task(server.wait())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if server.returncode is None:
        server.send_signal(signal.SIGTERM)
    await ended


def _explain(config: Path, control: ControlEndpoint, url: str, token: str) -> None:
    print(f"The simulated rack is up, and Holdfast serves it at {url} until Ctrl-C.\n")
    for host, snippet in http_snippets(url, token).items():
        print(f"--- {host}\n{snippet}\n")
    print("Hosts that start the server themselves (while this command runs):\n")
    for host, snippet in stdio_snippets(config).items():
        print(f"--- {host}\n{snippet}\n")
    print("Break an appliance, and heal it:\n")
    header = f"-H 'Authorization: Bearer {control.token}' -H 'Content-Type: application/json'"
    print(f"""curl -s -X POST {header} -d '{{"simulator":"pfsense","fault":"refuse"}}' {control.url}/faults""")
    print(f"curl -s -X DELETE {header} {control.url}/faults/pfsense\n", flush=True)

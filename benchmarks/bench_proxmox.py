"""What the synchronous Proxmox client costs beside the asynchronous one, on loopback over TLS."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from operator import truediv
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.rows import Row, middle, show
from holdfast.appliances.proxmox import AsyncProxmoxClient, ProxmoxClient
from holdfast.simulators.rack import Rack

CALLS, ROUNDS, THREADS = 25, 40, 4
BOUND = 1.5
"""The facade may cost at most this many times the asynchronous call."""


def _serve(folder: str, pipe: Connection) -> None:
    """A simulated cluster in a process of its own, so that it takes no time of the client's."""

    async def serve() -> None:
        async with Rack() as rack:
            running = await rack.add("proxmox")
            ca_file = Path(folder) / "ca.pem"
            ca_file.write_text(rack.authority.ca_pem)
            pipe.send({**running.credentials, "port": running.port, "ca_file": str(ca_file)})
            await asyncio.to_thread(pipe.recv)

    asyncio.run(serve())


@contextmanager
def _simulator(folder: str) -> Iterator[dict[str, object]]:
    """The settings that reach a simulated cluster."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(folder, theirs), daemon=True)
    process.start()
    try:
        yield {"host": "127.0.0.1", **ours.recv()}
    finally:
        ours.send("stop")
        process.join(timeout=10)


async def _calls(client: AsyncProxmoxClient) -> float:
    """Seconds for one asynchronous call."""
    started = time.perf_counter()
    for _ in range(CALLS):
        await client.get("version")
    return (time.perf_counter() - started) / CALLS


def _blocking_calls(client: ProxmoxClient) -> float:
    """Seconds for one synchronous call."""
    started = time.perf_counter()
    for _ in range(CALLS):
        client.get("version")
    return (time.perf_counter() - started) / CALLS


def _rounds(settings: dict[str, object]) -> tuple[list[float], list[float]]:
    """Seconds for one call in each round, asynchronous and synchronous in turn, so that both meet the same machine."""
    plain, facade = [], []
    with asyncio.Runner() as runner, _facade(settings) as blocking:
        client = AsyncProxmoxClient(settings)
        for number in range(ROUNDS + 1):
            one, other = runner.run(_calls(client)), _blocking_calls(blocking)
            if number:  # the first one logs in and connects
                plain.append(one)
                facade.append(other)
        runner.run(client.close())
    return plain, facade


def _threads(settings: dict[str, object]) -> float:
    """Calls a second from several threads at once."""
    with _facade(settings) as client, ThreadPoolExecutor(THREADS) as pool:
        client.get("version")
        started = time.perf_counter()
        list(pool.map(lambda _: client.get("version"), range(CALLS * 2)))
        return CALLS * 2 / (time.perf_counter() - started)


def _facade(settings: dict[str, object]) -> ProxmoxClient:
    rest = {name: value for name, value in settings.items() if name not in ("host", "port")}
    return ProxmoxClient(host="127.0.0.1", port=int(str(settings["port"])), **rest)  # type: ignore[arg-type]


def run() -> list[Row]:
    """Medians of many short rounds; that of the ratios of two rounds in turn, which other work disturbs alike."""
    with TemporaryDirectory() as folder, _simulator(folder) as settings:
        plain, facade = _rounds(settings)
        rate = _threads(settings)
    return [
        Row.at_most("proxmox: GET, asynchronous", middle(plain) * 1000, "ms", None),
        Row.at_most("proxmox: GET, synchronous facade", middle(facade) * 1000, "ms", None),
        Row.at_most("proxmox: facade / asynchronous", middle(map(truediv, facade, plain)), "x", BOUND),
        Row.at_most(f"proxmox: facade from {THREADS} threads", rate, "calls/s", None),
    ]


if __name__ == "__main__":
    show(run())

"""The synchronous client of the resilience guide: a facade over the asynchronous one.

One background thread runs an event loop with one `AsyncProxmoxClient`; any number of threads may call.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Self, TypeVar

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.resilience import Breaker
from holdfast.transport.values import JsonObject, JsonValue

T = TypeVar("T")


class ProxmoxClient:
    """Synchronous client of the Proxmox VE API, reusing its session and connections.

    Takes what the guide shows; every other key of `ProxmoxSettings` may be given by name.

        client = ProxmoxClient(host="pve.example", username="root", password="…", ssl_verify=False)
        client.get_system_info()

    Args:
        host: Host name or address of any node.
        port: TCP port.
        protocol: https.
        username: User, with or without realm (`pam` without).
        password: That user's password.
        ssl_verify: Whether to verify the certificate.
        settings: Further keys (token_id, token_secret, ca_file, pin_sha256, timeout, retry_max_attempts …).
    """

    def __init__(
        self,
        host: str,
        port: int = 8006,
        protocol: str = "https",
        username: str | None = None,
        password: str | None = None,
        ssl_verify: bool = True,
        **settings: object,
    ) -> None:
        given: dict[str, object] = {"host": host, "port": port, "protocol": protocol, "ssl_verify": ssl_verify}
        if username is not None:
            given["username"] = username
        if password is not None:
            given["password"] = password
        self._client = AsyncProxmoxClient({**given, **settings})
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def circuit_breaker(self) -> Breaker | None:
        """The circuit of the cluster's address; None when switched off."""
        return self._client.circuit_breaker

    def circuits(self) -> Mapping[str, Breaker]:
        """All circuits by name."""
        return self._client.circuits()

    def _call(self, function: Callable[[], Coroutine[None, None, T]]) -> T:
        loop = self._running_loop()
        # A third of what a general portal costs, which matters for calls that take less than a millisecond.
        future = asyncio.run_coroutine_threadsafe(function(), loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise RuntimeError("the client is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="proxmox-client", daemon=True)
                self._thread.start()
            return self._loop

    def get_system_info(self) -> JsonObject:
        """See `AsyncProxmoxClient.get_system_info`."""
        return self._call(self._client.get_system_info)

    def cluster_resources(self) -> list[JsonObject]:
        """See `AsyncProxmoxClient.cluster_resources`."""
        return self._call(self._client.cluster_resources)

    def get(self, *segments: str | int, query: Mapping[str, str | int] | None = None) -> JsonValue:
        """See `AsyncProxmoxClient.get`."""
        return self._call(lambda: self._client.get(*segments, query=query))

    def write(
        self,
        method: str,
        *segments: str | int,
        form: Mapping[str, str | int] | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> JsonValue:
        """See `AsyncProxmoxClient.write`."""
        return self._call(lambda: self._client.write(method, *segments, form=form, query=query))

    def close(self) -> None:
        """Release connections and end the background thread; a second call does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_wind_up(self._client), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _wind_up(client: AsyncProxmoxClient) -> None:
    """Close the client, then end what other threads still wait for: they are told that their call was cancelled."""
    await client.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
    await asyncio.get_running_loop().shutdown_default_executor()

"""The addresses of one cluster: any node answers for all, so another is asked when the first cannot be reached.

Another address is asked only when it is proved that nothing was sent to the one before (contract 8): it could not be
reached, or its circuit is open. That holds for writes too. A fallback is believed to be of the same cluster when its
certificate is valid, it takes the credential, and it names the cluster that the settings name.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from holdfast.appliances.proxmox.errors import NodeTimeoutError, NodeUnreachableError, error_of, is_internal
from holdfast.appliances.proxmox.grants import named
from holdfast.appliances.proxmox.session import Session
from holdfast.appliances.proxmox.settings import ProxmoxSettings
from holdfast.appliances.wiring import policy_of, transport_of
from holdfast.errors import (
    ApplianceFaultError,
    CircuitOpenError,
    Executed,
    HoldfastError,
    NotSentError,
    UnavailableError,
)
from holdfast.resilience import Breaker, Operation, Outcome, Retry, Verdict
from holdfast.transport import ConnectionPool, Guard, Request, classify, path
from holdfast.transport.values import JsonObject, as_object, as_objects

T = TypeVar("T")

MAX_IN_FLIGHT: Final = 4
"""Three workers answer on each node, one call at a time each (contract 1): more in flight only wait there."""
KEEPALIVE_S: Final = 4.0
"""pveproxy closes idle connections after 5.0 s (contract 1)."""
CHECKED_FOR_S: Final = 300.0
"""How long a fallback that was found to be of the same cluster is not asked again."""
_CHECK_TIMEOUT_S: Final = 10.0


def for_address(error: BaseException) -> Verdict:
    """What an error says about the way to the answering node; what that says about another node is nothing."""
    if isinstance(error, NodeUnreachableError):
        return Verdict(Outcome.NEUTRAL, Retry.ALWAYS)
    if isinstance(error, NodeTimeoutError):
        return Verdict(Outcome.NEUTRAL, Retry.IF_SAFE)
    if isinstance(error, UnavailableError) and error.status == 500:
        # One agent, one storage, the quorum: the address answers very well (contract 6).
        return Verdict(Outcome.NEUTRAL, Retry.NEVER)
    if isinstance(error, CircuitOpenError):
        return Verdict(Outcome.NEUTRAL, Retry.NEVER)
    if isinstance(error, ApplianceFaultError) and not is_internal(error):
        # A refusal in words that are not known here: 500 is Proxmox's status for everything (contract 5).
        return Verdict(Outcome.NEUTRAL, Retry.NEVER)
    return classify(error)


class Address:
    """One node's API: connections, login and circuit of its own, so that what is wrong there stays there.

    Args:
        settings: With this address's host and port.
        pool: Shared connections.
        name: Of its circuit.
        retries: Whether its guard repeats attempts; not where several addresses are tried in turn.
        cluster: Name that the cluster must have before anything is sent; None for the address that the target names.
        on_secret: Told every secret that a login brings.
        monotonic: Clock, seconds.
    """

    def __init__(
        self,
        settings: ProxmoxSettings,
        pool: ConnectionPool,
        name: str,
        *,
        retries: bool,
        cluster: str | None = None,
        on_secret: Callable[[str], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        http = transport_of(settings, pool, keepalive_s=KEEPALIVE_S)
        policy = policy_of(settings, max_in_flight=MAX_IN_FLIGHT)
        self.label = f"{settings.host}:{settings.effective_port}"
        self.guard = Guard(
            name=name,
            policy=policy if retries else replace(policy, retry_max_attempts=1),
            classify=for_address,
            probe=self._probe,
            target=settings.label,
        )
        self._session = Session(settings, http.send, on_secret=on_secret)
        self._cluster = cluster
        self._monotonic = monotonic
        self._checked_at: float | None = None

    async def send(self, request: Request) -> JsonObject:
        """Send a request; the JSON object of a 200, or the error that the reply stands for."""
        if self._cluster is not None:
            await self._check(self._cluster)
        return await self._send(request)

    async def _send(self, request: Request) -> JsonObject:
        reply = await self._session.send(request)
        if reply.status != 200:
            error = named(error_of(reply), request)
            if request.safe:
                error.executed = Executed.NO
            raise error
        return as_object(reply.json())

    async def _check(self, cluster: str) -> None:
        """Refuse an address that is not of the cluster; nothing of the call was sent then."""
        now = self._monotonic()
        if self._checked_at is not None and now - self._checked_at < CHECKED_FOR_S:
            return
        self._checked_at = None
        ask = Request("GET", path("api2", "json", "cluster", "status"), attempt_timeout_s=_CHECK_TIMEOUT_S)
        try:
            rows = as_objects((await self._send(ask)).get("data"), "cluster status")
        except HoldfastError as error:
            raise NotSentError(f"{self.label} was not used: {error.message}") from error
        names = [str(row.get("name")) for row in rows if row.get("type") == "cluster"]
        if names != [cluster]:
            raise NotSentError(
                f"{self.label} was not used: it is of {'the cluster ' + names[0] if names else 'no cluster'}, "
                f"not of {cluster}.",
                next_step="The operator corrects fallback_hosts or cluster of the target.",
            )
        self._checked_at = now

    async def _probe(self) -> None:
        await self._send(Request("GET", path("api2", "json", "version"), attempt_timeout_s=5))


class Addresses:
    """All addresses of a target, in the order in which they are asked."""

    def __init__(
        self, settings: ProxmoxSettings, pool: ConnectionPool, *, on_secret: Callable[[str], None] | None = None
    ) -> None:
        name = settings.circuit_name
        self._connect_s = settings.connect_timeout
        several = bool(settings.fallback_hosts)
        self.first = Address(settings, pool, name, retries=not several, on_secret=on_secret)
        others = [
            settings.model_copy(update={"host": host, "port": port}) for host, port in settings.fallback_addresses
        ]
        self._others = [
            Address(
                other,
                pool,
                f"{name}@{other.host}:{other.effective_port}",
                retries=False,
                cluster=settings.cluster,
                on_secret=on_secret,
            )
            for other in others
        ]
        policy = replace(policy_of(settings, max_in_flight=MAX_IN_FLIGHT), circuit_breaker_enabled=False)
        self._any = Guard(name=f"{name}@any", policy=policy, classify=for_address, target=settings.label)
        self.outer = self._any if several else self.first.guard
        """Repeats a call: each time all addresses are asked in turn, where there are several."""

    @property
    def detour_s(self) -> float:
        """Longest time for finding an address that can be reached, seconds."""
        return len(self._others) * (self._connect_s + _CHECK_TIMEOUT_S)

    def breakers(self) -> Mapping[str, Breaker]:
        """Breakers by name."""
        guards = [address.guard for address in (self.first, *self._others)]
        return {guard.name: guard.breaker for guard in guards if guard.breaker is not None}

    async def send(self, operation: Operation, request: Request) -> JsonObject:
        """Send a request to the first address that can be reached.

        Raises:
            NotSentError, CircuitOpenError: None can be; nothing was sent. `details.fallbacks` tells why not.
            HoldfastError: What the address said or did that was sent the request.
        """
        if not self._others:
            return await self.first.send(request)
        refused: list[tuple[Address, HoldfastError]] = []
        for address in (self.first, *self._others):
            try:
                return await address.guard.run(operation, _attempt(address, request))
            except (NotSentError, CircuitOpenError) as error:
                refused.append((address, error))
        first = refused[0][1]
        first.details["fallbacks"] = " ".join(f"{address.label}: {error.message}" for address, error in refused[1:])
        raise first

    async def aclose(self) -> None:
        """End health probes under way."""
        for address in (self.first, *self._others):
            await address.guard.aclose()


def _attempt(address: Address, request: Request) -> Callable[[], Awaitable[JsonObject]]:
    return lambda: address.send(request)

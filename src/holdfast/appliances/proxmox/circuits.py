"""One circuit for the cluster's address, and one for every node behind it (contract 6, "breaker scoping").

A node that is down must not cut off a healthy cluster: what the answering node says about another node (595, 596, 597,
599) counts for that node only; what happens on the way to the answering node counts for the address only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from holdfast.appliances.proxmox.errors import NodeTimeoutError, NodeUnreachableError
from holdfast.errors import CircuitOpenError
from holdfast.resilience import Breaker, Operation, Outcome, Policy, Retry, Verdict
from holdfast.transport import Guard, classify

T = TypeVar("T")
_NODE_ERRORS = (NodeUnreachableError, NodeTimeoutError)


def _for_address(error: BaseException) -> Verdict:
    if isinstance(error, NodeUnreachableError):
        return Verdict(Outcome.NEUTRAL, Retry.ALWAYS)
    if isinstance(error, NodeTimeoutError):
        return Verdict(Outcome.NEUTRAL, Retry.IF_SAFE)
    if isinstance(error, CircuitOpenError):
        return Verdict(Outcome.NEUTRAL, Retry.NEVER)
    return classify(error)


def _for_node(error: BaseException) -> Verdict:
    return Verdict(Outcome.FAILURE if isinstance(error, _NODE_ERRORS) else Outcome.NEUTRAL, Retry.NEVER)


class Circuits:
    """The guards of one Proxmox target; `name` is that of the address's circuit, nodes' are `NAME/NODE`."""

    def __init__(
        self, policy: Policy, target: str, name: str, probe: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        self.name = name
        self._node_policy = replace(policy, retry_max_attempts=1, circuit_breaker_probe_interval=0)
        self._target = target
        self.address = Guard(name=name, policy=policy, classify=_for_address, probe=probe, target=target)
        self._nodes: dict[str, Guard] = {}

    def breakers(self) -> Mapping[str, Breaker]:
        """Breakers by name: the address's, and those of nodes called so far."""
        guards = {self.name: self.address} | {f"{self.name}/{node}": g for node, g in self._nodes.items()}
        return {name: guard.breaker for name, guard in guards.items() if guard.breaker is not None}

    async def run(self, operation: Operation, node: str | None, attempt: Callable[[], Awaitable[T]]) -> T:
        """Run an attempt under the address's circuit and, for a call that a node answers, under the node's."""
        if node is None:
            return await self.address.run(operation, attempt)
        guard = self._node(node)
        once = Operation(f"{operation.name} on node")
        return await self.address.run(operation, lambda: guard.run(once, attempt))

    def _node(self, node: str) -> Guard:
        if node not in self._nodes:
            self._nodes[node] = Guard(
                name=f"{self.name}/{node}", policy=self._node_policy, classify=_for_node, target=self._target
            )
        return self._nodes[node]

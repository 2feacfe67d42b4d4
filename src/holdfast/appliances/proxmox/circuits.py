"""One circuit for each address of the cluster, and one for every node behind it (contract 6, "breaker scoping").

A node that is down must not cut off a healthy cluster: what the answering node says about another node (595, 596, 597,
599) counts for that node only; what happens on the way to the answering node counts for the address only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from holdfast.appliances.proxmox.addresses import Addresses
from holdfast.appliances.proxmox.errors import NodeTimeoutError, NodeUnreachableError
from holdfast.resilience import Breaker, Operation, Outcome, Policy, Retry, Verdict
from holdfast.transport import Guard, Request
from holdfast.transport.values import JsonObject

_NODE_ERRORS = (NodeUnreachableError, NodeTimeoutError)


def _for_node(error: BaseException) -> Verdict:
    return Verdict(Outcome.FAILURE if isinstance(error, _NODE_ERRORS) else Outcome.NEUTRAL, Retry.NEVER)


class Circuits:
    """The guards of one Proxmox target; a node's is named `NAME/NODE`."""

    def __init__(self, addresses: Addresses, policy: Policy, target: str, name: str) -> None:
        self._addresses = addresses
        self._name = name
        self._node_policy = replace(policy, retry_max_attempts=1, circuit_breaker_probe_interval=0)
        self._target = target
        self._nodes: dict[str, Guard] = {}

    def breakers(self) -> Mapping[str, Breaker]:
        """Breakers by name: the addresses', and those of nodes called so far."""
        nodes = {guard.name: guard.breaker for guard in self._nodes.values() if guard.breaker is not None}
        return {**self._addresses.breakers(), **nodes}

    async def run(self, operation: Operation, node: str | None, request: Request) -> JsonObject:
        """Send a request under the addresses' circuits and, when a node answers it, under the node's."""
        once = Operation(f"{operation.name} once", total_timeout_s=operation.total_timeout_s)

        async def send() -> JsonObject:
            return await self._addresses.send(once, request)

        if node is None:
            return await self._addresses.outer.run(operation, send)
        guard = self._node(node)
        return await self._addresses.outer.run(operation, lambda: guard.run(once, send))

    def _node(self, node: str) -> Guard:
        if node not in self._nodes:
            self._nodes[node] = Guard(
                name=f"{self._name}/{node}", policy=self._node_policy, classify=_for_node, target=self._target
            )
        return self._nodes[node]

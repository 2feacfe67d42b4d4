"""What a handler gets, and where handlers register."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from holdfast.simulators.proxmox.auth import ROOT, Authenticator, Identity
from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.errors import ApiError, LockBusyError, bad_parameter
from holdfast.simulators.proxmox.facts import Method
from holdfast.simulators.proxmox.guests import Guest, config_path
from holdfast.simulators.proxmox.nodes import Node
from holdfast.simulators.proxmox.tasks import Work
from holdfast.simulators.proxmox.values import Json, Params, Row


@dataclass(frozen=True)
class Upload:
    """The file part of a multipart request."""

    filename: str
    content: bytes


@dataclass(frozen=True)
class Text:
    """An answer that is not JSON: a download."""

    body: str
    filename: str


@dataclass
class Call:
    """One authenticated, permitted and verified call."""

    cluster: Cluster
    authenticator: Authenticator
    method: Method
    params: Params
    identity: Identity
    local_node: str
    upload: Upload | None = None
    beside: Row = field(default_factory=dict)

    @property
    def who(self) -> str:
        """User or token id of the caller."""
        return self.identity.who

    @property
    def node(self) -> str:
        """The node a call is about: the one in the path, else the one contacted."""
        return self.params.text("node", self.local_node) if "/{node}" in self.method.template else self.local_node

    @property
    def executor(self) -> str:
        """The node that executes: some calls about another node are answered by the one contacted."""
        return self.node if self.method.proxied else self.local_node

    def member(self) -> Node:
        """The node a call is about, as a member of the cluster."""
        return self.cluster.require_node(self.node)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.cluster.now()

    def allowed(self, path: str, *names: str, any_of: bool = False) -> bool:
        """Whether the caller holds these privileges on a path."""
        return self.cluster.access.holds(self.who, path, names, any_of=any_of)

    def require(self, path: str, *names: str, any_of: bool = False) -> None:
        """403 unless the caller holds these privileges on a path."""
        self.cluster.access.require(self.who, path, names, any_of=any_of)

    def root_only(self, *names: str) -> None:
        """400 when one of these parameters is set by anyone but root with a ticket; 0 is as good as absent."""
        for name in names:
            if self.who != ROOT and self.params.text(name) not in ("", "0"):
                raise bad_parameter(name, "Only root may use this option.")

    def guest(self) -> Guest:
        """The guest of the path; 500 when it is not on this node."""
        kind = "qemu" if "/qemu/" in self.method.template else "lxc"
        return self.cluster.guest(self.node, kind, self.params.number("vmid"))

    def guest_anywhere(self) -> Guest:
        """The guest of the path wherever it is: such calls read what all nodes share."""
        vmid = self.params.number("vmid")
        found = self.cluster.guests.get(vmid)
        if found is None:
            kind = "qemu" if "/qemu/" in self.method.template else "lxc"
            raise ApiError(f"Configuration file '{config_path(self.node, kind, vmid)}' does not exist")
        return found

    def config_lock(self, guest: Guest) -> None:
        """Wait for the guest's configuration lock, as every synchronous change does."""
        if self.cluster.faults.strike("lock-timeout", vmid=guest.vmid):
            raise LockTimeoutNow(guest.vmid, guest.lock_path)
        if self.cluster.tasks.lock_holder(guest.vmid) is not None:
            raise LockBusyError(guest.vmid, guest.lock_path)

    def fork(self, kind: str, ident: object, work: Work, seconds: float = 0.3) -> str:
        """Start a worker on the executing node; its UPID."""
        return self.cluster.fork(self.executor, kind, ident, self.who, work, seconds).upid


class LockTimeoutNow(LockBusyError):
    """The lock was not given within its ten seconds, without waiting for them (fault `lock-timeout`)."""


Answer: TypeAlias = "Json | Text"
Handler: TypeAlias = "Callable[[Call], Answer]"

HANDLERS: dict[str, Handler] = {}


def answers(*endpoints: str) -> Callable[[Handler], Handler]:
    """Register the handler of one or several endpoints (`GET /version`)."""

    def register(handler: Handler) -> Handler:
        for endpoint in endpoints:
            if endpoint in HANDLERS:
                raise ValueError(f"two handlers for {endpoint}")
            HANDLERS[endpoint] = handler
        return handler

    return register

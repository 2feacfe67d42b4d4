"""The simulator object: options, credentials, faults, application."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final, TypeAlias

from aiohttp import web

from holdfast.simulators.base import SimulatedClock, Simulator
from holdfast.simulators.proxmox import ceph, handlers, membership
from holdfast.simulators.proxmox.access import ROOT
from holdfast.simulators.proxmox.api import Api
from holdfast.simulators.proxmox.auth import Authenticator
from holdfast.simulators.proxmox.build import AUDITOR, OPERATOR, OPERATOR_TOKEN, build_cluster
from holdfast.simulators.proxmox.facts import method_table
from holdfast.simulators.proxmox.faults import KNOWN
from holdfast.simulators.proxmox.wire import Frontend
from holdfast.simulators.world import World

PERSONAS: Final = ("9.1", "8.4")

handlers.load()


class ProxmoxSimulator(Simulator):
    """One Proxmox VE cluster behind the API of one of its nodes.

    `task_seconds`: duration of every worker task in simulated seconds; None (default) keeps small ones by type.
    `delay_scale`: share of the real appliance's delays (3 s before a 401, 30 s before a 596) that really passes;
    0.01 by default so that tries are quick, 1.0 for the real times.
    `local_node`: the node whose API is contacted; the first one online by default.
    """

    kind = "proxmox"
    keepalive_timeout_s = 5.0
    fault_names: ClassVar[Mapping[str, str]] = {name: about for name, (about, _) in KNOWN.items()}

    def __init__(self, world: World, clock: SimulatedClock, *, name: str, persona: str | None = None) -> None:
        release = persona or PERSONAS[0]
        if release not in PERSONAS:
            raise ValueError(f"no persona {release!r}; there are {', '.join(PERSONAS)}")
        super().__init__(world, clock, name=name, persona=release)
        self.delay_scale = 0.01
        self.cluster = build_cluster(world, clock.now, name, release)
        self.authenticator = Authenticator(self.cluster)
        self.local_node = next(node.name for node in self.cluster.nodes.values() if node.online)
        self._table = method_table(release)

    @property
    def task_seconds(self) -> float | None:
        """Duration of every task started from now on, in simulated seconds; None keeps the type's own."""
        return self.cluster.tasks.task_seconds

    @task_seconds.setter
    def task_seconds(self, seconds: float | None) -> None:
        self.cluster.tasks.task_seconds = seconds

    @property
    def credentials(self) -> dict[str, str]:
        """The operator's API token, allowed everything a token can be allowed."""
        full = f"{OPERATOR}!{OPERATOR_TOKEN}"
        return {"token_id": full, "token_secret": self.cluster.access.users[OPERATOR].tokens[OPERATOR_TOKEN].secret}

    @property
    def password_credentials(self) -> dict[str, str]:
        """User name and password of root, the only account that may do everything."""
        return {"username": ROOT, "password": self.cluster.access.users[ROOT].password or ""}

    @property
    def read_only_credentials(self) -> dict[str, str]:
        """An API token of an account that may only look."""
        return {"token_id": f"{AUDITOR}!read", "token_secret": self.cluster.access.users[AUDITOR].tokens["read"].secret}

    def app(self) -> web.Application:
        """The API as `local_node` serves it."""
        return self._frontend(lambda: self.local_node).app()

    def app_at(self, node: str) -> web.Application:
        """The same cluster, served by another of its nodes; KeyError when there is no such node."""
        name = self.cluster.nodes[node].name
        return self._frontend(lambda: name).app()

    def at(self, node: str) -> Simulator:
        """Another node of the same cluster as a member of a rack, with its own port; KeyError when there is none."""
        return _OtherNode(self, self.cluster.nodes[node].name)

    def _frontend(self, local_node: Callable[[], str]) -> Frontend:
        api = Api(self.cluster, self.authenticator, self._table, local_node, self._wait)
        return Frontend(api, self.authenticator, local_node, self._wait)

    def _wait(self, seconds: float) -> float:
        return seconds * self.delay_scale

    def install_ceph(self) -> None:
        """Put Ceph on every node; without it every Ceph call is refused as on a node that lacks the programs."""
        self.cluster.ceph = ceph.install(list(self.cluster.nodes.values()))

    def settle(self) -> None:
        """Let everything happen that is due by the clock; requests do it by themselves."""
        self.cluster.timeline.catch_up()

    def set_fault(self, name: str, **options: str | int | float | bool) -> None:
        """Switch a fault on; the names and options are in `holdfast.simulators.proxmox.faults`.

        LookupError for an unknown name, TypeError for an option it does not take, ValueError for a value that names
        nothing in this cluster.
        """
        self.settle()
        begin = _BEGIN.get(name)
        if begin is not None:
            begin(self, options)
        self.cluster.faults.set(name, options, self.clock.now())

    def clear_faults(self) -> None:
        """Switch all faults off: nodes come back, locks and withdrawn privileges are undone."""
        self.settle()
        for fault in self.cluster.faults.clear():
            if fault.name == "node-offline":
                membership.reconnect(self.cluster, fault.text("node"))
            elif fault.name == "guest-lock":
                self._unlock(int(fault.number("vmid", 0)), fault.text("lock", "backup"))
            elif fault.name == "stale-statistics":
                for guest in self.cluster.guests.values():
                    self.cluster.touch(guest)
        self.cluster.access.withheld.clear()
        self.cluster.access.changed()

    def _unlock(self, vmid: int, lock: str) -> None:
        guest = self.cluster.guests.get(vmid)
        if guest is not None and guest.lock == lock:
            del guest.config["lock"]

    def _begin_offline(self, options: Options) -> None:
        node = str(options.get("node", ""))
        if node not in self.cluster.nodes or node == self.local_node:
            raise ValueError(f"node-offline needs a node of the cluster other than {self.local_node}, not {node!r}")
        membership.take_offline(self.cluster, node)

    def _begin_lock(self, options: Options) -> None:
        vmid, lock = int(options.get("vmid", 0)), str(options.get("lock", "backup"))
        guest = self.cluster.guests.get(vmid)
        if guest is None:
            raise ValueError(f"guest-lock needs the vmid of a guest, not {vmid}")
        guest.config["lock"] = lock
        if "seconds" in options:
            self.cluster.timeline.after(float(options["seconds"]), lambda: self._unlock(vmid, lock))

    def _begin_expiry(self, options: Options) -> None:
        del options
        self.authenticator.rotate_keys()

    def _begin_denial(self, options: Options) -> None:
        privilege = str(options.get("privilege", ""))
        if privilege not in self.cluster.access.known:
            raise ValueError(f"{self.persona} has no privilege {privilege!r}")
        self.cluster.access.withheld.add((str(options.get("path", "/")), privilege))
        self.cluster.access.changed()


class _OtherNode(Simulator):
    """The API of one more node: the cluster, the accounts and the faults are those of the first."""

    kind = ProxmoxSimulator.kind
    keepalive_timeout_s = ProxmoxSimulator.keepalive_timeout_s
    fault_names = ProxmoxSimulator.fault_names

    def __init__(self, first: ProxmoxSimulator, node: str) -> None:
        super().__init__(first.world, first.clock, name=f"{first.name}-{node}", persona=first.persona)
        self._first = first
        self._node = node

    @property
    def credentials(self) -> dict[str, str]:
        return self._first.credentials

    def app(self) -> web.Application:
        return self._first.app_at(self._node)

    def set_fault(self, name: str, **options: str | int | float | bool) -> None:
        self._first.set_fault(name, **options)

    def clear_faults(self) -> None:
        self._first.clear_faults()


Options: TypeAlias = Mapping[str, str | int | float | bool]

_BEGIN: Final[Mapping[str, Callable[[ProxmoxSimulator, Options], None]]] = {
    "node-offline": ProxmoxSimulator._begin_offline,
    "guest-lock": ProxmoxSimulator._begin_lock,
    "ticket-expired": ProxmoxSimulator._begin_expiry,
    "permission-denied": ProxmoxSimulator._begin_denial,
}

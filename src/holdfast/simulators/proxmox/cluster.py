"""The whole state of the simulated cluster, and the questions every handler asks of it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Final

from holdfast.simulators.proxmox.access import Access
from holdfast.simulators.proxmox.ceph import Ceph
from holdfast.simulators.proxmox.certificates import Certificate, CertificateAuthority
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.faults import Faults
from holdfast.simulators.proxmox.firewall import FirewallScope
from holdfast.simulators.proxmox.guests import Guest, Seen, config_path
from holdfast.simulators.proxmox.nodes import Node
from holdfast.simulators.proxmox.storages import Storage, Volume, Volumes, split_volid
from holdfast.simulators.proxmox.tasks import Task, Tasks, Work
from holdfast.simulators.proxmox.timeline import Timeline
from holdfast.simulators.proxmox.values import Row

STATISTICS_CADENCE_S: Final = 10.0
STATISTICS_EXPIRY_S: Final = 300.0

Section = dict[str, dict[str, str]]


class Cluster:
    """Nodes, guests, storages, access and configuration; reads the clock only through `timeline`."""

    def __init__(self, release: str, name: str, clock: Callable[[], float], seed: str) -> None:
        self.release = release
        self.name = name
        self.rng = random.Random(seed)
        self.timeline = Timeline(clock)
        self.timeline.before_event = self._statistics
        self.tasks = Tasks(self.timeline, self.rng)
        self.access = Access(release)
        self.faults = Faults()
        self.nodes: dict[str, Node] = {}
        self.guests: dict[int, Guest] = {}
        self.storages: dict[str, Storage] = {}
        self.volumes = Volumes()
        self.pools: dict[str, str | None] = {}
        self.sections: dict[str, Section] = {}
        self.options: dict[str, str] = {"keyboard": "en-us"}
        self.options_hidden: dict[str, str] = {}
        self.firewall = FirewallScope()
        self.guest_firewalls: dict[int, FirewallScope] = {}
        self.vnet_firewalls: dict[str, FirewallScope] = {}
        self.ceph: Ceph | None = None
        self.log: list[Row] = []
        self.authority = CertificateAuthority(name, clock())
        self._dirty: set[int] = set()
        self._seen_at = -math.inf

    # -- time -----------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.timeline.now()

    def _statistics(self, moment: float) -> None:
        """Let the statistics daemons have run at every multiple of ten seconds up to this moment."""
        boundary = moment // STATISTICS_CADENCE_S * STATISTICS_CADENCE_S
        if boundary <= self._seen_at or not self._dirty:
            self._seen_at = max(self._seen_at, boundary)
            return
        self._seen_at = boundary
        for vmid in list(self._dirty):
            guest = self.guests.get(vmid)
            if guest is None:
                self._dirty.discard(vmid)
            elif self.nodes[guest.node].online and not self.faults.find("stale-statistics", node=guest.node):
                guest.seen = Seen(guest.running, guest.started_s, guest.name, guest.template)
                self._dirty.discard(vmid)

    def touch(self, guest: Guest) -> None:
        """Mark a guest as changed: the next statistics run tells the cluster."""
        self._dirty.add(guest.vmid)

    @property
    def statistics_at(self) -> float:
        """When the statistics that listings show were taken."""
        return self._seen_at if math.isfinite(self._seen_at) else self.now()

    # -- nodes ----------------------------------------------------------------------------------------------------

    def online(self, node: str) -> bool:
        """Whether a node is a live member."""
        found = self.nodes.get(node)
        return found is not None and found.online

    def quorate(self) -> bool:
        """Whether more than half of the votes are present."""
        if self.faults.find("quorum-lost"):
            return False
        return sum(node.online for node in self.nodes.values()) * 2 > len(self.nodes)

    def require_quorum(self) -> None:
        """500 as the start of a guest answers without quorum."""
        if not self.quorate():
            raise ApiError("cluster not ready - no quorum?")

    def require_writable(self, path: str) -> None:
        """500 as a write below /etc/pve answers without quorum."""
        if not self.quorate():
            raise ApiError(
                f"unable to open file '/etc/pve/{path}.tmp.{self.rng.randrange(10000, 99999)}' - Permission denied"
            )

    def require_node(self, node: str) -> Node:
        """The node; 500 when it is no member."""
        found = self.nodes.get(node)
        if found is None:
            raise ApiError(f"no such cluster node '{node}'")
        return found

    def statistics_expired(self, node: str) -> bool:
        """Whether what the node last told has been forgotten."""
        found = self.nodes[node]
        return not found.online and self.now() - found.offline_since_s > STATISTICS_EXPIRY_S

    def certificate(self, node: Node) -> Certificate:
        """The certificate a node presents."""
        return node.custom_certificate or self.authority.of_node(node.name, node.fqdn, node.ip)

    # -- guests ---------------------------------------------------------------------------------------------------

    def guest(self, node: str, kind: str, vmid: int) -> Guest:
        """The guest of that kind on that node; 500 when its configuration is not there."""
        found = self.guests.get(vmid)
        if found is None or found.node != node or found.kind != kind:
            raise ApiError(f"Configuration file '{config_path(node, kind, vmid)}' does not exist")
        return found

    def check_lock(self, guest: Guest) -> None:
        """500 while the configuration carries a lock."""
        if guest.lock:
            raise ApiError(f"{guest.word} is locked ({guest.lock})")

    def guest_firewall(self, vmid: int) -> FirewallScope:
        """The guest's own firewall file."""
        return self.guest_firewalls.setdefault(vmid, FirewallScope())

    def forget_guest(self, guest: Guest) -> None:
        """Take a guest out of everything that a plain removal cleans up: firewall, grants, pools."""
        self.guests.pop(guest.vmid, None)
        self.access.grants = [grant for grant in self.access.grants if grant.path != f"/vms/{guest.vmid}"]
        self.guest_firewalls.pop(guest.vmid, None)
        self.access.pool_of.pop(f"/vms/{guest.vmid}", None)
        self.access.changed()

    def pool_of(self, vmid: int) -> str | None:
        """The pool a guest belongs to."""
        return self.access.pool_of.get(f"/vms/{vmid}")

    def ha_managed(self, guest: Guest) -> bool:
        """Whether the HA manager looks after it (the state "ignored" means it does not)."""
        resource = self.sections.get("ha-resources", {}).get(ha_sid(guest))
        return resource is not None and resource.get("state") != "ignored"

    # -- storages -------------------------------------------------------------------------------------------------

    def storage(self, name: str) -> Storage:
        """The definition of a storage; 500 when there is none."""
        found = self.storages.get(name)
        if found is None:
            raise ApiError(f"storage '{name}' does not exist")
        return found

    def usable_storage(self, name: str, node: str) -> Storage:
        """A storage that is enabled on this node and online; 500 otherwise."""
        found = self.storage(name)
        if not found.enabled:
            raise ApiError(f"storage '{name}' is disabled")
        if not found.on_node(node):
            raise ApiError(f"storage '{name}' is not available on node '{node}'")
        if not self.storage_active(found, node):
            raise ApiError(f"storage '{name}' is not online")
        return found

    def storage_active(self, storage: Storage, node: str) -> bool:
        """Whether the storage answers on this node."""
        return storage.enabled and not self.faults.find("storage-offline", storage=storage.name, node=node)

    def volume(self, node: str, volid: str) -> Volume | None:
        """The volume of this id as a node sees it."""
        name, _ = split_volid(volid)
        storage = self.storages.get(name)
        return self.volumes.find(storage, node, volid) if storage is not None else None

    # -- record ---------------------------------------------------------------------------------------------------

    def note(self, node: str, user: str, text: str, tag: str = "pvedaemon", priority: int = 6) -> None:
        """Write a line of the cluster log."""
        self.log.append(
            {
                "uid": len(self.log) + 1,
                "time": int(self.now()),
                "pri": priority,
                "tag": tag,
                "pid": self.rng.randrange(1000, 60000),
                "node": node,
                "user": user,
                "msg": text,
            }
        )
        del self.log[:-500]

    def fork(self, node: str, kind: str, ident: object, user: str, work: Work, seconds: float = 0.3) -> Task:
        """Start a worker on a node; 500 when the fault `worker-fails` is on."""
        if self.faults.strike("worker-fails", kind=kind):
            raise ApiError("got no worker upid - start worker failed")
        task = self.tasks.start(node, kind, str(ident), user, work, seconds)
        self._apply_faults(task)
        self.note(node, user, f"starting task {task.upid}")
        self.tasks.run(task)
        return task

    def _apply_faults(self, task: Task) -> None:
        about = {"kind": task.kind, "vmid": task.id}
        fails = self.faults.strike("task-fails", **about)
        if fails:
            task.failure = fails.text("text", "simulated failure")
            task.fails_late = bool(fails.options.get("after_work"))
        elif self.faults.strike("task-vanishes", **about):
            task.failure = "unexpected status"
        elif self.faults.strike("task-hangs", **about):
            task.hangs = True
        warns = self.faults.strike("task-warnings", **about)
        if warns:
            for number in range(int(warns.number("warnings", 1))):
                self.tasks.warn(task, f"simulated warning {number + 1}")
        late = self.faults.strike("task-late")
        if late:
            task.visible_at_s = self.now() + late.number("seconds", 3)


def ha_sid(guest: Guest) -> str:
    """The name the HA manager knows a guest by."""
    return f"{'vm' if guest.kind == 'qemu' else 'ct'}:{guest.vmid}"

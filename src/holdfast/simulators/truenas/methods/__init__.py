"""All method implementations, in the order in which a box builds them."""

from __future__ import annotations

from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.alerts import Alerts
from holdfast.simulators.truenas.methods.app_images import AppImages
from holdfast.simulators.truenas.methods.app_versions import AppVersions
from holdfast.simulators.truenas.methods.apps import Apps
from holdfast.simulators.truenas.methods.auth import Auth
from holdfast.simulators.truenas.methods.catalog import Catalog
from holdfast.simulators.truenas.methods.certificates import Certificates
from holdfast.simulators.truenas.methods.cloudsync import CloudSync
from holdfast.simulators.truenas.methods.config import Audit, Config, Failover
from holdfast.simulators.truenas.methods.containers import Containers
from holdfast.simulators.truenas.methods.core import Core
from holdfast.simulators.truenas.methods.dataset_keys import DatasetKeys
from holdfast.simulators.truenas.methods.datasets import Datasets
from holdfast.simulators.truenas.methods.disks import Disks
from holdfast.simulators.truenas.methods.docker import Docker
from holdfast.simulators.truenas.methods.filesystem import Filesystem
from holdfast.simulators.truenas.methods.general import Administration, Advanced, General
from holdfast.simulators.truenas.methods.groups import Groups
from holdfast.simulators.truenas.methods.identities import Identities
from holdfast.simulators.truenas.methods.interface_commits import InterfaceCommits
from holdfast.simulators.truenas.methods.interfaces import Interfaces
from holdfast.simulators.truenas.methods.iscsi import Iscsi
from holdfast.simulators.truenas.methods.keychain import Keychain
from holdfast.simulators.truenas.methods.network import Network
from holdfast.simulators.truenas.methods.pool_jobs import PoolJobs
from holdfast.simulators.truenas.methods.pools import Pools
from holdfast.simulators.truenas.methods.replication import Replication
from holdfast.simulators.truenas.methods.reporting import Reporting
from holdfast.simulators.truenas.methods.scrubs import Scrubs
from holdfast.simulators.truenas.methods.services import Services
from holdfast.simulators.truenas.methods.sessions import Sessions
from holdfast.simulators.truenas.methods.shares import Shares
from holdfast.simulators.truenas.methods.snapshot_tasks import SnapshotTasks
from holdfast.simulators.truenas.methods.snapshots import Snapshots
from holdfast.simulators.truenas.methods.sources import Sources
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.methods.system import System
from holdfast.simulators.truenas.methods.updates import BootEnvironments, Updates
from holdfast.simulators.truenas.methods.users import Users
from holdfast.simulators.truenas.methods.virt import Virt
from holdfast.simulators.truenas.methods.vm_facts import VmFacts
from holdfast.simulators.truenas.methods.vms import Vms
from holdfast.simulators.truenas.methods.zfs import Zfs
from holdfast.simulators.truenas.registry import Namespace

NAMESPACES: tuple[type[Namespace], ...] = (
    Alerts,
    Accounts,
    Users,
    Identities,
    Sessions,
    Auth,
    Groups,
    Core,
    System,
    Storage,
    Filesystem,
    Pools,
    Scrubs,
    PoolJobs,
    Datasets,
    DatasetKeys,
    Snapshots,
    SnapshotTasks,
    Zfs,
    Disks,
    Services,
    Shares,
    Iscsi,
    Network,
    Interfaces,
    InterfaceCommits,
    Certificates,
    General,
    Advanced,
    Administration,
    Keychain,
    Replication,
    CloudSync,
    Catalog,
    Docker,
    Apps,
    AppVersions,
    AppImages,
    Vms,
    VmFacts,
    Virt,
    Containers,
    Reporting,
    Sources,
    BootEnvironments,
    Updates,
    Config,
    Audit,
    Failover,
)


def vendor_names() -> set[str]:
    """Names whose facts come from the vendor's files: everything implemented, and what other releases' facts copy."""
    from holdfast.simulators.base import SimulatedClock, SimulatorState
    from holdfast.simulators.truenas import facts_25_04
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.persona import PERSONAS
    from holdfast.simulators.world import default_world

    world = default_world()
    server = next(server for server in world.servers if server.role == "truenas")
    box = Box(world, SimulatedClock(lambda: 0.0), PERSONAS["25.10"], server, server.hostname, SimulatorState())
    return {*box.implemented, *facts_25_04.SAME_AS.values()}

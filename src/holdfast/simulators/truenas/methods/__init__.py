"""All method implementations, in the order in which a box builds them."""

from __future__ import annotations

from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.alerts import Alerts
from holdfast.simulators.truenas.methods.auth import Auth
from holdfast.simulators.truenas.methods.core import Core
from holdfast.simulators.truenas.methods.pools import Pools
from holdfast.simulators.truenas.methods.snapshots import Snapshots
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.methods.system import System
from holdfast.simulators.truenas.registry import Namespace

NAMESPACES: tuple[type[Namespace], ...] = (
    Alerts,
    Accounts,
    Auth,
    Core,
    System,
    Storage,
    Pools,
    Snapshots,
)


def vendor_names() -> set[str]:
    """Names whose facts come from the vendor's files: everything implemented, and what other releases' facts copy."""
    from holdfast.simulators.base import SimulatedClock, SimulatorState
    from holdfast.simulators.truenas import facts_25_04, facts_26
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.persona import PERSONAS
    from holdfast.simulators.world import default_world

    world = default_world()
    server = next(server for server in world.servers if server.role == "truenas")
    box = Box(world, SimulatedClock(lambda: 0.0), PERSONAS["25.10"], server, server.hostname, SimulatorState())
    return {*box.implemented, *facts_25_04.SAME_AS.values(), *facts_26.SAME_AS.values()}

"""A simulated Proxmox VE cluster, by the contract of its management API.

::

    sim = create(default_world(), SimulatedClock(time.time), "pve")      # persona "9.1"; "8.4" is the other
    sim.credentials                  token_id, token_secret: an operator allowed all that a token can be
    sim.password_credentials         username, password: root, the only account that may do everything
    sim.read_only_credentials        a token of an auditor
    sim.task_seconds = 0             tasks end at once; None keeps small durations by type, in simulated seconds
    sim.delay_scale = 1.0            the real delays (3 s before a 401, 30 s before a 596) instead of 1 % of them
    sim.set_fault("node-stalled", node="pve2", delay_s=0)                # all of them: `fault_names`
    sim.install_ceph()               else every Ceph call is refused as on a node without it
    sim.app(), sim.app_at("pve2")    the API of the contacted node, or of another one
    sim.at("pve2")                   that other node as a further member of a rack

Time passes by the clock only: tasks, locks, tickets, statistics and the HA manager catch up when a request comes in
(or with `settle()`). Every method of both releases has a handler; the state lives in memory and starts from the world:
by default three nodes of which pve3 is off, and on pve2 a stopped machine, one with the lock `backup`, a stopped
container and the directory storage `local`.

Not simulated: screens behind console tickets, other clusters (remote migration, joining), certificate services,
directories (LDAP), backup servers, and the running of scheduled jobs. They answer as the real ones do when what they
need is out of reach.
"""

from __future__ import annotations

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.proxmox.scale import scaled_world
from holdfast.simulators.proxmox.simulator import PERSONAS, ProxmoxSimulator
from holdfast.simulators.world import World

__all__ = ["PERSONAS", "ProxmoxSimulator", "create", "scaled_world"]


def create(world: World, clock: SimulatedClock, name: str, persona: str | None = None) -> ProxmoxSimulator:
    """A simulator of the world's cluster; `persona` is the release "9.1" (default) or "8.4".

    Raises ValueError for another persona.
    """
    return ProxmoxSimulator(world, clock, name=name, persona=persona)

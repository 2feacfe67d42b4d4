"""A simulated Proxmox VE cluster, by the contract of its management API."""

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

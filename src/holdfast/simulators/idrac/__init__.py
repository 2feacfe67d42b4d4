"""A simulated Dell iDRAC of generation 8, 9 or 10: Redfish and Dell's extensions on the wire."""

from __future__ import annotations

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.idrac.faults import FAULTS, MORE_DISGUISES, NOT_READY_DISGUISES
from holdfast.simulators.idrac.persona import PERSONAS
from holdfast.simulators.idrac.simulator import IDracSimulator
from holdfast.simulators.world import World

__all__ = ["FAULTS", "MORE_DISGUISES", "NOT_READY_DISGUISES", "PERSONAS", "IDracSimulator", "create"]


def create(world: World, clock: SimulatedClock, name: str, persona: str | None = None) -> IDracSimulator:
    """A simulator of one BMC.

    `name` picks the server when it is a host name (or "idrac-<host name>") or numbered ("idrac2" is the second);
    with a `persona` ("8", "9", "9-14g", "10") it is the first server of that generation. By default the persona is the
    server's generation.

    Raises:
        ValueError: there is no such persona.
    """
    return IDracSimulator(world, clock, name=name, persona=persona)

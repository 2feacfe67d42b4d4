"""What a row of the tables of tools holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from holdfast.simulators.idrac.attributes import GROUPS
from tests.support.rooms import Room

Call = tuple[str, dict[str, Any]]
LAB = 'image_sources = ["https://mirror.example/"]'
RAID = "RAID.Integrated.1-1"
DISK = "Disk.Bay.0:Enclosure.Internal.0-1:RAID.Integrated.1-1"


GENERATIONS = ("7", "8", "9-14g", "9", "10")
"""Personas of the simulator that the tables are run on."""
_LIKE = {"7": "8", "9-14g": "9"}
"""Personas that stand with another one wherever a case does not name them."""


@dataclass(frozen=True)
class Case:
    """A call that works in the simulator's default world.

    Attributes:
        tool: Its name.
        arguments: That work.
        before: Calls that make the world fit first.
        lacking: Personas whose iDRAC does not offer it.
        blind: Whether a lost answer cannot be settled by reading.
        sends: Most writes on the wire that it takes.
        undoes: Whether the undo can be called at once.
        staged: Personas where it waits for a restart of the host, so that it has only started.
        only: Personas that it is meant for.
        world: Makes the simulator's world fit, before the calls.
        missing: Arguments in place of its own that name what is not there; None where it names nothing.
        local: Whether it asks no server.
        asks_first: Whether planning asks on a new connection too.
        aim: Part of the address of what it sends, where planning asks by POST too.
        residue: Part of the configuration that its undo does not bring back: waiting settings go with their job, the
            watts of a cap that does not hold stay.
        breaks_off: Personas where it takes two writes and a lost answer to the first ends it without effect.
        while_locked: Whether lockdown mode leaves it alone (contract 12.17).
    """

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)
    before: tuple[Call, ...] = ()
    lacking: tuple[str, ...] = ()
    blind: bool = False
    sends: int = 1
    undoes: bool = True
    staged: tuple[str, ...] = ()
    only: tuple[str, ...] = GENERATIONS
    world: Callable[[Room], None] | None = None
    missing: dict[str, Any] | None = None
    breaks_off: tuple[str, ...] = ()
    residue: str = ""
    while_locked: bool = False
    local: bool = False
    aim: str = ""
    asks_first: bool = False

    def lacks(self, persona: str) -> bool:
        """Whether the iDRAC of this persona does not offer it."""
        return _named(persona, self.lacking)

    def fits(self, persona: str) -> bool:
        """Whether it is meant for this persona."""
        return _named(persona, self.only)

    def works(self, persona: str) -> bool:
        """Whether it can be carried out there."""
        return self.fits(persona) and not self.lacks(persona)

    def waits(self, persona: str) -> bool:
        """Whether it waits there for a restart of the host."""
        return persona in self.staged

    def ends_early(self, persona: str) -> bool:
        """Whether a lost answer to its first write ends it there without effect."""
        return _named(persona, self.breaks_off)

    @property
    def id(self) -> str:
        """For the names of tests."""
        return "-".join([self.tool, *(str(value) for value in self.arguments.values())])[:60]


def _named(persona: str, personas: tuple[str, ...]) -> bool:
    return persona in personas or _LIKE.get(persona) in personas


def bmc_of(lab: Room) -> Any:
    """The state behind the simulator."""
    return lab.simulator.bmc  # type: ignore[attr-defined]


def configuration(lab: Room) -> dict[str, Any]:
    """What the simulated server is set to: what an undo must bring back."""
    bmc = bmc_of(lab)
    return {
        "attributes": {name: bmc.attributes.all(name) for name in GROUPS},
        "users": {one.id: (one.username, one.role, one.enabled) for one in bmc.accounts.members.values()},
        "bios": (bmc.bios.all(), dict(bmc.bios.pending), bmc.bios.committed),
        "boot": (bmc.boot.target, bmc.boot.enabled, bmc.boot.order, bmc.boot.pending_order),
        "media": {name: slot.image for name, slot in bmc.media.slots.items()},
        "lights": (bmc.identify, {name: state.blinking for name, state in bmc.raid.states.items()}),
        "drives": {name: (state.raid_status, state.hotspare) for name, state in bmc.raid.states.items()},
        "volumes": {name: (one.read_policy, one.write_policy, one.level) for name, one in bmc.raid.volumes.items()},
        "power": bmc.host.state,
        "licence": bmc.licence,
        "certificate": bmc.certificates.pem,
        "jobs": sorted(job.id for job in bmc.jobs.visible() if not job.over),
    }

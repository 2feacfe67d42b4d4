"""A call that works, of every tool of every room: for tests of what holds for all, whose calls must reach the tool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.appliances.idrac import table as idrac_table
from tests.appliances.idrac.test_writes import lab_room
from tests.appliances.pfsense import calls as pfsense_calls
from tests.appliances.pfsense.conftest import firewall
from tests.appliances.proxmox import harness as proxmox_harness
from tests.appliances.proxmox import table as proxmox_table
from tests.appliances.truenas import harness as truenas_harness
from tests.appliances.truenas import table as truenas_table
from tests.appliances.truenas.case import Case as TrueNASCase
from tests.support.rooms import Room

Arguments = dict[str, Any]
_IDRAC_PERSONAS = ("9", "10", "8")


@dataclass(frozen=True)
class WorkingCall:
    """One tool with arguments that it takes in its room's default world.

    Attributes:
        kind: Kind of appliance.
        tool: Name of the tool.
        open: Opens a room for it below a folder.
        prepare: Makes the room's world fit; the arguments.
    """

    kind: str
    tool: str
    open: Callable[[Path], AbstractAsyncContextManager[Room]]
    prepare: Callable[[Room], Awaitable[Arguments]]

    @asynccontextmanager
    async def ready(self, folder: Path) -> AsyncIterator[tuple[Room, Arguments]]:
        """The room, made fit, and the arguments that work in it."""
        async with self.open(folder) as made:
            yield made, await self.prepare(made)


def _pfsense() -> list[WorkingCall]:
    return [
        WorkingCall("pfsense", call.tool, firewall, call.made) for call in (*pfsense_calls.READS, *pfsense_calls.WRITES)
    ]


def _truenas(case: TrueNASCase) -> WorkingCall:
    async def prepared(made: Room) -> Arguments:
        return await truenas_harness.prepare(made, case)

    return WorkingCall("truenas", f"truenas_{case.tool}", truenas_harness.nas, prepared)


def _idrac(case: idrac_table.Case) -> WorkingCall:
    persona = next(one for one in _IDRAC_PERSONAS if one in case.only and one not in case.lacking)

    def opened(folder: Path) -> AbstractAsyncContextManager[Room]:
        made: AbstractAsyncContextManager[Room] = lab_room(folder, persona)
        return made

    async def prepared(made: Room) -> Arguments:
        return await idrac_table.prepare(made, case)

    return WorkingCall("idrac", case.tool, opened, prepared)


def _two_names(folder: Path) -> AbstractAsyncContextManager[Room]:
    made: AbstractAsyncContextManager[Room] = lab_room(folder, names=("lab", "second"))
    return made


async def _both(made: Room) -> Arguments:
    return {"target": "lab", "other": "second"}


def _proxmox(case: proxmox_table.Case) -> WorkingCall:
    async def prepared(made: Room) -> Arguments:
        return await proxmox_harness.prepare(made, case)

    return WorkingCall("proxmox", case.tool, proxmox_harness.pve_room, prepared)


def _first_of_each_tool() -> list[WorkingCall]:
    calls = [
        *_pfsense(),
        *map(_truenas, truenas_table.ALL),
        *map(_idrac, idrac_table.CASES),
        WorkingCall("idrac", "idrac_diff_bios", _two_names, _both),
        *map(_proxmox, proxmox_table.CASES),
    ]
    return list({call.tool: call for call in reversed(calls)}.values())[::-1]


WORKING: tuple[WorkingCall, ...] = tuple(_first_of_each_tool())

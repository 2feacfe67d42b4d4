"""Created or set, shown, changed, deleted or set back: afterwards the server is set as it was.

Compared is all that the simulator keeps but the queue of jobs that are over and the entries of logs (`whole_state`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.control.inventory import load_catalogue
from tests.appliances.idrac.cases import Call, bmc_of
from tests.appliances.idrac.table import licence_of
from tests.appliances.idrac.test_writes import lab_room
from tests.appliances.idrac.trips import LEAVES_NOTHING, ONE_WAY, PERSONAS, TRIPS, Trip
from tests.appliances.idrac.whole_state import difference, whole_state
from tests.support.rooms import Room


def test_every_tool_that_changes_something_makes_a_round_trip_or_is_known_to_have_none() -> None:
    writes = {entry.name for entry in load_catalogue(("idrac",)).entries if entry.writes}
    travelled = set().union(*(trip.tools for trip in TRIPS))
    without = {call[0] for call, _, _ in LEAVES_NOTHING}
    assert writes - travelled - without == set(ONE_WAY)
    assert travelled & set(ONE_WAY) == set()
    assert travelled | without | set(ONE_WAY) == writes


class Journey:
    """One trip at one simulator: what is only known on the way."""

    def __init__(self, lab: Room, trip: Trip, persona: str) -> None:
        self.lab = lab
        self.trip = trip
        self.restarts = persona in trip.staged
        self.job = ""
        self.known: dict[str, Any] = {}

    async def start(self) -> None:
        """Remember what is set now."""
        bmc = bmc_of(self.lab)
        net: dict[str, Any] = await self.lab.call("idrac_get_network")
        prefix = str(sum(bin(int(part)).count("1") for part in str(net["netmask"]).split(".")))
        alerts = str(bmc.attributes.get("IPMILan.1.AlertEnable"))
        bios = next(one for one in bmc.firmware.components.values() if one.kind == "bios")
        self.known = {
            "@host_name": net["host_name"],
            "@ntp": net.get("ntp") or [] if net.get("ntp_enabled") else [],
            "@dns": [one for one in net.get("dns") or [] if one != "0.0.0.0"],
            "@domain": bmc.setting("NIC.1.DNSDomainName"),
            "@address": f"{net['address']}/{prefix}",
            "@gateway": net["gateway"],
            "@same": alerts,
            "@other": "Disabled" if alerts == "Enabled" else "Enabled",
            "@previous": bios.inventory_id("Previous", bios.version),
            "@volumes": set(bmc.raid.volumes),
        }

    def fill(self, value: Any) -> Any:
        """A value with what is known by now in place of names."""
        if isinstance(value, dict):
            return {name: self.fill(one) for name, one in value.items()}
        bmc = bmc_of(self.lab)
        match value:
            case "@job":
                return self.job
            case "@volume":
                return next(name for name in bmc.raid.volumes if name not in self.known["@volumes"])
            case "@licence":
                return licence_of(self.lab)
            case "@subscription":
                return next(iter(bmc.events.subscriptions))
            case str():
                return self.known.get(value, value)
            case _:
                return value

    async def go(self, call: Call) -> None:
        """One write, to its end."""
        tool, arguments = call[0], self.fill(call[1])
        answer: dict[str, Any] = await self.lab.call(tool, **arguments)
        waits = ("applied", "started", "unknown") if self.restarts else ("applied",)
        staged = ("started", "unknown") if tool == "idrac_upload_firmware" else ()
        assert answer["outcome"] in (*waits, *staged), answer
        details = answer.get("details") or {}
        self.job = str(details.get("job") or answer.get("task") or self.job)
        if self.restarts:
            assert (await self.lab.call("idrac_set_power", action="restart_force"))["outcome"] == "applied"
        self.lab.clock.advance(180)

    async def seen(self) -> str:
        """What the read shows."""
        tool, arguments = self.trip.shows[0]
        return str(await self.lab.call(tool, **arguments))


@pytest.mark.parametrize(
    ("trip", "persona"),
    [
        pytest.param(trip, persona, id=f"{trip.name.replace(' ', '_')}-{persona}")
        for trip in TRIPS
        for persona in PERSONAS
        if persona not in trip.lacking
    ],
)
async def test_what_is_created_shown_changed_and_taken_back_leaves_the_server_as_it_was(
    trip: Trip, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        if trip.world is not None:
            trip.world(lab)
        journey = Journey(lab, trip, persona)
        await journey.start()
        text = str(journey.fill(trip.shows[1]))
        before = whole_state(lab)
        assert not text or text not in await journey.seen()
        if trip.brings is not None:
            trip.brings(lab)
        for call in trip.create:
            await journey.go(call)
        assert text in await journey.seen()
        assert difference(before, whole_state(lab))
        for call, shown in trip.update:
            was = whole_state(lab)
            await journey.go(call)
            assert shown in await journey.seen()
            assert difference(was, whole_state(lab)) or call[0] == "idrac_initialize_volume"
        for call in trip.delete:
            await journey.go(call)
        assert not text or text not in await journey.seen()
        assert set(difference(before, whole_state(lab))) == ({trip.leaves[0]} - {""})


@pytest.mark.parametrize(
    ("call", "world", "persona"),
    [
        pytest.param(call, world, persona, id=f"{call[0]}-{persona}")
        for call, world, lacking in LEAVES_NOTHING
        for persona in PERSONAS
        if persona not in lacking
    ],
)
async def test_what_only_reads_checks_or_restarts_leaves_the_server_as_it_was(
    call: Call, world: Callable[[Room], None] | None, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        if world is not None:
            world(lab)
        tool, arguments = call
        given = {name: licence_of(lab) if value == "@licence" else value for name, value in arguments.items()}
        before = whole_state(lab)
        answer = await lab.call(tool, **given)
        assert answer["outcome"] in ("applied", "started", "unknown"), answer
        lab.clock.advance(600)
        assert difference(before, whole_state(lab)) == {}

"""Average, lowest and highest consumption on every generation, or why they are not told (contract 12.3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.appliances.idrac.cases import bmc_of
from tests.appliances.idrac.test_writes import lab_room
from tests.support.rooms import Room


def gathering(lab: Room, on: bool) -> None:
    for name in ("Telemetry.1.EnableTelemetry", "TelemetryPowerStatistics.1.EnableTelemetry"):
        bmc_of(lab).attributes.set(name, "Enabled" if on else "Disabled")


@pytest.mark.parametrize("persona", ["7", "8", "9-14g", "9", "10"])
async def test_average_lowest_and_highest_are_told_on_every_generation(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_set_power", action="on")
        lab.clock.advance(120)
        gathering(lab, True)
        power: Any = await lab.call("idrac_get_power")
        assert power["minimum_watts"] <= power["average_watts"] <= power["maximum_watts"]
        assert power["maximum_watts"] - power["minimum_watts"] == 40
        assert not power.get("notes")


async def test_an_idrac10_without_telemetry_says_where_they_would_be(tmp_path: Path) -> None:
    async with lab_room(tmp_path, "10") as lab:
        gathering(lab, False)
        off: Any = await lab.call("idrac_get_power")
        assert "average_watts" not in off
        assert "PowerStatistics" in str(off["notes"])
        assert off["consumed_watts"] is not None
        lab.simulator.set_fault("licence", tier="Enterprise")
        lacking: Any = await lab.call("idrac_get_power")
        assert "PowerStatistics" in str(lacking["notes"])
        assert lacking["capacity_watts"]

"""A kill switch that is engaged while a write waits, for a lock or a connection, still stops it: in every room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.control.killswitch import KillSwitch
from holdfast.errors import Executed, KillSwitchError
from tests.support.rooms import room
from tests.support.shapes import SHAPES, Shape, room_for


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.kind}-{shape.id}")
async def test_a_switch_that_is_engaged_after_the_last_look_before_the_write_begins_stops_it(
    shape: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room_for(shape, tmp_path) as made:
        switch = made.application.room.parts().kill_switch
        looks: list[int] = []
        real = KillSwitch.check

        def check(self: KillSwitch) -> None:
            real(self)
            looks.append(len(made.arrivals))
            if len(looks) == 2:  # at the start of the call, and with the intent on the ledger
                self.engage(reason="fire", who="boss")

        monkeypatch.setattr(KillSwitch, "check", check)
        error = await made.fails(shape.tool, **shape.arguments)
        assert isinstance(error, KillSwitchError), error
        assert error.executed is Executed.NO
        assert "engaged by boss: fire. Nothing was executed" in error.message
        assert len(looks) == 2
        records = list(made.application.room.parts().ledger.reader.records())
        assert records[-1].body["result"] == "not_applied"
        # Asked again with the switch released, it has everything left to do: nothing of it had been sent.
        switch.release()
        monkeypatch.undo()
        assert (await made.call(shape.tool, **shape.arguments))["outcome"] in ("applied", "started", "unknown")


async def test_a_write_that_waits_behind_another_one_is_not_sent_after_the_switch_is_engaged(tmp_path: Path) -> None:
    async with room("idrac", tmp_path) as made:
        reader = made.application.room.parts().ledger.reader

        def arrived() -> int:
            return sum(one.method == "PATCH" for one in made.arrivals)

        made.running.fault("stall", method="PATCH", path="/redfish/v1", execute=True)
        going = asyncio.create_task(made.call("idrac_set_led", identify=True))
        await until(lambda: arrived() == 1)
        waiting = asyncio.create_task(made.call("idrac_set_power_cap", watts=400))
        await until(lambda: sum(one.kind == "intent" for one in reader.records()) == 2)
        made.application.room.parts().kill_switch.engage(reason="fire", who="boss")
        made.running.heal()
        with pytest.raises(KillSwitchError):
            await waiting
        assert (await going)["outcome"] == "applied"
        assert arrived() == 1


async def until(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    for _ in range(round(limit_s / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in time")

"""A write of each shape in each room whose server died: what the next server finds out about it is true, or unknown."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from holdfast.control.answers import JsonObject
from holdfast.control.ledger import Intent
from holdfast.control.ledger.records import Body
from holdfast.server.application import Application, Serving
from tests.support.rooms import CATALOGUE, Room
from tests.support.shapes import SHAPES, Shape, room_for


async def left_open(made: Room, tool: str, arguments: JsonObject, *, executed: bool) -> None:
    """A write whose server dies before an outcome is recorded: after it was carried out, or before it was sent."""
    change = await made.application.dispatcher.recompute(tool, f"{made.kind}.lab", arguments)
    assert not change.nothing_to_do
    ledger = made.application.room.parts().ledger
    await ledger.intent(
        Intent("tester", f"{made.kind}.lab", made.kind, tool, "write", arguments, "c1", identity=change.identity)
    )
    if executed:
        await change.apply()
    await ledger.close()
    made.application.room._made = None  # as if it had died: it records nothing any more


async def settled_by_another(made: Room) -> list[Body]:
    """Outcomes that the next server of the installation records."""
    application = made.application
    sent = len(made.writes())
    again = Application(application.config, Serving(toolsets=("all",)), application._clocks, CATALOGUE)
    async with again.running():
        task = again.room._settling
        assert task is not None
        await task
        unsettled = await again.room.parts().ledger.unsettled()
    assert made.kind == "truenas" or len(made.writes()) - sent <= 2, "only a login and its end"
    records = [record.body for record in again.room.parts().ledger.reader.records() if record.kind == "outcome"]
    return [*records[-1:], *(entry.intent.body for entry in unsettled)]


@pytest.mark.parametrize("executed", [True, False], ids=["executed", "never sent"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.kind}-{shape.id}")
async def test_what_became_of_a_write_whose_server_died_is_told_truly_or_as_unknown(
    shape: Shape, executed: bool, tmp_path: Path
) -> None:
    async with room_for(shape, tmp_path) as made:
        await left_open(made, shape.tool, cast("JsonObject", shape.arguments), executed=executed)
        outcome, *unsettled = await settled_by_another(made)
        expected = (
            {shape.executed, "applied"} if executed else {shape.sent_not}
        )  # it ends well before the look, or not yet
        assert outcome["result"] in expected, outcome
        assert outcome["result"] != ("not_applied" if executed else "applied")
        if shape.away and executed:
            # Open while the appliance is away; one that has come back by then was looked at.
            left = [] if outcome["result"] == "applied" or outcome.get("final") else [shape.tool]
            assert [body["tool"] for body in unsettled] == left
            return
        if outcome["result"] == "unknown":
            assert outcome["verified"] is False
            assert outcome["final"] is True
            assert "Look at the appliance, then decide" in str(outcome["note"])
        # What was looked at is not open any more, whatever was found: it neither comes back nor fills the ledger.
        assert unsettled == []

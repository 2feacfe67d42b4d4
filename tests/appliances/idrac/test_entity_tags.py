"""Entity tags that have moved: sent again once where what is to be changed has not, else not at all (contract 7)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import HoldfastError
from tests.appliances.idrac.cases import bmc_of
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.realtime import REAL_TIME


@REAL_TIME
@pytest.mark.parametrize(
    ("persona", "ours"), [("9-14g", False), ("9", False), ("9-14g", True), ("9", True), ("10", True)]
)
async def test_a_tag_that_moved_meanwhile_is_read_again_once_and_only_where_our_fields_stand(
    persona: str, ours: bool, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_get_boot")
        lab.simulator.set_fault("slow", path="/Systems/", method="PATCH", seconds=0.4, count=1)
        call = asyncio.create_task(lab.call("idrac_set_boot", source="Pxe"))
        for _ in range(1000):
            await asyncio.sleep(0.002)
            if sent(lab):
                break
        boot = bmc_of(lab).boot
        if ours:
            boot.target, boot.enabled = "Cd", "Once"
            with pytest.raises(HoldfastError) as caught:
                await call
            assert (caught.value.code, caught.value.executed) == ("conflict", "no")
            assert (len(sent(lab)), boot.target) == (1, "Cd")
        else:
            bmc_of(lab).identify = True
            answer: Any = await call
            assert answer["outcome"] == "applied", answer
            assert len(sent(lab)) == 2

"""Files that are named after what an iDRAC says of itself stay in the operator's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.simulators.world import default_world
from tests.appliances.idrac.test_writes import lab_room


@pytest.mark.parametrize("tag", ["../../OUTSIDE", "../../../OUTSIDE", "A" * 400])
async def test_a_service_tag_that_is_a_path_makes_no_file_elsewhere(tag: str, tmp_path: Path) -> None:
    folder = tmp_path / "outer" / "lab"
    folder.mkdir(parents=True)
    rack = default_world()
    world = replace(rack, servers=tuple(replace(server, service_tag=tag) for server in rack.servers))
    async with lab_room(folder, "9", world=world) as lab:
        answer = await lab.call("idrac_export_profile")
        assert answer["outcome"] == "applied", answer
    assert [path.parent for path in files_in(tmp_path)] == [folder / "files_dir"]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.xml") if path.is_file()]

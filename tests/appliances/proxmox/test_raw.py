"""The guarded raw GET: only what the schema has, only reads, only facts in the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.appliances.proxmox.readpaths import paths_of
from tests.appliances.proxmox import extract_facts
from tests.appliances.proxmox.harness import pve_room


def test_the_committed_paths_are_those_of_the_vendors_schemas() -> None:
    assert (extract_facts.FOLDER / "reads.json").read_text(encoding="utf-8") == extract_facts.reads_document()


def test_every_readable_path_of_a_release_is_one_of_its_schema() -> None:
    for release, least in (("9.1", 280), ("8.4", 260)):
        known = {"/" + "/".join(one.parts) for one in paths_of(release)}
        assert known == set(extract_facts.reads(release))
        assert len(known) >= least


@pytest.mark.parametrize(
    "path",
    [
        "/access/ticket",
        "/nodes/pve1/qemu/101/agent/file-read",
        "/nodes/pve1/qemu/101/vncwebsocket",
        "/nodes/pve1/scan/cifs",
        "/nodes/pve1/nothing",
        "/nodes/pve1/qemu/101/status/start",
        "/cluster/config/join",
    ],
)
async def test_a_path_that_is_not_readable_is_refused_and_not_sent(path: str, tmp_path: Path) -> None:
    async with pve_room(tmp_path) as pve:
        error = await pve.fails("proxmox_raw_get", path=path)
        assert error.code == "unsupported"
        assert [arrival.path for arrival in pve.arrivals] == ["/api2/json/version"]


async def test_parameters_are_checked_by_name_type_and_choice(tmp_path: Path) -> None:
    async with pve_room(tmp_path) as pve:
        for query in ({"colour": "red"}, {"full": "maybe"}, {"full": "1", "x": "y"}):
            error = await pve.fails("proxmox_raw_get", path="/nodes/pve1/qemu", query=query)
            assert error.code == "invalid_argument"
        error = await pve.fails("proxmox_raw_get", path="/nodes/pve1/rrddata", query={"timeframe": "century"})
        assert error.code == "invalid_argument"
        error = await pve.fails("proxmox_raw_get", path="/nodes/pve1/rrddata")
        assert "timeframe" in error.message
        answer = await pve.call("proxmox_raw_get", path="/nodes/pve1/qemu", query={"full": "true"})
        assert answer["total"] == 2
        assert pve.arrivals[-1].query == {"full": "1"}


async def test_an_older_release_has_its_own_paths(tmp_path: Path) -> None:
    async with pve_room(tmp_path, persona="8.4") as pve:
        assert (await pve.fails("proxmox_raw_get", path="/cluster/ha/rules")).code == "unsupported"
        assert pve.writes() == []

"""Personas beside the four generations: a sled in a chassis, another vendor's server, an old one of its own model."""

from __future__ import annotations

import re

import pytest

from tests.simulators.idrac.bench import ROOT, bench
from tests.simulators.idrac.test_idrac_tree import crawl


@pytest.mark.parametrize("persona", ["9-modular", "other"])
async def test_every_link_and_every_action_leads_somewhere(persona: str) -> None:
    async with bench(persona) as at:
        seen, targets = await crawl(at)
        assert len(seen) > 120
        for target in targets:
            assert (await at.get(target)).status == 405, target


async def test_another_vendors_server_shows_nothing_of_dells() -> None:
    async with bench("other") as at:
        seen, _ = await crawl(at)
        for path, answer in seen.items():
            if "/Registries" in path or "/JsonSchemas" in path or path.endswith("BiosRegistry"):
                continue
            text = answer.raw.decode()
            assert '"Oem":' not in text, path
            assert not re.search(
                r"(?:System|iDRAC)\.Embedded|JID_|\bDell\b|\bDELL\b|PowerEdge|\d\dG Monolithic", text
            ), (
                path,
                text[:2000],
            )
        root = (await at.get(ROOT)).body
        assert "JobService" not in root
        assert (await at.get(f"{ROOT}/Systems/System.Embedded.1")).status == 404
        missing = await at.get(f"{ROOT}/Systems/nowhere")
        assert missing.status == 404
        assert missing.ids == ["ResourceMissingAtURI"]


async def test_a_sled_has_no_supplies_no_fans_and_no_cap_and_its_chassis_has_a_manager() -> None:
    async with bench("9-modular") as at:
        managers = (await at.get(f"{ROOT}/Managers")).body["Members"]
        assert isinstance(managers, list)
        assert len(managers) == 2
        power = await at.get(f"{ROOT}/Chassis/System.Embedded.1/Power")
        assert power.body["PowerSupplies"] == []
        control = power.body["PowerControl"]
        assert isinstance(control, list)
        assert "PowerLimit" not in control[0]
        assert (await at.get(f"{ROOT}/Chassis/System.Embedded.1/Thermal")).body["Fans"] == []
        cap = {"PowerControl": [{"PowerLimit": {"LimitInWatts": 400}}]}
        assert (await at.patch(f"{ROOT}/Chassis/System.Embedded.1/Power", cap)).status == 400
        manager = (await at.get(f"{ROOT}/Managers/iDRAC.Embedded.1")).body
        assert manager["Model"] == "15G Modular"


@pytest.mark.parametrize(
    ("persona", "model", "generation"),
    [
        ("7", "R720", "12G"),
        ("8", "R630", "13G"),
        ("9-14g", "R640", "14G"),
        ("9", "R640", "14G"),
        ("9-modular", "MX750c", "15G"),
    ],
)
async def test_the_model_fits_the_generation(persona: str, model: str, generation: str) -> None:
    async with bench(persona) as at:
        assert str((await at.get(f"{ROOT}/Systems/System.Embedded.1")).body["Model"]).endswith(model)
        assert str((await at.get(f"{ROOT}/Managers/iDRAC.Embedded.1")).body["Model"]).startswith(generation)

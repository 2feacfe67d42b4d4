"""No body, however wrong, makes a simulator break: it refuses, as an iDRAC would."""

from __future__ import annotations

import pytest

from tests.simulators.idrac.bench import ALL, Bench, bench
from tests.simulators.idrac.test_idrac_tree import crawl

WRONG: tuple[object, ...] = (
    {},
    {"Nonsense": 1},
    {
        name: value
        for value, names in (
            (
                7,
                (
                    "ResetType",
                    "Attributes",
                    "Boot",
                    "PowerControl",
                    "Thresholds",
                    "JobID",
                    "Image",
                    "ImageURI",
                    "Ethernet",
                ),
            ),
            ([], ("TargetFQDD", "UserName", "Password", "ShareParameters", "Payload", "TargetSettingsURI", "NTP")),
            ({}, ("Component", "PDArray", "JobArray", "ShareType", "EventTypes", "FileType", "RoleId", "DateTime")),
            ("x", ("GetRequest", "Links", "PowerLimitWatts", "Enabled", "DecommissionTypes", "DataSelectorArrayIn")),
            (
                None,
                ("Destination", "CertificateUri", "CertificateCollection", "LicenseString", "Comment", "ImportBuffer"),
            ),
        )
        for name in names
    },
)
NOT_OBJECTS: tuple[object, ...] = ([], 7, "text")
MEANT = frozenset({"VRM0009"})
"""What an iDRAC does answer with 500."""


async def _send(at: Bench, method: str, path: str, content: object) -> None:
    # A restart that a former request ordered may be due; nothing of it shall hide an answer.
    at.simulator.bmc.life.phase = "up"
    answer = await at.request(method, path, content)
    if answer.status >= 500:
        assert set(answer.ids) & MEANT, (method, path, content, answer.status, answer.raw[:300])
    elif answer.status >= 400:
        assert answer.infos, (method, path, content, answer.status)


@pytest.mark.parametrize("persona", ALL)
async def test_wrong_bodies_are_refused_and_never_break_anything(persona: str) -> None:
    async with bench(persona) as at:
        at.simulator.bmc.installed_licence = "Datacenter"
        seen, targets = await crawl(at)
        # Deletions, and what ends the iDRAC's own life, are left out: there is nothing wrong about their bodies.
        for content in WRONG:
            for target in sorted(targets):
                if not target.endswith(("iDRACReset", "JID_CLEARALL")):
                    await _send(at, "POST", target, content)
            for path, answer in sorted(seen.items()):
                for method in ("PATCH", "POST"):
                    if method in answer.headers.get("Allow", ""):
                        await _send(at, method, path, content)


async def test_bodies_that_are_not_objects_are_refused_everywhere() -> None:
    async with bench("9") as at:
        _, targets = await crawl(at)
        for target in sorted(targets):
            for content in NOT_OBJECTS:
                answer = await at.request("POST", target, content)
                assert (answer.status, "SYS424" in answer.ids) == (400, True), target

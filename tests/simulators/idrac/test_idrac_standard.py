"""What the simulator answers, held against facts of the Redfish standard that it was not made from."""

from __future__ import annotations

import re
from collections import deque
from typing import Any

import pytest

from holdfast.appliances.idrac import errors as client_errors
from holdfast.simulators.idrac.messages import BASE as SIMULATED
from tests.appliances.idrac.redfish import BASE, FACTS, kind_misfits
from tests.simulators.idrac.bench import ALL, SYS, Bench, bench

_TYPE = re.compile(r"#([A-Za-z]+)\.(?:v\d+_\d+_\d+\.)?([A-Za-z]+)")
MOST = 900
"""Resources of a persona that are visited; whole logs are not."""


def _links(value: object) -> list[str]:
    if isinstance(value, dict):
        own = value.get("@odata.id")
        return [*([own] if isinstance(own, str) else []), *(link for one in value.values() for link in _links(one))]
    return [link for one in value for link in _links(one)] if isinstance(value, list) else []


async def crawl(one: Bench) -> list[dict[str, Any]]:
    """The resources that can be reached by links from the root."""
    found: list[dict[str, Any]] = []
    waiting, seen = deque(["/redfish/v1"]), {"/redfish/v1"}
    while waiting and len(found) < MOST:
        answer = await one.request("GET", waiting.popleft())
        if answer.status != 200 or not answer.body:
            continue
        found.append(answer.body)
        if "LogEntry" in str(answer.body.get("@odata.type")):
            continue
        for link in _links(answer.body):
            path = link.partition("#")[0]
            if path and path not in seen and "/Entries/" not in path:
                seen.add(path)
                waiting.append(path)
    return found


def problems(resource: dict[str, Any]) -> list[str]:
    """Properties that the standard does not have in a resource of this type, or of another kind than there."""
    matched = _TYPE.fullmatch(str(resource.get("@odata.type")))
    known = FACTS.get(matched[2]) if matched is not None else None
    if matched is None or known is None or matched[2].endswith("Collection"):
        return []
    found = []
    for name, value in resource.items():
        if "@" in name or name in ("Oem", "Id", "Name", "Description"):
            continue
        if value is None and known["properties"].get(name, "").startswith("string: "):
            continue  # the index does not keep whether a value of a list may be null
        if name in known["properties"]:
            found += [f"{matched[2]}.{one}" for one in kind_misfits(name, value, known["properties"][name])]
        elif name not in known["readonly"]:
            found.append(f"{matched[2]}.{name} is unknown")
    return found


@pytest.mark.parametrize("persona", ALL)
async def test_standard_resources_hold_only_what_the_standard_has(persona: str) -> None:
    async with bench(persona) as one:
        found = await crawl(one)
        assert len(found) > 100
        assert sorted({problem for resource in found for problem in problems(resource)}) == []


def test_message_ids_of_the_base_registry_are_the_dmtfs() -> None:
    assert set(SIMULATED) <= set(BASE)


def test_messages_of_the_base_registry_have_as_many_arguments_as_the_dmtf_says() -> None:
    for message_id, message in SIMULATED.items():
        assert (
            len(set(re.findall(r"%\d", message.text + message.resolution))) in BASE[message_id] or not BASE[message_id]
        ), message_id


def test_ids_of_the_base_registry_that_the_client_knows_are_the_dmtfs() -> None:
    known = client_errors._NOT_READY | client_errors._BUSY | client_errors._INVALID | client_errors._NOT_FOUND
    known |= client_errors._UNSUPPORTED
    assert {one for one in known if not re.fullmatch(r"[A-Z]{2,4}\d+", one)} <= set(BASE)


@pytest.mark.parametrize("persona", ALL)
async def test_errors_carry_ids_of_the_dmtfs_registry_or_dells(persona: str) -> None:
    async with bench(persona) as one:
        answers = [
            await one.request("GET", "/redfish/v1/Nowhere"),
            await one.request("GET", "/redfish/v1/Systems", auth=None),
            await one.request("GET", "/redfish/v1/Systems", auth=("root", "wrong")),
            await one.request("PATCH", SYS, {"PowerState": "On"}),
            await one.request("PATCH", SYS, {"NoSuchThing": 1}),
            await one.request("POST", f"{SYS}/Actions/ComputerSystem.Reset", {"ResetType": "Gently"}),
            await one.request("POST", f"{SYS}/Actions/ComputerSystem.Reset", {}),
            await one.request("DELETE", SYS),
            await one.request("GET", f"{SYS}?$expand=nonsense"),
        ]
        for answer in answers:
            assert answer.status >= 400
            assert answer.infos
            for info in answer.infos:
                registry, *_, message_id = str(info["MessageId"]).split(".")
                assert registry.lower() in ("base", "idrac")
                assert registry != "Base" or message_id in BASE, info
                assert registry == "Base" or re.fullmatch(r"[A-Z]{2,4}\d+", message_id), info

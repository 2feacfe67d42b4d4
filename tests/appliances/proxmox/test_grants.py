"""403, for every tool: the answer names the missing grant as the vendor's schema has it, and following it leads on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from holdfast.control.answers import JsonObject
from holdfast.errors import HoldfastError
from holdfast.simulators.proxmox.access import Grant
from tests.appliances.proxmox import extract_facts
from tests.appliances.proxmox.harness import check_arrival, configuration, grants_for, prepare, pve_room, simulator_of
from tests.appliances.proxmox.table import CASES, Case
from tests.appliances.proxmox.test_every_tool import ENTRIES
from tests.support.rooms import Room

OPEN = frozenset(
    {"proxmox_list_roles", "proxmox_permissions", "proxmox_list_certificates", "proxmox_subscription"}
    | {"proxmox_list_networks", "proxmox_list_tokens"}
)
"""Answered to every account in full; tokens, to the account that they are of."""
FURTHER = {
    "config": {f"VM.Config.{what}" for what in ("CPU", "Memory", "Options", "Cloudinit")},
    "pools": {"VM.Allocate", "Datastore.Allocate"},
    "clone": {"Datastore.AllocateSpace"},
    "move_disk": {"Datastore.AllocateSpace"},
}
"""What these want by what is in them (contract 3), beside the rule of the schema."""
OTHERWISE_BEFORE = ("agent", "command", "access", "ha")
"""Toolsets whose privileges were others before release 9."""
MOST_GRANTS = 20
IDS = {"web": "101", "db": "102", "build": "110"}
_SAID = re.compile(r"([A-Z][A-Za-z.|]+(?: and [A-Z][A-Za-z.]+)*) on (/[^\s,:;.)]*)|\((/[^\s,]*), ([A-Za-z.|]+)\)")


def test_the_committed_alternatives_are_those_of_the_vendors_schemas() -> None:
    committed = (extract_facts.FOLDER / "alternatives.json").read_text(encoding="utf-8")
    assert committed == extract_facts.alternatives_document()


def _strip(pve: Room) -> None:
    """Take every grant from the token that calls, and its earlier tasks too: it is a fresh token now."""
    cluster = simulator_of(pve).cluster
    for node in cluster.nodes:
        for task in cluster.tasks.of_node(node):
            task.user = "root@pam"
    access = cluster.access
    access.grants = [grant for grant in access.grants if "!" not in grant.subject]
    access.changed()


def _grant(pve: Room, said: str) -> None:
    """Do what an answer advises, the first alternative of it."""
    access = simulator_of(pve).cluster.access
    found = _SAID.search(said)
    assert found is not None, f"no grant is named: {said}"
    privileges, path = (found[1], found[2]) if found[1] else (found[4], found[3])
    for privilege in privileges.partition("|")[0].split(" and "):
        access.roles[f"Only{privilege}"] = frozenset({privilege})
        for where in {path, "/nodes/pve2" if path == "/nodes/NODE" else path}:
            access.grants.append(Grant(where, "token", pve.simulator.credentials["token_id"], f"Only{privilege}"))
    access.changed()


def _held(pve: Room) -> dict[str, Any]:
    """The configuration but for what this test itself grants."""
    return {name: value for name, value in configuration(pve).items() if name not in ("grants", "roles")}


def _by_id(arguments: dict[str, Any]) -> dict[str, Any]:
    """Guests by their ids: what is invisible is told from what is absent for ids only."""
    known = {**arguments}
    if "guest" in known:
        known["guest"] = IDS.get(known["guest"], known["guest"])
    if "guests" in known:
        known["guests"] = [IDS.get(guest, guest) for guest in known["guests"]]
    return known


def _told_by(pve: Room, error: HoldfastError, release: str) -> str:
    """The grant that an error names; it is the one that the schema has for the refused request."""
    assert error.code in ("permission_denied", "not_found"), str(error)
    assert error.executed == "no"
    details = error.details
    named = str(details.get("any_of") or f"{details.get('privilege')} on {details.get('path')}")
    assert named.split(", or ")[0] in str(error.next_step)
    refused = pve.arrivals[-1]
    if refused.status == 403 and (wanted := grants_for(refused, release)):
        further = {privilege.partition(" on ")[0] for privilege in set(named.split(", or ")) - wanted}
        allowed = FURTHER.get(check_arrival(refused, release).rpartition("/")[2], set())
        assert further <= allowed, f"{check_arrival(refused, release)} wants {wanted}"
    return named


async def _climb(pve: Room, case: Case, arguments: dict[str, Any], release: str) -> tuple[JsonObject, list[str]]:
    """Call, grant what the refusal names, call again: the answer, and the grants it took."""
    granted: list[str] = []
    before = _held(pve)
    for _ in range(MOST_GRANTS):
        try:
            answer = await pve.call(case.tool, **arguments)
        except HoldfastError as error:
            said = _told_by(pve, error, release)
            assert _held(pve) == before, "something was done although it was refused"
        else:
            if answer.get("outcome") != "not_applied":
                return answer, granted
            said = str(answer["warnings"])  # the task itself was refused, and says by what
        assert said not in granted, f"{case.tool} wants {said} again"
        granted.append(said)
        _grant(pve, said)
        pve.clock.advance(30)
    raise AssertionError(f"{case.tool} still fails with {granted}")


RUNS = [(case, "9.1") for case in CASES] + [
    (case, "8.4") for case in CASES if ENTRIES[case.tool].toolset in OTHERWISE_BEFORE
]


@pytest.mark.parametrize(("case", "release"), RUNS, ids=[f"{case.tool}-{release}" for case, release in RUNS])
async def test_a_token_without_any_grant_is_led_by_the_refusals_to_all_that_a_tool_needs(
    case: Case, release: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with pve_room(tmp_path, persona=release) as pve:
        arguments = _by_id(await prepare(pve, case))
        _strip(pve)
        answer, granted = await _climb(pve, case, arguments, release)
        if ENTRIES[case.tool].writes:
            assert answer["outcome"] == "applied"
            assert granted
        elif not granted and case.tool not in OPEN:
            notes = str(answer.get("notes"))
            assert _SAID.search(notes), f"{case.tool} shows nothing and names no grant: {answer}"
            _grant(pve, notes)
            fuller = await pve.call(case.tool, **arguments)
            assert "lacks" not in str(fuller.get("notes"))
        with capsys.disabled():
            print(f"\n{case.tool}: {'; '.join(granted) or 'open'}")  # noqa: T201 - the grants of every tool are a result

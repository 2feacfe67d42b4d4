"""Every write of both releases, in one long tour through a furnished cluster."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from holdfast.simulators.proxmox import PERSONAS
from holdfast.simulators.proxmox.facts import method_table
from tests.simulators.proxmox.bench import Bench, bench
from tests.simulators.proxmox.furnishing import furnish
from tests.simulators.proxmox.tour import DONE, ELSEWHERE, Step, steps


@pytest.mark.parametrize("release", PERSONAS)
def test_the_tour_visits_every_write(release: str) -> None:
    table = method_table(release)
    found = [table.find(verb, unquote(path)) for verb, path, _, _ in steps(release)]
    visited = {route[0].endpoint for route in found if route is not None}
    writes = {method.endpoint for method in table.methods.values() if method.verb != "GET"}
    furnished = {"POST /cluster/sdn/dns", "POST /cluster/sdn/ipams", "POST /cluster/sdn/zones", "PUT /cluster/sdn"}
    furnished.add("POST /cluster/sdn/vnets/{vnet}/subnets")
    assert sorted(writes - visited - ELSEWHERE - furnished) == []


@pytest.mark.parametrize("release", PERSONAS)
async def test_every_write_ends_as_the_tour_says(release: str) -> None:
    async with bench(persona=release) as one:
        await furnish(one)
        problems: list[str] = []
        for step in steps(release):
            try:
                found = await _take(one, step)
            except AssertionError as error:
                problems.append(f"{step[0]} {step[1]}: {error}")
                continue
            if found is not None:
                problems.append(f"{step[0]} {step[1]}: {found}")
        assert problems == []


async def _take(one: Bench, step: Step) -> str | None:
    """Make one step; what went differently."""
    verb, path, form, expected = step
    one.clock.advance(1)
    headers = await one.login(**one.sim.password_credentials)
    if verb == "DELETE":
        answer = await one.call(verb, path, query=form or None, headers=headers)
    else:
        answer = await one.call(verb, path, form, headers=headers)
    if expected != DONE and not expected.startswith("task: "):
        status, _, text = expected.partition(" ")
        return None if answer.status == int(status) and text in answer.reason else f"{answer.status} {answer.reason}"
    if answer.status != 200:
        return f"{answer.status} {answer.reason} {answer.body[:300]!r}"
    upid = answer.data if isinstance(answer.data, str) else None
    if upid is None and isinstance(answer.data, dict):
        upid = answer.data.get("upid")
    if upid is None or not upid.startswith("UPID:"):
        return None if expected == DONE else "no task"
    ended = await one.finished(upid, seconds=30)
    wanted = "OK" if expected == DONE else expected.removeprefix("task: ")
    return None if ended.startswith(wanted) and (expected != DONE or ended == "OK") else f"ended with {ended}"

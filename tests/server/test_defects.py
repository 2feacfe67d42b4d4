"""A defect of Holdfast's own, over a real client and a real wire: told as unknown only when something may have left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.tools import groups
from holdfast.control.plans import PlanStore
from tests.server.test_bad_input import failure
from tests.support.rooms import Room, room

CALL: dict[str, object] = {"group": "made-by-nobody"}


@pytest.fixture
async def pve(tmp_path: Path) -> AsyncIterator[Room]:
    async with room("proxmox", tmp_path, settings="retry_max_attempts = 1") as made:
        yield made


def breaks(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("of ours")


def outcomes(pve: Room) -> list[tuple[object, object]]:
    records = pve.application.room.parts().ledger.reader.records()
    return [(record.body.get("result"), record.body.get("error")) for record in records if record.kind == "outcome"]


@pytest.mark.parametrize("where", ["in the tool", "in making the plan", "in the change, before it is sent"])
async def test_before_anything_was_sent_it_says_that_nothing_was_executed(
    pve: Room, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "in the tool":
        monkeypatch.setattr(groups, "create", breaks)
    elif where == "in making the plan":
        monkeypatch.setattr(PlanStore, "issue", breaks)
    else:
        monkeypatch.setattr(AsyncProxmoxClient, "_change", breaks)
    text = await failure(pve, "proxmox_create_group", CALL)
    assert text.startswith("Holdfast failed internally. Nothing was executed. Next: ")
    assert text.endswith("[code=internal executed=no]")
    assert pve.writes() == []
    assert outcomes(pve) == ([("not_applied", "ZeroDivisionError")] if where.endswith("sent") else [])


async def test_after_the_request_was_sent_it_says_that_it_is_not_known(
    pve: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = AsyncProxmoxClient._change

    async def broken(*given: Any, **more: Any) -> Any:
        await change(*given, **more)
        breaks()

    monkeypatch.setattr(AsyncProxmoxClient, "_change", broken)
    text = await failure(pve, "proxmox_create_group", CALL)
    assert text.startswith("Holdfast failed internally. Whether anything was executed is unknown; read the state back")
    assert text.endswith("[code=internal executed=unknown]")
    assert [arrival.method for arrival in pve.writes()] == ["POST"]
    assert outcomes(pve) == [("unknown", "ZeroDivisionError")]


async def test_of_a_tool_that_only_reads_it_says_that_nothing_was_executed(
    pve: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "page", breaks)
    text = await failure(pve, "proxmox_list_groups", {})
    assert text.endswith("[code=internal executed=no]")

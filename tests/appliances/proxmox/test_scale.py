"""64 nodes and 10 000 guests: one call for the inventory, shared and kept, answers that fit, circuits per node."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from holdfast.appliances.proxmox.inventory import Inventory
from holdfast.errors import HoldfastError
from holdfast.simulators.proxmox.scale import scaled_world
from holdfast.transport.values import JsonObject
from tests.appliances.proxmox.harness import client_of, pve_room
from tests.support.rooms import Room

LARGEST_ANSWER = 32_000
"""Bytes: 8 k tokens."""

READS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("proxmox_system_info", {}),
    ("proxmox_list_resources", {"limit": 200}),
    ("proxmox_list_resources", {"type": "vm", "search": "vm-0999", "limit": 200}),
    ("proxmox_list_tasks", {"limit": 200}),
    ("proxmox_get_guest", {"guest": "vm-00010"}),
    ("proxmox_list_nodes", {"limit": 200}),
    ("proxmox_cluster_status", {}),
    ("proxmox_list_storages", {"limit": 200}),
    ("proxmox_list_unprotected_guests", {"limit": 200}),
    ("proxmox_list_content", {"storage": "local-lvm", "node": "node001", "limit": 200}),
    ("proxmox_permissions", {}),
    ("proxmox_guest_metrics", {"guest": "vm-00010", "timeframe": "month", "points": 200}),
    ("proxmox_raw_get", {"path": "/cluster/resources", "limit": 200}),
    ("proxmox_list_roles", {"limit": 200}),
)


def gets(pve: Room, ending: str) -> int:
    return sum(arrival.method == "GET" and arrival.path.endswith(ending) for arrival in pve.arrivals)


@pytest.mark.timeout(300)
async def test_answers_about_ten_thousand_guests_fit_and_take_as_many_requests_as_about_ten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with pve_room(tmp_path, world=scaled_world(64, 10_000)) as pve:
        for tool, arguments in READS:
            sent = len(pve.arrivals)
            answer = await pve.call(tool, **arguments)
            size = len(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode())
            with capsys.disabled():
                sys.stdout.write(f"\n{tool} {arguments}: {len(pve.arrivals) - sent} requests, {size} bytes")
            assert size <= LARGEST_ANSWER, tool
            assert len(pve.arrivals) - sent <= 5, tool
        seen: set[str] = set()
        cursor: object = None
        for _ in range(300):
            page = await pve.call("proxmox_list_resources", type="vm", limit=200, cursor=cursor)
            items = page["items"]
            assert isinstance(items, list)
            seen |= {str(row["id"]) for row in items if isinstance(row, dict)}
            cursor = page.get("next_cursor")
            if cursor is None:
                break
        assert len(seen) == 10_000
        answer = await pve.call("proxmox_start_guest", guest="vm-00098")
        assert answer["outcome"] in ("applied", "nothing_to_do")


async def test_many_who_ask_at_once_share_one_inventory_and_it_is_kept_for_ten_seconds(tmp_path: Path) -> None:
    async with pve_room(tmp_path) as pve:
        now = [0.0]
        client = await client_of(pve)
        client.inventory._monotonic = lambda: now[0]
        await asyncio.gather(*(pve.call("proxmox_list_resources", search=str(number)) for number in range(25)))
        assert gets(pve, "/cluster/resources") == 1
        now[0] = 9.9
        await pve.call("proxmox_list_resources")
        assert gets(pve, "/cluster/resources") == 1
        now[0] = 10.1
        await pve.call("proxmox_list_resources")
        assert gets(pve, "/cluster/resources") == 2
        await pve.call("proxmox_start_guest", guest="build")
        asked = gets(pve, "/cluster/resources")
        await pve.call("proxmox_list_resources")
        assert gets(pve, "/cluster/resources") == asked + 1, "a write makes what is kept too old"


async def test_one_who_gives_up_does_not_take_the_inventory_from_the_others() -> None:
    release = asyncio.Event()
    calls = 0

    async def fetch() -> list[JsonObject]:
        nonlocal calls
        calls += 1
        await release.wait()
        return [{"id": "qemu/2"}, {"id": "qemu/1"}]

    inventory = Inventory(fetch)
    first, second = asyncio.create_task(inventory.rows()), asyncio.create_task(inventory.rows())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    release.set()
    assert [row["id"] for row in await second] == ["qemu/1", "qemu/2"]
    assert first.cancelled()
    assert calls == 1


async def test_a_dead_node_opens_its_own_circuit_and_blocks_nobody_else(tmp_path: Path) -> None:
    async with pve_room(tmp_path) as pve:
        for _ in range(4):
            error = await pve.fails("proxmox_node_status", node="pve3")
            assert error.code in ("node_unreachable", "circuit_open")
        sent = len(pve.arrivals)
        error = await pve.fails("proxmox_node_status", node="pve3")
        assert error.code == "circuit_open"
        assert len(pve.arrivals) - sent <= 1
        states = {name: breaker.current_state for name, breaker in (await client_of(pve)).circuits().items()}
        assert states["proxmox_api/lab/pve3"] == "open"
        assert states["proxmox_api/lab"] == "closed"
        assert (await pve.call("proxmox_node_status", node="pve2"))["node"] == "pve2"
        listed = await pve.call("proxmox_list_resources", type="vm")
        offline = [row for row in listed["items"] if row["node"] == "pve3"]  # type: ignore[union-attr, index, call-overload]
        assert {row["status"] for row in offline} == {"unknown"}  # type: ignore[index, call-overload]
        assert "Offline: pve3" in str(listed["notes"])


@pytest.mark.parametrize(
    ("fault", "options", "tool", "arguments"),
    [
        ("agent-down", {"vmid": 101}, "proxmox_agent_ping", {"guest": "web"}),
        ("storage-offline", {"storage": "nas-vms"}, "proxmox_get_storage", {"storage": "nas-vms"}),
        ("quorum-lost", {}, "proxmox_start_guest", {"guest": "build"}),
    ],
)
async def test_what_is_wrong_with_one_thing_in_the_cluster_opens_no_circuit(
    fault: str, options: dict[str, Any], tool: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    async with pve_room(tmp_path) as pve:
        pve.simulator.set_fault(fault, **options)
        for _ in range(7):
            with suppress(HoldfastError):
                await pve.call(tool, **arguments)
        circuits = (await client_of(pve)).circuits()
        assert {breaker.current_state for breaker in circuits.values()} == {"closed"}

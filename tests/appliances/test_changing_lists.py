"""A list that changes between two of its pages, in each room: what is shown next, what is told, what it costs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from holdfast.control.answers import JsonObject
from holdfast.errors import Executed, InputError
from holdfast.simulators.idrac.simulator import IDracSimulator
from holdfast.simulators.pfsense.simulator import PfSenseSimulator
from tests.appliances.pfsense.elsewhere import edit, stored
from tests.appliances.truenas.harness import box, nas
from tests.support.rooms import Room, room

BEGIN_AGAIN = "For a list that is certainly whole, begin again without cursor."


def column(answer: JsonObject, field: str) -> list[str]:
    items = answer["items"]
    assert isinstance(items, list)
    return [str(row[field]) for row in items if isinstance(row, dict)]


def told(answer: JsonObject) -> str | None:
    """What is said of the list; the note must say what to do."""
    changed, notes = answer.get("changed"), answer.get("notes") or []
    assert isinstance(notes, list)
    if changed is None:
        assert not any(BEGIN_AGAIN in str(note) for note in notes)
        return None
    assert isinstance(changed, dict)
    assert set(changed) == {"last_row", "from_row"}
    assert sum(BEGIN_AGAIN in str(note) for note in notes) == 1
    return str(changed["last_row"])


async def cost(made: Room, call: Callable[[], Awaitable[JsonObject]]) -> tuple[JsonObject, int]:
    before = len(made.arrivals)
    return await call(), len(made.arrivals) - before


async def test_groups_of_proxmox_that_come_and_go_between_two_pages(tmp_path: Path) -> None:
    async with room("proxmox", tmp_path) as pve:

        async def make(name: str) -> None:
            await pve.call("proxmox_create_group", group=name)

        async def drop(name: str) -> None:
            await pve.call("proxmox_delete_group", group=name)

        for name in ("zz-b", "zz-d", "zz-f", "zz-h"):
            await make(name)
        before = column(await pve.call("proxmox_list_groups"), "group")
        limit = before.index("zz-d") + 1
        first, once = await cost(pve, lambda: pve.call("proxmox_list_groups", limit=limit))

        async def following() -> JsonObject:
            answer, requests = await cost(
                pve, lambda: pve.call("proxmox_list_groups", limit=50, cursor=first["next_cursor"])
            )
            assert requests == once
            return answer

        answer = await following()
        assert (column(answer, "group"), told(answer)) == (["zz-f", "zz-h"], None)
        await make("zz-e")
        answer = await following()
        assert (column(answer, "group"), told(answer)) == (["zz-e", "zz-f", "zz-h"], None)
        await make("zz-c")
        answer = await following()
        assert (column(answer, "group"), told(answer)) == (["zz-e", "zz-f", "zz-h"], "moved")
        assert answer["changed"] == {"last_row": "moved", "from_row": limit + 1}
        await drop("zz-b")
        await drop("zz-d")
        answer = await following()
        assert (column(answer, "group"), told(answer)) == (["zz-e", "zz-f", "zz-h"], "lost")


async def test_rows_without_a_model_of_a_path_of_proxmox_are_found_again_too(tmp_path: Path) -> None:
    async with room("proxmox", tmp_path) as pve:
        for name in ("zz-b", "zz-d", "zz-f"):
            await pve.call("proxmox_create_pool", pool=name)
        asked = {"path": "/pools", "limit": 1}
        first = await pve.call("proxmox_raw_get", **asked)
        second = await pve.call("proxmox_raw_get", **asked, cursor=first["next_cursor"])
        assert (told(second), column(first, "poolid") + column(second, "poolid")) == (
            None,
            column(await pve.call("proxmox_raw_get", path="/pools", limit=2), "poolid"),
        )


async def test_snapshots_of_truenas_that_come_and_go_between_two_pages(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        box(made).fill_snapshots(9, "tank/vms")
        every = column(await made.call("truenas_list_snapshots", dataset="tank/vms"), "id")
        asked = {"dataset": "tank/vms", "limit": 3}
        first, once = await cost(made, lambda: made.call("truenas_list_snapshots", **asked))
        assert column(first, "id") == every[:3]

        async def following() -> JsonObject:
            answer, requests = await cost(
                made, lambda: made.call("truenas_list_snapshots", **asked, cursor=first["next_cursor"])
            )
            assert requests <= once
            return answer

        answer = await following()
        assert (column(answer, "id"), told(answer)) == (every[3:6], None)
        await made.call("truenas_create_snapshot", dataset="tank/vms", name="aaa")
        answer = await following()
        assert (column(answer, "id"), told(answer)) == (every[3:5], "moved")
        await made.call("truenas_delete_snapshot", snapshot="tank/vms@aaa")
        await made.call("truenas_delete_snapshot", snapshot=every[0])
        answer = await following()
        assert (column(answer, "id"), told(answer)) == (every[3:6], "lost")
        await made.call("truenas_delete_snapshot", snapshot=every[2])
        answer = await following()
        assert (column(answer, "id"), told(answer)) == (every[4:7], "lost")
        assert answer["total"] == len(every) - 2


async def test_rules_of_pfsense_that_come_go_and_change_places_between_two_pages(tmp_path: Path) -> None:
    async with room("pfsense", tmp_path) as fw:
        simulator = fw.simulator
        assert isinstance(simulator, PfSenseSimulator)
        simulator.fill_rules(9)
        rules = stored(fw, "filter/rule")
        every = column(await fw.call("pfsense_list_rules"), "description")
        first, once = await cost(fw, lambda: fw.call("pfsense_list_rules", limit=4))
        assert column(first, "description") == every[:4]

        async def following(now: list[int]) -> JsonObject:
            edit(fw, "filter/rule", [rules[number] for number in now])
            answer, requests = await cost(
                fw, lambda: fw.call("pfsense_list_rules", limit=4, cursor=first["next_cursor"])
            )
            assert requests == once
            return answer

        order = list(range(len(rules)))
        answer = await following(order)
        assert (column(answer, "description"), told(answer)) == (every[4:8], None)
        answer = await following([9, *order[:9], *order[10:]])
        assert (column(answer, "description"), told(answer)) == (every[4:8], "moved")
        answer = await following(order[1:])
        assert (column(answer, "description"), told(answer)) == (every[4:8], "lost")
        answer = await following([*order[:3], *order[4:], 3])
        assert (column(answer, "description"), told(answer)) == (every[4:8], "lost")


@pytest.mark.parametrize("filters", [{}, {"search": "e"}])
async def test_lines_that_pfsense_writes_meanwhile_are_passed_over(filters: JsonObject, tmp_path: Path) -> None:
    async with room("pfsense", tmp_path) as fw:
        simulator = fw.simulator
        assert isinstance(simulator, PfSenseSimulator)
        asked: JsonObject = {"log": "system", "limit": 5, **filters}
        await fw.call("pfsense_read_log", **asked)
        first, once = await cost(fw, lambda: fw.call("pfsense_read_log", **asked))

        async def following() -> JsonObject:
            answer, requests = await cost(fw, lambda: fw.call("pfsense_read_log", **asked, cursor=first["next_cursor"]))
            assert requests == once
            return answer

        whole = column(await fw.call("pfsense_read_log", **{**asked, "limit": 10}), "text")
        second = await following()
        assert told(second) is None
        assert column(first, "text") + column(second, "text") == whole
        simulator.machine.log("system", "kernel: something new, before the rest")
        later = await following()
        assert (column(later, "text"), told(later)) == (column(second, "text"), "moved")


@pytest.mark.parametrize("filters", [{}, {"severity": "OK"}, {"contains": "a"}])
async def test_entries_that_an_idrac_writes_meanwhile_are_passed_over(filters: JsonObject, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        simulator = lab.simulator
        assert isinstance(simulator, IDracSimulator)
        asked: JsonObject = {"log": "lifecycle", "limit": 50, **filters}
        whole = column(await lab.call("idrac_list_logs", **{**asked, "limit": 120}), "id")
        first, once = await cost(lab, lambda: lab.call("idrac_list_logs", **asked))
        assert column(first, "id") == whole[:50]

        async def following(given: JsonObject) -> JsonObject:
            answer, requests = await cost(
                lab, lambda: lab.call("idrac_list_logs", **asked, cursor=given["next_cursor"])
            )
            assert requests <= once + (1 if filters else 0)
            return answer

        second = await following(first)
        rows = column(second, "id")
        assert (told(second), rows) == (None, whole[50 : 50 + len(rows)])
        assert len(rows) >= 49
        for _ in range(3):
            simulator.bmc.lclog.add("SYS1003", category="Audit")
        later = await following(first)
        rows = column(later, "id")
        assert rows == whole[50 : 50 + len(rows)]
        assert told(later) == "moved"
        assert len(rows) >= 40
        for _ in range(60):
            simulator.bmc.lclog.add("SYS1003", category="Audit")
        assert told(await following(first)) == "lost"


@pytest.mark.parametrize("kind", ["proxmox", "truenas", "pfsense", "idrac"])
async def test_a_cursor_given_with_another_filter_target_or_tool_is_refused_and_nothing_is_sent(
    kind: str, tmp_path: Path
) -> None:
    tool, filters, other_tool = {
        "proxmox": ("proxmox_list_resources", {"type": "vm"}, "proxmox_list_groups"),
        "truenas": ("truenas_list_services", None, "truenas_list_roles"),
        "pfsense": ("pfsense_list_rules", {"interface": "lan"}, "pfsense_list_services"),
        "idrac": ("idrac_list_logs", {"severity": "OK"}, "idrac_list_roles"),
    }[kind]
    async with room(kind, tmp_path, names=("lab", "twin")) as made:
        first = await made.call(tool, target="lab", limit=1)
        cursor = first["next_cursor"]
        others: list[tuple[str, dict[str, object]]] = [(tool, {"target": "twin"}), (other_tool, {"target": "lab"})]
        if filters is not None:
            others.append((tool, {"target": "lab", **filters}))
        sent = len(made.arrivals)
        for name, arguments in others:
            error = await made.fails(name, **arguments, cursor=cursor)
            assert isinstance(error, InputError)
            assert error.executed is Executed.NO
            assert "belongs to another list" in str(error)
            assert "Call without cursor" in str(error.next_step)
        assert len(made.arrivals) == sent
        second = await made.call(tool, target="lab", limit=2, cursor=cursor)
        assert told(second) is None
        assert second["items"]

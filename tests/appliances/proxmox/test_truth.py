"""What Proxmox answers is not what is true: tasks, high availability, stalled nodes, moved guests, races."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.appliances.proxmox.errors import NodeTimeoutError
from holdfast.errors import Executed
from tests.appliances.proxmox.harness import client_of, pve_room, simulator_of
from tests.support.rooms import Room


@pytest.fixture
async def pve(tmp_path: Path) -> AsyncIterator[Room]:
    async with pve_room(tmp_path) as made:
        yield made


def posts(pve: Room, ending: str) -> int:
    return sum(arrival.path.endswith(ending) for arrival in pve.writes())


async def test_a_task_that_fails_is_not_success_although_its_start_answered_200(pve: Room) -> None:
    pve.simulator.set_fault("task-fails", kind="qmstart", text="no space left")
    answer = await pve.call("proxmox_start_guest", guest="build")
    assert answer["outcome"] == "not_applied"
    assert "no space left" in str(answer["warnings"])
    assert "no space left" in str(answer["details"])


async def test_a_task_with_warnings_is_a_success_that_tells_them(pve: Room) -> None:
    pve.simulator.set_fault("task-warnings", kind="qmstart", warnings=2)
    answer = await pve.call("proxmox_start_guest", guest="build")
    assert answer["outcome"] == "applied"
    assert "WARNINGS: 2" in str(answer["warnings"])


async def test_a_task_that_goes_on_is_handed_over_and_waited_for_with_progress(pve: Room) -> None:
    simulator_of(pve).task_seconds = 30.0
    answer = await pve.call("proxmox_clone_guest", guest="build", name="copy", vmid=300)
    assert answer["outcome"] == "started"
    end = await pve.call("proxmox_wait_task", upid=answer["task"], wait_s=40)
    assert end["succeeded"] is True
    assert end["status"] == "OK"
    pve.clock.advance(15)
    assert (await pve.call("proxmox_get_guest", guest="copy"))["vmid"] == 300


async def test_a_task_whose_worker_dies_without_a_word_is_a_failure(pve: Room) -> None:
    pve.simulator.set_fault("task-vanishes", kind="qmstart")
    answer = await pve.call("proxmox_start_guest", guest="build")
    assert answer["outcome"] == "not_applied"
    assert "unexpected status" in str(answer["warnings"])


async def test_a_task_that_is_unknown_for_seconds_after_its_start_is_waited_for(pve: Room) -> None:
    pve.simulator.set_fault("task-late", seconds=2)
    assert (await pve.call("proxmox_start_guest", guest="build"))["outcome"] == "applied"


async def test_the_ok_of_a_backup_on_the_wrong_node_is_told_as_nothing_done(pve: Room) -> None:
    pve.simulator.set_fault("migrating", vmid=101, target="pve2", count=1)
    client = await client_of(pve)
    guests = await client.cluster_resources()
    assert any(row.get("vmid") == 101 for row in guests)
    pve.simulator.clear_faults()
    simulator = simulator_of(pve)
    original = simulator.cluster.guests[101]

    async def moves() -> None:
        original.node = "pve2"
        simulator.cluster.touch(original)

    planned = await pve.call("proxmox_run_backup", guest="web", storage="nas-backup", dry_run=True)
    assert planned["outcome"] == "planned"
    # The guest moves after the plan's last look and before the write: HA or a balancer does that.
    send = client.write

    async def write(*arguments: object, **named: object) -> object:
        await moves()
        return await send(*arguments, **named)  # type: ignore[arg-type]

    client.write = write  # type: ignore[method-assign,assignment]
    error = await pve.fails("proxmox_run_backup", guest="web", storage="nas-backup")
    assert error.executed is Executed.NO
    assert "nothing was done" in error.message
    assert posts(pve, "/vzdump") == 1


async def test_a_write_to_a_stalled_node_ends_as_unknown_and_is_seen_when_it_happens_later(pve: Room) -> None:
    pve.simulator.set_fault("node-stalled", node="pve2", count=1, execute_after_s=60, delay_s=0)
    # The plan's reads pass another way: only the write meets the stall.
    pve.simulator.clear_faults()
    client = await client_of(pve)
    send = client.write

    async def write(*arguments: object, **named: object) -> object:
        pve.simulator.set_fault("node-stalled", node="pve2", count=1, execute_after_s=60, delay_s=0)
        return await send(*arguments, **named)  # type: ignore[arg-type]

    client.write = write  # type: ignore[method-assign,assignment]
    answer = await pve.call("proxmox_start_guest", guest="build")
    assert answer["outcome"] == "unknown"
    assert "may still execute" in str(answer["warnings"])
    assert posts(pve, "/status/start") == 1
    pve.clock.advance(90)
    client.write = send  # type: ignore[method-assign]
    assert (await pve.call("proxmox_get_guest", guest="build"))["status"] == "running"
    assert (await pve.call("proxmox_start_guest", guest="build"))["outcome"] == "nothing_to_do"
    assert posts(pve, "/status/start") == 1


async def test_a_guest_that_moves_before_the_write_is_followed_once(pve: Room) -> None:
    pve.simulator.set_fault("migrating", vmid=110, target="pve1", count=1)
    answer = await pve.call("proxmox_change_guest_config", guest="build", cores=4)
    assert [arrival.path for arrival in pve.writes()] == [
        "/api2/json/nodes/pve2/qemu/110/config",
        "/api2/json/nodes/pve1/qemu/110/config",
    ]
    assert answer["outcome"] == "applied"
    assert (await pve.call("proxmox_get_guest", guest="build"))["node"] == "pve1"


async def test_a_guest_under_high_availability_is_done_when_its_state_says_so(pve: Room) -> None:
    await pve.call("proxmox_add_ha_resource", sid="vm:110", state="stopped")
    pve.clock.advance(30)
    answer = await pve.call("proxmox_start_guest", guest="build")
    assert "HA manager" in str(answer["warnings"])
    assert answer["outcome"] in ("applied", "started")
    if answer["outcome"] == "started":
        pve.clock.advance(60)
    assert (await pve.call("proxmox_get_guest", guest="build"))["status"] == "running"


async def test_an_id_that_somebody_else_takes_first_is_replaced_by_the_next(pve: Room) -> None:
    pve.simulator.set_fault("nextid-race", count=1)
    answer = await pve.call("proxmox_create_vm", node="pve1", name="fresh", storage="nas-vms", disk_gib=8)
    assert answer["outcome"] == "applied"
    pve.clock.advance(15)
    made = await pve.call("proxmox_get_guest", guest="fresh")
    undo = answer["undo"]
    assert isinstance(undo, dict)
    assert undo["arguments"] == {"guest": str(made["vmid"])}


async def test_an_id_that_the_caller_chose_is_never_replaced(pve: Room) -> None:
    error = await pve.fails("proxmox_create_vm", node="pve1", name="x", storage="nas-vms", disk_gib=8, vmid=101)
    assert error.code == "conflict"
    assert pve.writes() == []


async def test_a_change_of_the_configuration_by_somebody_else_stops_the_plan(pve: Room) -> None:
    planned = await pve.call("proxmox_change_guest_config", guest="build", cores=4, dry_run=True)
    simulator_of(pve).cluster.guests[110].config["cores"] = "8"
    error = await pve.fails("proxmox_change_guest_config", guest="build", cores=4, plan_id=planned["plan_id"])
    assert error.code == "plan_refused"
    assert pve.writes() == []


async def test_a_change_between_reading_and_writing_is_refused_by_its_digest(pve: Room) -> None:
    client = await client_of(pve)
    send = client.write

    async def write(*arguments: object, **named: object) -> object:
        simulator_of(pve).cluster.guests[110].config["onboot"] = "1"
        return await send(*arguments, **named)  # type: ignore[arg-type]

    client.write = write  # type: ignore[method-assign,assignment]
    error = await pve.fails("proxmox_change_guest_config", guest="build", cores=4)
    assert error.code == "conflict"
    assert error.executed is Executed.NO
    assert simulator_of(pve).cluster.guests[110].config["cores"] == "2"


async def test_a_locked_guest_and_a_lock_that_is_not_given_are_busy(pve: Room) -> None:
    pve.simulator.set_fault("guest-lock", vmid=110, lock="backup")
    answer = await pve.call("proxmox_create_snapshot", guest="build", name="one")
    assert answer["outcome"] == "not_applied"
    assert "locked (backup)" in str(answer["warnings"])
    pve.simulator.clear_faults()
    pve.simulator.set_fault("lock-timeout", vmid=110, count=1)
    error = await pve.fails("proxmox_change_guest_config", guest="build", cores=4)
    assert error.code == "lock_timeout"
    assert error.executed is Executed.NO


async def test_without_quorum_changes_are_refused_and_reads_go_on(pve: Room) -> None:
    pve.simulator.set_fault("quorum-lost")
    assert (await pve.call("proxmox_cluster_status"))["quorate"] is False
    answer = await pve.call("proxmox_change_guest_config", guest="build", cores=4)
    # The cluster's files could not be written, which says nothing about what came before: it was looked at.
    assert answer["outcome"] == "not_applied"
    assert "no_quorum" in str(answer["warnings"])
    assert "majority" in str(answer["warnings"])
    error = await pve.fails("proxmox_start_guest", guest="build")
    assert error.code == "no_quorum"
    assert error.executed is Executed.NO
    assert (await pve.call("proxmox_get_guest", guest="web"))["status"] == "running"


async def test_a_change_that_a_running_guest_cannot_take_is_told_as_pending_and_can_be_reverted(pve: Room) -> None:
    answer = await pve.call("proxmox_change_guest_config", guest="web", cores=4)
    assert "Pending until the next stop and start: cores" in str(answer["warnings"])
    shown = await pve.call("proxmox_get_guest_config", guest="web")
    assert shown["pending"] == {"cores": {"now": "2", "then": "4"}} or "cores" in str(shown["pending"])
    assert (await pve.call("proxmox_revert_guest_config", guest="web"))["outcome"] == "applied"
    assert "pending" not in await pve.call("proxmox_get_guest_config", guest="web")


async def test_a_new_disk_is_made_detached_and_only_destroyed_by_name(pve: Room) -> None:
    made = await pve.call("proxmox_change_guest_config", guest="build", options={"scsi1": "nas-vms:4"})
    assert made["outcome"] == "applied"
    assert "cannot_undo" in made
    detached = await pve.call("proxmox_change_guest_config", guest="build", unset=["scsi1"])
    assert detached["outcome"] == "applied"
    assert "stays as unusedN" in str(detached["blast_radius"])
    destroyed = await pve.call("proxmox_change_guest_config", guest="build", unset=["unused0"])
    assert "Destroys the data" in str(destroyed["blast_radius"])


async def test_a_disk_never_shrinks(pve: Room) -> None:
    error = await pve.fails("proxmox_resize_disk", guest="web", disk="scsi0", size_gib=8)
    assert error.code == "conflict"
    assert pve.writes() == []


async def test_an_agent_that_does_not_answer_is_told_as_such(pve: Room) -> None:
    pve.simulator.set_fault("agent-down", vmid=101)
    assert (await pve.call("proxmox_agent_ping", guest="web"))["responds"] is False
    assert (await pve.fails("proxmox_guest_filesystems", guest="web")).code == "unavailable"


async def test_an_upload_may_take_longer_than_a_call_usually_may(tmp_path: Path) -> None:
    async with pve_room(tmp_path, settings="total_timeout = 1\ntimeout = 1") as pve:
        pve.running.fault("latency", method="POST", seconds=1.5)
        answer = await pve.call("proxmox_upload_file", storage="local", node="pve1", file="tiny.iso")
        assert answer["outcome"] == "applied"
        assert "warnings" not in answer


async def test_when_no_worker_is_free_reads_are_repeated_and_a_write_stays_unknown_and_is_not_resent(
    pve: Room,
) -> None:
    pve.simulator.set_fault("workers-busy", count=1)
    assert (await pve.call("proxmox_node_status", node="pve1"))["node"] == "pve1"
    client = await client_of(pve)
    pve.simulator.set_fault("workers-busy", count=1)
    with pytest.raises(NodeTimeoutError) as told:
        await client.write("PUT", "cluster", "options", form={"keyboard": "de"})
    assert told.value.executed is Executed.UNKNOWN
    assert [arrival.status for arrival in pve.writes()] == [596]

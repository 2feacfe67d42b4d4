"""Every fault does what its description says (contract 17, duties 7 and 9)."""

from __future__ import annotations

import time

import pytest

from holdfast.simulators.proxmox.faults import KNOWN
from tests.simulators.proxmox.bench import VM, WEB, Bench, bench


async def _types(one: Bench, node: str) -> list[str]:
    return [row["type"] for row in await one.get(f"/nodes/{node}/tasks", source="all")]


async def test_the_simulator_declares_its_faults() -> None:
    async with bench() as one:
        assert set(one.sim.fault_names) == set(KNOWN)
        assert all(one.sim.fault_names.values())


async def test_an_unknown_fault_option_or_value_is_refused() -> None:
    async with bench() as one:
        with pytest.raises(LookupError):
            one.sim.set_fault("no-such-fault")
        with pytest.raises(TypeError):
            one.sim.set_fault("quorum-lost", node="pve1")
        with pytest.raises(ValueError, match="pve9"):
            one.sim.set_fault("node-offline", node="pve9")
        with pytest.raises(ValueError, match="other than pve1"):
            one.sim.set_fault("node-offline", node="pve1")
        with pytest.raises(ValueError, match="999"):
            one.sim.set_fault("guest-lock", vmid=999)
        with pytest.raises(ValueError, match="no privilege"):
            one.sim.set_fault("permission-denied", privilege="VM.Fly")


async def test_a_stalled_node_answers_596_and_executes_the_write_later() -> None:
    async with bench() as one:
        one.sim.set_fault("node-stalled", node="pve2", delay_s=0, execute_after_s=20, count=1)
        answer = await one.call("POST", f"{VM}/status/start", {})
        assert (answer.status, answer.reason, answer.body) == (596, "Connection timed out", b"")
        assert await _types(one, "pve2") == []
        assert (await one.get(f"{VM}/status/current"))["status"] == "stopped"
        one.clock.advance(25)
        assert (await one.get(f"{VM}/status/current"))["status"] == "running"
        assert await _types(one, "pve2") == ["qmstart"]


async def test_a_stalled_write_is_executed_once_with_its_parameters_checked_late() -> None:
    async with bench() as one:
        one.sim.set_fault("node-stalled", node="pve2", delay_s=0, execute_after_s=5, count=2)
        assert (await one.call("POST", f"{VM}/status/start", {"bogus": 1})).status == 596
        assert (await one.call("PUT", f"{VM}/config", {"cores": 7})).status == 596
        one.clock.advance(6)
        assert (await one.get(f"{VM}/config"))["cores"] == 7
        assert (await one.get(f"{VM}/status/current"))["status"] == "stopped"


async def test_a_stalled_write_waits_for_the_guest_s_lock_when_it_is_executed() -> None:
    async with bench() as one:
        one.sim.task_seconds = 8
        one.sim.set_fault("node-stalled", node="pve2", delay_s=0, execute_after_s=5, count=1)
        assert (await one.call("PUT", f"{VM}/config", {"cores": 7})).status == 596
        await one.do("POST", f"{VM}/status/start")
        one.clock.advance(6)
        assert (await one.get(f"{VM}/config"))["cores"] == 2
        one.clock.advance(5)
        assert (await one.get(f"{VM}/config"))["cores"] == 7


async def test_a_stalled_read_is_596_without_consequences() -> None:
    async with bench() as one:
        one.sim.set_fault("node-stalled", node="pve2", delay_s=0)
        assert (await one.call("GET", f"{VM}/config")).status == 596
        assert (await one.call("GET", f"{WEB}/config")).status == 200
        one.sim.clear_faults()
        assert (await one.call("GET", f"{VM}/config")).status == 200


async def test_a_stalled_local_daemon_hits_privileged_calls_only() -> None:
    async with bench() as one:
        one.sim.set_fault("node-stalled", node="pve1", delay_s=0)
        assert (await one.call("POST", f"{WEB}/status/stop", {})).status == 596
        assert (await one.call("GET", f"{WEB}/config")).status == 200


async def test_the_thirty_seconds_pass_when_the_real_delays_are_asked_for() -> None:
    async with bench() as one:
        one.sim.delay_scale = 0.002
        one.sim.set_fault("node-stalled", node="pve2")
        begun = time.monotonic()
        assert (await one.call("GET", f"{VM}/config")).status == 596
        assert time.monotonic() - begun >= 0.06


async def test_a_lock_is_held_for_some_seconds() -> None:
    async with bench() as one:
        one.sim.set_fault("guest-lock", vmid=110, lock="snapshot", seconds=30)
        assert await one.run("POST", f"{VM}/status/start") == "VM is locked (snapshot)"
        one.clock.advance(30)
        assert await one.run("POST", f"{VM}/status/start") == "OK"


async def test_a_lock_ends_with_its_fault() -> None:
    async with bench() as one:
        one.sim.set_fault("guest-lock", vmid=110)
        assert (await one.get(f"{VM}/config"))["lock"] == "backup"
        one.sim.clear_faults()
        assert "lock" not in await one.get(f"{VM}/config")


async def test_the_lock_file_is_not_given_in_time() -> None:
    async with bench() as one:
        one.sim.set_fault("lock-timeout", vmid=110, count=2)
        answer = await one.refused("PUT", f"{VM}/config", {"cores": 1})
        assert answer.reason == "can't lock file '/var/lock/qemu-server/lock-110.conf' - got timeout"
        assert await one.run("POST", f"{VM}/status/start") == answer.reason
        assert await one.run("POST", f"{VM}/status/start") == "OK"


async def test_a_guest_moves_between_lookup_and_write() -> None:
    async with bench() as one:
        one.sim.set_fault("migrating", vmid=110, target="pve1", count=1)
        found = {row["vmid"]: row["node"] for row in await one.get("/cluster/resources", type="vm")}
        assert found[110] == "pve2"
        answer = await one.refused("PUT", f"{VM}/config", {"cores": 1})
        assert answer.reason == "Configuration file 'nodes/pve2/qemu-server/110.conf' does not exist"
        found = {row["vmid"]: row["node"] for row in await one.get("/cluster/resources", type="vm")}
        assert found[110] == "pve1"
        await one.do("PUT", "/nodes/pve1/qemu/110/config", {"cores": 1})


async def test_busy_workers_stop_privileged_calls_and_no_others() -> None:
    async with bench() as one:
        one.sim.set_fault("workers-busy")
        assert (await one.call("POST", f"{VM}/status/start", {})).status == 596
        assert (await one.call("GET", "/cluster/resources")).status == 200
        one.sim.clear_faults()
        one.sim.set_fault("workers-busy", delay_s=2)
        assert (await one.call("POST", f"{VM}/status/start", {})).status == 200


async def test_a_worker_that_does_not_start_is_an_error_and_no_task() -> None:
    async with bench() as one:
        one.sim.set_fault("worker-fails", count=1)
        answer = await one.refused("POST", f"{VM}/status/start")
        assert answer.reason.startswith("got no worker upid")
        assert await _types(one, "pve2") == []
        assert await one.run("POST", f"{VM}/status/start") == "OK"


async def test_tasks_fail_with_a_chosen_text() -> None:
    async with bench() as one:
        one.sim.set_fault("task-fails", kind="qmstart", vmid=110, text="start failed: QEMU exited with code 1", count=1)
        assert await one.run("POST", f"{WEB}/status/stop") == "OK"
        assert await one.run("POST", f"{VM}/status/start") == "start failed: QEMU exited with code 1"
        assert (await one.get(f"{VM}/status/current"))["status"] == "stopped"
        assert await one.run("POST", f"{VM}/status/start") == "OK"


async def test_tasks_fail_when_their_work_is_done() -> None:
    async with bench() as one:
        one.sim.set_fault("task-fails", kind="qmstart", text="late", after_work=True, count=1)
        assert await one.run("POST", f"{VM}/status/start") == "late"
        assert (await one.get(f"{VM}/status/current"))["status"] == "running"


async def test_a_write_is_carried_out_and_then_fails_in_the_words_of_the_api_or_of_a_proxy() -> None:
    async with bench() as one:
        one.sim.set_fault("late-error", path="/nodes/{node}/qemu/{vmid}/config", text="too late", count=1)
        answer = await one.refused("PUT", f"{VM}/config", {"cores": 7})
        assert (answer.status, answer.reason) == (500, "too late")
        assert (await one.get(f"{VM}/config"))["cores"] == 7
        one.sim.set_fault("late-error", status=504, text="Gateway Timeout", count=1)
        proxied = await one.call("PUT", f"{VM}/config", {"cores": 6})
        assert (proxied.status, proxied.body) == (504, b"")
        one.sim.set_fault("late-error", status=400, field="cores", text="hotplug problem", count=1)
        assert (await one.call("PUT", f"{VM}/config", {"cores": 5})).status == 400
        assert (await one.get(f"{VM}/config"))["cores"] == 5


async def test_tasks_end_with_warnings() -> None:
    async with bench() as one:
        one.sim.set_fault("task-warnings", kind="qmstart", warnings=2, count=1)
        assert await one.run("POST", f"{VM}/status/start") == "WARNINGS: 2"
        assert (await one.get(f"{VM}/status/current"))["status"] == "running"


async def test_a_hanging_task_ends_when_it_is_stopped() -> None:
    async with bench() as one:
        one.sim.set_fault("task-hangs", kind="qmstart", count=1)
        upid = await one.do("POST", f"{VM}/status/start")
        one.clock.advance(100_000)
        assert (await one.get(f"/nodes/pve2/tasks/{upid}/status"))["status"] == "running"
        await one.do("DELETE", f"/nodes/pve2/tasks/{upid}")
        assert (await one.get(f"/nodes/pve2/tasks/{upid}/status"))["exitstatus"] == "interrupted by signal"


async def test_a_worker_that_vanishes_has_an_unexpected_status() -> None:
    async with bench() as one:
        one.sim.set_fault("task-vanishes", kind="qmstart", count=1)
        assert await one.run("POST", f"{VM}/status/start") == "unexpected status"


async def test_a_late_task_is_unknown_for_a_moment() -> None:
    async with bench() as one:
        one.sim.set_fault("task-late", seconds=2, count=1)
        upid = await one.do("POST", f"{VM}/status/start")
        assert (await one.refused("GET", f"/nodes/pve2/tasks/{upid}/status")).errors == {"upid": "no such task"}
        one.clock.advance(3)
        assert (await one.get(f"/nodes/pve2/tasks/{upid}/status"))["exitstatus"] == "OK"


async def test_tickets_expire_at_once() -> None:
    async with bench() as one:
        root = await one.root()
        one.sim.set_fault("ticket-expired")
        assert (await one.call("GET", "/version", headers=root)).status == 401
        fresh = await one.login(**one.sim.password_credentials)
        assert (await one.call("GET", "/version", headers=fresh)).status == 200


async def test_tokens_are_refused() -> None:
    async with bench() as one:
        one.sim.set_fault("token-refused")
        assert (await one.call("GET", "/version")).reason == "Authentication failed!"
        one.sim.clear_faults()
        assert (await one.call("GET", "/version")).status == 200


async def test_a_privilege_is_withdrawn_everywhere_or_below_a_path() -> None:
    async with bench() as one:
        one.sim.set_fault("permission-denied", privilege="VM.PowerMgmt", path="/vms/110")
        answer = await one.refused("POST", f"{VM}/status/start")
        assert (answer.status, answer.reason) == (403, "Permission check failed (/vms/110, VM.PowerMgmt)")
        assert (await one.call("POST", f"{WEB}/status/stop", {})).status == 200
        one.sim.clear_faults()
        one.sim.set_fault("permission-denied", privilege="VM.Audit")
        assert await one.get("/cluster/resources", type="vm") == []


async def test_a_storage_that_is_offline_keeps_its_guests_down() -> None:
    async with bench() as one:
        one.sim.set_fault("storage-offline", storage="nas-vms")
        assert await one.run("POST", f"{VM}/status/start") == "storage 'nas-vms' is not online"
        rows = {row["storage"]: row for row in await one.get("/nodes/pve2/storage")}
        assert (rows["nas-vms"]["active"], rows["local"]["active"]) == (0, 1)
        resources = await one.get("/cluster/resources", type="storage")
        assert {row["status"] for row in resources if row["storage"] == "nas-vms"} == {"unknown"}


async def test_a_storage_that_hangs_takes_the_whole_listing_with_it() -> None:
    async with bench() as one:
        one.sim.set_fault("storage-hangs", storage="nas-backup", node="pve2")
        assert (await one.call("GET", "/nodes/pve2/storage")).status == 596
        assert (await one.call("GET", "/nodes/pve1/storage")).status == 200
        assert (await one.call("GET", "/nodes/pve2/storage/local/content")).status == 200
        assert (await one.call("GET", "/cluster/resources", query={"type": "storage"})).status == 200


async def test_a_raw_error_comes_with_the_vendor_s_kind_of_text() -> None:
    async with bench() as one:
        one.sim.set_fault("internal-error", path="/nodes/{node}/qemu", count=1)
        answer = await one.refused("GET", "/nodes/pve2/qemu")
        assert answer.status == 500
        assert answer.reason.endswith("line 71.")
        assert (await one.call("GET", "/nodes/pve2/qemu")).status == 200

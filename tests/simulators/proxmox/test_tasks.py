"""Tasks: ids, life, logs, listings, stopping, and the ways they end (contract 7)."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import quote

import pytest

from holdfast.simulators.proxmox import power
from tests.simulators.proxmox.bench import Bench, bench
from tests.support.realtime import REAL_TIME

UPID = re.compile(
    r"UPID:([A-Za-z0-9][A-Za-z0-9-]*):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8}):([^:\s/]+):([^:\s/]*):([^:\s/]+):"
)


async def _status(one: Bench, upid: str) -> dict[str, str]:
    status: dict[str, str] = await one.get(f"/nodes/{upid.split(':')[1]}/tasks/{quote(upid, safe='')}/status")
    return status


async def test_a_task_runs_for_a_while_and_then_has_an_exit_status() -> None:
    async with bench() as one:
        upid = await one.do("POST", "/nodes/pve2/qemu/110/status/start")
        found = UPID.fullmatch(upid)
        assert found is not None
        assert found.group(1, 5, 6, 7) == ("pve2", "qmstart", "110", "ops@pve!holdfast")
        assert int(found[4], 16) == int(one.clock.now())
        running = await _status(one, upid)
        assert running["status"] == "running"
        assert "exitstatus" not in running
        assert (running["user"], running["tokenid"]) == ("ops@pve", "holdfast")
        one.clock.advance(1)
        stopped = await _status(one, upid)
        assert (stopped["status"], stopped["exitstatus"]) == ("stopped", "OK")
        log = await one.call("GET", f"/nodes/pve2/tasks/{quote(upid, safe='')}/log")
        assert log.document == {"data": [{"n": 1, "t": "TASK OK"}], "total": 1}


async def test_a_running_task_without_lines_says_no_content() -> None:
    async with bench() as one:
        upid = await one.do("POST", "/nodes/pve2/qemu/110/status/start")
        assert await one.get(f"/nodes/pve2/tasks/{upid}/log") == [{"n": 1, "t": "no content"}]


async def test_the_log_of_an_unknown_task_is_a_line_and_its_status_a_refusal() -> None:
    async with bench() as one:
        upid = "UPID:pve2:00000001:00000001:6B0424D1:qmstart:110:ops@pve!holdfast:"
        assert (await one.get(f"/nodes/pve2/tasks/{upid}/log"))[0]["t"].startswith("unable to open file")
        answer = await one.refused("GET", f"/nodes/pve2/tasks/{upid}/status")
        assert (answer.status, answer.errors) == (400, {"upid": "no such task"})


async def test_a_log_is_read_in_pages() -> None:
    async with bench() as one:
        upid = await one.do("POST", "/nodes/pve2/vzdump", {"vmid": "110", "storage": "nas-backup"})
        one.clock.advance(30)
        path = f"/nodes/pve2/tasks/{quote(upid, safe='')}/log"
        whole = await one.call("GET", path, query={"limit": 0})
        assert whole.document["total"] == len(whole.data) > 5
        page = await one.call("GET", path, query={"start": 2, "limit": 3})
        assert page.data == whole.data[2:5]
        assert page.document["total"] == whole.document["total"]
        text = await one.call("GET", path, query={"download": 1})
        assert text.headers["Content-Type"].startswith("text/plain")
        assert "INFO: Finished Backup of VM 110" in text.body.decode()


async def test_accepted_is_not_done() -> None:
    async with bench() as one:
        ends = {
            (
                "POST",
                "/nodes/pve2/qemu/999/status/start",
                "",
            ): "Configuration file 'nodes/pve2/qemu-server/999.conf' does not exist",
            (
                "POST",
                "/nodes/pve2/lxc/999/status/start",
                "",
            ): "Configuration file 'nodes/pve2/lxc/999.conf' does not exist",
            ("POST", "/nodes/pve2/qemu/111/snapshot", "snapname=ab"): "VM is locked (backup)",
            ("POST", "/nodes/pve2/qemu/110/snapshot/absent/rollback", ""): "snapshot 'absent' does not exist",
            ("PUT", "/nodes/pve2/qemu/110/resize", "disk=scsi0&size=1G"): "shrinking disks is not supported",
            ("POST", "/nodes/pve2/qemu/110/migrate", "target=pve3"): "migration aborted",
            (
                "POST",
                "/nodes/pve2/storage/local/download-url",
                "url=https://gone.invalid/x.iso&filename=x.iso&content=iso",
            ): "download failed: 500 Can't connect to gone.invalid:443 (Name or service not known)",
        }
        for (verb, path, form), text in ends.items():
            pairs = dict(part.split("=", 1) for part in form.split("&") if part)
            assert await one.run(verb, path, pairs) == text, path


async def test_stopping_a_stopped_machine_is_fine_and_a_stopped_container_an_error() -> None:
    async with bench() as one:
        assert await one.run("POST", "/nodes/pve2/qemu/110/status/stop") == "OK"
        assert await one.run("POST", "/nodes/pve2/qemu/110/status/shutdown") == "OK"
        for word in ("stop", "shutdown"):
            answer = await one.refused("POST", f"/nodes/pve2/lxc/112/status/{word}")
            assert (answer.status, answer.reason) == (500, "CT 112 not running")


async def test_archive_active_and_all_tasks() -> None:
    async with bench() as one:
        done = await one.do("POST", "/nodes/pve2/qemu/110/status/start")
        one.clock.advance(1)
        running = await one.do("POST", "/nodes/pve2/qemu/110/status/shutdown")
        assert [row["upid"] for row in await one.get("/nodes/pve2/tasks")] == [done]
        active = await one.get("/nodes/pve2/tasks", source="active")
        assert [(row["upid"], row["status"]) for row in active] == [(running, "RUNNING")]
        everything = await one.get("/nodes/pve2/tasks", source="all")
        assert [row["upid"] for row in everything] == [running, done]


async def test_tasks_are_filtered() -> None:
    async with bench() as one:
        assert await one.run("POST", "/nodes/pve2/qemu/110/status/start") == "OK"
        assert await one.run("POST", "/nodes/pve2/qemu/110/status/start") == "VM 110 already running"
        later = int(one.clock.now())
        assert await one.run("POST", "/nodes/pve2/qemu/111/snapshot", {"snapname": "ab"}) == "VM is locked (backup)"

        async def kinds(**query: object) -> list[str]:
            return [row["type"] for row in await one.get("/nodes/pve2/tasks", **query)]

        assert await kinds(vmid=110) == ["qmstart", "qmstart"]
        assert await kinds(typefilter="qmsnapshot") == ["qmsnapshot"]
        assert await kinds(errors=1) == ["qmsnapshot", "qmstart"]
        assert await kinds(statusfilter="ok") == ["qmstart"]
        assert await kinds(since=later) == ["qmsnapshot"]
        assert await kinds(until=later - 1) == ["qmstart", "qmstart"]
        assert await kinds(userfilter="nobody") == []
        assert await kinds(limit=1, start=1) == ["qmstart"]
        page = await one.call("GET", "/nodes/pve2/tasks", query={"limit": 1})
        assert page.document["total"] == 3


async def test_the_cluster_lists_running_and_recent_tasks_of_all_nodes() -> None:
    async with bench() as one:
        for _ in range(30):
            await one.run("POST", "/nodes/pve2/qemu/110/status/stop")
        running = await one.do("POST", "/nodes/pve1/lxc/103/status/stop")
        rows = await one.get("/cluster/tasks")
        assert len(rows) == 26
        assert "status" not in next(row for row in rows if row["upid"] == running)


async def test_stopping_a_task_ends_it_with_a_signal() -> None:
    async with bench() as one:
        one.sim.task_seconds = 60
        upid = await one.do("POST", "/nodes/pve2/vzdump", {"vmid": "110", "storage": "nas-backup"})
        assert await one.do("DELETE", f"/nodes/pve2/tasks/{quote(upid, safe='')}") is None
        status = await _status(one, upid)
        assert (status["status"], status["exitstatus"]) == ("stopped", "interrupted by signal")
        assert "lock" not in await one.get("/nodes/pve2/qemu/110/config")


async def test_a_stopped_migration_leaves_its_lock() -> None:
    async with bench() as one:
        one.sim.task_seconds = 60
        upid = await one.do("POST", "/nodes/pve1/qemu/101/migrate", {"target": "pve2", "online": 1})
        one.clock.advance(5)
        await one.do("DELETE", f"/nodes/pve1/tasks/{quote(upid, safe='')}")
        assert (await one.get("/nodes/pve1/qemu/101/config"))["lock"] == "migrate"
        assert await one.run("POST", "/nodes/pve1/qemu/101/status/stop") == "VM is locked (migrate)"


async def test_foreign_tasks_are_stopped_only_with_the_right_to() -> None:
    async with bench() as one:
        one.sim.task_seconds = 60
        upid = await one.do("POST", "/nodes/pve2/qemu/110/status/start")
        auditor = one.token(one.sim.read_only_credentials)
        answer = await one.call("DELETE", f"/nodes/pve2/tasks/{quote(upid, safe='')}", headers=auditor)
        assert answer.reason == "Permission check failed (/nodes/pve2, Sys.Modify)"


async def test_two_workers_of_one_guest_wait_for_its_lock() -> None:
    async with bench() as one:
        one.sim.task_seconds = 4
        first = await one.do("POST", "/nodes/pve1/qemu/101/status/shutdown")
        second = await one.do("POST", "/nodes/pve1/qemu/101/status/start")
        assert (await one.get(f"/nodes/pve1/tasks/{quote(second, safe='')}/log"))[0]["t"] == "trying to acquire lock..."
        one.clock.advance(5)
        assert (await _status(one, first))["exitstatus"] == "OK"
        one.clock.advance(5)
        assert (await _status(one, second))["exitstatus"] == "OK"
        assert (await one.get("/nodes/pve1/qemu/101/status/current"))["status"] == "running"


async def test_a_worker_gives_up_on_a_lock_after_ten_seconds() -> None:
    async with bench() as one:
        one.sim.task_seconds = 60
        await one.do("POST", "/nodes/pve1/qemu/101/status/shutdown")
        second = await one.do("POST", "/nodes/pve1/qemu/101/status/stop")
        one.clock.advance(11)
        status = await _status(one, second)
        assert status["exitstatus"] == "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout"


@REAL_TIME
async def test_a_change_waits_for_the_lock_of_a_worker_and_then_goes_through() -> None:
    async with bench() as one:
        one.sim.task_seconds = 4
        await one.do("POST", "/nodes/pve1/qemu/101/status/shutdown")
        waiting = asyncio.create_task(one.call("PUT", "/nodes/pve1/qemu/101/config", {"cores": 3}))
        for _ in range(20):
            await asyncio.sleep(0.005)
            one.clock.advance(0.5)
        assert (await waiting).status == 200
        assert (await one.get("/nodes/pve1/qemu/101/config"))["cores"] == 3


@REAL_TIME
async def test_a_change_gives_up_on_the_lock_after_ten_seconds() -> None:
    async with bench() as one:
        one.sim.task_seconds = 600
        await one.do("POST", "/nodes/pve1/qemu/101/status/shutdown")
        waiting = asyncio.create_task(one.call("PUT", "/nodes/pve1/qemu/101/config", {"cores": 3}))
        for _ in range(30):
            await asyncio.sleep(0.005)
            one.clock.advance(0.5)
        answer = await waiting
        assert (answer.status, answer.reason) == (
            500,
            "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout",
        )


async def test_shutdown_is_overruled_by_stop() -> None:
    async with bench() as one:
        one.sim.task_seconds = 60
        waiting = await one.do("POST", "/nodes/pve1/qemu/101/status/shutdown")
        one.sim.task_seconds = 0
        assert await one.run("POST", "/nodes/pve1/qemu/101/status/stop", {"overrule-shutdown": 1}) == "OK"
        assert (await _status(one, waiting))["exitstatus"] == "interrupted by signal"


async def test_the_archive_of_a_node_keeps_about_a_thousand_tasks() -> None:
    async with bench(checked=False) as one:
        one.sim.task_seconds = 0
        first = await one.do("POST", "/nodes/pve2/qemu/110/status/stop")
        cluster = one.sim.cluster
        for _ in range(1100):
            cluster.fork("pve2", "qmstop", 110, "ops@pve!holdfast", power.stop(cluster, "pve2", "qemu", 110))
        assert (await one.refused("GET", f"/nodes/pve2/tasks/{first}/status")).errors == {"upid": "no such task"}


@pytest.mark.parametrize("seconds", [0.0, 5.0])
async def test_tests_choose_how_long_tasks_take(seconds: float) -> None:
    async with bench() as one:
        one.sim.task_seconds = seconds
        upid = await one.do("POST", "/nodes/pve2/qemu/110/status/start")
        assert (await _status(one, upid))["status"] == ("stopped" if seconds == 0 else "running")
        one.clock.advance(seconds)
        assert (await _status(one, upid))["status"] == "stopped"

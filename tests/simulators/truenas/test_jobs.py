"""Jobs: ids, states, locks, visibility, abort, amnesia (contract section 7)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.simulators.truenas.peer import Peer, standing
from tests.support.realtime import REAL_TIME


async def states(peer: Peer, number: int) -> list[str]:
    """The states of a job as its events told them, to the end."""
    seen: list[str] = []
    while not seen or seen[-1] not in ("SUCCESS", "FAILED", "ABORTED"):
        event = await peer.event("core.get_jobs")
        if event["id"] == number:
            seen.append(event["fields"]["state"])
    return seen


async def state(peer: Peer, number: int) -> str:
    """The state of a job now."""
    return str((await peer.call("core.get_jobs", [["id", "=", number]]))[0]["state"])


@REAL_TIME
async def test_a_job_method_answers_an_id_and_not_the_outcome() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.timing.job_step_s = 60
        number = await peer.call("service.control", "START", "ftp")
        assert isinstance(number, int)
        row = (await peer.call("core.get_jobs", [["id", "=", number]]))[0]
        assert (row["method"], row["state"], row["time_finished"]) == ("service.control", "RUNNING", None)
        assert row["arguments"] == ["START", "ftp", {"ha_propagate": True, "silent": True, "timeout": 120}]
        assert row["credentials"]["type"] == "API_KEY"
        stand.clock.advance(50)
        assert await state(peer, number) == "RUNNING"
        await peer.socket.ping()
        await asyncio.sleep(0.05)
        stand.clock.advance(20)
        assert await state(peer, number) == "SUCCESS"


async def test_events_tell_every_state_and_the_progress() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("core.subscribe", "core.get_jobs")
        number = await peer.call("disk.wipe", "sdh", "FULL")
        seen = await states(peer, number)
        assert seen[0] == "WAITING"
        assert seen[-1] == "SUCCESS"
        assert set(seen) == {"WAITING", "RUNNING", "SUCCESS"}
        row = (await peer.call("core.get_jobs", [["id", "=", number]]))[0]
        assert row["progress"]["percent"] == 100
        assert row["time_finished"]["$date"] >= row["time_started"]["$date"]


async def test_the_request_id_leads_back_to_the_job() -> None:
    async with standing("25.10") as stand:
        peer = await stand.login()
        await peer.answer(await peer.send("service.control", "START", "ftp", id="write-7"))
        other = await stand.login()
        rows = await other.call("core.get_jobs", [["message_ids", "rin", "write-7"]])
        assert [row["method"] for row in rows] == ["service.control"]
        assert await other.call("core.get_jobs", [["message_ids", "rin", "write-8"]]) == []


async def test_25_04_keeps_no_request_ids() -> None:
    async with standing("25.04") as stand:
        peer = await stand.login()
        number = await peer.call("disk.wipe", "sdh", "QUICK")
        assert "message_ids" not in (await peer.call("core.get_jobs", [["id", "=", number]]))[0]


async def test_a_failed_job_tells_error_and_exc_info() -> None:
    async with standing() as stand:
        peer = await stand.login()
        row = await peer.job(
            "pool.create", {"name": "p", "topology": {"data": [{"type": "MIRROR", "disks": ["sda", "sdx"]}]}}
        )
        assert row["state"] == "FAILED"
        assert row["exc_info"]["type"] == "VALIDATION"
        assert {entry[0] for entry in row["exc_info"]["extra"]} == {"pool_create.topology.data.0.disks"}
        row = await peer.job("disk.wipe", "sda", "QUICK")
        assert (row["state"], row["exc_info"]["errno"], row["exc_info"]["type"]) == ("FAILED", 16, "CallError")
        assert row["error"] == "[EBUSY] sda is in use by a pool"


async def test_secrets_in_arguments_and_results_are_masked_unless_asked_raw() -> None:
    async with standing() as stand:
        peer = await stand.login()
        secret = {"encryption": True, "inherit_encryption": False, "encryption_options": {"key": "ab" * 32}}
        await peer.call("pool.dataset.create", {"name": "tank/safe", **secret})
        number = await peer.call("pool.dataset.export_key", "tank/safe")
        assert (await peer.wait_job(number))["result"] == "ab" * 32
        assert (await peer.call("core.get_jobs", [["id", "=", number]]))[0]["result"] == "********"
        number = await peer.call("mail.send", {"subject": "x"}, {"pass": "hidden"})
        assert (await peer.call("core.get_jobs", [["id", "=", number]]))[0]["arguments"][1]["pass"] == "********"


async def test_with_legacy_jobs_off_the_call_waits_for_the_result() -> None:
    async with standing() as stand:
        peer = await stand.login()
        assert (await peer.call("core.set_options", {"legacy_jobs": False}))["legacy_jobs"] is False
        assert await peer.call("service.control", "START", "ftp") is True
        error = await peer.refused("disk.wipe", "sda", "QUICK")
        assert error.errno == 16


async def test_job_wait_is_itself_a_job() -> None:
    async with standing() as stand:
        peer = await stand.login()
        first = await peer.call("service.control", "START", "ftp")
        second = await peer.call("core.job_wait", first)
        assert second > first
        assert (await peer.wait_job(second))["result"] is True


async def test_a_lock_lets_one_run_and_the_others_wait_in_a_bounded_queue() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("job-stuck", method="cloudsync.sync", count=1)
        running = await peer.call("cloudsync.sync", 1)
        queued = await peer.answer(await peer.send("cloudsync.sync", 1, id="second"))
        again = await peer.answer(await peer.send("cloudsync.sync", 1, id="third"))
        assert queued["result"] == again["result"] != running
        assert await state(peer, running) == "RUNNING"
        row = (await peer.call("core.get_jobs", [["id", "=", queued["result"]]]))[0]
        assert row["state"] == "WAITING"
        assert row["message_ids"] == ["second", "third"]
        await peer.call("core.job_abort", running)
        assert (await peer.wait_job(queued["result"]))["state"] == "SUCCESS"


async def test_a_lock_without_queue_answers_ebusy() -> None:
    async with standing() as stand:
        peer = await stand.login()
        pool = await peer.done(
            "pool.create", {"name": "p", "topology": {"data": [{"type": "STRIPE", "disks": ["sdg"]}]}}
        )
        stand.simulator.set_fault("job-stuck", method="pool.attach", count=1)
        options = {"target_vdev": pool["topology"]["data"][0]["guid"], "new_disk": "sdh"}
        await peer.call("pool.attach", pool["id"], options)
        error = await peer.refused("pool.attach", pool["id"], options)
        assert (error.errno, error.data["reason"]) == (16, "[EBUSY] This job is already being performed")


async def test_an_abortable_job_stops_and_a_waiting_one_is_dropped() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.timing.job_step_s = 60
        running, waiting = await peer.call("disk.wipe", "sdh", "FULL"), await peer.call("disk.wipe", "sdh", "QUICK")
        await peer.call("core.job_abort", waiting)
        await peer.call("core.job_abort", running)
        assert await state(peer, waiting) == "ABORTED"
        assert await state(peer, running) == "ABORTED"


@pytest.mark.parametrize(("persona", "shown"), [("25.10", "ABORTED"), ("26", "RUNNING")])
async def test_what_abort_does_to_other_jobs_depends_on_the_release(persona: str, shown: str) -> None:
    async with standing(persona) as stand:
        peer = await stand.login()
        stand.simulator.timing.job_step_s = 20
        number = await peer.call("service.control", "START", "ftp")
        await peer.call("core.job_abort", number)
        assert await state(peer, number) == shown
        stand.clock.advance(21)
        assert await peer.call("service.started", "ftp") is True, "the work went on"


async def test_others_see_only_their_own_jobs_and_those_not_after_the_socket_closed() -> None:
    async with standing() as stand:
        key = stand.simulator.add_account("operator", "SERVICE_WRITE", "CLOUD_SYNC_READ")
        admin = await stand.login()
        theirs = await admin.call("service.control", "START", "ftp")
        shared = await admin.call("cloudsync.sync", 1)
        starter = await stand.login(username="operator", api_key=key)
        own = await starter.call("service.control", "START", "snmp")
        seen = {row["id"] for row in await starter.call("core.get_jobs")}
        assert own in seen
        assert shared in seen, "cloudsync.sync grants readers"
        assert theirs not in seen
        assert (await starter.refused("core.job_abort", theirs)).code == -32602
        await starter.socket.close()
        later = await stand.login(username="operator", api_key=key)
        assert own not in {row["id"] for row in await later.call("core.get_jobs")}
        row = next(row for row in await admin.call("core.get_jobs") if row["id"] == own)
        assert row["credentials"] is None


async def test_a_restart_forgets_jobs_and_counts_from_one_again() -> None:
    async with standing() as stand:
        peer = await stand.login()
        for _ in range(3):
            last = await peer.call("disk.wipe", "sdh", "QUICK")
        assert last >= 3
        stand.simulator.set_fault("restart", down_s=0.0)
        with pytest.raises(ConnectionError, match="1006"):
            await peer.frame()
        peer = await stand.login()
        assert await peer.call("core.get_jobs") == []
        assert await peer.call("disk.wipe", "sdh", "QUICK") == 1


@REAL_TIME
async def test_only_a_thousand_finished_jobs_are_kept() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.timing.job_step_s = 0
        for _ in range(1100):
            await peer.call("service.control", "RELOAD", "nfs")
        await asyncio.sleep(0.05)
        await peer.call("service.control", "RELOAD", "nfs")
        rows = await peer.call("core.get_jobs", [], {"select": ["id"]})
        assert 1000 <= len(rows) <= 1010
        assert rows[-1]["id"] == 1101


async def test_bulk_succeeds_whatever_happens_inside() -> None:
    async with standing() as stand:
        peer = await stand.login()
        calls: list[Any] = [["tank/home"], ["tank/gone"], ["tank/home", "too", "many"]]
        result = await peer.done("core.bulk", "pool.dataset.snapshot_count", calls)
        assert [row["error"] is None for row in result] == [True, False, False]
        assert result[0]["result"] == 7
        result = await peer.done("core.bulk", "disk.wipe", [["sdh", "QUICK"], ["sda", "QUICK"]])
        assert result[0]["job_id"] is not None
        assert result[0]["error"] is None
        assert "EBUSY" in result[1]["error"]


async def test_a_job_with_a_log_lets_it_be_fetched() -> None:
    async with standing() as stand:
        peer = await stand.login()
        row = await peer.job("cloudsync.sync", 1)
        assert "Transferred" in row["logs_excerpt"]
        path = await peer.call("core.job_download_logs", row["id"], "log.txt")
        async with stand.http.get(stand.url + path) as answer:
            assert "Transferred" in await answer.text()
        number = await peer.call("disk.wipe", "sdh", "QUICK")
        assert (await peer.refused("core.job_download_logs", number, "log.txt")).code == -32001


async def test_methods_with_an_output_pipe_fail_when_called_directly() -> None:
    async with standing() as stand:
        peer = await stand.login()
        error = await peer.refused("config.save")
        assert (error.code, error.data["reason"]) == (-32001, "Pipe 'output' is not open")

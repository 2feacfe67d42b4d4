"""How a job ended, as `truenas_wait_job` and the job lists tell it: SUCCESS is not believed where its result or log
says otherwise, ABORTED not where TrueNAS cannot stop a job; nothing that is cut leaves a part of a secret.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from holdfast.simulators.truenas.jobs import Job
from tests.appliances.truenas.case import PERSONAS
from tests.appliances.truenas.harness import box, client_of, ended, forgive, nas, prepare, raw
from tests.appliances.truenas.table import WRITES
from tests.support.realtime import REAL_TIME
from tests.support.rooms import Room


def jobs_of(made: Room) -> dict[int, Job]:
    return box(made).box.jobs.jobs


async def key_of(made: Room) -> str:
    key = (await client_of(made)).settings.api_key
    assert key is not None
    return key.reveal()


async def test_datasets_that_stayed_locked_are_told_also_when_the_job_lasted_too_long_to_be_waited_for(
    tmp_path: Path,
) -> None:
    async with nas(tmp_path) as made:
        case = next(case for case in WRITES if case.tool == "unlock_dataset")
        arguments = await prepare(made, case)
        made.running.fault("slow-job", method="pool.dataset.unlock", seconds=600)
        started = await made.call("truenas_unlock_dataset", **{**arguments, "passphrase": "not the right one"})
        assert started["outcome"] == "started"
        made.clock.advance(700)
        told = await made.call("truenas_wait_job", job=int(str(started["task"])))
        assert (told["state"], told["succeeded"]) == ("SUCCESS", False)
        assert "was not unlocked" in str(told["problems"])


@pytest.mark.parametrize("persona", ["25.10", "26"])
async def test_a_service_that_did_not_start_is_no_success_when_its_job_is_waited_for(
    persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        made.running.fault("service-false", service="ftp")
        number = await raw(made, "service.control", "START", "ftp", {"silent": True})
        told = await made.call("truenas_wait_job", job=number)
        assert (told["state"], told["succeeded"]) == ("SUCCESS", False)
        assert "did not work" in str(told["problems"])


async def test_parts_of_a_bulk_job_that_failed_are_told(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        number = await raw(made, "core.bulk", "alert.dismiss", [["no-such-alert"], ["nor-this-one"]])
        told = await made.call("truenas_wait_job", job=number)
        assert (told["state"], told["succeeded"]) == ("SUCCESS", False)
        assert "Part 2 failed" in str(told["problems"])


@pytest.mark.parametrize("persona", PERSONAS)
async def test_a_job_that_truenas_cannot_stop_is_not_told_as_stopped(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        made.running.fault("slow-job", method="pool.scrub.scrub", seconds=600)
        number = await raw(made, "pool.scrub.scrub", "tank", "START")
        running = await made.call("truenas_wait_job", job=number, wait_s=0)
        assert "cannot be stopped safely" in str(running["notes"])
        await raw(made, "core.job_abort", number)  # somebody else, by the web interface
        told = await made.call("truenas_wait_job", job=number, wait_s=0)
        if persona == "26":
            assert told["state"] == "RUNNING"
        else:
            assert (told["state"], told["succeeded"]) == ("ABORTED", False)
            assert "may still go on" in str(told["notes"])


@REAL_TIME
async def test_a_job_that_takes_its_time_to_stop_is_waited_for_and_one_that_ended_first_is_told(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("slow-job", method="cloudsync.sync", seconds=600)
        number = await raw(made, "cloudsync.sync", 1)
        assert isinstance(number, int)
        assert "truenas_abort_job can stop it" in str(
            (await made.call("truenas_wait_job", job=number, wait_s=0))["notes"]
        )
        listed = await made.call("truenas_list_jobs", state="RUNNING")
        assert listed["items"][0]["abortable"] is True  # type: ignore[index,call-overload]
        box(made).timing.abort_s = 2.0
        done = await made.call("truenas_abort_job", job=number)
        assert (done["outcome"], done["verified"]) == ("applied", True)

        box(made).clear_faults()
        made.running.fault("slow-job", method="cloudsync.sync", seconds=5)
        other = await raw(made, "cloudsync.sync", 1)
        made.running.fault("slow-call", method="core.job_abort", count=1, delay_s=60)
        aborting = asyncio.ensure_future(made.call("truenas_abort_job", job=other))
        while not aborting.done():
            await asyncio.sleep(0.01)
            made.clock.advance(1)
        late = await aborting
        assert (late["outcome"], late["verified"]) == ("not_applied", True)
        assert "had ended before it could be stopped, as SUCCESS" in str(late["warnings"])


async def test_a_job_that_does_not_stop_at_once_is_told_as_not_stopped_yet(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("slow-job", method="cloudsync.sync", seconds=600)
        number = await raw(made, "cloudsync.sync", 1)
        box(made).timing.abort_s = 90.0
        done = await made.call("truenas_abort_job", job=number)
        assert (done["outcome"], done["verified"]) == ("applied", False)
        assert "has not stopped yet" in str(done["warnings"])


async def test_logs_and_addresses_are_cut_after_secrets_are_out_of_them(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        key = await key_of(made)
        number = await raw(made, "cloudsync.sync", 1)
        await ended(made, int(str(number)))
        job = jobs_of(made)[int(str(number))]
        for part in range(8, len(key), 7):
            job.logs[:] = [key + "x" * (2000 - part)]
            told = await made.call("truenas_wait_job", job=number)
            assert key[-part:] not in json.dumps(told), part
            made.running.fault("standby", url=f"https://{'a' * (200 - 8 - part)}{key}", count=1)
            await forgive(made)
            await (await client_of(made)).reconnect()
            error = await made.fails("truenas_list_pools")
            assert key[:part] not in str(error), part
            compose = {"services": {"web": {"image": "nginx", "ports": ["9" * (60 - part) + key]}}}
            checked = await made.call("truenas_check_compose", compose=compose)
            assert key[:part] not in json.dumps(checked), part


@pytest.mark.parametrize("persona", ["25.10", "26"])
async def test_a_call_that_was_only_added_to_a_job_with_other_arguments_is_not_told_as_carried_out(
    persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        made.running.fault("slow-job", method="cloudsync.sync", seconds=600)
        for _ in range(2):
            waits = await raw(made, "cloudsync.sync", 1)
        test = await made.call("truenas_run_cloud_sync", task="1", test_only=True)
        assert (test["outcome"], test.get("task"), test["verified"]) == ("not_applied", None, False)
        assert f"added this call to job {waits}" in str(test["warnings"])
        assert f"job={waits}" in str(test["next_step"])
        same = await made.call("truenas_run_cloud_sync", task="1")
        assert (same["outcome"], same["task"]) == ("started", str(waits))

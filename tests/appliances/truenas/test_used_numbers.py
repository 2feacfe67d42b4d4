"""Numbers of jobs that stand for another job since the middleware restarted (contract 7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.appliances.truenas.harness import box, nas, raw

every_release = pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])


@every_release
async def test_a_strangers_job_with_the_number_of_ours_is_never_told_as_ours(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        made.running.fault("job-stuck", method="replication.run")
        started = await made.call("truenas_run_replication", task="1")
        number = int(str(started["task"]))
        assert (await made.call("truenas_wait_job", job=number, wait_s=0))["state"] == "RUNNING"
        box(made).clear_faults()
        made.running.fault("restart", down_s=0.0)
        assert (await made.call("truenas_list_jobs"))["total"] == 0
        for _ in range(number):
            assert int(str(await raw(made, "replication.run", 1))) <= number
        made.clock.advance(60)
        for _ in range(2):
            assert (await made.fails("truenas_wait_job", job=number)).code == "not_found"


@every_release
async def test_a_job_that_waits_in_a_queue_is_the_same_when_it_runs(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        made.running.fault("slow-job", method="cloudsync.sync", seconds=30.0, count=2)
        first, second = [int(str(await raw(made, "cloudsync.sync", 1))) for _ in range(2)]
        assert (await made.call("truenas_wait_job", job=second, wait_s=0))["state"] == "WAITING"
        for number in (first, second):
            made.clock.advance(31)
            assert (await made.call("truenas_wait_job", job=number))["succeeded"] is True

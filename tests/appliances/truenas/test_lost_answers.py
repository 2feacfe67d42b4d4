"""Every write whose connection breaks before it is sent, after it was sent, and after it was executed: on every release
it is sent at most once, and told as what became of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.control.caller import Question, Reply
from holdfast.control.change import Earlier
from holdfast.errors import HoldfastError, NotFoundError
from holdfast.simulators.truenas.jobs import Job
from tests.appliances.truenas.case import PERSONAS, TRACELESS, Case
from tests.appliances.truenas.harness import (
    UNSUPPORTED,
    box,
    calls_of,
    client_of,
    forgive,
    nas,
    prepare,
    raw,
    socket_closed,
)
from tests.appliances.truenas.table import WRITES
from tests.support.rooms import Room

CASES = [
    pytest.param(case, persona, id=f"{case.tool}-{persona}")
    for case in WRITES
    for persona in PERSONAS
    if case.tool not in UNSUPPORTED[persona]
]
every_write = pytest.mark.parametrize(("case", "persona"), CASES)


async def outcome(made: Room, case: Case, arguments: dict[str, object]) -> object:
    return (await made.call(f"truenas_{case.tool}", **arguments))["outcome"]


@every_write
async def test_a_write_whose_connection_broke_before_it_was_sent_goes_out_once_on_a_new_one(
    case: Case, persona: str, tmp_path: Path
) -> None:
    method = case.method_on(persona)
    async with nas(tmp_path, persona, control='approve_write = "person"') as made:
        arguments = await prepare(made, case)
        before, asked = calls_of(made, method), []

        async def cut(question: Question) -> Reply:
            """The question stands between the plan and the write."""
            asked.append(question)
            made.running.fault("drop-sockets")
            await socket_closed(made)  # what is sent before may be lost on its way: that is the next test's subject
            return Reply.ACCEPTED

        made.ask = cut
        assert await outcome(made, case, arguments) == case.outcome
        assert len(asked) == 1
        assert calls_of(made, method) == before + 1


@every_write
async def test_a_write_that_never_arrived_is_never_called_done_and_one_whose_answer_is_lost_is_settled_by_reading_back(
    case: Case, persona: str, tmp_path: Path
) -> None:
    method = case.method_on(persona)
    async with nas(tmp_path, persona) as made:
        arguments = await prepare(made, case)
        before = calls_of(made, method)
        made.running.fault("cut-after-send", method=method, count=1)
        answer = await outcome(made, case, arguments)
        assert answer in ("not_applied", "unknown"), answer
        assert calls_of(made, method) == before + 1
        await forgive(made)
        made.running.fault("cut-after-commit", method=method, count=1)
        answer = await outcome(made, case, arguments)
        allowed = {"unknown"} if (case.tool, persona) in TRACELESS else set(case.lost.split("|"))
        assert answer in (allowed | {"started"} if "applied" in allowed else allowed), answer
        assert calls_of(made, method) == before + 2


async def recalled(made: Room, case: Case, arguments: dict[str, object], sent_at: float) -> str:
    """What a later process would believe, which knows nothing but the arguments and when they were sent."""
    try:
        change = await made.application.dispatcher.recompute(
            f"truenas_{case.tool}",
            "truenas.lab",
            arguments,  # type: ignore[arg-type]  # JSON
        )
        if change.nothing_to_do or not change.state_tells or change.recall is None:
            return "unknown"
        return (await change.recall(Earlier(sent_at))).effect
    except HoldfastError:
        return "unknown"


@every_write
async def test_a_later_process_denies_nothing_that_was_carried_out_and_claims_nothing_that_was_not(
    case: Case, persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        arguments = await prepare(made, case)
        made.clock.advance(300)
        assert await recalled(made, case, arguments, made.clock.now()) != "applied"
        sent_at = made.clock.now()
        done = await made.call(f"truenas_{case.tool}", **arguments)
        assert done["outcome"] == case.outcome
        await forgive(made)
        (await client_of(made)).known_jobs.clear()
        assert await recalled(made, case, arguments, sent_at) != "not_applied"


async def test_a_later_process_does_not_deny_a_network_card_because_it_is_there_before_it_looks(
    tmp_path: Path,
) -> None:
    case = Case("add_vm_device", {"guest": "win-lab", "nic": "eno2"})
    async with nas(tmp_path) as made:
        sent_at = made.clock.now()
        assert await outcome(made, case, dict(case.arguments)) == "applied"
        assert await recalled(made, case, dict(case.arguments), sent_at) == "unknown"


async def test_a_later_process_does_not_deny_what_truenas_has_made_with_other_values(tmp_path: Path) -> None:
    task: dict[str, object] = {"dataset": "tank/home", "schedule": "0 * * * *", "keep": 24}
    case = Case("create_snapshot_task", task)
    async with nas(tmp_path) as made:
        sent_at = made.clock.now()
        await outcome(made, case, task)
        other = {**task, "keep": 25}
        assert await recalled(made, case, other, sent_at) == "unknown"


@pytest.mark.parametrize("persona", PERSONAS)
async def test_an_equal_job_that_somebody_else_began_a_moment_before_is_not_told_as_ones_own(
    persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        await raw(made, "app.redeploy", "syncthing")
        made.clock.advance(20)
        made.running.fault("cut-after-send", method="app.redeploy", count=1)
        answer = await made.call("truenas_redeploy_app", app="syncthing")
        assert (answer["outcome"], answer.get("task")) == ("unknown", None), answer


async def test_on_25_04_a_job_is_found_again_although_ids_began_anew_before_it(tmp_path: Path) -> None:
    async with nas(tmp_path, "25.04", control='approve_write = "person"') as made:
        for _ in range(3):
            await raw(made, "app.redeploy", "syncthing")
        jobs = box(made).box.jobs
        submit = jobs.submit

        def anew(*given: object, **named: object) -> Job:
            jobs.submit = submit  # type: ignore[method-assign]
            jobs.forget()  # the middleware restarted after the last look, before the call
            return submit(*given, **named)  # type: ignore[arg-type]

        jobs.submit = anew  # type: ignore[method-assign]
        made.running.fault("cut-after-commit", method="app.redeploy", count=1)
        answer = await made.call("truenas_redeploy_app", app="syncthing")
        assert answer["outcome"] == "applied", answer


async def test_a_recorded_job_number_that_stands_for_another_job_after_a_restart_tells_nothing(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        ours = await raw(made, "app.redeploy", "syncthing")
        sent_at = made.clock.now()
        change = await made.application.dispatcher.recompute(
            "truenas_redeploy_app", "truenas.lab", {"app": "syncthing"}
        )
        assert change.recall is not None
        made.clock.advance(20)
        assert (await change.recall(Earlier(sent_at, str(ours)))).effect == "applied"
        for method, *params in (("app.stop", "syncthing"), ("app.redeploy", "gitea"), ("app.redeploy", "syncthing")):
            box(made).box.jobs.forget()
            (await client_of(made)).known_jobs.clear()
            made.clock.advance(20)
            number = await raw(made, method, *params)
            assert number == ours
            long_ago = made.clock.now() - (600 if params == ["syncthing"] else 0)
            with pytest.raises(NotFoundError, match="does not know"):
                await change.recall(Earlier(long_ago, str(ours)))

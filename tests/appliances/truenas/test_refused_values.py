"""Values that TrueNAS itself refuses (-32602, contract 4; as the end of a job, contract 7): told by attribute and
reason, sent once, no mark against the appliance.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdfast.control.secretkeys import names_secret
from holdfast.errors import Executed, HoldfastError
from tests.appliances.truenas.case import PERSONAS, TRACELESS, Case
from tests.appliances.truenas.harness import FREE, UNSUPPORTED, box, calls_of, client_of, nas, prepare
from tests.appliances.truenas.table import READS, WRITES
from tests.support.rooms import Room

ATTRIBUTE, REASON = "data.UNION.extent_size", "Input should be a valid extent"
FAULT = {"attribute": ATTRIBUTE, "reason": REASON}
TELLS_ITSELF = {"connection_test": "problem", "health": "parts"}
"""Reads that answer all the same, and where they say what they were refused."""

DISPENSABLE = {
    "boot.get_state",
    "disk.temperature_agg",
    "disk.temperatures",
    "iscsi.global.client_count",
    "nfs.client_count",
    "smart.test.results",
}
"""Without what these tell there is an answer all the same; it notes what is missing, and why."""
ASIDE = {"core.unsubscribe"}
"""Whatever becomes of it, what was read is whole."""

on_every_release = pytest.mark.parametrize("persona", PERSONAS)


async def marks(made: Room) -> int:
    """Failures that the breaker has counted."""
    breaker = (await client_of(made)).circuit_breaker
    assert breaker is not None
    return breaker.fail_counter


def check(error: HoldfastError) -> None:
    assert error.code == "validation", error
    assert error.executed is Executed.NO
    assert "extent_size" in error.message
    assert REASON in error.message
    assert error.next_step


@on_every_release
@pytest.mark.parametrize("case", READS, ids=lambda case: case.tool)
async def test_a_read_whose_values_are_refused_says_which_and_why(case: Case, persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        arguments = await prepare(made, case)
        await made.call(f"truenas_{case.tool}", **arguments)  # with what is asked once a connection
        before = len(made.arrivals)
        await made.call(f"truenas_{case.tool}", **arguments)
        asked = {one.method for one in made.arrivals[before:] if one.executed} - FREE
        assert asked
        for method in sorted(asked):
            box(made).clear_faults()
            made.running.fault("values-refused", method=method, count=1, **FAULT)
            before = calls_of(made, method)
            if method in DISPENSABLE | ASIDE:
                answer = await made.call(f"truenas_{case.tool}", **arguments)
                told = json.dumps(answer.get("notes"))
                assert method in ASIDE or ("extent_size" in told and REASON in told), answer
            elif case.tool in TELLS_ITSELF:
                answer = await made.call(f"truenas_{case.tool}", **arguments)
                assert REASON in json.dumps(answer[TELLS_ITSELF[case.tool]]), answer
            else:
                check(await made.fails(f"truenas_{case.tool}", **arguments))
            assert calls_of(made, method) == before + 1
            assert await marks(made) == 0


@on_every_release
@pytest.mark.parametrize("case", WRITES, ids=lambda case: case.tool)
async def test_a_write_whose_values_are_refused_says_which_and_why_and_is_sent_once(
    case: Case, persona: str, tmp_path: Path
) -> None:
    if case.tool in UNSUPPORTED[persona]:
        return
    async with nas(tmp_path, persona) as made:
        arguments = await prepare(made, case)
        method = case.method_on(persona)
        before = calls_of(made, method)
        made.running.fault("values-refused", method=method, count=1, **FAULT)
        if (case.tool, persona) in TRACELESS:
            untold = await made.call(f"truenas_{case.tool}", **arguments)
            assert (untold["outcome"], REASON in str(untold["warnings"])) == ("unknown", True)
        else:
            check(await made.fails(f"truenas_{case.tool}", **arguments))
        assert calls_of(made, method) == before + 1
        assert await marks(made) == 0
        fact = box(made).box.fact(method)
        assert fact is not None
        if fact.job is not None:
            made.running.fault("job-fails", method=method, validation=True, **FAULT)
            failed = await made.call(f"truenas_{case.tool}", **arguments)
            assert failed["outcome"] in ("not_applied", "unknown"), failed  # unknown where the state does not tell
            said = str(failed["warnings"])
            assert "extent_size" in said
            assert REASON in said
            assert "refused the values" in said
            assert calls_of(made, method) == before + 2
            assert await marks(made) == 0


SECRETS = [case for case in WRITES if any(names_secret(name) for name in case.arguments)]


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: case.tool)
async def test_a_refusal_that_repeats_a_secret_of_the_call_does_not_show_it(case: Case, tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        arguments = await prepare(made, case)
        secrets = [str(value) for name, value in arguments.items() if names_secret(name)]
        echo = f"{' and '.join(secrets)} will not do"
        made.running.fault("values-refused", method=case.method, count=1, attribute="data.x", reason=echo)
        error = await made.fails(f"truenas_{case.tool}", **arguments)
        assert "will not do" in error.message
        assert all(secret not in str(error) for secret in secrets)
        fact = box(made).box.fact(case.method)
        if fact is not None and fact.job is not None:
            made.running.fault("job-fails", method=case.method, validation=True, attribute="data.x", reason=echo)
            failed = json.dumps(await made.call(f"truenas_{case.tool}", **arguments))
            assert "will not do" in failed
            listed = json.dumps(await made.call("truenas_list_jobs"))
            assert "will not do" in listed
            assert all(secret not in failed + listed for secret in secrets)
        ledger = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
        assert all(secret.encode() not in ledger for secret in secrets)


@on_every_release
async def test_a_commit_that_is_refused_is_rolled_back_and_told(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        reason = "Failover must be disabled."
        made.running.fault("values-refused", method="interface.commit", attribute="interface.commit", reason=reason)
        error = await made.fails(
            "truenas_update_interface", interface="eno1", addresses=["10.20.0.15/24"], rollback_s=60
        )
        assert (error.code, error.executed) == ("validation", Executed.NO)
        assert reason in error.message
        assert calls_of(made, "interface.rollback") == 1
        assert (await made.call("truenas_network_changes"))["pending"] is False

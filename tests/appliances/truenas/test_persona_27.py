"""Every tool on 27, the newest release there is: what has no model there is answered as unsupported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.appliances.truenas.case import Case
from tests.appliances.truenas.harness import box, nas, prepare
from tests.appliances.truenas.table import ALL, WRITES
from tests.support.matrix import in_part


@pytest.mark.parametrize("case", in_part(ALL), ids=lambda case: case.tool)
async def test_it_works_on_27(case: Case, tmp_path: Path) -> None:
    async with nas(tmp_path, "27") as made:
        unknown: list[str] = []

        def heard(method: str, frame: dict[str, object]) -> None:
            error = frame.get("error")
            if isinstance(error, dict) and error.get("code") == -32601:
                unknown.append(method)

        box(made).box.on_answer = heard
        arguments = await prepare(made, case)
        answer = await made.call(f"truenas_{case.tool}", **arguments)
        if case in WRITES:
            assert answer["outcome"] == case.outcome, answer
        assert unknown == []


async def test_27_is_logged_into_by_scram_and_never_gets_the_key(tmp_path: Path) -> None:
    async with nas(tmp_path, "27") as made:
        test = await made.call("truenas_connection_test")
        assert (test["login"], test["release"]) == (True, "27.0.0-MASTER")
        secret = made.running.credentials["api_key"].partition("-")[2]
        assert all(secret.encode() not in arrival.body for arrival in made.arrivals)

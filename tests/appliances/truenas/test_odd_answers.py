"""Whatever the appliance answers, a tool tells it, or says by a typed error that it is not understood: no odd value at
any place of an answer, of an error or of a login comes out as a failure of Holdfast itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from holdfast.transport.values import JsonValue
from tests.appliances.truenas.case import PERSONAS, Case
from tests.appliances.truenas.harness import UNSUPPORTED, forgive, nas, prepare, socket_closed
from tests.appliances.truenas.odd_answers import Odd
from tests.appliances.truenas.table import ALL, WRITES
from tests.support.oddanswers import GONE, ODD, Trial, some, trials

_ASKED: Final = os.environ.get("HOLDFAST_ODD_TRIALS")
"""How many odd answers each tool gets, where somebody wants more of them than there is time for always."""
TRIALS: Final = {persona: int(_ASKED) if _ASKED else few for persona, few in zip(PERSONAS, (2, 8, 2), strict=True)}
AFTER_WRITES: Final = int(_ASKED) if _ASKED else 1
ERRORS: Final = int(_ASKED) if _ASKED else 8
LOGINS: Final = int(_ASKED) if _ASKED else 4

on_every_release = pytest.mark.parametrize("persona", PERSONAS)
every_tool = pytest.mark.parametrize("case", ALL, ids=lambda case: case.tool)


def folder(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made


@on_every_release
@every_tool
async def test_odd_answers_to_a_read_or_a_plan_end_in_an_answer_or_a_typed_error(
    case: Case, persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        arguments = await prepare(made, case)
        odd = Odd(made)
        found = trials(await odd.answers(case, arguments))
        assert found
        for trial in some(found, TRIALS[persona], seed=f"{persona} {case.tool}"):
            await odd.ends(case, arguments, trial)


_IN_TURN = [
    (case, PERSONAS[number % 3])
    for number, case in enumerate(WRITES)
    if case.tool not in UNSUPPORTED[PERSONAS[number % 3]]
]


@pytest.mark.parametrize(("case", "persona"), _IN_TURN, ids=[f"{case.tool}-{persona}" for case, persona in _IN_TURN])
async def test_odd_answers_once_a_write_was_sent_end_in_an_outcome_or_a_typed_error(
    case: Case, persona: str, tmp_path: Path
) -> None:
    method = case.method_on(persona)
    async with nas(folder(tmp_path, "first"), persona) as made:
        found = trials(await Odd(made).answers(case, await prepare(made, case), write=method))
    for number, trial in enumerate(some(found, AFTER_WRITES, seed=f"{persona} {case.tool}")):
        async with nas(folder(tmp_path, str(number)), persona) as made:
            await Odd(made).ends(case, await prepare(made, case), trial, write=method)


@pytest.mark.parametrize(
    ("tool", "trial"),
    [
        ("list_protection_tasks", Trial("pool.snapshottask.query", (0, "lifetime_unit"), GONE)),
        ("list_scrub_tasks", Trial("pool.scrub.query", (0,), {})),
        ("create_group", Trial("group.query", (0, "id"), [])),
        ("create_interface", Trial("interface.query", (0, "id"), {})),
        ("update_privilege", Trial("group.query", (0, "id"), {})),
        ("create_privilege", Trial("group.query", (0, "id"), {})),
        ("disk_health", Trial("alert.list", (0, "level"), {})),
        ("disk_health", Trial("disk.temperatures", ("sdf",), [])),
        ("list_container_images", Trial("virt.instance.image_choices", ("debian/bookworm", "label"), {"odd": 1})),
        ("delete_snapshot", Trial("pool.snapshot.query", (0, "holds"), "9" * 5000)),
        ("rollback_snapshot", Trial("pool.snapshot.query", (0, "createtxg"), "9" * 5000)),
    ],
    ids=str,
)
async def test_what_once_was_a_failure_of_holdfast_is_told(tool: str, trial: Trial, tmp_path: Path) -> None:
    case = next(case for case in ALL if case.tool == tool)
    async with nas(tmp_path) as made:
        arguments = await prepare(made, case)
        odd = Odd(made)
        await odd.ends(case, arguments, trial)
        if case.method:
            await odd.ends(case, arguments, trial, write=case.method)


async def test_an_answer_that_is_no_list_is_told_as_such_and_the_next_call_works(tmp_path: Path) -> None:
    pools = Case("list_pools")
    async with nas(tmp_path) as made:
        odd = Odd(made)
        assert await odd.ends(pools, {}, Trial("pool.query", (), "odd")) == "protocol"
        assert await odd.ends(pools, {}, Trial("pool.query", (0, "name"), "odd")) == "answered"
        assert await odd.ends(pools, {}, None) == "answered"


@on_every_release
@pytest.mark.parametrize("refused", [True, False], ids=["values", "call"])
async def test_odd_errors_are_told_as_errors(persona: str, refused: bool, tmp_path: Path) -> None:
    case = Case("update_dataset", {"dataset": "tank/home", "comments": "x"}, "pool.dataset.update")
    async with nas(tmp_path, persona) as made:

        def fail() -> None:
            made.running.fault("call-fails", method=case.method, errno=13, reason="No.", validation=refused)

        odd = Odd(made, "error")
        fail()
        heard = await odd.answers(Case(case.tool), case.arguments, write=case.method)
        found = [trial for trial in trials({case.method: heard[case.method]}) if trial.place]
        for trial in some(found, ERRORS, seed=persona):
            fail()
            how = await odd.ends(Case(case.tool), case.arguments, trial, write=case.method)
            assert how not in ("applied", "answered"), trial


@on_every_release
async def test_odd_answers_to_a_login_are_told_as_typed_errors(persona: str, tmp_path: Path) -> None:
    connect = Case("list_pools")
    async with nas(folder(tmp_path, "first"), persona) as made:
        odd = Odd(made)
        made.running.fault("drop-sockets")
        await socket_closed(made)
        heard = await odd.answers(connect, {})
    logins = {method: answer for method, answer in heard.items() if method.startswith(("auth.", "system."))}
    assert "auth.login_ex" in logins
    for number, trial in enumerate(some(trials(logins), LOGINS, seed=persona)):
        async with nas(folder(tmp_path, str(number)), persona) as made:
            odd = Odd(made)
            made.running.fault("drop-sockets")
            await socket_closed(made)
            await forgive(made)
            how = await odd.ends(connect, {}, trial)
            assert how in ("answered", "protocol", "authentication", "unavailable", "permission_denied"), trial


def test_every_odd_value_is_tried_at_every_place_when_there_is_time() -> None:
    answers: dict[str, JsonValue] = {"a.query": [{"id": 1, "deep": {"x": None}}], "b.config": {}}
    found = trials(answers)
    assert len(found) == 6 * len(ODD)
    assert len(some(found, 10**6, seed="any")) == len(found)
    few = some(found, 6, seed="any")
    assert few == some(found, 6, seed="any")
    assert len({(trial.method, trial.place) for trial in few}) == 6

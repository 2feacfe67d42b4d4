"""Parts of the room by themselves."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from holdfast.appliances.pfsense import patience
from holdfast.appliances.pfsense.arguments import Ctx
from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.facts import models
from holdfast.appliances.pfsense.kinds import BY_NAME, PACKAGE, READ_ONLY
from holdfast.appliances.pfsense.objects import content, find, marked, same
from holdfast.appliances.pfsense.singles import SINGLES
from holdfast.control.context import Context
from holdfast.errors import ConflictError, NotFoundError
from tests.appliances.pfsense.model_facts import DATA, compact_models, render
from tests.support.realtime import REAL_TIME


def test_the_facts_of_the_room_say_exactly_what_the_vendors_tables_say() -> None:
    assert DATA.read_text(encoding="utf-8") == render(compact_models()), "run tests/appliances/pfsense/model_facts.py"


def test_every_kind_and_setting_names_a_model_and_fields_that_exist() -> None:
    for kind in (*BY_NAME.values(), *READ_ONLY.values(), PACKAGE):
        for name in (*kind.key, *kind.arguments, *kind.plain):
            assert name == "id" or name in kind.model.fields, (kind.name, name)
    for single in SINGLES:
        assert single.model_name in models()


async def test_a_deletion_without_an_id_cannot_be_sent() -> None:
    async with HTTPPfSenseClient({"host": "127.0.0.1", "api_key": "k"}) as client:
        with pytest.raises(ValueError, match="names its object"):
            await client.write("DELETE", models()["FirewallRule"], {})


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("", None, True),
        ([], None, True),
        (False, None, True),
        ("AA:BB", "aa:bb", True),
        (["a"], ["A"], True),
        (["a", "b"], ["b", "a"], False),
        ({"id": 1, "a": ""}, {"id": 2}, True),
        (0, None, False),
        ("443", 443, False),
    ],
)
def test_values_are_compared_as_pfsense_means_them(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal


def test_content_leaves_out_position_authorship_and_what_is_not_set() -> None:
    row = {"id": 3, "name": "a", "type": "host", "address": ["1.2.3.4"], "detail": [], "descr": ""}
    assert content(BY_NAME["alias"].model, cast("Any", row)) == {"name": "a", "type": "host", "address": ["1.2.3.4"]}


def test_of_equal_rules_the_last_is_found_for_deletion_and_none_for_a_change() -> None:
    kind = BY_NAME["rule"]
    rule: dict[str, Any] = {"tracker": 5, "type": "pass", "source": "any", "destination": "any"}
    rows = [{**rule, "id": 0}, {**rule, "id": 1}]
    assert find(kind, rows, "5", last_of_equals=True)["id"] == 1
    with pytest.raises(ConflictError, match="2 objects"):
        find(kind, rows, "5")
    with pytest.raises(NotFoundError):
        find(kind, rows, "6")
    other = {**rule, "id": 2, "source": "lan"}
    assert find(kind, [*rows, other], marked(kind, other))["id"] == 2


@REAL_TIME
async def test_a_write_that_takes_long_reports_and_ends_with_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "REPORT_EVERY_S", 0.01)
    told: list[str] = []
    ended: list[bool] = []

    async def progress(done: float, total: float | None, message: str) -> None:
        told.append(message)

    async def work() -> str:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            ended.append(True)
            raise
        return "done"

    ctx = cast("Ctx", Context(cast("Any", None), cast("Any", None), cast("Any", None), progress=progress))
    assert await patience.patiently(ctx, work(), "writing") == "done"
    assert told
    assert "hold its lock" in told[0]
    waiting = asyncio.create_task(patience.patiently(ctx, work(), "writing"))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == [True]

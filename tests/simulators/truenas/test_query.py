"""The query language, evaluated for real (contract section 8)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast.simulators.truenas.errors import MatchNotFoundError, ValidationFailedError
from holdfast.simulators.truenas.query import mentioned_fields, run_query
from tests.simulators.truenas.peer import standing

ROWS: list[dict[str, Any]] = [
    {"id": 1, "name": "Alpha", "size": 10, "tags": ["a", "b"], "nested": {"x": 1}, "a.b": 1, "when": None},
    {"id": 2, "name": "beta", "size": 30, "tags": ["b"], "nested": {"x": 2}, "when": datetime(2026, 1, 2, tzinfo=UTC)},
    {"id": 3, "name": "Gamma", "size": 20, "tags": [], "nested": {"x": 2}, "when": datetime(2026, 3, 4, tzinfo=UTC)},
]


def ids(filters: list[Any], **options: Any) -> list[int]:
    """Ids of the rows that match."""
    return [row["id"] for row in run_query(ROWS, filters, options)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([["id", "=", 2]], [2]),
        ([["id", "!=", 2]], [1, 3]),
        ([["size", ">", 10]], [2, 3]),
        ([["size", ">=", 20]], [2, 3]),
        ([["size", "<", 20]], [1]),
        ([["size", "<=", 20]], [1, 3]),
        ([["name", "~", "Al.*"]], [1]),
        ([["name", "~", "lpha"]], []),
        ([["id", "in", [1, 3]]], [1, 3]),
        ([["id", "nin", [1, 3]]], [2]),
        ([["tags", "rin", "a"]], [1]),
        ([["tags", "rnin", "a"]], [2, 3]),
        ([["name", "rin", "amm"]], [3]),
        ([["name", "^", "Al"]], [1]),
        ([["name", "!^", "Al"]], [2, 3]),
        ([["name", "$", "a"]], [1, 2, 3]),
        ([["name", "!$", "ta"]], [1, 3]),
        ([["name", "C=", "ALPHA"]], [1]),
        ([["name", "C^", "BE"]], [2]),
        ([["name", "C$", "MMA"]], [3]),
        ([["name", "Cin", ["BETA"]]], [2]),
        ([["nested.x", "=", 2]], [2, 3]),
        ([["tags.0", "=", "b"]], [2]),
        ([["tags.*", "=", "b"]], [1, 2]),
        ([["a\\.b", "=", 1]], [1]),
        ([["gone", "=", None]], []),
        ([["gone", "!=", 5]], []),
        ([["size", ">", "text"]], []),
        ([["when.$date", ">", "2026-02-01T00:00:00"]], [3]),
        ([["when", "=", None]], [1]),
        ([["OR", [["id", "=", 1], ["id", "=", 3]]]], [1, 3]),
        ([["OR", [[["id", "=", 1], ["size", "=", 99]], ["id", "=", 2]]]], [2]),
        ([["id", ">", 1], ["size", "<", 30]], [3]),
        ([], [1, 2, 3]),
    ],
)
def test_filters_select(filters: list[Any], expected: list[int]) -> None:
    assert ids(filters) == expected


@pytest.mark.parametrize(
    "filters",
    [
        [["id", "==", 1]],
        [["name", "C~", "x"]],
        [["id", "="]],
        ["id"],
        [["AND", []]],
        [["OR", [["OR", [["OR", [["OR", [["id", "=", 1]]]]]]]]]],
    ],
)
def test_malformed_or_deep_filters_are_refused(filters: list[Any]) -> None:
    with pytest.raises(ValidationFailedError):
        run_query(ROWS, filters, {})


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (["size"], [1, 3, 2]),
        (["-size"], [2, 3, 1]),
        (["nested.x", "-size"], [1, 2, 3]),
        (["when"], [1, 2, 3]),
        (["nulls_last:when"], [2, 3, 1]),
        (["nulls_last:-when"], [3, 2, 1]),
        (["nulls_first:-when"], [1, 3, 2]),
        (["name"], [1, 3, 2]),
    ],
)
def test_rows_are_ordered(order_by: list[str], expected: list[int]) -> None:
    assert ids([], order_by=order_by) == expected


def test_offset_limit_count_get_and_select_shape_the_answer() -> None:
    assert ids([], offset=1, limit=1) == [2]
    assert ids([], limit=0) == [1, 2, 3]
    assert run_query(ROWS, [["size", ">", 10]], {"count": True}) == 2
    assert run_query(ROWS, [["id", "=", 3]], {"get": True})["name"] == "Gamma"
    assert run_query(ROWS, [], {"select": ["id", ["name", "label"], "nested.x"], "limit": 1}) == [
        {"id": 1, "label": "Alpha", "nested": {"x": 1}}
    ]
    assert run_query(ROWS, [["id", "=", 1]], {"select": ["tags.*", "gone"]}) == [{"tags": {"*": ["a", "b"]}}]
    with pytest.raises(MatchNotFoundError):
        run_query(ROWS, [["id", "=", 9]], {"get": True})


@pytest.mark.parametrize("options", [{"limit": 10_001}, {"get": True, "offset": 1}, {"get": True, "limit": 2}])
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailedError):
        run_query(ROWS, [], options)


def test_the_fields_that_a_query_needs_are_known() -> None:
    filters = [["dataset", "=", "x"], ["OR", [["name", "^", "a"], [["properties.used.parsed", ">", 1]]]]]
    assert mentioned_fields(filters, {"select": ["id"], "order_by": ["-createtxg"]}) == {
        "dataset",
        "name",
        "properties",
        "id",
        "createtxg",
    }
    assert "*" in mentioned_fields([], {})
    assert "*" not in mentioned_fields([], {"count": True})


async def test_queries_over_the_wire_filter_page_and_count() -> None:
    async with standing() as stand:
        peer = await stand.login()
        assert await peer.call("user.query", [["builtin", "=", False]], {"count": True}) == 4
        rows = await peer.call(
            "user.query", [["local", "=", True]], {"select": ["username"], "order_by": ["-uid"], "limit": 2}
        )
        assert rows == [{"username": "nobody"}, {"username": "bob"}]
        assert (await peer.call("user.query", [["uid", "=", 0]], {"get": True}))["username"] == "root"
        assert (await peer.refused("user.query", [], {"limit": 10_001})).code == -32602
        assert (await peer.refused("user.query", [["uid", "near", 3]])).code == -32602
        assert await peer.call("user.query", [["usrname", "=", "root"]]) == []


async def test_pool_names_come_only_with_extra_pools() -> None:
    async with standing() as stand:
        peer = await stand.login()
        only = [["name", "=", "sda"]]
        assert (await peer.call("disk.query", only, {"get": True}))["pool"] is None
        assert (await peer.call("disk.query", only, {"get": True, "extra": {"pools": True}}))["pool"] == "tank"


async def test_apps_are_silently_none_while_docker_is_down() -> None:
    async with standing() as stand:
        peer = await stand.login()
        assert len(await peer.call("app.query")) == 3
        stand.simulator.set_fault("docker-down", status="FAILED")
        assert await peer.call("app.query") == []
        assert (await peer.call("docker.status"))["status"] == "FAILED"
        assert (await peer.refused("app.get_instance", "jellyfin")).data["extra"][0][2] == 2
        stand.simulator.clear_faults()
        assert len(await peer.call("app.query")) == 3

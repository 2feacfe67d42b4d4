"""Arguments are refused as the vendor's models refuse them (contract sections 3 and 4)."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.simulators.truenas.facts import vendor_facts
from holdfast.simulators.truenas.schema import Checker, example, prune
from tests.simulators.truenas.peer import standing

DATASET: dict[str, Any] = {"name": "tank/new"}


@pytest.mark.parametrize(
    ("method", "params", "path", "text"),
    [
        ("pool.dataset.update", ["tank/home", {"colour": "red"}], "data.colour", "Extra inputs are not permitted"),
        ("pool.get_instance", ["1"], "id", "Input should be a valid integer"),
        ("pool.get_instance", [True], "id", "Input should be a valid integer"),
        ("pool.get_instance", [], "id", "Field required"),
        ("service.control", ["JUMP", "cifs"], "verb", "Input should be 'START', 'STOP', 'RESTART' or 'RELOAD'"),
        ("service.control", ["START", 5], "service", "Input should be a valid string"),
        ("service.control", ["START", "cifs", {"silent": 1}], "options.silent", "Input should be a valid boolean"),
        ("system.reboot", [""], "reason", "String should have at least 1 character"),
        ("vm.create", [{"name": "a", "memory": 1}], "vm_create.memory", "Input should be greater than or equal to 20"),
        (
            "vm.create",
            [{"name": "a", "memory": 64, "shutdown_timeout": 301}],
            "vm_create.shutdown_timeout",
            "Input should be less than or equal to 300",
        ),
        (
            "pool.create",
            [{"name": "p", "topology": {"data": []}}],
            "data.topology.data",
            "List should have at least 1 item",
        ),
        ("group.create", [{"name": "g", "users": "x"}], "group_create.users", "Input should be a valid list"),
        ("alertclasses.update", ["x"], "alert_class_update", "Input should be a valid dictionary"),
        (
            "auth.login_ex",
            [{"mechanism": "CARRIER_PIGEON"}],
            "login_data",
            "Input tag 'CARRIER_PIGEON' found using 'mechanism' does not match any of the expected tags",
        ),
        ("auth.login_ex", [{}], "login_data", "Unable to extract tag using discriminator 'mechanism'"),
        (
            "auth.login_ex",
            [{"mechanism": "API_KEY_PLAIN", "username": "mcp"}],
            "login_data.API_KEY_PLAIN.api_key",
            "Field required",
        ),
        (
            "user.create",
            [{"username": "x", "full_name": "X", "email": "nobody"}],
            "user_create.email",
            "value is not a valid email address",
        ),
        ("interface.checkin", [1], "", "Too many arguments (expected 0, found 1)"),
    ],
)
async def test_a_refusal_names_path_and_reason(method: str, params: list[Any], path: str, text: str) -> None:
    async with standing() as stand:
        peer = await stand.login()
        error = await peer.refused(method, *params)
        assert (error.code, error.errno) == (-32602, 22)
        found = [(entry[0], entry[1]) for entry in error.data["extra"]]
        assert any(where == path and what.startswith(text) for where, what in found), found
        assert all(entry[2] == 22 for entry in error.data["extra"])


async def test_every_problem_is_reported_at_once() -> None:
    async with standing() as stand:
        peer = await stand.login()
        error = await peer.refused("sharing.nfs.create", {"ro": "yes", "unknown": 1})
        assert {entry[0] for entry in error.data["extra"]} == {"data.path", "data.ro", "data.unknown"}


@pytest.mark.parametrize(
    ("persona", "filesystem", "volume"),
    [("25.10", "PoolDatasetCreateFilesystem", "PoolDatasetCreateVolume"), ("26", "FILESYSTEM", "VOLUME")],
)
async def test_a_union_reports_the_branch_that_its_fixed_member_names(
    persona: str, filesystem: str, volume: str
) -> None:
    async with standing(persona) as stand:
        peer = await stand.login()
        error = await peer.refused("pool.dataset.create", {**DATASET, "quota": "lots"})
        assert error.data["extra"] == [
            [f"data.{filesystem}.quota.constrained-int", "Input should be a valid integer", 22],
            [f"data.{filesystem}.quota", "Input should be 0 or None", 22],
        ]
        error = await peer.refused("pool.dataset.create", {**DATASET, "type": "VOLUME"})
        assert [entry[0] for entry in error.data["extra"]] == [f"data.{volume}.volsize"]


async def test_a_quota_below_one_gib_is_refused_but_zero_is_not() -> None:
    async with standing() as stand:
        peer = await stand.login()
        assert (await peer.refused("pool.dataset.create", {**DATASET, "quota": 1024})).code == -32602
        assert (await peer.call("pool.dataset.create", {**DATASET, "quota": 0}))["quota"]["parsed"] is None


async def test_missing_trailing_arguments_take_defaults() -> None:
    async with standing() as stand:
        peer = await stand.login()
        assert await peer.call("group.query") == await peer.call("group.query", [], {})


@pytest.mark.parametrize(
    ("schema", "value", "problems"),
    [
        ({"type": "number"}, 1.5, 0),
        ({"type": "number"}, "1.5", 1),
        ({"type": "integer", "exclusiveMinimum": 0}, 0, 1),
        ({"type": "integer", "exclusiveMaximum": 10}, 10, 1),
        ({"type": "string", "pattern": "^a"}, "b", 1),
        ({"type": "string", "maxLength": 2}, "abc", 1),
        ({"type": "string", "format": "uri"}, "https://a", 0),
        ({"type": "string", "format": "uri"}, "nowhere", 1),
        ({"type": "array", "items": [{"type": "integer"}], "uniqueItems": True}, [1, 1], 1),
        ({"type": "array", "items": [{"type": "integer"}], "maxItems": 1}, [1, 2], 1),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": "x"}, 1),
        ({"type": "null"}, 0, 1),
        ({"enum": ["DIRECT", None]}, None, 0),
        ({"enum": [1, 2]}, True, 1),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, None, 0),
        ({"anyOf": [{"type": "integer"}, {"type": "string", "minLength": 3}]}, "ab", 2),
        ({}, object(), 0),
    ],
)
def test_each_schema_keyword_is_checked(schema: dict[str, Any], value: object, problems: int) -> None:
    checker = Checker(lambda part: part)
    checker.check(schema, value, "value")
    assert len(checker.problems) == problems


def test_the_smallest_example_of_every_answer_matches_its_schema() -> None:
    book = vendor_facts()
    for facts in book.releases.values():
        for fact in facts.values():
            checker = Checker(book.resolve)
            checker.check(fact.returns, example(fact.returns, book.resolve), fact.name)
            assert not [p for p in checker.problems if "at least" not in p[1] and "match" not in p[1]], fact.name


def test_keys_that_a_release_does_not_have_are_pruned() -> None:
    row = {"type": "object", "additionalProperties": False, "properties": {"id": {"type": "integer"}}}
    answer = {"anyOf": [{"type": "array", "items": [row]}, row, {"type": "integer"}]}

    def same(schema: dict[str, Any]) -> dict[str, Any]:
        return schema

    assert prune(answer, [{"id": 1, "later": 2}], same) == [{"id": 1}]
    assert prune(answer, {"id": 1, "later": 2}, same) == {"id": 1}
    assert prune(answer, 5, same) == 5

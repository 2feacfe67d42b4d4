"""Values that the iDRAC itself refuses: told with the property and its reason, not executed, sent once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.appliances.idrac.messages import messages_of
from holdfast.cutting import redacting
from holdfast.transport.values import JsonObject, JsonValue
from tests.appliances.idrac.cases import configuration
from tests.appliances.idrac.table import CASES, WRITES, Case, prepare
from tests.appliances.idrac.test_writes import lab_room, on_every_generation, sent
from tests.support.rooms import Room

BY_GENERATION = {
    "7": ("PropertyValueNotInList", "name"),
    "8": ("SYS426,PropertyValueNotInList", "empty"),
    "9-14g": ("SYS409", "name"),
    "9": ("PropertyValueNotInList,SYS426", "pointer"),
    "10": ("PropertyValueTypeError,SYS426", "none"),
}
"""Which messages of which registry, and how the property is named."""


def refuse(lab: Room, case: Case, messages: str, related: str) -> None:
    """Have every write of a case refused."""
    for method in ("POST", "PATCH", "DELETE"):
        lab.simulator.set_fault("value-refused", method=method, path=case.aim, messages=messages, related=related)


def failures(lab: Room) -> int:
    """What the circuit breakers have counted."""
    return sum(breaker.fail_counter for _, _, breaker in lab.application.connections.breakers())


@on_every_generation
async def test_a_refused_value_is_told_with_its_property_and_reason_and_is_not_executed(
    case: Case, persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        arguments = await prepare(lab, case)
        before, was = len(sent(lab)), configuration(lab)
        refuse(lab, case, *BY_GENERATION[persona])
        error = await lab.fails(case.tool, **arguments)
        assert error.code == "validation", error
        assert error.executed == "no"
        assert error.next_step
        name = str(error.details["properties"])
        assert f"refuses {name}: " in error.message
        assert name.rpartition("/")[2] in error.message.partition(": ")[2], "the iDRAC's own reason names it too"
        assert len(sent(lab)) - before == 1
        assert configuration(lab) == was
        assert failures(lab) == 0
        lab.simulator.clear_faults()
        assert (await lab.call(case.tool, **arguments))["outcome"] in ("applied", "started", "unknown")


@pytest.mark.parametrize(
    ("messages", "related", "told", "properties"),
    [
        ("PropertyMissing,SYS428", "pointer", "The required property BootSourceOverrideTarget is missing.", "Boot/"),
        ("ActionParameterValueFormatError", "none", "of a wrong format", ""),
        ("ActionParameterMissing", "name", "needs the parameter BootSourceOverrideTarget", ""),
        ("SYS425", "none", "The value of BootSourceOverrideTarget is not valid.", ""),
        ("SYS410,SYS427", "pointer", "depends on another attribute. The property", "Boot/"),
        ("PropertyNotWritable", "empty", "BootSourceOverrideTarget is read-only", ""),
    ],
)
async def test_each_registry_s_way_to_say_it_names_the_property_once(
    messages: str, related: str, told: str, properties: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path) as lab:
        lab.simulator.set_fault("value-refused", method="PATCH", messages=messages, related=related)
        error = await lab.fails("idrac_set_boot", source="Pxe")
        assert error.code == "validation"
        assert error.details["properties"] == f"{properties}BootSourceOverrideTarget"
        assert told in error.message
        assert error.message.count("The ") <= len(messages.split(",")), "what two registries say of one property is one"


async def test_a_reason_without_a_property_is_told_as_it_is(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        lab.simulator.set_fault("value-refused", method="PATCH", messages="RAC0622", related="none")
        error = await lab.fails("idrac_set_boot", source="Pxe")
        assert (error.code, error.executed, error.details["properties"]) == ("validation", "no", None)
        assert error.message == "iDRAC: The certificate file is not valid."


@pytest.mark.parametrize("fault", ["error-object", "error-without-info"])
async def test_an_error_of_another_shape_still_says_what_it_can(fault: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        lab.simulator.set_fault("value-refused", method="PATCH", messages="SYS426,PropertyValueNotInList")
        lab.simulator.set_fault(fault, method="PATCH")
        if fault == "error-object":
            error = await lab.fails("idrac_set_boot", source="Pxe")
            assert (error.code, error.executed) == ("validation", "no")
            assert "BootSourceOverrideTarget" in error.message
            return
        # Without a message nothing proves that it was not executed (contract 11): the state is read back.
        answer = await lab.call("idrac_set_boot", source="Pxe")
        assert answer["outcome"] == "not_applied"
        assert "validation" in str(answer["warnings"])
        assert len(sent(lab)) == 1


@pytest.mark.parametrize("status", [400, 500, 502, 503, 504])
async def test_an_answer_that_proves_nothing_is_settled_by_reading(status: int, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        await lab.call("idrac_list_jobs")
        lab.simulator.set_fault("html-error", method="PATCH", status=status)
        answer = await lab.call("idrac_set_led", identify=True)
        assert answer["outcome"] == "not_applied"
        assert len(sent(lab)) == 1


@pytest.mark.parametrize("persona", ["8", "9", "10"])
async def test_a_password_that_is_refused_is_not_repeated_and_leaves_no_file(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        (tmp_path / "secrets_dir" / "given").write_text("Hush-hush-1234\n")
        lab.simulator.set_fault(
            "value-refused", path="Accounts", property="Password", messages="PropertyValueFormatError,SYS426"
        )
        lab.simulator.set_fault("value-refused", path="Accounts", messages="PropertyValueTypeError")
        bodies: list[str] = []
        for arguments in ({"password_file": "given"}, {}):
            error = await lab.fails("idrac_create_account", user="watcher", **arguments)
            assert error.code == "validation", error
            bodies.append(f"{error.message} {error.next_step} {error.details}")
        assert "Hush-hush-1234" in str([one.body for one in lab.writes()])
        assert all("Hush-hush" not in one for one in bodies)
        assert [one.name for one in (tmp_path / "secrets_dir").iterdir()] == ["given"]


async def test_refused_values_open_no_circuit_however_many_there_are(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        lab.simulator.set_fault("value-refused", method="PATCH")
        for _ in range(12):
            assert (await lab.fails("idrac_set_led", identify=True)).code == "validation"
        assert failures(lab) == 0
        lab.simulator.clear_faults()
        assert (await lab.call("idrac_set_led", identify=True))["outcome"] == "applied"


@pytest.mark.parametrize("related", [["#/Users/" + "x" * 110 + "s3cr3t-canary"], None])
def test_a_name_that_is_cut_keeps_no_first_part_of_a_secret(related: list[JsonValue] | None) -> None:
    entry: JsonObject = {"MessageId": "IDRAC.2.8.SYS409", "MessageArgs": ["y" * 113 + "s3cr3t-canary"]}
    if related is not None:
        entry["RelatedProperties"] = related
    with redacting(lambda text: text.replace("s3cr3t-canary", "***")):
        (message,) = messages_of({"error": {"@Message.ExtendedInfo": [entry]}})
    assert message.properties
    assert "s3c" not in message.properties[0]


READS = [case for case in CASES if case not in WRITES and not case.local]
every_read = pytest.mark.parametrize("case", READS, ids=lambda case: case.id)


@every_read
async def test_a_read_without_query_options_is_answered_or_says_which_one_is_missing(
    case: Case, tmp_path: Path
) -> None:
    async with lab_room(tmp_path) as lab:
        arguments = await prepare(lab, case)
        lab.simulator.set_fault("query-refused")
        assert await lab.call(case.tool, **arguments)
        assert failures(lab) == 0


async def test_a_page_that_cannot_be_asked_for_is_told_with_the_query_option(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        lab.simulator.set_fault("query-refused", path="Lclog")
        error = await lab.fails("idrac_list_logs", limit=200)
        assert error.code == "validation"
        assert error.details["properties"] == "$skip"
        assert "$skip" in error.message


@every_read
async def test_a_read_that_the_idrac_calls_invalid_says_so(case: Case, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        arguments = await prepare(lab, case)
        await lab.call("idrac_get_manager")
        lab.simulator.set_fault("internal-error", method="GET", status=400, message_id="SYS400")
        if case.tool.startswith("idrac_fleet_"):
            answer: dict[str, Any] = await lab.call(case.tool, **arguments)
            assert "validation: iDRAC: A precondition of the request is not met." in str(answer)
            return
        error = await lab.fails(case.tool, **arguments)
        assert error.code == "validation", error
        assert error.message == "iDRAC: A precondition of the request is not met."
        assert error.next_step == "The iDRAC says: Meet the precondition."
        assert failures(lab) == 0

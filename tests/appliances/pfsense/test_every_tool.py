"""What holds for every tool of the room, driven by one table of calls."""

from __future__ import annotations

import sys

import pytest

from holdfast.control.inventory import load_catalogue
from holdfast.control.spec import Risk
from holdfast.simulators.base import Arrival
from tests.appliances.pfsense.calls import READS, WRITES, Call
from tests.appliances.pfsense.conftest import Open, simulator
from tests.support.rooms import Room

every_read = pytest.mark.parametrize("call", READS, ids=lambda call: call.tool)
every_write = pytest.mark.parametrize("call", WRITES, ids=lambda call: call.tool)
every_call = pytest.mark.parametrize("call", [*READS, *WRITES], ids=lambda call: call.tool)
CONFIRMED = {entry.name for entry in load_catalogue(("pfsense",)).entries if entry.risk is Risk.DESTRUCTIVE}
ANSWERED_WITHOUT_A_CREDENTIAL = {"pfsense_test_connection"}


def really_written(arrivals: list[Arrival]) -> list[Arrival]:
    """Requests that were to change something: no reads, no dry runs, no pings."""
    return [a for a in arrivals if a.method != "GET" and b'"dry_run":true' not in a.body and "/ping" not in a.path]


def test_the_table_has_every_tool_of_the_room_once() -> None:
    catalogue = [entry.name for entry in load_catalogue(("pfsense",)).entries]
    assert sorted(call.tool for call in (*READS, *WRITES)) == sorted(catalogue)


@every_read
async def test_a_read_answers_with_a_bounded_number_of_requests_and_writes_nothing(fw: Room, call: Call) -> None:
    arguments = await call.made(fw)
    before = len(fw.arrivals)
    answer = await fw.call(call.tool, **arguments)
    sent = len(fw.arrivals) - before
    sys.stdout.write(f"{call.tool}: {sent} requests\n")
    assert answer
    assert 1 <= sent <= call.requests
    assert really_written(fw.arrivals) == []


UNSEEN = {"pfsense_apply_changes", "pfsense_restart_service"}
"""The state is the same before and after: pfSense flags no changed rules, and a service runs as it ran before."""


@every_write
async def test_a_write_is_sent_once_and_read_back(fw: Room, call: Call) -> None:
    arguments = await call.made(fw)
    if call.tool == "pfsense_start_service":
        await fw.call("pfsense_stop_service", service="ntpd")
        arguments = {"service": "ntpd"}
    before = len(fw.arrivals)
    answer = await fw.call(call.tool, **arguments)
    arrived = fw.arrivals[before:]
    sys.stdout.write(f"{call.tool}: {len(arrived)} requests\n")
    assert answer["outcome"] == "applied", answer
    assert answer["verified"] is (call.tool not in UNSEEN), answer
    assert ("Not verified" in str(answer.get("warnings"))) == (call.tool in UNSEEN)
    assert len(really_written(arrived)) == 1
    # What a person confirms is planned a second time right before it is made.
    assert len(arrived) <= (2 * call.requests - 3 if call.tool in CONFIRMED else call.requests)
    assert answer.get("undo") or answer.get("cannot_undo")


@every_call
async def test_a_refused_credential_is_sent_once_and_told(fw: Room, call: Call) -> None:
    arguments = await call.made(fw)
    fw.simulator.set_fault("key-rejected")
    before = len(fw.arrivals)
    if call.tool in ANSWERED_WITHOUT_A_CREDENTIAL:
        assert (await fw.call(call.tool, **arguments))["authenticated"] is False
    elif call.tool == "pfsense_describe_object":
        assert (await fw.fails(call.tool, **arguments)).code in ("authentication", "quarantined")
    else:
        assert (await fw.fails(call.tool, **arguments)).code in ("authentication", "quarantined")
    # What is under way together may arrive together; nothing follows.
    refused = [a for a in fw.arrivals[before:] if a.status == 401]
    assert 1 <= len(refused) <= 4
    before = len(fw.arrivals)
    if call.tool not in ANSWERED_WITHOUT_A_CREDENTIAL:
        assert (await fw.fails(call.tool, **arguments)).code == "quarantined"
        assert len(fw.arrivals) == before


@every_call
async def test_an_account_without_privileges_is_told_so(open_firewall: Open, call: Call) -> None:
    async with open_firewall(account="visitor") as fw:
        arguments = call.arguments | ({"ref": "1782224300"} if call.prepare else {})
        if call.tool in ("pfsense_describe_object", "pfsense_health", "pfsense_test_connection"):
            await fw.call(call.tool, **arguments)  # they have something to say all the same
        else:
            assert (await fw.fails(call.tool, **arguments)).code == "permission_denied"
        assert [a for a in really_written(fw.arrivals) if a.status == 200] == []


@every_write
async def test_a_write_that_meets_the_configuration_lock_is_not_repeated_and_ends_as_not_applied(
    fw: Room, call: Call
) -> None:
    arguments = await call.made(fw)
    fw.simulator.set_fault("config-locked", immediate=True)
    before = len(fw.arrivals)
    answer = await fw.call(call.tool, **arguments)
    written = really_written(fw.arrivals[before:])
    assert len(written) <= 1
    if written and written[0].status == 503:
        # Packages are installed before the lock is asked for.
        assert answer["outcome"] == ("applied" if "package" in call.tool else "not_applied")
        assert "config_locked" in str(answer["warnings"])


@every_write
async def test_a_write_whose_answer_is_lost_after_the_commit_is_sent_once_and_found_applied(
    fw: Room, call: Call
) -> None:
    arguments = await call.made(fw)
    if call.tool == "pfsense_start_service":
        await fw.call("pfsense_stop_service", service="ntpd")
        arguments = {"service": "ntpd"}
    before = len(fw.arrivals)
    fw.simulator.set_fault("after-commit", how="reset", times=1)
    answer = await fw.call(call.tool, **arguments)
    written = really_written(fw.arrivals[before:])
    if call.once_sent:
        assert len(written) == 1
    if call.settles or call.tool in ("pfsense_install_package", "pfsense_remove_package", "pfsense_start_service"):
        assert answer["outcome"] == "applied", answer
    else:
        assert answer["outcome"] in ("applied", "unknown"), answer


@every_write
async def test_a_write_that_dies_before_the_commit_is_sent_once_and_found_not_applied(fw: Room, call: Call) -> None:
    arguments = await call.made(fw)
    if call.tool == "pfsense_start_service":
        await fw.call("pfsense_stop_service", service="ntpd")
        arguments = {"service": "ntpd"}
    before = len(fw.arrivals)
    fw.simulator.set_fault("before-commit", how="reset", times=1)
    answer = await fw.call(call.tool, **arguments)
    written = really_written(fw.arrivals[before:])
    if call.once_sent:
        assert len(written) == 1
        wanted = ("not_applied",) if call.settles or call.tool == "pfsense_start_service" else ("unknown",)
        assert answer["outcome"] in wanted, answer
    else:
        assert len(written) == 2  # an apply is safe to repeat
        assert answer["outcome"] == "applied"


@every_write
async def test_a_dry_run_changes_nothing_and_its_plan_is_applied_once(fw: Room, call: Call) -> None:
    arguments = await call.made(fw)
    if call.tool == "pfsense_start_service":
        await fw.call("pfsense_stop_service", service="ntpd")
        arguments = {"service": "ntpd"}
    before = len(fw.arrivals)
    stored = simulator(fw).machine.store.current.nodes
    planned = await fw.call(call.tool, **arguments, dry_run=True)
    assert planned["outcome"] == "planned"
    assert really_written(fw.arrivals[before:]) == []
    assert simulator(fw).machine.store.current.nodes is stored
    applied = await fw.call(call.tool, **arguments, plan_id=planned["plan_id"])
    assert applied["outcome"] == "applied", applied
    again = await fw.fails(call.tool, **arguments, plan_id=planned["plan_id"])
    assert again.code in ("plan_refused", "not_found")


@every_call
async def test_what_the_appliance_answers_during_a_restart_of_php_ends_as_an_error_with_a_next_step(
    fw: Room, call: Call
) -> None:
    arguments = await call.made(fw)
    fw.simulator.set_fault("html-error", status=502)
    before = len(fw.arrivals)
    if call.tool == "pfsense_test_connection":
        assert (await fw.call(call.tool, **arguments))["reachable"] is False
    else:
        error = await fw.fails(call.tool, **arguments)
        assert error.code in ("unavailable", "circuit_open")
    assert really_written(fw.arrivals[before:]) == []

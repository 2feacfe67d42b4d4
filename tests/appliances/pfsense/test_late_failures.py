"""What fails after it was carried out, or goes on after its answer: never told as not executed, never as a success."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.errors import may_still_come
from holdfast.appliances.pfsense.facts import model_named
from holdfast.errors import (
    ApplianceFaultError,
    AttemptTimeoutError,
    DeadlineError,
    Executed,
    HoldfastError,
    LostReplyError,
)
from holdfast.simulators.base import Arrival
from holdfast.simulators.pfsense.jobs import CLEARS
from holdfast.transport import Request
from holdfast.transport.values import JsonValue
from tests.appliances.pfsense.calls import Call
from tests.appliances.pfsense.conftest import Open, simulator
from tests.appliances.pfsense.elsewhere import edit, stored, tracker_of
from tests.appliances.pfsense.test_every_tool import every_write, really_written
from tests.appliances.pfsense.test_traps import FENCING, RULE, AtTheLastMoment, at_the_last_moment
from tests.support.rooms import Room

__all__ = ["at_the_last_moment"]

ALIAS: dict[str, Any] = {"name": "printers", "type": "host", "entries": ["10.20.0.60"]}


def warned(answer: dict[str, Any]) -> str:
    return " ".join(str(text) for text in answer.get("warnings") or ())


async def client_of(fw: Room) -> HTTPPfSenseClient:
    connections = fw.application.connections
    client = await connections.client(connections.target("pfsense", None))
    assert isinstance(client, HTTPPfSenseClient)
    return client


def tokens(fw: Room) -> list[Arrival]:
    return [arrival for arrival in fw.arrivals if arrival.path.endswith("/auth/jwt")]


async def test_a_php_error_after_the_object_was_stored_is_read_back(fw: Room) -> None:
    fw.simulator.set_fault("after-commit", how="php", times=1)
    answer = await fw.call("pfsense_create_alias", **ALIAS)
    assert answer["outcome"] == "applied", answer
    assert "Stack trace" not in warned(answer)


async def test_errors_that_the_firewall_words_itself_do_not_open_its_circuit(fw: Room) -> None:
    client = await client_of(fw)
    fw.simulator.set_fault("after-commit", how="php")
    for number in range(7):
        body: dict[str, Any] = {"name": f"printers{number}", "type": "host", "address": []}
        with pytest.raises(ApplianceFaultError) as told:
            await client.write("POST", model_named("FirewallAlias"), body)
        assert told.value.executed is Executed.UNKNOWN
        assert told.value.next_step
    assert (await fw.call("pfsense_list_aliases", search="printers"))["total"] == 7


WRITES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("pfsense_create_rule", RULE),
    ("pfsense_create_alias", ALIAS),
    ("pfsense_update_rule", {"ref": FENCING, "changes": {"log": True}}),
    ("pfsense_move_rule", {"ref": FENCING, "position": "first"}),
    ("pfsense_delete_rule", {"ref": FENCING}),
    ("pfsense_update_settings", {"kind": "hostname", "changes": {"hostname": "other"}}),
    ("pfsense_stop_service", {"service": "ntpd"}),
)


@pytest.mark.parametrize(("tool", "arguments"), WRITES, ids=[tool for tool, _ in WRITES])
async def test_a_write_that_nginx_gave_up_waiting_for_may_still_come(
    fw: Room, tool: str, arguments: dict[str, Any]
) -> None:
    if arguments.get("ref") == FENCING:
        arguments = {**arguments, "ref": tracker_of(fw, FENCING)}
    fw.simulator.set_fault("before-commit", how="504", times=1)
    answer = await fw.call(tool, **arguments)
    assert answer["outcome"] == "unknown", answer
    assert "may still" in warned(answer)
    assert len(really_written(fw.arrivals)) == 1


@pytest.mark.parametrize(
    ("error", "comes"),
    [(AttemptTimeoutError("slow"), True), (DeadlineError("slow"), True), (LostReplyError("reset"), False)],
)
def test_after_a_time_out_php_may_be_at_work_still(error: HoldfastError, comes: bool) -> None:
    assert may_still_come(error) is comes


async def test_an_equal_object_that_somebody_else_made_is_not_told_as_ours(
    fw: Room, at_the_last_moment: AtTheLastMoment
) -> None:
    made = await fw.call("pfsense_create_rule", **RULE)
    twin = next(row for row in stored(fw, "filter/rule") if row["descr"] == RULE["description"])
    await fw.call("pfsense_delete_rule", ref=str(made["after"]["ref"]))  # type: ignore[index,call-overload]

    def meanwhile() -> None:
        edit(fw, "filter/rule", [*stored(fw, "filter/rule"), {**twin, "tracker": 1789999999}])

    at_the_last_moment(meanwhile)
    fw.simulator.set_fault("before-commit", how="reset", times=1)
    answer = await fw.call("pfsense_create_rule", **RULE)
    assert answer["outcome"] == "not_applied", answer
    assert "undo" not in answer, "it would delete the other's rule"


async def test_a_service_that_comes_up_slowly_is_waited_for(fw: Room) -> None:
    await fw.call("pfsense_stop_service", service="ntpd")
    fw.simulator.set_fault("service-slow", seconds=3)
    answer = await fw.call("pfsense_start_service", service="ntpd")
    assert answer["outcome"] == "applied", answer
    assert answer["after"] == {"running": True}


async def test_a_service_that_does_not_come_up_again_was_stopped_by_its_restart(fw: Room) -> None:
    fw.simulator.set_fault("service-slow", seconds=1_000_000)
    answer = await fw.call("pfsense_restart_service", service="unbound")
    assert answer["outcome"] == "unknown", answer
    assert answer["verified"] is False
    assert answer["after"] == {"running": False}
    assert "pfsense_start_service" in warned(answer)


async def test_a_service_that_never_starts_is_told_with_where_to_look(fw: Room) -> None:
    await fw.call("pfsense_stop_service", service="ntpd")
    fw.simulator.set_fault("service-slow", seconds=1_000_000)
    answer = await fw.call("pfsense_start_service", service="ntpd")
    assert answer["outcome"] == "not_applied"
    assert "pfsense_read_log" in warned(answer)


async def test_an_account_that_may_not_read_the_version_is_logged_in_all_the_same(open_firewall: Open) -> None:
    async with open_firewall(account="visitor") as fw:
        answer = await fw.call("pfsense_test_connection")
        assert answer["authenticated"] is True
        assert "privilege" in str(answer["problem"])


async def by_token(open_firewall: Open) -> str:
    async with open_firewall() as spare:
        password = simulator(spare).password("holdfast")
    return f'username = "holdfast"\npassword = "{password}"\nauth = "jwt"'


@pytest.mark.parametrize("skew_s", [-5000.0, 5000.0])
async def test_a_token_lives_as_long_as_it_says_whatever_the_two_clocks_say(open_firewall: Open, skew_s: float) -> None:
    async with open_firewall(settings=await by_token(open_firewall), ticking=False) as fw:
        client = await client_of(fw)
        client._session._now = lambda: fw.clock.now() + skew_s
        for _ in range(4):
            await fw.call("pfsense_list_aliases")
        assert len(tokens(fw)) == 1
        fw.clock.advance(3590)
        await fw.call("pfsense_list_aliases")
        assert len(tokens(fw)) == 2
        assert [arrival for arrival in fw.arrivals if arrival.status == 401] == []


async def test_a_token_that_is_refused_is_replaced_once_and_nothing_is_quarantined(open_firewall: Open) -> None:
    async with open_firewall(settings=await by_token(open_firewall), ticking=False) as fw:
        await fw.call("pfsense_list_aliases")
        simulator(fw).machine.auth._server_key = b"another key, as after a new installation"
        assert (await fw.call("pfsense_list_aliases"))["items"]
        assert [arrival.status for arrival in fw.arrivals].count(401) == 1
        assert len(tokens(fw)) == 2


async def test_tokens_that_are_given_and_refused_end_before_the_address_is_blocked(open_firewall: Open) -> None:
    async with open_firewall(settings=await by_token(open_firewall), ticking=False) as fw:
        fw.simulator.set_fault("key-rejected", path="/api/v2/system")
        error = await fw.fails("pfsense_list_aliases")
        assert error.code == "authentication"
        assert "refuses the token" in error.message
        assert "password is right" in str(error.next_step)
        assert error.executed is Executed.NO
        assert (await fw.fails("pfsense_list_aliases")).code == "quarantined"
        assert [arrival.status for arrival in fw.arrivals].count(401) == 2


async def test_a_login_that_fails_says_that_the_write_was_not_sent(open_firewall: Open) -> None:
    async with open_firewall(settings=await by_token(open_firewall), ticking=False) as fw:
        client = await client_of(fw)
        fw.simulator.set_fault("html-error", path="/auth/jwt", status=502)
        body: dict[str, Any] = {"name": "printers", "type": "host", "address": []}
        with pytest.raises(HoldfastError) as told:
            await client.write("POST", model_named("FirewallAlias"), body)
        assert told.value.executed is Executed.NO
        assert {arrival.path for arrival in fw.arrivals} == {"/api/v2/auth/jwt"}


async def test_many_calls_with_a_refused_token_fetch_one_new_token(open_firewall: Open) -> None:
    async with open_firewall(settings=await by_token(open_firewall), ticking=False) as fw:
        await fw.call("pfsense_list_aliases")
        simulator(fw).machine.auth._server_key = b"another key"
        calls: list[Callable[[], Any]] = [lambda: fw.call("pfsense_list_aliases", limit=7)] * 2
        await asyncio.gather(*(call() for call in calls))
        assert len(tokens(fw)) == 2


async def test_a_refused_key_is_told_with_the_method_that_is_off_at_first(fw: Room) -> None:
    fw.simulator.set_fault("key-rejected")
    error = await fw.fails("pfsense_list_aliases")
    assert error.code == "authentication"
    assert "Authentication Methods" in str(error.next_step)


async def cut_after_the_apply(fw: Room, *, every_attempt: bool = False) -> None:
    """The way to the firewall is cut by what is applied: right after the answer, or in place of it."""
    client = await client_of(fw)
    send = client._http.send

    async def through(request: Any) -> Any:
        applies = request.method == "POST" and request.target.endswith("/apply")
        if applies and every_attempt:
            fw.running.fault("lost-reply", method="POST", times=1)
        try:
            return await send(request)
        finally:
            if applies:
                fw.running.fault("refuse")

    client._http.send = through  # type: ignore[method-assign]
    client._session._send = through


async def test_an_apply_that_cuts_the_way_is_not_told_as_not_sent(fw: Room) -> None:
    await fw.call("pfsense_update_object", kind="interface", ref="opt1", changes={"descr": "BMC2"})
    await cut_after_the_apply(fw)
    answer = await fw.call("pfsense_apply_changes", subsystem="interfaces")
    assert answer["outcome"] in ("started", "unknown"), answer
    assert len([a for a in really_written(fw.arrivals) if a.path.endswith("/apply")]) == 1


async def test_an_apply_whose_second_attempt_finds_nobody_may_have_been_the_first_that_worked(fw: Room) -> None:
    await fw.call("pfsense_update_object", kind="interface", ref="opt1", changes={"descr": "BMC2"})
    await cut_after_the_apply(fw, every_attempt=True)
    answer = await fw.call("pfsense_apply_changes", subsystem="interfaces")
    assert answer["outcome"] in ("started", "unknown"), answer


@pytest.mark.parametrize("how", ["php", "504"])
@every_write
async def test_no_write_that_failed_after_its_work_is_told_as_not_done(fw: Room, call: Call, how: str) -> None:
    arguments = await call.made(fw)
    if call.tool == "pfsense_start_service":
        await fw.call("pfsense_stop_service", service="ntpd")
        arguments = {"service": "ntpd"}
    before = len(fw.arrivals)
    fw.simulator.set_fault("after-commit", how=how, times=1)
    answer = await fw.call(call.tool, **arguments)
    assert answer["outcome"] in ("applied", "unknown", "started"), answer
    if call.once_sent:
        assert len(really_written(fw.arrivals[before:])) == 1


@every_write
async def test_a_way_that_is_cut_right_after_the_answer_does_not_make_the_write_undone(fw: Room, call: Call) -> None:
    arguments = await call.made(fw)
    if call.tool == "pfsense_start_service":
        await fw.call("pfsense_stop_service", service="ntpd")
        arguments = {"service": "ntpd"}
    before = len(fw.arrivals)
    client = await client_of(fw)
    attempt = client._attempt

    async def cut(request: Request) -> JsonValue:
        answer = await attempt(request)
        if request.method != "GET" and not (isinstance(request.json, dict) and request.json.get("dry_run")):
            fw.running.fault("refuse")
        return answer

    client._attempt = cut  # type: ignore[method-assign]
    answer = await fw.call(call.tool, **arguments)
    assert len(really_written(fw.arrivals[before:])) == 1
    assert answer["outcome"] in ("unknown", "started"), answer
    assert answer["next_step"]


@pytest.mark.parametrize("subsystem", ["dhcp", "ipsec"])
async def test_an_apply_of_somebody_else_that_ends_does_not_stand_for_ours(fw: Room, subsystem: str) -> None:
    jobs = simulator(fw).machine.jobs
    fw.simulator.set_fault("slow-apply", seconds=10, times=1)
    jobs.spawn(subsystem)
    simulator(fw).machine.store.dirty.update(CLEARS[subsystem])
    fw.simulator.set_fault("slow-apply", seconds=20, times=1)
    answer = await fw.call("pfsense_apply_changes", subsystem=subsystem)
    if jobs.running(subsystem):
        assert answer["outcome"] == "started" or not answer["verified"], answer
    else:
        assert answer["outcome"] == "applied"

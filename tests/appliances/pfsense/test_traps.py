"""The traps of the contract, each met on the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from holdfast.appliances.pfsense import applying, patience
from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.control.caller import Question, Reply
from tests.appliances.pfsense.conftest import Open, simulator
from tests.appliances.pfsense.elsewhere import edit, edit_one, rules, stored, tracker_of
from tests.appliances.pfsense.test_every_tool import really_written
from tests.support.rooms import Room

RULE = {
    "action": "pass",
    "interface": ["lan"],
    "source": "lan",
    "destination": "nas_hosts",
    "protocol": "tcp",
    "destination_port": "443",
    "description": "to the NAS",
}
FENCING = "fencing over Redfish"


async def test_a_release_without_dry_run_gets_one_write_and_no_flag_that_it_would_take_for_nothing(
    open_firewall: Open,
) -> None:
    async with open_firewall(persona="2.7") as fw:
        planned = await fw.call("pfsense_create_rule", **RULE, dry_run=True)
        assert "no dry run to trust" in str(planned["warnings"])
        assert [a for a in fw.arrivals if a.method != "GET"] == []
        answer = await fw.call("pfsense_create_rule", **RULE)
        assert answer["outcome"] == "applied"
        posts = [a for a in fw.arrivals if a.method == "POST"]
        assert len(posts) == 1
        assert b"dry_run" not in posts[0].body


async def test_dry_run_is_sent_only_after_the_appliance_has_shown_that_it_knows_it(fw: Room) -> None:
    await fw.call("pfsense_create_rule", **RULE)
    probe = next(i for i, a in enumerate(fw.arrivals) if a.query.get("dry_run") or "dry_run=" in a.path)
    first = next(i for i, a in enumerate(fw.arrivals) if b'"dry_run":true' in a.body)
    assert fw.arrivals[probe].method == "GET"
    assert fw.arrivals[probe].status == 400
    assert probe < first


async def test_values_that_pfsense_refuses_are_found_by_its_dry_run_before_anybody_is_asked(fw: Room) -> None:
    error = await fw.fails("pfsense_create_rule", **{**RULE, "destination": "no_such_alias"})
    assert error.code == "validation"
    assert error.executed == "no"
    assert really_written(fw.arrivals) == []


async def test_a_field_that_the_model_does_not_have_is_refused_and_never_sent(fw: Room) -> None:
    error = await fw.fails("pfsense_update_rule", ref=tracker_of(fw, FENCING), changes={"destination_prot": "443"})
    assert error.code == "invalid_argument"
    assert "destination_port" in str(error.next_step)
    assert [a for a in fw.arrivals if a.method != "GET"] == []


async def test_a_port_given_as_a_number_is_refused_with_the_reason(fw: Room) -> None:
    error = await fw.fails("pfsense_update_rule", ref=tracker_of(fw, FENCING), changes={"destination_port": 443})
    assert "ports are texts" in str(error)


async def test_the_right_object_is_deleted_although_every_index_shifted_after_the_plan(fw: Room) -> None:
    async def meanwhile(question: Question) -> Reply:
        edit(fw, "filter/rule", stored(fw, "filter/rule")[1:])
        return Reply.ACCEPTED

    fw.ask = meanwhile
    answer = await fw.call("pfsense_delete_rule", ref=tracker_of(fw, FENCING))
    assert answer["outcome"] == "applied"
    assert "fencing over Redfish" not in rules(fw)
    assert "BMCs reach nothing else" in rules(fw)
    assert len(rules(fw)) == 5


@pytest.fixture
def at_the_last_moment(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Lets somebody else do something after the plan was looked at last, right before the write."""
    original = HTTPPfSenseClient.writing

    def arrange(meanwhile: Callable[[], None]) -> None:
        @asynccontextmanager
        async def writing(self: HTTPPfSenseClient) -> AsyncIterator[None]:
            async with original(self):
                meanwhile()
                yield

        monkeypatch.setattr(HTTPPfSenseClient, "writing", writing)

    return arrange


AtTheLastMoment = Callable[[Callable[[], None]], None]


async def test_an_object_that_was_changed_at_the_last_moment_is_not_touched(
    fw: Room, at_the_last_moment: AtTheLastMoment
) -> None:
    def meanwhile() -> None:
        rows = stored(fw, "filter/rule")
        edit(fw, "filter/rule", [{**r, "log": True} if r["descr"] == FENCING else r for r in rows])

    at_the_last_moment(meanwhile)
    ref = tracker_of(fw, FENCING)
    for tool, more in (
        ("pfsense_delete_rule", {}),
        ("pfsense_update_rule", {"changes": {"disabled": False}}),
        ("pfsense_move_rule", {"position": "first"}),
    ):
        rows = stored(fw, "filter/rule")
        edit(fw, "filter/rule", [{**r, "log": False} if r["descr"] == FENCING else r for r in rows])
        error = await fw.fails(tool, ref=ref, **more)
        assert error.code == "moved"
        assert error.executed == "no"
    assert FENCING in rules(fw)
    assert really_written(fw.arrivals) == []


async def test_the_right_object_is_changed_although_indexes_shifted_at_the_last_moment(
    fw: Room, at_the_last_moment: AtTheLastMoment
) -> None:
    at_the_last_moment(lambda: edit(fw, "filter/rule", stored(fw, "filter/rule")[1:]))
    answer = await fw.call("pfsense_update_rule", ref=tracker_of(fw, FENCING), changes={"log": True})
    assert answer["outcome"] == "applied"
    assert [row["descr"] for row in stored(fw, "filter/rule") if row.get("log")] == ["BMCs reach nothing else", FENCING]


async def test_a_plan_of_an_object_that_moved_meanwhile_is_refused(fw: Room) -> None:
    planned = await fw.call("pfsense_update_rule", ref=tracker_of(fw, FENCING), changes={"log": True}, dry_run=True)
    rows = stored(fw, "filter/rule")
    edit(fw, "filter/rule", [{**r, "source": "any"} if r["descr"] == "fencing over Redfish" else r for r in rows])
    error = await fw.fails(
        "pfsense_update_rule", ref=tracker_of(fw, FENCING), changes={"log": True}, plan_id=planned["plan_id"]
    )
    assert error.code == "plan_refused"
    assert really_written(fw.arrivals) == []


async def test_settings_that_somebody_changed_at_the_last_moment_are_not_overwritten(
    fw: Room, at_the_last_moment: AtTheLastMoment
) -> None:
    at_the_last_moment(lambda: edit_one(fw, "gateways", defaultgw4="LAB_GW"))
    error = await fw.fails("pfsense_update_settings", kind="default_gateway", changes={"defaultgw4": ""})
    assert error.code == "moved"
    assert really_written(fw.arrivals) == []


async def test_a_write_that_a_concurrent_writer_overwrote_is_not_reported_as_done(fw: Room) -> None:
    fw.simulator.set_fault("lose-writes", times=1)
    answer = await fw.call("pfsense_create_rule", **RULE)
    assert answer["outcome"] == "not_applied"
    assert "stored nothing" in str(answer["warnings"])
    assert "to the NAS" not in rules(fw)


async def test_the_success_of_an_account_that_may_not_write_is_not_believed(open_firewall: Open) -> None:
    async with open_firewall(account="clerk") as fw:
        answer = await fw.call("pfsense_create_alias", name="printers", type="host", entries=["10.20.0.60"])
        assert answer["outcome"] == "not_applied"
        assert "Deny Config Write" in str(answer["warnings"])
        settings = await fw.call("pfsense_update_settings", kind="hostname", changes={"hostname": "other"})
        assert settings["outcome"] == "not_applied"


async def test_concurrent_writes_wait_for_one_another_so_that_none_is_lost(fw: Room) -> None:
    answers = await asyncio.gather(
        *(
            fw.call("pfsense_create_alias", name=f"group{number}", type="host", entries=[f"10.20.0.{number + 60}"])
            for number in range(6)
        )
    )
    assert [answer["outcome"] for answer in answers] == ["applied"] * 6
    names = {row["name"] for row in stored(fw, "aliases/alias")}
    assert {f"group{number}" for number in range(6)} <= names


async def test_no_more_than_four_requests_are_under_way_at_once(fw: Room) -> None:
    await asyncio.gather(*(fw.call("pfsense_list_rules", description=f"x{number}") for number in range(24)))
    assert fw.running.state.max_in_flight <= 4


async def test_a_write_outlasts_the_lock_that_pfsense_waits_for(
    open_firewall: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "REPORT_EVERY_S", 0.05)
    async with open_firewall(settings="timeout = 1\ntotal_timeout = 2") as fw:
        fw.simulator.set_fault("write-lock", seconds=250)
        began = fw.clock.now()
        answer = await fw.call("pfsense_create_alias", name="printers", type="host", entries=["10.20.0.60"])
        assert fw.clock.now() - began > 60
        assert answer["outcome"] == "not_applied"
        assert "config_locked" in str(answer["warnings"])
        fw.simulator.clear_faults()
        fw.simulator.set_fault("write-lock", seconds=50)
        assert (await fw.call("pfsense_create_alias", name="printers", type="host", entries=["10.20.0.60"]))[
            "outcome"
        ] == "applied"


async def test_rules_made_one_after_the_other_never_share_their_identity(open_firewall: Open) -> None:
    async with open_firewall(ticking=False) as fw:
        made = [
            await fw.call("pfsense_create_rule", **{**RULE, "description": f"rule {number}"}) for number in range(3)
        ]
        refs = [answer["after"]["ref"] for answer in made]  # type: ignore[index,call-overload]
        assert len(set(refs)) == 3
        assert fw.slept


async def test_rules_that_share_a_tracker_are_told_apart_by_their_content(fw: Room) -> None:
    rows = stored(fw, "filter/rule")
    twin = {**rows[-1], "descr": "its twin", "source": "10.20.0.9"}
    edit(fw, "filter/rule", [*rows, twin])
    tracker = str(rows[-1]["tracker"])
    listed = (await fw.call("pfsense_list_rules"))["items"]
    assert isinstance(listed, list)
    refs = [row["ref"] for row in listed if str(row["ref"]).startswith(tracker)]  # type: ignore[index,call-overload]
    assert len(set(refs)) == 2
    error = await fw.fails("pfsense_delete_rule", ref=tracker)
    assert error.code == "conflict"
    assert all(str(ref) in str(error) for ref in refs)
    ref = next(row["ref"] for row in listed if row.get("description") == "its twin")  # type: ignore[index,union-attr,call-overload]
    assert (await fw.call("pfsense_delete_rule", ref=ref))["outcome"] == "applied"
    assert "its twin" not in rules(fw)
    assert len(rules(fw)) == len(rows)


async def test_a_second_equal_rule_is_not_made(fw: Room) -> None:
    assert (await fw.call("pfsense_create_rule", **RULE))["outcome"] == "applied"
    assert (await fw.call("pfsense_create_rule", **RULE))["outcome"] == "nothing_to_do"
    assert rules(fw).count("to the NAS") == 1


async def test_rules_are_live_only_after_the_apply_although_pfsense_says_applied_before(fw: Room) -> None:
    answer = await fw.call("pfsense_create_rule", **RULE)
    assert answer["details"] == {
        "live": False,
        "pending": "firewall",
        "next": "Not live yet: pfsense_apply_changes subsystem=firewall",
    }
    assert "to the NAS" not in {row["descr"] for row in simulator(fw).live_rules()}
    pending = (await fw.call("pfsense_pending_changes"))["subsystems"]
    assert isinstance(pending, list)
    firewall = pending[0]
    assert isinstance(firewall, dict)
    assert firewall["applied"] is True
    assert firewall["changed_here"] is True
    assert (await fw.call("pfsense_apply_changes", subsystem="firewall"))["outcome"] == "applied"
    assert "to the NAS" in {row["descr"] for row in simulator(fw).live_rules()}


async def test_an_apply_that_takes_long_is_handed_over_and_waited_for(
    fw: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "JOB_S", 0.2)
    monkeypatch.setattr(applying, "INLINE_WAIT_S", 2.0)
    await fw.call("pfsense_create_alias", name="printers", type="host", entries=["10.20.0.60"])
    fw.simulator.set_fault("slow-apply", seconds=3000)
    answer = await fw.call("pfsense_apply_changes", subsystem="firewall")
    assert answer["outcome"] == "started"
    assert answer["task"] == "apply:firewall"
    assert "pfsense_pending_changes subsystem=firewall wait_s=40" in str(answer["warnings"])
    waited = (await fw.call("pfsense_pending_changes", subsystem="firewall", wait_s=5))["subsystems"]
    assert waited[0]["applied"] is False  # type: ignore[index,call-overload]
    assert waited[0]["pending"] == ["aliases"]  # type: ignore[index,call-overload]
    fw.clock.advance(40_000)
    waited = (await fw.call("pfsense_pending_changes", subsystem="firewall", wait_s=5))["subsystems"]
    assert waited[0]["applied"] is True  # type: ignore[index,call-overload]


async def test_a_full_queue_of_applies_is_told_with_the_time_to_wait(fw: Room) -> None:
    fw.simulator.set_fault("queue-full")
    error = await fw.fails("pfsense_apply_changes", subsystem="firewall")
    assert error.code == "apply_queue_full"
    assert error.executed == "no"
    assert error.retry_after_s == 300


async def test_an_alias_that_rules_use_is_not_deleted_although_pfsense_would(fw: Room) -> None:
    error = await fw.fails("pfsense_delete_alias", ref="pve_nodes")
    assert error.code == "conflict"
    assert "fencing over Redfish" in str(error)
    assert "rack_hosts" in str(error)


async def test_an_object_that_others_refer_to_is_not_deleted_and_they_are_named(fw: Room) -> None:
    error = await fw.fails("pfsense_delete_object", kind="gateway", ref="LAB_GW")
    assert error.code == "conflict"
    assert "lab" in str(error)


async def test_the_last_rule_stays_and_pfsense_says_why(fw: Room) -> None:
    edit(fw, "filter/rule", stored(fw, "filter/rule")[5:6])
    error = await fw.fails("pfsense_delete_rule", ref=tracker_of(fw, FENCING))
    assert error.code == "conflict"
    assert len(rules(fw)) == 1


async def test_interfaces_are_named_as_the_firewalls_own_setting_says(fw: Room) -> None:
    edit_one(fw, "installedpackages/package/0/conf", represent_interfaces_as="descr")
    answer = await fw.call("pfsense_create_rule", **RULE)
    assert answer["outcome"] == "applied"
    sent = json.loads(really_written(fw.arrivals)[0].body)
    assert sent["interface"] == ["LAN"]
    assert stored(fw, "filter/rule")[-1]["interface"] == ["lan"]


async def test_a_kept_secret_is_never_sent_though_the_guides_key_is_accepted(open_firewall: Open) -> None:
    async with open_firewall(settings='api_secret = "the-guides-secret"') as fw:
        await fw.call("pfsense_system_info")
        assert all("the-guides-secret" not in str(a.headers) for a in fw.arrivals)
        assert all("Content-Type" not in a.headers for a in fw.arrivals if a.method == "GET")


@pytest.mark.parametrize("kept", [True, False], ids=["on an open connection", "on a new one"])
async def test_connections_that_drop_after_a_refused_credential_are_told_as_a_lock_out(
    open_firewall: Open, kept: bool
) -> None:
    async with open_firewall(settings="timeout = 1\nconnect_timeout = 1") as fw:
        fw.simulator.set_fault("key-rejected")
        assert (await fw.fails("pfsense_list_rules")).code == "authentication"
        fw.simulator.clear_faults()
        fw.simulator.set_fault("lockout")
        if not kept:
            fw.rack.cut()
        answer = await fw.call("pfsense_test_connection")
        assert answer["reachable"] is False
        assert "probably locked out by login protection" in str(answer["problem"])


@pytest.mark.parametrize(
    ("fault", "code"),
    [("package-missing", "unsupported"), ("disabled", "unsupported"), ("login-page", "login_page")],
)
async def test_a_firewall_without_its_api_is_told_as_such_and_not_asked_again(fw: Room, fault: str, code: str) -> None:
    fw.simulator.set_fault(fault)
    before = len(fw.arrivals)
    error = await fw.fails("pfsense_list_interfaces")
    assert error.code == code
    assert len(fw.arrivals) - before == 1


async def test_the_package_of_the_api_is_not_removed_through_itself(fw: Room) -> None:
    error = await fw.fails("pfsense_remove_package", package="pfSense-pkg-RESTAPI")
    assert error.code == "refused"
    assert fw.writes() == []

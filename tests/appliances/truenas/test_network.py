"""Nothing that Holdfast does to the network takes its own way to the appliance away."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.appliances.truenas.network import shown
from holdfast.transport.values import JsonObject
from tests.appliances.truenas.harness import box, calls_of, nas, raw, sent
from tests.support.rooms import Room

ELSEWHERE = "198.51.100.9"


async def seen_from_elsewhere(made: Room) -> None:
    """Holdfast's session comes from a network that the appliance is not connected to."""
    await made.call("truenas_system_info")
    for session in box(made).box.sessions:
        session.origin = ELSEWHERE


@pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])
async def test_a_bridge_and_a_lag_are_made_changed_and_deleted(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        before = await made.call("truenas_list_interfaces")
        for name, kind in (("br7", "BRIDGE"), ("bond7", "LAG")):
            done = await made.call(
                "truenas_create_interface", name=name, kind=kind, members=["eno2"], addresses=["10.60.0.2/24"]
            )
            assert done["outcome"] == "applied", done
            page = await made.call("truenas_list_interfaces")
            row = next(row for row in page["items"] if row["id"] == name)  # type: ignore[union-attr,index,call-overload]
            assert (row["members"], row["configured"]) == (["eno2"], ["10.60.0.2/24"])  # type: ignore[index,call-overload]
            if kind == "BRIDGE":
                changed = await made.call("truenas_update_interface", interface=name, members=[])
                assert changed["after"]["members"] == []  # type: ignore[index,call-overload]
                assert changed["undo"]["arguments"]["members"] == ["eno2"]  # type: ignore[index,call-overload]
            assert (await made.call("truenas_delete_interface", interface=name))["outcome"] == "applied"
        assert await made.call("truenas_list_interfaces") == before


async def test_the_interface_that_carries_holdfasts_connection_becomes_no_member(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        for kind, name in (("BRIDGE", "br7"), ("LAG", "bond7")):
            error = await made.fails("truenas_create_interface", name=name, kind=kind, members=["eno1"])
            assert (error.code, "eno1" in error.message) == ("conflict", True)
        await made.call("truenas_create_interface", name="br7", kind="BRIDGE", members=["eno2"])
        error = await made.fails("truenas_update_interface", interface="br7", members=["eno2", "eno1"])
        assert error.code == "conflict"
        assert calls_of(made, "interface.create") == 1
        assert calls_of(made, "interface.update") == 0


async def test_the_interface_that_carries_holdfasts_connection_is_not_deleted(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await raw(made, "interface.update", "eno1", {"aliases": []})
        alias = {"type": "INET", "address": "10.20.0.14", "netmask": 24}
        vlan = {"name": "vlan9", "type": "VLAN", "vlan_parent_interface": "eno1", "vlan_tag": 9, "aliases": [alias]}
        await raw(made, "interface.create", vlan)
        await raw(made, "interface.commit", {"rollback": False})
        error = await made.fails("truenas_delete_interface", interface="vlan9")
        assert (error.code, calls_of(made, "interface.delete")) == ("conflict", 0)
        assert (await made.fails("truenas_delete_interface", interface="eno2")).code == "conflict"


@pytest.mark.parametrize("tool", ["create_interface", "delete_interface"])
async def test_changes_of_somebody_else_are_neither_committed_nor_dropped(tool: str, tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await made.call("truenas_create_interface", name="vlan20", kind="VLAN", parent="eno2", tag=20)
        await raw(made, "interface.update", "eno2", {"description": "somebody's"})
        arguments: dict[str, object] = {"interface": "vlan20"}
        if tool == "create_interface":
            arguments = {"name": "vlan21", "kind": "VLAN", "parent": "eno2", "tag": 21}
        commits = calls_of(made, "interface.commit")
        error = await made.fails(f"truenas_{tool}", **arguments)
        assert error.code == "conflict"
        assert calls_of(made, "interface.commit") == commits
        assert (await made.call("truenas_network_changes"))["pending"] is True


@pytest.mark.parametrize(("timer", "outcome"), [(True, "applied"), (False, "not_applied")])
@pytest.mark.parametrize("tool", ["create_interface", "delete_interface"])
async def test_a_lost_answer_to_the_commit_is_settled_by_the_timer(
    tool: str, timer: bool, outcome: str, tmp_path: Path
) -> None:
    async with nas(tmp_path) as made:
        vlan: dict[str, object] = {"name": "vlan20", "kind": "VLAN", "parent": "eno2", "tag": 20}
        arguments: dict[str, object] = {"interface": "vlan20"}
        if tool == "create_interface":
            arguments = vlan
        else:
            await made.call("truenas_create_interface", **vlan)
        commits = calls_of(made, "interface.commit")
        made.running.fault("interface-commit-lost", timer=timer)
        answer = await made.call(f"truenas_{tool}", **arguments)
        assert answer["outcome"] == outcome, answer
        assert calls_of(made, "interface.commit") == commits + 1
        assert calls_of(made, "interface.rollback") == (0 if timer else 1)
        there = "vlan20" in str(await made.call("truenas_list_interfaces"))
        assert there is ((tool == "create_interface") is timer)
        assert (await made.call("truenas_network_changes"))["pending"] is False


async def test_services_that_the_change_restarts_are_told(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await raw(made, "smb.update", {"bindip": ["10.20.0.14"]})
        answer = await made.call("truenas_update_interface", interface="eno1", addresses=["10.20.0.98/24"])
        assert answer["outcome"] == "applied", answer
        assert "SMB was restarted" in str(answer["warnings"])


@pytest.mark.parametrize("fault", ["cut-after-send", "cut-after-commit"])
async def test_a_lost_answer_to_the_check_in_is_repeated_while_the_timer_runs(fault: str, tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault(fault, method="interface.checkin", count=1)
        answer = await made.call("truenas_update_interface", interface="eno2", description="lab")
        assert answer["outcome"] == "applied", answer
        made.clock.advance(300)
        assert "lab" in str(await made.call("truenas_list_interfaces"))
        assert calls_of(made, "interface.checkin") == (2 if fault == "cut-after-send" else 1)


async def test_what_waits_is_shown_discarded_or_confirmed(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        assert (await made.call("truenas_network_changes")) == {"pending": False}
        await raw(made, "interface.update", "eno2", {"description": "somebody's"})
        staged = await made.call("truenas_network_changes")
        assert (staged["pending"], staged["committed"]) == (True, False)
        assert (await made.fails("truenas_confirm_network")).code == "conflict"
        await raw(made, "interface.commit", {"rollback": True, "checkin_timeout": 90})
        committed = await made.call("truenas_network_changes")
        assert committed["committed"] is True
        assert 80 <= float(str(committed["taken_back_in_s"])) <= 90
        assert (await made.call("truenas_confirm_network"))["outcome"] == "applied"
        assert (await made.call("truenas_confirm_network"))["outcome"] == "nothing_to_do"
        made.clock.advance(100)
        page = await made.call("truenas_list_interfaces")
        assert "somebody's" in str(page)
        await raw(made, "interface.update", "eno2", {"description": "another"})
        assert (await made.call("truenas_revert_network"))["outcome"] == "applied"
        assert "another" not in str(await made.call("truenas_list_interfaces"))


async def test_routes_and_gateways_that_decide_about_the_way_to_holdfast_are_refused(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await made.call("truenas_create_static_route", destination="198.51.100.0/24", gateway="10.20.0.9")
        await made.call("truenas_create_static_route", destination="10.50.0.0/16", gateway="10.20.0.9")
        await seen_from_elsewhere(made)
        refused = (
            ("create_static_route", {"destination": "198.51.0.0/16", "gateway": "10.20.0.8"}),
            ("create_static_route", {"destination": "0.0.0.0/0", "gateway": "10.20.0.8"}),
            ("update_static_route", {"route": "198.51.100.0/24", "gateway": "10.20.0.8"}),
            ("update_static_route", {"route": "10.50.0.0/16", "destination": "198.51.100.0/25"}),
            ("delete_static_route", {"route": "198.51.100.0/24"}),
            ("update_network", {"gateway": "10.20.0.8"}),
            ("update_network", {"gateway": "none"}),
        )
        before = len(made.arrivals)
        for tool, arguments in refused:
            error = await made.fails(f"truenas_{tool}", **arguments)
            assert (error.code, ELSEWHERE in error.message) == ("conflict", True), tool
        written = [
            one.method for one in made.arrivals[before:] if one.method.endswith((".create", ".update", ".delete"))
        ]
        assert written == []
        assert (await made.call("truenas_delete_static_route", route="10.50.0.0/16"))["outcome"] == "applied"
        done = await made.call("truenas_update_network", hostname="nas9", gateway="10.20.0.1")
        assert done["outcome"] == "applied"


async def test_a_gateway_is_taken_away_and_given_back(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        done = await made.call("truenas_update_network", gateway="none", nameservers=[])
        assert done["outcome"] == "applied"
        assert (await made.call("truenas_get_network"))["nameservers"] == []
        undo = done["undo"]
        assert isinstance(undo, dict)
        assert undo["arguments"] == {"gateway": "10.20.0.1", "nameservers": ["10.20.0.1"]}


@pytest.mark.parametrize("arguments", [{"gateway": "fd00::1"}, {"gateway": "10.20.0"}, {"gateway_v6": "10.20.0.1"}, {}])
async def test_what_is_no_gateway_is_refused(arguments: dict[str, object], tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        assert (await made.fails("truenas_update_network", **arguments)).code == "invalid_argument"


@pytest.mark.parametrize("method", ["interface.services_restarted_on_sync", "interface.commit"])
async def test_what_could_not_be_taken_back_is_told_as_waiting_and_not_as_if_nothing_had_been_sent(
    method: str, tmp_path: Path
) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("call-fails", method=method, errno=13, reason="[EACCES] Not authorized")
        made.running.fault("call-fails", method="interface.rollback", errno=13, reason="[EACCES] Not authorized")
        answer = await made.call("truenas_update_interface", interface="eno2", description="lab")
        assert answer["outcome"] in ("not_applied", "unknown")
        assert "waits uncommitted" in str(answer["warnings"])
        assert "truenas_revert_network" in str(answer)
        assert (await made.call("truenas_network_changes"))["pending"] is True


async def test_a_change_whose_staging_was_lost_is_not_called_unexecuted_because_nothing_can_be_read_then(
    tmp_path: Path,
) -> None:
    async with nas(tmp_path, control='approve_write = "none"') as made:
        await made.call("truenas_list_interfaces")
        made.running.fault("cut-after-commit", method="interface.update")
        made.running.fault("upgrade-502", count=50)
        answer = await made.call("truenas_update_interface", interface="eno2", description="lab")
        assert answer["outcome"] == "unknown"


async def test_a_commit_that_is_never_answered_is_confirmed_on_a_new_connection(tmp_path: Path) -> None:
    async with nas(tmp_path, settings="timeout = 1") as made:
        made.running.fault("no-answer", method="interface.commit")
        answer = await made.call("truenas_update_interface", interface="eno2", description="lab")
        assert answer["outcome"] == "applied", answer
        made.clock.advance(300)
        assert "lab" in str(await made.call("truenas_list_interfaces"))


def test_addresses_and_members_in_another_order_or_by_other_letters_are_the_same() -> None:
    one: JsonObject = {
        "type": "BRIDGE",
        "aliases": [{"address": "10.60.0.2", "netmask": 24}, {"address": "FD00:0::0005", "netmask": 64}],
        "bridge_members": ["eno3", "eno2"],
    }
    other: JsonObject = {
        "type": "BRIDGE",
        "aliases": [{"address": "fd00::5", "netmask": "64"}, {"address": "10.60.0.2", "netmask": "24"}],
        "bridge_members": ["eno2", "eno3"],
    }
    assert shown(one) == shown(other)


async def test_entries_of_one_moment_stand_in_one_order_on_all_pages_of_the_audit_log(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await made.call("truenas_list_audit", limit=2)
        query = next(params for method, params in sent(made) if method == "audit.query")
        assert query[0]["query-options"]["order_by"][-1] == "audit_id"  # type: ignore[index]  # what was sent

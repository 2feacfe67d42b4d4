"""What is never done, and who is told what: self-protection, allow-list, grants, invisible and ambiguous guests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.appliances.proxmox.firewallreach import Reach, reach
from holdfast.appliances.proxmox.here import Here
from holdfast.transport.values import JsonObject
from tests.appliances.proxmox.harness import client_of, pve_room, simulator_of
from tests.support.rooms import Room, room

OPEN = {"type": "in", "action": "ACCEPT", "protocol": "tcp", "dport": "8006"}


@pytest.fixture
async def pve(tmp_path: Path) -> AsyncIterator[Room]:
    async with pve_room(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    "tool",
    ["proxmox_stop_guest", "proxmox_shutdown_guest", "proxmox_reboot_guest", "proxmox_suspend_guest"],
)
async def test_the_guest_that_holdfast_runs_in_is_recognised_and_never_stopped(pve: Room, tool: str) -> None:
    (await client_of(pve)).here = Here("web", frozenset({"bc:24:11:5e:01:01"}), frozenset())
    error = await pve.fails(tool, guest="web")
    assert error.code == "refused"
    assert "runs in" in error.message
    assert pve.writes() == []
    assert (await pve.call("proxmox_change_guest_config", guest="web", description="ours"))["outcome"] == "applied"


async def test_a_guest_that_only_has_the_same_name_is_not_taken_for_the_own_one(pve: Room) -> None:
    (await client_of(pve)).here = Here("web", frozenset({"00:11:22:33:44:55"}), frozenset())
    assert (await pve.call("proxmox_stop_guest", guest="web"))["outcome"] == "applied"


async def test_the_node_that_holdfast_runs_on_is_never_rebooted_nor_the_node_of_its_guest(pve: Room) -> None:
    client = await client_of(pve)
    client.here = Here("elsewhere", frozenset(), frozenset({"10.20.0.12"}))
    assert (await pve.fails("proxmox_node_power", node="pve2", command="reboot")).code == "refused"
    client.here = Here("pve2", frozenset(), frozenset())
    assert (await pve.fails("proxmox_node_power", node="pve2", command="shutdown")).code == "refused"
    client.here = Here("build", frozenset({"bc:24:11:5e:01:10"}), frozenset())
    assert (await pve.fails("proxmox_node_power", node="pve2", command="reboot")).code == "refused"
    assert pve.writes() == []


async def test_guests_named_or_tagged_by_the_operator_are_never_touched(tmp_path: Path) -> None:
    async with pve_room(tmp_path, settings='protected_guests = ["build"]\nprotected_tags = ["prod"]') as pve:
        calls: tuple[tuple[str, dict[str, Any]], ...] = (
            ("proxmox_delete_guest", {"guest": "110"}),
            ("proxmox_stop_guest", {"guest": "web"}),
            ("proxmox_change_guest_config", {"guest": "db", "cores": 1}),
            ("proxmox_delete_snapshot", {"guest": "build", "name": "x1"}),
        )
        for tool, arguments in calls:
            error = await pve.fails(tool, **arguments)
            assert error.code == "refused", tool
        assert pve.writes() == []


async def test_port_8006_is_not_shut_by_a_rule_by_a_policy_or_by_taking_the_rule_away(pve: Room) -> None:
    error = await pve.fails("proxmox_set_firewall_options", enabled=True)
    assert error.code == "refused"
    assert "8006" in error.message
    await pve.call("proxmox_create_firewall_rule", **OPEN)
    assert (await pve.call("proxmox_set_firewall_options", enabled=True))["outcome"] == "applied"
    writes = len(pve.writes())
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("proxmox_create_firewall_rule", {"type": "in", "action": "DROP"}),
        ("proxmox_create_firewall_rule", {"type": "in", "action": "REJECT", "protocol": "tcp", "dport": "8000:9000"}),
        ("proxmox_create_firewall_rule", {"type": "in", "action": "DROP", "source": "+unknown", "node": "pve1"}),
        ("proxmox_create_firewall_rule", {"type": "in", "action": "DROP", "protocol": "ip"}),
        ("proxmox_create_firewall_rule", {"type": "in", "action": "DROP", "protocol": "0"}),
        ("proxmox_update_firewall_rule", {"position": 0, "source": "192.0.2.7"}),
        ("proxmox_delete_firewall_rule", {"position": 0}),
        ("proxmox_update_firewall_rule", {"position": 0, "enabled": False}),
        ("proxmox_update_firewall_rule", {"position": 0, "dport": "22"}),
    )
    for tool, arguments in calls:
        error = await pve.fails(tool, **arguments)
        assert error.code == "refused", (tool, arguments)
    assert len(pve.writes()) == writes
    assert (await pve.call("proxmox_create_firewall_rule", type="in", action="DROP", position=1))[
        "outcome"
    ] == "applied"


def test_the_judgement_about_port_8006_goes_by_the_first_rule_that_matches() -> None:
    on: JsonObject = {"enable": 1}
    accept: JsonObject = {"pos": 0, "type": "in", "action": "ACCEPT", "enable": 1, "proto": "tcp", "dport": "22,8006"}
    drop: JsonObject = {"pos": 0, "type": "in", "action": "DROP", "enable": 1}
    group: JsonObject = {"pos": 0, "type": "group", "action": "mgmt", "enable": 1}
    mine = frozenset({"10.20.0.50"})
    assert reach([drop], {"enable": 0}, {}, mine) is Reach.OPEN
    assert reach([], on, {}, mine) is Reach.SHUT
    assert reach([], {"enable": 1, "policy_in": "ACCEPT"}, {}, mine) is Reach.OPEN
    assert reach([accept, {**drop, "pos": 1}], on, {}, mine) is Reach.OPEN
    assert reach([drop, {**accept, "pos": 1}], on, {}, mine) is Reach.SHUT
    assert reach([{**accept, "enable": 0}], on, {}, mine) is Reach.SHUT
    assert reach([{**accept, "proto": "udp"}], on, {}, mine) is Reach.SHUT
    assert reach([{**drop, "source": "192.0.2.0/24"}, {**accept, "pos": 1}], on, {}, mine) is Reach.OPEN
    assert reach([{**drop, "source": "10.20.0.1-10.20.0.99"}, {**accept, "pos": 1}], on, {}, mine) is Reach.SHUT
    assert reach([group], on, {"mgmt": [accept]}, mine) is Reach.OPEN
    assert reach([group], on, {"mgmt": [drop]}, mine) is Reach.SHUT


async def test_what_serves_port_8006_is_restarted_but_never_stopped(pve: Room) -> None:
    error = await pve.fails("proxmox_control_service", node="pve2", service="pveproxy", action="stop")
    assert error.code == "refused"
    assert (await pve.call("proxmox_control_service", node="pve2", service="pveproxy", action="restart"))["outcome"]
    assert sum(arrival.path.endswith("/stop") for arrival in pve.writes()) == 0


async def test_network_changes_that_take_the_nodes_address_away_are_not_applied(pve: Room) -> None:
    await pve.call("proxmox_update_network", node="pve2", iface="vmbr0", cidr="10.99.0.5/24", unset=["gateway"])
    error = await pve.fails("proxmox_apply_network", node="pve2")
    assert error.code == "refused"
    assert "10.20.0.12" in error.message
    assert (await pve.call("proxmox_revert_network", node="pve2"))["outcome"] == "applied"


async def test_programs_run_only_when_the_operator_has_named_them(pve: Room) -> None:
    ran = await pve.call("proxmox_agent_exec", guest="web", command=["uname", "-a"])
    assert ran["outcome"] == "applied"
    details = ran["details"]
    assert isinstance(details, dict)
    assert details["exit_code"] == 0
    assert "Linux" in str(details["out"])
    for program in ("sh", "/bin/uname", "uname;reboot", "cat /etc/shadow"):
        error = await pve.fails("proxmox_agent_exec", guest="web", command=[program])
        assert error.code == "policy"
    assert sum(arrival.path.endswith("/exec") for arrival in pve.writes()) == 1


async def test_commands_are_not_even_listed_unless_their_toolset_is_named(tmp_path: Path) -> None:
    async with room("proxmox", tmp_path, toolsets=("all",)) as pve:
        assert "proxmox_agent_exec" not in {spec.name for spec in pve.tools()}
        assert (await pve.fails("proxmox_agent_exec", guest="web", command=["uname"])).code == "unknown_tool"


async def test_a_missing_privilege_is_told_as_the_exact_grant(pve: Room) -> None:
    pve.simulator.set_fault("permission-denied", privilege="VM.PowerMgmt", path="/vms/110")
    error = await pve.fails("proxmox_start_guest", guest="build")
    assert error.code == "permission_denied"
    assert error.details == {"path": "/vms/110", "privilege": "VM.PowerMgmt"}
    assert "VM.PowerMgmt on /vms/110" in str(error.next_step)


async def test_an_invisible_guest_is_told_from_an_absent_one(pve: Room) -> None:
    pve.simulator.set_fault("permission-denied", privilege="VM.Audit", path="/vms/101")
    hidden = await pve.fails("proxmox_get_guest", guest="101")
    assert hidden.code == "permission_denied"
    assert hidden.details["path"] == "/vms/101"
    absent = await pve.fails("proxmox_get_guest", guest="999")
    assert absent.code == "not_found"
    assert "There is no guest 999" in absent.message
    pve.simulator.set_fault("permission-denied", privilege="VM.Audit", path="/")
    named = await pve.fails("proxmox_get_guest", guest="nowhere")
    assert "may not see all" in named.message


async def test_an_ambiguous_name_is_refused_with_the_ids(pve: Room) -> None:
    guest = simulator_of(pve).cluster.guests[102]
    guest.config["name"] = "web"
    simulator_of(pve).cluster.touch(guest)
    pve.clock.advance(30)
    error = await pve.fails("proxmox_start_guest", guest="web")
    assert error.code == "conflict"
    assert "101, 102" in error.message


async def test_a_running_or_protected_guest_is_not_deleted_and_a_deletion_names_what_goes(pve: Room) -> None:
    assert (await pve.fails("proxmox_delete_guest", guest="web")).code == "conflict"
    await pve.call("proxmox_change_guest_config", guest="build", protection=True)
    assert (await pve.fails("proxmox_delete_guest", guest="build")).code == "conflict"
    await pve.call("proxmox_change_guest_config", guest="build", protection=False)
    await pve.call("proxmox_create_snapshot", guest="build", name="one")
    await pve.call("proxmox_create_backup_job", job="nightly", schedule="02:30", storage="nas-backup", vmids=[101, 110])
    planned = await pve.call("proxmox_delete_guest", guest="build", dry_run=True)
    said = str(planned["blast_radius"])
    assert "scsi0 nas-vms:110/vm-110-disk-0.qcow2" in said
    assert "snapshots: one" in said
    assert "nightly" in said


async def test_a_disk_that_a_guest_uses_is_not_deleted_behind_its_back(pve: Room) -> None:
    error = await pve.fails("proxmox_delete_volume", volume="nas-vms:101/vm-101-disk-0.qcow2")
    assert error.code == "invalid_argument"
    assert "scsi0 of guest 101" in error.message
    assert pve.writes() == []


async def test_an_empty_choice_of_guests_never_means_all_of_them(pve: Room) -> None:
    error = await pve.fails("proxmox_create_backup_job", job="x1", schedule="02:30", storage="nas-backup")
    assert error.code == "invalid_argument"
    error = await pve.fails("proxmox_create_backup_job", job="x1", schedule="02:30", storage="nas-backup", vmids=[])
    assert error.code == "invalid_argument"
    assert pve.writes() == []


async def test_the_secret_of_a_new_token_goes_to_a_private_file_and_into_no_answer(pve: Room, tmp_path: Path) -> None:
    await pve.call("proxmox_create_user", user="joe@pve")
    answer = await pve.call("proxmox_create_token", user="joe@pve", name="ci")
    file = tmp_path / "secrets" / "joe_at_pve_ci.token"
    secret = file.read_text().strip()
    assert secret == simulator_of(pve).cluster.access.users["joe@pve"].tokens["ci"].secret
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret not in str(answer)


async def test_the_own_account_is_not_taken_away(pve: Room) -> None:
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("proxmox_delete_user", {"user": "ops@pve"}),
        ("proxmox_update_user", {"user": "ops@pve", "enabled": False}),
        ("proxmox_delete_token", {"user": "ops@pve", "name": "holdfast"}),
    )
    for tool, arguments in calls:
        assert (await pve.fails(tool, **arguments)).code == "refused"
    assert pve.writes() == []


async def test_a_migration_is_checked_before_it_is_sent(pve: Room) -> None:
    checked = await pve.call("proxmox_check_migration", guest="web")
    assert checked["allowed_nodes"] == ["pve2"]
    assert checked["not_allowed"] == {"pve3": "offline"}
    error = await pve.fails("proxmox_migrate_guest", guest="web", to_node="pve3")
    assert error.code == "wrong_state"
    assert "pve3 is offline" in error.message
    moved = await pve.call("proxmox_move_disk", guest="web", disk="scsi0", storage="local-lvm")
    assert moved["outcome"] in ("applied", "started")
    pve.clock.advance(600)
    sent = len(pve.writes())
    error = await pve.fails("proxmox_migrate_guest", guest="web", to_node="pve2")
    assert error.code == "conflict"
    assert "with_local_disks=true" in str(error.next_step)
    assert len(pve.writes()) == sent
    planned = await pve.call("proxmox_migrate_guest", guest="web", to_node="pve2", with_local_disks=True, dry_run=True)
    assert "Copies local disks: local-lvm:" in str(planned["warnings"])


async def test_a_pool_or_group_in_use_is_not_deleted_and_a_guest_is_not_taken_out_of_another_pool_unasked(
    pve: Room,
) -> None:
    await pve.call("proxmox_create_pool", pool="prod")
    await pve.call("proxmox_create_pool", pool="lab")
    await pve.call("proxmox_add_to_pool", pool="prod", guests=["web", "110"])
    pve.clock.advance(30)
    error = await pve.fails("proxmox_delete_pool", pool="prod")
    assert error.code == "conflict"
    assert "101, 110" in error.message
    error = await pve.fails("proxmox_add_to_pool", pool="lab", guests=["web"])
    assert "101 (prod)" in error.message
    moved = await pve.call("proxmox_add_to_pool", pool="lab", guests=["web"], move=True)
    assert moved["outcome"] == "applied"
    assert "101 (prod)" in str(moved["cannot_undo"])
    await pve.call("proxmox_create_group", group="night")
    await pve.call("proxmox_create_user", user="joe@pve", groups=["night"])
    assert "joe@pve" in (await pve.fails("proxmox_delete_group", group="night")).message
    await pve.call("proxmox_delete_user", user="joe@pve")
    await pve.call("proxmox_grant", path="/vms", to="@night", role="PVEAuditor")
    assert "/vms" in (await pve.fails("proxmox_delete_group", group="night")).message


async def test_a_storage_that_guests_have_disks_on_stays_defined(pve: Room) -> None:
    error = await pve.fails("proxmox_delete_storage", storage="nas-vms")
    assert error.code == "conflict"
    assert "101" in error.message
    planned = await pve.call("proxmox_update_storage", storage="nas-vms", disabled=True, dry_run=True)
    assert "person" in str(planned["approval"]), "taking a storage out of use is confirmed"
    assert pve.writes() == []

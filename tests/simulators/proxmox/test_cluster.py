"""Behaviour of the cluster: membership, quorum, statistics, ids, HA (contract 5, 7, 8)."""

from __future__ import annotations

from typing import Any

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.proxmox import create
from holdfast.simulators.world import World, default_world
from tests.simulators.proxmox.bench import START, VM, WEB, Bench, bench


async def _guests(one: Bench) -> dict[int, dict[str, Any]]:
    return {row["vmid"]: row for row in await one.get("/cluster/resources", type="vm")}


async def test_calls_for_a_node_that_is_off_are_595_without_a_body() -> None:
    async with bench() as one:
        for path in ("/nodes/pve3/status", "/nodes/pve3/qemu", "/nodes/pve3/qemu/120/status/current"):
            answer = await one.call("GET", path)
            assert (answer.status, answer.reason, answer.body) == (595, "No route to host", b"")
        assert (await one.call("POST", "/nodes/pve3/qemu/120/status/start", {})).status == 595


async def test_what_all_nodes_share_is_answered_for_a_node_that_is_off() -> None:
    async with bench() as one:
        assert await one.get("/nodes/pve3/qemu/120/firewall/rules") == []
        assert len(await one.get("/cluster/status")) == 4


async def test_a_guest_of_a_lost_node_looks_alive_for_five_minutes() -> None:
    async with bench() as one:
        one.sim.set_fault("node-offline", node="pve2")
        assert {row["node"]: row["status"] for row in await one.get("/nodes")}["pve2"] == "offline"
        assert (await _guests(one))[111]["status"] == "running"
        one.clock.advance(301)
        mail = (await _guests(one))[111]
        assert mail["status"] == "unknown"
        assert "name" not in mail
        assert mail["lock"] == "backup"
        one.sim.clear_faults()
        assert (await _guests(one))[111]["status"] == "running"


async def test_listings_lag_behind_the_truth_until_the_statistics_run() -> None:
    async with bench() as one:
        one.clock.advance(10 - one.clock.now() % 10 + 1)
        assert (await _guests(one))[110]["status"] == "stopped"
        await one.do("POST", f"{VM}/status/start")
        one.clock.advance(1)
        assert (await one.get(f"{VM}/status/current"))["status"] == "running"
        assert (await _guests(one))[110]["status"] == "stopped"
        one.clock.advance(10)
        assert (await _guests(one))[110]["status"] == "running"


async def test_a_silent_statistics_daemon_is_forgotten_after_five_minutes() -> None:
    async with bench() as one:
        one.sim.set_fault("stale-statistics", node="pve2")
        await one.do("POST", f"{VM}/status/start")
        one.clock.advance(60)
        assert (await _guests(one))[110]["status"] == "stopped"
        one.clock.advance(300)
        assert (await _guests(one))[110]["status"] == "unknown"
        one.sim.clear_faults()
        one.clock.advance(10)
        assert (await _guests(one))[110]["status"] == "running"


async def test_two_of_three_nodes_are_quorate_and_one_is_not() -> None:
    async with bench() as one:
        assert next(row for row in await one.get("/cluster/status") if row["type"] == "cluster")["quorate"] == 1
        one.sim.set_fault("node-offline", node="pve2")
        assert next(row for row in await one.get("/cluster/status") if row["type"] == "cluster")["quorate"] == 0


async def test_without_quorum_reads_go_on_and_writes_do_not() -> None:
    async with bench() as one:
        one.sim.set_fault("quorum-lost")
        assert (await one.get(f"{VM}/config"))["name"] == "build"
        answer = await one.refused("POST", f"{VM}/status/start")
        assert (answer.status, answer.reason) == (500, "cluster not ready - no quorum?")
        answer = await one.refused("PUT", f"{VM}/config", {"cores": 1})
        assert answer.reason.endswith("Permission denied")
        assert "/etc/pve/nodes/pve2/qemu-server/110.conf" in answer.reason
        assert (await one.refused("POST", "/pools", {"poolid": "ab"})).reason.endswith("Permission denied")
        one.sim.clear_faults()
        await one.do("POST", "/pools", {"poolid": "ab"})


async def test_a_single_node_has_no_cluster_entry() -> None:
    world = default_world()
    alone = World(servers=world.servers[:1], guests=world.guests[:3], shares=world.shares)
    async with bench(world=alone) as one:
        assert [row["type"] for row in await one.get("/cluster/status")] == ["node"]
        assert (await one.refused("GET", "/cluster/config/join")).reason.startswith("node is not in a cluster")
        assert (await one.call("POST", f"{WEB}/status/stop", {})).status == 200


async def test_the_unfiltered_list_has_kinds_that_no_filter_gives() -> None:
    async with bench() as one:
        await one.do("POST", "/pools", {"poolid": "core"})
        kinds = {row["type"] for row in await one.get("/cluster/resources")}
        assert kinds == {"node", "qemu", "lxc", "storage", "pool", "sdn", "network"}
        assert {row["type"] for row in await one.get("/cluster/resources", type="sdn")} == {"sdn"}


async def test_lists_come_in_an_order_that_changes() -> None:
    async with bench() as one:
        orders = {tuple(row["id"] for row in await one.get("/cluster/resources")) for _ in range(5)}
        assert len(orders) > 1


async def test_next_ids_are_text_and_only_a_hint() -> None:
    async with bench() as one:
        assert await one.get("/cluster/nextid") == "100"
        assert await one.get("/cluster/nextid", vmid=130) == "130"
        await one.do("PUT", "/cluster/options", {"next-id": "lower=5000,upper=5010"})
        assert await one.get("/cluster/nextid") == "5000"
        one.sim.set_fault("nextid-race", count=1)
        taken = await one.get("/cluster/nextid")
        answer = await one.refused("POST", "/nodes/pve2/qemu", {"vmid": taken})
        assert answer.reason == f"unable to create VM {taken} - VM {taken} already exists on node 'pve1'"
        assert await one.run("POST", "/nodes/pve2/qemu", {"vmid": await one.get("/cluster/nextid")}) == "OK"


async def test_another_node_serves_the_same_cluster() -> None:
    sim = create(default_world(), SimulatedClock(lambda: START), "pve")
    assert sim.local_node == "pve1"
    sim.local_node = "pve2"
    async with bench() as one:
        one.sim.local_node = "pve2"
        rows = {row["name"]: row.get("local") for row in await one.get("/cluster/status")}
        assert (rows["pve1"], rows["pve2"]) == (0, 1)


# -- high availability ------------------------------------------------------------------------------------------------


async def _manage(one: Bench, sid: str, state: str) -> None:
    await one.do("POST", "/cluster/ha/resources", {"sid": sid, "state": state})
    one.clock.advance(2)


async def test_starting_a_managed_guest_only_records_a_wish() -> None:
    async with bench() as one:
        await _manage(one, "vm:110", "stopped")
        one.sim.task_seconds = 0
        upid = await one.do("POST", f"{VM}/status/start")
        assert ":hastart:110:" in upid
        status = await one.get(f"/nodes/pve2/tasks/{upid}/status")
        assert status["exitstatus"] == "OK"
        assert (await one.get(f"{VM}/status/current"))["status"] == "stopped"
        one.clock.advance(1)
        current = await one.get(f"{VM}/status/current")
        assert current["status"] == "running"
        assert current["ha"]["managed"] == 1
        assert current["ha"]["state"] == "started"


async def test_what_the_manager_does_is_no_change_of_its_configuration() -> None:
    async with bench() as one:
        await one.do("POST", "/cluster/ha/resources", {"sid": "vm:110", "state": "started"})
        resource = await one.get("/cluster/ha/resources/vm:110")
        assert (await one.get(f"{VM}/status/current"))["ha"]["state"] == "queued"
        one.clock.advance(2)
        assert (await one.get(f"{VM}/status/current"))["ha"]["state"] == "started"
        assert await one.get("/cluster/ha/resources/vm:110") == resource
        await one.do("PUT", "/cluster/ha/resources/vm:110", {"comment": "x", "digest": resource["digest"]})


async def test_a_managed_guest_that_cannot_start_ends_in_error_behind_an_ok_task() -> None:
    async with bench() as one:
        await _manage(one, "vm:111", "stopped")
        assert await one.run("POST", "/nodes/pve2/qemu/111/status/start") == "OK"
        services = [row for row in await one.get("/cluster/ha/status/current") if row["type"] == "service"]
        assert [(row["sid"], row["state"], row["request_state"]) for row in services] == [
            ("vm:111", "error", "started")
        ]


async def test_stopping_and_migrating_a_managed_guest_are_wishes_too() -> None:
    async with bench() as one:
        await _manage(one, "vm:101", "started")
        upid = await one.do("POST", f"{WEB}/migrate", {"target": "pve2", "online": 1})
        assert ":hamigrate:101:" in upid
        one.clock.advance(2)
        assert (await one.get("/nodes/pve2/qemu/101/status/current"))["status"] == "running"
        upid = await one.do("POST", "/nodes/pve2/qemu/101/status/shutdown")
        assert ":hastop:101:" in upid
        one.clock.advance(2)
        assert (await one.get("/nodes/pve2/qemu/101/status/current"))["status"] == "stopped"
        resource = await one.get("/cluster/ha/resources/vm:101")
        assert (resource["state"], resource["type"]) == ("stopped", "vm")


async def test_a_bare_number_is_understood_as_a_resource() -> None:
    async with bench() as one:
        await _manage(one, "103", "started")
        assert [row["sid"] for row in await one.get("/cluster/ha/resources")] == ["ct:103"]


async def test_an_ignored_guest_is_started_directly() -> None:
    async with bench() as one:
        await _manage(one, "vm:110", "ignored")
        assert ":qmstart:110:" in await one.do("POST", f"{VM}/status/start")


async def test_managed_guests_of_a_lost_node_come_up_elsewhere() -> None:
    async with bench(world=_four_nodes()) as one:
        await _manage(one, "vm:101", "started")
        one.sim.local_node = "pve2"
        one.sim.set_fault("node-offline", node="pve1")
        services = {row["sid"]: row["state"] for row in await one.get("/cluster/ha/status/current") if "sid" in row}
        assert services == {"vm:101": "fence"}
        one.clock.advance(200)
        found = (await _guests(one))[101]
        assert found["node"] != "pve1"
        assert (await one.get(f"/nodes/{found['node']}/qemu/101/status/current"))["status"] == "running"


def _four_nodes() -> World:
    world = default_world()
    return World(servers=world.servers, guests=world.guests, shares=world.shares, offline_nodes=frozenset())


async def test_a_rule_says_where_a_guest_recovers() -> None:
    async with bench(world=_four_nodes()) as one:
        await _manage(one, "vm:101", "started")
        rule = {"rule": "home", "type": "node-affinity", "resources": "vm:101", "nodes": "pve3", "strict": 1}
        await one.do("POST", "/cluster/ha/rules", rule)
        one.sim.local_node = "pve2"
        one.sim.set_fault("node-offline", node="pve1")
        one.clock.advance(200)
        assert (await _guests(one))[101]["node"] == "pve3"


async def test_overruling_a_shutdown_is_not_for_managed_guests() -> None:
    async with bench() as one:
        await _manage(one, "vm:101", "started")
        answer = await one.refused("POST", f"{WEB}/status/stop", {"overrule-shutdown": 1})
        assert (answer.status, list(answer.errors)) == (400, ["overrule-shutdown"])


async def test_groups_gave_way_to_rules() -> None:
    async with bench() as new, bench(persona="8.4") as old:
        answer = await new.refused("POST", "/cluster/ha/groups", {"group": "ab", "nodes": "pve1"})
        assert answer.reason == "cannot create group: ha groups have been migrated to rules"
        await old.do("POST", "/cluster/ha/groups", {"group": "ab", "nodes": "pve1"})
        assert (await old.refused("GET", "/cluster/ha/rules")).status == 501


async def test_a_sleeping_node_is_woken() -> None:
    async with bench() as one:
        answer = await one.refused("POST", "/nodes/pve3/wakeonlan")
        assert answer.reason == "No wake on LAN MAC address defined for 'pve3'!"
        one.sim.cluster.nodes["pve3"].options["wakeonlan"] = "b0:7b:25:d1:03:10"
        assert await one.do("POST", "/nodes/pve3/wakeonlan") == "b0:7b:25:d1:03:10"
        one.clock.advance(61)
        assert (await one.get("/nodes/pve3/status"))["uptime"] <= 1


async def test_a_node_that_reboots_is_gone_for_a_while() -> None:
    async with bench() as one:
        await one.do("POST", "/nodes/pve2/status", {"command": "reboot"})
        one.clock.advance(3)
        assert (await one.call("GET", "/nodes/pve2/status")).status == 595
        one.clock.advance(60)
        assert (await one.get("/nodes/pve2/status"))["uptime"] < 60
        assert (await one.get("/nodes/pve2/qemu/111/status/current"))["status"] == "stopped"


# -- many guests at once ----------------------------------------------------------------------------------------------


async def test_all_guests_of_a_node_are_shut_down_and_started() -> None:
    async with bench() as one:
        assert await one.run("POST", "/nodes/pve1/stopall") == "OK"
        assert {row["vmid"]: row["status"] for row in await one.get("/nodes/pve1/qemu")} == {
            101: "stopped",
            102: "stopped",
        }
        assert await one.run("POST", "/nodes/pve1/startall") == "OK"
        assert {row["vmid"]: row["status"] for row in await one.get("/nodes/pve1/qemu")} == {
            101: "running",
            102: "running",
        }
        assert (await one.get("/nodes/pve1/lxc"))[0]["status"] == "stopped"


async def test_a_guest_that_fails_makes_the_bulk_task_warn() -> None:
    async with bench() as one:
        assert await one.run("POST", "/nodes/pve2/stopall") == "WARNINGS: 1"
        assert await one.run("POST", "/nodes/pve1/migrateall", {"target": "pve2", "vms": "101,102"}) == "OK"
        assert {row["vmid"] for row in await one.get("/nodes/pve2/qemu")} == {101, 102, 110, 111}


async def test_bulk_actions_over_the_cluster_skip_what_is_out_of_reach() -> None:
    async with bench() as one:
        assert await one.run("POST", "/cluster/bulk-action/guest/shutdown", {"vms": [101, 103]}) == "OK"
        assert await one.run("POST", "/cluster/bulk-action/guest/start", {"vms": [101, 120]}) == "WARNINGS: 1"
        assert (await one.get(f"{WEB}/status/current"))["status"] == "running"
    async with bench(persona="8.4") as old:
        assert (await old.refused("POST", "/cluster/bulk-action/guest/start", {"vms": [101]})).status == 501

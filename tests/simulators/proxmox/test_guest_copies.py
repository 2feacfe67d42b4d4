"""What is done with guests as a whole: snapshots, clones, disks, migration, the agent (contract 7, 11, 15.6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.proxmox.bench import CT, DNS, VM, WEB, bench, state_of

# -- snapshots --------------------------------------------------------------------------------------------------------


async def test_snapshots_form_a_chain_and_roll_back() -> None:
    async with bench() as one:
        assert await one.run("POST", f"{VM}/snapshot", {"snapname": "first", "description": "one"}) == "OK"
        await one.do("PUT", f"{VM}/config", {"memory": 1024})
        assert await one.run("POST", f"{VM}/snapshot", {"snapname": "second"}) == "OK"
        assert await one.run("POST", f"{VM}/snapshot", {"snapname": "second"}) == "snapshot name 'second' already used"
        rows = {row["name"]: row for row in await one.get(f"{VM}/snapshot")}
        assert rows["second"]["parent"] == "first"
        assert rows["current"] == {
            "name": "current",
            "description": "You are here!",
            "running": 0,
            "digest": rows["current"]["digest"],
            "parent": "second",
        }
        assert await one.run("POST", f"{VM}/snapshot/first/rollback") == "OK"
        assert (await one.get(f"{VM}/config"))["memory"] == "4096"
        assert await one.run("DELETE", f"{VM}/snapshot/first") == "OK"
        rows = {row["name"]: row for row in await one.get(f"{VM}/snapshot")}
        assert "parent" not in rows["second"]
        assert await one.run("DELETE", f"{VM}/snapshot/first") == "snapshot 'first' does not exist"


async def test_a_snapshot_with_memory_comes_back_running() -> None:
    async with bench() as one:
        assert await one.run("POST", f"{WEB}/snapshot", {"snapname": "live", "vmstate": 1}) == "OK"
        assert {row["name"]: row.get("vmstate") for row in await one.get(f"{WEB}/snapshot")}["live"] == 1
        assert await one.run("POST", f"{WEB}/status/stop") == "OK"
        assert await one.run("POST", f"{WEB}/snapshot/live/rollback") == "OK"
        assert await state_of(one, WEB) == "running"


async def test_reserved_names_and_plain_disks_have_no_snapshots() -> None:
    async with bench() as one:
        answer = await one.refused("POST", f"{VM}/snapshot", {"snapname": "current"})
        assert answer.reason == "unable to use snapshot name 'current' (reserved name)"
        await one.do("PUT", f"{VM}/config", {"scsi1": "nas-vms:1,format=raw"})
        assert await one.run("POST", f"{VM}/snapshot", {"snapname": "ab"}) == "snapshot feature is not available"
        assert (await one.get(f"{VM}/feature", feature="snapshot"))["hasFeature"] == 0


# -- clones and templates ---------------------------------------------------------------------------------------------


async def test_a_clone_is_a_full_copy_with_its_own_identity() -> None:
    async with bench() as one:
        assert await one.run("POST", f"{VM}/clone", {"newid": 500, "name": "twin"}) == "OK"
        old, new = await one.get(f"{VM}/config"), await one.get("/nodes/pve2/qemu/500/config")
        assert new["name"] == "twin"
        assert new["net0"] != old["net0"]
        assert new["smbios1"] != old["smbios1"]
        assert new["scsi0"].startswith("nas-vms:500/vm-500-disk-0.qcow2")
        answer = await one.refused("POST", f"{VM}/clone", {"newid": 500})
        assert answer.reason == "unable to create VM 500: config file already exists"


async def test_a_template_is_for_good_and_cloned_by_link() -> None:
    async with bench() as one:
        assert await one.run("POST", f"{VM}/template") == "OK"
        config = await one.get(f"{VM}/config")
        assert config["template"] == 1
        assert "base-110-disk-0" in config["scsi0"]
        assert await one.run("POST", f"{VM}/status/start") == "you can't start a vm if it's a template"
        assert (await one.refused("POST", f"{VM}/template")).reason == "you can't convert a template to a template"
        answer = await one.refused("POST", f"{VM}/clone", {"newid": 500, "storage": "local-lvm"})
        assert answer.reason == "parameter 'storage' not allowed for linked clones"
        assert await one.run("POST", f"{VM}/clone", {"newid": 500}) == "OK"
        linked = (await one.get("/nodes/pve2/qemu/500/config"))["scsi0"]
        assert linked.startswith("nas-vms:110/base-110-disk-0.qcow2/500/vm-500-disk-0.qcow2")
        status = await one.run("DELETE", VM)
        assert status.startswith("base volume 'nas-vms:110/base-110-disk-0.qcow2' is still in use")
        assert await one.run("DELETE", "/nodes/pve2/qemu/500") == "OK"
        assert await one.run("DELETE", VM) == "OK"


async def test_making_a_container_a_template_answers_null() -> None:
    async with bench() as one:
        assert await one.do("POST", f"{CT}/template") is None
        one.clock.advance(5)
        assert (await one.get(f"{CT}/config"))["template"] == 1


async def test_a_running_container_is_cloned_only_from_a_snapshot() -> None:
    async with bench() as one:
        answer = await one.refused("POST", f"{DNS}/clone", {"newid": 500})
        assert answer.reason == "cannot do full clones on a running container without snapshots"
        assert await one.run("POST", f"{DNS}/snapshot", {"snapname": "ab"}) == "OK"
        assert await one.run("POST", f"{DNS}/clone", {"newid": 500, "snapname": "ab", "full": 1}) == "OK"


async def test_clones_of_local_disks_stay_on_their_node() -> None:
    async with bench() as one:
        answer = await one.refused("POST", f"{CT}/clone", {"newid": 500, "target": "pve1"})
        assert answer.reason == "can't clone CT to node 'pve1' (CT uses local storage)"
        assert await one.run("POST", f"{VM}/clone", {"newid": 500, "target": "pve1"}) == "OK"
        assert (await one.get("/nodes/pve1/qemu/500/config"))["name"] == "Copy-of-VM-build"


# -- disks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "result"), [("+4G", "36G"), ("40G", "40G"), ("32G", "32G")])
async def test_a_disk_grows_by_or_to_a_size(size: str, result: str) -> None:
    async with bench() as one:
        assert await one.run("PUT", f"{VM}/resize", {"disk": "scsi0", "size": size}) == "OK"
        assert f"size={result}" in (await one.get(f"{VM}/config"))["scsi0"]


async def test_a_machine_s_disk_is_checked_in_the_worker() -> None:
    async with bench() as one:
        stale = "0" * 40
        form = {"disk": "scsi0", "size": "+1G"}
        text = "checksum mismatch (file change by other user?)"
        assert await one.run("PUT", f"{VM}/resize", {**form, "digest": stale}) == text
        assert await one.run("PUT", f"{VM}/resize", {**form, "disk": "scsi9"}) == "disk 'scsi9' does not exist"


async def test_a_container_s_disk_is_checked_before_the_worker() -> None:
    async with bench() as one:
        answer = await one.refused("PUT", f"{CT}/resize", {"disk": "rootfs", "size": "1G"})
        assert answer.reason == "unable to shrink disk size"
        assert (
            await one.refused("PUT", f"{CT}/resize", {"disk": "mp0", "size": "1G"})
        ).reason == "disk 'mp0' does not exist"


async def test_a_disk_moves_to_another_storage() -> None:
    async with bench() as one:
        assert await one.run("POST", f"{VM}/move_disk", {"disk": "scsi0", "storage": "local-lvm"}) == "OK"
        config = await one.get(f"{VM}/config")
        assert config["scsi0"].startswith("local-lvm:vm-110-disk-0,")
        assert config["unused0"] == "nas-vms:110/vm-110-disk-0.qcow2"
        form = {"disk": "scsi0", "storage": "local-lvm"}
        assert (
            await one.refused("POST", f"{VM}/move_disk", form)
        ).reason == "you can't move to the same storage with same format"
        assert await one.run("POST", f"{VM}/move_disk", {"disk": "scsi0", "storage": "nas-vms", "delete": 1}) == "OK"
        assert await one.get("/nodes/pve2/storage/local-lvm/content", vmid=110) == []


async def test_a_disk_is_handed_over_to_another_guest() -> None:
    async with bench() as one:
        await one.do("PUT", f"{VM}/config", {"scsi1": "local-lvm:1"})
        assert await one.run("POST", "/nodes/pve2/qemu", {"vmid": 150}) == "OK"
        form = {"disk": "scsi1", "target-vmid": 150, "target-disk": "virtio0"}
        assert await one.run("POST", f"{VM}/move_disk", form) == "OK"
        assert "scsi1" not in await one.get(f"{VM}/config")
        assert (await one.get("/nodes/pve2/qemu/150/config"))["virtio0"].startswith("local-lvm:vm-150-disk-0")


# -- migration --------------------------------------------------------------------------------------------------------


async def test_a_running_machine_moves_only_online() -> None:
    async with bench() as one:
        answer = await one.refused("POST", f"{WEB}/migrate", {"target": "pve2"})
        assert answer.reason == "can't migrate running VM without --online"
        check = await one.get(f"{WEB}/migrate")
        assert (check["running"], check["local_disks"]) == (1, [])
        assert await one.run("POST", f"{WEB}/migrate", {"target": "pve2", "online": 1}) == "OK"
        assert await state_of(one, "/nodes/pve2/qemu/101") == "running"
        assert (await one.refused("GET", f"{WEB}/config")).status == 500


async def test_local_disks_move_with_a_running_machine_only_when_asked_for() -> None:
    async with bench() as one:
        await one.do("PUT", f"{WEB}/config", {"scsi1": "local-lvm:1"})
        check = await one.get(f"{WEB}/migrate")
        assert [disk["volid"] for disk in check["local_disks"]] == ["local-lvm:vm-101-disk-0"]
        form: dict[str, Any] = {"target": "pve2", "online": 1}
        assert await one.run("POST", f"{WEB}/migrate", form) == "migration aborted"
        assert "lock" not in await one.get(f"{WEB}/config")
        assert await one.run("POST", f"{WEB}/migrate", {**form, "with-local-disks": 1}) == "OK"
        assert len(await one.get("/nodes/pve2/storage/local-lvm/content", vmid=101)) == 1
        assert await one.get("/nodes/pve1/storage/local-lvm/content", vmid=101) == []


async def test_a_running_container_moves_by_a_restart() -> None:
    async with bench() as one:
        answer = await one.refused("POST", f"{DNS}/migrate", {"target": "pve2"})
        assert answer.reason == "can't migrate running container without --online or --restart"
        assert await one.run("POST", f"{DNS}/migrate", {"target": "pve2", "restart": 1}) == "OK"
        assert (await one.get("/nodes/pve2/lxc/103/status/current"))["status"] == "running"


async def test_migration_to_a_node_that_is_none_or_off() -> None:
    async with bench() as one:
        assert (await one.refused("POST", f"{VM}/migrate", {"target": "pve9"})).reason == "no such cluster node 'pve9'"
        assert await one.run("POST", f"{VM}/migrate", {"target": "pve3"}) == "migration aborted"


# -- agent ------------------------------------------------------------------------------------------------------------


async def test_the_agent_answers_in_a_running_machine_that_has_one() -> None:
    async with bench() as one:
        agent = f"{WEB}/agent"
        assert await one.do("POST", f"{agent}/ping") == {"result": {}}
        cards = (await one.get(f"{agent}/network-get-interfaces"))["result"]
        addresses = [one["ip-address"] for card in cards for one in card["ip-addresses"]]
        assert "10.20.0.101" in addresses
        assert cards[1]["hardware-address"] == "bc:24:11:5e:01:01"
        assert (await one.get(f"{agent}/get-fsinfo"))["result"][0]["mountpoint"] == "/"
        assert (await one.do("POST", f"{agent}/fsfreeze-status"))["result"] == "thawed"
        await one.do("POST", f"{agent}/fsfreeze-freeze")
        assert (await one.do("POST", f"{agent}/fsfreeze-status"))["result"] == "frozen"
        assert (await one.refused("POST", f"{VM}/agent/ping")).reason == "VM 110 is not running"
        await one.do("PUT", f"{VM}/config", {"agent": 0})
        assert (await one.refused("POST", f"{VM}/agent/ping")).reason == "No QEMU guest agent configured"
        one.sim.set_fault("agent-down", vmid=101)
        assert (await one.refused("POST", f"{agent}/ping")).reason == "QEMU guest agent is not running"


async def test_a_program_runs_and_is_asked_for_until_it_ends() -> None:
    async with bench() as one:
        agent = f"{WEB}/agent"
        made = await one.do("POST", f"{agent}/exec", {"command": ["sleep", "3"]})
        assert await one.get(f"{agent}/exec-status", pid=made["pid"]) == {"exited": 0}
        one.clock.advance(4)
        assert (await one.get(f"{agent}/exec-status", pid=made["pid"]))["exitcode"] == 0
        assert (await one.refused("GET", f"{agent}/exec-status", {"pid": made["pid"]})).status == 500
        made = await one.do("POST", f"{agent}/exec", {"command": ["cat", "/absent"]})
        one.clock.advance(1)
        status = await one.get(f"{agent}/exec-status", pid=made["pid"])
        assert (status["exitcode"], status["err-data"]) == (1, "cat: /absent: No such file or directory\n")
        answer = await one.refused("POST", f"{agent}/exec", {"command": ["rm", "-rf", "/"]})
        assert answer.reason.startswith("Agent error: Guest agent command failed")


async def test_files_in_the_guest_are_written_and_read() -> None:
    async with bench() as one:
        agent = f"{WEB}/agent"
        await one.do("POST", f"{agent}/file-write", {"file": "/etc/motd", "content": "hello"})
        assert (await one.get(f"{agent}/file-read", file="/etc/motd"))["content"] == "hello"
        answer = await one.refused("GET", f"{agent}/file-read", {"file": "/absent"})
        assert answer.reason.startswith("Agent error: failed to open file '/absent'")


async def test_addresses_of_a_stopped_container_are_null() -> None:
    async with bench(checked=False) as one:
        assert await one.get(f"{CT}/interfaces") is None
        rows = await one.get(f"{DNS}/interfaces")
        assert {row["name"]: row.get("inet") for row in rows}["eth0"] == "10.20.0.103/24"

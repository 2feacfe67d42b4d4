"""The life of guests: power, configuration, snapshots, clones, disks, migration (contract 4, 11, 12)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.simulators.proxmox.bench import Bench, bench

VM = "/nodes/pve2/qemu/110"
CT = "/nodes/pve2/lxc/112"
MAIL = "/nodes/pve2/qemu/111"
WEB = "/nodes/pve1/qemu/101"
DNS = "/nodes/pve1/lxc/103"


async def _state(one: Bench, guest: str) -> str:
    row = await one.get(f"{guest}/status/current")
    return str(row.get("qmpstatus") or row["status"])


async def test_the_default_world_has_what_the_documentation_says() -> None:
    async with bench() as one:
        guests = {row["vmid"]: row for row in await one.get("/cluster/resources", type="vm")}
        assert (guests[110]["node"], guests[110]["status"]) == ("pve2", "stopped")
        assert (guests[111]["node"], guests[111]["lock"]) == ("pve2", "backup")
        assert (guests[112]["type"], guests[112]["status"]) == ("lxc", "stopped")
        assert guests[120]["status"] == "unknown"
        assert "name" not in guests[120]
        storages = {(row["storage"], row["node"]) for row in await one.get("/cluster/resources", type="storage")}
        assert ("local", "pve2") in storages
        nodes = {row["node"]: row["status"] for row in await one.get("/nodes")}
        assert nodes == {"pve1": "online", "pve2": "online", "pve3": "offline"}


async def test_a_machine_goes_through_its_states() -> None:
    async with bench() as one:
        assert await _state(one, VM) == "stopped"
        assert await one.run("POST", f"{VM}/status/start") == "OK"
        assert await _state(one, VM) == "running"
        assert await one.run("POST", f"{VM}/status/start") == "VM 110 already running"
        assert await one.run("POST", f"{VM}/status/suspend") == "OK"
        assert await _state(one, VM) == "paused"
        answer = await one.refused("POST", f"{VM}/status/shutdown")
        assert answer.reason == "VM is paused - cannot shutdown"
        assert await one.run("POST", f"{VM}/status/resume") == "OK"
        assert await _state(one, VM) == "running"
        assert await one.run("POST", f"{VM}/status/reset") == "OK"
        assert await one.run("POST", f"{VM}/status/reboot") == "OK"
        assert await one.run("POST", f"{VM}/status/shutdown") == "OK"
        assert await _state(one, VM) == "stopped"


@pytest.mark.parametrize("word", ["reboot", "reset", "suspend", "resume"])
async def test_operations_on_a_running_machine_refuse_a_stopped_one(word: str) -> None:
    async with bench() as one:
        answer = await one.refused("POST", f"{VM}/status/{word}")
        assert (answer.status, answer.reason) == (500, "VM 110 not running")


async def test_a_hibernated_machine_is_locked_until_it_resumes() -> None:
    async with bench() as one:
        assert await one.run("POST", f"{WEB}/status/suspend", {"todisk": 1}) == "OK"
        config = await one.get(f"{WEB}/config")
        assert config["lock"] == "suspended"
        assert config["vmstate"].startswith("nas-vms:")
        assert await _state(one, WEB) == "stopped"
        assert await one.run("POST", f"{WEB}/status/resume") == "OK"
        config = await one.get(f"{WEB}/config")
        assert "lock" not in config
        assert "vmstate" not in config
        assert await _state(one, WEB) == "running"


async def test_a_container_refuses_at_once_what_a_machine_refuses_in_its_task() -> None:
    async with bench() as one:
        assert (await one.refused("POST", f"{DNS}/status/start")).reason == "CT 103 already running"
        assert await one.run("POST", f"{DNS}/status/stop") == "OK"
        assert (await one.refused("POST", f"{DNS}/status/stop")).reason == "CT 103 not running"
        assert (await one.refused("POST", f"{DNS}/status/reboot")).reason == "VM 103 not running"
        assert await one.run("POST", f"{DNS}/status/start") == "OK"
        assert await one.run("POST", f"{DNS}/status/reboot") == "OK"


async def test_a_guest_that_does_not_listen_runs_into_the_time_out() -> None:
    async with bench() as one:
        one.sim.cluster.guests[101].deaf = True
        assert (
            await one.run("POST", f"{WEB}/status/shutdown", {"timeout": 5}) == "VM quit/powerdown failed - got timeout"
        )
        assert await one.run("POST", f"{WEB}/status/shutdown", {"timeout": 5, "forceStop": 1}) == "WARNINGS: 1"
        assert await _state(one, WEB) == "stopped"


async def test_a_locked_guest_is_left_alone() -> None:
    async with bench() as one:
        for path in ("status/stop", "status/shutdown"):
            assert await one.run("POST", f"{MAIL}/{path}") == "VM is locked (backup)"
        assert await one.run("POST", f"{MAIL}/snapshot", {"snapname": "ab"}) == "VM is locked (backup)"
        for verb, path, form in (
            ("PUT", "config", {"cores": 1}),
            ("PUT", "resize", {"disk": "scsi0", "size": "+1G"}),
            ("POST", "clone", {"newid": 500}),
            ("POST", "migrate", {"target": "pve1", "online": 1}),
        ):
            answer = await one.refused(verb, f"{MAIL}/{path}", form)
            assert (answer.status, answer.reason) == (500, "VM is locked (backup)")


async def test_a_guest_on_another_node_does_not_exist_here() -> None:
    async with bench() as one:
        answer = await one.refused("GET", "/nodes/pve1/qemu/110/config")
        assert answer.reason == "Configuration file 'nodes/pve1/qemu-server/110.conf' does not exist"
        answer = await one.refused("GET", "/nodes/pve2/lxc/110/config")
        assert answer.reason == "Configuration file 'nodes/pve2/lxc/110.conf' does not exist"


# -- configuration ----------------------------------------------------------------------------------------------------


async def test_values_have_the_types_of_the_code_path_they_come_from() -> None:
    async with bench() as one:
        machine, container = await one.get(f"{VM}/config"), await one.get(f"{CT}/config")
        assert machine["memory"] == "4096"
        assert machine["cores"] == 2
        assert container["memory"] == 1024
        assert re.fullmatch(r"[0-9a-f]{40}", machine["digest"])


async def test_every_change_changes_the_digest_and_an_old_one_is_refused() -> None:
    async with bench() as one:
        first = (await one.get(f"{VM}/config"))["digest"]
        await one.do("PUT", f"{VM}/config", {"memory": 6144, "digest": first})
        second = (await one.get(f"{VM}/config"))["digest"]
        assert first != second
        answer = await one.refused("PUT", f"{VM}/config", {"memory": 2048, "digest": first})
        assert (answer.status, answer.reason) == (500, "checksum mismatch (file change by other user?)")
        await one.do("PUT", f"{VM}/config", {"memory": 4096})
        assert (await one.get(f"{VM}/config"))["digest"] == first


async def test_nothing_to_change_is_an_error() -> None:
    async with bench() as one:
        assert (await one.refused("PUT", f"{VM}/config")).reason == "no options specified"


async def test_changes_of_a_running_machine_wait_for_its_next_start() -> None:
    async with bench() as one:
        await one.do("PUT", f"{WEB}/config", {"memory": 8192, "description": "hot"})
        pending = {row["key"]: row for row in await one.get(f"{WEB}/pending")}
        assert (pending["memory"]["value"], pending["memory"]["pending"]) == ("4096", "8192")
        assert "pending" not in pending["description"]
        assert (await one.get(f"{WEB}/config"))["memory"] == "8192"
        assert (await one.call("GET", f"{WEB}/config", query={"current": 1})).data["memory"] == "4096"
        assert await one.run("POST", f"{WEB}/status/reboot") == "OK"
        assert "pending" not in {row["key"]: row for row in await one.get(f"{WEB}/pending")}["memory"]
        assert (await one.get(f"{WEB}/status/current"))["maxmem"] == 8192 * 1024**2


async def test_pending_changes_are_reverted() -> None:
    async with bench() as one:
        before = (await one.get(f"{WEB}/config"))["digest"]
        await one.do("PUT", f"{WEB}/config", {"memory": 8192, "delete": "machine,vmgenid"})
        rows = {row["key"]: row for row in await one.get(f"{WEB}/pending")}
        assert rows["vmgenid"]["delete"] == 1
        await one.do("PUT", f"{WEB}/config", {"revert": "memory,vmgenid"})
        assert (await one.get(f"{WEB}/config"))["digest"] == before


async def test_a_change_in_a_worker_ends_within_its_delay_or_gives_a_task() -> None:
    async with bench() as one:
        assert await one.run("POST", f"{VM}/config", {"cores": 3}) == "OK"
        assert await one.do("POST", f"{VM}/config", {"cores": 4, "background_delay": 5}) is None
        assert (await one.get(f"{VM}/config"))["cores"] == 4


async def test_a_new_disk_is_made_detached_and_destroyed() -> None:
    async with bench() as one:
        await one.do("PUT", f"{VM}/config", {"scsi1": "local-lvm:8,ssd=1"})
        config = await one.get(f"{VM}/config")
        assert config["scsi1"] == "local-lvm:vm-110-disk-0,size=8G,ssd=1"
        volumes = await one.get("/nodes/pve2/storage/local-lvm/content", vmid=110)
        assert [row["volid"] for row in volumes] == ["local-lvm:vm-110-disk-0"]
        await one.do("PUT", f"{VM}/config", {"delete": "scsi1"})
        config = await one.get(f"{VM}/config")
        assert config["unused0"] == "local-lvm:vm-110-disk-0"
        await one.do("PUT", f"{VM}/config", {"delete": "unused0"})
        assert "unused0" not in await one.get(f"{VM}/config")
        assert await one.get("/nodes/pve2/storage/local-lvm/content", vmid=110) == []


async def test_unlinking_with_force_destroys_at_once() -> None:
    async with bench() as one:
        await one.do("PUT", f"{VM}/config", {"scsi1": "local-lvm:8"})
        await one.do("PUT", f"{VM}/unlink", {"idlist": "scsi1", "force": 1})
        assert await one.get("/nodes/pve2/storage/local-lvm/content", vmid=110) == []


async def test_a_failed_change_leaves_no_volume_behind() -> None:
    async with bench() as one:
        form = {"scsi1": "local-lvm:8", "scsi2": "absent:8"}
        answer = await one.refused("PUT", f"{VM}/config", form)
        assert answer.reason == "storage 'absent' does not exist"
        assert await one.get("/nodes/pve2/storage/local-lvm/content", vmid=110) == []


async def test_a_network_card_gets_an_address_of_the_cluster_s_prefix() -> None:
    async with bench() as one:
        await one.do("PUT", f"{VM}/config", {"net1": "virtio,bridge=vmbr0,tag=7"})
        config = await one.get(f"{VM}/config")
        assert re.fullmatch(r"virtio=BC:24:11(:[0-9A-F]{2}){3},bridge=vmbr0,tag=7", config["net1"])


async def test_cloud_init_settings_wait_until_the_image_is_made_anew() -> None:
    async with bench() as one:
        await one.do("PUT", f"{VM}/config", {"ide0": "local-lvm:cloudinit"})
        form = {"ciuser": "admin", "cipassword": "secret", "ipconfig0": "ip=10.20.0.50/24,gw=10.20.0.1"}
        await one.do("PUT", f"{VM}/config", form)
        config = await one.get(f"{VM}/config")
        assert config["cipassword"] == "**********"
        assert config["ide0"].startswith("local-lvm:vm-110-cloudinit,media=cdrom")
        assert {row["key"]: row.get("pending") for row in await one.get(f"{VM}/cloudinit")}["ciuser"] == "admin"
        await one.do("PUT", f"{VM}/cloudinit")
        assert {row["key"]: row.get("value") for row in await one.get(f"{VM}/cloudinit")}["ciuser"] == "admin"
        assert "10.20.0.50/24" in (await one.call("GET", f"{VM}/cloudinit/dump", query={"type": "network"})).data


async def test_protection_keeps_guest_and_disks() -> None:
    async with bench() as one:
        await one.do("PUT", f"{VM}/config", {"protection": 1})
        answer = await one.refused("DELETE", VM)
        assert answer.reason == "can't remove VM 110 - protection mode enabled"
        answer = await one.refused("PUT", f"{VM}/config", {"delete": "scsi0"})
        assert answer.reason == "can't remove drive 'scsi0' - protection mode enabled"


# -- making and removing ----------------------------------------------------------------------------------------------


async def test_a_machine_is_created_and_destroyed() -> None:
    async with bench() as one:
        form = {"vmid": 150, "name": "fresh", "memory": 2048, "scsi0": "local-lvm:4", "net0": "virtio,bridge=vmbr0"}
        assert await one.run("POST", "/nodes/pve2/qemu", form) == "OK"
        config = await one.get("/nodes/pve2/qemu/150/config")
        assert config["boot"] == "order=scsi0;net0"
        assert config["smbios1"].startswith("uuid=")
        answer = await one.refused("POST", "/nodes/pve1/qemu", form)
        assert answer.reason == "unable to create VM 150 - VM 150 already exists on node 'pve2'"
        assert await one.run("POST", "/nodes/pve2/qemu/150/status/start") == "OK"
        assert (await one.refused("DELETE", "/nodes/pve2/qemu/150")).reason == "VM 150 is running - destroy failed"
        assert await one.run("POST", "/nodes/pve2/qemu/150/status/stop") == "OK"
        assert await one.run("DELETE", "/nodes/pve2/qemu/150") == "OK"
        assert (await one.refused("DELETE", "/nodes/pve2/qemu/150")).status == 500
        assert await one.get("/nodes/pve2/storage/local-lvm/content", vmid=150) == []


async def test_a_guest_in_the_making_is_locked() -> None:
    async with bench() as one:
        one.sim.task_seconds = 30
        upid = await one.do("POST", "/nodes/pve2/qemu", {"vmid": 150, "scsi0": "local-lvm:4", "start": 1})
        assert (await one.get("/nodes/pve2/qemu/150/config"))["lock"] == "create"
        assert await one.finished(upid) == "OK"
        assert await _state(one, "/nodes/pve2/qemu/150") == "running"


async def test_a_creation_that_fails_leaves_nothing() -> None:
    async with bench() as one:
        form = {"vmid": 150, "scsi0": "local-lvm:4", "scsi1": "nas-backup:4"}
        status = await one.run("POST", "/nodes/pve2/qemu", form)
        assert status == "unable to create VM 150 - storage 'nas-backup' does not support content-type 'images'"
        assert (await one.refused("GET", "/nodes/pve2/qemu/150/config")).status == 500
        assert await one.get("/nodes/pve2/storage/local-lvm/content", vmid=150) == []


async def test_a_container_is_created_from_a_template() -> None:
    async with bench() as one:
        template = "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst"
        form = {"vmid": 151, "ostemplate": template, "rootfs": "local-lvm:4", "net0": "name=eth0,bridge=vmbr0,ip=dhcp"}
        assert await one.run("POST", "/nodes/pve2/lxc", {**form, "password": "secret"}) == "OK"
        config = await one.get("/nodes/pve2/lxc/151/config")
        assert config["rootfs"] == "local-lvm:vm-151-disk-0,size=4G"
        assert "password" not in config
        assert re.search(r"hwaddr=BC:24:11", config["net0"])
        answer = await one.refused(
            "POST", "/nodes/pve2/lxc", {**form, "vmid": 152, "ostemplate": "local:vztmpl/no.tar.gz"}
        )
        assert answer.reason == "volume 'local:vztmpl/no.tar.gz' does not exist"


async def test_a_running_container_is_destroyed_only_with_force() -> None:
    async with bench() as one:
        answer = await one.refused("DELETE", DNS)
        assert answer.reason == "unable to destroy CT 103 - container is running"
        assert await one.run("DELETE", DNS, {"force": 1}) == "WARNINGS: 1"


async def test_purging_cleans_jobs_ha_and_replication() -> None:
    async with bench() as one:
        await one.do("POST", "/cluster/ha/resources", {"sid": "vm:110", "state": "stopped"})
        await one.do(
            "POST", "/cluster/backup", {"id": "job", "schedule": "daily", "storage": "nas-backup", "vmid": "110,111"}
        )
        answer = await one.refused("DELETE", VM)
        assert answer.reason == "unable to remove VM 110 - used in HA resources and purge parameter not set."
        assert await one.run("DELETE", VM, {"purge": 1}) == "OK"
        assert await one.get("/cluster/ha/resources") == []
        assert (await one.get("/cluster/backup/job"))["vmid"] == "111"


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
        assert await _state(one, WEB) == "running"


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


async def test_a_container_s_disk_does_not_shrink() -> None:
    async with bench() as one:
        assert await one.run("PUT", f"{CT}/resize", {"disk": "rootfs", "size": "1G"}) == "unable to shrink disk size"
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
        assert await _state(one, "/nodes/pve2/qemu/101") == "running"
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

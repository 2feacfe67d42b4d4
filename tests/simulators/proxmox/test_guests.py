"""The life of guests: power, configuration, creation and removal (contract 4, 11, 12)."""

from __future__ import annotations

import re

import pytest

from tests.simulators.proxmox.bench import CT, DNS, MAIL, VM, WEB, bench, state_of


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
        assert await state_of(one, VM) == "stopped"
        assert await one.run("POST", f"{VM}/status/start") == "OK"
        assert await state_of(one, VM) == "running"
        assert await one.run("POST", f"{VM}/status/start") == "VM 110 already running"
        assert await one.run("POST", f"{VM}/status/suspend") == "OK"
        assert await state_of(one, VM) == "paused"
        answer = await one.refused("POST", f"{VM}/status/shutdown")
        assert answer.reason == "VM is paused - cannot shutdown"
        assert await one.run("POST", f"{VM}/status/resume") == "OK"
        assert await state_of(one, VM) == "running"
        assert await one.run("POST", f"{VM}/status/reset") == "OK"
        assert await one.run("POST", f"{VM}/status/reboot") == "OK"
        assert await one.run("POST", f"{VM}/status/shutdown") == "OK"
        assert await state_of(one, VM) == "stopped"


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
        assert await state_of(one, WEB) == "stopped"
        assert await one.run("POST", f"{WEB}/status/resume") == "OK"
        config = await one.get(f"{WEB}/config")
        assert "lock" not in config
        assert "vmstate" not in config
        assert await state_of(one, WEB) == "running"


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
        assert await state_of(one, WEB) == "stopped"


async def test_a_locked_guest_is_left_alone() -> None:
    async with bench() as one:
        for path in ("status/stop", "status/shutdown"):
            assert await one.run("POST", f"{MAIL}/{path}") == "VM is locked (backup)"
        assert await one.run("POST", f"{MAIL}/snapshot", {"snapname": "ab"}) == "VM is locked (backup)"
        assert await one.run("PUT", f"{MAIL}/resize", {"disk": "scsi0", "size": "+1G"}) == "VM is locked (backup)"
        for verb, path, form in (
            ("PUT", "config", {"cores": 1}),
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
        assert await state_of(one, "/nodes/pve2/qemu/150") == "running"


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

"""Virtual machines and containers on every release: made, changed, deleted, and what is not done to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.appliances.truenas.harness import calls_of, nas, raw, sent

RELEASES = pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])


@RELEASES
async def test_a_container_lives_through_all_tools_of_its_release(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        before = await made.call("truenas_list_guests")
        page = await made.call("truenas_list_container_images", search="alpine")
        image = page["items"][0]["image"]  # type: ignore[index,call-overload]
        done = await made.call("truenas_create_container", name="probe", image=image)
        assert done["outcome"] == "applied", done
        detail = await made.call("truenas_get_guest", guest="probe")
        assert detail["kind"] == "container"
        changed = await made.call("truenas_update_guest", guest="probe", autostart=True)
        assert (changed["outcome"], changed["after"]) == ("applied", {"autostart": True})
        if detail["state"] == "RUNNING":
            assert (await made.fails("truenas_delete_guest", guest="probe")).code == "conflict"
            await made.call("truenas_stop_guest", guest="probe")
        assert (await made.call("truenas_delete_guest", guest="probe"))["outcome"] == "applied"
        assert await made.call("truenas_list_guests") == before


@RELEASES
async def test_a_machine_gets_its_devices_runs_pauses_and_goes_without_its_volume(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        await raw(made, "pool.dataset.create", {"name": "tank/disk1", "type": "VOLUME", "volsize": 2**30})
        await made.call("truenas_create_vm", name="probe", memory_mib=512)
        for device in ({"volume": "tank/disk1"}, {"nic": "eno2"}, {"iso": "/mnt/tank/iso/debian.iso"}):
            assert (await made.call("truenas_add_vm_device", guest="probe", **device))["outcome"] == "applied"
        detail = await made.call("truenas_get_guest", guest="probe")
        told = [f"{one['kind']} {one['what']}" for one in detail["devices"]]  # type: ignore[union-attr,index,call-overload]
        assert told[0] == "DISK path /dev/zvol/tank/disk1"
        assert (detail["memory_bytes"], len(told)) == (512 * 2**20, 3)
        for tool, state in (("start", "RUNNING"), ("suspend", "SUSPENDED"), ("resume", "RUNNING"), ("stop", "STOPPED")):
            answer = await made.call(f"truenas_{tool}_guest", guest="probe")
            assert answer["after"] == {"state": state}
        assert (await made.call("truenas_delete_guest", guest="probe"))["outcome"] == "applied"
        page = await made.call("truenas_list_datasets", limit=200)
        assert "tank/disk1" in str(page)


async def test_a_volume_is_not_given_to_two_machines(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await raw(made, "pool.dataset.create", {"name": "tank/disk1", "type": "VOLUME", "volsize": 2**30})
        await made.call("truenas_add_vm_device", guest="win-lab", volume="tank/disk1")
        error = await made.fails("truenas_add_vm_device", guest="router", volume="tank/disk1")
        assert (error.code, calls_of(made, "vm.device.create")) == ("conflict", 1)


async def test_a_running_machine_is_neither_deleted_nor_robbed_of_a_device(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        assert (await made.fails("truenas_delete_guest", guest="router")).code == "conflict"
        assert (await made.fails("truenas_remove_vm_device", guest="router", device=1)).code == "conflict"
        answer = await made.call("truenas_update_guest", guest="router", memory_mib=4096)
        assert "started next" in str(answer["warnings"])
        assert calls_of(made, "vm.delete") == calls_of(made, "vm.device.delete") == 0


async def test_the_password_of_a_display_is_not_told(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        said = json.dumps(await made.call("truenas_get_guest", guest="router"))
        assert "DISPLAY" in said
        assert "spice-pass-9" not in said


async def test_what_a_release_lacks_for_containers_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    for persona, arguments in (("26", {"memory_mib": 512}), ("25.10", {"description": "x"})):
        folder = tmp_path / persona
        folder.mkdir()
        async with nas(folder, persona) as made:
            error = await made.fails("truenas_update_guest", guest="ci-runner", **arguments)
            assert error.code == "unsupported"
            assert not [method for method, _ in sent(made) if method.endswith(".update")]


async def test_memory_and_processors_of_a_container_are_sent_in_its_own_units_and_taken_back(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        first = await made.call("truenas_update_guest", guest="ci-runner", memory_mib=512, cores=2)
        assert first["after"] == {"memory": 512 * 2**20, "cpu": "2"}
        assert first["cannot_undo"]
        second = await made.call("truenas_update_guest", guest="ci-runner", memory_mib=1024, cores=4)
        undo = second["undo"]
        assert isinstance(undo, dict)
        assert undo["arguments"] == {"guest": "ci-runner", "kind": "container", "memory_mib": 512, "cores": 2}

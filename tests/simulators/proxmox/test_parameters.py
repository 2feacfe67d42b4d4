"""Parameter verification: what is refused, under which name, in which words (contract 4 and 5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.proxmox.bench import bench

UNKNOWN = "property is not defined in schema and the schema does not allow additional properties"
MISSING = "property is missing and it is not optional"


async def test_the_example_of_the_contract() -> None:
    async with bench() as one:
        answer = await one.refused("POST", "/nodes/pve2/qemu", {"vmid": 150, "onboot": "true", "colour": "red"})
        assert (answer.status, answer.reason) == (400, "Parameter verification failed.")
        assert answer.document == {
            "data": None,
            "message": "Parameter verification failed.\n",
            "errors": {"onboot": "type check ('boolean') failed - got 'true'", "colour": UNKNOWN},
        }


@pytest.mark.parametrize(
    ("verb", "path", "form", "errors"),
    [
        ("POST", "/nodes/pve2/qemu", {}, {"vmid": MISSING}),
        ("POST", "/nodes/pve2/qemu", {"vmid": "abc"}, {"vmid": "type check ('integer') failed - got 'abc'"}),
        (
            "POST",
            "/nodes/pve2/qemu",
            {"vmid": 99},
            {"vmid": "invalid format - value does not look like a valid VM ID\n"},
        ),
        (
            "POST",
            "/nodes/pve2/qemu",
            {"vmid": 150, "onboot": "yes"},
            {"onboot": "type check ('boolean') failed - got 'yes'"},
        ),
        ("POST", "/nodes/pve2/qemu", {"vmid": 150, "cores": 0}, {"cores": "value must have a minimum value of 1"}),
        (
            "POST",
            "/nodes/pve2/qemu",
            {"vmid": 150, "bios": "coreboot"},
            {"bios": "value 'coreboot' does not have a value in the enumeration 'seabios, ovmf'"},
        ),
        ("POST", "/nodes/pve2/qemu", {"vmid": 150, "scsi31": "local-lvm:1"}, {"scsi31": UNKNOWN}),
        ("POST", "/nodes/pve2/qemu", {"vmid": 150, "net32": "virtio"}, {"net32": UNKNOWN}),
        (
            "POST",
            "/nodes/pve2/qemu",
            {"vmid": 150, "scsi0": "local-lvm:1,colour=red"},
            {"scsi0": "invalid format - invalid key in comma-separated list property: colour"},
        ),
        (
            "POST",
            "/nodes/pve2/qemu",
            {"vmid": 150, "scsi0": "local-lvm:1,cache=maybe"},
            {
                "scsi0": "invalid format - format error\n"
                "scsi0.cache: value 'maybe' does not have a value in the enumeration"
                " 'none, writethrough, writeback, unsafe, directsync'\n"
            },
        ),
        (
            "POST",
            "/nodes/pve2/qemu",
            {"vmid": 150, "name": "not a name"},
            {"name": "invalid format - value does not look like a valid DNS name\n"},
        ),
        ("PUT", "/nodes/pve2/qemu/110/resize", {"disk": "scsi0"}, {"size": MISSING}),
        (
            "POST",
            "/nodes/pve2/qemu/110/status/suspend",
            {"statestorage": "local"},
            {"todisk": "missing property - 'statestorage' requires this property"},
        ),
        (
            "GET",
            "/cluster/resources",
            {"type": "pool"},
            {"type": "value 'pool' does not have a value in the enumeration 'vm, storage, node, sdn'"},
        ),
        (
            "POST",
            "/access/users",
            {"userid": "nobody"},
            {"userid": "invalid format - value 'nobody' does not look like a valid user name\n"},
        ),
        (
            "POST",
            "/access/users",
            {"userid": "a@pve", "password": "short"},
            {"password": "value must be at least 8 characters long"},
        ),
        (
            "POST",
            "/nodes/pve2/qemu/110/snapshot",
            {"snapname": "1bad"},
            {"snapname": "invalid format - invalid configuration ID '1bad'\n"},
        ),
        (
            "POST",
            "/nodes/pve2/qemu/110/snapshot",
            {"snapname": "a" * 41},
            {"snapname": "value may only be 40 characters long"},
        ),
        (
            "POST",
            "/storage",
            {"storage": "x", "type": "dir", "path": "/x"},
            {"storage": "invalid format - storage ID 'x' contains illegal characters\n"},
        ),
        ("POST", "/nodes/pve2/qemu/110/migrate", {"target": "pve2"}, {"target": "target is local node."}),
        ("GET", "/nodes/pve2/storage/absent/status", {}, {"storage": "No such storage."}),
        ("GET", "/cluster/nextid", {"vmid": 110}, {"vmid": "VM 110 already exists"}),
        ("PUT", "/nodes/pve2/qemu/110/config", {"delete": "bogus"}, {"delete": "unknown option 'bogus'"}),
        ("PUT", "/nodes/pve2/qemu/110/config", {"revert": "bogus"}, {"revert": "unknown option 'bogus'"}),
        (
            "POST",
            "/cluster/backup",
            {"schedule": "daily", "storage": "nas-vms", "all": 1},
            {"storage": "storage 'nas-vms' does not support backups"},
        ),
        ("POST", "/nodes/pve2/vzdump", {"vmid": "110", "tmpdir": "/x"}, {"tmpdir": "Only root may set this option."}),
    ],
)
async def test_a_bad_parameter_is_refused_under_its_name(
    verb: str, path: str, form: dict[str, Any], errors: dict[str, str]
) -> None:
    async with bench() as one:
        answer = await one.refused(verb, path, form)
        assert (answer.status, answer.reason) == (400, "Parameter verification failed.")
        # The wire keeps the line ends inside a refusal but not the last one of a single line.
        assert answer.errors == {
            name: why if "\n" in why.rstrip("\n") else why.rstrip("\n") for name, why in errors.items()
        }


async def test_words_are_booleans_inside_property_strings_only() -> None:
    async with bench() as one:
        await one.do(
            "PUT", "/nodes/pve2/qemu/110/config", {"net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=on"}
        )
        config = await one.get("/nodes/pve2/qemu/110/config")
        assert config["net0"].startswith("virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=")


async def test_arrays_are_repeated_keys() -> None:
    async with bench() as one:
        made = await one.do("POST", "/nodes/pve1/qemu/101/agent/exec", {"command": ["echo", "a", "b"]})
        one.clock.advance(1)
        status = await one.get("/nodes/pve1/qemu/101/agent/exec-status", pid=made["pid"])
        assert status == {"exited": 1, "exitcode": 0, "out-data": "a b\n"}


async def test_lists_take_commas_semicolons_and_blanks() -> None:
    async with bench() as one:
        for text in ("cores,balloon", "cores;balloon", "cores balloon"):
            await one.do("PUT", "/nodes/pve2/qemu/110/config", {"balloon": 512, "cores": 2})
            await one.do("PUT", "/nodes/pve2/qemu/110/config", {"delete": text})
            config = await one.get("/nodes/pve2/qemu/110/config")
            assert "cores" not in config
            assert "balloon" not in config


async def test_parameters_of_a_newer_release_are_unknown_to_an_older_one() -> None:
    async with bench() as new, bench(persona="8.4") as old:
        form = {"vmid": 150, "ha-managed": 0}
        assert await new.run("POST", "/nodes/pve2/qemu", form) == "OK"
        assert (await old.refused("POST", "/nodes/pve2/qemu", form)).errors == {"ha-managed": UNKNOWN}


async def test_a_node_that_is_none_fails_in_the_name_service() -> None:
    async with bench() as one:
        answer = await one.call("GET", "/nodes/pve9/status")
        assert answer.status == 500
        assert answer.reason.startswith("hostname lookup 'pve9' failed")


async def test_the_full_name_of_a_node_ends_in_a_certificate_that_does_not_fit() -> None:
    async with bench() as one:
        answer = await one.call("GET", "/nodes/pve2.rack.example/status")
        assert (answer.status, answer.reason, answer.body) == (596, "certificate verify failed", b"")

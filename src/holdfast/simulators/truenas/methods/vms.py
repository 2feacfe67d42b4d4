"""`vm.*` and `vm.device.*` (contract section 15.13). Memory in MiB."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import ALL_VERBS, Crud, Table, done
from holdfast.simulators.truenas.errors import EBUSY, EEXIST, EINVAL, ENOENT, ENOMEM, CallError, Json, Row, invalid
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.schema import Checker

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

MIB = 1024**2
SIZES = ("1920x1200", "1920x1080", "1600x1200", "1280x1024", "1024x768", "800x600")


class Vms(Namespace):
    """Virtual machines and their devices."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.vms = Table(box, "vm", "VM")
        self.devices = Table(box, "vm.device", "VM Device")
        self.vms.present = self._present
        self.states: dict[int, str] = {}
        Crud(self, self.vms, unique=("name",), check=self._check, verbs=ALL_VERBS[:-1])
        Crud(self, self.devices, check=self._check_device, verbs=("query", "get_instance", "create"))
        bridges = (
            {"BRIDGE": [], "MACVLAN": ["eno1", "eno2"]}
            if box.persona.release >= (26, 0)
            else {n: n for n in ("eno1", "eno2")}
        )
        fixed: dict[str, Json] = {
            "vm.bootloader_options": {"UEFI": "UEFI", "UEFI_CSM": "Legacy BIOS"},
            "vm.bootloader_ovmf_choices": {"OVMF_CODE.fd": "OVMF_CODE.fd"},
            "vm.cpu_model_choices": {"EPYC": "EPYC", "Skylake-Server": "Skylake-Server"},
            "vm.guest_architecture_and_machine_choices": {"x86_64": ["pc", "q35"]},
            "vm.resolution_choices": {size: size for size in SIZES},
            "vm.maximum_supported_vcpus": 255,
            "vm.supports_virtualization": True,
            "vm.virtualization_details": {"supported": True, "error": None},
            "vm.flags": {"intel_vmx": True, "unrestricted_guest": True, "amd_rvi": False, "amd_asids": False},
            "vm.device.nic_attach_choices": bridges,
            "vm.device.bind_choices": {"0.0.0.0": "0.0.0.0", "127.0.0.1": "127.0.0.1"},
            "vm.device.iotype_choices": {"NATIVE": "NATIVE", "THREADS": "THREADS", "IO_URING": "IO_URING"},
            "vm.device.iommu_enabled": True,
        }
        for name, value in fixed.items():
            self.choices(name, functools.partial(copy.deepcopy, value))
        row = self.vms.add({"name": "router", "memory": 2048, "vcpus": 1, "cores": 2, "threads": 1, "autostart": True})
        self._add_device(
            row["id"], {"dtype": "NIC", "type": "VIRTIO", "nic_attach": "eno1", "mac": "00:a0:98:1c:2d:3e"}
        )
        self._add_device(
            row["id"],
            {"dtype": "DISPLAY", "port": 5900, "web_port": 5901, "password": "spice-pass-9", "bind": "0.0.0.0"},
        )
        self.states[row["id"]] = "RUNNING"
        idle = self.vms.add(
            {"name": "win-lab", "memory": 8192, "vcpus": 1, "cores": 4, "threads": 1, "autostart": False}
        )
        self.states[idle["id"]] = "STOPPED"

    def rebooted(self) -> None:
        for row in self.vms:
            self.states[row["id"]] = "RUNNING" if row["autostart"] else "STOPPED"

    def _add_device(self, number: int, attributes: Row) -> Row:
        """A device with all attributes its kind has."""
        order = 1000 + len([d for d in self.devices if d["vm"] == number])
        return self.devices.add({"vm": number, "order": order, "attributes": self._complete(attributes)})

    def _complete(self, attributes: Row) -> Row:
        fact = self.box.fact("vm.device.create")
        if fact is None:
            return attributes
        checker = Checker(self.box.facts.resolve)
        schema = self.box.facts.resolve(fact.params[0].schema)["properties"]["attributes"]
        return dict(checker.check(schema, attributes, "attributes"))

    def _present(self, row: Row) -> Row:
        return {
            **row,
            "devices": [dict(device) for device in self.devices if device["vm"] == row["id"]],
            "display_available": True,
            "status": self.status_of(row["id"]),
        }

    def new_mac(self) -> str:
        """A MAC address for a machine."""
        tail = self.box.random.getrandbits(24)
        return f"00:a0:98:{tail >> 16:02x}:{tail >> 8 & 255:02x}:{tail & 255:02x}"

    def status_of(self, number: int) -> Row:
        """State, process id and hypervisor's state."""
        state = self.states.get(number, "STOPPED")
        domain = {"RUNNING": "RUNNING", "STOPPED": "SHUTOFF", "SUSPENDED": "PAUSED"}[state]
        return {"state": state, "pid": 40_000 + number if state != "STOPPED" else None, "domain_state": domain}

    def _check(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        total = row["vcpus"] * row["cores"] * row["threads"]
        if total > 255:
            raise invalid(f"{prefix}.vcpus", f"Maximum 255 vcpus are supported, not {total}")
        if row.get("bootloader_ovmf") is None:
            row["bootloader_ovmf"] = "OVMF_CODE.fd"
        if not all(char.isalnum() or char == "_" for char in row["name"].replace("-", "_")):
            raise invalid(f"{prefix}.name", "Only alphanumeric characters are allowed.")
        if row.get("min_memory") is not None and row["min_memory"] > row["memory"]:
            raise invalid(f"{prefix}.min_memory", "Minimum memory should not be greater than defined/maximum memory")

    def _check_device(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if row["vm"] not in self.vms.rows:
            raise invalid(f"{prefix}.vm", f"VM {row['vm']} does not exist", ENOENT)
        attributes = row["attributes"]
        if attributes["dtype"] == "DISK":
            path = str(attributes.get("path") or "")
            if attributes.get("create_zvol"):
                name, size = attributes.get("zvol_name"), attributes.get("zvol_volsize")
                if not name or not size:
                    raise invalid(f"{prefix}.attributes.zvol_name", "This field is required")
                if name in self.storage.store.datasets:
                    raise invalid(f"{prefix}.attributes.zvol_name", f"{name} already exists", EEXIST)
                volume = self.storage.store.add_dataset(name, "VOLUME", self.box.clock.now())
                volume.volsize, volume.sparse = size, True
                attributes["path"] = f"/dev/zvol/{name}"
            elif path.removeprefix("/dev/zvol/") not in self.storage.store.datasets:
                raise invalid(f"{prefix}.attributes.path", f"Disk path {path} does not exist.", ENOENT)
        if attributes["dtype"] == "NIC" and attributes.get("mac") is None:
            attributes["mac"] = self.new_mac()
        if row.get("order") is None:
            row["order"] = 1000 + len([d for d in self.devices if d["vm"] == row["vm"]])

    @method("vm.device.update")
    def update_device(self, call: Call, number: int, data: Row) -> Row:
        """Change a device; attributes are merged and checked as on creation."""
        device = self.devices.get(number)
        attributes = {**device["attributes"], **(data.get("attributes") or {})}
        fact = self.box.fact("vm.device.create")
        assert fact is not None
        checker = Checker(self.box.facts.resolve)
        schema = self.box.facts.resolve(fact.params[0].schema)["properties"]["attributes"]
        attributes = checker.check(schema, attributes, "vm_device_update.attributes")
        if checker.problems:
            raise invalid(*checker.problems[0])
        return self.devices.change(number, {**data, "attributes": attributes})

    @method("vm.device.delete")
    def delete_device(self, call: Call, number: int, options: Row) -> bool:
        """Remove a device; with `zvol` its volume too."""
        device = self.devices.get(number)
        if self.state_of(device["vm"]) != "STOPPED" and not options["force"]:
            raise CallError("Please stop/resume the VM before deleting its device.", EBUSY)
        if options["zvol"] and device["attributes"]["dtype"] == "DISK":
            name = str(device["attributes"].get("path") or "").removeprefix("/dev/zvol/")
            if name in self.storage.store.datasets:
                self.storage.store.drop_dataset(self.storage.store.datasets[name])
        self.devices.remove(number)
        return True

    @method("vm.device.disk_choices")
    def disk_choices(self, call: Call) -> Row:
        """Volumes that no machine uses."""
        used = {device["attributes"].get("path") for device in self.devices}
        names = sorted(d.name for d in self.storage.store.datasets.values() if d.is_volume)
        return {f"/dev/zvol/{name}": name for name in names if f"/dev/zvol/{name}" not in used}

    @method("vm.device.virtual_size")
    def virtual_size(self, call: Call, data: Row) -> int:
        """Bytes of a disk image."""
        from holdfast.simulators.truenas.methods.filesystem import Filesystem

        if not self.box.get(Filesystem).exists(data["path"]):
            raise invalid("vm_virtual_size.path", f"{data['path']} does not exist", ENOENT)
        return 10 * 1024**3

    @method("vm.device.convert")
    def convert(self, call: Call, data: Row) -> Steps:
        """Copy between a disk image and a volume."""
        if data["source"] == data["destination"]:
            raise invalid("vm_convert.destination", "Source and destination are the same")
        for percent in (25, 50, 75):
            yield Step(percent, "Converting")
        return True

    # Power ---------------------------------------------------------------------------------------------------

    def _set(self, number: int, state: str) -> None:
        self.states[number] = state
        self.vms.touch(number)

    def state_of(self, number: int) -> str:
        """State of a machine: it is stopped where nothing else is known."""
        return self.states.get(int(self.vms.get(number)["id"]), "STOPPED")

    def used_mib(self) -> int:
        """Memory of all machines that are not stopped, MiB."""
        return sum(int(row["memory"]) for row in self.vms if self.state_of(row["id"]) != "STOPPED")

    @method("vm.start")
    def start(self, call: Call, number: int, options: Row) -> None:
        """Start."""
        vm = self.vms.get(number)
        if self.state_of(number) != "STOPPED":
            raise CallError("VM state is currently not 'SHUTOFF'", EINVAL)
        free = self.box.server.memory_bytes // MIB - self.used_mib()
        if vm["memory"] > free and not options["overcommit"]:
            raise CallError(f"Cannot guarantee memory for guest {vm['name']}", ENOMEM)
        self._set(number, "RUNNING")

    @method("vm.stop", lock=lambda arguments: f"{arguments[0]}")
    def stop(self, call: Call, number: int, options: Row) -> Steps:
        """Shut down; killed after the shutdown timeout only when told to."""
        self.vms.get(number)
        if self.state_of(number) == "STOPPED":
            raise CallError("VM is not running", EINVAL)
        yield Step(50, "Shutting down")
        self._set(number, "STOPPED")

    @method("vm.poweroff")
    def poweroff(self, call: Call, number: int) -> None:
        """Pull the plug."""
        self.vms.get(number)
        if self.state_of(number) == "STOPPED":
            raise CallError("VM is not running", EINVAL)
        self._set(number, "STOPPED")

    @method("vm.restart", lock=lambda arguments: f"{arguments[0]}")
    def restart(self, call: Call, number: int) -> Steps:
        """Shut down and start."""
        yield from self.stop(call, number, {})
        yield Step(80, "Starting")
        self._set(number, "RUNNING")

    @method("vm.suspend")
    def suspend(self, call: Call, number: int) -> None:
        """Pause."""
        if self.state_of(number) != "RUNNING":
            raise CallError("VM is not running", EINVAL)
        self._set(number, "SUSPENDED")

    @method("vm.resume")
    def resume(self, call: Call, number: int) -> None:
        """Go on after a pause."""
        if self.state_of(number) != "SUSPENDED":
            raise CallError("VM is not suspended", EINVAL)
        self._set(number, "RUNNING")

    @method("vm.reset", since="27")
    def reset(self, call: Call, number: int) -> None:
        """Press the reset button."""
        if self.state_of(number) != "RUNNING":
            raise CallError("VM is not running", EINVAL)
        self.vms.touch(number)

    @method("vm.delete")
    def delete(self, call: Call, number: int, options: Row) -> bool | None:
        """Delete; with `zvols` its disks too. A running one only with `force`."""
        self.vms.get(number)
        if self.state_of(number) != "STOPPED":
            if not options["force"]:
                raise CallError("VM is running, stop it or set force", EBUSY)
            self.states[number] = "STOPPED"
        for device in [d for d in self.devices if d["vm"] == number]:
            self.delete_device(call, device["id"], {"force": True, "zvol": options["zvols"]})
        self.vms.remove(number)
        return done(call)

    @method("vm.clone")
    def clone(self, call: Call, number: int, name: str | None) -> bool:
        """Copy a machine and its devices."""
        vm = self.vms.get(number)
        taken = {row["name"] for row in self.vms}
        chosen = name or next(f"{vm['name']}_clone{n}" for n in range(1000) if f"{vm['name']}_clone{n}" not in taken)
        if chosen in taken:
            raise invalid("name", f"VM with name {chosen} already exists", EEXIST)
        copied = self.vms.add({**{k: v for k, v in vm.items() if k not in ("id", "uuid")}, "name": chosen})
        for device in [d for d in self.devices if d["vm"] == number]:
            attributes = {k: v for k, v in device["attributes"].items() if k not in ("mac", "port", "web_port")}
            self._add_device(copied["id"], attributes)
        return True

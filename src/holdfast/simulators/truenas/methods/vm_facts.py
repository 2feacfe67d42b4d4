"""`vm.*`: what can be asked of machines besides their rows (contract section 15.13): memory, displays, logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import Row
from holdfast.simulators.truenas.methods.vms import MIB, Vms
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call


class VmFacts(Namespace):
    """Facts about virtual machines."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self._machines = box.get(Vms)

    @method("vm.status")
    def status(self, call: Call, number: int) -> Row:
        """State, process id and hypervisor's state."""
        return self._machines.status_of(int(self._machines.vms.get(number)["id"]))

    @method("vm.get_available_memory")
    def available_memory(self, call: Call, overcommit: bool) -> int:
        """Bytes for further machines."""
        return self.box.server.memory_bytes - self._machines.used_mib() * MIB

    @method("vm.get_memory_usage")
    def memory_usage(self, call: Call, number: int) -> int:
        """Bytes in use by a machine."""
        vm = self._machines.vms.get(number)
        return int(vm["memory"]) * MIB if self._machines.state_of(number) != "STOPPED" else 0

    @method("vm.get_vmemory_in_use")
    def vmemory_in_use(self, call: Call) -> Row:
        """Bytes promised to running and provisioned machines."""
        used = self._machines.used_mib() * MIB
        return {"RNP": 0, "PRD": used, "RPRD": used}

    @method("vm.get_vm_memory_info")
    def memory_info(self, call: Call, number: int) -> Row:
        """What starting a machine would ask of memory. Bytes."""
        vm = self._machines.vms.get(number)
        wanted = int(vm["memory"]) * MIB
        arc = self.box.server.memory_bytes // 2
        return {
            "minimum_memory_requested": vm.get("min_memory") and vm["min_memory"] * MIB,
            "total_memory_requested": wanted,
            "overcommit_required": wanted > self.box.server.memory_bytes - self._machines.used_mib() * MIB,
            "memory_req_fulfilled_after_overcommit": True,
            "arc_to_shrink": None,
            "current_arc_max": arc,
            "arc_min": arc // 8,
            "arc_max_after_shrink": arc,
            "actual_vm_requested_memory": wanted,
        }

    @method("vm.get_console")
    def console(self, call: Call, number: int) -> str:
        """Name of the serial console."""
        return f"{number}_{self._machines.vms.get(number)['name']}"

    @method("vm.get_display_devices")
    def display_devices(self, call: Call, number: int) -> list[Row]:
        """Its displays."""
        self._machines.vms.get(number)
        return [
            {
                **device,
                "attributes": {
                    **device["attributes"],
                    "password_configured": bool(device["attributes"].get("password")),
                },
            }
            for device in self._machines.devices
            if device["vm"] == number and device["attributes"]["dtype"] == "DISPLAY"
        ]

    @method("vm.get_display_web_uri")
    def display_web_uri(self, call: Call, number: int, host: str, options: Row) -> Row:
        """Where its display can be seen in a browser."""
        displays = self.display_devices(call, number)
        if not displays:
            return {"error": "No display devices configured for this VM", "uri": None}
        port = displays[0]["attributes"]["web_port"]
        return {
            "error": None,
            "uri": f"{options['protocol'].lower()}://{host or self.box.server.host_ip}:{port}/spice_auto.html",
        }

    @method("vm.port_wizard")
    def port_wizard(self, call: Call) -> Row:
        """Free ports for a display."""
        used = {device["attributes"].get("port") for device in self._machines.devices}
        port = next(number for number in range(5900, 65_535) if number not in used)
        return {"port": port, "web": port + 1}

    @method("vm.random_mac")
    def random_mac(self, call: Call) -> str:
        """A MAC address for a machine."""
        return self._machines.new_mac()

    @method("vm.log_file_path")
    def log_file_path(self, call: Call, number: int) -> str | None:
        """Path of its log."""
        vm = self._machines.vms.get(number)
        return f"/var/log/libvirt/qemu/{number}_{vm['name']}.log"

    @method("vm.log_file_download")
    def log_file_download(self, call: Call, number: int) -> Steps:
        """Its log, through `core.download`."""
        vm = self._machines.vms.get(number)
        yield Step(50, "Reading")
        if call.job is not None and call.job.output is not None:
            call.job.output.data += f"log of {vm['name']}\n".encode()

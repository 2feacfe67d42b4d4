"""Tools about virtual machines and containers beyond starting and stopping."""

from __future__ import annotations

from tests.appliances.truenas.case import Call, Case

NO_GUEST = {"guest": "nowhere"}
DISK = {"guest": "win-lab", "volume": "tank/vol9"}
NIC: Call = ("add_vm_device", {"guest": "win-lab", "nic": "eno2"})

READS: tuple[Case, ...] = (
    Case("get_guest", {"guest": "router"}, missing=NO_GUEST),
    Case("list_container_images", {"search": "debian"}),
)

WRITES: tuple[Case, ...] = (
    Case("suspend_guest", {"guest": "router"}, "vm.suspend", missing=NO_GUEST),
    Case("resume_guest", {"guest": "router"}, "vm.resume", (("suspend_guest", {"guest": "router"}),), missing=NO_GUEST),
    Case("create_vm", {"name": "lab_9", "memory_mib": 1024, "cores": 2}, "vm.create"),
    Case(
        "update_guest",
        {"guest": "win-lab", "memory_mib": 4096, "cores": 2, "autostart": True},
        "vm.update",
        missing={**NO_GUEST, "autostart": True},
    ),
    Case("delete_guest", {"guest": "win-lab"}, "vm.delete", missing=NO_GUEST),
    Case("add_vm_device", DISK, "vm.device.create", (("!volume", {}),), missing={**NO_GUEST, "nic": "eno2"}),
    Case(
        "remove_vm_device",
        {"guest": "win-lab", "device": 3},
        "vm.device.delete",
        (NIC,),
        missing={"guest": "win-lab", "device": 99},
        undo=False,
    ),
    Case(
        "create_container",
        {"name": "ci-2", "image": "$image"},
        "virt.instance.create",
        missing={"name": "ci-2", "image": "plan9"},
    ),
)

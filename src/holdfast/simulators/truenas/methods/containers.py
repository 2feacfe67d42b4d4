"""`container.*` and `lxc.*`: containers of 26 (contract section 15.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import READ_VERBS, Crud, Settings, Table
from holdfast.simulators.truenas.errors import EBUSY, EEXIST, ENOENT, CallError, Row, invalid
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

REGISTRY: dict[str, list[str]] = {
    "debian:bookworm:amd64:default": ["20260815_05:24", "20260816_05:24"],
    "ubuntu:noble:amd64:default": ["20260816_07:42"],
    "alpine:3.20:amd64:default": ["20260816_13:00"],
}


class Containers(Namespace):
    """Containers, their devices and images."""

    SINCE = "26"

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.table = Table(box, "container", "Container")
        self.devices = Table(box, "container.device", "Container Device")
        self.table.present = self._present
        self.states: dict[int, str] = {}
        Crud(self, self.table, verbs=(*READ_VERBS, "update"), unique=("name",))
        Crud(self, self.devices, check=self._check_device)
        values: Row = {
            "preferred_pool": box.world.nas_pool,
            "bridge": None,
            "v4_network": "10.247.0.0/24",
            "v6_network": None,
        }
        self.settings = Settings(self, "lxc", values)
        self.choices("container.pool_choices", lambda: {p.name: p.name for p in self.storage.store.pools.values()})
        self.choices("container.device.nic_attach_choices", {"BRIDGE": [], "MACVLAN": ["eno1", "eno2"]})
        self.choices("lxc.bridge_choices", {"": "Automatic"})
        if box.persona.release >= (26, 0):
            row = self._add({"name": "ci-runner", "autostart": True})
            self.states[row["id"]] = "RUNNING"

    def rebooted(self) -> None:
        for row in self.table:
            self.states[row["id"]] = "RUNNING" if row["autostart"] else "STOPPED"

    def _add(self, data: Row) -> Row:
        pool = data.get("pool") or self.settings.row["preferred_pool"]
        values = {key: value for key, value in data.items() if key not in ("pool", "image")}
        dataset = f"{pool}/.truenas_containers/containers/{data['name']}"
        row = self.table.add(
            {
                **values,
                "uuid": values.get("uuid") or self.box.new_uuid(),
                "dataset": dataset,
                "default_network": "truenasbr0",
            }
        )
        self.states[row["id"]] = "STOPPED"
        return row

    def _present(self, row: Row) -> Row:
        state = self.states.get(row["id"], "STOPPED")
        running = state == "RUNNING"
        return {
            **row,
            "devices": [dict(device) for device in self.devices if device["container"] == row["id"]],
            "status": {
                "state": state,
                "pid": 50_000 + row["id"] if running else None,
                "domain_state": "RUNNING" if running else "SHUTOFF",
            },
        }

    def _check_device(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if row["container"] not in self.table.rows:
            raise invalid(f"{prefix}.container", f"Container {row['container']} does not exist", ENOENT)
        if row["attributes"].get("dtype") == "FILESYSTEM" and not str(row["attributes"]["source"]).startswith("/mnt/"):
            raise invalid(f"{prefix}.attributes.source", "The path must reside within a pool mount point")

    @method("container.create")
    def create(self, call: Call, data: Row) -> Steps:
        """Create a container from an image; it is not started."""
        if self.table.first(name=data["name"]) is not None:
            raise invalid("container_create.name", "Container with this name already exists", EEXIST)
        image = data["image"]
        if image["version"] not in REGISTRY.get(image["name"], []):
            raise invalid("container_create.image", f"Image {image['name']} {image['version']} does not exist", ENOENT)
        pool = data.get("pool") or self.settings.row["preferred_pool"]
        if pool is None or self.storage.store.pool_named(pool) is None:
            raise invalid("container_create.pool", "Pool does not exist", ENOENT)
        yield Step(30, "Downloading image")
        yield Step(70, "Unpacking image")
        return self._present(self._add(data))

    @method("container.delete", lock=lambda arguments: f"{arguments[0]}")
    def delete(self, call: Call, number: int, options: Row) -> Steps:
        """Delete a stopped container; a running one only with `force`."""
        self.table.get(number)
        if self.states[number] == "RUNNING" and not options["force"]:
            raise CallError("Container is running, stop it or set force", EBUSY)
        yield Step(50, "Deleting")
        for device in [d for d in self.devices if d["container"] == number]:
            self.devices.remove(device["id"])
        self.table.remove(number)
        self.states.pop(number, None)

    @method("container.start")
    def start(self, call: Call, number: int) -> None:
        """Start."""
        self.table.get(number)
        if self.states[number] == "RUNNING":
            raise CallError("Container is already running")
        self._set(number, "RUNNING")

    @method("container.stop", lock=lambda arguments: f"{arguments[0]}")
    def stop(self, call: Call, number: int, options: Row) -> Steps:
        """Shut down; killed after the shutdown timeout only when told to."""
        self.table.get(number)
        if self.states[number] != "RUNNING":
            raise CallError("Container is not running")
        yield Step(50, "Stopping")
        self._set(number, "STOPPED")

    def _set(self, number: int, state: str) -> None:
        self.states[number] = state
        self.table.touch(number)

    @method("container.migrate")
    def migrate(self, call: Call) -> Steps:
        """Take over Incus instances; there are none here."""
        yield Step(50, "Searching for instances")

    @method("container.image.query_registry")
    def query_registry(self, call: Call) -> list[Row]:
        """Images that can be installed."""
        return [
            {"name": name, "versions": [{"version": version} for version in versions]}
            for name, versions in REGISTRY.items()
        ]

    @method("container.device.gpu_choices", "container.device.usb_choices")
    def no_choices(self, call: Call) -> Row:
        """No such device in this machine."""
        return {}

"""`virt.*`: Incus instances of 25.04 and 25.10 (contract section 15.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import READ_VERBS, Crud, Settings, Table
from holdfast.simulators.truenas.errors import EBUSY, EEXIST, ENOENT, CallError, Row, invalid
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

IMAGES: dict[str, tuple[str, str]] = {
    "debian/bookworm": ("Debian", "bookworm"),
    "ubuntu/noble": ("Ubuntu", "noble"),
    "alpine/3.20": ("Alpine", "3.20"),
}


def _by_id(arguments: list[str]) -> str:
    return f"{arguments[0]}"


class Virt(Namespace):
    """Instances and volumes."""

    UNTIL = "26"

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        pool = box.world.nas_pool
        self.instances = Table(box, "virt.instance", "Virtualization Instance")
        Crud(self, self.instances, verbs=READ_VERBS)
        self.volumes = Table(box, "virt.volume", "Virtualization Volume")
        Crud(self, self.volumes, verbs=READ_VERBS)
        self.devices: dict[str, list[Row]] = {}
        values: Row = {
            "id": 1,
            "pool": pool,
            "dataset": f"{pool}/.ix-virt",
            "storage_pools": [pool],
            "bridge": None,
            "v4_network": "10.247.0.1/24",
            "v6_network": None,
            "state": "INITIALIZED",
        }
        self.settings = Settings(self, "virt.global", values, update=False)
        self.choices("virt.global.bridge_choices", {"[AUTO]": "Automatic"})
        self.choices(
            "virt.global.pool_choices",
            lambda: {"": "[Disabled]", **{p.name: p.name for p in self.storage.store.pools.values()}},
        )
        if box.persona.release < (26, 0):
            self._add("ci-runner", "debian/bookworm", "RUNNING")

    def _add(self, name: str, image: str, status: str, data: Row | None = None) -> Row:
        system, release = IMAGES[image]
        given = data or {}
        row = self.instances.add(
            {
                "id": name,
                "name": name,
                "type": "CONTAINER",
                "status": status,
                "cpu": given.get("cpu"),
                "memory": given.get("memory"),
                "autostart": given.get("autostart", True),
                "environment": given.get("environment") or {},
                "aliases": [{"type": "INET", "address": "10.247.0.20", "netmask": 24}] if status == "RUNNING" else [],
                "image": {
                    "architecture": "amd64",
                    "description": f"{system} {release} amd64",
                    "os": system,
                    "release": release,
                    "serial": "20260801_05:24",
                    "type": "squashfs",
                    "variant": "default",
                    "secureboot": None,
                },
                "storage_pool": given.get("storage_pool") or self.settings.row["pool"],
                "root_disk_io_bus": None,
                "privileged_mode": False,
            }
        )
        self.devices[name] = [
            {"dev_type": "NIC", "name": "eth0", "description": None, "readonly": True, "network": "incusbr0"}
        ]
        return row

    @method("virt.global.update")
    def update_global(self, call: Call, data: Row) -> Steps:
        """Choose the pool; none switches instances off."""
        pool = data.get("pool", self.settings.row["pool"])
        if pool and self.storage.store.pool_named(pool) is None:
            raise invalid("virt_global_update.pool", f"Pool {pool} does not exist", ENOENT)
        yield Step(50, "Configuring")
        self.settings.row.update(data)
        self.settings.row["state"] = "INITIALIZED" if pool else "NO_POOL"
        return dict(self.settings.row)

    @method("virt.instance.image_choices")
    def image_choices(self, call: Call, data: Row) -> Row:
        """Images that can be installed."""
        return {
            name: {
                "label": f"{system} {release} (amd64, default)",
                "os": system,
                "release": release,
                "archs": ["amd64"],
                "variant": "default",
                "instance_types": ["CONTAINER"],
                "secureboot": None,
            }
            for name, (system, release) in IMAGES.items()
        }

    @method("virt.instance.create", lock=lambda arguments: arguments[0]["name"])
    def create(self, call: Call, data: Row) -> Steps:
        """Create and start an instance."""
        if self.settings.row["state"] != "INITIALIZED":
            raise CallError("Virtualization not initialized.")
        if data["name"] in self.instances.rows:
            raise invalid("virt_instance_create.name", f'Name "{data["name"]}" already exists', EEXIST)
        if data["image"] not in IMAGES:
            raise invalid("virt_instance_create.image", f"Invalid image {data['image']}", ENOENT)
        yield Step(30, "Downloading image")
        yield Step(80, "Creating instance")
        return dict(self._add(data["name"], data["image"], "RUNNING", data))

    def _change(self, name: str, values: Row) -> Row:
        return self.instances.change(name, values)

    @method("virt.instance.update", lock=_by_id)
    def update(self, call: Call, name: str, data: Row) -> Steps:
        """Change an instance."""
        self.instances.get(name)
        yield Step(50, "Updating")
        known = {key: value for key, value in data.items() if key in self.instances.rows[name]}
        return dict(self._change(name, known))

    @method("virt.instance.start", lock=_by_id)
    def start(self, call: Call, name: str) -> Steps:
        """Start."""
        if self.instances.get(name)["status"] == "RUNNING":
            raise CallError("Instance is already running")
        yield Step(50, "Starting")
        self._change(name, {"status": "RUNNING"})
        return True

    @method("virt.instance.stop", lock=_by_id)
    def stop(self, call: Call, name: str, options: Row) -> Steps:
        """Stop; `timeout` −1 waits for ever."""
        if self.instances.get(name)["status"] != "RUNNING":
            raise CallError("Instance is not running")
        yield Step(50, "Stopping")
        self._change(name, {"status": "STOPPED", "aliases": []})
        return True

    @method("virt.instance.restart", lock=_by_id)
    def restart(self, call: Call, name: str, options: Row) -> Steps:
        """Stop and start."""
        self.instances.get(name)
        self._change(name, {"status": "STOPPED"})
        yield Step(50, "Restarting")
        self._change(name, {"status": "RUNNING"})
        return True

    @method("virt.instance.delete", lock=_by_id)
    def delete(self, call: Call, name: str) -> Steps:
        """Delete, stopping it first."""
        self.instances.get(name)
        yield Step(50, "Deleting")
        self.instances.remove(name)
        self.devices.pop(name, None)
        return True

    @method("virt.instance.device_list")
    def device_list(self, call: Call, name: str) -> list[Row]:
        """Its devices."""
        self.instances.get(name)
        return [dict(device) for device in self.devices.get(name, [])]

    @method("virt.instance.device_add")
    def device_add(self, call: Call, name: str, device: Row) -> bool:
        """Add a device."""
        self.instances.get(name)
        devices = self.devices.setdefault(name, [])
        chosen = device.get("name") or f"{device['dev_type'].lower()}{len(devices)}"
        if any(other["name"] == chosen for other in devices):
            raise invalid("device.name", f"Device {chosen} already exists", EEXIST)
        devices.append({**device, "name": chosen})
        return True

    def _device(self, name: str, device: str) -> Row:
        self.instances.get(name)
        for row in self.devices.get(name, []):
            if row["name"] == device:
                return row
        raise CallError(f"Device {device} not found", ENOENT)

    @method("virt.instance.device_update")
    def device_update(self, call: Call, name: str, device: Row) -> bool:
        """Change a device."""
        self._device(name, str(device.get("name"))).update(device)
        return True

    @method("virt.instance.device_delete")
    def device_delete(self, call: Call, name: str, device: str) -> bool:
        """Remove a device."""
        self.devices[name].remove(self._device(name, device))
        return True

    @method("virt.volume.create")
    def volume_create(self, call: Call, data: Row) -> Row:
        """Create a volume. `size` in MiB."""
        pool = data.get("storage_pool") or self.settings.row["pool"]
        number = f"{pool}_{data['name']}"
        if number in self.volumes.rows:
            raise invalid("virt_volume_create.name", "Volume with this name already exists", EEXIST)
        return self.volumes.add(
            {
                "id": number,
                "name": data["name"],
                "storage_pool": pool,
                "content_type": data["content_type"],
                "created_at": "2026-11-23T00:00:00Z",
                "type": "custom",
                "config": {"size": data["size"]},
                "used_by": [],
            }
        )

    @method("virt.volume.update")
    def volume_update(self, call: Call, number: str, data: Row) -> Row:
        """Grow a volume."""
        row = self.volumes.get(number)
        return self.volumes.change(number, {"config": {**row["config"], **data}})

    @method("virt.volume.delete")
    def volume_delete(self, call: Call, number: str) -> bool:
        """Delete an unused volume."""
        row = self.volumes.get(number)
        if row["used_by"]:
            raise CallError(f"Volume is in use by {row['used_by'][0]}", EBUSY)
        self.volumes.remove(number)
        return True

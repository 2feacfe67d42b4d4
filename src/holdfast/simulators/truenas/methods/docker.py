"""`docker.*`: the apps service (contract section 15.12)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import Settings
from holdfast.simulators.truenas.errors import EEXIST, ENOENT, CallError, InstanceNotFoundError, Json, Row, invalid
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.query import run_query
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

DESCRIPTIONS = {
    "RUNNING": "Application(s) are currently running",
    "UNCONFIGURED": "Application(s) are not configured",
    "FAILED": "Application(s) have failed to start",
    "INITIALIZING": "Application(s) are being initialized",
    "PENDING": "Application(s) state is to be determined yet",
    "STOPPED": "Application(s) have been stopped",
}


class Docker(Namespace):
    """Docker: its pool, state and backups."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        pool = box.world.nas_pool
        values: Row = {
            "id": 1,
            "enable_image_updates": True,
            "pool": pool,
            "dataset": f"{pool}/ix-apps",
            "nvidia": False,
            "address_pools": [{"base": "172.17.0.0/12", "size": 24}],
            "cidr_v6": "fdd0::/64",
            "secure_registry_mirrors": [],
            "insecure_registry_mirrors": [],
            "registry_mirrors": [],
        }
        self.settings = Settings(self, "docker", values, update=False)
        self.backups: dict[str, Row] = {}
        self.choices("docker.nvidia_present", lambda: False)

    @property
    def running(self) -> bool:
        """Whether apps can run now."""
        return self.state == "RUNNING"

    @property
    def state(self) -> str:
        """The service's state."""
        fault = self.box.faults.take("docker-down")
        if fault is not None:
            return fault.text("status")
        return "RUNNING" if self.settings.row["pool"] is not None else "UNCONFIGURED"

    @method("docker.status")
    def status(self, call: Call) -> Row:
        """State and its description."""
        state = self.state
        return {"status": state, "description": DESCRIPTIONS.get(state, state.title())}

    @method("docker.update")
    def update(self, call: Call, data: Row) -> Steps:
        """Change settings; another pool stops and starts everything."""
        pool = data.get("pool", self.settings.row["pool"])
        if pool is not None and self.storage.store.pool_named(pool) is None:
            raise invalid("docker_update.pool", "Pool not found.", ENOENT)
        yield Step(25, "Stopping Docker service")
        self.settings.row.update({key: value for key, value in data.items() if key != "migrate_applications"})
        self.settings.row["dataset"] = f"{pool}/ix-apps" if pool is not None else None
        fields: Row = {"status": self.state, "description": DESCRIPTIONS.get(self.state, "")}
        self.box.events.emit("docker.state", "changed", fields=fields)
        return dict(self.settings.row)

    def _networks(self) -> list[Row]:
        rows: list[Row] = []
        for name, driver in (("bridge", "bridge"), ("host", "host"), ("none", "null")):
            number = hashlib.sha256(f"{self.box.server.service_tag}/{name}".encode()).hexdigest()
            rows.append(
                {
                    "ipam": {"Driver": "default", "Options": None, "Config": []},
                    "labels": {},
                    "created": "2026-06-01T00:00:00Z",
                    "driver": driver,
                    "id": number,
                    "name": name,
                    "scope": "local",
                    "short_id": number[:12],
                }
            )
        return rows

    @method("docker.network.query")
    def networks(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Docker's networks."""
        return run_query(self._networks() if self.running else [], filters, options)

    @method("docker.network.get_instance")
    def network(self, call: Call, number: str, options: Row) -> Row:
        """One network."""
        for row in self._networks():
            if row["id"] == number:
                return row
        raise InstanceNotFoundError(f"Docker Network {number} does not exist")

    def _apps(self) -> list[Row]:
        from holdfast.simulators.truenas.methods.apps import Apps

        apps = self.box.get(Apps).apps.values()
        return [{"id": app["name"], "name": app["name"], "state": app["state"]} for app in apps]

    @method("docker.backup")
    def backup(self, call: Call, name: str | None) -> Steps:
        """Back the apps' configuration up; its name."""
        now = self.box.clock.now()
        chosen = name or from_epoch(now).strftime("%Y-%m-%d_%H-%M-%S")
        if chosen in self.backups:
            raise CallError(f"Backup with {chosen!r} already exists", EEXIST)
        yield Step(50, "Backing up")
        pool = self.settings.row["pool"]
        self.backups[chosen] = {
            "name": chosen,
            "apps": self._apps(),
            "snapshot_name": f"{pool}/ix-apps@ix-apps-backup-{chosen}",
            "created_on": str(from_epoch(now)),
            "backup_path": f"/mnt/.ix-apps/backups/{chosen}",
        }
        return chosen

    def _backup(self, name: str) -> Row:
        if name not in self.backups:
            raise CallError(f"Backup {name!r} not found", ENOENT)
        return self.backups[name]

    @method("docker.list_backups")
    def list_backups(self, call: Call) -> Row:
        """Backups by name."""
        return dict(self.backups)

    @method("docker.delete_backup")
    def delete_backup(self, call: Call, name: str) -> None:
        """Delete a backup."""
        self._backup(name)
        del self.backups[name]

    @method("docker.restore_backup")
    def restore_backup(self, call: Call, name: str) -> Steps:
        """Go back to a backup."""
        self._backup(name)
        yield Step(50, "Restoring")

    @method("docker.backup_to_pool")
    def backup_to_pool(self, call: Call, pool: str) -> Steps:
        """Replicate the apps' dataset to another pool."""
        if self.storage.store.pool_named(pool) is None:
            raise invalid("target_pool", f"Pool {pool} does not exist", ENOENT)
        yield Step(50, "Replicating")

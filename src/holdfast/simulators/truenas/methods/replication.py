"""`replication.*` (contract section 15.7). A LOCAL replication really copies; a remote one only reports."""

from __future__ import annotations

import fnmatch
import re
from datetime import datetime
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import Crud, Settings, Table
from holdfast.simulators.truenas.errors import EEXIST, ENOENT, CallError, Json, Row, invalid
from holdfast.simulators.truenas.methods.alerts import Alerts
from holdfast.simulators.truenas.methods.keychain import Keychain
from holdfast.simulators.truenas.methods.snapshot_tasks import SnapshotTasks
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.methods.tasks import LastJobs, with_credentials
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.storage.store import Snapshot
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call


class Replication(Namespace):
    """Replication tasks."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.store = self.storage.store
        self.keychain = box.get(Keychain)
        self.tasks = box.get(SnapshotTasks)
        self.last = LastJobs(box)
        self._states: dict[int, Row] = {}
        self.table = Table(box, "replication", "Replication Task")
        self.table.present = self._present
        Crud(self, self.table, unique=("name",), check=self._check)
        Settings(self, "replication.config", {"id": 1, "max_parallel_replication_tasks": 5})
        source = box.world.shares[0].path.removeprefix("/mnt/") if box.world.shares else box.world.nas_pool
        self.table.add(
            {
                "name": "vms to archive",
                "direction": "PUSH",
                "transport": "LOCAL",
                "source_datasets": [source],
                "target_dataset": f"{box.world.nas_pool}/archive/vms",
                "recursive": False,
                "auto": True,
                "enabled": True,
                "retention_policy": "SOURCE",
                "periodic_snapshot_tasks": [1],
                "allow_from_scratch": True,
                "schedule": None,
            }
        )

    def _present(self, row: Row) -> Row:
        shown = with_credentials(row, self.keychain.table, "ssh_credentials")
        numbers = row["periodic_snapshot_tasks"]
        rows = [self.tasks.table.rows[number] for number in numbers if number in self.tasks.table.rows]
        shown["periodic_snapshot_tasks"] = [{**task, "state": "{}", "vmware_sync": False} for task in rows]
        running = self.last.running(row["id"])
        shown["state"] = (
            {"state": "RUNNING"} if running is not None else self._states.get(row["id"], {"state": "PENDING"})
        )
        shown["job"] = self.last.row(row["id"])
        shown["has_encrypted_dataset_keys"] = False
        return shown

    def _check(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if row["transport"] == "LOCAL":
            if row["direction"] != "PUSH":
                raise invalid(f"{prefix}.direction", "Local replication can only be of direction PUSH")
            if row.get("ssh_credentials") is not None:
                raise invalid(f"{prefix}.ssh_credentials", "Remote credentials have no sense for local replication")
        elif row.get("ssh_credentials") is None:
            raise invalid(f"{prefix}.ssh_credentials", "SSH Credentials are required for SSH replication")
        elif row["ssh_credentials"] not in self.keychain.table.rows:
            raise invalid(f"{prefix}.ssh_credentials", f"Item {row['ssh_credentials']} does not exist", ENOENT)
        if row["direction"] == "PUSH":
            for index, name in enumerate(row["source_datasets"]):
                if name not in self.store.datasets:
                    raise invalid(f"{prefix}.source_datasets.{index}", f"Dataset {name!r} does not exist", ENOENT)
            named = row.get("periodic_snapshot_tasks") or row.get("also_include_naming_schema") or row.get("name_regex")
            if not named:
                text = "You must at least either bind a periodic snapshot task or provide a naming schema or regex"
                raise invalid(f"{prefix}.periodic_snapshot_tasks", text)
            for number in row.get("periodic_snapshot_tasks") or []:
                if number not in self.tasks.table.rows:
                    raise invalid(f"{prefix}.periodic_snapshot_tasks", f"Snapshot task {number} does not exist", ENOENT)
        elif not (row.get("naming_schema") or row.get("name_regex")):
            raise invalid(f"{prefix}.naming_schema", "Naming schema or regex is required for PULL replication")
        if any(
            row["target_dataset"] == name or name.startswith(f"{row['target_dataset']}/")
            for name in row["source_datasets"]
        ):
            raise invalid(f"{prefix}.target_dataset", "Source dataset may not be inside the target dataset")
        self._check_trigger(row, prefix)
        for name in ("lifetime_value", "lifetime_unit"):
            if row["retention_policy"] == "CUSTOM" and row.get(name) is None:
                raise invalid(f"{prefix}.{name}", "This field is required for custom retention policy")
            if row["retention_policy"] != "CUSTOM" and row.get(name) is not None:
                raise invalid(f"{prefix}.{name}", "This field has no sense for specified retention policy")
        if row["auto"] is False and row.get("schedule") is not None:
            raise invalid(
                f"{prefix}.schedule", "You can't have schedule for replication that does not run automatically"
            )

    def _check_trigger(self, row: Row, prefix: str) -> None:
        """What makes a task run by itself, and what only one direction has."""
        push, numbers = row["direction"] == "PUSH", row.get("periodic_snapshot_tasks") or []
        if row.get("auto") and row.get("schedule") is None and not (push and numbers):
            text = "Pull replication that runs automatically must have a schedule"
            if push:
                text = (
                    "Push replication that runs automatically must be either bound to a periodic snapshot task or have "
                    "a schedule"
                )
            raise invalid(f"{prefix}.auto", text)
        if push and row.get("naming_schema"):
            raise invalid(f"{prefix}.naming_schema", "This field has no sense for push replication")
        if not push and row.get("also_include_naming_schema"):
            raise invalid(f"{prefix}.also_include_naming_schema", "This field has no sense for pull replication")
        if not push and numbers:
            text = "Pull replication can't be bound to a periodic snapshot task"
            raise invalid(f"{prefix}.periodic_snapshot_tasks", text)
        if row.get("enabled", True) and any(not self.tasks.table.rows[number]["enabled"] for number in numbers):
            text = "You can't bind disabled periodic snapshot task to enabled replication task"
            raise invalid(f"{prefix}.periodic_snapshot_tasks.0", text)

    # Running -------------------------------------------------------------------------------------------------

    def _matching(self, row: Row, dataset: str) -> list[Snapshot]:
        schemas = [
            self.tasks.table.rows[n]["naming_schema"]
            for n in row.get("periodic_snapshot_tasks") or []
            if n in self.tasks.table.rows
        ]
        schemas += row.get("also_include_naming_schema") or []
        found = []
        for snapshot in self.store.snapshots.get(dataset, {}).values():
            by_regex = row.get("name_regex") and re.fullmatch(row["name_regex"], snapshot.name)
            if by_regex or any(_parses(snapshot.name, schema) for schema in schemas):
                found.append(snapshot)
        return sorted(found, key=lambda s: s.txg)

    def _pairs(self, row: Row) -> list[tuple[str, str]]:
        """(source, target) datasets."""
        pairs: list[tuple[str, str]] = []
        several = len(row["source_datasets"]) > 1
        for source in row["source_datasets"]:
            base = f"{row['target_dataset']}/{source.rpartition('/')[2]}" if several else row["target_dataset"]
            pairs.append((source, base))
            if row["recursive"]:
                for child in self.store.descendants(source):
                    if not any(fnmatch.fnmatch(child.name, pattern) for pattern in row.get("exclude") or []):
                        pairs.append((child.name, base + child.name[len(source) :]))
        return pairs

    def _replicate(self, call: Call, row: Row) -> Steps:
        """Send what is missing; returns the last snapshot sent."""
        last: Snapshot | None = None
        pairs = self._pairs(row) if row["direction"] == "PUSH" else []
        for index, (source, target) in enumerate(pairs):
            snapshots = self._matching(row, source)
            yield Step(100 * index // max(len(pairs), 1), f"Sending {source}")
            if row["transport"] == "LOCAL" and snapshots:
                self._receive(row, source, target, snapshots)
            for snapshot in snapshots:
                if call.job is not None:
                    call.job.log(f"[INFO] sent {snapshot.path} to {target}")
                last = snapshot
        if not pairs:
            yield Step(50, "Receiving")
        return last

    def _receive(self, row: Row, source: str, target: str, snapshots: list[Snapshot]) -> None:
        now = self.box.clock.now()
        if target not in self.store.datasets:
            for depth in range(target.count("/"), 0, -1):
                ancestor = target.rsplit("/", depth)[0]
                if ancestor not in self.store.datasets:
                    if self.store.pool_named(ancestor.partition("/")[0]) is None:
                        raise CallError(f"cannot receive: pool {ancestor.partition('/')[0]} does not exist", ENOENT)
                    self.store.add_dataset(ancestor, "FILESYSTEM", now)
            origin = self.store.get_dataset(source)
            made = self.store.add_dataset(target, origin.kind, now, own_bytes=snapshots[-1].referenced)
            made.volsize, made.sparse = origin.volsize, True
            if row.get("readonly", "SET") == "SET":
                made.local["readonly"] = "on"
            self.storage.dataset_changed(made, "added")
        elif (
            not self._common(source, target) and self.store.snapshots.get(target) and not row.get("allow_from_scratch")
        ):
            text = f"No incremental base on dataset {target!r} and replication from scratch is not allowed"
            raise CallError(text)
        dataset = self.store.datasets[target]
        dataset.own_bytes = snapshots[-1].referenced
        for snapshot in snapshots:
            if snapshot.name not in self.store.snapshots.get(target, {}):
                copied = self.store.take_snapshot(dataset, snapshot.name, snapshot.created)
                copied.guid, copied.referenced = snapshot.guid, snapshot.referenced

    def _common(self, source: str, target: str) -> set[str]:
        return set(self.store.snapshots.get(source, {})) & set(self.store.snapshots.get(target, {}))

    @method("replication.run")
    def run(self, call: Call, number: int, *options: Json) -> Steps:
        """Run a task now; lasts as long as the transfer."""
        row = self.table.get(number)
        if not row["enabled"]:
            raise CallError("Task is not enabled")
        if self.last.running(number) is not None and self.last.running(number) is not call.job:
            raise CallError("Task is already running", 16)
        self.last.remember(number, call)
        self.table.touch(number)
        try:
            last = yield from self._replicate(call, row)
        except CallError as error:
            state: Row = {"state": "ERROR", "datetime": from_epoch(self.box.clock.now()), "error": str(error)}
            self._states[number] = state
            self.box.get(Alerts).raise_alert(
                "ReplicationFailed", "CRITICAL", f'Replication "{row["name"]}" failed: {error}', row["name"]
            )
            raise
        now = from_epoch(self.box.clock.now())
        self._states[number] = {
            "state": "FINISHED",
            "datetime": now,
            "last_snapshot": last.path if last is not None else None,
        }
        self.table.touch(number)

    @method("replication.run_onetime")
    def run_onetime(self, call: Call, data: Row) -> Steps:
        """Run something that is no task."""
        row = {"auto": False, "name_regex": None, "periodic_snapshot_tasks": [], **data}
        self._check(call, row, None, "replication_run_onetime")
        yield from self._replicate(call, row)

    @method("replication.restore")
    def restore(self, call: Call, number: int, data: Row) -> Row:
        """A new task of the opposite direction."""
        row = self.table.get(number)
        if self.table.first(name=data["name"]) is not None:
            raise invalid("replication_restore.name", "Object with this name already exists", EEXIST)
        local = row["transport"] == "LOCAL"
        values = {
            **{key: value for key, value in row.items() if key != "id"},
            "name": data["name"],
            "direction": "PUSH" if local or row["direction"] == "PULL" else "PULL",
            "source_datasets": [row["target_dataset"]],
            "target_dataset": data["target_dataset"],
            "periodic_snapshot_tasks": [],
            "name_regex": ".*",
            "auto": False,
            "enabled": False,
        }
        return self._present(self.table.add(values))

    # Before running ------------------------------------------------------------------------------------------

    @method("replication.list_naming_schemas")
    def list_naming_schemas(self, call: Call) -> list[str]:
        """Naming schemas in use."""
        return sorted({row["naming_schema"] for row in self.tasks.table})

    @method("replication.list_datasets")
    def list_datasets(self, call: Call, transport: str, credentials: int | None) -> list[str]:
        """Datasets on the other side; of a remote one, what a second system would have."""
        if transport == "LOCAL":
            return sorted(self.store.datasets)
        if credentials not in self.keychain.table.rows:
            raise invalid("ssh_credentials", f"Item {credentials} does not exist", ENOENT)
        return ["backup", "backup/vms"]

    @method("replication.create_dataset")
    def create_dataset(self, call: Call, name: str, transport: str, credentials: int | None) -> None:
        """Make a dataset on the other side."""
        if transport == "LOCAL":
            if name.rpartition("/")[0] not in self.store.datasets:
                raise CallError(f"cannot create '{name}': parent does not exist", ENOENT)
            self.storage.dataset_changed(self.store.add_dataset(name, "FILESYSTEM", self.box.clock.now()), "added")

    @method("replication.count_eligible_manual_snapshots")
    def count_eligible(self, call: Call, data: Row) -> Row:
        """How many snapshots a name would send."""
        total = eligible = 0
        for name in data["datasets"]:
            for snapshot in self.store.snapshots.get(name, {}).values():
                total += 1
                by_regex = data.get("name_regex") and re.fullmatch(data["name_regex"], snapshot.name)
                eligible += bool(by_regex or any(_parses(snapshot.name, schema) for schema in data["naming_schema"]))
        return {"total": total, "eligible": eligible}

    @method("replication.target_unmatched_snapshots")
    def unmatched(
        self, call: Call, direction: str, sources: list[str], target: str, transport: str, credentials: int | None
    ) -> Row:
        """Snapshots of the target that no source has: a replication from scratch would lose them."""
        found: Row = {}
        for source in sources:
            names = sorted(set(self.store.snapshots.get(target, {})) - set(self.store.snapshots.get(source, {})))
            if names and transport == "LOCAL":
                found[target] = names
        return found


def _parses(name: str, schema: str) -> bool:
    try:
        datetime.strptime(name, schema)
    except ValueError:
        return False
    return True

"""`pool.snapshottask.*`: periodic snapshots and what they prune (contract section 15.6)."""

from __future__ import annotations

import fnmatch
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import Crud, Table
from holdfast.simulators.truenas.errors import EEXIST, ENOENT, CallError, Row, invalid
from holdfast.simulators.truenas.methods.snapshots import Snapshots
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, method
from holdfast.simulators.truenas.storage.store import Snapshot
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

UNIT_S = {"HOUR": 3600, "DAY": 86_400, "WEEK": 7 * 86_400, "MONTH": 30 * 86_400, "YEAR": 365 * 86_400}
MAX_COUNT = 512
MAX_TOTAL = 10_000


def _field_matches(spec: str, value: int) -> bool:
    """One field of a schedule: `*`, `*/5`, `1-5`, or a list."""
    for part in spec.split(","):
        span, _, step_text = part.partition("/")
        step = int(step_text) if step_text.isdigit() else 1
        if span == "*":
            if value % step == 0:
                return True
            continue
        first, _, last = span.partition("-")
        if not first.isdigit():
            return True  # names of days and months: not told apart here
        low, high = int(first), int(last) if last.isdigit() else int(first)
        if low <= value <= high and (value - low) % step == 0:
            return True
    return False


def schedule_matches(schedule: Row, moment: datetime) -> bool:
    """Whether a schedule fires at this minute."""
    weekday = moment.isoweekday()
    clock = moment.strftime("%H:%M")
    return (
        _field_matches(schedule["minute"], moment.minute)
        and _field_matches(schedule["hour"], moment.hour)
        and _field_matches(schedule["dom"], moment.day)
        and _field_matches(schedule["month"], moment.month)
        and (_field_matches(schedule["dow"], weekday) or (weekday == 7 and _field_matches(schedule["dow"], 0)))
        and schedule.get("begin", "00:00") <= clock <= schedule.get("end", "23:59")
    )


class SnapshotTasks(Namespace):
    """Tasks that take snapshots by schedule, and the retention they imply."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.snapshots = box.get(Snapshots)
        self.table = Table(box, "pool.snapshottask", "Periodic Snapshot Task")
        self.table.present = self._present
        own = ("query", "get_instance", "create")
        self._crud = Crud(self, self.table, check=self._check, before_delete=self._not_in_use, verbs=own)
        self.add("pool.snapshottask.update", self.update)
        self.add("pool.snapshottask.delete", self.delete)
        self.choices("pool.snapshottask.max_count", lambda: MAX_COUNT)
        self.choices("pool.snapshottask.max_total_count", lambda: MAX_TOTAL)
        self._states: dict[int, Row] = {}
        daily = {"minute": "00", "hour": "00", "dom": "*", "month": "*", "dow": "*", "begin": "00:00", "end": "23:59"}
        self.table.add({"dataset": box.world.nas_pool, "recursive": True, "exclude": [], "schedule": daily})

    def _present(self, row: Row) -> Row:
        return {**row, "vmware_sync": False, "state": self._states.get(row["id"], {"state": "PENDING"})}

    def _check(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if row["dataset"] not in self.storage.store.datasets:
            raise invalid(f"{prefix}.dataset", "Dataset not found", ENOENT)
        if row["exclude"] and not row["recursive"]:
            raise invalid(f"{prefix}.exclude", "Excluding child datasets only makes sense for recursive tasks")
        schema = row["naming_schema"]
        if "@" in schema or "/" in schema or not all(part in schema for part in ("%Y", "%m", "%d", "%H", "%M")):
            raise invalid(f"{prefix}.naming_schema", "Naming schema must contain %Y, %m, %d, %H and %M")
        if row["lifetime_value"] < 1:
            raise invalid(f"{prefix}.lifetime_value", "Lifetime must be at least 1")

    def _not_in_use(self, call: Call, row: Row) -> None:
        replications = self.box.tables.get("replication")
        for other in replications or ():
            if row["id"] in other.get("periodic_snapshot_tasks", ()):
                text = f"You can't delete this task because it is used by replication task {other['name']!r}"
                raise CallError(text, 16, {"dependencies": [other["name"]]})

    # Retention -----------------------------------------------------------------------------------------------

    def _expiry(self, task: Row, snapshot: Snapshot) -> float | None:
        """When this task prunes the snapshot; None when name, schedule or dataset say it is not its own."""
        if not task["enabled"]:
            return None
        base = task["dataset"]
        inside = task["recursive"] and snapshot.dataset.startswith(f"{base}/")
        if snapshot.dataset != base and not inside:
            return None
        if any(fnmatch.fnmatch(snapshot.dataset, pattern) for pattern in task["exclude"]):
            return None
        try:
            moment = datetime.strptime(snapshot.name, task["naming_schema"]).replace(tzinfo=UTC)
        except ValueError:
            return None
        if not schedule_matches(task["schedule"], moment):
            return None
        return moment.timestamp() + int(task["lifetime_value"]) * UNIT_S[task["lifetime_unit"]]

    def _latest(self, tasks: list[Row], snapshot: Snapshot) -> tuple[float, int] | None:
        """The task that keeps a snapshot longest, and until when."""
        found = [(moment, task["id"]) for task in tasks if (moment := self._expiry(task, snapshot)) is not None]
        return max(found, default=None)

    def pruned_at(self, snapshot: Snapshot) -> tuple[float, int] | None:
        """When a snapshot is pruned, and by which task; None when it is kept for ever."""
        return self._latest(list(self.table), snapshot)

    def _changed_by(self, before: list[Row], after: list[Row]) -> Row:
        """Snapshots, by dataset, whose retention differs between two sets of tasks."""
        changed: dict[str, list[str]] = {}
        for snapshot in self.storage.store.all_snapshots():
            old, new = self._latest(before, snapshot), self._latest(after, snapshot)
            if old is not None and (new is None or new[0] != old[0]):
                changed.setdefault(snapshot.dataset, []).append(snapshot.name)
        return dict(changed)

    @method("pool.snapshottask.update_will_change_retention_for")
    def update_will_change(self, call: Call, number: int, data: Row) -> Row:
        """Snapshots whose retention an update would change: a dry run."""
        old = self.table.get(number)
        tasks = list(self.table)
        return self._changed_by(tasks, [{**old, **data} if task["id"] == number else task for task in tasks])

    @method("pool.snapshottask.delete_will_change_retention_for")
    def delete_will_change(self, call: Call, number: int) -> Row:
        """Snapshots that nobody would prune after a deletion: a dry run."""
        self.table.get(number)
        tasks = list(self.table)
        return self._changed_by(tasks, [task for task in tasks if task["id"] != number])

    def _fixate(self, changed: Row) -> None:
        """Write the present removal dates into snapshots, so that a change does not move them."""
        for dataset, names in changed.items():
            for name in names:
                snapshot = self.storage.store.snapshots[dataset][name]
                found = self.pruned_at(snapshot)
                if found is not None:
                    snapshot.keep_until = found[0]

    def update(self, call: Call, number: int, data: Row) -> Row:
        """Change a task; `fixate_removal_date` keeps the old removal dates of its snapshots."""
        changes = {key: value for key, value in data.items() if key != "fixate_removal_date"}
        self.table.get(number)
        if data.get("fixate_removal_date"):
            self._fixate(self.update_will_change(call, number, changes))
        return self._crud.update(call, number, changes)

    def delete(self, call: Call, number: int, options: Row) -> bool:
        """Delete a task; its snapshots stay."""
        self.table.get(number)
        if options.get("fixate_removal_date"):
            self._fixate(self.delete_will_change(call, number))
        self._crud.delete(call, number)
        return True

    @method("pool.snapshottask.run")
    def run(self, call: Call, number: int) -> None:
        """Take the snapshots now, and prune what is due."""
        task = self.table.get(number)
        if not task["enabled"]:
            raise CallError("Task is not enabled")
        now = self.box.clock.now()
        name = from_epoch(now).strftime(task["naming_schema"])
        dataset = self.storage.dataset(task["dataset"])
        try:
            taken = self.snapshots.take(
                dataset, name, recursive=task["recursive"], exclude=task["exclude"], task=number
            )
        except CallError as error:
            if error.errno != EEXIST:
                raise
            taken = []
        state: Row = {"state": "FINISHED", "datetime": from_epoch(now)}
        if taken:
            state["last_snapshot"] = taken[0].path
        self._states[number] = state
        for snapshot in list(self.storage.store.all_snapshots()):
            found = self.pruned_at(snapshot)
            due = snapshot.keep_until is not None and snapshot.keep_until <= now
            due = due or (found is not None and found[0] <= now)
            if due and not snapshot.holds and not self.storage.store.clones(snapshot):
                self.storage.store.drop_snapshot(snapshot)
        self.table.touch(number)

"""What uses a dataset or pool: shares, tasks, services (contract sections 4 and 15.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import Table
from holdfast.simulators.truenas.errors import Row

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box

# Type of an attachment, the service that serves it, its table, and the column that holds its path or dataset.
KINDS: tuple[tuple[str, str | None, str, str], ...] = (
    ("SMB Share", "cifs", "sharing.smb", "path"),
    ("NFS Share", "nfs", "sharing.nfs", "path"),
    ("iSCSI Extent", "iscsitarget", "iscsi.extent", "path"),
    ("Snapshot Task", None, "pool.snapshottask", "dataset"),
    ("Replication", None, "replication", "source_datasets"),
    ("Cloud Sync Task", None, "cloudsync", "path"),
    ("Rsync Task", None, "rsynctask", "path"),
    ("VM Device", None, "vm.device", "path"),
)


def _uses(row: Row, column: str, name: str) -> bool:
    value = row.get(column)
    if column == "path" and value is None:
        value = row.get("attributes", {}).get("path")
    candidates = value if isinstance(value, list) else [value]
    for candidate in candidates:
        if not isinstance(candidate, str):
            continue
        path = candidate.removeprefix("/mnt/").removeprefix("/dev/").removeprefix("zvol/").replace("+", " ")
        if path == name or path.startswith(f"{name}/"):
            return True
    return False


def _users(box: Box, name: str) -> Iterator[tuple[str, str | None, Table, list[Row]]]:
    for title, service, namespace, column in KINDS:
        table = box.tables.get(namespace)
        if table is not None:
            yield title, service, table, [row for row in table if _uses(row, column, name)]


def attachments_of(box: Box, name: str) -> list[Row]:
    """Everything that uses a dataset or what is below it, grouped by kind."""
    return [
        {"type": title, "service": service, "attachments": [_label(row) for row in rows]}
        for title, service, _, rows in _users(box, name)
        if rows
    ]


def _label(row: Row) -> str:
    return str(row.get("name") or row.get("path") or row.get("dataset") or row.get("id"))


def delete_attachments(box: Box, name: str) -> None:
    """Delete shares and tasks that use a dataset (`cascade`)."""
    for _, _, table, rows in _users(box, name):
        for row in rows:
            table.remove(row[table.key])


def processes_of(box: Box, name: str) -> list[Row]:
    """Processes that have files of a dataset open: the servers of its shares while they run."""
    from holdfast.simulators.truenas.methods.services import Services

    found: list[Row] = []
    services = box.get(Services)
    for _, service, _, rows in _users(box, name):
        if rows and service is not None and services.running(service):
            pid = services.pids(service)[0]
            program = {"cifs": "smbd", "nfs": "nfsd", "iscsitarget": "scst"}[service]
            found.append({"pid": pid, "name": program, "service": service, "cmdline": program})
    return found

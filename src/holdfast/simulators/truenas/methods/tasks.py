"""What replication, cloud sync, rsync and cloud backup have in common: a last job, a state, a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import EDATASETISLOCKED, ENOENT, CallError, Row, invalid
from holdfast.simulators.truenas.jobs import Job
from holdfast.simulators.truenas.methods.storage import Storage

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call


class LastJobs:
    """The last job of each row of a task table."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._jobs: dict[int, Job] = {}

    def remember(self, number: int, call: Call) -> None:
        """This call's job is now the row's last one."""
        if call.job is not None:
            self._jobs[number] = call.job

    def running(self, number: int) -> Job | None:
        """The row's job, while it runs or waits."""
        job = self._jobs.get(number)
        return job if job is not None and not job.finished else None

    def row(self, number: int) -> Row | None:
        """The job object of the last job; forgotten with the job itself."""
        job = self._jobs.get(number)
        if job is None or self._box.jobs.jobs.get(job.id) is not job:
            return None
        return job.row(with_message_ids=self._box.persona.has_message_ids, raw_result=False)


def with_credentials(row: Row, table: object, column: str) -> Row:
    """The row with the credential it refers to written out."""
    from holdfast.simulators.truenas.crud import Table

    assert isinstance(table, Table)
    number = row.get(column)
    return {**row, column: dict(table.rows[number]) if number in table.rows else None}


def check_local_path(box: Box, path: str, attribute: str) -> None:
    """A path of a task lies within a pool."""
    if box.get(Storage).store.dataset_at(path) is None:
        raise invalid(attribute, "The path must reside within a pool mount point", ENOENT)


def refuse_locked(box: Box, path: str) -> None:
    """CallError (EDATASETISLOCKED) when a task's path is on a locked dataset."""
    if box.get(Storage).store.path_locked(path):
        raise CallError(f"Path {path} is in a locked dataset", EDATASETISLOCKED)

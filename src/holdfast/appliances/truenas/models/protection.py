"""Periodic snapshots, replication, cloud sync, rsync."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted


class Task(Row):
    """A task that protects data. `state`: how its last run ended, or what it does now."""

    kind: Untrusted
    id: int
    name: Annotated[Untrusted | None, From("name", "description", "desc")] = None
    source: Untrusted | None = None
    destination: Annotated[Untrusted | None, From("target_dataset", "remotehost", "credentials.name")] = None
    direction: Untrusted | None = None
    schedule: Untrusted | None = None
    keep: Untrusted | None = None
    recursive: bool | None = None
    enabled: bool | None = None
    state: Annotated[Untrusted | None, From("state.state", "job.state")] = None
    error: Annotated[Untrusted | None, From("state.error", "job.error")] = None


class TaskPage(Page[Task]):
    """Tasks that protect data."""


class Retention(Answer):
    """Snapshots that would be kept for another time; the first 50 by name."""

    task: int
    snapshots: int
    first: list[Untrusted]

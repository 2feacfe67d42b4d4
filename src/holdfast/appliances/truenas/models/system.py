"""Boot environments, updates, audit, time servers."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedText


class BootEnv(Row):
    """An installed release. `active`: runs now; `activated`: is booted next."""

    id: Untrusted
    active: bool
    activated: bool
    keep: bool | None = None
    can_activate: bool | None = None
    created: Untrusted | None = None
    used_bytes: int | None = None


class BootEnvPage(Page[BootEnv]):
    """Boot environments, the newest first."""


class UpdateState(Answer):
    """Whether an update is available; absent when TrueNAS could not find out (see problem)."""

    available: bool | None = None
    version: Untrusted | None = None
    train: Untrusted | None = None
    notes_text: UntrustedText | None = None
    problem: Untrusted | None = None


class AuditRow(Row):
    """An entry of the audit log."""

    identified_by = ()

    at: Annotated[Untrusted | None, From("timestamp")] = None
    username: Untrusted | None = None
    address: Untrusted | None = None
    event: Untrusted | None = None
    method: Annotated[Untrusted | None, From("event_data.method")] = None
    success: bool | None = None


class AuditPage(Page[AuditRow]):
    """The audit log, the newest first."""


class NtpServer(Row):
    """A time server."""

    id: int
    address: Untrusted
    prefer: bool | None = None
    iburst: bool | None = None


class NtpPage(Page[NtpServer]):
    """Time servers."""

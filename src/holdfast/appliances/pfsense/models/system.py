"""What tools on the system, its services, packages, objects and settings return."""

from __future__ import annotations

from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson


class SystemInfo(Answer):
    """The firewall: identity, version and load."""

    version: Untrusted
    api_version: Untrusted | None = None
    hostname: Untrusted
    domain: Untrusted | None = None
    platform: Untrusted | None = None
    serial: Untrusted | None = None
    uptime: Untrusted | None = None
    cpu_percent: float | None = None
    memory_percent: float | None = None
    disk_percent: float | None = None
    load_average: list[float] | None = None
    temperature_c: float | None = None


class Problem(Row):
    """Something that needs a look."""

    about: Untrusted
    problem: Untrusted


class Health(Answer):
    """What is wrong; `problems` is empty when nothing was found."""

    healthy: bool
    problems: list[Problem]
    checked: list[Untrusted]


class ConnectionTest(Answer):
    """How far a connection gets."""

    reachable: bool
    authenticated: bool
    api_version: Untrusted | None = None
    auth_scheme: Untrusted
    dry_run: bool | None = None
    elapsed_ms: float | None = None
    problem: Untrusted | None = None


class PendingState(Row):
    """Whether a subsystem has changes that are not live. `changed_here`: Holdfast made some, rules included."""

    subsystem: Untrusted
    applied: bool | None = None
    pending: list[Untrusted] | None = None
    changed_here: bool | None = None
    note: Untrusted | None = None


class PendingChanges(Answer):
    """What waits for an apply."""

    subsystems: list[PendingState]


class Service(Row):
    """A service."""

    name: Untrusted
    description: Untrusted | None = None
    enabled: bool | None = None
    running: bool


class ServicePage(Page[Service]):
    """Services."""


class LogLine(Row):
    """A line of a log."""

    identified_by = ()

    text: Untrusted


class LogPage(Page[LogLine]):
    """Lines of a log, the newest first. `scanned` counts the lines that were looked at."""

    scanned: int


class Package(Row):
    """A package."""

    name: Untrusted
    description: Untrusted | None = None
    installed: Untrusted | None = None
    available: Untrusted | None = None
    update_available: bool | None = None


class PackagePage(Page[Package]):
    """Packages."""


class Certificate(Row):
    """A certificate or authority. `days_left` is negative once it has expired."""

    ref: Untrusted
    kind: Untrusted
    name: Untrusted
    issuer: Untrusted | None = None
    valid_from: Untrusted | None = None
    valid_until: Untrusted | None = None
    days_left: int | None = None


class CertificatePage(Page[Certificate]):
    """Certificates, those that expire first in front."""


class Revision(Row):
    """A revision of the configuration."""

    identified_by = ("time", "description", "version")

    time: int
    description: Untrusted | None = None
    version: Untrusted | None = None
    size_bytes: int | None = None


class RevisionPage(Page[Revision]):
    """Revisions, the newest first. The API cannot show, compare or restore one."""


class User(Row):
    """A user or group. Secrets are never answered."""

    identified_by = ("kind", "name")

    name: Untrusted
    kind: Untrusted
    id: int | None = None
    description: Untrusted | None = None
    disabled: bool | None = None
    members: list[Untrusted] | None = None
    privileges: list[Untrusted] | None = None


class UserPage(Page[User]):
    """Users and groups."""


class Facts(Row):
    """An object as the API tells it."""

    ref: Untrusted
    fields: UntrustedJson


class FactsPage(Page[Facts]):
    """Objects as the API tells them; unset fields are left out."""


class Settings(Answer):
    """Settings as the API tells them."""

    kind: Untrusted
    fields: UntrustedJson


class FieldInfo(Row):
    """A field that may be set. Types: string, boolean, integer, double, array; `many` means an array of them."""

    name: Untrusted
    type: Untrusted
    many: bool | None = None
    required: bool | None = None
    fixed: bool | None = None
    secret: bool | None = None
    choices: list[Untrusted] | None = None
    default: Untrusted | None = None
    fields: list[Untrusted] | None = None


class ObjectInfo(Answer):
    """What can be set of a kind of object."""

    kind: Untrusted
    title: Untrusted
    apply: Untrusted | None = None
    fields: list[FieldInfo]

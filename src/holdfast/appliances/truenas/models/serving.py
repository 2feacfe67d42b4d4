"""Shares and apps."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import HouseText, Untrusted, UntrustedText


class Share(Row):
    """A share: an SMB share, an NFS export, an iSCSI target or extent."""

    id: int
    kind: Untrusted
    name: Untrusted | None = None
    path: Annotated[Untrusted | None, From("path", "disk")] = None
    enabled: bool | None = None
    readonly: Annotated[bool | None, From("readonly", "ro")] = None
    locked: bool | None = None
    comment: Annotated[Untrusted | None, From("comment", "alias")] = None
    purpose: Untrusted | None = None
    networks: list[Untrusted] | None = None
    hosts: list[Untrusted] | None = None


class SharePage(Page[Share]):
    """Shares."""


class App(Row):
    """An app. `custom`: from a compose file of its own."""

    name: Untrusted
    state: Untrusted
    version: Annotated[Untrusted | None, From("human_version", "version")] = None
    latest_version: Untrusted | None = None
    upgrade_available: bool | None = None
    image_updates: Annotated[bool | None, From("image_updates_available")] = None
    custom: Annotated[bool | None, From("custom_app")] = None
    containers: Annotated[int | None, From("active_workloads.containers")] = None


class AppPage(Page[App]):
    """Apps."""


class IscsiRow(Row):
    """Part of the iSCSI configuration."""

    kind: Untrusted
    id: int
    name: Annotated[Untrusted | None, From("name", "user")] = None
    comment: Annotated[Untrusted | None, From("comment", "alias")] = None
    listen: list[Untrusted] | None = None
    initiators: list[Untrusted] | None = None
    portals: list[int] | None = None
    tag: int | None = None
    peer_user: Annotated[Untrusted | None, From("peeruser")] = None
    volume: Annotated[Untrusted | None, From("disk")] = None
    file: Annotated[Untrusted | None, From("path")] = None
    blocksize: int | None = None
    readonly: Annotated[bool | None, From("ro")] = None
    enabled: bool | None = None
    locked: bool | None = None
    target: int | None = None
    extent: int | None = None
    lun: Annotated[int | None, From("lunid")] = None


class IscsiPage(Page[IscsiRow]):
    """The iSCSI configuration."""


class CatalogueApp(Row):
    """An app that can be installed."""

    identified_by = ("name", "train")

    name: Untrusted
    title: Untrusted | None = None
    train: Untrusted | None = None
    version: Annotated[Untrusted | None, From("latest_human_version", "latest_version")] = None
    description: Untrusted | None = None


class CataloguePage(Page[CatalogueApp]):
    """Apps of the catalogue."""


class UpgradeSummary(Answer):
    """What an upgrade brings."""

    app: Untrusted
    from_version: Untrusted
    to_version: Untrusted
    available: list[Untrusted]
    changelog: UntrustedText | None = None


class ComposeCheck(Answer):
    """What is wrong with a compose file."""

    valid: bool
    problems: list[Untrusted]
    services: list[Untrusted]
    notes: list[HouseText] | None = None

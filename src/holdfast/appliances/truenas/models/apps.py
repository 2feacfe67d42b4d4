"""Apps in detail."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson, UntrustedText


class AppContainer(Row):
    """A container of an app."""

    service: Annotated[Untrusted, From("service_name")]
    state: Untrusted
    image: Untrusted | None = None


class AppDetail(Answer):
    """One app. `custom`: from a compose file of its own."""

    name: Untrusted
    state: Untrusted
    version: Untrusted | None = None
    app_version: Annotated[Untrusted | None, From("human_version")] = None
    latest_version: Untrusted | None = None
    upgrade_available: bool | None = None
    image_updates: Annotated[bool | None, From("image_updates_available")] = None
    custom: Annotated[bool | None, From("custom_app")] = None
    train: Annotated[Untrusted | None, From("metadata.train")] = None
    containers: list[AppContainer]
    ports: list[Untrusted]
    volumes: list[Untrusted]
    portals: list[Untrusted]
    about: Annotated[UntrustedText | None, From("notes")] = None


class AppLog(Answer):
    """The end of a container's log."""

    app: Untrusted
    service: Untrusted
    state: Untrusted | None = None
    lines: list[Untrusted]


class AppConfig(Answer):
    """Settings of an app."""

    app: Untrusted
    custom: bool | None = None
    config: UntrustedJson


class AppImage(Row):
    """An image. `dangling`: no tag stands for it any more."""

    id: Untrusted
    tags: Annotated[list[Untrusted] | None, From("repo_tags")] = None
    size_bytes: Annotated[int | None, From("size")] = None
    dangling: bool | None = None
    update_available: bool | None = None
    created: Untrusted | None = None


class AppImagePage(Page[AppImage]):
    """Images of containers."""


class AppsService(Answer):
    """The service that runs apps."""

    state: Untrusted | None = None
    detail: Untrusted | None = None
    pool: Untrusted | None = None
    dataset: Untrusted | None = None
    check_image_updates: Annotated[bool | None, From("enable_image_updates")] = None
    nvidia: bool | None = None
    address_pools: list[Untrusted]

"""Virtual machines and containers."""

from __future__ import annotations

from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedText


class Guest(Row):
    """A virtual machine or container. `memory_bytes` of VMs only."""

    kind: Untrusted
    id: Untrusted
    name: Untrusted
    state: Untrusted
    autostart: bool | None = None
    memory_bytes: int | None = None
    cores: int | None = None
    description: Untrusted | None = None


class GuestPage(Page[Guest]):
    """Virtual machines and containers."""


class Device(Row):
    """A device of a guest. `id` where it can be removed by it."""

    kind: Untrusted
    id: int | None = None
    name: Untrusted | None = None
    what: Untrusted | None = None


class GuestDetail(Answer):
    """One virtual machine or container. `cpu`: as TrueNAS tells it of containers, a number or a range."""

    kind: Untrusted
    id: Untrusted
    name: Untrusted
    state: Untrusted
    description: UntrustedText | None = None
    autostart: bool | None = None
    memory_bytes: int | None = None
    vcpus: int | None = None
    cores: int | None = None
    threads: int | None = None
    cpu: Untrusted | None = None
    bootloader: Untrusted | None = None
    shutdown_timeout: int | None = None
    image: Untrusted | None = None
    addresses: list[Untrusted] | None = None
    devices: list[Device]


class Image(Row):
    """An image for containers. `version`: the newest."""

    identified_by = ("image", "label")

    image: Untrusted
    label: Untrusted | None = None
    version: Untrusted | None = None


class ImagePage(Page[Image]):
    """Images for containers."""

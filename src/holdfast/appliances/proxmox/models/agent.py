"""What the guest agent tells from inside a VM."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.proxmox.reading import Key
from holdfast.control.answers import Answer, Row
from holdfast.control.cleaning import Untrusted


class AgentPing(Answer):
    """Whether the guest agent answers, and what it says about the guest's operating system."""

    guest: Untrusted
    responds: bool
    os_name: Untrusted | None = None
    os_version: Untrusted | None = None
    kernel: Untrusted | None = None
    hostname: Untrusted | None = None


class GuestInterface(Row):
    """A network interface inside the guest; addresses with prefix length."""

    name: Untrusted
    mac: Annotated[Untrusted | None, Key("hardware-address", "hwaddr")] = None
    addresses: list[Untrusted]


class GuestInterfaces(Answer):
    """Network interfaces inside a guest."""

    guest: Untrusted
    interfaces: list[GuestInterface]


class FileSystem(Row):
    """A file system inside the guest."""

    device: Annotated[Untrusted, Key("name")]
    mountpoint: Untrusted
    type: Untrusted
    total_bytes: Annotated[int | None, Key("total-bytes")] = None
    used_bytes: Annotated[int | None, Key("used-bytes")] = None


class FileSystems(Answer):
    """File systems inside a VM."""

    guest: Untrusted
    filesystems: list[FileSystem]

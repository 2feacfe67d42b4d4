"""Compose files, looked at before they are sent. The middleware itself judges them only while it installs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from holdfast.transport.values import JsonObject

_MAX_SERVICES: Final = 100


@dataclass(frozen=True)
class ComposeService:
    """A service of a compose file and the ports of the host that it wants."""

    name: str
    ports: tuple[int, ...]


def compose_problems(document: JsonObject) -> tuple[list[str], list[ComposeService]]:
    """What is wrong with a compose file, one sentence each, and the services in it."""
    services = document.get("services")
    if not isinstance(services, dict) or not services:
        return ["It has no services."], []
    if len(services) > _MAX_SERVICES:
        return [f"It has more than {_MAX_SERVICES} services."], []
    problems: list[str] = []
    found: list[ComposeService] = []
    wanted: dict[int, str] = {}
    for name, service in services.items():
        if not isinstance(service, dict):
            problems.append("A service is not a named mapping.")
            continue
        if not isinstance(service.get("image"), str):
            problems.append(f"{name} has no image; TrueNAS does not build images.")
        ports = _ports(service.get("ports"))
        if ports is None:
            problems.append(f"{name}: a port is not understood.")
            ports = ()
        for port in ports:
            if port in wanted:
                problems.append(f"{name}: port {port} is wanted by {wanted[port]} too.")
            wanted[port] = name
        depends = service.get("depends_on")
        for other in depends if isinstance(depends, (list, dict)) else ():
            if other not in services:
                problems.append(f"{name} depends on {other}, which is not there.")
        found.append(ComposeService(name, ports))
    return problems, found


def _ports(value: object) -> tuple[int, ...] | None:
    """Ports of the host in `ports`; None when one is not understood. A range counts with both ends."""
    if value is None:
        return ()
    if not isinstance(value, list):
        return None
    found: list[int] = []
    for item in value:
        if isinstance(item, dict):
            published = item.get("published")
            text = str(published) if published is not None else ""
        else:
            parts = str(item).partition("/")[0].rsplit(":", 2)
            text = parts[-2] if len(parts) > 1 else ""
        if not text:
            continue
        for end in text.split("-"):
            if not (end.isascii() and end.isdigit() and 0 < int(end) < 65536):
                return None
            found.append(int(end))
    return tuple(dict.fromkeys(found))

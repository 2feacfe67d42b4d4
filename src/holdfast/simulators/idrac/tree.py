"""The whole resource tree of a persona, built once per process."""

from __future__ import annotations

from functools import lru_cache

from holdfast.simulators.idrac.persona import PERSONAS
from holdfast.simulators.idrac.routes import Routes
from holdfast.simulators.idrac.trees import (
    attributes,
    bios,
    booting,
    certificates,
    chassis,
    dellsensors,
    events,
    interfaces,
    jobs,
    licences,
    lifecycle,
    logins,
    logs,
    managers,
    media,
    network,
    power,
    processors,
    profiles,
    raid_service,
    root,
    sensors,
    storage,
    storage_changes,
    subsystems,
    systems,
    telemetry,
    updates,
    users,
)

_MODULES = (
    root,
    logins,
    users,
    systems,
    processors,
    network,
    storage,
    storage_changes,
    raid_service,
    chassis,
    power,
    subsystems,
    sensors,
    managers,
    jobs,
    bios,
    booting,
    media,
    logs,
    updates,
    attributes,
    interfaces,
    licences,
    certificates,
    lifecycle,
    profiles,
    events,
    telemetry,
    dellsensors,
)


@lru_cache(maxsize=len(PERSONAS))
def routes_for(key: str) -> Routes:
    """All resources of the persona of this key."""
    routes = Routes()
    for module in _MODULES:
        module.mount(routes, PERSONAS[key])
    return routes

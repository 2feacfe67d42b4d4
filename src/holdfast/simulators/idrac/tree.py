"""The whole resource tree of a persona, built once per process."""

from __future__ import annotations

from functools import lru_cache

from holdfast.simulators.idrac.persona import PERSONAS
from holdfast.simulators.idrac.routes import Routes
from holdfast.simulators.idrac.trees import jobs, logins, managers, root, systems, users

_MODULES = (root, logins, users, systems, managers, jobs)


@lru_cache(maxsize=len(PERSONAS))
def routes_for(key: str) -> Routes:
    """All resources of the persona of this key."""
    routes = Routes()
    for module in _MODULES:
        module.mount(routes, PERSONAS[key])
    return routes

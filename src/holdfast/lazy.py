"""Public names of a package without importing their modules before they are used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def exports(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """A module-level `__getattr__` that imports `modules[name]` (relative to the package) when `name` is first used.

    Server start-up stays fast because reading a target's settings does not import its client.
    """

    def resolve(name: str) -> object:
        try:
            module = modules[name]
        except KeyError:
            raise AttributeError(f"module {package!r} has no attribute {name!r}") from None
        found: object = getattr(import_module(f"{package}.{module}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return resolve

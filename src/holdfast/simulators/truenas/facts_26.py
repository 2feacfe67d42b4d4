"""26 as a list of differences from 25.10 (contract section 16)."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.simulators.truenas.facts import Fact

GONE: tuple[str, ...] = ("virt.*",)
CHANGED: dict[str, Callable[[Fact], Fact]] = {}
OWN: tuple[Fact, ...] = ()
SAME_AS: dict[str, str] = {}

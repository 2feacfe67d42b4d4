"""25.04 where the vendor's file is silent: names that came later, and methods that existed only then."""

from __future__ import annotations

from holdfast.simulators.truenas.facts import Fact

# Patterns of 25.10 methods that 25.04 does not have (contract section 16).
LATER: tuple[str, ...] = ("pool.snapshot.*", "service.control")

# 25.04 name → the 25.10 method with the same models.
SAME_AS: dict[str, str] = {}

OWN: tuple[Fact, ...] = ()

"""Releases: how a capability's methods are called on each (contract 16)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from holdfast.errors import Executed, UnsupportedError
from holdfast.transport.values import JsonValue

Release: TypeAlias = tuple[int, int]

UNKNOWN: Final[Release] = (0, 0)
"""Of a version that says no release."""

SNAPSHOT_QUERY: Final = ("pool.snapshot.query", "zfs.snapshot.query")

_NUMBERS: Final = re.compile(r"(\d{2})\.(\d{1,2})")


_LEDGER: Final[tuple[tuple[str, Release | None, Release | None], ...]] = (
    ("pool.snapshot.", (25, 10), None),
    ("zfs.snapshot.", None, (25, 10)),
    ("service.control", (25, 10), None),
    ("service.start", None, (26, 0)),
    ("service.stop", None, (26, 0)),
    ("service.restart", None, (26, 0)),
    ("service.reload", None, (26, 0)),
    ("update.status", (25, 10), None),
    ("update.run", (25, 10), None),
    ("update.check_available", None, (25, 10)),
    ("interface.network_config_to_be_removed", (25, 10), None),
    ("interface.default_route_will_be_removed", None, (25, 10)),
    ("virt.", None, (26, 0)),
    ("container.", (26, 0), None),
    ("smart.", None, (25, 10)),
    ("zfs.resource.query", (25, 10), None),
)
"""Method, or beginning of methods; the first release that has it, and the first that has it no more (contract 16)."""


def offered(method: str, release: Release | None) -> bool:
    """Whether a release has a method, by the ledger; yes where release or method are not known to it."""
    if not release or release == UNKNOWN:
        return True
    for name, since, until in _LEDGER:
        if method == name or (name.endswith(".") and method.startswith(name)):
            return (since is None or release >= since) and (until is None or release < until)
    return True


@dataclass(frozen=True)
class Way:
    """One way to do something: a method of some releases with its arguments.

    Attributes:
        method: Name.
        params: Positional arguments.
        job: Whether it answers the id of a job.
    """

    method: str
    params: tuple[JsonValue, ...] = ()
    job: bool = False


def parse_release(version: str) -> Release:
    """(25, 10) of "25.10.7", "26.0.0-BETA.3" or "TrueNAS-SCALE-25.04.2"; (0, 0) when it cannot be told."""
    found = _NUMBERS.search(version)
    return (int(found[1]), int(found[2])) if found else UNKNOWN


def snapshot_ways(verb: str, *params: JsonValue) -> tuple[Way, ...]:
    """Ways of a snapshot's method: `pool.snapshot.*` from 25.10, `zfs.snapshot.*` before."""
    return Way(f"pool.snapshot.{verb}", params), Way(f"zfs.snapshot.{verb}", params)


def none_of(methods: Sequence[str]) -> UnsupportedError:
    """The error for a capability that a release does not have."""
    return UnsupportedError(
        f"This is not on this release of TrueNAS (no {' or '.join(methods)}).",
        status=-32601,
        executed=Executed.NO,
        next_step="truenas_system_info tells the release; use another tool, or update the appliance.",
    )

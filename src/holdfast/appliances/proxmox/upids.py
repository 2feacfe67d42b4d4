"""Ids of tasks (contract 7)."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

_UPID: Final = re.compile(
    r"UPID:(?P<node>[A-Za-z0-9][A-Za-z0-9-]*):[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:(?P<start>[0-9A-Fa-f]{8})"
    r":(?P<type>[^:\s/]+):(?P<id>[^:\s/]*):(?P<user>[^:\s/]+):\Z"
)
_REMEMBERED: Final = 2000


@dataclass(frozen=True)
class Upid:
    """A task's id, taken apart. `user` is the full account, `user@realm!token` for a token."""

    text: str
    node: str
    started_at: int
    type: str
    id: str
    user: str


def parse_upid(text: str) -> Upid | None:
    """The parts of a task's id; None when it is none."""
    found = _UPID.match(text)
    if found is None:
        return None
    return Upid(text, found["node"], int(found["start"], 16), found["type"], found["id"], found["user"])


class KnownTasks:
    """Tasks that this process has heard of: a task that settles a lost answer is never one of them."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()

    def add(self, upid: str) -> None:
        """Remember a task; the oldest of thousands is forgotten."""
        self._known[upid] = None
        self._known.move_to_end(upid)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def __contains__(self, upid: object) -> bool:
        return upid in self._known

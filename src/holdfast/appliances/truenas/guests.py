"""Virtual machines and containers, by whatever name the release has for them: found, and told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from holdfast.appliances.truenas.reading import dig
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.answers import JsonObject
from holdfast.errors import ConflictError, NotFoundError, UnsupportedError
from holdfast.transport.values import JsonValue

_FIELDS: Final[list[JsonValue]] = ["id", "name", "status", "autostart", "description", "memory", "cores"]
_SPACES: Final = ("vm", "container", "virt.instance")


@dataclass(frozen=True)
class Found:
    """A guest: namespace of its methods, id, name, state."""

    space: str
    id: JsonValue
    name: str
    state: str

    @property
    def kind(self) -> str:
        """As the tools call it."""
        return "vm" if self.space == "vm" else "container"

    @property
    def noun(self) -> str:
        """For people."""
        return "VM" if self.space == "vm" else "container"

    @property
    def label(self) -> str:
        """For people: "the VM router"."""
        return f"the {self.noun} {self.name}"


async def guest_rows(ctx: Ctx) -> list[tuple[str, JsonObject]]:
    """All guests; a release has `container` or `virt.instance`, or neither."""
    rows: list[tuple[str, JsonObject]] = []
    for space in _SPACES:
        select = _FIELDS if space == "vm" else _FIELDS[:-2]
        if space == "virt.instance":
            select = ["id", "name", "status", "autostart", "type"]
        try:
            found = await ctx.client.query_first([f"{space}.query"], [], {"order_by": ["name"], "select": select})
        except UnsupportedError:
            continue
        rows += [(space, row) for row in found]
    return rows


def state_of(row: JsonObject) -> str:
    """RUNNING, STOPPED, SUSPENDED, … ; UNKNOWN where it is not told."""
    state = dig(row, "status.state") or row.get("status")
    return str(state) if isinstance(state, str) else "UNKNOWN"


async def find_guest(ctx: Ctx, guest: str, kind: str | None) -> Found:
    """The guest of a name or an id.

    Raises:
        NotFoundError: There is none.
        ConflictError: A machine and a container have it.
    """
    found = [
        Found(space, row.get("id"), str(row.get("name")), state_of(row))
        for space, row in await guest_rows(ctx)
        if guest in (row.get("name"), str(row.get("id"))) and kind in (None, "vm" if space == "vm" else "container")
    ]
    exact = [one for one in found if one.name == guest] or found
    if not exact:
        raise NotFoundError(f"There is no VM or container {guest}.", next_step="truenas_list_guests lists them.")
    if len(exact) > 1:
        raise ConflictError(f"A VM and a container are called {guest}.", next_step="Say kind too.")
    return exact[0]

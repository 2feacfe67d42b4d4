"""Virtual machines and containers, by whatever name the release has for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.arguments import ObjectRef
from holdfast.appliances.truenas.changes import Ctx, Seen, Write, change
from holdfast.appliances.truenas.models.serving import Guest, GuestPage
from holdfast.appliances.truenas.reading import dig, made, page
from holdfast.appliances.truenas.releases import Way
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, NotFoundError, UnsupportedError
from holdfast.transport.values import JsonValue, opt_int

_FIELDS: Final[list[JsonValue]] = ["id", "name", "status", "autostart", "description", "memory", "cores"]
_SPACES: Final = ("vm", "container", "virt.instance")
Force = Annotated[bool, Field(description="Cut the power instead of asking the system to stop.")]
GuestName = Annotated[ObjectRef, Field(description="Name or id.")]
Kind = Annotated[Literal["vm", "container"] | None, Field(description="Where both have one of this name.")]


@dataclass(frozen=True)
class _Found:
    """A guest: namespace of its methods, id, name, state."""

    space: str
    id: JsonValue
    name: str
    state: str

    @property
    def noun(self) -> str:
        return "VM" if self.space == "vm" else "container"

    @property
    def label(self) -> str:
        return f"the {self.noun} {self.name}"


async def _rows(ctx: Ctx) -> list[tuple[str, JsonObject]]:
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


def _state(row: JsonObject) -> str:
    state = dig(row, "status.state") or row.get("status")
    return str(state) if isinstance(state, str) else "UNKNOWN"


@tool(title="List VMs and containers", toolset="guests")
async def truenas_list_guests(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> GuestPage:
    """Virtual machines and containers with their state."""
    rows: list[JsonObject] = [
        {**row, "kind": "vm" if space == "vm" else "container"} for space, row in await _rows(ctx)
    ]
    return page(GuestPage, rows, _guest, limit, cursor)


def _guest(row: JsonObject) -> Guest:
    memory = opt_int(row, "memory") if row.get("kind") == "vm" else None
    return made(
        Guest,
        row,
        id=str(row.get("id")),
        state=_state(row),
        memory_bytes=memory * 2**20 if memory is not None else None,
    )


async def _find(ctx: Ctx, guest: str, kind: str | None) -> _Found:
    found = [
        _Found(space, row.get("id"), str(row.get("name")), _state(row))
        for space, row in await _rows(ctx)
        if guest in (row.get("name"), str(row.get("id"))) and kind in (None, "vm" if space == "vm" else "container")
    ]
    exact = [one for one in found if one.name == guest] or found
    if not exact:
        raise NotFoundError(f"There is no VM or container {guest}.", next_step="truenas_list_guests lists them.")
    if len(exact) > 1:
        raise ConflictError(f"A VM and a container are called {guest}.", next_step="Say kind too.")
    return exact[0]


@tool(title="Start VM or container", toolset="guests", risk=Risk.WRITE, idempotent=True)
async def truenas_start_guest(ctx: Ctx, *, guest: GuestName, kind: Kind = None) -> Change:
    """Start a virtual machine or container."""
    found = await _find(ctx, guest, kind)
    is_job = found.space == "virt.instance"
    way = Way(f"{found.space}.start", (found.id,), job=is_job)
    return await _power(ctx, found, way, "Start", "RUNNING", "truenas_stop_guest")


@tool(title="Stop VM or container", toolset="guests", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_stop_guest(ctx: Ctx, *, guest: GuestName, kind: Kind = None, force: Force = False) -> Change:
    """Shut a virtual machine or container down, or cut its power with force."""
    found = await _find(ctx, guest, kind)
    options: JsonObject = {"force": force}
    if found.space != "virt.instance":
        options["force_after_timeout"] = False
    way = Way(f"{found.space}.stop", (found.id, options), job=True)
    return await _power(ctx, found, way, "Cut the power of" if force else "Shut down", "STOPPED", "truenas_start_guest")


async def _power(ctx: Ctx, found: _Found, way: Way, verb: str, wanted: str, back: str) -> Change:
    async def look() -> Seen:
        now = (await _find(ctx, found.name, "vm" if found.space == "vm" else "container")).state
        return Seen(now == wanted, {"state": now})

    arguments: JsonObject = {"guest": found.name, "kind": "vm" if found.space == "vm" else "container"}
    return await change(
        ctx,
        Write((way,)),
        summary=f"{verb} {found.label}",
        before={"state": found.state},
        after={"state": wanted},
        look=look,
        undo=UndoCall(tool=back, arguments=arguments),
        nothing_to_do=found.state == wanted,
    )


@tool(title="Restart VM or container", toolset="guests", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_restart_guest(ctx: Ctx, *, guest: GuestName, kind: Kind = None) -> Change:
    """Restart a running virtual machine or container. Containers of release 26 have to be stopped and started."""
    found = await _find(ctx, guest, kind)
    if found.space == "container":
        raise UnsupportedError(
            "This release cannot restart containers.", next_step="truenas_stop_guest, then truenas_start_guest."
        )
    if found.state != "RUNNING":
        raise ConflictError(f"{found.name} is {found.state}.", next_step="Start it with truenas_start_guest.")
    params: tuple[JsonValue, ...] = (found.id,) if found.space == "vm" else (found.id, {"force": False})

    async def look() -> Seen:
        now = (await _find(ctx, found.name, "vm" if found.space == "vm" else "container")).state
        return Seen(None if now == "RUNNING" else False, {"state": now})

    return await change(
        ctx,
        Write((Way(f"{found.space}.restart", params, job=True),)),
        summary=f"Restart {found.label}",
        before={"state": found.state},
        after={"state": "RUNNING"},
        look=look,
        cannot_undo="A restart is over when it is over.",
    )

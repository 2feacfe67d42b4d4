"""Resource pools: guests and storages under one grant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from holdfast.appliances.proxmox.arguments import Comment, GuestRef
from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import form_of, plain
from holdfast.appliances.proxmox.errors import missing_grant
from holdfast.appliances.proxmox.guests import find_guest
from holdfast.appliances.proxmox.identifiers import StorageId
from holdfast.appliances.proxmox.models.access import Pool, PoolMember, PoolPage, PoolRow
from holdfast.appliances.proxmox.objects import Arg, Kind, Read, create, delete, required, update
from holdfast.appliances.proxmox.reading import by, made
from holdfast.appliances.proxmox.visibility import holds, if_empty
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.cutting import cut
from holdfast.errors import ConflictError, InputError, NotFoundError
from holdfast.transport.values import opt_int, opt_objects, opt_str

_POOL: Final = Kind(
    noun="pool",
    collection=("pools",),
    key="poolid",
    argument="pool",
    args={"comment": Arg("comment")},
    tools=("proxmox_create_pool", "proxmox_update_pool", "proxmox_delete_pool"),
    digest=False,
    by_query=True,
    derived=frozenset({"members"}),
)
PoolId = Annotated[
    str,
    Grammar(
        "pool",
        r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+){0,2}",
        80,
        "Pool; a nested one as parent/child.",
        ("prod", "prod/web"),
        lambda text: not {".", ".."} & set(text.split("/")),
    ),
]
Guests = Annotated[list[GuestRef] | None, Field(min_length=1, max_length=100, description="Ids or names of guests.")]
Storages = Annotated[list[StorageId] | None, Field(min_length=1, max_length=50, description="Storages.")]


def _read(pool: str) -> Read:
    async def read(client: AsyncProxmoxClient) -> JsonObject | None:
        try:
            rows = await client.rows("pools", query={"poolid": pool})
        except NotFoundError:
            return None
        return rows[0] if rows else None

    return read


def _members(row: JsonObject) -> tuple[set[int], set[str]]:
    """Guests and storages of a pool."""
    members = opt_objects(row, "members") or []
    guests = {vmid for one in members if (vmid := opt_int(one, "vmid", lenient=True)) is not None}
    return guests, {plain(one.get("storage")) for one in members if one.get("type") == "storage"}


@tool(title="List pools", toolset="pools")
async def proxmox_list_pools(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> PoolPage:
    """Resource pools: whoever has a grant on a pool has it on all its guests and storages."""
    rows = await ctx.client.rows("pools")
    notes = await if_empty(ctx.client, rows, "Pool.Audit", "/", "/pool")
    return page(PoolPage, sorted(rows, key=by("poolid")), lambda row: made(PoolRow, row), limit, cursor, notes=notes)


@tool(title="Get pool", toolset="pools")
async def proxmox_get_pool(ctx: Ctx, *, pool: PoolId) -> Pool:
    """One pool with its guests and storages."""
    row = await required(ctx, _POOL, pool, _read(pool))
    members = sorted(opt_objects(row, "members") or [], key=by("type", "vmid", "storage", "node"))
    shown = [made(PoolMember, one) for one in members[:200]]
    notes = [f"{len(members)} members; the first 200 are shown."] if len(members) > 200 else None
    return Pool(pool=pool, comment=opt_str(row, "comment"), members=shown, notes=notes)


@tool(title="Create pool", toolset="pools", risk=Risk.WRITE, idempotent=True)
async def proxmox_create_pool(ctx: Ctx, *, pool: PoolId, comment: Comment = None) -> Change:
    """Make an empty pool; proxmox_add_to_pool fills it, proxmox_grant on /pool/NAME gives somebody a role on it."""
    if not await holds(ctx.client, "Pool.Audit", "/", "/pool", f"/pool/{pool}"):
        # What cannot be read cannot be told to have been made.
        raise missing_grant("Pool.Audit", f"/pool/{pool}")
    return await create(ctx, _POOL, pool, {"comment": comment}, read=_read(pool))


@tool(title="Change pool", toolset="pools", risk=Risk.WRITE, idempotent=True)
async def proxmox_update_pool(
    ctx: Ctx, *, pool: PoolId, comment: Annotated[str, Field(max_length=250, description="Comment.")]
) -> Change:
    """Change the comment of a pool; its members stay."""
    return await update(ctx, _POOL, pool, {"comment": comment}, read=_read(pool))


@tool(title="Delete pool", toolset="pools", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_pool(ctx: Ctx, *, pool: PoolId) -> Change:
    """Delete an empty pool, with the grants on it. Its members stay: take them out first."""
    row = await required(ctx, _POOL, pool, _read(pool))
    guests, storages = _members(row)
    if guests or storages:
        shown = ", ".join([*map(str, sorted(guests)), *sorted(storages)][:20])
        raise ConflictError(f"The pool {pool} is not empty: {shown}.", next_step="proxmox_remove_from_pool empties it.")
    warnings = ("Grants on the pool go with it and do not come back.",)
    return await delete(ctx, _POOL, pool, read=_read(pool), warnings=warnings)


@tool(title="Add to pool", toolset="pools", risk=Risk.WRITE, idempotent=True)
async def proxmox_add_to_pool(
    ctx: Ctx,
    *,
    pool: PoolId,
    guests: Guests = None,
    storages: Storages = None,
    move: Annotated[bool, Field(description="Take guests out of another pool.")] = False,
) -> Change:
    """Put guests and storages into a pool: who has a grant on the pool has it on them too."""
    return await _plan_members(ctx, pool, guests, storages, move=move, remove=False)


@tool(title="Remove from pool", toolset="pools", risk=Risk.WRITE, idempotent=True)
async def proxmox_remove_from_pool(
    ctx: Ctx, *, pool: PoolId, guests: Guests = None, storages: Storages = None
) -> Change:
    """Take guests and storages out of a pool: grants on the pool no longer reach them. Nothing else happens to them."""
    return await _plan_members(ctx, pool, guests, storages, move=False, remove=True)


async def _plan_members(
    ctx: Ctx, pool: str, guests: Sequence[str] | None, storages: Sequence[str] | None, *, move: bool, remove: bool
) -> Change:
    """Members in or out; only those are sent that are not as wanted yet."""
    if not guests and not storages:
        raise InputError("Nothing was given.", next_step="Give guests or storages.")
    row = await required(ctx, _POOL, pool, _read(pool))
    held_guests, held_storages = _members(row)
    inventory = await ctx.client.inventory.rows(fresh=True)
    found = [await find_guest(ctx.client, guest, fresh=False) for guest in guests or ()]
    pools = {opt_int(one, "vmid", lenient=True): opt_str(one, "pool") for one in inventory}
    vmids = sorted({guest.vmid for guest in found if (guest.vmid in held_guests) is remove})
    names = sorted({name for name in storages or () if (name in held_storages) is remove})
    elsewhere = [] if remove else [f"{vmid} ({pools[vmid]})" for vmid in vmids if pools.get(vmid)]
    if elsewhere and not move:
        raise ConflictError(
            f"In another pool: {cut(', '.join(elsewhere), 300)}.", next_step="Give move=true to take them out of it."
        )
    wanted: JsonObject = {"guests": [*vmids], "storages": [*names]}
    arguments: JsonObject = {"pool": pool}
    arguments |= {"guests": [str(vmid) for vmid in vmids]} if vmids else {}
    arguments |= {"storages": [*names]} if names else {}
    undo = UndoCall(tool="proxmox_add_to_pool" if remove else "proxmox_remove_from_pool", arguments=arguments)

    async def look() -> Seen:
        seen = await _read(pool)(ctx.client)
        now_guests, now_storages = _members(seen or {})
        inside = [vmid in now_guests for vmid in vmids] + [name in now_storages for name in names]
        return Seen(not any(inside) if remove else all(inside), {"inside": sum(inside)})

    form = form_of(
        {
            "poolid": pool,
            "vms": vmids or None,
            "storage": names or None,
            "delete": remove or None,
            "allow-move": move or None,
        }
    )
    return await change(
        ctx,
        Write("PUT", ("pools",), form),
        summary=f"{'Take' if remove else 'Put'} {len(vmids)} guests and {len(names)} storages "
        f"{'out of' if remove else 'into'} the pool {pool}",
        before={"inside": len(vmids) + len(names) if remove else 0},
        after={"inside": 0 if remove else len(vmids) + len(names)},
        content={**wanted, "pool": pool, "remove": remove, "move": move},
        look=look,
        undo=undo if not elsewhere else None,
        cannot_undo=f"They were in other pools: {cut(', '.join(elsewhere), 300)}." if elsewhere else None,
        warnings=["Grants on the pool do not reach them any more." if remove else "Grants on the pool reach them too."],
        nothing_to_do=not vmids and not names,
    )

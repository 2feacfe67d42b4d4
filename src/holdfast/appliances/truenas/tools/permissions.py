"""Who may do what with a folder, and store how much: owner, mode, ACL, quotas."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.acl import AclLine, entry_of, holds, kind_of, lines_of
from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.collections import given
from holdfast.appliances.truenas.identifiers import DatasetPath, SharePath
from holdfast.appliances.truenas.models.permissions import Permissions, Quota, QuotaPage
from holdfast.appliances.truenas.reading import made, server_page
from holdfast.appliances.truenas.writes import Ctx, Look, Seen, Write, job
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.paging import Cursor, Limit
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, InputError
from holdfast.transport.values import JsonValue, as_object, get_int, opt_str

Owner = Annotated[str, Grammar("account", r"[A-Za-z0-9_.@\\$-]+", 255, "name, or id in digits", ("alice", "3001"))]
Octal = Annotated[str, Grammar("mode", r"[0-7]{3,4}", 4, "mode in octal", ("770", "2775"))]
Below = Annotated[bool, Field(description="Also all files and folders in it.")]
Traverse = Annotated[bool, Field(description="With recursive: also the datasets below.")]
_LOST: Final = "What the permissions below were is not kept."
_SHOWN: Final = 40


async def _state(ctx: Ctx, path: str) -> tuple[JsonObject, JsonObject]:
    """Answers of stat and getacl, names resolved.

    Raises:
        NotFoundError: There is no such path.
    """
    stat = as_object(await ctx.client.call("filesystem.stat", path), "filesystem.stat")
    return stat, as_object(await ctx.client.call("filesystem.getacl", path, True, True), "filesystem.getacl")


def _mode(stat: JsonObject) -> str:
    return f"{get_int(stat, 'mode') & 0o7777:03o}"


def _owner(stat: JsonObject, name: str) -> str:
    return opt_str(stat, name) or str(stat.get("uid" if name == "user" else "gid"))


@tool(title="Get permissions", toolset="permissions")
async def truenas_get_permissions(ctx: Ctx, *, path: SharePath) -> Permissions:
    """Owner, mode and access control list of a folder or file below /mnt."""
    stat, acl = await _state(ctx, path)
    return made(
        Permissions,
        {**stat, "acltype": acl.get("acltype"), "trivial": acl.get("trivial")},
        path=path,
        mode=_mode(stat),
        entries=lines_of(acl)[:200],
    )


@tool(title="Set permissions", toolset="permissions", risk=Risk.WRITE, idempotent=True)
async def truenas_set_permissions(
    ctx: Ctx,
    *,
    path: SharePath,
    mode: Octal | None = None,
    user: Owner | None = None,
    group: Owner | None = None,
    recursive: Below = False,
    traverse: Traverse = False,
    strip_acl: Annotated[bool, Field(description="Take the ACL away; the mode counts alone.")] = False,
) -> Change:
    """Set owner and mode of a folder. Where an ACL says more than the mode, a mode needs strip_acl=true."""
    if mode is None and user is None and group is None and not strip_acl:
        raise InputError("Nothing to change was given.")
    if mode is not None and int(mode, 8) == 0:
        raise InputError("TrueNAS takes no mode that lets nobody in.")
    stat, acl = await _state(ctx, path)
    listed = acl.get("trivial") is False
    if listed and mode is not None and not strip_acl:
        raise ConflictError(
            f"{path} has an ACL, against which a mode cannot be set.",
            next_step="Use truenas_set_acl, or say strip_acl=true.",
        )
    before: JsonObject = {"mode": _mode(stat), "user": _owner(stat, "user"), "group": _owner(stat, "group")}
    wanted = given(mode=mode and f"{int(mode, 8):03o}", user=user, group=group)
    if strip_acl:
        before["acl"] = list(lines_of(acl)[:_SHOWN]) if listed else []
        wanted["acl"] = []
    return await change(
        ctx,
        _write(path, wanted, mode, strip_acl, {"recursive": recursive, "traverse": traverse}),
        summary=f"Set {', '.join(sorted(wanted))} of {path}{' and all below' if recursive else ''}",
        before={name: before[name] for name in wanted},
        after=wanted,
        look=_permission_look(ctx, path, wanted, recursive),
        undo=_undo_permissions(path, acl, before, wanted) if not recursive else None,
        cannot_undo=_LOST if recursive else None,
        blast_radius=[f"Everything in {path}{', datasets too,' if traverse else ''} is changed."] if recursive else [],
        destructive=recursive,
        nothing_to_do=not recursive and all(before[name] == value for name, value in wanted.items()),
    )


def _write(path: str, wanted: JsonObject, mode: str | None, strip_acl: bool, options: JsonObject) -> Write:
    owner: JsonObject = {}
    for name, number in (("user", "uid"), ("group", "gid")):
        value = wanted.get(name)
        if isinstance(value, str):
            owner |= {number: int(value)} if value.isdigit() else {name: value}
    if mode is None and not strip_acl:
        return job("filesystem.chown", {"path": path, **owner, "options": options}, in_steps=bool(options["recursive"]))
    data: JsonObject = {"path": path, **owner, **given(mode=mode), "options": {**options, "stripacl": strip_acl}}
    return job("filesystem.setperm", data, in_steps=bool(options["recursive"]))


def _permission_look(ctx: Ctx, path: str, wanted: JsonObject, recursive: bool) -> Look:
    async def look() -> Seen:
        stat, acl = await _state(ctx, path)
        now: JsonObject = {
            "mode": _mode(stat),
            "user": _owner(stat, "user"),
            "group": _owner(stat, "group"),
            "acl": list(lines_of(acl)[:_SHOWN]) if acl.get("trivial") is False else [],
        }
        numbers = {"user": str(stat.get("uid")), "group": str(stat.get("gid"))}
        reached = all(value in (now[name], numbers.get(name)) for name, value in wanted.items())
        # What is below cannot be looked at: that the top is as wanted does not show it.
        return Seen(None if reached and recursive else reached, {name: now[name] for name in wanted})

    return look


def _undo_permissions(path: str, acl: JsonObject, before: JsonObject, wanted: JsonObject) -> UndoCall:
    if wanted.get("acl") == [] and before.get("acl"):
        entries: list[JsonValue] = [*lines_of(acl)]
        owner = {name: before[name] for name in ("user", "group") if name in wanted}
        return UndoCall(tool="truenas_set_acl", arguments={"path": path, "entries": entries, **owner})
    arguments = {name: before[name] for name in wanted if name != "acl"}
    return UndoCall(tool="truenas_set_permissions", arguments={"path": path, **(arguments or {"mode": before["mode"]})})


@tool(title="Set ACL", toolset="permissions", risk=Risk.WRITE, idempotent=True)
async def truenas_set_acl(
    ctx: Ctx,
    *,
    path: SharePath,
    entries: Annotated[list[AclLine], Field(min_length=1, max_length=128, description="All entries.")],
    user: Owner | None = None,
    group: Owner | None = None,
    recursive: Below = False,
    traverse: Traverse = False,
) -> Change:
    """Replace the access control list of a folder by these entries; take their form from truenas_get_permissions."""
    stat, acl = await _state(ctx, path)
    kind = kind_of(acl)
    rows: list[JsonValue] = [entry_of(line, kind) for line in entries]
    owner: JsonObject = {}
    for name, number, value in (("user", "uid", user), ("group", "gid", group)):
        if value is not None:
            owner |= {number: int(value)} if value.isdigit() else {name: value}
    now = lines_of(acl)
    before: JsonObject = {"entries": list(now), **({"user": _owner(stat, "user")} if user else {})}
    before |= {"group": _owner(stat, "group")} if group else {}
    wanted: JsonObject = {"entries": list(entries), **given(user=user, group=group)}

    async def look() -> Seen:
        fresh, current = await _state(ctx, path)
        owners = {"user": (_owner(fresh, "user"), str(fresh.get("uid")))}
        owners["group"] = (_owner(fresh, "group"), str(fresh.get("gid")))
        reached = holds(current, list(entries))
        if not all(wanted[name] in names for name, names in owners.items() if name in wanted):
            reached = False
        return Seen(None if reached and recursive else reached, {"entries": list(lines_of(current))})

    flags = acl.get("aclflags")
    set_flags = sorted(name for name, on in flags.items() if on) if isinstance(flags, dict) else []
    undo: UndoCall | None = None
    if not recursive and not set_flags:
        back: JsonObject = {name: before[name] for name in ("user", "group") if name in wanted}
        if acl.get("trivial") is False:
            undo = UndoCall(tool="truenas_set_acl", arguments={"path": path, "entries": list(now), **back})
        else:
            plain_mode: JsonObject = {"path": path, "mode": _mode(stat), "strip_acl": True, **back}
            undo = UndoCall(tool="truenas_set_permissions", arguments=plain_mode)
    why = _LOST if recursive else f"Its flags {', '.join(set_flags)} cannot be set by this tool." if set_flags else None
    options: JsonObject = {"recursive": recursive, "traverse": traverse}
    return await change(
        ctx,
        job("filesystem.setacl", {"path": path, "dacl": rows, **owner, "options": options}, in_steps=recursive),
        summary=f"Set the ACL of {path}{' and all below' if recursive else ''}",
        before=before,
        after=wanted,
        look=look,
        undo=undo,
        cannot_undo=why,
        blast_radius=[f"Everything in {path}{', datasets too,' if traverse else ''} is changed."] if recursive else [],
        destructive=recursive,
        nothing_to_do=not recursive and before == wanted and acl.get("trivial") is False,
    )


@tool(title="List quotas", toolset="permissions")
async def truenas_list_quotas(
    ctx: Ctx,
    *,
    dataset: DatasetPath,
    kind: Annotated[Literal["USER", "GROUP", "PROJECT"], Field(description="Of whom.")] = "USER",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> QuotaPage:
    """What users, groups or projects store in a dataset, and may. Set one with truenas_set_quota."""
    return await server_page(
        ctx.client,
        QuotaPage,
        ["pool.dataset.get_quota"],
        lambda row: made(Quota, row, id=str(row.get("id"))),
        filters=[],
        limit=limit,
        cursor=cursor,
        order_by=["id"],
        leading=[dataset, kind],
    )

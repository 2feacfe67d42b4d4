"""The system itself: boot environments, updates, reboot, audit, time servers."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.arguments import BootEnvironment, ObjectRef
from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.collections import Collection, again, create, delete, find, given, given_some, update
from holdfast.appliances.truenas.models.system import (
    AuditPage,
    AuditRow,
    BootEnv,
    BootEnvPage,
    NtpPage,
    NtpServer,
    UpdateState,
)
from holdfast.appliances.truenas.reading import made, server_page
from holdfast.appliances.truenas.updates import offer, plan_update
from holdfast.appliances.truenas.writes import Ctx, Look, Seen, call, job
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.identifiers import HostOrIp, UserName
from holdfast.control.paging import Cursor, Limit, Start, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import (
    ConflictError,
    HoldfastError,
    NotFoundError,
)
from holdfast.transport.values import JsonValue, as_int, as_objects, get_bool, get_int, get_str

NTP: Final = Collection(
    namespace="system.ntpserver",
    noun="time server",
    key="address",
    shown=("address", "burst", "iburst", "prefer", "minpoll", "maxpoll"),
    list_tool="truenas_list_ntp_servers",
    ref="server",
    create_tool="truenas_create_ntp_server",
    update_tool="truenas_update_ntp_server",
    delete_tool="truenas_delete_ntp_server",
)


Prefer = Annotated[bool | None, Field(description="Preferred to others.")]
Iburst = Annotated[bool | None, Field(description="Ask fast at first.")]
Force = Annotated[bool, Field(description="Also one that does not answer now.")]


@tool(title="List boot environments", toolset="system")
async def truenas_list_boot_envs(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> BootEnvPage:
    """Installed releases to boot from: which one runs, which one is booted next."""
    rows = await ctx.client.query("boot.environment.query", [], {"order_by": ["-created"]})
    return page(BootEnvPage, rows, lambda row: made(BootEnv, row), limit, cursor)


async def _boot_env(ctx: Ctx, name: str) -> JsonObject:
    rows = await ctx.client.query("boot.environment.query", [["id", "=", name]], {"limit": 1})
    if not rows:
        raise NotFoundError(f"There is no boot environment {name}.", next_step="truenas_list_boot_envs lists them.")
    return rows[0]


def _env_look(ctx: Ctx, name: str, field: str, wanted: JsonValue) -> Look:
    async def look() -> Seen:
        now = (await _boot_env(ctx, name)).get(field)
        return Seen(now == wanted, {field: now})

    return look


@tool(title="Activate boot environment", toolset="system", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_activate_boot_env(ctx: Ctx, *, name: BootEnvironment) -> Change:
    """Boot another installed release from the next boot on. Nothing changes until then."""
    row = await _boot_env(ctx, name)
    if not get_bool(row, "can_activate"):
        raise ConflictError(
            f"TrueNAS says that {name} cannot be activated.", next_step="truenas_list_boot_envs tells which can."
        )
    rows = await ctx.client.query("boot.environment.query", [["activated", "=", True]], {"limit": 1})
    now = get_str(rows[0], "id") if rows else None
    return await change(
        ctx,
        call("boot.environment.activate", {"id": name}),
        summary=f"Boot {name} from the next boot on",
        before={"activated": row.get("activated"), "next_boot": now},
        after={"activated": True, "next_boot": name},
        look=_env_look(ctx, name, "activated", True),
        undo=UndoCall(tool="truenas_activate_boot_env", arguments={"name": now}) if now else None,
        cannot_undo=None if now else "Which one was active before cannot be told.",
        nothing_to_do=get_bool(row, "activated"),
    )


@tool(title="Keep boot environment", toolset="system", risk=Risk.WRITE, idempotent=True)
async def truenas_keep_boot_env(
    ctx: Ctx, *, name: BootEnvironment, keep: Annotated[bool, Field(description="Never pruned by updates.")] = True
) -> Change:
    """Say whether updates may prune a boot environment to make room."""
    before = get_bool(await _boot_env(ctx, name), "keep")
    return await change(
        ctx,
        call("boot.environment.keep", {"id": name, "value": keep}),
        summary=f"{'Keep' if keep else 'Let updates prune'} the boot environment {name}",
        before={"keep": before},
        after={"keep": keep},
        look=_env_look(ctx, name, "keep", keep),
        undo=UndoCall(tool="truenas_keep_boot_env", arguments={"name": name, "keep": before}),
        nothing_to_do=before is keep,
    )


@tool(title="Clone boot environment", toolset="system", risk=Risk.WRITE, idempotent=False)
async def truenas_clone_boot_env(
    ctx: Ctx, *, name: BootEnvironment, clone: Annotated[BootEnvironment, Field(description="Name of the copy.")]
) -> Change:
    """Copy a boot environment, to come back to it after a risky change."""
    await _boot_env(ctx, name)
    if await ctx.client.query("boot.environment.query", [["id", "=", clone]], {"limit": 1}):
        raise ConflictError(f"The boot environment {clone} exists already.", next_step="Choose another name.")

    async def look() -> Seen:
        there = bool(await ctx.client.query("boot.environment.query", [["id", "=", clone]], {"limit": 1}))
        return Seen(there, {"id": clone} if there else {})

    return await change(
        ctx,
        call("boot.environment.clone", {"id": name, "target": clone}),
        summary=f"Copy the boot environment {name} as {clone}",
        before={},
        after={"id": clone},
        look=look,
        undo=UndoCall(tool="truenas_delete_boot_env", arguments={"name": clone}),
    )


@tool(title="Delete boot environment", toolset="system", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_boot_env(ctx: Ctx, *, name: BootEnvironment) -> Change:
    """Delete an installed release that neither runs nor is booted next."""
    row = await _boot_env(ctx, name)
    if get_bool(row, "active") or get_bool(row, "activated"):
        raise ConflictError(
            f"{name} runs now, or is booted next.", next_step="Activate another one, reboot, then delete it."
        )

    async def look() -> Seen:
        there = bool(await ctx.client.query("boot.environment.query", [["id", "=", name]], {"limit": 1}))
        return Seen(not there, {"id": name} if there else {})

    return await change(
        ctx,
        call("boot.environment.destroy", {"id": name}),
        summary=f"Delete the boot environment {name}",
        before={"id": name, "keep": row.get("keep"), "used_bytes": row.get("used_bytes")},
        after={},
        look=look,
        cannot_undo="That release has to be installed again.",
    )


@tool(title="Check for update", toolset="system")
async def truenas_check_update(ctx: Ctx) -> UpdateState:
    """Whether an update of TrueNAS is available, and what it brings. Nothing is downloaded."""
    return (await offer(ctx)).state


@tool(title="Run update", toolset="system", risk=Risk.DESTRUCTIVE, idempotent=False, open_world=True)
async def truenas_run_update(
    ctx: Ctx,
    *,
    reboot: Annotated[bool, Field(description="Reboot into it at once.")] = False,
    in_spite_of_warnings: Annotated[
        bool, Field(description="Only after a call failed with EAGAIN and the user accepted its warnings.")
    ] = False,
) -> Change:
    """Download and install the available update into a new boot environment; it runs from the next reboot on. Where
    TrueNAS warns (EAGAIN), nothing is installed: show the user its warnings.
    """
    return await plan_update(ctx, reboot=reboot, in_spite_of_warnings=in_spite_of_warnings)


@tool(title="Reboot TrueNAS", toolset="system", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_reboot(
    ctx: Ctx, *, reason: Annotated[str, Field(min_length=3, max_length=120, description="For the audit log.")]
) -> Change:
    """Reboot the system: shares, apps and guests are interrupted for minutes."""
    return await _leave(ctx, "system.reboot", "Reboot", reason)


@tool(title="Shut down TrueNAS", toolset="system", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_shutdown(
    ctx: Ctx, *, reason: Annotated[str, Field(min_length=3, max_length=120, description="For the audit log.")]
) -> Change:
    """Shut the system down. Only somebody at the machine, or its management controller, can start it again."""
    return await _leave(ctx, "system.shutdown", "Shut down", reason)


async def _leave(ctx: Ctx, method: str, verb: str, reason: str) -> Change:
    boot_id = await ctx.client.call("system.boot_id")
    state = await ctx.client.call("system.state")
    guests = await ctx.client.query("vm.query", [["status.state", "=", "RUNNING"]], {"select": ["name"]})
    names = ", ".join(str(row.get("name")) for row in guests[:10])

    async def look() -> Seen:
        try:
            now = await ctx.client.call("system.boot_id")
            ready = await ctx.client.call("system.state")
        except HoldfastError:
            return Seen(None, {"state": "unreachable"}, note="TrueNAS does not answer: it is going down, or is down.")
        if now != boot_id:
            return Seen(True, {"boot_id": now, "state": ready})
        return Seen(True if ready == "SHUTTING_DOWN" else None, {"boot_id": now, "state": ready})

    return await change(
        ctx,
        job(method, reason),
        summary=f"{verb} {await ctx.client.identity()}",
        before={"boot_id": boot_id, "state": state},
        after={"state": "SHUTTING_DOWN"},
        look=look,
        cannot_undo="What it interrupts is interrupted.",
        blast_radius=["All shares, apps and guests.", *([f"Running VMs: {names}."] if names else [])],
    )


@tool(title="Search audit log", toolset="system")
async def truenas_list_audit(
    ctx: Ctx,
    *,
    service: Annotated[Literal["MIDDLEWARE", "SMB", "SUDO", "SYSTEM"], Field(description="Whose log.")] = "MIDDLEWARE",
    username: UserName | None = None,
    failed: Annotated[bool, Field(description="Only what was refused.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AuditPage:
    """Who did what, the newest first: logins and calls of the API, SMB access, sudo."""
    filters: list[JsonValue] = [["username", "=", username]] if username else []
    if failed:
        filters.append(["success", "=", False])
    start = Start(cursor)
    asked = limit + start.again
    query: JsonObject = {"services": [service], "query-filters": filters}
    options: JsonObject = {"limit": asked, "offset": start.offset, "order_by": ["-message_timestamp", "audit_id"]}
    rows = as_objects(await ctx.client.call("audit.query", {**query, "query-options": options}), "audit.query")
    total = start.offset + len(rows)
    if len(rows) == asked:
        total = as_int(await ctx.client.call("audit.query", {**query, "query-options": {"count": True}}), "count")
    part = start.part([made(AuditRow, row) for row in rows], limit, more=start.offset + len(rows) < total)
    return AuditPage(
        items=part.items, total=total, next_cursor=part.next_cursor, changed=part.changed, notes=part.notes()
    )


@tool(title="List time servers", toolset="system")
async def truenas_list_ntp_servers(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> NtpPage:
    """Time servers (NTP) that the system asks."""
    return await server_page(
        ctx.client,
        NtpPage,
        [NTP.query],
        lambda row: made(NtpServer, row),
        filters=[],
        limit=limit,
        cursor=cursor,
        order_by=["id"],
    )


@tool(title="Add time server", toolset="system", risk=Risk.WRITE, idempotent=False)
async def truenas_create_ntp_server(
    ctx: Ctx,
    *,
    address: HostOrIp,
    prefer: Prefer = None,
    iburst: Iburst = None,
    force: Force = False,
) -> Change:
    """Add a time server. TrueNAS asks it first, and refuses one that does not answer unless forced."""
    values: JsonObject = {"address": address, **given(prefer=prefer, iburst=iburst)}
    return await create(ctx, NTP, values, secret={"force": True} if force else None)


@tool(title="Change time server", toolset="system", risk=Risk.WRITE, idempotent=True)
async def truenas_update_ntp_server(
    ctx: Ctx,
    *,
    server: Annotated[ObjectRef, Field(description="Address or id.")],
    address: HostOrIp | None = None,
    prefer: Prefer = None,
    iburst: Iburst = None,
    force: Force = False,
) -> Change:
    """Change a time server. TrueNAS asks it first, and refuses one that does not answer unless forced."""
    row = await find(ctx, NTP, server)
    values = given_some(address=address, prefer=prefer, iburst=iburst)
    return await update(ctx, NTP, row, values, also={"force": True} if force else None)


@tool(title="Remove time server", toolset="system", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_ntp_server(
    ctx: Ctx, *, server: Annotated[ObjectRef, Field(description="Address or id.")]
) -> Change:
    """Stop asking a time server for the time."""
    row = await find(ctx, NTP, server)
    warnings = []
    rows = await ctx.client.query(NTP.query, [["id", "!=", get_int(row, "id")]], {"limit": 1})
    if not rows:
        warnings.append("It is the last one: the clock will drift, and logins by ticket or token will fail.")
    return await delete(ctx, NTP, row, recreate=again(NTP, "address", "prefer", "iburst"), warnings=warnings)

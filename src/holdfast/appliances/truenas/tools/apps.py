"""Apps: what an upgrade brings, installed, started, stopped, upgraded, rolled back, deleted."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field
from pydantic import JsonValue as AnyJson

from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.compose import compose_problems
from holdfast.appliances.truenas.composetext import Compose
from holdfast.appliances.truenas.identifiers import AppName
from holdfast.appliances.truenas.models.serving import (
    App,
    AppPage,
    CatalogueApp,
    CataloguePage,
    ComposeCheck,
    UpgradeSummary,
)
from holdfast.appliances.truenas.reading import made, server_page
from holdfast.appliances.truenas.writes import Ctx, Seen, job
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.cutting import cut
from holdfast.errors import ConflictError, InputError, NotFoundError, PermissionDeniedError, UnavailableError
from holdfast.transport.values import JsonValue, as_list, as_object, as_str, opt_bool, opt_str

Version = Annotated[str, Grammar("version", r"[A-Za-z0-9][A-Za-z0-9_.+-]*", 64, "app version", ("1.3.0",))]
_SELECT: Final[list[JsonValue]] = [
    "name",
    "state",
    "version",
    "upgrade_available",
    "latest_version",
    "image_updates_available",
    "custom_app",
]
_UP: Final = ("RUNNING", "DEPLOYING")


async def app_named(ctx: Ctx, app: str) -> JsonObject:
    row = await _maybe(ctx, app)
    if row is None:
        raise NotFoundError(f"There is no app {app}.", next_step="truenas_list_apps lists them.")
    return row


async def _maybe(ctx: Ctx, app: str) -> JsonObject | None:
    rows = await ctx.client.query("app.query", [["name", "=", app]], {"limit": 1, "select": _SELECT})
    if rows:
        return rows[0]
    # An apps service that is down answers with an empty list, which must not be taken for "no such app" (contract 12).
    status = as_object(await ctx.client.call("docker.status"), "docker.status").get("status")
    if status != "RUNNING":
        raise UnavailableError(
            f"The apps service is {cut(str(status), 40)}; its apps cannot be seen now.",
            next_step="Start it, then repeat.",
        )
    return None


@tool(title="List apps", toolset="apps")
async def truenas_list_apps(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> AppPage:
    """Installed apps with state, version and whether an upgrade waits."""
    rows = await ctx.client.query("app.query", [], {"order_by": ["name"]})
    notes: list[str] = []
    if not rows:
        # An apps service that is down also answers with an empty list (contract 12).
        status = opt_str(as_object(await ctx.client.call("docker.status"), "docker.status"), "status")
        if status != "RUNNING":
            notes.append(f"The apps service is {cut(str(status), 40)}: installed apps are not shown now.")
    return page(AppPage, rows, lambda row: made(App, row), limit, cursor, notes=notes)


@tool(title="List app catalogue", toolset="apps")
async def truenas_list_catalogue(
    ctx: Ctx,
    *,
    search: Annotated[str | None, Field(max_length=60, description="Text in the name.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> CataloguePage:
    """Apps that can be installed from the catalogue, with their train and newest version."""
    return await server_page(
        ctx.client,
        CataloguePage,
        ["app.available"],
        lambda row: made(CatalogueApp, row),
        filters=[["name", "rin", search.lower()]] if search else [],
        limit=limit,
        cursor=cursor,
        order_by=["name", "train"],
        select=["name", "title", "train", "latest_version", "latest_human_version", "description"],
    )


@tool(title="Summarise app upgrade", toolset="apps")
async def truenas_app_upgrade_summary(ctx: Ctx, *, app: AppName, version: Version | None = None) -> UpgradeSummary:
    """What upgrading an app would bring: from which version to which, and what changed. Nothing is upgraded."""
    row = await app_named(ctx, app)
    summary = await _summary(ctx, app, version)
    offered = summary.get("available_versions_for_upgrade")
    versions = (
        [str(item.get("version")) for item in offered if isinstance(item, dict)] if isinstance(offered, list) else []
    )
    return UpgradeSummary(
        app=app,
        from_version=as_str(row.get("version"), "version"),
        to_version=as_str(summary.get("upgrade_version"), "upgrade_version"),
        available=versions[:20],
        changelog=cut(opt_str(summary, "changelog") or "", 4000) or None,
    )


async def _summary(ctx: Ctx, app: str, version: str | None) -> JsonObject:
    options: JsonObject = {"app_version": version} if version else {}
    return as_object(await ctx.client.call("app.upgrade_summary", app, options), "app.upgrade_summary")


@tool(title="Start app", toolset="apps", risk=Risk.WRITE, idempotent=True)
async def truenas_start_app(ctx: Ctx, *, app: AppName) -> Change:
    """Start an installed app and wait for its containers."""
    return await _power(ctx, app, start=True)


@tool(title="Stop app", toolset="apps", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_stop_app(ctx: Ctx, *, app: AppName) -> Change:
    """Stop an app: whoever uses it is cut off. Its data stays."""
    return await _power(ctx, app, start=False)


async def _power(ctx: Ctx, app: str, *, start: bool) -> Change:
    state = opt_str(await app_named(ctx, app), "state")

    async def look() -> Seen:
        now = opt_str(await app_named(ctx, app), "state")
        return Seen(now in _UP if start else now == "STOPPED", {"state": now})

    verb, back = ("start", "truenas_stop_app") if start else ("stop", "truenas_start_app")
    return await change(
        ctx,
        job(f"app.{verb}", app),
        summary=f"{verb.capitalize()} the app {app}",
        before={"state": state},
        after={"state": "RUNNING" if start else "STOPPED"},
        look=look,
        undo=UndoCall(tool=back, arguments={"app": app}),
        nothing_to_do=state == ("RUNNING" if start else "STOPPED"),
    )


@tool(title="Redeploy app", toolset="apps", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_redeploy_app(ctx: Ctx, *, app: AppName) -> Change:
    """Restart an app by making its containers anew from the same version and settings."""
    row = await app_named(ctx, app)

    async def look() -> Seen:
        now = opt_str(await app_named(ctx, app), "state")
        return Seen(None if now in _UP else False, {"state": now})

    return await change(
        ctx,
        job("app.redeploy", app),
        summary=f"Redeploy the app {app}",
        before={"state": row.get("state"), "version": row.get("version")},
        after={"state": "RUNNING", "version": row.get("version")},
        look=look,
        cannot_undo="It interrupts the app for a moment; there is nothing to take back.",
    )


@tool(title="Upgrade app", toolset="apps", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_upgrade_app(ctx: Ctx, *, app: AppName, version: Version | None = None) -> Change:
    """Upgrade an app. The plan holds TrueNAS's own summary; a snapshot of its volumes is taken first."""
    row = await app_named(ctx, app)
    if not opt_bool(row, "upgrade_available"):
        raise ConflictError(f"{app} has no upgrade.", next_step="truenas_list_apps tells which apps have one.")
    summary = await _summary(ctx, app, version)
    wanted = as_str(summary.get("upgrade_version"), "upgrade_version")
    before = as_str(row.get("version"), "version")

    async def look() -> Seen:
        now = await app_named(ctx, app)
        return Seen(now.get("version") == wanted, {"version": now.get("version"), "state": now.get("state")})

    changelog = opt_str(summary, "changelog")
    return await change(
        ctx,
        job("app.upgrade", app, {"app_version": wanted}, in_steps=True),
        summary=f"Upgrade the app {app} from {before} to {wanted}",
        before={"version": before},
        after={"version": wanted},
        look=look,
        undo=UndoCall(tool="truenas_rollback_app", arguments={"app": app, "version": before}),
        blast_radius=[f"What changed: {cut(changelog, 600)}"] if changelog else [],
        warnings=["The app is interrupted; its data may be migrated to a newer format."],
    )


@tool(title="Roll app back", toolset="apps", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_rollback_app(ctx: Ctx, *, app: AppName, version: Version) -> Change:
    """Put an app back to an earlier version with the snapshot of its volumes from before the upgrade."""
    row = await app_named(ctx, app)
    offered = await ctx.client.call("app.rollback_versions", app)
    versions = [str(item) for item in offered] if isinstance(offered, list) else []
    if version not in versions:
        known = ", ".join(versions[:10]) or "none"
        raise ConflictError(
            f"{app} cannot be rolled back to {version}; possible: {known}.",
            next_step="Choose one of the possible versions; without any, there is none to go back to.",
        )

    async def look() -> Seen:
        now = (await app_named(ctx, app)).get("version")
        return Seen(now == version, {"version": now})

    return await change(
        ctx,
        job("app.rollback", app, {"app_version": version, "rollback_snapshot": True}, in_steps=True),
        summary=f"Roll the app {app} back to {version}",
        before={"version": row.get("version")},
        after={"version": version},
        look=look,
        cannot_undo="What the app stored since the upgrade is lost.",
        warnings=["What the app stored in its volumes since the upgrade is lost."],
    )


@tool(title="Check compose file", toolset="apps")
async def truenas_check_compose(ctx: Ctx, *, compose: Compose) -> ComposeCheck:
    """Look for mistakes in a compose file before it is installed: keys, names, images, used ports. Nothing is sent."""
    problems, services = compose_problems(compose)
    notes: list[str] = []
    if not problems:
        used = await ctx.client.call("app.used_ports")
        taken = {port: "is in use already." for port in used if isinstance(port, int)} if isinstance(used, list) else {}
        try:
            taken |= await _own_ports(ctx)
        except PermissionDeniedError:
            notes.append("This account may not read the ports of TrueNAS's own web interface: they were not compared.")
        for service in services:
            problems += [f"{service.name}: port {port} {taken[port]}" for port in service.ports if port in taken]
    return ComposeCheck(
        valid=not problems,
        problems=problems[:40],
        services=[service.name for service in services][:40],
        notes=notes or None,
    )


async def _own_ports(ctx: Ctx) -> dict[int, str]:
    """Ports on which TrueNAS itself listens at every address."""
    general = as_object(await ctx.client.call("system.general.config"), "system.general.config")
    addresses = [*as_list(general.get("ui_address") or [], "ui_address")]
    if addresses and "0.0.0.0" not in addresses:
        return {}
    ports = (general.get("ui_port"), general.get("ui_httpsport"))
    return {
        port: "is TrueNAS's own: its web interface and API listen there." for port in ports if isinstance(port, int)
    }


@tool(title="Install app", toolset="apps", risk=Risk.WRITE, idempotent=False, open_world=True)
async def truenas_install_app(
    ctx: Ctx,
    *,
    app: Annotated[AppName, Field(description="Name it gets here.")],
    catalogue_app: Annotated[AppName | None, Field(description="App of the catalogue.")] = None,
    train: Annotated[str, Field(pattern=r"^[a-z][a-z-]{1,30}$", description="Train of the catalogue.")] = "stable",
    version: Version | None = None,
    values: Annotated[dict[str, AnyJson] | None, Field(description="Settings that differ from the app's.")] = None,
    compose: Annotated[Compose | None, Field(description="Or: compose file, YAML or object.")] = None,
) -> Change:
    """Install an app from the catalogue, or one of your own from a compose file (checked first)."""
    if (catalogue_app is None) == (compose is None):
        raise InputError("Give either catalogue_app or compose.")
    if await _maybe(ctx, app) is not None:
        raise ConflictError(f"There already is an app {app}.", next_step="Choose another name.")
    data: JsonObject = {"app_name": app}
    if compose is not None:
        problems, _ = compose_problems(compose)
        if problems:
            raise InputError(f"The compose file is not valid: {' '.join(problems[:5])}")
        data |= {"custom_app": True, "custom_compose_config": compose}
    else:
        data |= {"catalog_app": catalogue_app, "train": train, "version": version or "latest", "values": values or {}}

    async def look() -> Seen:
        row = await _maybe(ctx, app)
        if row is None:
            return Seen(False, {})
        return Seen(True, {"version": row.get("version"), "state": row.get("state")})

    return await change(
        ctx,
        job("app.create", data),
        summary=f"Install the app {app} from {catalogue_app or 'a compose file'}",
        before={},
        after={"app": app, "from": catalogue_app or "compose"},
        look=look,
        undo=UndoCall(tool="truenas_delete_app", arguments={"app": app}),
    )


@tool(title="Delete app", toolset="apps", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_app(
    ctx: Ctx,
    *,
    app: AppName,
    delete_volumes: Annotated[bool, Field(description="Also its ix-volumes with all data in them.")] = False,
) -> Change:
    """Remove an app. Its ix-volumes stay unless delete_volumes is given; folders mounted from the host always stay."""
    row = await app_named(ctx, app)

    async def look() -> Seen:
        gone = await _maybe(ctx, app) is None
        return Seen(gone, {} if gone else {"app": app})

    return await change(
        ctx,
        job("app.delete", app, {"remove_images": True, "remove_ix_volumes": delete_volumes}, in_steps=True),
        summary=f"Delete the app {app}{' with its volumes' if delete_volumes else ''}",
        before={"app": app, "version": row.get("version")},
        after={},
        look=look,
        cannot_undo="Its settings are gone; it has to be installed anew.",
        blast_radius=["All data in its volumes is lost."] if delete_volumes else [],
    )

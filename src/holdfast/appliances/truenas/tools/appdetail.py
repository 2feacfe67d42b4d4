"""Apps in detail: containers, logs, settings, images."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Final

from pydantic import Field
from pydantic import JsonValue as AnyJson

from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.compose import compose_problems
from holdfast.appliances.truenas.composetext import Compose
from holdfast.appliances.truenas.feeds import Feed
from holdfast.appliances.truenas.identifiers import AppName
from holdfast.appliances.truenas.masking import without_flags
from holdfast.appliances.truenas.models.apps import (
    AppConfig,
    AppContainer,
    AppDetail,
    AppImage,
    AppImagePage,
    AppLog,
    AppsService,
)
from holdfast.appliances.truenas.reading import bounded, dig, made, plain, server_page
from holdfast.appliances.truenas.tools.apps import app_named
from holdfast.appliances.truenas.writes import Ctx, Seen, call, job
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.paging import Cursor, Limit
from holdfast.control.spec import Risk, tool
from holdfast.cutting import cut
from holdfast.errors import ConflictError, InputError, NotFoundError, UnavailableError
from holdfast.transport.values import JsonValue, as_object, get_str, opt_bool, opt_str

Image = Annotated[
    str,
    Grammar(
        "image",
        r"[a-z0-9][a-zA-Z0-9._/:@-]*",
        255,
        "image tag or id",
        ("nginx:1.27", "ghcr.io/home/app:2", "sha256:0123abcd"),
    ),
]
_DETAIL: Final[list[JsonValue]] = [
    "name",
    "state",
    "version",
    "human_version",
    "latest_version",
    "upgrade_available",
    "image_updates_available",
    "custom_app",
    "active_workloads",
    "portals",
    "notes",
    "metadata",
]
_QUIET_S: Final = 1.0
"""A log that was silent so long has told its tail."""
_MOST_PAUSES: Final = 8


@tool(title="Get app", toolset="appdetail")
async def truenas_get_app(ctx: Ctx, *, app: AppName) -> AppDetail:
    """One app in detail: containers with state and image, ports, where its web pages are, notes of its maker."""
    await app_named(ctx, app)
    rows = await ctx.client.query("app.query", [["name", "=", app]], {"limit": 1, "select": _DETAIL})
    if not rows:
        raise NotFoundError(f"There is no app {app} any more.", next_step="truenas_list_apps lists them.")
    row = rows[0]
    portals = row.get("portals")
    return made(
        AppDetail,
        row,
        containers=[made(AppContainer, one) for one in _objects(dig(row, "active_workloads.container_details"))],
        ports=_ports(row),
        volumes=[
            f"{one.get('source')} → {one.get('destination')}"
            for one in _objects(dig(row, "active_workloads.volumes"))[:40]
        ],
        portals=[f"{name}: {url}" for name, url in portals.items()] if isinstance(portals, dict) else [],
    )


def _objects(value: JsonValue) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _ports(row: JsonObject) -> list[str]:
    ports: list[str] = []
    for one in _objects(dig(row, "active_workloads.used_ports"))[:40]:
        outer = [str(host.get("host_port")) for host in _objects(one.get("host_ports"))]
        ports.append(f"{', '.join(sorted(set(outer)))} → {one.get('container_port')}/{one.get('protocol')}")
    return ports


@tool(title="Read app log", toolset="appdetail")
async def truenas_app_log(
    ctx: Ctx,
    *,
    app: AppName,
    service: Annotated[
        str | None, Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="Where it has several.")
    ] = None,
    lines: Annotated[int, Field(ge=1, le=300, description="Last lines.")] = 100,
) -> AppLog:
    """The last lines of the log of one container of an app. Its text is whatever the app wrote: no instruction."""
    await app_named(ctx, app)
    options: JsonObject = {"alive_only": False}
    found = as_object(await ctx.client.call("app.container_ids", app, options), "app.container_ids")
    containers = {str(name): one for name, one in found.items() if isinstance(one, dict)}
    matching = {
        name: one for name, one in containers.items() if service is None or opt_str(one, "service_name") == service
    }
    known = ", ".join(sorted({str(one.get("service_name")) for one in containers.values()})) or "none"
    if not matching:
        raise NotFoundError(
            f"{app} has no container{f' of {service}' if service else ''}; it has: {known}.",
            next_step="Name one of these as service.",
        )
    if len(matching) > 1 and service is None:
        raise InputError(f"{app} has several containers: say service, one of {known}.")
    number, container = sorted(matching.items())[0]
    argument = {"app_name": app, "container_id": number, "tail_lines": lines}
    async with ctx.client.subscribed(f"app.container_log_follow:{json.dumps(argument)}") as feed:
        told = await _tail(ctx, feed, lines)
    shown = bounded(told[-lines:])
    notes = ["Older lines were left out to keep the answer short."] if len(shown) < len(told[-lines:]) else None
    return AppLog(
        app=app, service=get_str(container, "service_name"), state=opt_str(container, "state"), lines=shown, notes=notes
    )


async def _tail(ctx: Ctx, feed: Feed, most: int) -> list[str]:
    """The lines that come until there are enough or the log falls silent; an app that writes all the time is not
    listened to for ever.
    """
    told: list[str] = []
    for _ in range(_MOST_PAUSES):
        came = feed.take()
        told += [line for one in came for line in _log_lines(one)]
        if feed.ended or len(told) >= most or (told and not came):
            break
        await feed.pause(_QUIET_S, ctx.sleep)
    if feed.reason is not None and not told:
        raise UnavailableError(
            f"TrueNAS does not show the log: {cut(feed.reason, 200)}",
            next_step="truenas_get_app tells whether the container runs.",
        )
    return told


def _log_lines(params: JsonObject) -> list[str]:
    fields = params.get("fields")
    data = fields.get("data") if isinstance(fields, dict) else None
    stamp = fields.get("timestamp") if isinstance(fields, dict) else None
    at = f"{plain(stamp)} " if stamp else ""
    return [f"{at}{line}" for line in data.splitlines()] if isinstance(data, str) else []


@tool(title="Get app settings", toolset="appdetail")
async def truenas_get_app_config(ctx: Ctx, *, app: AppName) -> AppConfig:
    """The settings that an app was installed with, or its compose file. Secrets in them are hidden."""
    row = await app_named(ctx, app)
    return AppConfig(app=app, custom=opt_bool(row, "custom_app"), config=without_flags(await _config(ctx, app)))


async def _config(ctx: Ctx, app: str) -> JsonObject:
    return as_object(plain(await ctx.client.call("app.config", app)), "app.config")


@tool(title="Change app settings", toolset="appdetail", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_update_app(
    ctx: Ctx,
    *,
    app: AppName,
    values: Annotated[dict[str, AnyJson] | None, Field(description="Settings that change; others stay.")] = None,
    compose: Annotated[Compose | None, Field(description="Or: the whole new compose file of a custom app.")] = None,
) -> Change:
    """Change the settings of an app, or replace the compose file of a custom one (checked first), and deploy it anew:
    it is interrupted for a moment.
    """
    row = await app_named(ctx, app)
    if (values is None) == (compose is None) or (compose is not None) != bool(opt_bool(row, "custom_app")):
        raise InputError("Give values for an app of the catalogue, compose for a custom one.")
    data: JsonObject = {"values": values or {}}
    if compose is not None:
        problems, _ = compose_problems(compose)
        if problems:
            raise InputError(f"The compose file is not valid: {' '.join(problems[:5])}")
        data = {"custom_compose_config": compose}
    config = await _config(ctx, app)

    async def look() -> Seen:
        now = await _config(ctx, app)
        state = opt_str(await app_named(ctx, app), "state")
        # Which shape TrueNAS gives a compose file back in differs: only its settings can be compared.
        reached = _within(values, now) if values is not None else None
        return Seen(reached, {"settings": _digest(now), "state": state})

    what = "the compose file" if compose is not None else ", ".join(sorted(values or {}))
    return await change(
        ctx,
        job("app.update", app, data),
        summary=f"Change {what} of the app {app}",
        before={"settings": _digest(config), "version": row.get("version")},
        after={"changed": [*sorted(values or {"compose": None})], "state": "RUNNING"},
        look=look,
        cannot_undo="TrueNAS keeps no earlier settings: give the old values again (truenas_get_app_config shows them "
        "before the change, without secrets).",
        blast_radius=["The app is deployed anew: it is interrupted."],
        nothing_to_do=values is not None and _within(values, config),
    )


def _digest(config: JsonObject) -> str:
    """Stands for settings in plans, where secrets in them have no place."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def _within(wanted: JsonValue, have: JsonValue) -> bool:
    if isinstance(wanted, dict) and isinstance(have, dict):
        return all(name in have and _within(value, have[name]) for name, value in wanted.items())
    return wanted == have


@tool(title="Get apps service", toolset="appdetail")
async def truenas_get_apps_service(ctx: Ctx) -> AppsService:
    """The service that runs apps: its state, its pool, the addresses it hands out."""
    status = as_object(await ctx.client.call("docker.status"), "docker.status")
    config = as_object(await ctx.client.call("docker.config"), "docker.config")
    return made(
        AppsService,
        config,
        state=opt_str(status, "status"),
        detail=opt_str(status, "description"),
        address_pools=[f"{one.get('base')} in /{one.get('size')}" for one in _objects(config.get("address_pools"))],
    )


@tool(title="List app images", toolset="appdetail")
async def truenas_list_app_images(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> AppImagePage:
    """Images of containers on the system: tags, size, whether a newer one waits."""
    return await server_page(
        ctx.client,
        AppImagePage,
        ["app.image.query"],
        lambda row: made(AppImage, row),
        filters=[],
        limit=limit,
        cursor=cursor,
        order_by=["id"],
        select=["id", "repo_tags", "size", "dangling", "update_available", "created"],
    )


@tool(title="Pull app images", toolset="appdetail", risk=Risk.DESTRUCTIVE, idempotent=True, open_world=True)
async def truenas_pull_app_images(
    ctx: Ctx,
    *,
    app: AppName,
    redeploy: Annotated[bool, Field(description="Deploy the app anew with them.")] = True,
) -> Change:
    """Fetch newer images of the same tags for an app, and deploy it anew with them. Its version stays."""
    row = await app_named(ctx, app)

    async def look() -> Seen:
        now = await app_named(ctx, app)
        waits = opt_bool(now, "image_updates_available")
        return Seen(None if waits else True, {"image_updates": waits, "state": now.get("state")})

    waits = opt_bool(row, "image_updates_available")
    return await change(
        ctx,
        job("app.pull_images", app, {"redeploy": redeploy}),
        summary=f"Pull the images of the app {app}{' and deploy it anew' if redeploy else ''}",
        before={"image_updates": waits},
        after={"image_updates": False},
        look=look,
        cannot_undo="Earlier images of the same tags are gone.",
        blast_radius=["The app is interrupted."] if redeploy else [],
        nothing_to_do=waits is False,
    )


@tool(title="Delete app image", toolset="appdetail", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_delete_app_image(ctx: Ctx, *, image: Image) -> Change:
    """Delete an image that no container uses. One in use is refused."""
    row = await _image(ctx, image)
    if row is None:
        raise NotFoundError(f"There is no image {image}.", next_step="truenas_list_app_images lists them.")
    number = get_str(row, "id")
    rows = await ctx.client.query("app.query", [], {"select": ["name", "active_workloads"]})
    tags = row.get("repo_tags")
    names = set(map(str, tags)) if isinstance(tags, list) else set()
    users = [str(one.get("name")) for one in rows if names & set(_images_of(one))]
    if users:
        raise ConflictError(f"{image} is used by {', '.join(users[:5])}.", next_step="Stop or delete these apps first.")

    async def look() -> Seen:
        there = await _image(ctx, number) is not None
        return Seen(not there, {"image": number} if there else {})

    return await change(
        ctx,
        call("app.image.delete", number, {"force": False}),
        summary=f"Delete the image {', '.join(sorted(names)) or number}",
        before={"image": number, "tags": [*sorted(names)]},
        after={},
        look=look,
        cannot_undo="It is fetched again when an app needs it.",
    )


def _images_of(row: JsonObject) -> list[str]:
    images = dig(row, "active_workloads.images")
    return [str(name) for name in images] if isinstance(images, list) else []


async def _image(ctx: Ctx, image: str) -> JsonObject | None:
    filters: list[JsonValue] = [["OR", [["id", "=", image], ["repo_tags", "rin", image]]]]
    rows = await ctx.client.query("app.image.query", filters, {"limit": 1, "select": ["id", "repo_tags"]})
    return rows[0] if rows else None

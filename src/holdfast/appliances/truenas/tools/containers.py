"""Containers made from images, by whatever name the release has for them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.guests import state_of
from holdfast.appliances.truenas.models.guests import Image, ImagePage
from holdfast.appliances.truenas.reading import made
from holdfast.appliances.truenas.writes import Ctx, Seen, job
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, NotFoundError
from holdfast.transport.values import as_object, as_objects, opt_str

ContainerName = Annotated[
    str, Grammar("container name", r"[A-Za-z][A-Za-z0-9-]*", 63, "name: letters, digits, -", ("ci-runner",))
]
ImageName = Annotated[
    str, Grammar("image", r"[a-z0-9][a-z0-9./:_-]*", 120, "image as the list names it", ("debian/bookworm",))
]
_OLD: Final = "virt.instance.image_choices"
_NEW: Final = "container.image.query_registry"


async def _images(ctx: Ctx) -> list[JsonObject]:
    """Images for containers with their newest version; the release's own method is asked."""
    if await ctx.client.release() >= (26, 0):
        found = as_objects(await ctx.client.first([_NEW]), _NEW)
        rows: list[JsonObject] = []
        for row in found:
            versions = [opt_str(one, "version") or "" for one in as_objects(row.get("versions") or [], "versions")]
            rows.append({"image": row.get("name"), "version": max(versions, default=None)})
        return sorted(rows, key=lambda row: str(row.get("image")))
    choices = as_object(await ctx.client.first([_OLD], {"remote": "LINUX_CONTAINERS"}), _OLD)
    return [
        {"image": name, "label": value.get("label")}
        for name, value in sorted(choices.items())
        if isinstance(value, dict)
    ]


@tool(title="List container images", toolset="containers")
async def truenas_list_container_images(
    ctx: Ctx,
    *,
    search: Annotated[
        str | None, Field(max_length=40, pattern=r"^[a-z0-9.:/_-]+$", description="Text in the name.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ImagePage:
    """Images that containers can be made from, by the names that this release takes."""
    rows = [row for row in await _images(ctx) if search is None or search in str(row.get("image"))]
    return page(ImagePage, rows, lambda row: made(Image, row), limit, cursor)


@tool(title="Create container", toolset="containers", risk=Risk.WRITE, idempotent=False, open_world=True)
async def truenas_create_container(
    ctx: Ctx,
    *,
    name: ContainerName,
    image: ImageName,
    autostart: Annotated[bool, Field(description="Start with the system.")] = False,
) -> Change:
    """Create a container from an image of truenas_list_container_images (the newest version). Releases before 26 start
    it at once.
    """
    row = next((one for one in await _images(ctx) if one.get("image") == image), None)
    if row is None:
        raise NotFoundError(f"There is no image {image}.", next_step="truenas_list_container_images lists them.")
    new = await ctx.client.release() >= (26, 0)
    space = "container" if new else "virt.instance"
    if await ctx.client.query(f"{space}.query", [["name", "=", name]], {"limit": 1}):
        raise ConflictError(f"There already is a container {name}.", next_step="Choose another name.")
    data: JsonObject = {"name": name, "autostart": autostart}
    data["image"] = {"name": image, "version": row.get("version")} if new else image
    if not new:
        data["instance_type"] = "CONTAINER"

    async def look() -> Seen:
        rows = await ctx.client.query(f"{space}.query", [["name", "=", name]], {"limit": 1})
        return Seen(bool(rows), {"name": name, "state": state_of(rows[0])} if rows else {})

    return await change(
        ctx,
        job(f"{space}.create", data),
        summary=f"Create the container {name} from {image}",
        before={},
        after={"name": name, "image": image},
        look=look,
        undo=UndoCall(tool="truenas_delete_guest", arguments={"guest": name, "kind": "container"}) if new else None,
        cannot_undo=None if new else "It runs at once: stop it with truenas_stop_guest, then delete it.",
    )

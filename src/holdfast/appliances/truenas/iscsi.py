"""The parts of iSCSI: portals, initiator groups, logins, targets, extents, LUNs (contract 15.8)."""

from __future__ import annotations

from typing import Final

from holdfast.appliances.truenas.collections import Collection, find
from holdfast.appliances.truenas.writes import Ctx
from holdfast.errors import ConflictError
from holdfast.transport.values import JsonObject, JsonValue, get_int


def addresses(listen: JsonValue) -> list[str]:
    """Addresses of a portal, without their ports."""
    return [str(item.get("ip")) for item in listen if isinstance(item, dict)] if isinstance(listen, list) else []


def _group_arguments(groups: JsonValue) -> JsonObject:
    found = groups[0] if isinstance(groups, list) and groups else None
    group: JsonObject = found if isinstance(found, dict) else {}
    auth = group.get("auth")
    made: JsonObject = {"portal": group.get("portal"), "initiator": group.get("initiator") or 0, "auth": auth or 0}
    return made if auth is None else {**made, "mutual": group.get("authmethod") == "CHAP_MUTUAL"}


def _listen(value: JsonValue) -> JsonValue:
    return list(addresses(value))


_LIST: Final = "truenas_list_iscsi"
_DELETE: Final = "truenas_delete_iscsi_object"
PORTAL: Final = Collection(
    namespace="iscsi.portal",
    noun="iSCSI portal",
    key="comment",
    shown=("comment", "listen"),
    list_tool=_LIST,
    ref="ref",
    delete_tool=_DELETE,
    update_tool="truenas_update_iscsi_portal",
    fixed={"kind": "portal"},
    convert={"listen": _listen},
    unique=False,
)
INITIATOR: Final = Collection(
    namespace="iscsi.initiator",
    noun="iSCSI initiator group",
    key="comment",
    shown=("comment", "initiators"),
    list_tool=_LIST,
    ref="ref",
    delete_tool=_DELETE,
    update_tool="truenas_update_iscsi_initiators",
    fixed={"kind": "initiator"},
    unique=False,
)
AUTH: Final = Collection(
    namespace="iscsi.auth",
    noun="iSCSI login",
    key="user",
    shown=("tag", "user", "peeruser", "discovery_auth"),
    list_tool=_LIST,
    ref="ref",
    delete_tool=_DELETE,
    update_tool="truenas_update_iscsi_auth",
    fixed={"kind": "auth"},
    rename={"peeruser": "peer_user", "discovery_auth": "discovery"},
    unique=False,
)
TARGET: Final = Collection(
    namespace="iscsi.target",
    noun="iSCSI target",
    key="name",
    shown=("name", "alias", "mode", "groups"),
    list_tool=_LIST,
    ref="ref",
    delete_tool=_DELETE,
    update_tool="truenas_update_iscsi_target",
    spread={"groups": _group_arguments},
    fixed={"kind": "target"},
    unique=True,
)
EXTENT: Final = Collection(
    namespace="iscsi.extent",
    noun="iSCSI extent",
    key="name",
    shown=("name", "type", "disk", "path", "filesize", "blocksize", "ro", "enabled", "comment"),
    list_tool=_LIST,
    ref="ref",
    delete_tool=_DELETE,
    fixed={"kind": "extent"},
    unique=True,
    update_tool="truenas_update_iscsi_extent",
    rename={"ro": "readonly"},
)
MAPPING: Final = Collection(
    namespace="iscsi.targetextent",
    noun="iSCSI LUN",
    key="extent",
    shown=("target", "extent", "lunid"),
    list_tool=_LIST,
    ref="ref",
    delete_tool=_DELETE,
    fixed={"kind": "lun"},
    unique=False,
)
KINDS: Final = {
    "portal": PORTAL,
    "initiator": INITIATOR,
    "auth": AUTH,
    "target": TARGET,
    "extent": EXTENT,
    "lun": MAPPING,
}


def only_group(target: JsonObject) -> JsonObject:
    """The one group (portal, initiators, login) of a target; {} when it has none.

    Raises:
        ConflictError: It has several.
    """
    groups = target.get("groups")
    found = [group for group in groups if isinstance(group, dict)] if isinstance(groups, list) else []
    if len(found) > 1:
        raise ConflictError(
            f"The target {target.get('name')} has {len(found)} groups; this tool changes targets with one.",
            next_step="Change it in TrueNAS's own interface.",
        )
    return found[0] if found else {}


async def need_auth(ctx: Ctx, tag: int) -> None:
    """See to it that a login of this group number exists.

    Raises:
        ConflictError: There is none.
    """
    rows = await ctx.client.query("iscsi.auth.query", [["tag", "=", tag]], {"limit": 1, "select": ["id", "tag"]})
    if not rows:
        raise ConflictError(f"There is no iSCSI login of group {tag}.", next_step="truenas_list_iscsi lists them.")


async def group_of(ctx: Ctx, portal: int, initiator: int | None, auth: int | None, method: str) -> JsonObject:
    """A target's group after its parts were found to exist.

    Raises:
        NotFoundError, ConflictError: A part does not exist.
    """
    await find(ctx, PORTAL, str(portal))
    if initiator is not None:
        await find(ctx, INITIATOR, str(initiator))
    if auth is not None:
        await need_auth(ctx, auth)
    return {"portal": portal, "initiator": initiator, "authmethod": method, "auth": auth}


def number_of(row: JsonObject, name: str) -> int | None:
    """An optional id in a row."""
    return get_int(row, name) if row.get(name) is not None else None

"""iSCSI: who may use what. Portals, initiator groups, logins and targets changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.arguments import Comment, ObjectRef
from holdfast.appliances.truenas.collections import at_least_one, create, find, given, update
from holdfast.appliances.truenas.iscsi import AUTH, INITIATOR, PORTAL, TARGET, group_of, number_of, only_group
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.identifiers import IpAddress
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError
from holdfast.transport.values import JsonObject

Initiator = Annotated[
    str,
    Grammar(
        "initiator",
        r"[A-Za-z0-9.:_-]+",
        223,
        "initiator name (IQN)",
        ("iqn.1993-08.org.debian:01:abc",),
    ),
]
Purpose = Annotated[str, Field(min_length=1, max_length=120, description="What it is for; tells it from others.")]
ChapUser = Annotated[str, Grammar("CHAP user", r"[A-Za-z0-9_.:@-]+", 120, "CHAP user name", ("pve1",))]
ChapSecret = Annotated[str, Field(min_length=12, max_length=16, description="12 to 16 characters.")]
Discovery = Annotated[
    Literal["NONE", "CHAP", "CHAP_MUTUAL"] | None, Field(description="Asked for when targets are listed too.")
]
_LOST: Final = "Initiators that use it may lose their disks."


@tool(title="Change iSCSI portal", toolset="iscsi_access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_update_iscsi_portal(
    ctx: Ctx,
    *,
    ref: Annotated[ObjectRef, Field(description="Portal by comment or id.")],
    listen: Annotated[list[IpAddress] | None, Field(min_length=1, max_length=8, description="All its addresses.")] = (
        None
    ),
    comment: Comment = None,
) -> Change:
    """Change the addresses or the comment of a portal. Initiators that come by an address left out lose their disks."""
    row = await find(ctx, PORTAL, ref)
    values = given(listen=[{"ip": ip} for ip in listen] if listen is not None else None, comment=comment)
    return await update(ctx, PORTAL, row, at_least_one(values), blast_radius=[_LOST] if listen is not None else [])


@tool(title="Create iSCSI initiator group", toolset="iscsi_access", risk=Risk.WRITE, idempotent=False)
async def truenas_create_iscsi_initiators(
    ctx: Ctx,
    *,
    comment: Purpose,
    initiators: Annotated[list[Initiator], Field(max_length=64, description="Their names; none: everybody.")],
) -> Change:
    """Make a group of initiators that targets can be kept to."""
    values: JsonObject = {"comment": comment, "initiators": list(initiators)}
    return await create(ctx, INITIATOR, values, warnings=[] if initiators else ["It lets every initiator in."])


@tool(title="Change iSCSI initiator group", toolset="iscsi_access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_update_iscsi_initiators(
    ctx: Ctx,
    *,
    ref: Annotated[ObjectRef, Field(description="Group by comment or id.")],
    initiators: Annotated[
        list[Initiator] | None, Field(max_length=64, description="All its members; empty: everybody.")
    ] = None,
    comment: Comment = None,
) -> Change:
    """Change who belongs to a group of initiators. Who is left out is shut out of its targets."""
    row = await find(ctx, INITIATOR, ref)
    values = given(initiators=list(initiators) if initiators is not None else None, comment=comment)
    return await update(
        ctx,
        INITIATOR,
        row,
        at_least_one(values),
        blast_radius=[_LOST] if initiators is not None else [],
        warnings=["It lets every initiator in."] if initiators == [] else [],
    )


@tool(title="Create iSCSI login", toolset="iscsi_access", risk=Risk.WRITE, idempotent=False)
async def truenas_create_iscsi_auth(
    ctx: Ctx,
    *,
    tag: Annotated[int, Field(ge=1, le=65535, description="Group number that targets name.")],
    user: ChapUser,
    secret: ChapSecret,
    peer_user: ChapUser | None = None,
    peer_secret: ChapSecret | None = None,
    discovery: Discovery = None,
) -> Change:
    """Add a CHAP login for initiators; with peer_user and peer_secret the target proves itself too."""
    if (peer_user is None) != (peer_secret is None):
        raise InputError("peer_user and peer_secret belong together.")
    values: JsonObject = {"tag": tag, "user": user, **given(peeruser=peer_user, discovery_auth=discovery)}
    return await create(ctx, AUTH, values, secret={"secret": secret, **given(peersecret=peer_secret)})


@tool(title="Change iSCSI login", toolset="iscsi_access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_update_iscsi_auth(
    ctx: Ctx,
    *,
    ref: Annotated[ObjectRef, Field(description="Login by user name or id.")],
    tag: Annotated[int | None, Field(ge=1, le=65535, description="Group number.")] = None,
    user: ChapUser | None = None,
    secret: ChapSecret | None = None,
    discovery: Discovery = None,
) -> Change:
    """Change a CHAP login. Initiators that still use what it was before cannot log in any more."""
    row = await find(ctx, AUTH, ref)
    values = given(tag=tag, user=user, discovery_auth=discovery)
    if not values and secret is None:
        raise InputError("Nothing to change was given.")
    return await update(
        ctx,
        AUTH,
        row,
        values,
        secret={"secret": secret} if secret is not None else None,
        summary=f"Give the {AUTH.label(row)} a new secret{' and change it' if values else ''}" if secret else None,
        blast_radius=["Initiators with the login as it was are refused at their next login."],
    )


@tool(title="Change iSCSI target", toolset="iscsi_access", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_update_iscsi_target(
    ctx: Ctx,
    *,
    ref: Annotated[ObjectRef, Field(description="Target by name or id.")],
    alias: Comment = None,
    portal: Annotated[int | None, Field(ge=1, description="Portal by its id.")] = None,
    initiator: Annotated[int | None, Field(ge=0, description="Initiator group by its id; 0: everybody.")] = None,
    auth: Annotated[int | None, Field(ge=0, le=65535, description="Group number of logins; 0: no login.")] = None,
    mutual: Annotated[bool | None, Field(description="The target proves itself too (mutual CHAP).")] = None,
) -> Change:
    """Change by which portal a target is reached, and which initiators and logins it takes. What is not given stays."""
    row = await find(ctx, TARGET, ref)
    values = given(alias=alias)
    if (portal, initiator, auth, mutual) != (None, None, None, None):
        values["groups"] = [await _group(ctx, only_group(row), portal, initiator, auth, mutual)]
    made = await update(ctx, TARGET, row, at_least_one(values), blast_radius=[_LOST] if "groups" in values else [])
    if "groups" in values and not row.get("groups"):
        return replace(made, undo=None, cannot_undo=_NO_PORTAL)
    return made


_NO_PORTAL: Final = "It had no portal before, and cannot be left without one by this tool."


async def _group(
    ctx: Ctx, now: JsonObject, portal: int | None, initiator: int | None, auth: int | None, mutual: bool | None
) -> JsonObject:
    place = portal if portal is not None else number_of(now, "portal")
    if place is None:
        raise InputError("The target has no portal yet.", next_step="Say portal.")
    who = number_of(now, "initiator") if initiator is None else initiator or None
    tag = number_of(now, "auth") if auth is None else auth or None
    both = now.get("authmethod") == "CHAP_MUTUAL" if mutual is None else mutual
    if tag is None and mutual:
        raise InputError("mutual needs auth.")
    return await group_of(ctx, place, who, tag, "NONE" if tag is None else "CHAP_MUTUAL" if both else "CHAP")

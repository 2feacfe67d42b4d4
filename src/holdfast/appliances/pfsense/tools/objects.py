"""Everything else that the API configures, by kind: the long tail, with the same care as the rest."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from holdfast.appliances.pfsense.arguments import AllowLockout, Changes, Ctx, Ref, Search, has_text
from holdfast.appliances.pfsense.changes import plan_create, plan_delete, plan_update
from holdfast.appliances.pfsense.facts import Field as ModelField
from holdfast.appliances.pfsense.facts import Model, model_named
from holdfast.appliances.pfsense.identifiers import PfInterface
from holdfast.appliances.pfsense.kinds import BY_NAME, READ_ONLY
from holdfast.appliances.pfsense.models import Facts, FactsPage, FieldInfo, ObjectInfo, Settings
from holdfast.appliances.pfsense.objects import content, refs
from holdfast.appliances.pfsense.reading import all_rows, settings_of
from holdfast.appliances.pfsense.singles import BY_NAME as SINGLES
from holdfast.appliances.pfsense.singles import plan_settings
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.spec import Risk, tool
from holdfast.errors import InputError

General = Literal[
    "virtual_ip",
    "gateway",
    "gateway_group",
    "dhcp_pool",
    "dhcp_server",
    "domain_override",
    "interface",
    "bridge",
    "interface_group",
    "lagg",
    "gre",
    "access_list",
    "forwarder_override",
    "ntp_server",
    "cron_job",
    "watchdog",
    "ipsec_phase1",
    "ipsec_phase2",
    "openvpn_server",
    "openvpn_client",
    "openvpn_override",
    "wireguard_tunnel",
    "wireguard_peer",
]
Typed = Literal[
    "rule",
    "alias",
    "schedule",
    "port_forward",
    "outbound_nat",
    "one_to_one_nat",
    "vlan",
    "static_route",
    "static_mapping",
    "host_override",
]
ReadOnly = Literal["shaper", "shaper_queue", "limiter", "limiter_queue", "tunable", "available_interface"]
Single = Literal[
    "hostname",
    "dns",
    "timezone",
    "ntp",
    "dns_resolver",
    "outbound_nat_mode",
    "default_gateway",
    "states_size",
    "firewall_advanced",
    "log",
    "carp",
    "dhcp_relay",
    "wireguard",
]
KindArgument = Annotated[General, Field(description="Kind of object.")]


@tool(title="Describe kind of object", toolset="objects")
async def pfsense_describe_object(
    ctx: Ctx,
    *,
    kind: Annotated[General | Typed | ReadOnly | Single, Field(description="Kind of object or of settings.")],
) -> ObjectInfo:
    """Which fields a kind of object or of settings has, with types and choices, as this firewall's release knows them.
    Look here before creating or changing one."""
    version = await ctx.client.versions.version()
    collection, single = BY_NAME.get(kind) or READ_ONLY.get(kind), SINGLES.get(kind)
    model = collection.model if collection is not None else model_named(SINGLES[kind].model_name)
    subsystem = collection.subsystem if collection is not None else (single.subsystem if single else None)
    fields = [_info(name, field) for name, field in model.fields.items() if _is_set(field) and field.since <= version]
    return ObjectInfo(kind=kind, title=model.title, apply=subsystem, fields=fields)


def _is_set(field: ModelField) -> bool:
    return not field.read_only


def _info(name: str, field: ModelField) -> FieldInfo:
    choices = [str(choice) for choice in field.choices]
    return FieldInfo(
        name=name,
        type=field.type,
        many=field.many or None,
        required=field.required or None,
        fixed=field.fixed or None,
        secret=field.hidden or None,
        choices=choices[:40] or None,
        default=str(field.default) if field.default is not None else None,
        fields=[*_child_fields(model_named(field.child))] if field.child else None,
    )


def _child_fields(model: Model) -> list[str]:
    return [
        f"{name}{'!' if field.required else ''}: {field.type}"
        for name, field in model.fields.items()
        if not field.read_only
    ]


@tool(title="List objects", toolset="objects")
async def pfsense_list_objects(
    ctx: Ctx,
    *,
    kind: Annotated[General | Typed | ReadOnly, Field(description="Kind of object.")],
    search: Search = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FactsPage:
    """All objects of a kind with all their fields, as the API tells them; secrets are absent. For common kinds the
    tools of their own are shorter."""
    collection = BY_NAME.get(kind) or READ_ONLY[kind]
    rows = await all_rows(ctx.client, collection.model_name)
    model = collection.model
    found = [
        Facts(ref=ref, fields=content(model, row))
        for row, ref in zip(rows, refs(collection, rows), strict=True)
        if has_text(search, ref, *row.values())
    ]
    return paginate(FactsPage, found, limit, cursor)


@tool(title="Create object", toolset="objects", risk=Risk.WRITE, idempotent=True)
async def pfsense_create_object(
    ctx: Ctx,
    *,
    kind: KindArgument,
    fields: Annotated[
        dict[str, JsonValue], Field(min_length=1, max_length=120, description="As pfsense_describe_object tells them.")
    ],
    parent: Annotated[PfInterface | None, Field(description="Interface of a dhcp_pool.")] = None,
    allow_lockout: AllowLockout = False,
) -> Change:
    """Create an object of a kind that has no tool of its own. Unknown fields are refused, not ignored."""
    collection = BY_NAME[kind]
    if (collection.parent_argument is not None) != (parent is not None):
        raise InputError(f"parent is needed for dhcp_pool, and only there; this is {kind}. Nothing was executed.")
    return await plan_create(ctx, collection, dict(fields), parent=parent, force=allow_lockout)


@tool(title="Change object", toolset="objects", risk=Risk.DESTRUCTIVE, idempotent=True)
async def pfsense_update_object(
    ctx: Ctx, *, kind: KindArgument, ref: Ref, changes: Changes, allow_lockout: AllowLockout = False
) -> Change:
    """Change fields of an object of a kind that has no tool of its own."""
    return await plan_update(ctx, BY_NAME[kind], ref, changes, force=allow_lockout)


@tool(title="Delete object", toolset="objects", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_delete_object(
    ctx: Ctx, *, kind: KindArgument, ref: Ref, allow_lockout: AllowLockout = False
) -> Change:
    """Delete one object of a kind that has no tool of its own; refused by pfSense while others refer to it."""
    return await plan_delete(ctx, BY_NAME[kind], ref, force=allow_lockout)


@tool(title="Read settings", toolset="objects")
async def pfsense_get_settings(ctx: Ctx, *, kind: Annotated[Single, Field(description="Subject.")]) -> Settings:
    """Settings of one subject, all fields."""
    model = SINGLES[kind].model
    row = await settings_of(ctx.client, model.name)
    return Settings(kind=kind, fields=content(model, row))


@tool(title="Change settings", toolset="objects", risk=Risk.WRITE, idempotent=True)
async def pfsense_update_settings(
    ctx: Ctx, *, kind: Annotated[Single, Field(description="Subject.")], changes: Changes
) -> Change:
    """Change settings of one subject. Access to the firewall itself (web interface, SSH, API) is not changed here."""
    return await plan_settings(ctx, SINGLES[kind], changes)

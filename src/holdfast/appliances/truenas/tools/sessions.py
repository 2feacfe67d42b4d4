"""Who uses the shares now, and the settings of the services that serve them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.collections import at_least_one, given
from holdfast.appliances.truenas.models.sharing import (
    IscsiService,
    LiveSession,
    LiveSessionPage,
    NfsService,
    ShareServices,
    SmbService,
)
from holdfast.appliances.truenas.reading import dig, made, plain
from holdfast.appliances.truenas.writes import Ctx, Seen, call
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.control.grammar import Grammar
from holdfast.control.identifiers import IpAddress
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool
from holdfast.errors import HoldfastError, InputError, UnsupportedError
from holdfast.transport.values import JsonValue, as_int, as_object, as_objects

Kind = Literal["smb", "nfs", "iscsi"]
NetBiosName = Annotated[str, Grammar("NetBIOS name", r"[A-Za-z0-9][A-Za-z0-9_-]{0,14}", 15, "NetBIOS name", ("NAS",))]
Listen = Annotated[list[IpAddress] | None, Field(max_length=16, description="Addresses to listen on; empty: all.")]
Port = Annotated[int | None, Field(ge=1, le=65535, description="Port.")]
_MOST: Final = 2000
"""Sessions fetched of each kind; TrueNAS pages none of them by a total order."""


@tool(title="List live sessions", toolset="sessions")
async def truenas_list_sessions(
    ctx: Ctx,
    *,
    kind: Annotated[Kind | None, Field(description="Only of this kind.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> LiveSessionPage:
    """Clients that use SMB, NFS or iSCSI now. Ask before a share, a service or the system is stopped."""
    rows: list[JsonObject] = []
    notes: list[str] = []
    for name in [kind] if kind else list(_READERS):
        try:
            rows += await _READERS[name](ctx)
        except UnsupportedError:
            if kind:
                raise
            notes.append(f"{name}: this release does not tell its sessions.")
    return page(LiveSessionPage, rows, lambda row: made(LiveSession, row), limit, cursor, notes=notes)


async def _asked(ctx: Ctx, method: str, *before: JsonValue) -> list[JsonObject]:
    return as_objects(await ctx.client.first([method], *before, [], {"limit": _MOST}), method)


async def _smb(ctx: Ctx) -> list[JsonObject]:
    # smb.status is private in 25.10 (contract 15.8): a full administrator's call would be let through, and only logged.
    if (25, 10) <= await ctx.client.release() < (26, 0):
        raise UnsupportedError("TrueNAS 25.10 does not tell who is connected by SMB.", next_step="25.04 and 26 do.")
    rows: list[JsonObject] = []
    for row in await _asked(ctx, "smb.status", "ALL"):
        used = row.get("share_connections")
        shares: list[JsonValue] = (
            [item.get("service") for item in used if isinstance(item, dict)] if isinstance(used, list) else []
        )
        rows.append(
            {
                "kind": "smb",
                "client": row.get("remote_machine") or row.get("hostname"),
                "user": row.get("username"),
                "shares": shares,
                "protocol": row.get("session_dialect"),
                "encryption": cipher if (cipher := dig(row, "encryption.cipher")) != "-" else None,
            }
        )
    return rows


async def _nfs(ctx: Ctx) -> list[JsonObject]:
    rows: list[JsonObject] = [
        {"kind": "nfs", "client": row.get("ip"), "shares": [row.get("export")], "protocol": "NFS 3"}
        for row in await _asked(ctx, "nfs.get_nfs3_clients")
    ]
    for row in await _asked(ctx, "nfs.get_nfs4_clients"):
        info, states = row.get("info"), row.get("states")
        about: JsonObject = info if isinstance(info, dict) else {}
        address = str(about.get("address") or row.get("id"))
        rows.append(
            {
                "kind": "nfs",
                "client": address.strip('"').rpartition(":")[0] or address,
                "user": about.get("name"),
                "protocol": f"NFS 4.{about.get('minor version', '?')}",
                "open_files": len(states) if isinstance(states, list) else None,
            }
        )
    return rows


async def _iscsi(ctx: Ctx) -> list[JsonObject]:
    return [
        {
            "kind": "iscsi",
            "client": row.get("initiator_addr"),
            "user": row.get("initiator"),
            "shares": [row.get("target_alias") or row.get("target")],
            "protocol": "iSCSI",
        }
        for row in await _asked(ctx, "iscsi.global.sessions")
    ]


_READERS: Final = {"smb": _smb, "nfs": _nfs, "iscsi": _iscsi}


@tool(title="Get share services", toolset="sessions")
async def truenas_get_share_services(ctx: Ctx) -> ShareServices:
    """Settings of the SMB, NFS and iSCSI services, and how many NFS and iSCSI clients there are now."""
    smb, nfs, iscsi = [await _config(ctx, name) for name in ("smb", "nfs", "iscsi.global")]
    notes: list[str] = []
    return ShareServices(
        smb=made(SmbService, smb),
        nfs=made(NfsService, nfs),
        iscsi=made(IscsiService, iscsi),
        nfs_clients=await _count(ctx, "nfs.client_count", notes),
        iscsi_clients=await _count(ctx, "iscsi.global.client_count", notes),
        notes=notes or None,
    )


async def _config(ctx: Ctx, name: str) -> JsonObject:
    return as_object(await ctx.client.call(f"{name}.config"), f"{name}.config")


async def _count(ctx: Ctx, method: str, notes: list[str]) -> int | None:
    try:
        return as_int(await ctx.client.first([method]), method)
    except HoldfastError as error:
        notes.append(f"Clients are not counted: {error.message}")
        return None


@tool(title="Change SMB service", toolset="sessions", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_update_smb_service(
    ctx: Ctx,
    *,
    netbios_name: NetBiosName | None = None,
    workgroup: NetBiosName | None = None,
    description: Annotated[str | None, Field(max_length=120, description="Shown to clients.")] = None,
    minimum_protocol: Annotated[
        Literal["SMB1", "SMB2", "SMB3"] | None, Field(description="Oldest protocol spoken; SMB3: 26 and newer.")
    ] = None,
    encryption: Annotated[
        Literal["DEFAULT", "NEGOTIATE", "DESIRED", "REQUIRED"] | None, Field(description="Of the transport.")
    ] = None,
    multichannel: Annotated[bool | None, Field(description="Several connections a session.")] = None,
    apple_extensions: Annotated[bool | None, Field(description="For macOS clients.")] = None,
    listen: Listen = None,
) -> Change:
    """Change settings of the SMB service. What is not given stays. Clients are cut off for a moment."""
    values = given(
        netbiosname=netbios_name,
        workgroup=workgroup,
        description=description,
        encryption=encryption,
        multichannel=multichannel,
        aapl_extensions=apple_extensions,
        bindip=list(listen) if listen is not None else None,
    )
    names = {"netbiosname": "netbios_name", "aapl_extensions": "apple_extensions", "bindip": "listen"}
    convert: dict[str, JsonValue] = {}
    now = await _config(ctx, "smb")
    if minimum_protocol is not None and "minimum_protocol" in now and await ctx.client.release() >= (26, 0):
        values["minimum_protocol"] = minimum_protocol
    elif minimum_protocol is not None:
        if minimum_protocol == "SMB3":
            raise InputError("SMB3 as the oldest protocol is for 26 and newer.", next_step="Say SMB2.")
        values["enable_smb1"] = minimum_protocol == "SMB1"
        names["enable_smb1"] = "minimum_protocol"
        convert["enable_smb1"] = "SMB1" if now.get("enable_smb1") else "SMB2"
    warnings = ["SMB 1 has known weaknesses."] if minimum_protocol == "SMB1" else []
    return await _update(ctx, "smb", now, values, names, convert, warnings)


@tool(title="Change NFS service", toolset="sessions", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_update_nfs_service(
    ctx: Ctx,
    *,
    protocols: Annotated[
        list[Literal["NFSV3", "NFSV4"]] | None, Field(min_length=1, max_length=2, description="Versions served.")
    ] = None,
    servers: Annotated[int | None, Field(ge=1, le=256, description="Server threads.")] = None,
    allow_nonroot: Annotated[bool | None, Field(description="Take mounts from unprivileged ports.")] = None,
    domain: Annotated[str | None, Field(max_length=120, pattern=r"^[A-Za-z0-9.-]*$", description="NFS 4 domain.")] = (
        None
    ),
    listen: Listen = None,
    mountd_port: Port = None,
    statd_port: Port = None,
    lockd_port: Port = None,
) -> Change:
    """Change settings of the NFS service. What is not given stays. Clients hang for a moment."""
    values = given(
        protocols=list(protocols) if protocols is not None else None,
        servers=servers,
        allow_nonroot=allow_nonroot,
        v4_domain=domain,
        bindip=list(listen) if listen is not None else None,
        mountd_port=mountd_port,
        rpcstatd_port=statd_port,
        rpclockd_port=lockd_port,
    )
    names = {
        "v4_domain": "domain",
        "bindip": "listen",
        "rpcstatd_port": "statd_port",
        "rpclockd_port": "lockd_port",
    }
    return await _update(ctx, "nfs", await _config(ctx, "nfs"), values, names)


@tool(title="Change iSCSI service", toolset="sessions", risk=Risk.DESTRUCTIVE, idempotent=True)
async def truenas_update_iscsi_service(
    ctx: Ctx,
    *,
    basename: Annotated[
        str | None,
        Field(max_length=160, pattern=r"^[a-z0-9][a-z0-9.:-]*$", description="First part of all target names (IQN)."),
    ] = None,
    port: Port = None,
    isns_servers: Annotated[
        list[Annotated[str, Field(max_length=260, pattern=r"^[A-Za-z0-9.:_-]+$")]] | None,
        Field(max_length=8, description="Name servers of targets."),
    ] = None,
) -> Change:
    """Change settings of the iSCSI service. Another basename or port cuts every initiator off until it is set anew."""
    values = given(
        basename=basename,
        listen_port=port,
        isns_servers=list(isns_servers) if isns_servers is not None else None,
    )
    config = await _config(ctx, "iscsi.global")
    return await _update(ctx, "iscsi.global", config, values, {"listen_port": "port"})


_TOOLS: Final = {"smb": "smb", "nfs": "nfs", "iscsi.global": "iscsi"}


async def _update(
    ctx: Ctx,
    namespace: str,
    now: JsonObject,
    values: JsonObject,
    names: dict[str, str],
    convert: dict[str, JsonValue] | None = None,
    warnings: list[str] | None = None,
) -> Change:
    """The change of a service's settings. `names`: API field → argument; `convert`: values of the undo that differ."""
    at_least_one(values)
    service = _TOOLS[namespace]
    before: JsonObject = {name: plain(now.get(name)) for name in values}
    unset = [name for name, value in before.items() if value is None]
    arguments = {names.get(name, name): (convert or {}).get(name, value) for name, value in before.items()}

    async def look() -> Seen:
        config = await _config(ctx, namespace)
        state: JsonObject = {name: plain(config.get(name)) for name in values}
        return Seen(state == values, state)

    return await change(
        ctx,
        call(f"{namespace}.update", values),
        summary=f"Change {', '.join(values)} of the {service.upper().replace('ISCSI', 'iSCSI')} service",
        before=before,
        after=values,
        look=look,
        undo=None if unset else UndoCall(tool=f"truenas_update_{service}_service", arguments=arguments),
        cannot_undo=f"{', '.join(unset)} was not set before, and cannot be unset by this tool." if unset else None,
        blast_radius=[f"Clients of {service.upper().replace('ISCSI', 'iSCSI')} are interrupted."],
        warnings=warnings or [],
        nothing_to_do=before == values,
    )

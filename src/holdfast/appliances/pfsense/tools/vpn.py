"""VPN: what is up. Configuration: toolset objects."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast.appliances.pfsense.arguments import Ctx
from holdfast.appliances.pfsense.models import Tunnel, VpnPage
from holdfast.appliances.pfsense.reading import all_rows, said
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.spec import tool
from holdfast.errors import UnsupportedError
from holdfast.transport.values import JsonObject, opt_int, opt_objects

_MODELS: Final = {
    "ipsec": ("IPsecSAStatus",),
    "openvpn": ("OpenVPNServerStatus", "OpenVPNClientStatus"),
    "wireguard": ("WireGuardTunnelStatus",),
}


@tool(title="VPN status", toolset="vpn")
async def pfsense_vpn_status(
    ctx: Ctx,
    *,
    kind: Annotated[Literal["ipsec", "openvpn", "wireguard"] | None, Field(description="Only this kind.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> VpnPage:
    """IPsec associations, OpenVPN servers with their connections, OpenVPN clients, WireGuard tunnels with their peers:
    state, ends, traffic."""
    wanted = [model for name, models in _MODELS.items() if kind in (None, name) for model in models]
    results = await asyncio.gather(*(all_rows(ctx.client, model) for model in wanted), return_exceptions=True)
    found: list[Tunnel] = []
    notes: list[str] = []
    for model, result in zip(wanted, results, strict=True):
        if isinstance(result, UnsupportedError):
            notes.append(f"{model}: {result.message}")
        elif isinstance(result, BaseException):
            raise result
        else:
            for row in result:
                found += _READERS[model](row)
    return paginate(VpnPage, found, limit, cursor, notes=notes)


def _ipsec(row: JsonObject) -> list[Tunnel]:
    children = opt_objects(row, "child_sas") or []
    details: JsonObject = {
        "established_s": row.get("established"),
        "rekey_in_s": row.get("rekey_time"),
        "encryption": f"{row.get('encr_alg')}-{row.get('encr_keysize')}",
        "children": [
            {key: child.get(key) for key in ("name", "state", "local_ts", "remote_ts", "bytes_in", "bytes_out")}
            for child in children
        ],
    }
    return [
        Tunnel(
            kind="ipsec",
            name=str(row.get("con_id")),
            status=said(row, "state"),
            remote=said(row, "remote_host"),
            local=said(row, "local_host"),
            in_bytes=sum(opt_int(child, "bytes_in", lenient=True) or 0 for child in children),
            out_bytes=sum(opt_int(child, "bytes_out", lenient=True) or 0 for child in children),
            details=details,
        )
    ]


def _server(row: JsonObject) -> list[Tunnel]:
    connections = opt_objects(row, "conns") or []
    name = str(row.get("name"))
    server = Tunnel(
        kind="openvpn server", name=name, local=said(row, "port"), details={"connections": len(connections)}
    )
    return [server, *(_connection(name, one) for one in connections)]


def _connection(server: str, row: JsonObject) -> Tunnel:
    return Tunnel(
        kind="openvpn connection",
        name=str(row.get("common_name")),
        status="connected",
        remote=said(row, "remote_host"),
        local=said(row, "virtual_addr"),
        in_bytes=opt_int(row, "bytes_recv", lenient=True),
        out_bytes=opt_int(row, "bytes_sent", lenient=True),
        since=said(row, "connect_time"),
        details={"server": server, "user": row.get("user_name")},
    )


def _client(row: JsonObject) -> list[Tunnel]:
    return [
        Tunnel(
            kind="openvpn client",
            name=str(row.get("name")),
            status=said(row, "status") or said(row, "state"),
            remote=said(row, "remote_host"),
            local=said(row, "virtual_addr"),
            since=said(row, "connect_time"),
        )
    ]


def _wireguard(row: JsonObject) -> list[Tunnel]:
    name = str(row.get("name"))
    tunnel = Tunnel(
        kind="wireguard tunnel",
        name=name,
        status=said(row, "status"),
        local=said(row, "listen_port"),
        in_bytes=opt_int(row, "transfer_rx", lenient=True),
        out_bytes=opt_int(row, "transfer_tx", lenient=True),
    )
    return [tunnel, *(_peer(name, peer) for peer in opt_objects(row, "peers") or [])]


def _peer(tunnel: str, row: JsonObject) -> Tunnel:
    shaken = opt_int(row, "latest_handshake", lenient=True) or 0
    return Tunnel(
        kind="wireguard peer",
        name=said(row, "descr") or str(row.get("public_key")),
        status="handshake done" if shaken else "never connected",
        remote=said(row, "endpoint"),
        in_bytes=opt_int(row, "transfer_rx", lenient=True),
        out_bytes=opt_int(row, "transfer_tx", lenient=True),
        since=datetime.fromtimestamp(shaken, UTC).isoformat() if shaken else None,
        details={"tunnel": tunnel, "allowed_ips": row.get("allowed_ips")},
    )


_READERS: Final = {
    "IPsecSAStatus": _ipsec,
    "OpenVPNServerStatus": _server,
    "OpenVPNClientStatus": _client,
    "WireGuardTunnelStatus": _wireguard,
}

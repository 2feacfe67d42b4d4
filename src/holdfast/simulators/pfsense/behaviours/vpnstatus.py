"""Live state of IPsec, OpenVPN and WireGuard (contract §13.10)."""

from __future__ import annotations

from datetime import UTC, datetime

from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.work import Obj, Work


def _since(work: Work) -> int:
    """Seconds that the tunnels have been up: an hour less than the machine, at least one."""
    return max(1, int(work.now - work.machine.runtime.booted_at) - 3600)


def _service_stopped(work: Work, name: str) -> bool:
    return any(key.startswith(f"{name}/") for key in work.machine.runtime.stopped)


@behaves("IPsecSAStatus")
class IpsecStatus(Behaviour):
    """Security associations of the live configuration, with their children."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        live, models = work.machine.jobs.live["ipsec"], work.schema.models
        rows: list[Stored] = []
        for phase1 in live.rows(models["IPsecPhase1"]).values():
            if phase1.get("disabled") or _service_stopped(work, "ipsec"):
                continue
            children = [
                _child(work, phase1, phase2)
                for phase2 in live.rows(models["IPsecPhase2"]).values()
                if phase2.get("ikeid") == phase1["ikeid"] and not phase2.get("disabled")
            ]
            rows.append(_association(work, phase1, children))
        return dict(enumerate(rows))


def _association(work: Work, phase1: Stored, children: list[Stored]) -> Stored:
    wan, up = work.machine.world.firewall_wan_ip, _since(work)
    cipher = (phase1.get("encryption") or [{}])[0]
    return {
        "con_id": f"con{phase1['ikeid']}",
        "uniqueid": int(phase1["ikeid"]) + 6,
        "version": 1 if phase1.get("iketype") == "ikev1" else 2,
        "state": "ESTABLISHED",
        "local_host": wan,
        "local_port": "500",
        "local_id": wan,
        "remote_host": phase1["remote_gateway"],
        "remote_port": "500",
        "remote_id": phase1["remote_gateway"],
        "initiator_spi": "7d1c0a4b52e6f901",
        "responder_spi": "a03f5e9914c27bd8",
        "nat_remote": False,
        "nat_any": False,
        "encr_alg": "AES_CBC",
        "encr_keysize": int(cipher.get("encryption_algorithm_keylen") or 256),
        "integ_alg": "HMAC_SHA2_256_128",
        "prf_alg": "PRF_HMAC_SHA2_256",
        "dh_group": "MODP_2048",
        "established": up % 25920,
        "rekey_time": 25920 - up % 25920,
        "child_sas": children,
    }


def _child(work: Work, phase1: Stored, phase2: Stored) -> Stored:
    up = _since(work)
    return {
        "name": f"con{phase1['ikeid']}_{phase2['reqid']}",
        "uniqueid": int(phase2["reqid"]) + 20,
        "reqid": int(phase2["reqid"]),
        "state": "INSTALLED",
        "mode": "TUNNEL",
        "protocol": str(phase2.get("protocol") or "esp").upper(),
        "encap": False,
        "spi_in": "c1a2b3d4",
        "spi_out": "c9f8e7d6",
        "encr_alg": "AES_GCM_16",
        "encr_keysize": 256,
        "integ_alg": "",
        "dh_group": "MODP_2048",
        "bytes_in": up * 900,
        "bytes_out": up * 400,
        "packets_in": up * 2,
        "packets_out": up,
        "use_in": 3,
        "use_out": 3,
        "rekey_time": 3240 - up % 3240,
        "life_time": 3600 - up % 3240,
        "install_time": up % 3240,
        "local_ts": [f"{phase2.get('localid_address')}/{phase2.get('localid_netbits')}"],
        "remote_ts": [f"{phase2.get('remoteid_address')}/{phase2.get('remoteid_netbits')}"],
    }


class _Children(Behaviour):
    """Rows nested in those of a live status, with the parent that each belongs to."""

    parent = ""
    holder = ""

    def source(self, work: Work) -> dict[Ident, Stored]:
        rows: list[Stored] = []
        for parent_id, row in work.machine.behaviour(self.parent).source(work).items():
            for number, child in enumerate(row.get(self.holder) or []):
                rows.append({**child, "_parent": parent_id, "_id": number})
        return dict(enumerate(rows))


@behaves("IPsecChildSAStatus")
class IpsecChildren(_Children):
    """Child associations of all associations."""

    parent, holder = "IPsecSAStatus", "child_sas"


@behaves("OpenVPNServerStatus")
class OpenVpnServers(Behaviour):
    """Servers with their clients and routes."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        rows: list[Stored] = []
        for server in work.tree.rows(work.schema.models["OpenVPNServer"]).values():
            name = f"{server.get('description') or 'OpenVPN'} {server['protocol']}:{server.get('local_port', '1194')}"
            running = not server.get("disable") and not _service_stopped(work, "openvpn")
            connections = _connections(work, server) if running else []
            rows.append(
                {
                    "name": name,
                    "mode": server["mode"],
                    "port": str(server.get("local_port", "1194")),
                    "vpnid": server["vpnid"],
                    "mgmt": f"server{server['vpnid']}",
                    "conns": connections,
                    "routes": [_route(connection) for connection in connections],
                }
            )
        return dict(enumerate(rows))


def _connections(work: Work, server: Stored) -> list[Stored]:
    """One client for each user with a certificate, unless it was disconnected."""
    rows: list[Stored] = []
    began = int(work.machine.started_at) - 5400
    for user in work.tree.rows(work.schema.models["User"]).values():
        key = f"{server['vpnid']}/{user['name']}"
        if not user.get("cert") or user.get("disabled") or key in work.machine.runtime.disconnected:
            continue
        number = len(rows)
        rows.append(
            {
                "common_name": user["name"],
                "remote_host": f"203.0.113.{90 + number}:50{number:03d}",
                "virtual_addr": f"10.30.0.{2 + number}",
                "virtual_addr6": "",
                "bytes_recv": int(work.now - began) * 300,
                "bytes_sent": int(work.now - began) * 1200,
                "connect_time": datetime.fromtimestamp(began, UTC).strftime("%Y-%m-%d %H:%M:%S"),
                "connect_time_unix": began,
                "user_name": user["name"],
                "client_id": number,
                "peer_id": number,
                "cipher": "AES-256-GCM",
            }
        )
    return rows


def _route(connection: Stored) -> Stored:
    return {
        "common_name": connection["common_name"],
        "remote_host": connection["remote_host"],
        "virtual_addr": connection["virtual_addr"],
        "last_time": connection["connect_time"],
    }


@behaves("OpenVPNServerConnectionStatus")
class OpenVpnConnections(_Children):
    """Clients of all servers; deleting one disconnects it."""

    parent, holder = "OpenVPNServerStatus", "conns"

    async def delete(self, work: Work, obj: Obj) -> bool:
        servers = work.machine.behaviour("OpenVPNServerStatus").source(work)
        vpnid = servers[obj.parent_id if obj.parent_id is not None else -1]["vpnid"]
        work.machine.runtime.disconnected.add(f"{vpnid}/{obj.values['common_name']}")
        return True


@behaves("OpenVPNServerRouteStatus")
class OpenVpnRoutes(_Children):
    """Routes of all servers."""

    parent, holder = "OpenVPNServerStatus", "routes"


@behaves("OpenVPNClientStatus")
class OpenVpnClients(Behaviour):
    """This firewall as a client of others."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        rows: list[Stored] = []
        for client in work.tree.rows(work.schema.models["OpenVPNClient"]).values():
            up = not client.get("disable") and not _service_stopped(work, "openvpn")
            rows.append(
                {
                    "name": f"{client.get('description') or 'OpenVPN'} {client['protocol']}",
                    "port": str(client.get("server_port", "")),
                    "vpnid": client["vpnid"],
                    "mgmt": f"client{client['vpnid']}",
                    "status": "up" if up else "down",
                    "state": "CONNECTED" if up else "",
                    "state_detail": "SUCCESS" if up else "",
                    "connect_time": _clock(work) if up else "",
                    "virtual_addr": "10.66.0.2" if up else "",
                    "virtual_addr6": "",
                    "remote_host": client["server_addr"] if up else "",
                    "remote_port": str(client["server_port"]) if up else "",
                    "local_host": work.machine.world.firewall_wan_ip if up else "",
                    "local_port": "43210" if up else "",
                }
            )
        return dict(enumerate(rows))


def _clock(work: Work) -> str:
    return datetime.fromtimestamp(work.machine.started_at - 900, UTC).strftime("%Y-%m-%d %H:%M:%S")


@behaves("WireGuardTunnelStatus")
class WireGuardTunnels(Behaviour):
    """Tunnels of the live configuration with their peers (2.9 and later)."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        live, models = work.machine.jobs.live["wg"], work.schema.models
        enabled = bool(live.one(models["WireGuardSettings"]).get("enable")) and not _service_stopped(work, "wireguard")
        peers = list(live.rows(models["WireGuardPeer"]).values())
        rows: list[Stored] = []
        for tunnel in live.rows(models["WireGuardTunnel"]).values():
            up = enabled and bool(tunnel.get("enabled"))
            shown = [_peer(work, tunnel, peer, up) for peer in peers if peer.get("tun") == tunnel["name"]]
            received = sum(int(peer["transfer_rx"]) for peer in shown)
            rows.append(
                {
                    "name": tunnel["name"],
                    "status": "up" if up else "down",
                    "public_key": tunnel.get("publickey"),
                    "listen_port": str(tunnel.get("listenport") or "51820"),
                    "mtu": int(tunnel.get("mtu") or 1420),
                    "transfer_rx": received,
                    "transfer_tx": received * 3,
                    "inpkts": received // 900,
                    "outpkts": received // 300,
                    "descr": tunnel.get("descr") or "",
                    "peers": shown,
                }
            )
        return dict(enumerate(rows))


def _peer(work: Work, tunnel: Stored, peer: Stored, up: bool) -> Stored:
    seen = up and bool(peer.get("enabled")) and bool(peer.get("endpoint"))
    received = _since(work) * 150 if seen else 0
    return {
        "tunnel_device": tunnel["name"],
        "public_key": peer["publickey"],
        "preshared_key": peer.get("presharedkey") or "",
        "endpoint": f"{peer['endpoint']}:{peer.get('port') or '51820'}" if seen else "(none)",
        "allowed_ips": [f"{entry['address']}/{entry['mask']}" for entry in peer.get("allowedips") or []],
        "latest_handshake": int(work.now) - int(work.now) % 120 if seen else 0,
        "transfer_rx": received,
        "transfer_tx": received * 3,
        "persistent_keepalive": str(peer.get("persistentkeepalive") or "off"),
        "descr": peer.get("descr") or "",
    }


@behaves("WireGuardPeerStatus")
class WireGuardPeers(Behaviour):
    """Peers of all tunnels."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        tunnels = work.machine.behaviour("WireGuardTunnelStatus").source(work).values()
        return dict(enumerate(peer for tunnel in tunnels for peer in tunnel["peers"]))

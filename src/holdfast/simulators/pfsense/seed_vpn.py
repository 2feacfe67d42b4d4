"""IPsec, OpenVPN and WireGuard at the start."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

if TYPE_CHECKING:
    from holdfast.simulators.pfsense.machine import Machine

CA_REFID = "66f0a1b2c3d40"
VPN_REFID = "66f0a1b2c3d42"


def public_key(private: str) -> str | None:
    """The WireGuard public key of a private one, both Base64; None when it is none."""
    try:
        raw = base64.b64decode(private, validate=True)
        made = X25519PrivateKey.from_private_bytes(raw)
    except ValueError:
        return None
    return base64.b64encode(made.public_key().public_bytes_raw()).decode()


def private_key(seed_text: str) -> str:
    """A WireGuard private key that is always the same for the same text."""
    return base64.b64encode(hashlib.sha256(seed_text.encode()).digest()).decode()


def seed(machine: Machine, nodes: dict[str, Any]) -> None:
    """One tunnel to a branch office, one remote-access server, one WireGuard tunnel with two peers."""
    world = machine.world
    lan, _, bits = world.lan_network.partition("/")
    encryption = {
        "encryption_algorithm_name": "aes",
        "encryption_algorithm_keylen": 256,
        "hash_algorithm": "sha256",
        "dhgroup": 14,
        "prf_algorithm": "sha256",
    }
    nodes["ipsec/phase1"] = [
        {"ikeid": 1, "descr": "branch office", "iketype": "ikev2", "protocol": "inet", "interface": "wan",
         "remote_gateway": "203.0.113.40", "authentication_method": "pre_shared_key", "myid_type": "myaddress",
         "peerid_type": "peeraddress", "pre_shared_key": hashlib.sha256(machine.name.encode()).hexdigest()[:32],
         "encryption": [encryption]},
    ]  # fmt: skip
    nodes["ipsec/phase2"] = [
        {"ikeid": 1, "uniqid": "66f0a1b2c3a00", "reqid": 1, "descr": "LAN to branch", "mode": "tunnel",
         "localid_type": "network", "localid_address": lan, "localid_netbits": int(bits),
         "remoteid_type": "network", "remoteid_address": "10.40.0.0", "remoteid_netbits": 24, "protocol": "esp",
         "encryption_algorithm_option": [{"name": "aes256gcm", "keylen": 128}],
         "hash_algorithm_option": ["hmac_sha256"], "pfsgroup": 14},
    ]  # fmt: skip
    nodes["openvpn/openvpn-server"] = [
        {"vpnid": 1, "vpnif": "ovpns1", "description": "remote access", "mode": "server_tls_user", "dev_mode": "tun",
         "authmode": ["Local Database"], "protocol": "UDP4", "interface": "wan", "local_port": "1194",
         "caref": CA_REFID, "certref": VPN_REFID, "data_ciphers": ["AES-256-GCM", "AES-128-GCM"],
         "data_ciphers_fallback": "AES-256-CBC", "digest": "SHA256", "tunnel_network": "10.30.0.0/24",
         "local_network": [world.lan_network], "dns_domain": world.domain, "dns_server1": world.firewall_lan_ip,
         "topology": "subnet", "use_tls": False, "dh_length": "2048", "ecdh_curve": "none",
         "verbosity_level": 1, "maxclients": 20},
    ]  # fmt: skip
    nodes["openvpn/openvpn-client"] = [
        {"vpnid": 2, "vpnif": "ovpnc2", "description": "provider", "disable": True, "mode": "p2p_tls",
         "dev_mode": "tun", "protocol": "UDP4", "interface": "wan",
         "server_addr": "vpn.provider.example", "server_port": "1194",
         "caref": CA_REFID, "data_ciphers": ["AES-256-GCM"], "data_ciphers_fallback": "AES-256-CBC",
         "digest": "SHA256"},
    ]  # fmt: skip
    nodes["openvpn/openvpn-csc"] = []
    private = private_key(f"{machine.name}/tun_wg0")
    nodes["installedpackages/wireguard/config/0"] = {
        "enable": True, "keep_conf": True, "resolve_interval": 300, "interface_group": "all",
    }  # fmt: skip
    nodes["installedpackages/wireguard/tunnels/item"] = [
        {"name": "tun_wg0", "enabled": True, "descr": "road warriors", "listenport": "51820", "mtu": 1420,
         "privatekey": private, "publickey": public_key(private),
         "addresses": [{"address": "10.31.0.1", "mask": 24, "descr": ""}]},
    ]  # fmt: skip
    peers = []
    for number, (name, endpoint) in enumerate((("alice laptop", None), ("site b", "203.0.113.77"))):
        key = public_key(private_key(f"{machine.name}/{name}"))
        peer = {"enabled": True, "tun": "tun_wg0", "descr": name, "publickey": key, "presharedkey": "",
                "allowedips": [{"address": f"10.31.0.{10 + number}", "mask": 32, "descr": ""}]}  # fmt: skip
        if endpoint:
            peer |= {"endpoint": endpoint, "port": "51820", "persistentkeepalive": 25}
        peers.append(peer)
    nodes["installedpackages/wireguard/peers/item"] = peers

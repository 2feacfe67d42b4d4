"""IPsec and OpenVPN configuration (contract §13.10)."""

from __future__ import annotations

import secrets

from holdfast.simulators.pfsense.answers import conflict, invalid
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Stored
from holdfast.simulators.pfsense.schema import Field
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Obj, Work

CIPHERS = [
    "AES-128-CBC",
    "AES-128-GCM",
    "AES-192-CBC",
    "AES-192-GCM",
    "AES-256-CBC",
    "AES-256-GCM",
    "CHACHA20-POLY1305",
]
DIGESTS = ["none", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "BLAKE2b512", "BLAKE2s256"]
_KEY_LENGTHS = {
    "aes": [128, 192, 256],
    "aes128gcm": [64, 96, 128],
    "aes192gcm": [64, 96, 128],
    "aes256gcm": [64, 96, 128],
}


def _next(taken: set[Value]) -> int:
    number = 1
    while number in taken:
        number += 1
    return number


@behaves("IPsecPhase1")
class Phase1(Behaviour):
    """Phase 1: numbered by `ikeid`; one with children stays."""

    def prepare(self, work: Work, obj: Obj) -> None:
        obj.values["ikeid"] = _next(set(work.values_of("IPsecPhase1", "ikeid")))

    def check_delete(self, work: Work, obj: Obj) -> None:
        if obj.values["ikeid"] in work.values_of("IPsecPhase2", "ikeid"):
            raise conflict(
                "IPSEC_PHASE1_CANNOT_BE_DELETED_WHILE_IN_USE", "Phase 1 cannot be deleted while phase 2 entries use it."
            )


@behaves("IPsecPhase2")
class Phase2(Behaviour):
    """Phase 2."""

    def prepare(self, work: Work, obj: Obj) -> None:
        obj.values |= {
            "uniqid": work.machine.unique_id(),
            "reqid": _next(set(work.values_of("IPsecPhase2", "reqid"))),
        }


@behaves("IPsecPhase2Encryption")
class Phase2Encryption(Behaviour):
    """Ciphers of phase 2 with their key lengths."""

    def choices(self, work: Work, obj: Obj, field: Field) -> list[Value] | None:
        if field.name == "keylen":
            return [0, *_KEY_LENGTHS.get(str(obj.values.get("name")), [])]
        return list(field.choices) if field.choices else None


class _OpenVpn(Behaviour):
    kind = ""

    def prepare(self, work: Work, obj: Obj) -> None:
        taken = {*work.values_of("OpenVPNServer", "vpnid"), *work.values_of("OpenVPNClient", "vpnid")}
        number = _next(taken)
        obj.values |= {"vpnid": number, "vpnif": f"ovpn{self.kind}{number}"}

    def choices(self, work: Work, obj: Obj, field: Field) -> list[Value] | None:
        if field.choices_source == "get_available_cipher_choices":
            return list(CIPHERS)
        if field.choices_source == "get_available_digest_choices":
            return list(DIGESTS)
        if field.name == "dh_length":
            return ["none", "ECDH", "1024", "2048", "3072", "4096", "6144", "7680", "8192", "15360", "16384"]
        return list(field.choices) if field.choices else None

    def default(self, work: Work, obj: Obj, field: Field) -> Value:
        if field.default_callable == "generate_tls_key":
            body = "\n".join(secrets.token_hex(16) for _ in range(16))
            return f"-----BEGIN OpenVPN Static key V1-----\n{body}\n-----END OpenVPN Static key V1-----\n"
        return None

    def check_delete(self, work: Work, obj: Obj) -> None:
        rows = work.tree.rows(work.schema.models["NetworkInterface"]).values()
        if any(row.get("if") == obj.values.get("vpnif") for row in rows):
            raise conflict(
                f"OPENVPN_{'SERVER' if self.kind == 's' else 'CLIENT'}_CANNOT_BE_DELETED_WHILE_IN_USE",
                "The instance cannot be deleted while it is assigned to an interface.",
            )


@behaves("OpenVPNServer")
class Server(_OpenVpn):
    """OpenVPN servers."""

    kind = "s"


@behaves("OpenVPNClient")
class Client(_OpenVpn):
    """OpenVPN clients."""

    kind = "c"


@behaves("OpenVPNClientExport", "OpenVPNClientExportConfig")
class ClientExport(Behaviour):
    """Client configurations, inline or as an archive."""

    def default(self, work: Work, obj: Obj, field: Field) -> Value:
        if field.default_callable == "get_serverid_default":
            return 1
        return None

    async def create(self, work: Work, obj: Obj) -> bool:
        if obj.model.name != "OpenVPNClientExport":
            return False
        values = obj.values
        servers = work.tree.rows(work.schema.models["OpenVPNServer"]).values()
        server = next((row for row in servers if row.get("vpnid") == values.get("server")), None)
        if server is None:
            raise invalid("OPENVPN_CLIENT_EXPORT_SERVER_NOT_FOUND", "The OpenVPN server does not exist.")
        host = values.get("useaddr_hostname") or work.machine.world.firewall_wan_ip
        lines = [
            f"dev {server['dev_mode']}",
            "persist-tun",
            f"data-ciphers {':'.join(server['data_ciphers'])}",
            f"auth {server['digest']}",
            "tls-client",
            f"remote {host} {server['local_port']} {str(server['protocol']).lower()}",
        ]
        content = "\n".join(lines) + "\n"
        name = f"{work.machine.world.firewall_hostname}-{server['protocol']}-{server['local_port']}-config.ovpn"
        values |= {"filename": name, "binary_data": content}
        return True


@behaves("OpenVPNClientSpecificOverride")
class ClientOverride(Behaviour):
    """Overrides of one client."""

    def saving(self, work: Work, obj: Obj, stored: Stored, verb: str) -> Stored:
        return stored

"""WireGuard tunnels and peers (contract §13.10)."""

from __future__ import annotations

from holdfast.simulators.pfsense.answers import conflict, invalid
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Stored
from holdfast.simulators.pfsense.seed_vpn import public_key
from holdfast.simulators.pfsense.work import Obj, Work


@behaves("WireGuardTunnel")
class Tunnel(Behaviour):
    """Tunnels: the name is given, the public key follows from the private one."""

    def prepare(self, work: Work, obj: Obj) -> None:
        taken = set(work.values_of("WireGuardTunnel", "name"))
        number = 0
        while f"tun_wg{number}" in taken:
            number += 1
        obj.values["name"] = f"tun_wg{number}"

    def check(self, work: Work, obj: Obj) -> None:
        key = public_key(str(obj.values["privatekey"]))
        if key is None:
            raise invalid("WIREGUARD_TUNNEL_INVALID_PRIVATE_KEY", "Field `privatekey` is not a WireGuard private key.")
        obj.values["publickey"] = key
        for entry in obj.values.get("addresses") or []:
            _check_address(work, obj.id, entry)

    def check_delete(self, work: Work, obj: Obj) -> None:
        rows = work.tree.rows(work.schema.models["NetworkInterface"]).values()
        if any(row.get("if") == obj.values["name"] for row in rows):
            raise conflict(
                "WIREGUARD_TUNNEL_CANNOT_BE_DELETED_WHILE_IN_USE",
                "The tunnel cannot be deleted while it is assigned to an interface.",
            )


@behaves("WireGuardTunnelAddress")
class TunnelAddress(Behaviour):
    """Addresses of tunnels: no address on two tunnels."""

    def check(self, work: Work, obj: Obj) -> None:
        if obj.parent_id is not None:
            _check_address(work, obj.parent_id, obj.values)


def _check_address(work: Work, tunnel_id: object, entry: Stored) -> None:
    for ident, tunnel in work.tree.rows(work.schema.models["WireGuardTunnel"]).items():
        for other in tunnel.get("addresses") or []:
            same = (other.get("address"), other.get("mask")) == (entry.get("address"), entry.get("mask"))
            if same and ident != tunnel_id:
                raise conflict(
                    "WIREGUARD_TUNNEL_ADDRESS_AND_MASK_ALREADY_IN_USE",
                    f"Address `{entry['address']}/{entry['mask']}` is in use by tunnel `{tunnel['name']}`.",
                )

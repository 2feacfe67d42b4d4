"""Virtual addresses and CARP (contract §13.4)."""

from __future__ import annotations

from holdfast.simulators.pfsense import syntax
from holdfast.simulators.pfsense.answers import conflict, invalid
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Stored
from holdfast.simulators.pfsense.work import Obj, Work


@behaves("VirtualIP")
class VirtualIp(Behaviour):
    """Aliases, proxy ARP and CARP addresses."""

    def prepare(self, work: Work, obj: Obj) -> None:
        obj.values["uniqid"] = work.machine.unique_id()

    def expand(self, work: Work, obj: Obj, stored: Stored) -> None:
        obj.values["carp_status"] = self._status(work, stored) if stored.get("mode") == "carp" else None

    @staticmethod
    def _status(work: Work, stored: Stored) -> str:
        """What the running firewall does with the address: the live configuration counts, not the stored one."""
        runtime = work.machine.runtime
        model = work.schema.models["VirtualIP"]
        running = work.machine.jobs.live["vip"].rows(model).values()
        if not any(row.get("uniqid") == stored.get("uniqid") for row in running):
            return "init"
        if not runtime.carp_enabled:
            return "disabled"
        return "backup" if runtime.carp_maintenance else "master"

    def check(self, work: Work, obj: Obj) -> None:
        values = obj.values
        if syntax.is_ipv4(str(values["subnet"])) and int(values["subnet_bits"]) > 32:
            raise invalid(
                "VIRTUALIP_SUBNET_BITS_EXCEEDS_IPV4_MAXIMUM", "Field `subnet_bits` must be 32 or less for IPv4."
            )
        if values.get("mode") != "carp":
            return
        interface = work.store_interfaces(values["interface"])
        for ident, row in work.tree.rows(obj.model).items():
            same = row.get("mode") == "carp" and row.get("interface") == interface and row.get("vhid") == values["vhid"]
            if same and ident != obj.id:
                raise conflict(
                    "VIRTUALIP_VHID_ALREADY_IN_USE",
                    f"Field `vhid` value `{values['vhid']}` is already in use on this interface.",
                )

    def changed(self, work: Work, obj: Obj, verb: str) -> None:
        if obj.values.get("mode") == "carp" and verb == "create":
            obj.values["carp_status"] = "init"


@behaves("CARP")
class Carp(Behaviour):
    """CARP of the whole node: on or off, and maintenance mode."""

    def single(self, work: Work) -> Stored:
        runtime = work.machine.runtime
        return {"enable": runtime.carp_enabled, "maintenance_mode": runtime.carp_maintenance}

    async def update(self, work: Work, obj: Obj) -> bool:
        await work.act()
        work.machine.runtime.carp_enabled = bool(obj.values["enable"])
        work.machine.runtime.carp_maintenance = bool(obj.values["maintenance_mode"])
        work.acted()
        return True

"""The apply endpoints: what is pending, and the order to make it live (contract §8)."""

from __future__ import annotations

from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Stored
from holdfast.simulators.pfsense.jobs import CLEARS
from holdfast.simulators.pfsense.work import Obj, Work

KINDS = {
    "FirewallApply": "fw",
    "VirtualIPApply": "vip",
    "InterfaceApply": "if",
    "RoutingApply": "rt",
    "DHCPServerApply": "dhcp",
    "DNSResolverApply": "unbound",
    "DNSForwarderApply": "dnsfwd",
    "IPsecApply": "ipsec",
    "WireGuardApply": "wg",
    "HAProxyApply": "ha",
}


def status(work: Work, model: str) -> Stored:
    """What is pending now, by the flags on disk; rule changes set none, so `applied` does not speak of them."""
    store = work.machine.store
    work.machine.jobs.settle()
    pending = [flag for flag in CLEARS[KINDS[model]] if flag in store.dirty]
    if model == "FirewallApply":
        return {"applied": not pending, "pending_subsystems": pending}
    if model == "InterfaceApply":
        shown = [str(name) for name in work.show_interfaces(store.pending_interfaces)]
        return {"applied": not shown, "pending_interfaces": shown}
    return {"applied": not pending}


@behaves(*KINDS)
class Apply(Behaviour):
    """GET shows the flags, POST queues the reload and answers with the flags as they still are."""

    def single(self, work: Work) -> Stored:
        return status(work, work.endpoint_model)

    async def create(self, work: Work, obj: Obj) -> bool:
        return True

    async def apply(self, work: Work, obj: Obj, verb: str) -> None:
        await work.act()
        ends_at = work.machine.jobs.spawn(KINDS[obj.model.name])
        if work.wait_apply:
            await work.machine.wait_until(ends_at)
        work.acted()
        obj.values |= status(work, obj.model.name)

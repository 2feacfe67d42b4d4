"""HAProxy: any change marks its configuration as not applied (contract §8, §13)."""

from __future__ import annotations

from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.schema import newest
from holdfast.simulators.pfsense.work import Obj, Work


@behaves(*(name for name in newest().models if name.startswith("HAProxy") and name != "HAProxyApply"))
class HaProxy(Behaviour):
    """Every model of the package."""

    def changed(self, work: Work, obj: Obj, verb: str) -> None:
        work.machine.store.dirty.add("haproxyconf")

"""The resolver and the forwarder (contract §13.8)."""

from __future__ import annotations

from holdfast.simulators.pfsense import syntax
from holdfast.simulators.pfsense.answers import conflict, invalid
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.schema import Field
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Obj, Work


@behaves("DNSResolverSettings")
class ResolverSettings(Behaviour):
    """Settings of Unbound."""

    def choices(self, work: Work, obj: Obj, field: Field) -> list[Value] | None:
        if field.name == "python_script":
            return []
        return list(field.choices) if field.choices else None

    def check(self, work: Work, obj: Obj) -> None:
        forwarder = work.tree.nodes.get("dnsmasq", {})
        if obj.values.get("enable") and forwarder.get("enable") and forwarder.get("port", "53") == obj.values["port"]:
            raise conflict("DNS_RESOLVER_PORT_IN_USE_BY_DNS_FORWARDER", "The DNS forwarder uses this port.")


@behaves("DNSResolverAccessListNetwork")
class AccessListNetwork(Behaviour):
    """Networks of an access list: the mask fits the address."""

    def check(self, work: Work, obj: Obj) -> None:
        if syntax.is_ipv4(str(obj.values["network"])) and int(obj.values["mask"]) > 32:
            raise invalid(
                "DNS_RESOLVER_ACCESS_LIST_NETWORK_MASK_EXCEEDS_IPV4_MAXIMUM",
                "Field `mask` must be 32 or less for an IPv4 `network`.",
            )

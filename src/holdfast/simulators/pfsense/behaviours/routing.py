"""Gateways, their live state, groups and static routes (contract §13.6)."""

from __future__ import annotations

import math

from holdfast.simulators.pfsense import syntax
from holdfast.simulators.pfsense.answers import conflict, invalid
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Obj, Work


@behaves("RoutingGateway")
class Gateway(Behaviour):
    """Gateways; in use by a route, rule or group they stay."""

    def check(self, work: Work, obj: Obj) -> None:
        values = obj.values
        address, family = str(values["gateway"]), values["ipprotocol"]
        if address != "dynamic" and syntax.is_ipv6(address) != (family == "inet6"):
            raise invalid(
                "ROUTING_GATEWAY_ADDRESS_MISMATCH", f"Field `gateway` must be an address of protocol `{family}`."
            )
        for low, high in (("latencylow", "latencyhigh"), ("losslow", "losshigh")):
            if values[low] >= values[high]:
                raise invalid(
                    f"ROUTING_GATEWAY_{low.upper()}_EXCEEDS_{high.upper()}",
                    f"Field `{low}` must be less than `{high}`.",
                )
        if values["time_period"] < 2 * values["interval"] + values["loss_interval"]:
            raise invalid(
                "ROUTING_GATEWAY_TIME_PERIOD_TOO_SHORT",
                "Field `time_period` must be at least twice the `interval` plus the `loss_interval`.",
            )

    def check_delete(self, work: Work, obj: Obj) -> None:
        for group in work.tree.rows(work.schema.models["RoutingGatewayGroup"]).values():
            if any(entry.get("gateway") == obj.values["name"] for entry in group.get("priorities") or []):
                raise conflict(
                    "ROUTING_GATEWAY_CANNOT_BE_DELETED_WHILE_IN_USE",
                    f"Gateway cannot be deleted because it is in use by gateway group `{group['name']}`.",
                )

    async def delete(self, work: Work, obj: Obj) -> bool:
        model = work.schema.models["DefaultGateway"]
        defaults = work.tree.one(model)
        kept = {key: "" if value == obj.values["name"] else value for key, value in defaults.items()}
        work.tree.put_one(model, kept)
        return False


@behaves("RoutingGatewayGroup")
class GatewayGroup(Behaviour):
    """Gateway groups; the protocol is that of their gateways."""

    def expand(self, work: Work, obj: Obj, stored: Stored) -> None:
        obj.values["ipprotocol"] = self._protocol(work, stored.get("priorities") or [])

    @staticmethod
    def _protocol(work: Work, priorities: list[Value]) -> str:
        gateways = {row["name"]: row for row in work.tree.rows(work.schema.models["RoutingGateway"]).values()}
        for entry in priorities:
            if entry.get("gateway") in gateways:
                return str(gateways[entry["gateway"]]["ipprotocol"])
        return "unknown"

    def check(self, work: Work, obj: Obj) -> None:
        obj.values["ipprotocol"] = self._protocol(work, obj.values.get("priorities") or [])


@behaves("RoutingGatewayStatus")
class GatewayStatus(Behaviour):
    """What the monitors measure: delay and deviation in ms, loss in percent."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        live = work.machine.jobs.live["rt"]
        interfaces = work.tree.rows(work.schema.models["NetworkInterface"])
        rows: list[Stored] = []
        for number, gateway in enumerate(live.rows(work.schema.models["RoutingGateway"]).values()):
            if not gateway.get("disabled"):
                source = interfaces.get(str(gateway.get("interface")), {}).get("ipaddr")
                rows.append(self._measure(work, gateway, str(source or ""), number))
        return dict(enumerate(rows))

    @staticmethod
    def _measure(work: Work, gateway: Stored, source: str, number: int) -> Stored:
        name = str(gateway["name"])
        delay = round(0.4 + 4.4 / (number + 1) + 0.3 * math.sin(work.now / 30 + number), 3)
        loss, status, substatus = 0.0, "online", "none"
        fault = work.machine.faults.look("gateway-trouble")
        if fault is not None and fault.text("gateway", name) == name:
            loss, delay = fault.number("loss", 100.0), fault.number("delay", delay)
            low, high = gateway.get("losslow", 10), gateway.get("losshigh", 20)
            if loss >= 100:
                status, substatus, delay = "down", "highloss", 0.0
            elif loss >= high:
                status, substatus = "down", "highloss"
            elif loss >= low:
                substatus = "loss"
            if status == "online" and delay >= gateway.get("latencyhigh", 500):
                status, substatus = "down", "highdelay"
            elif status == "online" and delay >= gateway.get("latencylow", 200):
                substatus = "delay"
        if gateway.get("force_down"):
            status, substatus = "down", "force_down"
        return {
            "name": name,
            "srcip": source,
            "monitorip": gateway.get("monitor") or gateway.get("gateway"),
            "delay": delay,
            "stddev": round(delay / 12, 3),
            "loss": loss,
            "status": status,
            "substatus": substatus,
        }


@behaves("StaticRoute")
class StaticRoute(Behaviour):
    """Static routes."""

    def check(self, work: Work, obj: Obj) -> None:
        network = str(obj.values["network"])
        gateways = work.tree.rows(work.schema.models["RoutingGateway"]).values()
        gateway = next((row for row in gateways if row["name"] == obj.values["gateway"]), None)
        if gateway is not None and syntax.is_subnet(network):
            family = "inet6" if syntax.is_subnet_of(network, 6) else "inet"
            if gateway["ipprotocol"] != family:
                raise invalid(
                    "STATIC_ROUTE_GATEWAY_IP_PROTOCOL_MISMATCH",
                    "Field `gateway` must be of the same IP protocol as `network`.",
                )
        for row in work.tree.rows(work.schema.models["NetworkInterface"]).values():
            local = row.get("ipaddr")
            if syntax.is_ipv4(str(local)) and syntax.network_of(str(local), row["subnet"]) == network:
                raise conflict(
                    "STATIC_ROUTE_NETWORK_IN_USE_BY_INTERFACE", f"Network `{network}` is that of an interface."
                )

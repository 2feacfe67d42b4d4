"""Port forwards, outbound and 1:1 NAT (contract §13.4)."""

from __future__ import annotations

from holdfast.simulators.pfsense import syntax
from holdfast.simulators.pfsense.answers import invalid
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.behaviours.firewall import stamp_changed
from holdfast.simulators.pfsense.config import Stored
from holdfast.simulators.pfsense.schema import Field
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Obj, Work


@behaves("PortForward")
class PortForward(Behaviour):
    """Port forwards with the rule that lets their traffic through."""

    def prepare(self, work: Work, obj: Obj) -> None:
        now, by = int(work.now), f"@{work.client.address} (API)"
        obj.values |= {"created_time": now, "created_by": by, "updated_time": now, "updated_by": by}

    def saving(self, work: Work, obj: Obj, stored: Stored, verb: str) -> Stored:
        if verb == "update":
            changed = stamp_changed(work, stored)
            obj.values |= {key: changed[key] for key in ("updated_time", "updated_by")}
            stored = changed
        if obj.values.get("associated_rule_id") == "new":
            link = f"nat_{work.machine.unique_id()}.{work.machine.random.randrange(10**8):08d}"
            obj.values["associated_rule_id"] = stored["associated_rule_id"] = link
            self._add_rule(work, obj, stored, link)
        return stored

    @staticmethod
    def _add_rule(work: Work, obj: Obj, stored: Stored, link: str) -> None:
        now, by = int(work.now), f"@{work.client.address} (API)"
        values = obj.values
        protocol = None if values["protocol"] == "any" else values["protocol"]
        rule: Stored = {
            "type": "pass",
            "interface": [stored["interface"]],
            "ipprotocol": values.get("ipprotocol") or "inet",
            "source": values["source"],
            "destination": values["target"],
            "descr": f"Associated rule for port forward rule {link}",
            "statetype": "keep state",
            "associated_rule_id": link,
            "tracker": now,
            "created_time": now,
            "created_by": by,
            "updated_time": now,
            "updated_by": by,
        }
        optional = {
            "protocol": protocol,
            "source_port": values.get("source_port"),
            "destination_port": values.get("local_port"),
        }
        rule |= {key: value for key, value in optional.items() if value is not None}
        model = work.schema.models["FirewallRule"]
        work.tree.put(model, len(work.tree.rows(model)), rule)

    async def delete(self, work: Work, obj: Obj) -> bool:
        link = obj.values.get("associated_rule_id")
        model = work.schema.models["FirewallRule"]
        if link and link != "pass":
            rows = [row for row in work.tree.rows(model).values() if row.get("associated_rule_id") != link]
            work.tree.replace(model, rows)
        return False


@behaves("OutboundNATMapping")
class OutboundMapping(Behaviour):
    """Outbound mappings; `target_subnet` defaults to 128, which an IPv4 target refuses (contract §13.4)."""

    def check(self, work: Work, obj: Obj) -> None:
        target, bits = obj.values.get("target"), obj.values.get("target_subnet")
        if target and bits is not None and bits > 32 and not syntax.is_ipv6(str(target)) and self._is_v4(work, target):
            raise invalid(
                "OUTBOUND_NAT_MAPPING_TARGET_SUBNET_EXCEEDS_IPV4_MAXIMUM",
                "Field `target_subnet` must be 32 or less when `target` is an IPv4 address.",
            )

    @staticmethod
    def _is_v4(work: Work, target: Value) -> bool:
        return syntax.is_ipv4(str(target)) or syntax.is_subnet_of(str(target), 4)

    def default(self, work: Work, obj: Obj, field: Field) -> Value:
        if field.name == "source_hash_key":
            return f"0x{work.machine.random.getrandbits(128):032x}"
        return None

"""Derive facts of the Redfish standard from an index of the DMTF's schemas: addresses, writable properties, actions.

`python -m tests.appliances.idrac.extract_redfish INDEX` writes `redfish_facts.json` anew. The index is
`data/redfish_index.json.gz` of the package mirastack-redfish-mcp 0.1.2, which was made from DMTF DSP8010 (2026.1). Only
types that iDRACs have are kept, and of each only names, kinds and values: what a request may hold.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

FACTS = Path(__file__).with_name("redfish_facts.json")
TYPES = frozenset(
    {
        "AccountService",
        "Bios",
        "BootOption",
        "Certificate",
        "CertificateLocations",
        "CertificateService",
        "Chassis",
        "ComputerSystem",
        "Drive",
        "EnvironmentMetrics",
        "EthernetInterface",
        "Event",
        "EventDestination",
        "EventService",
        "Fan",
        "Job",
        "JobService",
        "License",
        "LicenseService",
        "LogEntry",
        "LogService",
        "Manager",
        "ManagerAccount",
        "ManagerNetworkProtocol",
        "Memory",
        "MessageRegistryFile",
        "MetricReport",
        "MetricReportDefinition",
        "NetworkAdapter",
        "NetworkDeviceFunction",
        "NetworkInterface",
        "NetworkPort",
        "PCIeDevice",
        "PCIeFunction",
        "Port",
        "Power",
        "PowerSubsystem",
        "PowerSupply",
        "PowerSupplyMetrics",
        "Processor",
        "ProcessorMetrics",
        "Role",
        "SecureBoot",
        "Sensor",
        "ServiceRoot",
        "Session",
        "SessionService",
        "SoftwareInventory",
        "Storage",
        "StorageController",
        "Task",
        "TaskService",
        "TelemetryService",
        "Thermal",
        "ThermalMetrics",
        "ThermalSubsystem",
        "UpdateService",
        "VirtualMedia",
        "Volume",
    }
)
_ELSEWHERE = re.compile(
    r"ResourceBlock|CompositionService|/Fabrics/|/Facilities/|/PowerEquipment/|/NodeManagers/"
    r"|StorageServices|StoragePools|ConsistencyGroups|FileSystems|CapacitySources|/v1/Storage/|RemoteAccountService|HostedServices"
)


def _kind(known: dict[str, Any], enums: dict[str, Any]) -> str:
    """`string|null`, or `string: On|Off` where only these values are allowed."""
    types = known.get("type", "any")
    text = "|".join(types) if isinstance(types, list) else str(types)
    values = enums.get(str(known.get("enum_ref")), {}).get("values")
    return f"{text}: {'|'.join(values)}" if values else text


def facts(index: dict[str, Any]) -> dict[str, Any]:
    """The facts of the types and of their collections."""
    every, enums = index["resource_types"], index["enums"]
    found: dict[str, Any] = {}
    for name in sorted(TYPES):
        for one in (name, f"{name}Collection"):
            if one not in every:
                continue
            known = every[one]
            actions = {
                action.lstrip("#"): {
                    parameter: ("*" if facts.get("required_parameter") else "") + _kind(facts, enums)
                    for parameter, facts in sorted(declared["parameters"].items())
                }
                for action, declared in sorted(known.get("actions", {}).items())
            }
            properties = known.get("properties", {})
            found[one] = {
                "uris": [uri for uri in known["uris"] if not _ELSEWHERE.search(uri)],
                "methods": [
                    method
                    for method, allowed in (("POST", "insertable"), ("PATCH", "updatable"), ("DELETE", "deletable"))
                    if known.get(allowed)
                ],
                "readonly": sorted(name for name, facts in properties.items() if facts.get("readonly")),
                "properties": {
                    name: _kind(facts, enums) for name, facts in sorted(properties.items()) if not facts.get("readonly")
                },
                "actions": actions,
            }
    return found


def base_messages(index: dict[str, Any]) -> dict[str, list[int]]:
    """Ids of the Base registry in all its versions, with the numbers of arguments that they take."""
    found: dict[str, set[int]] = {}
    for version in index["registries"]["Base"].values():
        for message_id, message in version["messages"].items():
            found.setdefault(message_id, set()).add(message["NumberOfArgs"])
    return {message_id: sorted(numbers) for message_id, numbers in sorted(found.items())}


def main(path: str) -> None:
    """Write the facts anew."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        index = json.load(file)
    lines = [f"  {json.dumps(name)}: {json.dumps(known)}" for name, known in facts(index).items()]
    source = json.dumps(f"DMTF DSP8010 {index['source']['corpus_ref']}, by mirastack-redfish-mcp 0.1.2")
    base = json.dumps(base_messages(index))
    text = f'{{\n "source": {source},\n "base": {base},\n "types": {{\n' + ",\n".join(lines) + "\n }\n}\n"
    FACTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

"""The host's network: interfaces, adapters, ports, functions, with the MACs of the world (contract §12.1, §12.15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import missing_resource, success
from holdfast.simulators.idrac.hardware import NicPort
from holdfast.simulators.idrac.persona import CHS, SYS, Persona
from holdfast.simulators.idrac.trees.common import action, collection, pick, resource, status
from holdfast.simulators.idrac.wire import Call, Json, Reply, link, links
from holdfast.simulators.idrac.work import ON_RESET, read_apply_time

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_ADAPTERS = f"{CHS}/NetworkAdapters"
_INTERFACES = f"{SYS}/NetworkInterfaces"
_ETHERNET = f"{SYS}/EthernetInterfaces"
_SWITCHES = f"{SYS}/NetworkPorts/Oem/Dell/DellSwitchConnections"


def _adapter_ids(bmc: Bmc) -> list[str]:
    return sorted({port.adapter for port in bmc.hw.nics})


def _adapter_id(bmc: Bmc, call: Call) -> str:
    if call.args[0] not in _adapter_ids(bmc):
        raise missing_resource(call.path)
    return call.args[0]


def _ports_name(persona: Persona) -> str:
    return "Ports" if persona.generation >= 10 else "NetworkPorts"


def port_id(port: NicPort) -> str:
    """The port of a function: "NIC.Integrated.1-1"."""
    return port.fqdd.rsplit("-", 1)[0]


def _up(bmc: Bmc, port: NicPort) -> bool:
    return bmc.health.of(port.fqdd) == "OK" and port.number == 1


def _ethernet_list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _ETHERNET, "EthernetInterface", [f"{_ETHERNET}/{port.fqdd}" for port in bmc.hw.nics])


def _ethernet(bmc: Bmc, call: Call) -> Reply:
    port = pick(bmc.hw.nics, lambda item: item.fqdd, call.args[0], call.path)
    content = resource(bmc, f"{_ETHERNET}/{port.fqdd}", "EthernetInterface", "System Ethernet Interface")
    up = _up(bmc, port)
    content |= {
        "Description": f"Integrated NIC 1 Port {port.number} Partition 1",
        "AutoNeg": True,
        "FullDuplex": up,
        "IPv4Addresses": [],
        "IPv6Addresses": [],
        "MACAddress": port.mac.upper(),
        "PermanentMACAddress": port.mac.upper(),
        "SpeedMbps": 1000 if up else 0,
        "LinkStatus": "LinkUp" if up else "LinkDown",
        "Status": status(bmc.health.of(port.fqdd)),
        "UefiDevicePath": f"PciRoot(0x3)/Pci(0x2,0x0)/Pci(0x0,0x{port.number - 1})",
        "Links": {"Chassis": link(CHS)},
    }
    if bmc.persona.generation < 9:
        content.pop("LinkStatus")
    return Reply(200, content)


def _interface_list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _INTERFACES, "NetworkInterface", [f"{_INTERFACES}/{name}" for name in _adapter_ids(bmc)])


def _interface(bmc: Bmc, call: Call) -> Reply:
    name = _adapter_id(bmc, call)
    content = resource(bmc, f"{_INTERFACES}/{name}", "NetworkInterface", "Network Device View")
    base = f"{_ADAPTERS}/{name}"
    content |= {
        "NetworkDeviceFunctions": link(f"{base}/NetworkDeviceFunctions"),
        _ports_name(bmc.persona): link(f"{base}/{_ports_name(bmc.persona)}"),
        "Status": status(),
        "Links": {"NetworkAdapter": link(base)},
    }
    return Reply(200, content)


def _adapter_list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _ADAPTERS, "NetworkAdapter", [f"{_ADAPTERS}/{name}" for name in _adapter_ids(bmc)])


def _adapter(bmc: Bmc, call: Call) -> Reply:
    name = _adapter_id(bmc, call)
    base = f"{_ADAPTERS}/{name}"
    functions = [f"{base}/NetworkDeviceFunctions/{port.fqdd}" for port in bmc.hw.nics]
    ports = [f"{base}/{_ports_name(bmc.persona)}/{port_id(port)}" for port in bmc.hw.nics]
    content = resource(bmc, base, "NetworkAdapter", "Network Adapter View")
    content |= {
        "Manufacturer": "Broadcom Inc. and subsidiaries",
        "Model": "Broadcom Gigabit Ethernet BCM5720",
        "PartNumber": "0TVM1V",
        "SerialNumber": f"CNFCP00{bmc.server.service_tag[:5]}NC",
        "NetworkDeviceFunctions": link(f"{base}/NetworkDeviceFunctions"),
        _ports_name(bmc.persona): link(f"{base}/{_ports_name(bmc.persona)}"),
        "Controllers": [
            {
                "ControllerCapabilities": {
                    "NetworkDeviceFunctionCount": len(functions),
                    "NetworkPortCount": len(ports),
                },
                "FirmwarePackageVersion": bmc.firmware.version_of(bmc.hw.nics[0].fqdd),
                "Links": {
                    "NetworkDeviceFunctions": links(functions),
                    "NetworkPorts": links(ports) if bmc.persona.generation < 10 else [],
                    "Ports": links(ports) if bmc.persona.generation >= 10 else [],
                    "PCIeDevices": [link(f"{CHS}/PCIeDevices/3-0")],
                },
            }
        ],
        "Status": status(),
    }
    return Reply(200, content)


def _port_list(bmc: Bmc, call: Call) -> Reply:
    base = f"{_ADAPTERS}/{_adapter_id(bmc, call)}/{_ports_name(bmc.persona)}"
    schema = "Port" if bmc.persona.generation >= 10 else "NetworkPort"
    return collection(bmc, base, schema, [f"{base}/{port_id(port)}" for port in bmc.hw.nics])


def _port(bmc: Bmc, call: Call) -> Reply:
    adapter = _adapter_id(bmc, call)
    port = pick(bmc.hw.nics, port_id, call.args[1], call.path)
    up = _up(bmc, port)
    base = f"{_ADAPTERS}/{adapter}/{_ports_name(bmc.persona)}/{port_id(port)}"
    common: Json = {"Status": status(bmc.health.of(port.fqdd))}
    if bmc.persona.generation >= 10:
        content = resource(bmc, base, "Port", "Network Port View")
        content |= {
            "CurrentSpeedGbps": 1 if up else 0,
            "Ethernet": {"AssociatedMACAddresses": [port.mac.upper()]},
            "LinkNetworkTechnology": "Ethernet",
            "LinkStatus": "LinkUp" if up else "LinkDown",
            "PortId": str(port.number),
            **common,
        }
        return Reply(200, content)
    content = resource(bmc, base, "NetworkPort", "Network Port View")
    content |= {
        "ActiveLinkTechnology": "Ethernet",
        "AssociatedNetworkAddresses": [port.mac.upper()],
        "CurrentLinkSpeedMbps": 1000 if up else 0,
        "LinkStatus": "Up" if up else "Down",
        "PhysicalPortNumber": str(port.number),
        "SupportedLinkCapabilities": [{"AutoSpeedNegotiation": True, "LinkNetworkTechnology": "Ethernet"}],
        "VendorId": "14e4",
        **common,
    }
    return Reply(200, content)


def _function_list(bmc: Bmc, call: Call) -> Reply:
    base = f"{_ADAPTERS}/{_adapter_id(bmc, call)}/NetworkDeviceFunctions"
    return collection(bmc, base, "NetworkDeviceFunction", [f"{base}/{port.fqdd}" for port in bmc.hw.nics])


def _function(bmc: Bmc, call: Call) -> Reply:
    adapter = _adapter_id(bmc, call)
    port = pick(bmc.hw.nics, lambda item: item.fqdd, call.args[1], call.path)
    base = f"{_ADAPTERS}/{adapter}/NetworkDeviceFunctions/{port.fqdd}"
    content = resource(bmc, base, "NetworkDeviceFunction", "Network Device Function View")
    ports = f"{_ADAPTERS}/{adapter}/{_ports_name(bmc.persona)}/{port_id(port)}"
    content |= {
        "AssignablePhysicalPorts": [link(ports)],
        "Ethernet": {
            "MACAddress": bmc.nic_settings.get(port.fqdd, {}).get("MACAddress", port.mac.upper()),
            "MTUSize": None,
            "PermanentMACAddress": port.mac.upper(),
            "VLAN": {"VLANEnable": False, "VLANId": None},
        },
        "MaxVirtualFunctions": 0,
        "NetDevFuncCapabilities": ["Ethernet", "iSCSI"],
        "NetDevFuncType": "Ethernet",
        "PhysicalPortAssignment": link(ports),
        "Status": status(bmc.health.of(port.fqdd)),
        "iSCSIBoot": {
            "InitiatorName": bmc.nic_settings.get(port.fqdd, {}).get("InitiatorName", ""),
            "PrimaryTargetName": "",
            "AuthenticationMethod": "None",
        },
        "Links": {"PCIeFunction": link(f"{CHS}/PCIeDevices/3-0/PCIeFunctions/3-0-0")},
    }
    if bmc.persona.generation >= 9:
        content["@Redfish.Settings"] = {
            "@odata.type": "#Settings.v1_3_5.Settings",
            "SettingsObject": link(f"{base}/Settings"),
            "SupportedApplyTimes": ["Immediate", "OnReset", "AtMaintenanceWindowStart", "InMaintenanceWindowOnReset"],
        }
    return Reply(200, content)


def _settings(bmc: Bmc, call: Call) -> Reply:
    port = pick(bmc.hw.nics, lambda item: item.fqdd, call.args[1], call.path)
    pending = bmc.nic_pending.get(port.fqdd, {})
    content = resource(bmc, call.path, "NetworkDeviceFunction", "Network Device Function Pending Settings")
    content |= {
        "Ethernet": {"MACAddress": pending.get("MACAddress")},
        "iSCSIBoot": {"InitiatorName": pending.get("InitiatorName")},
        "Actions": {
            "Oem": {
                "#DellManager.ClearPending": action(f"{call.path}/Actions/Oem/DellManager.ClearPending"),
            }
        },
    }
    return Reply(200, content)


def _patch_settings(bmc: Bmc, call: Call) -> Reply:
    port = pick(bmc.hw.nics, lambda item: item.fqdd, call.args[1], call.path)
    body.closed(call.body, {"Ethernet", "iSCSIBoot", "FibreChannel", "@Redfish.SettingsApplyTime"})
    allowed = ("Immediate", "OnReset", "AtMaintenanceWindowStart", "InMaintenanceWindowOnReset")
    ethernet, iscsi = body.obj(call.body, "Ethernet", default={}), body.obj(call.body, "iSCSIBoot", default={})
    body.closed(ethernet, {"MACAddress"})
    body.closed(iscsi, {"InitiatorName"})
    pending = bmc.nic_pending.setdefault(port.fqdd, {})
    for source, name in ((ethernet, "MACAddress"), (iscsi, "InitiatorName")):
        if name in source:
            pending[name] = body.text(source, name)
    when = call.body.get("@Redfish.SettingsApplyTime", {"ApplyTime": ON_RESET})

    def apply() -> None:
        bmc.nic_settings.setdefault(port.fqdd, {}).update(bmc.nic_pending.pop(port.fqdd, {}))

    def forget() -> None:
        bmc.nic_pending.pop(port.fqdd, None)

    job = bmc.work.stage(
        f"Configure: {port.fqdd}",
        "NICConfiguration",
        port.fqdd,
        call.path,
        bmc.jobs.pace.bios_s,
        apply,
        when=read_apply_time(bmc, when, allowed),
        on_delete=forget,
    )
    return Reply(202, None, bmc.jobs.location(job))


def _clear_pending(bmc: Bmc, call: Call) -> Reply:
    port = pick(bmc.hw.nics, lambda item: item.fqdd, call.args[1], call.path)
    if bmc.jobs.busy_device(port.fqdd):
        raise body.invalid("Settings", port.fqdd)
    bmc.nic_pending.pop(port.fqdd, None)
    return success(bmc.persona)


def _switch_list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _SWITCHES, "DellSwitchConnection", [f"{_SWITCHES}/{port.fqdd}" for port in bmc.hw.nics])


def _switch(bmc: Bmc, call: Call) -> Reply:
    port = pick(bmc.hw.nics, lambda item: item.fqdd, call.args[0], call.path)
    up = _up(bmc, port)
    content = resource(bmc, f"{_SWITCHES}/{port.fqdd}", "DellSwitchConnection", "DellSwitchConnection")
    content |= {
        "FQDD": port.fqdd,
        "InstanceID": port.fqdd,
        "StaleData": "NotStale" if up else "Stale",
        "SwitchConnectionID": "f4:ee:31:0a:00:01" if up else "No Link",
        "SwitchPortConnectionID": f"ethernet1/1/{10 + port.number}" if up else "No Link",
    }
    return Reply(200, content)


def mount(routes: Routes, persona: Persona) -> None:
    """Add the host's network resources."""
    routes.get(_ETHERNET, _ethernet_list)
    routes.get(f"{_ETHERNET}/*", _ethernet)
    routes.get(_INTERFACES, _interface_list)
    routes.get(f"{_INTERFACES}/*", _interface)
    routes.get(_ADAPTERS, _adapter_list)
    routes.get(f"{_ADAPTERS}/*", _adapter)
    ports = _ports_name(persona)
    routes.get(f"{_ADAPTERS}/*/{ports}", _port_list)
    routes.get(f"{_ADAPTERS}/*/{ports}/*", _port)
    functions = f"{_ADAPTERS}/*/NetworkDeviceFunctions"
    routes.get(functions, _function_list)
    routes.get(f"{functions}/*", _function)
    if persona.generation >= 9:
        routes.get(f"{functions}/*/Settings", _settings)
        routes.add("PATCH", f"{functions}/*/Settings", _patch_settings, privilege="ConfigureComponents")
        routes.add("POST", f"{functions}/*/Settings/Actions/Oem/DellManager.ClearPending", _clear_pending)
        routes.get(_SWITCHES, _switch_list)
        routes.get(f"{_SWITCHES}/*", _switch)

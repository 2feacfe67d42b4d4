"""The iDRAC's own network, protocols, serial lines (contract §12.15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import missing_resource, success
from holdfast.simulators.idrac.persona import MGR, Persona
from holdfast.simulators.idrac.trees.common import action, collection, resource, status
from holdfast.simulators.idrac.wire import Call, Json, Reply, link

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_ETHERNET = f"{MGR}/EthernetInterfaces"
_PROTOCOL = f"{MGR}/NetworkProtocol"
_SERIAL = f"{MGR}/SerialInterfaces"


def nic_id(persona: Persona) -> str:
    """The id of the iDRAC's own port."""
    return "NIC.1" if persona.generation >= 9 else "iDRAC.Embedded.1%23NIC.1"


def _list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _ETHERNET, "EthernetInterface", [f"{_ETHERNET}/{nic_id(bmc.persona)}"])


def _text(bmc: Bmc, name: str) -> str:
    return str(bmc.attributes.get(name))


def _one(bmc: Bmc, call: Call) -> Reply:
    wanted = nic_id(bmc.persona)
    if call.args[0] not in (wanted, wanted.replace("%23", "#")):
        raise missing_resource(call.path)
    content = resource(bmc, f"{_ETHERNET}/{wanted}", "EthernetInterface", "Manager Ethernet Interface")
    name, domain = _text(bmc, "NIC.1.DNSRacName"), _text(bmc, "NIC.1.DNSDomainName")
    dhcp = _text(bmc, "IPv4.1.DHCPEnable") == "Enabled"
    content |= {
        "Id": wanted.replace("%23", "#"),
        "AutoNeg": True,
        "FQDN": f"{name}.{domain}" if domain else name,
        "FullDuplex": True,
        "HostName": name,
        "IPv4Addresses": [
            {
                "Address": _text(bmc, "IPv4.1.Address"),
                "AddressOrigin": "DHCP" if dhcp else "Static",
                "Gateway": _text(bmc, "IPv4.1.Gateway"),
                "SubnetMask": _text(bmc, "IPv4.1.Netmask"),
            }
        ],
        "IPv4Addresses@odata.count": 1,
        "IPv6Addresses": [],
        "IPv6Addresses@odata.count": 0,
        "InterfaceEnabled": _text(bmc, "NIC.1.Enable") == "Enabled",
        "MACAddress": bmc.server.bmc_mac,
        "MTUSize": bmc.attributes.get("NIC.1.MTU"),
        "NameServers": [_text(bmc, "IPv4.1.DNS1"), _text(bmc, "IPv4.1.DNS2")],
        "NameServers@odata.count": 2,
        "PermanentMACAddress": bmc.server.bmc_mac,
        "SpeedMbps": int(_text(bmc, "NIC.1.Speed")),
        "Status": status(),
        "VLAN": {
            "VLANEnable": _text(bmc, "NIC.1.VLanEnable") == "Enabled",
            "VLANId": bmc.attributes.get("NIC.1.VLanID"),
        },
    }
    if bmc.persona.generation >= 9:
        content |= {
            "DHCPv4": {"DHCPEnabled": dhcp, "UseDNSServers": False, "UseDomainName": False},
            "LinkStatus": "LinkUp",
            "StaticNameServers": [_text(bmc, "IPv4.1.DNS1")],
        }
    return Reply(200, content)


def _patch(bmc: Bmc, call: Call) -> Reply:
    body.closed(
        call.body,
        {"HostName", "IPv4Addresses", "IPv4StaticAddresses", "DHCPv4", "VLAN", "StaticNameServers", "MTUSize"}
        | {"InterfaceEnabled", "AutoNeg", "SpeedMbps", "FQDN"},
    )
    changes: dict[str, str | int] = {}
    if "HostName" in call.body:
        changes["NIC.1.DNSRacName"] = body.text(call.body, "HostName")
    if "DHCPv4" in call.body:
        on = body.boolean(body.obj(call.body, "DHCPv4"), "DHCPEnabled")
        changes["IPv4.1.DHCPEnable"] = "Enabled" if on else "Disabled"
    if "MTUSize" in call.body:
        changes["NIC.1.MTU"] = body.integer(call.body, "MTUSize", low=576, high=1500)
    for key in ("IPv4Addresses", "IPv4StaticAddresses"):
        for entry in body.array(call.body, key, default=[])[:1]:
            changes |= _addresses(entry)
    if "VLAN" in call.body:
        vlan = body.obj(call.body, "VLAN")
        if "VLANEnable" in vlan:
            changes["NIC.1.VLanEnable"] = "Enabled" if body.boolean(vlan, "VLANEnable") else "Disabled"
        if "VLANId" in vlan:
            changes["NIC.1.VLanID"] = body.integer(vlan, "VLANId", low=1, high=4094)
    for index, server in enumerate(body.texts(call.body, "StaticNameServers", default=[])[:2], start=1):
        changes[f"IPv4.1.DNS{index}"] = server
    for name, value in changes.items():
        bmc.attributes.set(name, value)
    return success(bmc.persona)


def _addresses(entry: object) -> dict[str, str | int]:
    if not isinstance(entry, dict):
        raise body.wrong_type("IPv4Addresses", entry)
    body.closed(entry, {"Address", "SubnetMask", "Gateway", "AddressOrigin"})
    found: dict[str, str | int] = {}
    for source, target in (("Address", "Address"), ("SubnetMask", "Netmask"), ("Gateway", "Gateway")):
        if source in entry:
            text = body.text(entry, source)
            octets = text.split(".")
            if len(octets) != 4 or not all(octet.isdigit() and int(octet) < 256 for octet in octets):
                raise body.invalid(source, text)
            found[f"IPv4.1.{target}"] = text
    return found


_PROTOCOLS: dict[str, tuple[str, str]] = {
    "HTTP": ("WebServer.1.Enable", "WebServer.1.HttpPort"),
    "HTTPS": ("WebServer.1.Enable", "WebServer.1.HttpsPort"),
    "IPMI": ("IPMILan.1.Enable", ""),
    "KVMIP": ("VirtualConsole.1.Enable", "VirtualConsole.1.Port"),
    "SNMP": ("SNMP.1.AgentEnable", "SNMP.1.DiscoveryPort"),
    "SSH": ("SSH.1.Enable", "SSH.1.Port"),
    "Telnet": ("Telnet.1.Enable", "Telnet.1.Port"),
    "VirtualMedia": ("VirtualMedia.1.Enable", ""),
}
_FIXED_PORTS = {"IPMI": 623, "VirtualMedia": 5900}


def _ntp_servers(bmc: Bmc) -> list[str]:
    names = [_text(bmc, f"NTPConfigGroup.1.NTP{number}") for number in (1, 2, 3)]
    return [name for name in names if name]


def _protocol(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _PROTOCOL, "ManagerNetworkProtocol", "Manager Network Protocol")
    for name, (enable, port) in _PROTOCOLS.items():
        if name == "Telnet" and bmc.persona.generation >= 10:
            continue
        entry: Json = {"ProtocolEnabled": _text(bmc, enable) == "Enabled"}
        entry["Port"] = int(_text(bmc, port)) if port else _FIXED_PORTS[name]
        content[name] = entry
    servers = _ntp_servers(bmc)
    content |= {
        "FQDN": f"{_text(bmc, 'NIC.1.DNSRacName')}.{_text(bmc, 'NIC.1.DNSDomainName')}",
        "HostName": _text(bmc, "NIC.1.DNSRacName"),
        "NTP": {"ProtocolEnabled": _text(bmc, "NTPConfigGroup.1.NTPEnable") == "Enabled", "NTPServers": servers},
        "SSDP": {"ProtocolEnabled": False, "Port": 1900},
        "Status": status(),
    }
    if bmc.persona.certificate_service:
        https = content["HTTPS"]
        if isinstance(https, dict):
            https["Certificates"] = link(f"{_PROTOCOL}/HTTPS/Certificates")
    return Reply(200, content)


def _patch_protocol(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {*_PROTOCOLS, "NTP", "HostName"} - {"HTTP", "HTTPS"})
    changes: dict[str, str | int] = {}
    for name in call.body:
        if name not in _PROTOCOLS:
            continue
        entry = body.obj(call.body, name)
        body.closed(entry, {"ProtocolEnabled", "Port"})
        enable, port = _PROTOCOLS[name]
        if "ProtocolEnabled" in entry:
            changes[enable] = "Enabled" if body.boolean(entry, "ProtocolEnabled") else "Disabled"
        if "Port" in entry:
            if not port:
                raise body.read_only(f"{name}/Port")
            changes[port] = body.integer(entry, "Port", low=1, high=65_535)
    if "NTP" in call.body:
        ntp = body.obj(call.body, "NTP")
        body.closed(ntp, {"ProtocolEnabled", "NTPServers"})
        if "NTPServers" in ntp:
            merged = body.merged_array(_ntp_servers(bmc), body.array(ntp, "NTPServers"), "NTPServers")
            for index in range(3):
                changes[f"NTPConfigGroup.1.NTP{index + 1}"] = merged[index] if index < len(merged) else ""
        if "ProtocolEnabled" in ntp:
            changes["NTPConfigGroup.1.NTPEnable"] = "Enabled" if body.boolean(ntp, "ProtocolEnabled") else "Disabled"
    if "HostName" in call.body:
        changes["NIC.1.DNSRacName"] = body.text(call.body, "HostName")
    for name, value in changes.items():
        bmc.attributes.set(name, value)
    return success(bmc.persona)


def _serial_list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, _SERIAL, "SerialInterface", [f"{_SERIAL}/Serial.1"])


def _serial(bmc: Bmc, call: Call) -> Reply:
    if call.args[0] != "Serial.1":
        raise missing_resource(call.path)
    path = f"{_SERIAL}/Serial.1"
    content = resource(bmc, path, "SerialInterface", "Serial Interface")
    content |= {
        "BitRate": "115200",
        "DataBits": "8",
        "FlowControl": "None",
        "InterfaceEnabled": True,
        "Parity": "None",
        "SignalType": "Rs232",
        "StopBits": "1",
    }
    if bmc.persona.generation >= 9:
        base = f"{path}/Actions/Oem/DellSerialInterface"
        content["Actions"] = {
            "Oem": {
                "#DellSerialInterface.SerialDataExport": action(f"{base}.SerialDataExport"),
                "#DellSerialInterface.SerialDataClear": action(f"{base}.SerialDataClear"),
            }
        }
    return Reply(200, content)


def _serial_export(bmc: Bmc, call: Call) -> Reply:
    bmc.require_licence("Datacenter")
    return Reply(200, raw=bmc.serial_data.encode(), content_type="application/octet-stream")


def _serial_clear(bmc: Bmc, call: Call) -> Reply:
    bmc.require_licence("Datacenter")
    bmc.serial_data = ""
    return success(bmc.persona)


def mount(routes: Routes, persona: Persona) -> None:
    """Add the iDRAC's interfaces."""
    routes.get(_ETHERNET, _list)
    routes.get(f"{_ETHERNET}/*", _one)
    routes.add("PATCH", f"{_ETHERNET}/*", _patch)
    routes.get(_PROTOCOL, _protocol)
    routes.add("PATCH", _PROTOCOL, _patch_protocol)
    routes.get(_SERIAL, _serial_list)
    routes.get(f"{_SERIAL}/*", _serial)
    if persona.generation >= 9:
        base = f"{_SERIAL}/Serial.1/Actions/Oem/DellSerialInterface"
        routes.add("POST", f"{base}.SerialDataExport", _serial_export, locked=False)
        routes.add("POST", f"{base}.SerialDataClear", _serial_clear, locked=False)

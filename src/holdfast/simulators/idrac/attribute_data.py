"""The default values of the three attribute groups (contract §12.13): one table for all simulators."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Value = str | int | None

REPORTS = (
    "AggregationMetrics",
    "CPUMemMetrics",
    "CPURegisters",
    "CPUSensor",
    "FanSensor",
    "FCPortStatistics",
    "FCSensor",
    "FPGASensor",
    "GPUMetrics",
    "GPUStatistics",
    "MemorySensor",
    "NICSensor",
    "NICStatistics",
    "NVMeSMARTData",
    "PowerMetrics",
    "PowerStatistics",
    "PSUMetrics",
    "Sensor",
    "SerialLog",
    "StorageDiskSMARTData",
    "StorageSensor",
    "SystemUsage",
    "ThermalMetrics",
    "ThermalSensor",
)


def _numbered(group: str, count: int, values: Mapping[str, Value]) -> dict[str, Value]:
    return {f"{group}.{number}.{name}": value for number in range(1, count + 1) for name, value in values.items()}


def _idrac() -> dict[str, Value]:
    found: dict[str, Value] = {
        "Info.1.Product": "Integrated Dell Remote Access Controller",
        "Info.1.Description": "This system component provides a complete set of remote management functions.",
        "Info.1.Version": "",
        "Info.1.Build": "12",
        "Info.1.Name": "iDRAC",
        "Info.1.Type": "",
        "NIC.1.Enable": "Enabled",
        "NIC.1.MACAddress": "",
        "NIC.1.DNSRacName": "",
        "NIC.1.DNSDomainName": "",
        "NIC.1.DNSRegister": "Disabled",
        "NIC.1.Selection": "Dedicated",
        "NIC.1.Speed": "1000",
        "NIC.1.Autoneg": "Enabled",
        "NIC.1.Duplex": "Full",
        "NIC.1.MTU": 1500,
        "NIC.1.VLanEnable": "Disabled",
        "NIC.1.VLanID": 1,
        "NIC.1.VLanPriority": 0,
        "IPv4.1.Enable": "Enabled",
        "IPv4.1.DHCPEnable": "Disabled",
        "IPv4.1.Address": "",
        "IPv4.1.Netmask": "255.255.255.0",
        "IPv4.1.Gateway": "",
        "IPv4.1.DNSFromDHCP": "Disabled",
        "IPv4.1.DNS1": "",
        "IPv4.1.DNS2": "0.0.0.0",
        "IPv6.1.Enable": "Disabled",
        "IPv6.1.AutoConfig": "Enabled",
        "IPv6.1.Address1": "::",
        "IPv6.1.Gateway": "::",
        "WebServer.1.Enable": "Enabled",
        "WebServer.1.HttpPort": 80,
        "WebServer.1.HttpsPort": 443,
        "WebServer.1.HttpsRedirection": "Enabled",
        "WebServer.1.Timeout": 1800,
        "WebServer.1.MaxNumberOfSessions": 8,
        "WebServer.1.TLSProtocol": "TLS 1.2 and Higher",
        "WebServer.1.HostHeaderCheck": "Disabled",
        "WebServer.1.ManualDNSEntry": "",
        "WebServer.1.CustomCipherString": "",
        "SSH.1.Enable": "Enabled",
        "SSH.1.Port": 22,
        "SSH.1.Timeout": 1800,
        "SSH.1.MaxSessions": 5,
        "Telnet.1.Enable": "Disabled",
        "Telnet.1.Port": 23,
        "IPMILan.1.Enable": "Disabled",
        "IPMILan.1.AlertEnable": "Disabled",
        "IPMILan.1.PrivLimit": 4,
        "IPMILan.1.EncryptionKey": "0000000000000000000000000000000000000000",
        "IPMILan.1.CommunityName": "canary-ipmi-community",
        "IPMISerial.1.BaudRate": "57600",
        "Serial.1.Enable": "Enabled",
        "SNMP.1.AgentEnable": "Enabled",
        "SNMP.1.AgentCommunity": "canary-snmp-community",
        "SNMP.1.SNMPProtocol": "All",
        "SNMP.1.DiscoveryPort": 161,
        "SNMP.1.AlertPort": 162,
        "SNMP.1.TrapFormat": "SNMPv1",
        "VirtualConsole.1.Enable": "Enabled",
        "VirtualConsole.1.MaxSessions": 6,
        "VirtualConsole.1.PluginType": "eHTML5",
        "VirtualConsole.1.Port": 5900,
        "VirtualConsole.1.Timeout": 1800,
        "VirtualMedia.1.Enable": "Enabled",
        "VirtualMedia.1.Attached": "Autoattach",
        "VirtualMedia.1.BootOnce": "Disabled",
        "VNCServer.1.Enable": "Disabled",
        "VNCServer.1.Port": 5901,
        "VNCServer.1.Password": None,
        "NTPConfigGroup.1.NTPEnable": "Disabled",
        "NTPConfigGroup.1.NTP1": "",
        "NTPConfigGroup.1.NTP2": "",
        "NTPConfigGroup.1.NTP3": "",
        "NTPConfigGroup.1.NTPMaxDist": 16,
        "Time.1.Timezone": "CST6CDT",
        "Time.1.DayLightOffset": 0,
        "Time.1.TimeZoneOffset": -360,
        "IPBlocking.1.BlockEnable": "Enabled",
        "IPBlocking.1.FailCount": 3,
        "IPBlocking.1.FailWindow": 60,
        "IPBlocking.1.PenaltyTime": 60,
        "IPBlocking.1.RangeEnable": "Disabled",
        "Lockdown.1.SystemLockdown": "Disabled",
        "Security.1.PasswordMinimumLength": 8,
        "Security.1.PasswordRequireUpperCase": "Disabled",
        "Security.1.PasswordRequireNumbers": "Disabled",
        "Security.1.PasswordRequireSymbols": "Disabled",
        "Security.1.CsrCommonName": "",
        "LDAP.1.Enable": "Disabled",
        "LDAP.1.Server": "",
        "LDAP.1.BindDN": "cn=bind,dc=rack,dc=example",
        "LDAP.1.BindPassword": None,
        "LDAP.1.BaseDN": "",
        "LDAP.1.Port": 636,
        "ActiveDirectory.1.Enable": "Disabled",
        "ActiveDirectory.1.DomainController1": "",
        "UserDomain.1.Name": "",
        "RemoteHosts.1.SMTPServerIPAddress": "0.0.0.0",
        "RemoteHosts.1.SMTPPort": 25,
        "RemoteHosts.1.SMTPPassword": None,
        "SysLog.1.SysLogEnable": "Disabled",
        "SysLog.1.Server1": "",
        "SysLog.1.Port": 514,
        "SysLog.1.PowerLogEnable": "Disabled",
        "Redfish.1.Enable": "Enabled",
        "RedfishEventing.1.DeliveryRetryAttempts": 3,
        "RedfishEventing.1.DeliveryRetryIntervalInSeconds": 5,
        "RedfishEventing.1.IgnoreCertificateErrors": "Yes",
        "Telemetry.1.EnableTelemetry": "Disabled",
        "SupportAssist.1.SupportAssistEULAAcceptedByiDRACUser": "",
        "SupportAssist.1.HostOSProxyPassword": None,
        "OS-BMC.1.AdminState": "Disabled",
        "OS-BMC.1.UsbNicIpAddress": "169.254.1.1",
        "SecureDefaultPassword.1.ForceChangePassword": "False",
        "FWUpdateService.1.Enable": "Enabled",
        "AutoOSLockGroup.1.AutoOSLockState": "Enabled",
        "GroupManager.1.Status": "Disabled",
        "SCEP.1.Enable": "Disabled",
        "SecurityCertificate.1.Status": "Valid",
    }
    found |= _numbered("ADGroup", 5, {"Name": "", "Domain": "", "Privilege": 0})
    found |= _numbered("LDAPRoleGroup", 5, {"DN": "", "Privilege": 0})
    found |= _numbered("EmailAlert", 4, {"Address": "", "CustomMsg": "", "Enable": "Disabled"})
    found |= _numbered(
        "SNMPAlert", 8, {"Destination": "", "State": "Disabled", "SNMPv3Username": "", "AlertAckState": "No"}
    )
    found |= _numbered("RSyslog", 3, {"Server": "", "Port": 514})
    found |= _numbered("IPv6URL", 2, {"URL": ""})
    found |= _numbered("StaticRoute", 4, {"Address": "", "Netmask": "", "Gateway": ""})
    for report in REPORTS:
        found |= {
            f"Telemetry{report}.1.EnableTelemetry": "Disabled",
            f"Telemetry{report}.1.ReportInterval": 60,
            f"Telemetry{report}.1.DevicePollFrequency": 60,
            f"Telemetry{report}.1.ReportTriggers": "",
        }
    return found


def _system() -> dict[str, Value]:
    found: dict[str, Value] = {
        "ServerTopology.1.DataCenterName": "",
        "ServerTopology.1.RackName": "",
        "ServerTopology.1.RackSlot": 1,
        "ServerTopology.1.AisleName": "",
        "ServerTopology.1.RoomName": "",
        "ServerTopology.1.SizeOfManagedSystemInU": 1,
        "ServerOS.1.HostName": "",
        "ServerOS.1.OSName": "",
        "ServerOS.1.OSVersion": "",
        "ServerOS.1.ServerPoweredOnTime": 0,
        "ServerPwr.1.PowerCapSetting": "Disabled",
        "ServerPwr.1.PowerCapValue": 700,
        "ServerPwr.1.PowerCapMinThres": 250,
        "ServerPwr.1.PowerCapMaxThres": 1100,
        "ServerPwr.1.PSRedPolicy": "Not Redundant",
        "ServerPwr.1.PSRapidOn": "Disabled",
        "ServerPwr.1.ActivePowerCapVal": 32767,
        "ThermalSettings.1.ThermalProfile": "Default Thermal Profile Settings",
        "ThermalSettings.1.MinimumFanSpeed": 255,
        "ThermalSettings.1.FanSpeedOffset": "Off",
        "ThermalSettings.1.AirExhaustTemp": 255,
        "ThermalSettings.1.ThirdPartyPCIFanResponse": "Enabled",
        "LCD.1.Configuration": "Service Tag",
        "LCD.1.UserDefinedString": "",
        "LCD.1.vConsoleIndication": "Disabled",
        "LCD.1.FrontPanelLocking": "Full-Access",
        "QuickSync.1.Access": "Read-write",
        "SNMPTrapIPv4.1.DestIPv4Address": "0.0.0.0",
        "FrontPanelUSB.1.Enable": "Enabled",
        "Diagnostics.1.OSAppCollectionTime": 0,
    }
    for family in ("iDRAC", "System", "Storage", "Audit", "Updates", "Config"):
        found |= _numbered(f"EventFilters.{family}", 4, {"Alert": "Enabled", "Action": "None"})
    return found


def _lifecycle() -> dict[str, Value]:
    return {
        "LCAttributes.1.AutoUpdate": "Disabled",
        "LCAttributes.1.AutoBackup": "Disabled",
        "LCAttributes.1.CollectSystemInventoryOnRestart": "Enabled",
        "LCAttributes.1.LifecycleControllerState": "Enabled",
        "LCAttributes.1.PartFirmwareUpdate": "Allow version upgrade only",
        "LCAttributes.1.PartConfigurationUpdate": "Apply always",
        "LCAttributes.1.IgnoreCertWarning": "On",
        "LCAttributes.1.BIOSRTDRequested": "False",
        "LCAttributes.1.LCWipe": "Disabled",
        "LCAttributes.1.SystemID": "0A6B",
        "LCAttributes.1.UserProxyPassword": None,
        "LCAttributes.1.UserProxyPort": "80",
        "LCAttributes.1.UserProxyServer": "",
        "LCAttributes.1.VirtualAddressManagementApplication": "",
    }


IDRAC_DEFAULTS: Mapping[str, Value] = MappingProxyType(_idrac())
SYSTEM_DEFAULTS: Mapping[str, Value] = MappingProxyType(_system())
LIFECYCLE_DEFAULTS: Mapping[str, Value] = MappingProxyType(_lifecycle())

READ_ONLY = frozenset(
    name
    for name in (*IDRAC_DEFAULTS, *SYSTEM_DEFAULTS)
    if name.startswith(("Info.1.", "SecurityCertificate.1."))
    or name.endswith((".MACAddress", ".MaxNumberOfSessions", ".PowerCapMinThres", ".PowerCapMaxThres"))
    or name in ("ServerOS.1.ServerPoweredOnTime", "ServerPwr.1.ActivePowerCapVal", "SSH.1.MaxSessions")
)

SWITCHES = frozenset({"Enabled", "Disabled"})
DEPENDENCIES: Mapping[str, tuple[str, Value]] = MappingProxyType(
    {"ServerPwr.1.PowerCapValue": ("ServerPwr.1.PowerCapSetting", "Enabled")}
)
"""An attribute that can only be set while (or together with) another one having a value (SYS410)."""

SECRET_PARTS = ("Password", "Community", "EncryptionKey")

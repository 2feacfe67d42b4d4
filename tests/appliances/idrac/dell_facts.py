"""What Dell adds to the standard, as the wire contract tells it: addresses, actions with their members, old addresses.

Kinds are written as in `redfish_facts.json`: `string: A|B` allows these values only, `*` in front marks what must be
there. `any` is anything; a mapping is an object with these members, a list of one an array of such.
"""

from __future__ import annotations

from typing import Any, Final

Kind = Any
MGR: Final = "/redfish/v1/Managers/{m}"
SYS: Final = "/redfish/v1/Systems/{s}"
OEM_M: Final = f"{MGR}/Oem/Dell"
OEM_S: Final = f"{SYS}/Oem/Dell"
SHARE: Final = "string: Local|NFS|CIFS|HTTP|HTTPS|TFTP|FTP"
REBOOT: Final = "string: GracefulRebootWithForcedShutdown|GracefulRebootWithoutForcedShutdown|PowerCycle"
TARGET: Final = (
    "ALL|IDRAC|BIOS|NIC|RAID|FC|InfiniBand|SupportAssist|EventFilters|System|LifecycleController|AHCI|PCIeSSD"
)
PROFILE: Final[Kind] = {"Target": f"*scp: {TARGET}"}

GETS: Final = (
    # contract 2.1, 5.2, 12.1, 12.5, 12.8, 12.11 to 12.14, 12.18, 12.20
    "/redfish/v1",
    "/redfish/v1/Dell/{file}",
    "/redfish/v1/LicenseService/Licenses/{l}/DownloadURI",
    "/redfish/v1/Registries/ManagerAttributeRegistry/{file}",
    "/redfish/v1/UpdateService/FirmwareInventory",
    f"{MGR}/AccountService",
    f"{MGR}/Accounts",
    f"{MGR}/Accounts/{{a}}",
    f"{MGR}/Attributes",
    f"{MGR}/Jobs",
    f"{MGR}/Jobs/{{j}}",
    f"{MGR}/Logs/{{l}}",
    f"{MGR}/Roles",
    f"{OEM_M}/DellAttributes/{{a}}",
    f"{OEM_M}/DellJobService",
    f"{OEM_M}/DellLCService",
    f"{OEM_M}/DellLicenses",
    f"{OEM_M}/DellLicenses/{{l}}",
    f"{OEM_M}/DellLicenseManagementService",
    f"{OEM_M}/DellTimeService",
    f"{OEM_M}/DelliDRACCardService",
    f"{OEM_M}/Jobs",
    f"{OEM_M}/Jobs/{{j}}",
    f"{OEM_S}/DellSoftwareInstallationService",
    f"{OEM_S}/DellRaidService",
    f"{OEM_S}/DellVideo",
    f"{SYS}/Bios/BiosRegistry",
    f"{SYS}/Bios/Settings",
    f"{SYS}/BootSources",
    f"{SYS}/BootSources/Settings",
    f"{SYS}/Settings",
    f"{SYS}/Storage/{{c}}/Volumes/{{v}}/Settings",
    f"{SYS}/Storage/Volumes/{{v}}/Settings",
    f"{SYS}/Storage/Drives/{{d}}",
    f"{SYS}/Storage/Volumes/{{v}}",
)

FLAT: Final = {f"{SYS}/Storage/Volumes/{{v}}": "Volume", f"{SYS}/Storage/Drives/{{d}}": "Drive"}
"""Where old firmware keeps volumes and drives (contract 12.11)."""

WRITES: Final[dict[tuple[str, str], Kind]] = {
    ("POST", "/redfish/v1/Sessions"): {"UserName": "*string", "Password": "*string"},
    ("POST", "/redfish/v1/UpdateService/MultipartUpload"): "multipart",
    ("POST", "/redfish/v1/UpdateService/FirmwareInventory"): "multipart",
    ("POST", f"{MGR}/Jobs"): {"TargetSettingsURI": "*string"},
    ("POST", f"{OEM_M}/Jobs"): {"TargetSettingsURI": "*string"},
    ("DELETE", f"{MGR}/Jobs/{{j}}"): None,
    ("DELETE", f"{SYS}/Storage/Volumes/{{v}}"): None,
    ("PATCH", f"{MGR}/Accounts/{{a}}"): {
        "UserName": "string",
        "Password": "string",
        "RoleId": "string: Administrator|Operator|ReadOnly|None",
        "Enabled": "boolean",
        "Locked": "boolean",
    },
    ("PATCH", f"{OEM_M}/DellAttributes/{{a}}"): {"Attributes": "*object"},
    ("PATCH", f"{SYS}/Bios/Settings"): {
        "Attributes": "*object",
        "@Redfish.SettingsApplyTime": {"ApplyTime": "*string: OnReset|Immediate"},
    },
    ("PATCH", f"{SYS}/BootSources/Settings"): {"Attributes": "*object"},
    ("POST", "/redfish/v1/LicenseService/Licenses"): {"LicenseString": "*string"},
}

ACTIONS: Final[dict[str, Kind]] = {
    # the last part of the address decides; it is offered by the resource in front of /Actions/
    "DellJobService.DeleteJobQueue": {"JobID": "*string"},
    "DellLCService.GetRemoteServicesAPIStatus": {},
    "DellLCService.RunePSADiagnostics": {
        "RebootJobType": f"*{REBOOT}",
        "RunMode": "*string: Express|Extended|ExpressAndExtended",
        "ScheduledStartTime": "string: TIME_NOW",
    },
    "DellLCService.ExportePSADiagnosticsResult": {"ShareType": f"*{SHARE}"},
    "DellLCService.SupportAssistCollection": {
        "ShareType": f"*{SHARE}",
        "Filter": "string: Yes|No",
        "DataSelectorArrayIn": ["string: HWData|OSAppData|TTYLogs|DebugLogs|TelemetryReports|GPULogs"],
    },
    "DellLCService.SupportAssistGetEULAStatus": {},
    "DellLCService.InsertCommentInLCLog": {"Comment": "*string"},
    "DellLicenseManagementService.DeleteLicense": {"EntitlementID": "*string"},
    "DellLicenseManagementService.ExportLicense": {"EntitlementID": "*string"},
    "DellLicenseManagementService.ImportLicense": {
        "FQDD": "*string",
        "ImportOptions": "string: Force|NoOptions",
        "LicenseFile": "*string",
    },
    "DellTimeService.ManageTime": {"GetRequest": "*boolean", "TimeData": "string"},
    "DellManager.ClearPending": {},
    "DellSoftwareInstallationService.GetRepoBasedUpdateList": {},
    "DellSoftwareInstallationService.InstallFromRepository": {
        "IPAddress": "*string",
        "ShareType": "*string: HTTP|HTTPS|NFS|CIFS|FTP",
        "ShareName": "string",
        "CatalogFile": "string",
        "ApplyUpdate": "*string: True|False",
        "RebootNeeded": "boolean",
    },
    "DellRaidService.AssignSpare": {"TargetFQDD": "*string", "VirtualDiskArray": ["string"]},
    "DellRaidService.UnassignSpare": {"TargetFQDD": "*string"},
    "DellRaidService.ConvertToRAID": {"PDArray": ["*string"]},
    "DellRaidService.ConvertToNonRAID": {"PDArray": ["*string"]},
    "DellRaidService.ImportForeignConfig": {"TargetFQDD": "*string"},
    "DellRaidService.ClearForeignConfig": {"TargetFQDD": "*string"},
    "DellRaidService.ResetConfig": {"TargetFQDD": "*string"},
    "DellRaidService.CancelCheckConsistency": {"TargetFQDD": "*string"},
    "DellRaidService.RenameVD": {"TargetFQDD": "*string", "Name": "*string"},
    "DellRaidService.BlinkTarget": {"TargetFQDD": "*string"},
    "DellRaidService.UnBlinkTarget": {"TargetFQDD": "*string"},
    "DellUpdateService.Install": {
        "SoftwareIdentityURIs": ["*string"],
        "InstallUpon": "*string: Now|NowAndReboot|NextReboot",
    },
    "DelliDRACCardService.iDRACReset": {"Force": "*string: Graceful|Force"},
    "ExportSystemConfiguration": {
        "ExportFormat": "*string: XML|JSON",
        "ExportUse": "string: Default|Clone|Replace",
        "IncludeInExport": "scp: Default|IncludeReadOnly|IncludePasswordHashValues|IncludeCustomTelemetry",
        "ShareParameters": PROFILE,
    },
    "ImportSystemConfigurationPreview": {"ImportBuffer": "*string", "ShareParameters": PROFILE},
    "ImportSystemConfiguration": {
        "ImportBuffer": "*string",
        "ShareParameters": PROFILE,
        "ShutdownType": "string: Graceful|Forced|NoReboot",
        "HostPowerState": "string: On|Off",
        "TimeToWait": "integer",
        "ExecutionMode": "string: Default|DeployOnSledInsert|InstantDeploy",
    },
    # standard actions whose objects the index does not spell out
    "CertificateService.GenerateCSR": {
        "CertificateCollection": {"@odata.id": "*string"},
        "CommonName": "*string",
        "Organization": "*string",
        "OrganizationalUnit": "*string",
        "City": "*string",
        "State": "*string",
        "Country": "*string",
        "Email": "string",
        "AlternativeNames": ["string"],
    },
    "CertificateService.ReplaceCertificate": {
        "CertificateType": "*string: PEM|PEMchain|PKCS7",
        "CertificateString": "*string",
        "CertificateUri": {"@odata.id": "*string"},
    },
}

CREATING: Final[dict[str, dict[str, Kind]]] = {
    # members that old firmware takes in place of the standard's when something is created (contract 12.11)
    "Volume": {
        "VolumeType": "string: Mirrored|StripedWithParity|NonRedundant|SpannedMirrors|SpannedStripesWithParity",
        "Drives": [{"@odata.id": "*string"}],
    },
}

NESTED: Final[dict[str, Kind]] = {
    # members of objects that the index only calls objects (contract 12.2, 12.3, 12.9, 12.11, 12.15)
    "Boot": {
        "BootSourceOverrideTarget": ("string: None|Pxe|Floppy|Cd|Hdd|BiosSetup|Utilities|UefiTarget|SDCard|UefiHttp"),
        "BootSourceOverrideEnabled": "string: Disabled|Once|Continuous",
        "BootSourceOverrideMode": "string: UEFI|Legacy",
        "UefiTargetBootSourceOverride": "string",
        "BootOrder": ["string"],
    },
    "PowerControl": [{"PowerLimit": {"LimitInWatts": "integer|null"}}],
    "PowerLimitWatts": {"SetPoint": "number|null", "ControlMode": "string: Automatic|Override|Manual|Disabled"},
    "Links": {"Drives": [{"@odata.id": "*string"}]},
    "IPv4Addresses": [{"Address": "string", "SubnetMask": "string", "Gateway": "string", "AddressOrigin": "string"}],
    "IPv4StaticAddresses": [{"Address": "string", "SubnetMask": "string", "Gateway": "string"}],
    "DHCPv4": {"DHCPEnabled": "boolean"},
    "VLAN": {"VLANEnable": "boolean", "VLANId": "integer"},
    "NTP": {"ProtocolEnabled": "boolean", "NTPServers": ["string|null"]},
    "AccountTypes": ["string: Redfish|SNMP|OEM|HostConsole|ManagerConsole|IPMI|KVMIP|VirtualMedia|WebUI"],
    "NameServers": ["string"],
    "StaticNameServers": ["string"],
}

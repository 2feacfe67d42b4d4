"""The BIOS attribute registry: names, types, values, dependencies (contract §12.8). One table for all simulators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Value = str | int | None


@dataclass(frozen=True)
class BiosAttribute:
    """One attribute; `values` makes an enumeration, `bounds` an integer, neither a string (or a password)."""

    name: str
    default: Value
    values: tuple[str, ...] = ()
    bounds: tuple[int, int] | None = None
    read_only: bool = False
    secret: bool = False
    menu: str = "SysInformationRef"

    @property
    def kind(self) -> str:
        """Enumeration, Integer, Password or String."""
        if self.values:
            return "Enumeration"
        if self.bounds is not None:
            return "Integer"
        return "Password" if self.secret else "String"


_ON_OFF = ("Enabled", "Disabled")


def _switch(name: str, default: str = "Enabled", menu: str = "ProcSettingsRef") -> BiosAttribute:
    return BiosAttribute(name, default, _ON_OFF, menu=menu)


def _choice(name: str, default: str, *others: str, menu: str = "SysProfileSettingsRef") -> BiosAttribute:
    return BiosAttribute(name, default, (default, *others), menu=menu)


def _fixed(name: str, value: str = "") -> BiosAttribute:
    return BiosAttribute(name, value, read_only=True)


_ALL = (
    _fixed("SystemModelName"),
    _fixed("SystemBiosVersion"),
    _fixed("SystemServiceTag"),
    _fixed("SystemManufacturer", "Dell Inc."),
    _fixed("SysMfrContactInfo", "www.dell.com"),
    _fixed("SystemCpldVersion", "1.0.9"),
    _fixed("UefiComplianceVersion", "2.7"),
    _fixed("AgesaVersion", ""),
    _fixed("SysMemSize"),
    _fixed("SysMemType"),
    _fixed("SysMemSpeed"),
    _fixed("SysMemVolt", "1.2 V"),
    _fixed("VideoMem", "16 MB"),
    _fixed("ProcCoreSpeed"),
    _fixed("ProcBusSpeed", "11.2 GT/s"),
    _fixed("Proc1Id", "6-6A-6"),
    _fixed("Proc1Brand"),
    _fixed("Proc1NumCores"),
    _fixed("Proc2Brand"),
    _fixed("Proc2NumCores"),
    _fixed("CurrentEmbVideoState", "Enabled"),
    _fixed("TpmInfo", "Type: 2.0"),
    _fixed("TpmFirmware", "7.2.2.0"),
    _fixed("SystemMeVersion", "4.4.4.603"),
    _choice("MemTest", "Disabled", "Enabled", menu="MemSettingsRef"),
    _choice(
        "MemOpMode", "OptimizerMode", "SingleRankSpareMode", "MirrorMode", "FaultResilientMode", menu="MemSettingsRef"
    ),
    _switch("NodeInterleave", "Disabled", "MemSettingsRef"),
    _switch("CorrEccSmi", "Enabled", "MemSettingsRef"),
    _choice("MemoryTraining", "Fast", "RetrainAll", menu="MemSettingsRef"),
    _switch("LogicalProc"),
    _switch("ProcVirtualization"),
    _switch("ProcAdjCacheLine"),
    _switch("ProcHwPrefetcher"),
    _switch("ProcSwPrefetcher"),
    _switch("DcuStreamerPrefetcher"),
    _switch("DcuIpPrefetcher"),
    _switch("SubNumaCluster", "Disabled"),
    _switch("UpiPrefetch"),
    _switch("LlcPrefetch"),
    _switch("DeadLineLlcAlloc"),
    _switch("DirectoryAtoS", "Disabled"),
    _switch("ProcX2Apic"),
    _switch("AvxIccpPreGrantLicense", "Disabled"),
    _choice("ProcCores", "All", "1", "2", "4", "8", "16", "24", "32", menu="ProcSettingsRef"),
    _choice("KernelDmaProtection", "Disabled", "Enabled", menu="ProcSettingsRef"),
    _choice("EmbSata", "AhciMode", "RaidMode", "Off", menu="SataSettingsRef"),
    _switch("SecurityFreezeLock", "Enabled", "SataSettingsRef"),
    _switch("WriteCache", "Disabled", "SataSettingsRef"),
    _choice("NvmeMode", "NonRaid", "Raid", menu="NvmeSettingsRef"),
    _choice("BootMode", "Uefi", "Bios", menu="BootSettingsRef"),
    _switch("BootSeqRetry", "Enabled", "BootSettingsRef"),
    _switch("HddFailover", "Disabled", "BootSettingsRef"),
    _choice("GenericUsbBoot", "Disabled", "Enabled", menu="BootSettingsRef"),
    _choice("HddPlaceholder", "Disabled", "Enabled", menu="BootSettingsRef"),
    _switch("PxeDev1EnDis", "Enabled", "NetworkSettingsRef"),
    _switch("PxeDev2EnDis", "Disabled", "NetworkSettingsRef"),
    _switch("PxeDev3EnDis", "Disabled", "NetworkSettingsRef"),
    _switch("PxeDev4EnDis", "Disabled", "NetworkSettingsRef"),
    _choice("PxeDev1Interface", "NIC.Integrated.1-1-1", "NIC.Integrated.1-2-1", menu="NetworkSettingsRef"),
    _choice("PxeDev1Protocol", "IPv4", "IPv6", menu="NetworkSettingsRef"),
    _switch("PxeDev1VlanEnDis", "Disabled", "NetworkSettingsRef"),
    BiosAttribute("PxeDev1VlanId", 1, bounds=(1, 4094), menu="NetworkSettingsRef"),
    BiosAttribute("PxeDev1VlanPriority", 0, bounds=(0, 7), menu="NetworkSettingsRef"),
    _switch("HttpDev1EnDis", "Disabled", "NetworkSettingsRef"),
    _choice("HttpDev1Interface", "NIC.Integrated.1-1-1", "NIC.Integrated.1-2-1", menu="NetworkSettingsRef"),
    BiosAttribute("HttpDev1Uri", "", menu="NetworkSettingsRef"),
    _switch("UsbPorts", "Enabled", "IntegratedDevicesRef"),
    _choice("UsbManagedPort", "On", "Off", menu="IntegratedDevicesRef"),
    _choice("IntegratedNetwork1", "Enabled", "DisabledOs", menu="IntegratedDevicesRef"),
    _switch("EmbVideo", "Enabled", "IntegratedDevicesRef"),
    _switch("SriovGlobalEnable", "Disabled", "IntegratedDevicesRef"),
    _switch("OsWatchdogTimer", "Disabled", "IntegratedDevicesRef"),
    _switch("InternalUsb", "Enabled", "IntegratedDevicesRef"),
    _choice("MmioAbove4Gb", "Enabled", "Disabled", menu="IntegratedDevicesRef"),
    _choice("Slot1", "Enabled", "Disabled", "BootDriverDisabled", menu="SlotDisablementRef"),
    _choice("Slot2", "Enabled", "Disabled", "BootDriverDisabled", menu="SlotDisablementRef"),
    _choice("Slot3", "Enabled", "Disabled", "BootDriverDisabled", menu="SlotDisablementRef"),
    _choice("SerialComm", "Auto", "OnNoConRedir", "OnConRedirCom1", "Off", menu="SerialCommSettingsRef"),
    _choice("SerialPortAddress", "Serial1Com2Serial2Com1", "Serial1Com1Serial2Com2", menu="SerialCommSettingsRef"),
    _choice("FailSafeBaud", "115200", "57600", "19200", "9600", menu="SerialCommSettingsRef"),
    _choice("ConTermType", "Vt100Vt220", "Ansi", menu="SerialCommSettingsRef"),
    _switch("RedirAfterBoot", "Enabled", "SerialCommSettingsRef"),
    _choice("SysProfile", "PerfPerWattOptimizedDapc", "PerfPerWattOptimizedOs", "PerfOptimized", "Custom"),
    _choice("ProcPwrPerf", "SysDbpm", "OsDbpm", "MaxPerf"),
    _choice("MemFrequency", "MaxPerf", "3200MHz", "2933MHz", "2666MHz"),
    _switch("ProcTurboMode", menu="SysProfileSettingsRef"),
    _switch("ProcC1E", menu="SysProfileSettingsRef"),
    _choice("ProcCStates", "Enabled", "Autonomous", "Disabled"),
    _choice("MemPatrolScrub", "Standard", "Extended", "Disabled"),
    _choice("MemRefreshRate", "1x", "2x"),
    _choice("UncoreFrequency", "DynamicUFS", "MaxUFS"),
    _choice("EnergyPerformanceBias", "BalancedPerformance", "MaxPower", "BalancedEfficiency", "LowPower"),
    _switch("MonitorMwait", menu="SysProfileSettingsRef"),
    _choice("WorkloadProfile", "NotAvailable", "HpcProfile", "VirtualizationOptimizedPerformanceProfile"),
    _switch("PasswordStatus", "Disabled", "SysSecurityRef"),
    BiosAttribute("SysPassword", None, secret=True, menu="SysSecurityRef"),
    BiosAttribute("SetupPassword", None, secret=True, menu="SysSecurityRef"),
    _choice("TpmSecurity", "On", "Off", menu="SysSecurityRef"),
    _switch("IntelTxt", "Disabled", "SysSecurityRef"),
    _choice("PwrButton", "Enabled", "Disabled", menu="SysSecurityRef"),
    _choice("AcPwrRcvry", "Last", "On", "Off", menu="SysSecurityRef"),
    _choice("AcPwrRcvryDelay", "Immediate", "Random", "User", menu="SysSecurityRef"),
    BiosAttribute("AcPwrRcvryUserDelay", 120, bounds=(120, 600), menu="SysSecurityRef"),
    _choice("UefiVariableAccess", "Standard", "Controlled", menu="SysSecurityRef"),
    _choice("SecureBoot", "Disabled", "Enabled", menu="SysSecurityRef"),
    _choice("SecureBootPolicy", "Standard", "Custom", menu="SysSecurityRef"),
    _choice("SecureBootMode", "DeployedMode", "AuditMode", "UserMode", menu="SysSecurityRef"),
    _choice("RedundantOsLocation", "None", "SataPortA", "InternalUsb", menu="RedundantOsControlRef"),
    BiosAttribute("AssetTag", "", menu="MiscSettingsRef"),
    _choice("KeyboardNumLock", "On", "Off", menu="MiscSettingsRef"),
    _choice("ErrPrompt", "Enabled", "Disabled", menu="MiscSettingsRef"),
    _choice("ForceInt10", "Disabled", "Enabled", menu="MiscSettingsRef"),
    _switch("DellWyseP25BIOSAccess", "Enabled", "MiscSettingsRef"),
    BiosAttribute("PowerCycleRequest", "None", ("None", "FullPowerCycle", "VirtualAC"), menu="MiscSettingsRef"),
)

BIOS_ATTRIBUTES: Mapping[str, BiosAttribute] = MappingProxyType({item.name: item for item in _ALL})

BIOS_DEPENDENCIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ProcTurboMode": ("SysProfile", "Custom"),
        "ProcC1E": ("SysProfile", "Custom"),
        "ProcCStates": ("SysProfile", "Custom"),
        "ProcPwrPerf": ("SysProfile", "Custom"),
        "MemFrequency": ("SysProfile", "Custom"),
        "UncoreFrequency": ("SysProfile", "Custom"),
        "EnergyPerformanceBias": ("SysProfile", "Custom"),
        "MonitorMwait": ("SysProfile", "Custom"),
        "AcPwrRcvryUserDelay": ("AcPwrRcvryDelay", "User"),
        "PxeDev1VlanId": ("PxeDev1VlanEnDis", "Enabled"),
        "PxeDev1VlanPriority": ("PxeDev1VlanEnDis", "Enabled"),
    }
)
"""An attribute that is read-only unless another one has (or is given in the same request) this value (SYS410)."""

MENUS = tuple(sorted({item.menu for item in _ALL}))

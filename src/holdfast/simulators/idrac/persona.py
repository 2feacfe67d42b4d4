"""What distinguishes one generation of iDRAC from another (contract §1), as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

ROOT = "/redfish/v1"
SYS = f"{ROOT}/Systems/System.Embedded.1"
MGR = f"{ROOT}/Managers/iDRAC.Embedded.1"
CHS = f"{ROOT}/Chassis/System.Embedded.1"

_RESET_6 = ("On", "ForceOff", "ForceRestart", "GracefulShutdown", "PushPowerButton", "Nmi")
_RESET_8 = (
    "On",
    "ForceOff",
    "ForceRestart",
    "GracefulRestart",
    "GracefulShutdown",
    "PushPowerButton",
    "Nmi",
    "PowerCycle",
)

_SCHEMAS_8 = MappingProxyType(
    {
        "ServiceRoot": "v1_3_0",
        "ComputerSystem": "v1_5_0",
        "Chassis": "v1_6_0",
        "Manager": "v1_3_3",
        "Power": "v1_4_0",
        "Thermal": "v1_4_0",
        "Processor": "v1_0_3",
        "Memory": "v1_2_1",
        "Storage": "v1_4_0",
        "Drive": "v1_3_0",
        "Volume": "v1_0_3",
        "EthernetInterface": "v1_3_0",
        "UpdateService": "v1_2_1",
        "AccountService": "v1_2_1",
        "ManagerAccount": "v1_1_1",
        "SessionService": "v1_1_3",
        "Session": "v1_1_0",
        "EventService": "v1_0_5",
        "EventDestination": "v1_2_0",
        "LogService": "v1_1_0",
        "LogEntry": "v1_3_0",
    }
)
_SCHEMAS_9 = MappingProxyType(
    {
        "ServiceRoot": "v1_15_0",
        "ComputerSystem": "v1_20_0",
        "Chassis": "v1_22_0",
        "Manager": "v1_17_0",
        "Power": "v1_7_1",
        "Thermal": "v1_7_1",
        "Processor": "v1_18_0",
        "Memory": "v1_17_0",
        "Storage": "v1_15_0",
        "Drive": "v1_17_0",
        "Volume": "v1_9_0",
        "EthernetInterface": "v1_9_0",
        "UpdateService": "v1_11_3",
        "AccountService": "v1_13_0",
        "ManagerAccount": "v1_10_0",
        "SessionService": "v1_1_8",
        "Session": "v1_6_0",
        "EventService": "v1_9_0",
        "EventDestination": "v1_13_1",
        "LogService": "v1_4_0",
        "LogEntry": "v1_15_0",
        "Task": "v1_7_1",
        "Job": "v1_2_0",
        "VirtualMedia": "v1_6_1",
        "Sensor": "v1_7_0",
    }
)
_SCHEMAS_10 = MappingProxyType(
    {
        **_SCHEMAS_9,
        "ServiceRoot": "v1_18_0",
        "ComputerSystem": "v1_24_0",
        "Chassis": "v1_26_0",
        "Manager": "v1_20_0",
        "Processor": "v1_20_2",
        "Storage": "v1_18_0",
        "Drive": "v1_21_0",
        "Volume": "v1_10_1",
        "Session": "v1_7_1",
        "Sensor": "v1_10_1",
    }
)


@dataclass(frozen=True)
class Persona:
    """One iDRAC firmware as the outside sees it. Fields name the contract's section where it is not §1."""

    key: str
    generation: int
    firmware: str
    redfish_version: str
    server_header: str
    base_version: str
    idrac_prefix: str
    schemas: Mapping[str, str] = field(repr=False, hash=False)
    reset_types: tuple[str, ...] = _RESET_8
    etags: str = "most"
    """"few" (accounts and firmware inventory only) or "most" (§7)."""
    etag_fatal_on_actions: bool = False
    """An If-Match on an action is answered 412 (§5.1)."""
    unknown_uri_status: int = 404
    """iDRAC8 answers 400 with a single object as ExtendedInfo (§5)."""
    location: str = "task"
    """Where a 202 points: "jobs" (MGR/Jobs), "task" (TaskService/Tasks) or "monitor" (TaskMonitors) (§8.1)."""
    task_lifetime_s: float = 60.0
    """How long a finished task stays in TaskService (§8.3)."""
    job_service: bool = True
    oem_jobs: bool = True
    manager_jobs: bool = False
    new_sessions_uri: bool = True
    account_slots: bool = True
    legacy_power: bool = True
    """Chassis/Power and Chassis/Thermal exist (§12.3, §12.4)."""
    modern_power: bool = True
    """PowerSubsystem, ThermalSubsystem, Sensors and EnvironmentMetrics exist."""
    media_home: str = "system"
    """"manager" (CD, RemovableDisk) or "system" (1, 2) (§12.10)."""
    media_alias: bool = False
    boot_settings: bool = False
    """Boot is changed at SYS/Settings instead of SYS (§12.9)."""
    fault_list: bool = True
    nested_storage: bool = True
    sensors_expand: bool = False
    top_query: bool = True
    filter_uris: str = "many"
    only_query: bool = True
    multipart_push: bool = True
    dell_attributes: bool = True
    licence_service: bool = True
    telemetry: bool = True
    certificate_service: bool = True
    lockdown: bool = True
    oem_services: bool = True
    """DellLCService and its kin exist (absent on iDRAC7/8)."""
    licence: str = "Datacenter"
    """Basic, Express, Enterprise or Datacenter (§12.20)."""
    log_offset_colon: bool = True
    """False: times in logs carry -0600 instead of -06:00 (§2)."""
    logs_basic_logins: bool = False
    """Each request with Basic leaves a login record in the Lifecycle log (§4.1)."""
    target_prefix: str = "EID_674_Manager"
    parallel_limit: int = 10
    """Requests in flight beyond this are refused (§9, §14)."""
    subscriptions: int = 8
    renamed: bool = False
    """Systems, managers and chassis go by other ids than Dell's, to find clients that assume them."""
    foreign: bool = False
    """Another vendor's: ids are UUIDs, nothing of Dell's is shown (§14, §15)."""
    modular: bool = False
    """A sled: its chassis has power supplies, fans and the power cap, and a manager of its own (§17)."""
    model: str = ""
    """The server that it is seen in where the world has none of its generation."""

    def schema(self, name: str) -> str:
        """The `@odata.type` of a resource: "#Name.vX_Y_Z.Name"."""
        version = self.schemas.get(name, "v1_0_0")
        return f"#{name}.{version}.{name}"


_IDRAC8 = Persona(
    key="8",
    generation=8,
    firmware="2.83.83.83",
    redfish_version="1.4.0",
    server_header="Appweb/4.5.4",
    base_version="1.2",
    idrac_prefix="iDRAC.1.6",
    schemas=_SCHEMAS_8,
    reset_types=_RESET_6,
    etags="few",
    unknown_uri_status=400,
    location="jobs",
    task_lifetime_s=60.0,
    job_service=False,
    oem_jobs=False,
    manager_jobs=True,
    new_sessions_uri=False,
    modern_power=False,
    media_home="manager",
    fault_list=False,
    nested_storage=False,
    top_query=False,
    filter_uris="logs",
    only_query=False,
    multipart_push=False,
    dell_attributes=False,
    licence_service=False,
    telemetry=False,
    certificate_service=False,
    lockdown=False,
    oem_services=False,
    licence="Enterprise",
    log_offset_colon=False,
    logs_basic_logins=True,
    parallel_limit=6,
    subscriptions=2,
)
_IDRAC9 = Persona(
    key="9",
    generation=9,
    firmware="7.10.50.00",
    redfish_version="1.20.0",
    server_header="Apache",
    base_version="1.18",
    idrac_prefix="IDRAC.2.9",
    schemas=_SCHEMAS_9,
    media_alias=True,
    manager_jobs=True,
)
_ALL = (
    replace(_IDRAC8, key="7", generation=7, firmware="2.65.65.65", model="PowerEdge R720"),
    _IDRAC8,
    replace(
        _IDRAC9,
        key="9-14g",
        firmware="4.40.40.00",
        redfish_version="1.9.0",
        base_version="1.8",
        idrac_prefix="IDRAC.2.3",
        schemas=MappingProxyType({**_SCHEMAS_9, "ServiceRoot": "v1_8_0", "ComputerSystem": "v1_12_0"}),
        modern_power=False,
        media_home="manager",
        media_alias=False,
        licence_service=False,
        licence="Enterprise",
    ),
    _IDRAC9,
    replace(_IDRAC9, key="9-renamed", renamed=True),
    replace(_IDRAC9, key="9-modular", modular=True, model="PowerEdge MX750c"),
    replace(
        _IDRAC9,
        key="other",
        server_header="Example/1.0",
        model="Example 2000",
        renamed=True,
        foreign=True,
        job_service=False,
        oem_jobs=False,
        manager_jobs=False,
        media_alias=False,
        fault_list=False,
        dell_attributes=False,
        licence_service=False,
        telemetry=False,
        lockdown=False,
        oem_services=False,
    ),
    Persona(
        key="10",
        generation=10,
        firmware="1.20.50.52",
        redfish_version="1.21.0",
        server_header="apache",
        base_version="1.19",
        idrac_prefix="IDRAC.2.10",
        schemas=_SCHEMAS_10,
        etag_fatal_on_actions=True,
        location="monitor",
        task_lifetime_s=3600.0,
        account_slots=False,
        legacy_power=False,
        boot_settings=True,
        sensors_expand=True,
        target_prefix="OemManager",
    ),
)
PERSONAS: Mapping[str, Persona] = MappingProxyType({persona.key: persona for persona in _ALL})

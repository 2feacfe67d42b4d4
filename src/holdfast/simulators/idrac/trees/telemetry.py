"""Telemetry: report definitions and reports (contract §12.22). Values are text, and not always numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.attribute_data import REPORTS
from holdfast.simulators.idrac.errors import missing_resource, success
from holdfast.simulators.idrac.persona import ROOT, Persona
from holdfast.simulators.idrac.trees.common import collection, resource, status
from holdfast.simulators.idrac.wire import Call, Json, Reply, link

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_SERVICE = f"{ROOT}/TelemetryService"
_DEFINITIONS = f"{_SERVICE}/MetricReportDefinitions"
_REPORTS = f"{_SERVICE}/MetricReports"


def _service(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _SERVICE, "TelemetryService", "Telemetry Service")
    content |= {
        "MaxReports": 48,
        "MetricReportDefinitions": link(_DEFINITIONS),
        "MetricReports": link(_REPORTS),
        "MinCollectionInterval": "PT60S",
        "ServiceEnabled": bmc.setting("Telemetry.1.EnableTelemetry") == "Enabled",
        "Status": status(),
        "SupportedCollectionFunctions": ["Maximum", "Minimum", "Average", "Summation"],
    }
    return Reply(200, content)


def _definition_list(bmc: Bmc, call: Call) -> Reply:
    bmc.require_licence("Datacenter")
    return collection(bmc, _DEFINITIONS, "MetricReportDefinition", [f"{_DEFINITIONS}/{name}" for name in REPORTS])


def _name(bmc: Bmc, call: Call) -> str:
    bmc.require_licence("Datacenter")
    if call.args[0] not in REPORTS:
        raise missing_resource(call.path)
    return call.args[0]


def _enabled(bmc: Bmc, name: str) -> bool:
    return bmc.setting(f"Telemetry{name}.1.EnableTelemetry") == "Enabled"


def _definition(bmc: Bmc, call: Call) -> Reply:
    name = _name(bmc, call)
    seconds = int(bmc.setting(f"Telemetry{name}.1.ReportInterval"))
    content = resource(bmc, f"{_DEFINITIONS}/{name}", "MetricReportDefinition", f"{name} Metric Report Definition")
    content |= {
        "MetricReport": link(f"{_REPORTS}/{name}"),
        "MetricReportDefinitionEnabled": _enabled(bmc, name),
        "MetricReportDefinitionType": "Periodic",
        "MetricReportHeartbeatInterval": "PT0H0M0S",
        "Metrics": [],
        "ReportActions": ["RedfishEvent", "LogToMetricReportsCollection"],
        "ReportTimespan": f"PT0H{seconds // 60}M{seconds % 60}S",
        "ReportUpdates": "Overwrite",
        "Schedule": {"RecurrenceInterval": f"PT0H{seconds // 60}M{seconds % 60}S"},
        "Status": status(state="Enabled" if _enabled(bmc, name) else "Disabled"),
    }
    return Reply(200, content)


def _patch(bmc: Bmc, call: Call) -> Reply:
    name = _name(bmc, call)
    body.closed(call.body, {"MetricReportDefinitionEnabled", "Schedule", "MetricReportHeartbeatInterval"})
    if "MetricReportDefinitionEnabled" in call.body:
        on = body.boolean(call.body, "MetricReportDefinitionEnabled")
        bmc.attributes.set(f"Telemetry{name}.1.EnableTelemetry", "Enabled" if on else "Disabled")
    return success(bmc.persona)


def _report_list(bmc: Bmc, call: Call) -> Reply:
    bmc.require_licence("Datacenter")
    return collection(bmc, _REPORTS, "MetricReport", [f"{_REPORTS}/{name}" for name in REPORTS])


def _values(bmc: Bmc, name: str) -> list[tuple[str, str, str]]:
    """Metric id, value as text, FQDD."""
    sensors, on = bmc.sensors, bmc.host.on
    system = "System.Embedded.1"
    watts = sensors.watts()
    if name == "PowerStatistics":
        spans = (("LastMinute", 18, 22), ("LastHour", 40, 90), ("LastDay", 55, 140)) if watts is not None else ()
        return [
            (f"{span}{kind}Power", f"{value:.3f}", system)
            for span, below, above in spans
            for kind, value in (
                ("Avg", (watts or 0) - 3),
                ("Min", max(0, (watts or 0) - below)),
                ("Max", (watts or 0) + above),
            )
        ]
    if name == "PowerMetrics":
        return [
            ("SystemPowerConsumption", "" if watts is None else f"{watts}", system),
            ("TotalCPUPower", f"{(watts or 0) * 0.4:.3f}" if on else "0.000", system),
            ("TotalFanPower", "9.000" if on else "0.000", system),
        ]
    if name in ("ThermalSensor", "Sensor", "CPUSensor", "ThermalMetrics"):
        found = []
        for sensor in sensors.temperatures:
            if name != "CPUSensor" or sensor.context == "CPU":
                reading = sensors.celsius(sensor)
                found.append(("TemperatureReading", "" if reading is None else f"{reading:.3f}", sensor.fqdd))
        return found
    if name == "FanSensor":
        return [("RPMReading", str(sensors.rpm(fan.fqdd, fan.base_rpm)), fan.fqdd) for fan in bmc.hw.fans]
    if name in ("SystemUsage", "AggregationMetrics"):
        return [(f"{what}Usage", str(sensors.usage_percent(what)), system) for what in ("CPU", "Memory", "IO")]
    if name == "PSUMetrics":
        return [("PowerInput", str(sensors.psu_input_watts(psu.fqdd) or "N/A"), psu.fqdd) for psu in bmc.hw.psus]
    if name == "StorageDiskSMARTData":
        return [("PercentDriveLifeRemaining", "97", disk.fqdd) for disk in bmc.hw.disks if disk.media == "SSD"]
    if name in ("GPUMetrics", "GPUStatistics"):
        return [("GPUUsage", "0.000", gpu.fqdd) for gpu in bmc.hw.gpus]
    if name in ("NICSensor", "NICStatistics"):
        return [("RxBytes", "184467440", port.fqdd) for port in bmc.hw.nics]
    if name == "SerialLog":
        return [("SerialData", bmc.serial_data, system)] if bmc.serial_data else []
    return []


def _report(bmc: Bmc, call: Call) -> Reply:
    name = _name(bmc, call)
    content = resource(bmc, f"{_REPORTS}/{name}", "MetricReport", f"{name} Metric Report")
    seconds = max(1, int(bmc.setting(f"Telemetry{name}.1.ReportInterval")))
    moment = bmc.now - bmc.now % seconds
    on = _enabled(bmc, name) and bmc.setting("Telemetry.1.EnableTelemetry") == "Enabled"
    values: list[object] = []
    for metric, value, fqdd in _values(bmc, name) if on else []:
        dell: Json = {
            "@odata.type": "#DellMetricReportValue.v1_0_1.DellMetricReportValue",
            "ContextID": fqdd,
            "FQDD": fqdd,
            "Label": f"{fqdd} {metric}",
            "Source": "PMBUS" if fqdd.startswith("PSU") else "SensorProvider",
        }
        values.append({"MetricId": metric, "MetricValue": value, "Timestamp": bmc.stamp(moment), "Oem": {"Dell": dell}})
    content |= {
        "MetricReportDefinition": link(f"{_DEFINITIONS}/{name}"),
        "MetricValues": values,
        "MetricValues@odata.count": len(values),
        "ReportSequence": str(int(bmc.now // seconds) % 100_000),
        "Timestamp": bmc.stamp(moment),
        "Oem": {
            "Dell": {
                "@odata.type": "#DellMetricReport.v1_1_0.DellMetricReport",
                "ServiceTag": bmc.server.service_tag,
                "iDRACFirmwareVersion": bmc.firmware.version_of("iDRAC.Embedded.1-1"),
            }
        },
    }
    return Reply(200, content, volatile=frozenset({"MetricValues", "ReportSequence", "Timestamp"}))


def mount(routes: Routes, persona: Persona) -> None:
    """Add telemetry; reports need a Datacenter licence (403 otherwise)."""
    if not persona.telemetry:
        return
    routes.get(_SERVICE, _service)
    routes.get(_DEFINITIONS, _definition_list)
    routes.get(f"{_DEFINITIONS}/*", _definition)
    routes.add("PATCH", f"{_DEFINITIONS}/*", _patch)
    routes.get(_REPORTS, _report_list)
    routes.get(f"{_REPORTS}/*", _report)

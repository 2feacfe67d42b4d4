"""Alerts: what the box complains about (contract section 15.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import Crud, Settings, Table
from holdfast.simulators.truenas.errors import ENOENT, CallError, Row
from holdfast.simulators.truenas.registry import Namespace, method
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

# Category → (title, {class: (title, level)}).
CATEGORIES: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "STORAGE": (
        "Storage",
        {
            "VolumeStatus": ("Pool Status Is Not Healthy", "CRITICAL"),
            "ScrubFinished": ("Scrub Finished", "INFO"),
            "ZpoolCapacityWarning": ("Pool Space Usage Is Above 80%", "WARNING"),
            "SnapshotFailed": ("Snapshot Task Failed", "CRITICAL"),
        },
    ),
    "HARDWARE": (
        "Hardware",
        {
            "SMART": ("SMART error", "CRITICAL"),
            "DiskTemperatureTooHot": ("Disk Temperature Is Too Hot", "CRITICAL"),
        },
    ),
    "SYSTEM": (
        "System",
        {
            "HasUpdate": ("Update Available", "INFO"),
            "ApiKeyRevoked": ("API Key Revoked", "WARNING"),
            "NTPHealthCheck": ("NTP Health Check Failed", "WARNING"),
        },
    ),
    "TASKS": ("Tasks", {"ReplicationFailed": ("Replication Failed", "CRITICAL")}),
    "CERTIFICATES": ("Certificates", {"CertificateIsExpiring": ("Certificate Is Expiring", "NOTICE")}),
}


class Alerts(Namespace):
    """`alert.*`, `alertclasses.*` and `alertservice.*`."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.alerts: dict[str, Row] = {}
        Settings(self, "alertclasses", {"id": 1, "classes": {}})
        self.services = Table(box, "alertservice", "Alert service")
        self.services.present = lambda row: {
            **row,
            "type__title": row.get("type") or row["attributes"].get("type", "Mail"),
        }
        Crud(self, self.services, unique=("name",), merge=("attributes",))
        self.choices("alert.list_policies", ["IMMEDIATELY", "HOURLY", "DAILY", "NEVER"])
        serial = box.server.disk_serials[-1]
        self.raise_alert(
            "SMART", "CRITICAL", f"Device: /dev/sdh [SAT] ({serial}), 8 Offline uncorrectable sectors.", serial
        )
        self.raise_alert("HasUpdate", "INFO", "A system update is available. Go to System Settings > Update.", None)

    def raise_alert(self, klass: str, level: str, text: str, args: object) -> Row:
        """Add an alert and announce it."""
        now = from_epoch(self.box.clock.now())
        number = self.box.new_uuid()
        row: Row = {
            "uuid": number,
            "source": "",
            "klass": klass,
            "args": args,
            "node": "Controller A",
            "key": f'"{klass}-{len(self.alerts)}"',
            "datetime": now,
            "last_occurrence": now,
            "dismissed": False,
            "mail": None,
            "text": text,
            "id": number,
            "level": level,
            "formatted": text,
            "one_shot": klass in ("ApiKeyRevoked", "SMART"),
        }
        self.alerts[number] = row
        self.box.events.emit("alert.list", "added", key=number, fields=row)
        return row

    def clear(self, klass: str) -> None:
        """Remove the alerts of a class: their cause is gone."""
        for number in [number for number, row in self.alerts.items() if row["klass"] == klass]:
            del self.alerts[number]
            self.box.events.emit("alert.list", "removed", key=number)

    @method("alert.list")
    def list_alerts(self, call: Call) -> list[Row]:
        """All alerts, dismissed ones too."""
        return list(self.alerts.values())

    @method("alert.dismiss")
    def dismiss(self, call: Call, number: str) -> None:
        """Mark an alert as read."""
        self._set(number, dismissed=True)

    @method("alert.restore")
    def restore(self, call: Call, number: str) -> None:
        """Mark an alert as unread."""
        self._set(number, dismissed=False)

    def _set(self, number: str, *, dismissed: bool) -> None:
        if number not in self.alerts:
            raise CallError(f"Alert {number} not found", ENOENT)
        self.alerts[number]["dismissed"] = dismissed
        self.box.events.emit("alert.list", "changed", key=number, fields=self.alerts[number])

    @method("alert.list_categories")
    def list_categories(self, call: Call, *options: object) -> list[Row]:
        """The tree of alert classes."""
        return [
            {
                "id": name,
                "title": title,
                "classes": [
                    {"id": klass, "title": class_title, "level": level, "proactive_support": False}
                    for klass, (class_title, level) in classes.items()
                ],
            }
            for name, (title, classes) in CATEGORIES.items()
        ]

    @method("alertservice.test")
    def test(self, call: Call, data: Row) -> bool:
        """Send a test alert; a host that cannot be reached makes it false."""
        return ".invalid" not in str(data["attributes"])

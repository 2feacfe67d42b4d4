"""`system.*` and `truenas.*`: what the box is, and its state (contract section 15.1)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import Row
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

BUILD_TIME = datetime(2026, 8, 20, 3, 30, tzinfo=UTC)


class System(Namespace):
    """The machine and its operating system."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.reboot_reasons: list[Row] = []
        self.timezone = "Europe/Vienna"

    def rebooted(self) -> None:
        self.reboot_reasons.clear()

    def _digest(self, purpose: str) -> str:
        return hashlib.sha256(f"{self.box.server.service_tag}/{purpose}".encode()).hexdigest()

    @method("system.info")
    def info(self, call: Call) -> Row:
        """Version, hardware and load."""
        box, server = self.box, self.box.server
        now = box.clock.now()
        uptime = now - box.booted_at
        days, rest = divmod(int(uptime), 86400)
        hours, minutes = rest // 3600, rest % 3600 // 60
        cores = server.cpu_sockets * server.cpu_cores_per_socket
        return {
            "version": box.persona.version,
            "buildtime": BUILD_TIME,
            "hostname": box.hostname,
            "physmem": server.memory_bytes,
            "model": server.cpu_model,
            "cores": cores * 2,
            "physical_cores": cores,
            "loadavg": [0.42, 0.51, 0.47],
            "uptime": f"{days} days, {hours}:{minutes:02d}:{int(uptime) % 60:02d}",
            "uptime_seconds": round(uptime, 3),
            "system_serial": server.service_tag,
            "system_product": server.model,
            "system_product_version": "Not Specified",
            "license": None,
            "boottime": from_epoch(box.booted_at),
            "datetime": from_epoch(now),
            "timezone": self.timezone,
            "system_manufacturer": "Dell Inc.",
            "ecc_memory": True,
        }

    @method("system.state")
    def state(self, call: Call) -> str:
        """BOOTING, READY or SHUTTING_DOWN."""
        return "BOOTING" if self.box.faults.take("booting") is not None else self.box.system_state

    @method("system.ready")
    def ready(self, call: Call) -> bool:
        """Whether the state is READY."""
        return self.state(call) == "READY"

    @method("system.version")
    def version(self, call: Call) -> str:
        """Full version."""
        return self.box.persona.version

    @method("system.version_short")
    def version_short(self, call: Call) -> str:
        """Short version."""
        return self.box.persona.version

    @method("system.host_id")
    def host_id(self, call: Call) -> str:
        """An identifier of the hardware."""
        return self._digest("host")

    @method("system.global.id")
    def global_id(self, call: Call) -> str:
        """An identifier of the installation."""
        text = self._digest("global")
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"

    @method("system.boot_id")
    def boot_id(self, call: Call) -> str:
        """Changes with every boot."""
        return self.box.boot_id

    @method("system.product_type")
    def product_type(self, call: Call) -> str:
        """COMMUNITY_EDITION or ENTERPRISE."""
        return "COMMUNITY_EDITION"

    @method("system.feature_enabled")
    def feature_enabled(self, call: Call, feature: str) -> bool:
        """Whether a feature is licensed."""
        return feature in ("VM", "VMS", "APPS", "DEDUP")

    @method("system.release_notes_url")
    def release_notes_url(self, call: Call, version: str | None) -> str:
        """Where to read about a version."""
        major = ".".join((version or self.box.persona.version).split(".")[:2])
        return f"https://www.truenas.com/docs/scale/{major}/gettingstarted/scalereleasenotes"

    @method("system.reboot.info")
    def reboot_info(self, call: Call) -> Row:
        """The boot id, and why a reboot is needed."""
        return {"boot_id": self.box.boot_id, "reboot_required_reasons": list(self.reboot_reasons)}

    def require_reboot(self, code: str, reason: str) -> None:
        """Note a reason why a reboot is needed."""
        self.reboot_reasons.append({"code": code, "reason": reason})
        info: Row = {"id": None, "boot_id": self.box.boot_id, "reboot_required_reasons": list(self.reboot_reasons)}
        self.box.events.emit("system.reboot.info", "changed", fields=info)

    @method("system.reboot")
    def reboot(self, call: Call, reason: str, options: Row) -> Steps:
        """Reboot after `delay` seconds."""
        yield Step(0, "Rebooting", float(options.get("delay") or 0))
        self.box.events.emit("system.reboot", "added", fields={"reason": reason})
        self.box.timeline.after(self.box.timing.job_step_s, self.box.reboot)

    @method("system.shutdown")
    def shutdown(self, call: Call, reason: str, options: Row) -> Steps:
        """Switch off after `delay` seconds; nobody switches a simulated box on again but a fault."""
        yield Step(0, "Shutting down", float(options.get("delay") or 0))
        self.box.events.emit("system.shutdown", "added", fields={"reason": reason})
        self.box.system_state = "SHUTTING_DOWN"
        self.box.timeline.after(self.box.timing.job_step_s, lambda: self.box.restart(float("inf")))

    @method("system.debug")
    def debug(self, call: Call) -> Steps:
        """An archive of logs and configuration, through `core.download`."""
        yield Step(50, "Collecting")
        if call.job is not None and call.job.output is not None:
            call.job.output.data += f"debug of {self.box.hostname}\n".encode()

    @method("truenas.managed_by_truecommand", "system.security.info.fips_enabled")
    def no(self, call: Call) -> bool:
        """Not here."""
        return False

    @method("system.security.info.fips_available")
    def fips_available(self, call: Call) -> bool:
        """Only on enterprise systems."""
        return False

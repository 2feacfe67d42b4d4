"""Installing firmware: downloads, staging, restarts, rollback, repositories (contract §12.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from holdfast.simulators.idrac import jobs
from holdfast.simulators.idrac.errors import refuse
from holdfast.simulators.idrac.firmware import (
    DIRECT_KINDS,
    Component,
    Package,
    Uploaded,
    extension_ok,
    genuine,
    recognise,
)
from holdfast.simulators.idrac.jobs import Job, Outcome, Step
from holdfast.simulators.idrac.persona import ROOT
from holdfast.simulators.idrac.wire import Part
from holdfast.simulators.idrac.work import IMMEDIATE, ON_RESET

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.simulators.idrac.bmc import Bmc

INVENTORY = f"{ROOT}/UpdateService/FirmwareInventory"


class Updates:
    """Firmware updates of one iDRAC and its server."""

    def __init__(self, bmc: Bmc) -> None:
        self._bmc = bmc
        self.repository: list[tuple[Component, str]] | None = None
        self.schedule: dict[str, object] | None = None
        self.received: list[Part] = []

    # what is installed

    def install(self, key: str, version: str) -> None:
        """Put a version in force and write it down (PR36)."""
        component = self._bmc.firmware.components[key]
        old, new = self._bmc.firmware.install(key, version)
        self._bmc.record("PR36", component.name, old, new, category="Updates")

    def _keys(self, kind: str) -> list[str]:
        return [key for key, item in self._bmc.firmware.components.items() if item.kind == kind]

    def _install_all(self, kind: str, version: str) -> None:
        for key in self._keys(kind):
            self.install(key, version)

    def _apply(self, kind: str, version: str) -> Outcome | None:
        bmc = self._bmc
        if kind == "cpld":
            # CPLD firmware counts only after the power was really off (contract §12.7 trap 3).
            bmc.after_ac_cycle.append(lambda: self._install_all(kind, version))
            return Outcome(jobs.INTERVENTION, "RED029")
        self._install_all(kind, version)
        if kind == "idrac":
            for key in self._keys("lc"):
                bmc.firmware.install(key, version)
            bmc.life.restart(reason="iDRAC firmware update")
        return Outcome(jobs.COMPLETED, "RED001")

    # jobs

    def live(self, name: str, kind: str, device: str, effect: Callable[[], Outcome | None]) -> Job:
        """A firmware job that needs no restart of the host."""
        return self._bmc.jobs.add(
            name, kind, (Step(jobs.RUNNING, "PR20", self._bmc.jobs.pace.firmware_s),), effect, device=device
        )

    def _job(
        self,
        package: Package,
        job_type: str,
        apply_time: str,
        *,
        download: bool,
        check: Callable[[], Outcome | None] | None = None,
    ) -> Job:
        bmc = self._bmc
        keys = self._keys(package.kind)
        name = bmc.firmware.components[keys[0]].name if keys else package.filename
        device = bmc.firmware.components[keys[0]].fqdd if keys else None
        direct = package.kind in DIRECT_KINDS
        pace = bmc.jobs.pace
        return bmc.jobs.add(
            f"{'Firmware Rollback' if job_type == 'FirmwareRollback' else 'Firmware Update'}: {name}",
            job_type,
            (Step(jobs.RUNNING, "PR20", pace.firmware_s),),
            lambda: self._apply(package.kind, package.version),
            device=device,
            waits=not direct,
            pre=(Step(jobs.DOWNLOADING, "RED002", pace.firmware_download_s),) if download else (),
            check=check,
            ready=bmc.restart_host if apply_time == IMMEDIATE and not direct else None,
        )

    def from_uri(self, uri: str, apply_time: str) -> Job:
        """An update from a location the iDRAC fetches, from an uploaded image, or a rollback."""
        if uri.startswith(f"{INVENTORY}/"):
            return self._from_inventory(uri.rsplit("/", 1)[-1], apply_time)
        filename = uri.rsplit("/", 1)[-1].split("?", 1)[0]
        if not extension_ok(filename):
            raise refuse(400, "SYS434", filename)
        package = recognise(filename, self._bmc.persona) or Package("", "", filename)

        def check() -> Outcome | None:
            if self._bmc.faults.take("share-unreachable", now=self._bmc.now):
                return Outcome(jobs.FAILED, "RED006")
            return self._problem(package)

        return self._job(package, "FirmwareUpdate", apply_time, download=True, check=check)

    def _problem(self, package: Package) -> Outcome | None:
        if not package.kind:
            return Outcome(jobs.FAILED, "RED007")
        if not self._keys(package.kind):
            return Outcome(jobs.FAILED, "RED097")
        return None

    def _from_inventory(self, name: str, apply_time: str) -> Job:
        bmc = self._bmc
        uploaded = bmc.firmware.uploaded.get(name)
        if uploaded is not None:
            package = Package(uploaded.component.kind, uploaded.version, uploaded.filename)
            job = self._job(package, "FirmwareUpdate", apply_time, download=False)
            del bmc.firmware.uploaded[name]
            return job
        for item in bmc.firmware.components.values():
            if item.previous is not None and item.inventory_id("Previous", item.previous) == name:
                package = Package(item.kind, item.previous, name)
                return self._job(package, "FirmwareRollback", apply_time, download=False)
        raise refuse(400, "SYS403", f"{INVENTORY}/{name}")

    def from_upload(self, part: Part, apply_time: str) -> Job:
        """An update from an image sent with the request."""
        self.received.append(part)
        filename = part.filename or ""
        if not extension_ok(filename):
            raise refuse(400, "SYS434", filename)
        package = recognise(filename, self._bmc.persona) if genuine(part) else None
        found = package or Package("", "", filename)
        return self._job(found, "FirmwareUpdate", apply_time, download=True, check=lambda: self._problem(found))

    def keep(self, part: Part) -> str:
        """Store an uploaded image for a later SimpleUpdate; its inventory id."""
        self.received.append(part)
        filename = part.filename or ""
        if not extension_ok(filename):
            raise refuse(400, "SYS434", filename)
        package = recognise(filename, self._bmc.persona) if genuine(part) else None
        if package is None:
            raise refuse(400, "RED007")
        keys = self._keys(package.kind)
        if not keys:
            raise refuse(400, "RED097")
        component = self._bmc.firmware.components[keys[0]]
        name = component.inventory_id("Available", package.version)
        self._bmc.firmware.uploaded[name] = Uploaded(name, component, package.version, filename)
        return name

    # repositories

    def catalogue(self) -> list[tuple[Component, str]]:
        """What a repository offers: the next version of what is updated from time to time."""
        kinds = ("bios", "idrac", "nic", "raid")
        found: list[tuple[Component, str]] = []
        for item in self._bmc.firmware.components.values():
            if item.kind in kinds and item.kind not in {known.kind for known, _ in found}:
                head, _, last = item.version.rpartition(".")
                digits = "".join(c for c in last.split("-")[0] if c.isdigit()) or "0"
                found.append((item, f"{head}.{int(digits) + 1:0{len(digits)}d}"))
        return found

    def from_repository(self, share: str, *, apply: bool, reboot: bool) -> Job:
        """A repository job: it compares, and when told to apply it spawns a job for each update."""
        bmc = self._bmc

        def run() -> Outcome | None:
            if bmc.faults.take("share-unreachable", now=bmc.now):
                return Outcome(jobs.FAILED, "RED016")
            self.repository = self.catalogue()
            if not self.repository:
                return Outcome(jobs.COMPLETED, "SUP029")
            if apply:
                for component, version in self.repository:
                    if not bmc.jobs.busy_device(component.fqdd):
                        package = Package(component.kind, version, share)
                        self._job(package, "FirmwareUpdate", ON_RESET, download=True)
                self.repository = None
                if reboot:
                    bmc.timeline.after(bmc.jobs.pace.firmware_download_s * 2, bmc.restart_host)
            return None

        return bmc.jobs.add(
            "Repository Update", "RepositoryUpdate", (Step(jobs.RUNNING, "PR20", bmc.jobs.pace.other_s),), run
        )

    def package_list(self) -> str:
        """The comparison of the last repository run as the XML text that the service returns; SUP029 without one."""
        if self.repository is None:
            raise refuse(400, "SUP029")
        instances = "".join(_instance(component, version) for component, version in self.repository)
        return (
            '<?xml version="1.0" encoding="UTF-8" ?><CIM CIMVERSION="2.0" DTDVERSION="2.0">'
            f'<MESSAGE ID="4711" PROTOCOLVERSION="1.0"><SIMPLEREQ>{instances}</SIMPLEREQ></MESSAGE></CIM>'
        )


def _instance(component: Component, version: str) -> str:
    restart = "NONE" if component.kind in DIRECT_KINDS else "HOST"
    properties = {
        "DisplayName": component.name,
        "ComponentID": component.component_id,
        "Target": component.fqdd,
        "ComponentInstalledVersion": component.version,
        "PackageVersion": version,
        "PackageName": f"{component.kind.upper()}_{version}.EXE",
        "Criticality": "2",
        "RebootType": restart,
    }
    values = "".join(
        f'<PROPERTY NAME="{name}" TYPE="string"><VALUE>{escape(value)}</VALUE></PROPERTY>'
        for name, value in properties.items()
    )
    return (
        '<VALUE.NAMEDINSTANCE><INSTANCENAME><PROPERTY NAME="InstanceID"/></INSTANCENAME>'
        f'<INSTANCE CLASSNAME="DCIM_RepoUpdateSWID">{values}</INSTANCE></VALUE.NAMEDINSTANCE>'
    )

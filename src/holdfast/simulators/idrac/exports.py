"""Long operations of the Lifecycle Controller: exports, profiles, diagnostics, erasure (contract §12.16, §12.18)."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from holdfast.simulators.idrac import jobs, profiles
from holdfast.simulators.idrac.errors import refuse
from holdfast.simulators.idrac.jobs import Job, JobFile, Outcome, Step
from holdfast.simulators.idrac.shares import is_local, read_share
from holdfast.simulators.idrac.wire import Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.simulators.idrac.bmc import Bmc

_EXPORTS = ("ExportConfiguration", "ImportConfiguration", "LCLogExport", "ExportInventory", "LCExport")


class Exports:
    """Starts them, one at a time (LC062)."""

    def __init__(self, bmc: Bmc) -> None:
        self._bmc = bmc
        self.diagnostics: str | None = None
        self.eula_accepted = False
        self.collect_schedule: Json | None = None
        self.erased: list[str] = []

    def _free(self) -> None:
        if self._bmc.jobs.active_of(*_EXPORTS) is not None:
            raise refuse(400, "LC062")

    def file(
        self,
        name: str,
        kind: str,
        content: Json,
        filename: str,
        make: Callable[[], bytes],
        *,
        seconds: float | None = None,
        content_type: str = "application/octet-stream",
    ) -> Job:
        """A job that leaves a file: on the iDRAC when the request says Local, else on the network share."""
        if kind in _EXPORTS:
            self._free()
        if self._bmc.jobs.active_of(kind) is not None:
            raise refuse(400, "RAC0679")
        local = is_local(content)
        if not local:
            read_share(content)
        job = self._bmc.jobs.add(
            name,
            kind,
            (Step(jobs.RUNNING, "PR20", self._bmc.jobs.pace.other_s if seconds is None else seconds),),
            lambda: self._leave(job, filename, make, local=local, content_type=content_type),
        )
        return job

    def _leave(
        self, job: Job, filename: str, make: Callable[[], bytes], *, local: bool, content_type: str
    ) -> Outcome | None:
        if not local:
            if self._bmc.faults.take("share-unreachable", now=self._bmc.now):
                return Outcome(jobs.FAILED, "RED016")
            return None
        job.file = JobFile(filename, make(), content_type)
        self._bmc.jobs.files[filename] = job.file
        return None

    # what the files hold

    def lc_log(self) -> bytes:
        """The Lifecycle log as XML."""
        lines = [
            f"<Event MessageID={quoteattr(record.message_id)} Severity={quoteattr(record.severity)} "
            f"Timestamp={quoteattr(self._bmc.stamp(record.at))}><Message>{quoteattr(record.text)[1:-1]}</Message></Event>"
            for record in self._bmc.lclog.newest_first()
        ]
        return ('<?xml version="1.0"?><LCLogEvents>' + "".join(lines) + "</LCLogEvents>").encode()

    def inventory(self) -> bytes:
        """The hardware inventory as XML."""
        hw = self._bmc.hw
        fqdds = [*hw.cpus, *(dimm.fqdd for dimm in hw.dimms), *(port.fqdd for port in hw.nics)]
        fqdds += [*(disk.fqdd for disk in hw.disks), *(psu.fqdd for psu in hw.psus)]
        rows = "".join(f"<Component FQDD={quoteattr(fqdd)}/>" for fqdd in fqdds)
        tag = quoteattr(hw.server.service_tag)
        return f'<?xml version="1.0"?><Inventory ServiceTag={tag}>{rows}</Inventory>'.encode()

    def support(self, selectors: list[str]) -> bytes:
        """A SupportAssist collection: a small zip with what was asked for."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("tsr/metadata.txt", f"ServiceTag={self._bmc.server.service_tag}\n")
            for selector in selectors:
                archive.writestr(f"tsr/{selector}/data.xml", self.inventory())
        return out.getvalue()

    def thermal_history(self) -> bytes:
        """Inlet temperatures as CSV."""
        return b"Time,InletTempC\n2026-11-22T00:00:00,22\n2026-11-22T01:00:00,22\n"

    # profiles

    def export_profile(self, form: str, use: str, includes: list[str], targets: list[str], share: Json) -> Job:
        """Export a profile; a local one is read from its task."""
        bmc = self._bmc
        self._free()
        local = is_local(share)
        if not local:
            read_share(share)

        def export() -> Outcome | None:
            if not local and bmc.faults.take("share-unreachable", now=bmc.now):
                return Outcome(jobs.FAILED, "RED016")
            found = profiles.components(
                bmc,
                targets,
                read_only="IncludeReadOnly" in includes,
                hashes="IncludePasswordHashValues" in includes,
            )
            if local:
                job.document = (profiles.as_json if form == "JSON" else profiles.as_xml)(bmc, found, use)
                job.document_type = "application/json" if form == "JSON" else "application/xml"
            return Outcome(jobs.COMPLETED, "SYS043")

        job = bmc.jobs.add(
            "Export: Server Configuration Profile",
            "ExportConfiguration",
            (Step(jobs.RUNNING, "SYS057", bmc.jobs.pace.profile_export_s),),
            export,
        )
        return job

    def preview_profile(self, text: str, targets: list[str]) -> Job:
        """Say what an import would do."""
        bmc = self._bmc
        self._free()

        def preview() -> Outcome | None:
            try:
                difference = profiles.compare(bmc, profiles.parse(text), targets)
            except profiles.ProfileError:
                return Outcome(jobs.FAILED, "SYS082")
            if difference.errors:
                return Outcome(jobs.WITH_ERRORS, "SYS082")
            return Outcome(jobs.COMPLETED, "SYS081" if difference.changes else "SYS080")

        return bmc.jobs.add(
            "Preview: Server Configuration Profile",
            "ImportConfiguration",
            (Step(jobs.RUNNING, "SYS079", bmc.jobs.pace.profile_export_s),),
            preview,
        )

    def import_profile(self, text: str, targets: list[str], shutdown: str, power: str) -> Job:
        """Apply a profile; SYS069 when there is nothing to change, SYS055 when a part could not be set."""
        bmc = self._bmc
        self._free()

        def apply() -> Outcome | None:
            try:
                difference = profiles.compare(bmc, profiles.parse(text), targets)
            except profiles.ProfileError:
                return Outcome(jobs.FAILED, "SYS082")
            bios: dict[str, object] = {}
            for fqdd, name, value in difference.changes:
                if fqdd == profiles.BIOS:
                    bios[name] = bmc.bios_value(name, value)
                else:
                    bmc.attributes.set(name, value)
            if bios:
                bmc.bios.stage(bios)
                if shutdown == "NoReboot":
                    bmc.work.configure_bios()
                else:
                    bmc.bios.apply()
                    bmc.restart_host()
            if power == "Off":
                bmc.host.ensure_off()
            if difference.errors:
                return Outcome(jobs.WITH_ERRORS, "SYS055")
            return Outcome(jobs.COMPLETED, "SYS053" if difference.changes else "SYS069")

        return bmc.jobs.add(
            "Import: Server Configuration Profile",
            "ImportConfiguration",
            (Step(jobs.RUNNING, "SYS058", bmc.jobs.pace.profile_import_s),),
            apply,
        )

    # diagnostics and erasure

    def run_diagnostics(self, mode: str) -> Job:
        """Diagnostics restart the host and run instead of its system."""
        bmc = self._bmc
        if bmc.jobs.active_of("RemoteDiagnostics") is not None:
            raise refuse(400, "SYS098")

        def done() -> None:
            self.diagnostics = f"ePSA {mode}: all tests passed\nService Tag: {bmc.server.service_tag}\n"

        job = bmc.jobs.add(
            "Remote Diagnostics",
            "RemoteDiagnostics",
            (Step(jobs.RUNNING, "PR20", bmc.jobs.pace.diagnostics_s),),
            done,
        )
        bmc.restart_host()
        return job

    def erase(self, parts: list[str]) -> Job:
        """Erase components; the host ends off and the iDRAC restarts."""
        bmc = self._bmc

        def erase() -> None:
            self.erased += parts
            if "BIOS" in parts:
                bmc.bios.defaults()
            if "IDRAC" in parts:
                bmc.factory_defaults(keep_users=False)
            if "LCData" in parts:
                bmc.lclog.clear()
            if "OverwritePD" in parts or "CryptographicErasePD" in parts:
                for volume_id in list(bmc.raid.volumes):
                    bmc.raid.remove(volume_id)
            bmc.host.ensure_off()
            bmc.life.restart(reason="system erase")

        return bmc.jobs.add(
            "System Erase",
            "SystemErase",
            (Step(jobs.RUNNING, "PR20", bmc.jobs.pace.diagnostics_s),),
            erase,
            device="SystemErase",
        )

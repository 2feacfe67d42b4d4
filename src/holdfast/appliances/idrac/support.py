"""Diagnostics and support collections (contract 12.18)."""

from __future__ import annotations

from typing import Final, Literal

from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.client import IDracClient
from holdfast.appliances.idrac.exporting import export_change
from holdfast.appliances.idrac.files import free_file, new_file
from holdfast.appliances.idrac.reading import flag, link, text
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import ConflictError, UnsupportedError

Part = Literal["HWData", "OSAppData", "TTYLogs", "DebugLogs", "TelemetryReports", "GPULogs"]
Mode = Literal["Express", "Extended", "ExpressAndExtended"]
Restart = Literal["GracefulRebootWithForcedShutdown", "GracefulRebootWithoutForcedShutdown", "PowerCycle"]

COLLECTION: Final = frozenset({"SACollectExportHealthData"})
RESULT: Final = frozenset({"LCExport"})
DIAGNOSTICS: Final = frozenset({"RemoteDiagnostics"})
_LASTS: Final[dict[Mode, str]] = {
    "Express": "15 to 30 minutes",
    "Extended": "3 to 5 hours",
    "ExpressAndExtended": "up to 6 hours",
}


async def lifecycle_service(client: IDracClient) -> JsonObject:
    """Dell's Lifecycle Controller service.

    Raises:
        UnsupportedError: This generation has none over Redfish (7, 8).
    """
    address = link(await client.places.manager(), "Links/Oem/Dell/DellLCService")
    if address is None:
        raise UnsupportedError("This iDRAC has no Lifecycle Controller service over Redfish.")
    return await client.get(address)


async def plan_diagnostics(ctx: Ctx, mode: Mode, restart: Restart) -> Change:
    """The run of Dell's diagnostics, which take the place of the operating system meanwhile."""
    client = ctx.client
    target = client.target_of(await lifecycle_service(client), "DellLCService.RunePSADiagnostics")
    system = await client.places.system()
    body: JsonObject = {"RebootJobType": restart, "RunMode": mode, "ScheduledStartTime": "TIME_NOW"}

    async def look() -> Seen:
        return Seen(None, {"diagnostics": mode}, note="Only its job tells how the diagnostics go.")

    return await change(
        ctx,
        Write(
            lambda: client.write("POST", target, body), {"POST": target, "body": body}, jobs=DIAGNOSTICS, wait_s=40.0
        ),
        summary=f"Run {mode} diagnostics on {text(system, 'HostName') or text(system, 'SKU') or 'the server'}",
        before={"power_state": text(system, "PowerState")},
        after={"diagnostics": mode},
        look=look,
        cannot_undo="The server is restarted; a run that has begun is not stopped.",
        blast_radius=(
            f"The server is restarted ({restart}) and runs no operating system for {_LASTS[mode]}.",
            "Everything that runs on this server is interrupted.",
        ),
    )


async def plan_diagnostics_export(ctx: Ctx, file: str | None, wait_s: float) -> Change:
    """The export of the last diagnostics' result."""
    client = ctx.client
    target = client.target_of(await lifecycle_service(client), "DellLCService.ExportePSADiagnosticsResult")
    stem = f"{await client.identity()}-diagnostics"
    folder = client.settings.files_dir
    place = free_file(folder, stem, ".txt") if file is None else new_file(folder, file)
    body: JsonObject = {"ShareType": "Local"}
    return await export_change(
        ctx,
        lambda: client.write("POST", target, body),
        {"POST": target, "body": body},
        jobs=RESULT,
        place=place,
        summary=f"Export the result of the last diagnostics to the file {place.name}",
        wait_s=wait_s,
    )


async def plan_collection(ctx: Ctx, parts: list[Part], hide: bool, file: str | None, wait_s: float) -> Change:
    """A support collection (TSR) to a file.

    Raises:
        ConflictError: Nobody has accepted Dell's licence agreement at this iDRAC; that is for a person to decide.
    """
    client = ctx.client
    service = await lifecycle_service(client)
    target = client.target_of(service, "DellLCService.SupportAssistCollection")
    await _need_agreement(client, service)
    stem = f"{await client.identity()}-collection"
    folder = client.settings.files_dir
    place = free_file(folder, stem, ".zip") if file is None else new_file(folder, file)
    body: JsonObject = {"ShareType": "Local", "DataSelectorArrayIn": [*parts], "Filter": "Yes" if hide else "No"}
    return await export_change(
        ctx,
        lambda: client.write("POST", target, body),
        {"POST": target, "body": body},
        jobs=COLLECTION,
        place=place,
        summary=f"Collect {', '.join(parts)} for support into the file {place.name}",
        wait_s=wait_s,
        warnings=("The file describes the server in detail; it takes up to an hour to collect.",),
    )


async def _need_agreement(client: IDracClient, service: JsonObject) -> None:
    try:
        target = client.target_of(service, "DellLCService.SupportAssistGetEULAStatus")
    except UnsupportedError:
        return
    told = await client.ask(target)
    if flag(told, "EULAAccepted") is False or _refused(told):
        raise ConflictError(
            "Dell's licence agreement for SupportAssist has not been accepted at this iDRAC. Nothing was executed.",
            next_step="A person decides that, at the iDRAC: Maintenance, SupportAssist.",
        )


def _refused(told: JsonObject) -> bool:
    return "SRV085" in str(told.get("@Message.ExtendedInfo", ""))

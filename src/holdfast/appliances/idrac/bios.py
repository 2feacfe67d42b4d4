"""BIOS attributes: what they are, what is pending, a change that waits for a restart of the host (contract 12.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.client import Answered
from holdfast.appliances.idrac.jobs import list_jobs
from holdfast.appliances.idrac.reading import dig, flag, link, objects, text, texts
from holdfast.appliances.idrac.steps import in_steps
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import ConflictError, InputError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

Value = str | int
JOB: Final = frozenset({"BIOSConfiguration"})


ON_RESET, AT_WINDOW = "OnReset", "AtMaintenanceWindowStart"
When = Literal["OnReset", "AtMaintenanceWindowStart", "InMaintenanceWindowOnReset"]


@dataclass(frozen=True)
class ApplyTime:
    """When staged settings are applied; a window has a beginning and a length in seconds."""

    kind: When = "OnReset"
    start: str | None = None
    seconds: int = 3600

    @property
    def said(self) -> str:
        """For a summary."""
        return "at the next restart" if self.kind == ON_RESET else f"in the window from {self.start}"

    def body(self, supported: list[str]) -> JsonObject:
        """As a PATCH tells it.

        Raises:
            UnsupportedError: This server does not take it.
            InputError: A window without a beginning, or a beginning without a window.
        """
        if self.kind not in supported:
            raise UnsupportedError(f"This server applies settings {', '.join(supported)}.")
        if (self.start is None) != (self.kind == ON_RESET):
            raise InputError("Give window_start with a maintenance window, and only then.")
        if self.kind == ON_RESET:
            return {"ApplyTime": self.kind}
        return {
            "ApplyTime": self.kind,
            "MaintenanceWindowStartTime": self.start,
            "MaintenanceWindowDurationInSeconds": self.seconds,
        }


@dataclass(frozen=True)
class Bios:
    """BIOS attributes of a server: as they are, and as they will be after a restart."""

    address: str
    settings: str
    current: JsonObject
    pending: JsonObject
    apply_times: list[str]


async def read_bios(client: IDracClient) -> Bios:
    """Current and pending attributes.

    Raises:
        UnsupportedError: This server does not show them.
    """
    address = link(await client.places.system(), "Bios")
    if address is None:
        raise UnsupportedError("This server does not show its BIOS settings.")
    bios = await client.get(address)
    settings = link(bios, "@Redfish.Settings/SettingsObject")
    if settings is None:
        raise UnsupportedError("The BIOS settings of this server cannot be changed over Redfish.")
    pending = dig(await client.get(settings), "Attributes")
    current = dig(bios, "Attributes")
    return Bios(
        address=address,
        settings=settings,
        current=current if isinstance(current, dict) else {},
        pending=pending if isinstance(pending, dict) else {},
        apply_times=texts(bios, "@Redfish.Settings/SupportedApplyTimes"),
    )


async def has_job(client: IDracClient) -> bool:
    """Whether a job of BIOS settings has not ended."""
    return any(job.type in JOB and job.phase in ("staged", "running") for job in await list_jobs(client))


async def settings_queue(client: IDracClient) -> str:
    """Where a job for staged settings is made: Dell's own queue, also beside a JobService (contract 8.4).

    Raises:
        UnsupportedError: Another vendor's server, which has none.
    """
    manager = await client.places.manager()
    if dig(manager, "Links/Oem/Dell") is None:
        raise UnsupportedError("This server makes no jobs for settings that wait.")
    return link(manager, "Links/Oem/Dell/Jobs") or f"{text(manager, '@odata.id') or ''}/Jobs"


async def _check(client: IDracClient, bios: Bios, wanted: dict[str, Value]) -> list[str]:
    """Hold the values to this machine's registry; warnings where there is none."""
    unknown = sorted(set(wanted) - set(bios.current))
    if unknown:
        raise InputError(f"This BIOS has no attribute {', '.join(unknown)}.", next_step="List them: idrac_list_bios.")
    try:
        registry = await client.get(f"{bios.address}/BiosRegistry")
    except NotFoundError:
        return ["This server tells no registry: the values were not checked before."]
    for row in objects(registry, "RegistryEntries/Attributes"):
        name = text(row, "AttributeName")
        if name in wanted:
            check_value(name, wanted[name], row)
    return []


def check_value(name: str, value: Value, row: JsonObject) -> None:
    """Hold a value to what a registry says about its attribute.

    Raises:
        InputError: It does not fit.
    """
    if flag(row, "ReadOnly", "Readonly"):
        raise InputError(f"The attribute {name} can only be read.")
    allowed = [found for one in objects(row, "Value") if (found := text(one, "ValueName")) is not None]
    if allowed and value not in allowed:
        raise InputError(f"{name} is one of {', '.join(allowed[:40])}.")
    if text(row, "Type") == "Integer" and not isinstance(value, int):
        raise InputError(f"{name} is a whole number.")
    low, high = row.get("LowerBound"), row.get("UpperBound")
    if isinstance(value, int) and isinstance(low, int) and isinstance(high, int) and not low <= value <= high:
        raise InputError(f"{name} is between {low} and {high}.")


async def plan_bios(ctx: Ctx, wanted: dict[str, Value], when: ApplyTime) -> Change:
    """The change of BIOS attributes at the next restart of the host, or in a maintenance window.

    Raises:
        ConflictError: Other changes wait already: one job at a time (contract 12.8).
        InputError: An attribute or value that this machine does not have.
    """
    bios = await read_bios(ctx.client)
    warnings = await _check(ctx.client, bios, wanted)
    if bios.pending:
        raise ConflictError(
            f"Changes of {', '.join(sorted(bios.pending)[:10])} wait for a restart already.",
            next_step="Restart the server, or delete their job (idrac_list_jobs, idrac_delete_job).",
        )
    before: JsonObject = {name: bios.current[name] for name in sorted(wanted)}
    after: JsonObject = {name: wanted[name] for name in sorted(wanted)}
    body: JsonObject = {"Attributes": after}
    if bios.apply_times:
        body["@Redfish.SettingsApplyTime"] = when.body(bios.apply_times)
    elif when.kind != ON_RESET:
        raise UnsupportedError("This generation applies BIOS settings at the next restart only.")

    async def look() -> Seen:
        now = await read_bios(ctx.client)
        coming: JsonObject = {name: now.pending.get(name, now.current.get(name)) for name in sorted(wanted)}
        if coming == after and now.pending and not bios.apply_times and not await has_job(ctx.client):
            return Seen(False, coming, note="They are staged, but without a job: call idrac_apply_bios.", partly=True)
        return Seen(coming == after, coming)

    async def staged() -> bool:
        now = (await read_bios(ctx.client)).pending
        return all(now.get(name) == value for name, value in after.items() if before[name] != value)

    async def send() -> Answered:
        if bios.apply_times:
            return await ctx.client.write("PATCH", bios.settings, body)
        # Old firmware stages the values and wants the job made by itself (contract 8.4).
        queue = await settings_queue(ctx.client)
        return await in_steps(
            ctx,
            lambda: ctx.client.write("PATCH", bios.settings, body),
            staged,
            lambda: ctx.client.write("POST", queue, {"TargetSettingsURI": bios.settings}),
            half="They may be staged without a job: look with idrac_get_bios, then idrac_apply_bios.",
        )

    return await change(
        ctx,
        Write(send, {"PATCH": bios.settings, "body": body}, jobs=JOB, wait_s=5.0),
        summary=f"Set BIOS attributes {when.said}: {', '.join(sorted(wanted))}",
        before=before,
        after=after,
        look=look,
        blast_radius=(
            "The server is restarted when the window begins."
            if when.kind == AT_WINDOW
            else "Takes effect when the server is restarted.",
        ),
        warnings=warnings,
        nothing_to_do=before == after,
    )

"""Server configuration profiles: exported to a file, previewed, imported from one (contract 12.16).

A profile holds whole configurations with their secrets: it is never told in an answer, only its settings with secrets
hidden. Hashes of passwords are never asked for.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from holdfast.appliances.idrac.attributes import read_attributes
from holdfast.appliances.idrac.bios import read_bios
from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.client import Answered, IDracClient
from holdfast.appliances.idrac.errors import ValueRefusedError
from holdfast.appliances.idrac.exporting import export_change, task_address
from holdfast.appliances.idrac.files import free_file, known_file, new_file
from holdfast.appliances.idrac.jobs import Job
from holdfast.appliances.idrac.profilefile import MASKED, Profile, Row, read_profile
from holdfast.appliances.idrac.reading import objects, text
from holdfast.appliances.idrac.secretnames import HIDDEN, is_secret
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import HoldfastError, InputError, RefusedError

Component = Literal[
    "ALL", "IDRAC", "BIOS", "NIC", "RAID", "FC", "System", "LifecycleController", "EventFilters", "SupportAssist"
]
Form = Literal["JSON", "XML"]
Use = Literal["Default", "Clone", "Replace"]
Shutdown = Literal["Graceful", "Forced", "NoReboot"]
Power = Literal["On", "Off"]

EXPORT: Final = frozenset({"ExportConfiguration"})
IMPORT: Final = frozenset({"ImportConfiguration"})
SHOWN: Final = 40
"""Most settings that a plan or an answer names."""
_ADDRESS: Final = ("IPv4.1.", "IPv4Static.1.", "NIC.1.Enable", "NIC.1.VLan", "NIC.1.Selection")
_REACH: Final = (*_ADDRESS, "NIC.1.", "WebServer.1.", "Users.", "Lockdown.1.", "IPBlocking.1.", "Redfish.1.")
_RAID: Final = ("RAIDresetConfig", "RAIDaction", "RAIDinitOperation", "RAIDforeignConfig")


def _several(values: list[Component], *, as_list: bool) -> list[str] | str:
    """Several components: a list on iDRAC10, one text before (contract 12.16)."""
    return [*values] if as_list else ",".join(values)


async def _post(client: IDracClient, target: str, body: JsonObject, components: list[Component]) -> Answered:
    """The POST of a profile's action; where the firmware wants the components in the other form, in that (SYS424)."""
    as_list = await client.places.generation_now() == 10

    def made(form: bool) -> JsonObject:
        share = _several(components, as_list=form)
        return {**body, "ShareParameters": {"Target": [*share] if isinstance(share, list) else share}}

    try:
        return await client.write("POST", target, made(as_list))
    except ValueRefusedError as error:
        if not error.wrong_type("Target"):
            raise
        return await client.write("POST", target, made(not as_list))


async def plan_export(
    ctx: Ctx, components: list[Component], form: Form, use: Use, file: str | None, wait_s: float
) -> Change:
    """The export of a profile to a file."""
    client = ctx.client
    target = client.target_of(await client.places.manager(), "OemManager.ExportSystemConfiguration")
    generation = await client.places.generation_now() or 9
    if form == "JSON" and generation < 9:
        raise InputError("This generation exports XML only.")
    folder = client.settings.files_dir
    stem = f"{await client.identity()}-profile"
    place = free_file(folder, stem, f".{form.lower()}") if file is None else new_file(folder, file)
    body: JsonObject = {"ExportFormat": form, "ExportUse": use}
    warnings = ["The file can hold secrets of the server; only its owner may read it."]
    if use != "Default":
        warnings.append("A profile for Clone or Replace holds settings that destroy volumes when it is imported.")
    return await export_change(
        ctx,
        lambda: _post(client, target, body, components),
        {"POST": target, "body": body, "components": [*components]},
        jobs=EXPORT,
        place=place,
        summary=f"Export the profile of {', '.join(components)} to the file {place.name}",
        wait_s=wait_s,
        warnings=tuple(warnings),
    )


async def differences(client: IDracClient, profile: Profile) -> list[tuple[Row, str]] | None:
    """Settings that an import would change, with their values now; None where this generation does not tell them."""
    if (await client.places.generation_now() or 9) < 9:
        return None
    present: dict[str, JsonObject] = {
        "iDRAC.Embedded.1": await read_attributes(client, "idrac"),
        "System.Embedded.1": await read_attributes(client, "system"),
        "LifecycleController.Embedded.1": await read_attributes(client, "lifecycle"),
        "BIOS.Setup.1-1": (await read_bios(client)).current,
    }
    return [
        (row, str(now))
        for row in profile.rows
        if row.imported
        and row.value != MASKED
        and (now := present.get(row.component, {}).get(row.name)) is not None
        and str(now) != row.value
    ]


def _dangers(profile: Profile, found: list[tuple[Row, str]] | None) -> list[str]:
    """What a reader must know of a profile before it is imported."""
    rows = [row for row, _ in found] if found is not None else [row for row in profile.rows if row.imported]
    warnings: list[str] = []
    reach = sorted({row.name for row in rows if row.name.startswith(_REACH)})
    if reach:
        warnings.append(
            f"It sets users, network or access of the iDRAC: {', '.join(reach[:10])}. Holdfast may lose it."
        )
    raid = sorted(
        {
            f"{row.name}={row.value}"
            for row in profile.rows
            if row.imported
            and row.name.rsplit(".", 1)[-1] in _RAID
            and row.value not in ("False", "Update", "Ignore", "None")
        }
    )
    if raid:
        warnings.append(f"It destroys storage: {', '.join(raid[:10])}.")
    if found is None:
        warnings.append("This generation does not tell what would change: preview it first (idrac_preview_profile).")
    return warnings


async def _loaded(ctx: Ctx, file: str) -> tuple[Profile, list[tuple[Row, str]] | None, JsonObject]:
    profile = read_profile(known_file(ctx.client.settings.files_dir, file))
    if profile.form == "JSON" and (await ctx.client.places.generation_now() or 9) < 9:
        raise InputError("This generation imports XML only.")
    found = await differences(ctx.client, profile)
    digest = hashlib.sha256(profile.buffer.encode()).hexdigest()
    return profile, found, {"file": file, "sha256": digest}


def _values(found: list[tuple[Row, str]] | None, *, now: bool) -> JsonObject:
    if found is None:
        return {}
    return {row.name: HIDDEN if is_secret(row.name) else value if now else row.value for row, value in found[:SHOWN]}


async def plan_preview(ctx: Ctx, file: str, components: list[Component]) -> Change:
    """The iDRAC's own preview of an import: a job that changes nothing and tells whether it would work."""
    profile, found, digest = await _loaded(ctx, file)
    client = ctx.client
    target = client.target_of(await client.places.manager(), "OemManager.ImportSystemConfigurationPreview")
    told = False

    async def conclude(job: Job) -> JsonObject:
        nonlocal told
        told = True
        return {"told": [*await _messages(client, job)], "would_change": None if found is None else len(found)}

    async def look() -> Seen:
        return Seen(told or None, {"previewed": file})

    return await change(
        ctx,
        Write(
            lambda: _post(client, target, {"ImportBuffer": profile.buffer}, components),
            {"POST": target, "components": [*components], **digest},
            jobs=IMPORT,
            wait_s=60.0,
            concludes=conclude,
            only_looks=True,
        ),
        summary=f"Preview the import of the profile {file}",
        before=_values(found, now=True),
        after=_values(found, now=False),
        look=look,
        cannot_undo="A preview changes nothing.",
        warnings=_dangers(profile, found),
    )


async def plan_import(
    ctx: Ctx, file: str, components: list[Component], shutdown: Shutdown, power: Power, wait_s: float
) -> Change:
    """The import of a profile.

    Raises:
        RefusedError: It would change the iDRAC's address, which the configuration does not allow.
    """
    profile, found, digest = await _loaded(ctx, file)
    client = ctx.client
    target = client.target_of(await client.places.manager(), "OemManager.ImportSystemConfiguration")
    rows = [row for row, _ in found] if found is not None else [row for row in profile.rows if row.imported]
    moved = sorted({row.name for row in rows if row.component.startswith("iDRAC") and row.name.startswith(_ADDRESS)})
    if moved and not client.settings.allow_address_change and {"ALL", "IDRAC"} & set(components):
        raise RefusedError(
            f"The profile changes how the iDRAC is reached ({', '.join(moved[:6])}). Nothing was executed.",
            next_step="Leave IDRAC out of components, or the operator sets allow_address_change of this target.",
        )
    warnings = _dangers(profile, found)
    tag = await client.identity()
    if profile.service_tag is not None and profile.service_tag.upper() != tag.upper():
        warnings.insert(0, f"The profile was exported from another server: {profile.service_tag}.")
    body: JsonObject = {"ImportBuffer": profile.buffer, "ShutdownType": shutdown, "HostPowerState": power}
    log = (await client.places.logs()).get("Lclog")
    newest = "" if log is None else await _newest(client, log)

    async def conclude(job: Job) -> JsonObject:
        changed = [] if log is None else await _changes_since(client, log, newest)
        return {"told": [*await _messages(client, job)], "changed": [*changed]}

    async def look() -> Seen:
        return Seen(None, {"imported": file})

    count = f"{len(rows)} settings{'' if found is None else ' differ'}"
    radius = ["Settings of the server and its iDRAC are replaced."]
    if shutdown == "NoReboot":
        radius.append("What needs a restart of the server waits for the next one.")
    else:
        radius.append(f"The server may be restarted ({shutdown.lower()} shutdown), and ends {power}.")
    return await change(
        ctx,
        Write(
            lambda: _post(client, target, body, components),
            {"POST": target, "components": [*components], "shutdown": shutdown, "power": power, **digest},
            jobs=IMPORT,
            wait_s=wait_s,
            concludes=conclude,
        ),
        summary=f"Import the profile {file} ({count}) into the server {tag}",
        before=_values(found, now=True),
        after=_values(found, now=False),
        look=look,
        cannot_undo="Export the profile before: importing that again brings back most of what it was.",
        blast_radius=radius,
        warnings=warnings,
    )


async def _messages(client: IDracClient, job: Job) -> list[str]:
    """What the task of a job said; firmware that has forgotten it says it by the job."""
    try:
        task = await client.get(await task_address(client, job.id))
    except HoldfastError:
        return [job.message] if job.message else []
    found = [said for row in objects(task, "Messages") if (said := text(row, "Message")) is not None]
    return [said for said in found if not is_secret(said)][:20]


async def _newest(client: IDracClient, log: str) -> str:
    rows = (await client.part(log, offset=0, limit=1)).rows
    return (text(rows[0], "Id") or "") if rows else ""


async def _changes_since(client: IDracClient, log: str, newest: str) -> list[str]:
    """What the Lifecycle log says was configured since, the newest first; no line about a secret."""
    told: list[str] = []
    for row in (await client.part(log, offset=0, limit=100)).rows:
        if text(row, "Id") == newest:
            break
        said = text(row, "Message")
        if text(row, "Oem/Dell/Category") == "Configuration" and said is not None and not is_secret(said):
            told.append(said)
    return told[:SHOWN]

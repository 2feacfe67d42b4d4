"""BIOS settings: those that wait committed or discarded, all reset, two servers compared (contract 12.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.appliances.idrac.bios import JOB, Bios, read_bios, settings_queue
from holdfast.appliances.idrac.changes import Ctx, Seen, Write, acting, change
from holdfast.appliances.idrac.jobs import Job, list_jobs
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import ConflictError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient


async def waiting(client: IDracClient) -> list[Job]:
    """Jobs of BIOS settings that have not ended."""
    return [job for job in await list_jobs(client) if job.type in JOB and job.phase in ("staged", "running")]


async def _no_job(client: IDracClient) -> None:
    jobs = await waiting(client)
    if jobs:
        raise ConflictError(
            f"Job {jobs[0].id} has taken the waiting BIOS settings over ({jobs[0].state}).",
            next_step="Restart the server to carry it out, or take it back with idrac_delete_job.",
        )


async def _staged(client: IDracClient) -> Seen:
    """Whether a job waits for the restart now."""
    jobs = await waiting(client)
    return Seen(bool(jobs), {"job": jobs[0].id if jobs else None})


def _pending(bios: Bios) -> JsonObject:
    return {name: bios.pending[name] for name in sorted(bios.pending)}


async def plan_apply(ctx: Ctx) -> Change:
    """A job for settings that wait without one: staged by other tools, or by a change that broke off."""
    client = ctx.client
    bios = await read_bios(client)
    await _no_job(client)
    queue = await settings_queue(client)
    body: JsonObject = {"TargetSettingsURI": bios.settings}
    return await change(
        ctx,
        Write(lambda: client.write("POST", queue, body), {"POST": queue, "body": body}, jobs=JOB, wait_s=5.0),
        summary=f"Have {len(bios.pending)} waiting BIOS settings applied at the next restart",
        before={name: bios.current.get(name) for name in sorted(bios.pending)},
        after=_pending(bios),
        look=lambda: _staged(client),
        blast_radius=("Takes effect when the server is restarted.",),
        warnings=["Taking its job back discards the settings."],
        nothing_to_do=not bios.pending,
    )


async def plan_discard(ctx: Ctx) -> Change:
    """The discarding of settings that wait without a job."""
    client = ctx.client
    bios = await read_bios(client)
    settings = await client.get(bios.settings)
    write = acting(ctx, settings, "DellManager.ClearPending", {})
    await _no_job(client)

    async def look() -> Seen:
        now = await read_bios(client)
        return Seen(not now.pending, {"pending": [*sorted(now.pending)]})

    return await change(
        ctx,
        write,
        summary=f"Discard {len(bios.pending)} waiting BIOS settings",
        before={"pending": _pending(bios)},
        after={"pending": []},
        look=look,
        cannot_undo="They can be set again: idrac_set_bios.",
        nothing_to_do=not bios.pending,
    )


async def plan_reset(ctx: Ctx) -> Change:
    """The reset of all BIOS settings to their defaults, at the next restart."""
    client = ctx.client
    bios = await read_bios(client)
    await _no_job(client)
    if bios.pending:
        raise ConflictError(
            f"Changes of {', '.join(sorted(bios.pending)[:10])} wait already.",
            next_step="Discard them (idrac_discard_bios) or have them applied (idrac_apply_bios) first.",
        )
    target = client.target_of(await client.get(bios.address), "Bios.ResetBios")
    return await change(
        ctx,
        Write(lambda: client.write("POST", target, {}), {"POST": target}, jobs=JOB, wait_s=5.0),
        summary="Reset all BIOS settings to their defaults at the next restart",
        before={"settings": "as they are"},
        after={"settings": "defaults, after the restart"},
        look=lambda: _staged(client),
        blast_radius=("Takes effect when the server is restarted.", "A server set up otherwise may not boot any more."),
        warnings=["Export the profile of BIOS before: idrac_export_profile."],
    )


def differing(one: Bios, other: Bios) -> list[str]:
    """Names of attributes that two servers have with different values, or that only one has."""
    names = sorted({*one.current, *other.current})
    return [name for name in names if one.current.get(name) != other.current.get(name)]

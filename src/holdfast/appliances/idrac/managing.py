"""The iDRAC itself: what it is, its restart with waiting, its job queue (contract 8.4, 10, 12.6)."""

from __future__ import annotations

from typing import Final

from holdfast.appliances.idrac.changes import Ctx, Seen, Send, Write, acting, change
from holdfast.appliances.idrac.client import Answered, IDracClient
from holdfast.appliances.idrac.configuring import lockdown_state
from holdfast.appliances.idrac.jobs import read_job
from holdfast.appliances.idrac.models import ManagerInfo
from holdfast.appliances.idrac.reading import action_of, health, link, objects, text, time_of
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import ConflictError, Executed, HoldfastError, NotFoundError

FIRST_WAIT_S: Final = 60.0
"""Nothing that is heard earlier proves that a restart is over (contract 10)."""
POLL_S: Final = 10.0
RESTART_LIMIT_S: Final = 600.0


async def readiness(client: IDracClient) -> str | None:
    """State of the Lifecycle Controller: Ready, or what it does instead; None where it cannot be asked (7, 8)."""
    address = link(await client.places.manager(), "Links/Oem/Dell/DellLCService")
    if address is None:
        return None
    service = await client.get(address)
    if action_of(service, "DellLCService.GetRemoteServicesAPIStatus") is None:
        return None
    told = await client.ask(client.target_of(service, "DellLCService.GetRemoteServicesAPIStatus"))
    return text(told, "LCStatus", "Status")


async def read_manager(client: IDracClient) -> ManagerInfo:
    """The iDRAC: firmware, clock, network, lockdown, readiness; what cannot be read is noted."""
    manager = await client.places.manager()
    notes: list[str] = []
    lockdown = ready = None
    try:
        lockdown = await lockdown_state(client)
    except HoldfastError as error:
        notes.append(f"Lockdown: {error.message}")
    try:
        ready = await readiness(client)
    except HoldfastError as error:
        notes.append(f"Readiness: {error.message}")
    listing = link(manager, "EthernetInterfaces")
    ports = await client.rows(listing) if listing else []
    port = ports[0] if ports else {}
    addresses = [found for row in objects(port, "IPv4Addresses") if (found := text(row, "Address"))]
    return ManagerInfo(
        model=text(manager, "Model"),
        generation=client.places.generation,
        firmware=text(manager, "FirmwareVersion"),
        health=health(manager),
        clock=time_of(manager, "DateTime"),
        last_restart=time_of(manager, "LastResetTime"),
        lifecycle_controller=ready,
        lockdown=lockdown,
        mac_address=text(port, "PermanentMACAddress", "MACAddress"),
        host_name=text(port, "HostName", "FQDN"),
        addresses=list(addresses) or None,
        notes=notes or None,
    )


async def wait_until_back(ctx: Ctx) -> bool:
    """Wait until the iDRAC answers with a login and is ready, twice in a row; False when it did not in ten minutes."""
    await ctx.sleep(FIRST_WAIT_S)
    waited, good = FIRST_WAIT_S, 0
    while waited < RESTART_LIMIT_S:
        good = good + 1 if await _ready(ctx.client) else 0
        if good >= 2:
            return True
        await ctx.progress(waited, RESTART_LIMIT_S, "waiting for the iDRAC")
        await ctx.sleep(POLL_S)
        waited += POLL_S
    return False


async def _ready(client: IDracClient) -> bool:
    if not await client.answers():
        return False
    try:
        await client.places.system()
        return await readiness(client) in ("Ready", None)
    except HoldfastError:
        return False


async def plan_restart(ctx: Ctx) -> Change:
    """The restart of the iDRAC; its own clock of restarts, or its absence, proves it."""
    manager = await ctx.client.places.manager()
    before = text(manager, "LastResetTime")
    write = acting(ctx, manager, "Manager.Reset", {"ResetType": "GracefulRestart"})
    back = False

    async def look() -> Seen:
        if not await ctx.client.answers():
            return Seen(None, {"idrac": "is away"}, note="The iDRAC does not answer now, as during a restart.")
        now = text(await ctx.client.places.manager(), "LastResetTime")
        if before is None or now is None:
            return Seen(True if back else None, {"idrac": "answers"})
        return Seen(now != before, {"idrac": "answers", "last_restart": now})

    async def send() -> Answered:
        nonlocal back
        ctx.client.expect_restart()
        try:
            answered = await write.send()
        except HoldfastError as error:
            if error.executed is not Executed.NO:
                # It often goes away before it has answered: its own clock of restarts tells, once it is back.
                ctx.client.places.forget()
                await wait_until_back(ctx)
            raise
        ctx.client.places.forget()
        back = await wait_until_back(ctx)
        return answered

    return await change(
        ctx,
        Write(send, write.content),
        summary="Restart the iDRAC (the server keeps running)",
        before={"idrac": "answers", "last_restart": before},
        after={"idrac": "answers"},
        look=look,
        relative=True,
        cannot_undo="A restart is over when it is over.",
        blast_radius=("Consoles, virtual media and sessions of others end.", "Nothing is monitored for minutes."),
    )


async def plan_delete_job(ctx: Ctx, job: str) -> Change:
    """The deletion of a job that has ended or has not begun."""
    found = await read_job(ctx.client, job)
    if found.phase == "running":
        raise ConflictError(f"Job {job} is {found.state}; a running job cannot be stopped.")
    send, content = await _deletion(ctx, job)

    async def look() -> Seen:
        queue = await ctx.client.places.jobs()
        try:
            await ctx.client.get(f"{queue}/{job}")
        except NotFoundError:
            return Seen(True, {"job": None})
        return Seen(False, {"job": job})

    return await change(
        ctx,
        Write(send, content),
        summary=f"Delete job {job} ({found.name or found.type or 'job'}, {found.state})",
        before={"job": job, "state": found.state, "type": found.type},
        after={"job": None},
        look=look,
        cannot_undo="A deleted job does not come back; what it would have done must be set again.",
        blast_radius=("The settings that wait for it are discarded.",) if found.phase == "staged" else (),
    )


async def _deletion(ctx: Ctx, job: str) -> tuple[Send, JsonObject]:
    """By Dell's job service where there is one, else by DELETE (contract 8.4)."""
    address = link(await ctx.client.places.manager(), "Links/Oem/Dell/DellJobService")
    if address is not None:
        target = ctx.client.target_of(await ctx.client.get(address), "DellJobService.DeleteJobQueue")
        body: JsonObject = {"JobID": job}
        return lambda: ctx.client.write("POST", target, body), {"POST": target, "body": body}
    place = f"{await ctx.client.places.jobs()}/{job}"
    return lambda: ctx.client.write("DELETE", place), {"DELETE": place}

"""System state and pools."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.truenas.identifiers import JobNumber
from holdfast.appliances.truenas.jobs import FOLLOW_FROM_S, Job, job_state, wait_for
from holdfast.appliances.truenas.models.core import (
    Alert,
    AlertPage,
    ConnectionTest,
    JobEnd,
    Pool,
    PoolPage,
    SystemInfo,
)
from holdfast.appliances.truenas.outcomes import end_of, errors_in, read_result, tells
from holdfast.appliances.truenas.reading import dig, made
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import tool
from holdfast.errors import (
    AuthenticationError,
    HoldfastError,
    NotSentError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    TlsError,
    UnavailableError,
)
from holdfast.transport.values import (
    JsonObject,
    as_float,
    as_list,
    as_object,
    as_objects,
    as_str,
    get_bool,
    get_int,
    get_str,
    opt_bool,
    opt_float,
    opt_int,
    opt_list,
    opt_object,
    opt_str,
)


@tool(title="TrueNAS system info", toolset="core")
async def truenas_system_info(ctx: Ctx) -> SystemInfo:
    """Release, host name, hardware, load and uptime of a TrueNAS system. Use it first, and to check that it is up."""
    info = await ctx.client.get_system_info()
    load = opt_list(info, "loadavg")
    return SystemInfo(
        version=get_str(info, "version"),
        hostname=get_str(info, "hostname"),
        model=opt_str(info, "model"),
        manufacturer=opt_str(info, "system_manufacturer"),
        product=opt_str(info, "system_product"),
        serial=opt_str(info, "system_serial"),
        cores=opt_int(info, "cores"),
        memory_bytes=opt_int(info, "physmem"),
        ecc_memory=opt_bool(info, "ecc_memory"),
        load_average=[round(as_float(value, "loadavg"), 2) for value in load] if load else None,
        uptime_s=opt_float(info, "uptime_seconds"),
        timezone=opt_str(info, "timezone"),
    )


@tool(title="List pools", toolset="core")
async def truenas_list_pools(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> PoolPage:
    """Storage pools with state, health, capacity and a running or last scrub."""
    return page(PoolPage, await ctx.client.pools(), _pool, limit, cursor)


def _pool(row: JsonObject) -> Pool:
    size, used = opt_int(row, "size"), opt_int(row, "allocated")
    return Pool(
        id=get_int(row, "id"),
        name=get_str(row, "name"),
        status=get_str(row, "status"),
        healthy=get_bool(row, "healthy"),
        warning=opt_bool(row, "warning"),
        status_detail=opt_str(row, "status_detail"),
        size_bytes=size,
        used_bytes=used,
        free_bytes=opt_int(row, "free"),
        used_percent=round(100 * used / size, 1) if size and used is not None else None,
        scan=_scan(row),
    )


def _scan(row: JsonObject) -> str | None:
    scan = opt_object(row, "scan")
    if scan is None:
        return None
    percent = opt_float(scan, "percentage")
    done = f" {percent:.1f} %" if percent is not None and scan.get("state") == "SCANNING" else ""
    return f"{opt_str(scan, 'function')} {opt_str(scan, 'state')}{done}"


_LEVELS = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO")


@tool(title="List alerts", toolset="core")
async def truenas_list_alerts(
    ctx: Ctx,
    *,
    min_level: Annotated[
        Literal["INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"], Field(description="Leave out milder ones.")
    ] = "INFO",
    dismissed: Annotated[bool, Field(description="Dismissed ones too.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AlertPage:
    """What the system complains about, the most severe first: failing disks, full pools, failed tasks, updates."""
    rows = as_objects(await ctx.client.call("alert.list"), "alert.list")
    found = [
        row
        for row in rows
        if _severity(row) <= _LEVELS.index(min_level) and (dismissed or not get_bool(row, "dismissed"))
    ]
    found.sort(key=lambda row: (_severity(row), str(row.get("uuid"))))
    return page(AlertPage, found, lambda row: made(Alert, row), limit, cursor)


def _severity(row: JsonObject) -> int:
    level = str(row.get("level"))
    return _LEVELS.index(level) if level in _LEVELS else 0


@tool(title="Wait for job", toolset="core")
async def truenas_wait_job(
    ctx: Ctx,
    *,
    job: JobNumber,
    wait_s: Annotated[float, Field(ge=0, le=40, description="Longest wait, seconds; 0 only looks.")] = 30,
) -> JobEnd:
    """Wait until a job has ended, at most wait_s, and tell how. One that still runs is no error: call again."""
    waited = 0.0

    async def report(seen: Job, seconds: float) -> None:
        nonlocal waited
        waited = seconds
        await ctx.progress(seen.percent or 0.0, 100.0, f"{seen.method}: {seen.doing or seen.state}")

    ended = await wait_for(
        ctx.client, job, limit_s=wait_s, sleep=ctx.sleep, report=report, follow=wait_s >= FOLLOW_FROM_S
    )
    worked, problems = ended.state == "SUCCESS", errors_in(ended.log) if ended.state == "SUCCESS" else []
    if worked and tells(ended.method):
        worked, told = read_result(ended.method, (await job_state(ctx.client, job, with_result=True)).result)
        problems = [*told, *problems]
    return JobEnd(
        job=job,
        method=ended.method,
        state=ended.state,
        succeeded=worked if ended.ended else None,
        percent=ended.percent,
        doing=ended.doing,
        error=ended.error,
        problems=problems[:20] or None,
        log=end_of(ended.log, 2000) if ended.log else None,
        waited_s=round(waited, 1),
        notes=_about(ended),
    )


def _about(job: Job) -> list[str] | None:
    """What its state means for what to do next."""
    if not job.ended:
        how = "truenas_abort_job can stop it" if job.abortable else "it cannot be stopped safely"
        return [f"It has not ended: call again; {how}."]
    if job.state == "ABORTED" and not job.abortable:
        return ["TrueNAS shows it as aborted, but cannot stop such a job: its work may still go on."]
    if job.state != "SUCCESS":
        return ["What it had done by then stays done: read the state of what it was about."]
    return None


@tool(title="Test TrueNAS connection", toolset="core")
async def truenas_connection_test(ctx: Ctx) -> ConnectionTest:
    """Which step towards the API fails: network, TLS, login, or the account's roles. Use it when other calls fail."""
    try:
        me = as_object(await ctx.client.call("auth.me"), "auth.me")
        release = as_str(await ctx.client.call("system.version_short"), "system.version_short")
        state = as_str(await ctx.client.call("system.state"), "system.state")
    except HoldfastError as error:
        return _failed_at(error)
    roles = as_list(dig(me, "privilege.roles") or [], "privilege.roles")
    return ConnectionTest(
        reachable=True,
        tls=True,
        login=True,
        user=get_str(me, "pw_name"),
        roles=sorted(as_str(role, "role") for role in roles)[:40],
        full_admin="FULL_ADMIN" in roles,
        release=release,
        ready=state == "READY",
        problem=None if roles else "The account has no role: most tools will be refused.",
    )


def _failed_at(error: HoldfastError) -> ConnectionTest:
    test = ConnectionTest(problem=error.message, next_step=error.next_step)
    if isinstance(error, NotSentError):
        test.reachable = False
    elif isinstance(error, TlsError):
        test.reachable, test.tls = True, False
    elif isinstance(error, AuthenticationError | PermissionDeniedError | RateLimitedError):
        test.reachable, test.tls, test.login = True, True, False
    elif isinstance(error, UnavailableError | ProtocolError):
        test.reachable, test.tls = True, True
        test.next_step = test.next_step or (_STARTING if isinstance(error, UnavailableError) else _OTHER)
    return test


_STARTING = (
    "The web server answers, but not the middleware behind it: it starts, or is being restarted or updated. Login was "
    "not reached. Try again in a minute; if it stays so, look at the console."
)
_OTHER = "What answers there is not the API of TrueNAS 25.04 or newer. Login was not reached. Check host and port."

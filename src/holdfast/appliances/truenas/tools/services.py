"""Services: started, stopped, restarted, started with the system or not; alerts dismissed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.models.core import Service, ServicePage
from holdfast.appliances.truenas.reading import made, server_page
from holdfast.appliances.truenas.releases import Way
from holdfast.appliances.truenas.writes import Ctx, Seen, Verdict, Write, call
from holdfast.control.answers import UndoCall
from holdfast.control.change import Change
from holdfast.control.identifiers import ServiceName, Uuid
from holdfast.control.paging import Cursor, Limit
from holdfast.control.spec import Risk, tool
from holdfast.errors import NotFoundError
from holdfast.transport.values import JsonObject, JsonValue, as_objects, get_bool, get_str

_CONTROL_TIMEOUT_S = 120
_WORDS = {"START": "Start", "STOP": "Stop", "RESTART": "Restart", "RELOAD": "Reload"}


@tool(title="List services", toolset="services")
async def truenas_list_services(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> ServicePage:
    """Services (cifs, nfs, iscsitarget, ssh, …): running or not, and whether they start with the system."""
    return await server_page(
        ctx.client,
        ServicePage,
        ["service.query"],
        lambda row: made(Service, row),
        filters=[],
        limit=limit,
        cursor=cursor,
        order_by=["service"],
        select=["service", "state", "enable"],
    )


async def _service(ctx: Ctx, service: str) -> JsonObject:
    rows = await ctx.client.query(
        "service.query", [["service", "=", service]], {"limit": 1, "select": ["service", "state", "enable"]}
    )
    if not rows:
        raise NotFoundError(f"There is no service {service}.", next_step="truenas_list_services lists them.")
    return rows[0]


@tool(title="Control service", toolset="services", risk=Risk.WRITE, idempotent=True)
async def truenas_control_service(
    ctx: Ctx,
    *,
    service: ServiceName,
    action: Annotated[Literal["START", "STOP", "RESTART", "RELOAD"], Field(description="What to do.")],
) -> Change:
    """Start, stop, restart or reload a service. Stopping and restarting cut off whoever uses it."""
    row = await _service(ctx, service)
    state = get_str(row, "state")
    wanted = "STOPPED" if action == "STOP" else "RUNNING"

    async def look() -> Seen:
        now = get_str(await _service(ctx, service), "state")
        if now == "UNKNOWN":
            return Seen(None, {"state": now}, note="TrueNAS cannot tell the service's state now.")
        reached = now == wanted
        return Seen(None if reached and action in ("RESTART", "RELOAD") else reached, {"state": now})

    # silent defaults to true, and then a start that fails is answered with false instead of an error (contract 12).
    ways = (
        Way("service.control", (action, service, {"silent": False, "timeout": _CONTROL_TIMEOUT_S}), job=True),
        Way(f"service.{action.lower()}", (service, {"silent": False})),
    )
    back = {"START": "STOP", "STOP": "START"}.get(action)
    arguments: JsonObject = {"service": service, "action": back}
    return await change(
        ctx,
        Write(ways, judge=lambda answer: _judge(answer, f"{_WORDS[action]} {service}")),
        summary=f"{_WORDS[action]} the service {service}",
        before={"state": state},
        after={"state": wanted},
        look=look,
        undo=UndoCall(tool="truenas_control_service", arguments=arguments) if back else None,
        cannot_undo=None if back else "What it interrupts is interrupted.",
        nothing_to_do=action in ("START", "STOP") and state == wanted,
        destructive=action in ("STOP", "RESTART"),
    )


def _judge(answer: JsonValue, what: str) -> Verdict:
    if answer is False:
        return Verdict(worked=False, told=[f"TrueNAS says that it did not work: {what}."])
    return Verdict()


@tool(title="Start service with system", toolset="services", risk=Risk.WRITE, idempotent=True)
async def truenas_enable_service(
    ctx: Ctx, *, service: ServiceName, enabled: Annotated[bool, Field(description="Start with the system.")]
) -> Change:
    """Say whether a service starts with the system. It is neither started nor stopped now."""
    before = get_bool(await _service(ctx, service), "enable")

    async def look() -> Seen:
        now = get_bool(await _service(ctx, service), "enable")
        return Seen(now is enabled, {"enabled": now})

    return await change(
        ctx,
        call("service.update", service, {"enable": enabled}),
        summary=f"{'Start' if enabled else 'Do not start'} {service} with the system",
        before={"enabled": before},
        after={"enabled": enabled},
        look=look,
        undo=UndoCall(tool="truenas_enable_service", arguments={"service": service, "enabled": before}),
        nothing_to_do=before is enabled,
    )


@tool(title="Dismiss alert", toolset="services", risk=Risk.WRITE, idempotent=True)
async def truenas_dismiss_alert(ctx: Ctx, *, uuid: Uuid) -> Change:
    """Mark an alert as seen. Its cause stays; truenas_restore_alert shows it again."""
    return await _dismissed(ctx, uuid, wanted=True)


@tool(title="Restore alert", toolset="services", risk=Risk.WRITE, idempotent=True)
async def truenas_restore_alert(ctx: Ctx, *, uuid: Uuid) -> Change:
    """Show a dismissed alert again among those that wait."""
    return await _dismissed(ctx, uuid, wanted=False)


async def _alert(ctx: Ctx, uuid: str) -> JsonObject:
    for row in as_objects(await ctx.client.call("alert.list"), "alert.list"):
        if row.get("uuid") == uuid:
            return row
    raise NotFoundError(f"There is no alert {uuid}.", next_step="truenas_list_alerts lists them.")


async def _dismissed(ctx: Ctx, uuid: str, *, wanted: bool) -> Change:
    row = await _alert(ctx, uuid)
    before = get_bool(row, "dismissed")

    async def look() -> Seen:
        now = get_bool(await _alert(ctx, uuid), "dismissed")
        return Seen(now is wanted, {"dismissed": now})

    verb, back = ("Dismiss", "truenas_restore_alert") if wanted else ("Restore", "truenas_dismiss_alert")
    return await change(
        ctx,
        call("alert.dismiss" if wanted else "alert.restore", uuid),
        summary=f"{verb} the alert {row.get('klass')}",
        before={"dismissed": before},
        after={"dismissed": wanted},
        look=look,
        undo=UndoCall(tool=back, arguments={"uuid": uuid}),
        nothing_to_do=before is wanted,
    )

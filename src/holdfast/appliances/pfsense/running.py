"""Services as changes: found by name right before, since their ids are positions too (contract 10.12)."""

from __future__ import annotations

from typing import Final, Literal

from holdfast.appliances.pfsense.arguments import Ctx
from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.facts import model_named
from holdfast.appliances.pfsense.outcomes import Sent
from holdfast.appliances.pfsense.patience import patiently
from holdfast.control.answers import UndoCall
from holdfast.control.change import Applied, Change, Observed, by_state
from holdfast.errors import ConflictError, NotFoundError
from holdfast.transport.values import JsonObject, as_object

Action = Literal["start", "stop", "restart"]
_LOOKS: Final = 3
"""The control floor reads back so often: a service that comes up slowly is looked at until then."""
_DOWN: Final = (
    "It does not run: it was down before, or the restart has stopped it and it has not come up. Look again with "
    "pfsense_list_services; then pfsense_start_service, and pfsense_read_log log=system for the reason."
)
_NOT_UP: Final = (
    "It was told to start and does not run: it may be disabled, or fail; pfsense_read_log log=system tells."
)
_VERBS: Final = {"start": "Start", "stop": "Stop", "restart": "Restart"}


async def find_service(client: HTTPPfSenseClient, name: str, instance: str | None) -> JsonObject:
    """The service of this name as it is now.

    Raises:
        NotFoundError: There is none.
        ConflictError: Several instances have this name (OpenVPN, WireGuard).
    """
    rows = await client.rows(model_named("Service"))
    found = [row for row in rows if row.get("name") == name]
    if instance is not None:
        found = [row for row in found if row.get("description") == instance]
    if not found:
        raise NotFoundError(
            f"There is no service {name}. Nothing was executed.", next_step="pfsense_list_services lists them."
        )
    if len(found) > 1:
        names = "; ".join(str(row.get("description")) for row in found)
        raise ConflictError(
            f"Several services are named {name}: {names}. Nothing was executed.",
            next_step="Give instance as one of these descriptions.",
        )
    return found[0]


async def plan_service(ctx: Ctx, name: str, action: Action, instance: str | None) -> Change:
    """The change that starts, stops or restarts a service."""
    client, model = ctx.client, model_named("Service")
    await client.versions.require(model, "POST")
    row = await find_service(client, name, instance)
    identity = await client.identity()
    running = bool(row.get("status"))
    wanted = action != "stop"
    sent = Sent()
    looks = 0

    async def apply() -> Applied:
        async with client.writing():
            target = await find_service(client, name, instance)
            work = client.write("POST", model, {"id": target["id"], "action": action})
            said = as_object(await sent.made(patiently(ctx, work, f"{action} of {name}")), "service")
        other = said.get("name") != name
        return Applied(warnings=[f"pfSense names another service: {said.get('name')}"] if other else [])

    async def read_back() -> Observed:
        nonlocal looks
        looks += 1
        try:
            seen = bool((await find_service(client, name, instance)).get("status"))
        except (NotFoundError, ConflictError):
            return Observed("unknown", note="It is not listed as it was: look with pfsense_list_services.")
        state: JsonObject = {"running": seen}
        if seen == wanted:
            if action == "restart" and not sent.answered:
                return Observed("unknown", state, note="It runs; whether it was restarted cannot be seen.")
            # That a service runs does not show that it was restarted.
            return Observed("applied", state, shown=action != "restart")
        if looks < _LOOKS:
            return Observed("unknown", state, note="It takes a while.")
        if action == "restart":
            return Observed("unknown", state, note=_DOWN)
        if sent.may_come:
            return Observed("unknown", state, note="pfSense may still do it: look with pfsense_list_services.")
        return Observed("not_applied", state, note=_NOT_UP if sent.answered and action == "start" else None)

    back = {"start": "pfsense_stop_service", "stop": "pfsense_start_service"}.get(action)
    arguments: JsonObject = {"service": name}
    if instance is not None:
        arguments["instance"] = instance
    return Change(
        summary=f"{_VERBS[action]} service {name} ({row.get('description')})",
        identity=identity,
        before={"running": running},
        after={"running": wanted},
        content={"service": name, "instance": row.get("description"), "action": action},
        apply=apply,
        read_back=read_back,
        blast_radius=["What depends on it is interrupted."] if action != "start" else [],
        undo=UndoCall(tool=back, arguments=arguments) if back else None,
        cannot_undo=None if back else "A restart cannot be taken back.",
        nothing_to_do=action != "restart" and running == wanted,
        recall=None if action == "restart" else by_state(read_back),
    )

"""Staged network changes: commit with the appliance's own rollback timer, reconnect, check in (contract 15.9)."""

from __future__ import annotations

import uuid
from typing import Final

from holdfast.appliances.truenas.changes import Ctx
from holdfast.appliances.truenas.reading import plain
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Applied, Change, Observed
from holdfast.errors import Executed, HoldfastError, LostReplyError, NotFoundError
from holdfast.transport.values import JsonValue, as_objects, get_str

_CHECK_EVERY_S: Final = 2.0
_WOULD_GO: Final = ("interface.network_config_to_be_removed", "interface.default_route_will_be_removed")


async def interface_named(ctx: Ctx, name: str) -> JsonObject:
    """The interface of a name.

    Raises:
        NotFoundError: There is none.
    """
    rows = await ctx.client.query("interface.query", [["id", "=", name]], {"limit": 1})
    if not rows:
        raise NotFoundError(f"There is no interface {name}.", next_step="truenas_list_interfaces lists them.")
    return rows[0]


def shown(row: JsonObject) -> JsonObject:
    """What an interface is configured as."""
    aliases = row.get("aliases")
    rows = [item for item in aliases if isinstance(item, dict)] if isinstance(aliases, list) else []
    addresses: list[JsonValue] = [f"{item.get('address')}/{item.get('netmask')}" for item in rows]
    return {
        "addresses": addresses,
        "dhcp": row.get("ipv4_dhcp"),
        "mtu": row.get("mtu"),
        "description": row.get("description"),
    }


async def plan_commit(ctx: Ctx, row: JsonObject, values: JsonObject, *, rollback_s: int) -> Change:
    """The change that gives an interface other values, made safe by the appliance's rollback timer."""
    name = get_str(row, "id")
    before = shown(row)
    after = shown({**row, **values})
    services = as_objects(await ctx.client.call("interface.services_restarted_on_sync"), "services")
    mine = await ctx.client.call("interface.websocket_interface")
    own = isinstance(mine, dict) and mine.get("id") == name
    commit = _Commit(ctx, name, values, after, rollback_s)
    arguments: JsonObject = {"interface": name}
    if before["dhcp"]:
        arguments["dhcp"] = True
    else:
        arguments["addresses"] = before["addresses"]
        arguments |= {"dhcp": False} if values.get("ipv4_dhcp") else {}
    if "mtu" in values and before["mtu"] is not None:
        arguments["mtu"] = before["mtu"]
    if "description" in values:
        arguments["description"] = before["description"] or ""
    lost_mtu = "mtu" in values and before["mtu"] is None
    return Change(
        summary=f"Change the interface {name}, taken back after {rollback_s} s unless it is reachable",
        identity=await ctx.client.identity(),
        before=before,
        after=after,
        content={"interface": name, "values": plain(values), "rollback_s": rollback_s},
        apply=commit.apply,
        read_back=commit.read_back,
        blast_radius=[
            "Connections over this interface are interrupted.",
            *(f"Restarts {service.get('service')}." for service in services),
        ],
        warnings=["Holdfast itself is connected over this interface."] if own else [],
        undo=None if lost_mtu else UndoCall(tool="truenas_update_interface", arguments=arguments),
        cannot_undo="The MTU was not set before, and cannot be unset by this tool." if lost_mtu else None,
        nothing_to_do=before == after,
    )


class _Commit:
    """One staged change on its way: staged, committed, reached again, checked in."""

    def __init__(self, ctx: Ctx, name: str, values: JsonObject, after: JsonObject, rollback_s: int) -> None:
        self._ctx = ctx
        self._name = name
        self._values = values
        self._after = after
        self._rollback_s = rollback_s
        self._checked_in = False
        self._told: list[str] = []

    async def apply(self) -> Applied:
        client = self._ctx.client
        try:
            await client.write("interface.update", self._name, self._values, request_id=str(uuid.uuid4()))
        except LostReplyError:
            # Whether it was staged is not known; nobody else's changes were waiting, so what waits now is ours.
            if await client.call("interface.has_pending_changes"):
                await self._roll_back()
            raise
        gone = await client.first(_WOULD_GO)
        if gone:
            # A commit would drop a gateway or name servers that DHCP gave: the staging is dropped instead.
            await self._roll_back()
            raise HoldfastError(
                f"The change would take away {gone if isinstance(gone, bool) else ', '.join(map(str, _items(gone)))}.",
                executed=Executed.NO,
                next_step="Set gateway and name servers statically first.",
            )
        try:
            await client.write(
                "interface.commit",
                {"rollback": True, "checkin_timeout": self._rollback_s},
                request_id=str(uuid.uuid4()),
            )
        except LostReplyError:
            self._told.append("The answer to the commit was lost.")
        except HoldfastError:
            await self._roll_back()
            raise
        await self._confirm()
        return Applied(warnings=tuple(self._told))

    async def _confirm(self) -> None:
        """Reach the appliance on a new connection while its timer runs, and confirm."""
        ctx, waited = self._ctx, 0.0
        while waited < self._rollback_s:
            try:
                await ctx.client.reconnect()
                left = await ctx.client.unguarded("interface.checkin_waiting")
                if left is None:
                    await self._without_timer()
                    return
                await ctx.client.unguarded("interface.checkin", changes=True)
            except HoldfastError:
                await ctx.sleep(_CHECK_EVERY_S)
                waited += _CHECK_EVERY_S
                continue
            self._checked_in = True
            return
        self._told.append("TrueNAS could not be reached after the change; it takes the change back by itself.")

    async def _without_timer(self) -> None:
        """No timer runs: either it has run out, or a lost commit never armed it (contract 15.9)."""
        if await self._ctx.client.call("interface.has_pending_changes"):
            await self._roll_back()
            self._told.append("No rollback timer was running: the change was rolled back.")
        else:
            self._told.append("No rollback timer is running.")

    async def _roll_back(self) -> None:
        await self._ctx.client.write("interface.rollback", request_id=str(uuid.uuid4()))

    async def read_back(self) -> Observed:
        client = self._ctx.client
        now = shown(await interface_named(self._ctx, self._name))
        waiting = await client.call("interface.checkin_waiting")
        if waiting is not None:
            return Observed("unknown", now, note=f"It will be taken back in {waiting} s unless it is confirmed.")
        if now == self._after and not await client.call("interface.has_pending_changes"):
            return Observed("applied", now)
        return Observed("not_applied", now, note="TrueNAS has taken the change back." if now != self._after else None)


def _items(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []

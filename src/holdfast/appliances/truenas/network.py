"""Staged network changes: commit with the appliance's own rollback timer, reconnect, check in (contract 15.9)."""

from __future__ import annotations

import asyncio
import ipaddress
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.appliances.truenas.reading import plain
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Applied, Change, Observed
from holdfast.errors import ConflictError, Executed, HoldfastError, LostReplyError, NotFoundError, ValidationError
from holdfast.resilience import remaining_s
from holdfast.transport.values import JsonValue, as_objects, get_str

_CHECK_EVERY_S: Final = 2.0
_READ_BACK_S: Final = 20.0
"""What a call keeps of its time for reading back, seconds."""
WOULD_GO: Final = ("interface.network_config_to_be_removed", "interface.default_route_will_be_removed")
MEMBERS: Final = {"BRIDGE": "bridge_members", "LINK_AGGREGATION": "lag_ports"}
"""Kind of interface → the API's field for its members."""
_OF_KIND: Final = {
    "VLAN": {"vlan_parent_interface": "parent", "vlan_tag": "tag"},
    "BRIDGE": {"bridge_members": "members"},
    "LINK_AGGREGATION": {"lag_ports": "members", "lag_protocol": "lag_protocol"},
}


async def interface_named(ctx: Ctx, name: str) -> JsonObject:
    """The interface of a name.

    Raises:
        NotFoundError: There is none.
    """
    rows = await ctx.client.query("interface.query", [["id", "=", name]], {"limit": 1})
    if not rows:
        raise NotFoundError(f"There is no interface {name}.", next_step="truenas_list_interfaces lists them.")
    return rows[0]


async def refuse_pending(ctx: Ctx) -> None:
    """Refuse to commit what somebody else has staged; there is one set of changes for everybody (contract 15.9).

    Raises:
        ConflictError: Changes wait.
    """
    if await ctx.client.call("interface.has_pending_changes"):
        raise ConflictError(
            "Somebody's changes of the network wait uncommitted; committing would apply them too.",
            next_step="truenas_network_changes shows them; have them committed in the web interface, or discard them "
            "with truenas_revert_network.",
        )


def shown(row: JsonObject) -> JsonObject:
    """What an interface is configured as."""
    aliases = row.get("aliases")
    rows = [item for item in aliases if isinstance(item, dict)] if isinstance(aliases, list) else []
    addresses: list[JsonValue] = [*sorted(_written(f"{item.get('address')}/{item.get('netmask')}") for item in rows)]
    facts: JsonObject = {
        "addresses": addresses,
        "dhcp": row.get("ipv4_dhcp"),
        "mtu": row.get("mtu"),
        "description": row.get("description"),
    }
    for name, told in _OF_KIND.get(str(row.get("type")), {}).items():
        value = plain(row.get(name))
        facts[told] = [*sorted(map(str, value))] if isinstance(value, list) else value
    return facts


def _written(address: str) -> str:
    """An address with its prefix as it is written in one way only: what TrueNAS tells in another order, or by other
    letters, is the same.
    """
    try:
        return str(ipaddress.ip_interface(address))
    except ValueError:
        return address


async def carrying(ctx: Ctx) -> set[str]:
    """Names of the interfaces that carry Holdfast's own connection: the one it comes in on, its parent, its members."""
    mine = await ctx.client.call("interface.websocket_interface")
    if not isinstance(mine, dict):
        return set()
    names = {str(mine.get("id"))}
    for field in ("bridge_members", "lag_ports"):
        members = mine.get(field)
        names |= {str(name) for name in members} if isinstance(members, list) else set()
    parent = mine.get("vlan_parent_interface")
    return names | ({parent} if isinstance(parent, str) else set())


@dataclass(frozen=True)
class Staging:
    """One change to stage.

    Attributes:
        method, params: What stages it.
        name: Of the interface.
        after: What it is configured as afterwards; None when it is gone.
    """

    method: str
    params: tuple[JsonValue, ...]
    name: str
    after: JsonObject | None


async def plan_commit(
    ctx: Ctx,
    staging: Staging,
    *,
    summary: str,
    before: JsonObject,
    rollback_s: int,
    undo: UndoCall | None,
    cannot_undo: str | None = None,
    warnings: Sequence[str] = (),
) -> Change:
    """The change that stages, commits, reconnects and checks in, made safe by the appliance's rollback timer."""
    commit = _Commit(ctx, staging, rollback_s)
    return Change(
        summary=f"{summary}, taken back after {rollback_s} s unless it is reachable",
        identity=await ctx.client.identity(),
        before=before,
        after=staging.after if staging.after is not None else {},
        content={"method": staging.method, "params": plain(list(staging.params)), "rollback_s": rollback_s},
        apply=commit.apply,
        read_back=commit.read_back,
        blast_radius=["Connections over this interface are interrupted."],
        warnings=warnings,
        undo=undo,
        cannot_undo=None if undo else cannot_undo,
        nothing_to_do=before == staging.after,
    )


async def plan_update(ctx: Ctx, row: JsonObject, values: JsonObject, *, rollback_s: int) -> Change:
    """The change that gives an interface other values."""
    name = get_str(row, "id")
    before = shown(row)
    own = name in await carrying(ctx)
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
    if MEMBERS.get(str(row.get("type"))) in values:
        arguments["members"] = before["members"]
    lost_mtu = "mtu" in values and before["mtu"] is None
    return await plan_commit(
        ctx,
        Staging("interface.update", (name, values), name, shown({**row, **values})),
        summary=f"Change the interface {name}",
        before=before,
        rollback_s=rollback_s,
        undo=None if lost_mtu else UndoCall(tool="truenas_update_interface", arguments=arguments),
        cannot_undo="The MTU was not set before, and cannot be unset by this tool.",
        warnings=["Holdfast itself is connected over this interface."] if own else [],
    )


class _Commit:
    """One staged change on its way: staged, committed, reached again, checked in."""

    def __init__(self, ctx: Ctx, staging: Staging, rollback_s: int) -> None:
        self._ctx = ctx
        self._staging = staging
        self._rollback_s = rollback_s
        self._checked_in = False
        self._told: list[str] = []

    async def apply(self) -> Applied:
        client = self._ctx.client
        await client.turn_to_reconnect()  # the rollback timer does not wait for it
        try:
            await client.write(self._staging.method, *self._staging.params, request_id=str(uuid.uuid4()))
        except HoldfastError as error:
            await self._drop_staged(error)
            raise
        try:
            gone = await client.first(WOULD_GO)
            # Only what is staged tells which services listen on an address that goes away.
            services = as_objects(await client.call("interface.services_restarted_on_sync"), "services")
        except HoldfastError as error:
            error.executed = Executed.UNKNOWN  # it is staged: what waits has to be read back
            await self._take_back(error)
            raise
        if gone:
            # A commit would drop a gateway or name servers that DHCP gave: the staging is dropped instead.
            refused = HoldfastError(
                f"The change would take away {gone if isinstance(gone, bool) else ', '.join(map(str, _items(gone)))}.",
                executed=Executed.NO,
                next_step="Set gateway and name servers statically first.",
            )
            await self._take_back(refused)
            raise refused
        self._told += [f"{row.get('service')} was restarted: it listened on an address that went." for row in services]
        try:
            await client.write(
                "interface.commit",
                {"rollback": True, "checkin_timeout": self._rollback_s},
                request_id=str(uuid.uuid4()),
            )
        except LostReplyError:
            self._told.append("The answer to the commit was lost.")
        except HoldfastError as error:
            await self._take_back(error)
            raise
        await self._confirm()
        return Applied(warnings=tuple(self._told))

    async def _drop_staged(self, error: HoldfastError) -> None:
        """Take back what a call has staged that failed. Nobody else's changes were waiting, so what waits now is ours;
        where that cannot be read, the error no longer says that nothing was executed.
        """
        try:
            if error.executed is Executed.NO:
                ours: JsonValue = isinstance(error, ValidationError) and await self._is_staged()
            else:
                ours = await self._ctx.client.call("interface.has_pending_changes")
        except HoldfastError:
            error.executed = Executed.UNKNOWN
            return
        if ours:
            error.executed = Executed.UNKNOWN
            await self._take_back(error)

    async def _take_back(self, error: HoldfastError) -> None:
        """Drop what is staged; where that fails too, the error no longer says that nothing was executed."""
        try:
            await self._roll_back()
        except HoldfastError:
            error.executed = Executed.UNKNOWN

    async def _is_staged(self) -> bool:
        """Whether just what was wanted waits uncommitted, although its values were refused."""
        client = self._ctx.client
        if not await client.call("interface.has_pending_changes"):
            return False
        rows = await client.query("interface.query", [["id", "=", self._staging.name]], {"limit": 1})
        return (shown(rows[0]) if rows else None) == self._staging.after

    async def _confirm(self) -> None:
        """Reach the appliance on a new connection while its timer runs, and confirm; as long as the call has time."""
        ctx = self._ctx
        ends = ctx.now() + self._rollback_s
        while (left := _shorter(ends - ctx.now(), remaining_s())) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._check_in()
            except (HoldfastError, TimeoutError):
                await ctx.sleep(min(_CHECK_EVERY_S, left))
                continue
            return
        self._told.append("TrueNAS could not be reached after the change; it takes the change back by itself.")

    async def _check_in(self) -> None:
        client = self._ctx.client
        await client.reconnect()
        if await client.unguarded("interface.checkin_waiting") is None:
            await self._without_timer()
            return
        await client.unguarded("interface.checkin", changes=True)
        self._checked_in = True

    async def _without_timer(self) -> None:
        """No timer runs: either it has run out, or a lost commit never armed it (contract 15.9)."""
        if await self._ctx.client.call("interface.has_pending_changes"):
            await self._roll_back()
            self._told.append("No rollback timer was running: the change was rolled back.")
        else:
            self._told.append("No rollback timer is running.")

    async def _roll_back(self) -> None:
        await self._ctx.client.write("interface.rollback", request_id=str(uuid.uuid4()), urgent=True)

    async def read_back(self) -> Observed:
        client, after = self._ctx.client, self._staging.after
        rows = await client.query("interface.query", [["id", "=", self._staging.name]], {"limit": 1})
        now = shown(rows[0]) if rows else None
        waiting = await client.call("interface.checkin_waiting")
        if waiting is not None:
            return Observed("unknown", now or {}, note=f"It will be taken back in {waiting} s unless it is confirmed.")
        if await client.call("interface.has_pending_changes"):
            return Observed("not_applied", now or {}, note=_STAGED, next_step=_DISCARD)
        if now == after:
            return Observed("applied", now or {})
        return Observed("not_applied", now or {}, note="TrueNAS has taken the change back.")


_STAGED: Final = "It waits uncommitted: nothing of it is in force, but whoever commits next applies it too."
_DISCARD: Final = "truenas_revert_network discards what waits; truenas_network_changes shows it."


def _shorter(timer_s: float, call_s: float | None) -> float:
    """Time to go on, seconds: until the timer has run out, or the call needs the rest to read back."""
    return timer_s if call_s is None else min(timer_s, call_s - _READ_BACK_S)


def _items(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []

"""The iDRAC's own IPv4 address: changed, and the iDRAC looked for where it then is (contract 12.15)."""

from __future__ import annotations

import ipaddress
from typing import Final

from holdfast.appliances.idrac.attributes import Value
from holdfast.appliances.idrac.changes import Ctx, Seen, Send, Write, change, patching
from holdfast.appliances.idrac.client import Answered
from holdfast.appliances.idrac.following import NewAddress, address_of, port, reached_at
from holdfast.appliances.idrac.places import attributes_place
from holdfast.appliances.idrac.reading import dig, text
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.errors import InputError, RefusedError, UnsupportedError

FOLLOW_S: Final = 60.0
"""How long the iDRAC is looked for at its new address, seconds."""
_RECOVERY: Final = (
    "If it cannot be reached afterwards: set the address at the server's console (F2, iDRAC Settings), on its front "
    "panel, or from its operating system with racadm."
)


def _checked(address: str, gateway: str) -> ipaddress.IPv4Interface:
    try:
        wanted, way = ipaddress.IPv4Interface(address), ipaddress.IPv4Address(gateway)
    except ValueError:
        raise InputError("Give an IPv4 address with its prefix, and an IPv4 gateway.") from None
    network = wanted.network
    if network.prefixlen > 30 or wanted.ip in (network.network_address, network.broadcast_address):
        raise InputError(f"{address} is no address of a host.")
    if way not in network or way == wanted.ip:
        raise InputError(f"The gateway {gateway} is not another address of {network}.")
    return wanted


async def plan_address(ctx: Ctx, *, address: str | None, gateway: str | None) -> Change:
    """The change of the iDRAC's own IPv4 address; without one it asks DHCP.

    Raises:
        RefusedError: The operator has not allowed it: it can take the iDRAC away from Holdfast.
    """
    client = ctx.client
    if not client.settings.allow_address_change:
        raise RefusedError(
            "The configuration does not allow to change the iDRAC's address. Nothing was executed.",
            next_step="The operator sets allow_address_change of this target, and its host afterwards.",
        )
    if (address is None) != (gateway is None):
        raise InputError("Give address and gateway, or neither for DHCP.")
    found = await port(client)
    before = address_of(found)
    after: JsonObject = {"dhcp": True, "address": None, "netmask": None, "gateway": None}
    wanted: dict[str, Value] = {"IPv4.1.DHCPEnable": "Enabled"}
    body: JsonObject = {"DHCPv4": {"DHCPEnabled": True}}
    if address is not None and gateway is not None:
        at = _checked(address, gateway)
        after = {"dhcp": False, "address": str(at.ip), "netmask": str(at.netmask), "gateway": gateway}
        wanted = {
            "IPv4.1.DHCPEnable": "Disabled",
            "IPv4.1.Address": str(at.ip),
            "IPv4.1.Netmask": str(at.netmask),
            "IPv4.1.Gateway": gateway,
        }
        body = {"IPv4Addresses": [{"Address": str(at.ip), "SubnetMask": str(at.netmask), "Gateway": gateway}]}
    elif dig(found, "DHCPv4") is None:
        raise UnsupportedError("This generation is not set to DHCP over Redfish.")
    attributes = await attributes_place(client, "iDRAC")
    place = attributes or text(found, "@odata.id") or ""
    sent: JsonObject = {"Attributes": {**wanted}} if attributes is not None else body
    move = _Move(ctx, after, await client.identity(), await _followed(ctx, before, after))
    undo: UndoCall | None = None
    if before["dhcp"] is False and isinstance(before["address"], str) and isinstance(before["netmask"], str):
        prefix = ipaddress.IPv4Network(f"0.0.0.0/{before['netmask']}").prefixlen
        back: JsonObject = {"address": f"{before['address']}/{prefix}", "gateway": before["gateway"]}
        undo = UndoCall(tool="idrac_set_address", arguments=back)
    write = patching(ctx, place, sent)
    return await change(
        ctx,
        Write(lambda: move.send(write.send), write.content, settle_s=FOLLOW_S if move.followed else 0.0),
        summary=f"Change the address of the iDRAC from {before['address']} to {after['address'] or 'DHCP'}",
        before=before,
        after=after,
        look=move.look,
        undo=undo,
        cannot_undo=None if undo else "The address before came by DHCP.",
        blast_radius=("The iDRAC is not reached at its old address any more: by nobody.",),
        warnings=[_RECOVERY, move.then],
        nothing_to_do=before == after,
        destructive=True,
    )


async def _followed(ctx: Ctx, before: JsonObject, after: JsonObject) -> NewAddress | None:
    """Where to look for it: nowhere behind a forwarded port, nor where DHCP decides."""
    old, new = before["address"], after["address"]
    if not isinstance(old, str) or not isinstance(new, str) or not await reached_at(ctx.client, old):
        return None
    return NewAddress(ctx.client, new, await ctx.client.identity())


class _Move:
    """The way from one address to the other.

    Args:
        ctx: Of the tool.
        after: The address to come.
        tag: Service tag of the server behind it.
        there: Where the iDRAC is looked for; None when it cannot be.
    """

    def __init__(self, ctx: Ctx, after: JsonObject, tag: str, there: NewAddress | None) -> None:
        self._ctx = ctx
        self._after = after
        self._tag = tag
        self._there = there

    @property
    def followed(self) -> bool:
        """Whether it is looked for."""
        return self._there is not None

    @property
    def then(self) -> str:
        """What the operator does afterwards."""
        where = self._after["address"] or "the address that DHCP gave"
        return f"Then set host of target {self._ctx.target.name} to {where}: until then no tool reaches it there."

    async def send(self, send: Send) -> Answered:
        """Send the change, unless somebody has the address already."""
        if self._there is not None and await self._there.taken():
            raise RefusedError(
                f"Something answers at {self._after['address']} already. Nothing was executed.",
                next_step="Give an address that nobody has.",
            )
        answered = await send()
        self._ctx.client.places.forget()
        return answered

    async def look(self) -> Seen:
        """Where it is now: first where it should be, then where it was."""
        note = ""
        if self._there is not None:
            seen = await self._there.look()
            if seen.here:
                state = seen.state or {"address": self._after["address"]}
                return Seen(self._is(state), state, note=f"{seen.note} {self.then}")
            note = f"{seen.note} "
        if not await self._ctx.client.answers():
            note += f"It does not answer where it was. Whether it moved is not known. {self.then} {_RECOVERY}"
            return Seen(None, {"idrac": "no answer at its old address"}, note=note, unproven=True)
        if await self._ctx.client.identity() != self._tag:
            note += f"Another server answers where it was. Whether it moved is not known. {self.then} {_RECOVERY}"
            return Seen(None, {"idrac": "another server at its old address"}, note=note, unproven=True)
        now = address_of(await port(self._ctx.client))
        if self._there is not None and self._is(now):
            note += f"It has the new address set and still answers at the old one. {self.then}"
            return Seen(None, now, note=note, unproven=True)
        return Seen(self._is(now), now, note=note or None)

    def _is(self, now: JsonObject) -> bool:
        if self._after["dhcp"]:
            return now.get("dhcp") is True
        return all(now.get(name, value) == value for name, value in self._after.items())

"""The cap of the server's power (contract 12.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.appliances.idrac.changes import Ctx, Seen, change, patching
from holdfast.appliances.idrac.places import attributes_place
from holdfast.appliances.idrac.reading import dig, link, objects, text, whole
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.errors import InputError, UnsupportedError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

_ON = ("Enabled", "Automatic", "Manual", "Override")
"""What says that a cap holds: Dell's state, or the control mode of Redfish."""


_UNTOLD = "This server tells no lowest cap; one below what its hardware can hold may not hold: see idrac_get_power."


@dataclass(frozen=True)
class Cap:
    """The cap: where it is set, whether it holds, its watts, what it may be."""

    address: str
    modern: bool
    enabled: bool
    watts: int | None
    lowest: int | None
    highest: int | None

    @property
    def state(self) -> JsonObject:
        """As a plan is bound to it; watts of a cap that does not hold mean nothing."""
        return {"cap_watts": self.watts if self.enabled else None}


async def read_cap(client: IDracClient) -> Cap:
    """The cap by whichever resource the generation has.

    Raises:
        UnsupportedError: It has none.
    """
    system, chassis = await client.places.system(), await client.places.chassis()
    old, new = link(chassis, "Power"), link(chassis, "EnvironmentMetrics")
    if old is not None:
        control = (objects(await client.get(old), "PowerControl") or [{}])[0]
        if not isinstance(control.get("PowerLimit"), dict):
            raise UnsupportedError("The power of this server cannot be capped here; a sled's is its chassis manager's.")
        lowest, highest = await _bounds(client)
        highest = highest or whole(control, "PowerCapacityWatts")
        watts = whole(control, "PowerLimit/LimitInWatts")
        enabled = text(system, "Oem/Dell/DellSystem/PowerCapEnabledState") in _ON
        if dig(system, "Oem/Dell/DellSystem") is None:
            enabled = watts is not None  # the standard's: no watts, no cap
        return Cap(old, False, enabled, watts, lowest, highest)
    found = await client.get(new) if new is not None else {}
    if new is None or not isinstance(found.get("PowerLimitWatts"), dict):
        raise UnsupportedError("The power of this server cannot be capped.")
    return Cap(
        new,
        True,
        text(found, "PowerLimitWatts/ControlMode") in _ON,
        whole(found, "PowerLimitWatts/SetPoint"),
        whole(found, "PowerLimitWatts/AllowableMin"),
        whole(found, "PowerLimitWatts/AllowableMax"),
    )


async def _bounds(client: IDracClient) -> tuple[int | None, int | None]:
    """What Dell's attributes say that a cap may be; unknown on generations without them."""
    place = await attributes_place(client, "System")
    attributes = (await client.get(place)).get("Attributes") if place is not None else None
    if not isinstance(attributes, dict):
        return None, None
    return whole(attributes, "ServerPwr.1.PowerCapMinThres"), whole(attributes, "ServerPwr.1.PowerCapMaxThres")


async def plan_cap(ctx: Ctx, watts: int | None) -> Change:
    """The change of the cap; none lifts it.

    Raises:
        InputError: Outside of what this server can hold.
    """
    cap = await read_cap(ctx.client)
    if watts is not None and (
        (cap.lowest is not None and watts < cap.lowest) or (cap.highest is not None and watts > cap.highest)
    ):
        lowest = "an untold minimum" if cap.lowest is None else cap.lowest
        raise InputError(f"This server can be capped from {lowest} to {cap.highest} watts.")
    body: JsonObject = {"PowerControl": [{"PowerLimit": {"LimitInWatts": watts}}]}
    if cap.modern:
        body = {"PowerLimitWatts": {"SetPoint": watts} if watts is not None else {"ControlMode": "Disabled"}}
    wanted: JsonObject = {"cap_watts": watts}

    async def look() -> Seen:
        now = (await read_cap(ctx.client)).state
        return Seen(now == wanted, now)

    return await change(
        ctx,
        patching(ctx, cap.address, body),
        summary="Lift the cap of the server's power" if watts is None else f"Cap the server's power at {watts} watts",
        before=cap.state,
        after=wanted,
        look=look,
        undo=UndoCall(tool="idrac_set_power_cap", arguments={"watts": cap.state["cap_watts"]}),
        blast_radius=("What runs on the server is slowed down where it would need more.",) if watts is not None else (),
        warnings=(_UNTOLD,) if watts is not None and cap.lowest is None else (),
        nothing_to_do=cap.state == wanted,
    )

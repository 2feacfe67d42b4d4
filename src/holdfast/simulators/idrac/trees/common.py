"""What all resources share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from holdfast.simulators.idrac.errors import missing_resource
from holdfast.simulators.idrac.wire import Call, Json, Listing, Reply, link

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

T = TypeVar("T")


def resource(bmc: Bmc, path: str, schema: str, name: str, **more: object) -> Json:
    """The properties that every resource begins with; `schema` "X" or, for a Dell one, "DellX" (version 1.0.0)."""
    return {
        "@odata.context": f"/redfish/v1/$metadata#{schema}.{schema}",
        "@odata.id": path,
        "@odata.type": bmc.persona.schema(schema),
        "Description": name,
        "Id": path.rsplit("/", 1)[-1],
        "Name": name,
        **more,
    }


def collection(
    bmc: Bmc,
    path: str,
    schema: str,
    members: Sequence[str],
    name: str | None = None,
    **more: object,
) -> Reply:
    """A collection of links; `schema` is the members' ("Memory" gives MemoryCollection)."""

    def full(item: object) -> Json:
        return bmc.fetch(str(item)) or link(str(item))

    body: Json = {
        "@odata.context": f"/redfish/v1/$metadata#{schema}Collection.{schema}Collection",
        "@odata.id": path,
        "@odata.type": f"#{schema}Collection.{schema}Collection",
        "Description": name or f"Collection of {schema} resources",
        "Name": name or f"{schema} Collection",
        "Members": [],
        "Members@odata.count": len(members),
        **more,
    }
    return Reply(200, body, listing=Listing(members, lambda item: link(str(item)), full))


def pick(items: Sequence[T], key: Callable[[T], str], wanted: str, path: str) -> T:
    """The item of this id; refused as missing when there is none."""
    for item in items:
        if key(item) == wanted:
            return item
    raise missing_resource(path)


def status(health: str | None = "OK", state: str = "Enabled", rollup: str | None = None) -> Json:
    """A Status object; `rollup` adds HealthRollup."""
    found: Json = {"Health": health, "State": state}
    if rollup is not None:
        found["HealthRollup"] = rollup
    return found


def action(target: str, **allowed: Sequence[str]) -> Json:
    """An action's advertisement; `ResetType=("On",)` becomes ResetType@Redfish.AllowableValues."""
    found: Json = {"target": target}
    for name, values in allowed.items():
        found[f"{name}@Redfish.AllowableValues"] = list(values)
    return found


def no_content(bmc: Bmc, call: Call) -> Reply:
    """204."""
    return Reply(204)

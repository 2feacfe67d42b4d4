"""Values out of Redfish resources in whatever shape firmware gives them: absent, or of another kind, is None."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from holdfast.transport.values import JsonObject, JsonValue

_GENERATION: Final = re.compile(r"\s*(\d{2})G\b")
_BY_POWEREDGE: Final = {12: 7, 13: 8, 14: 9, 15: 9, 16: 9, 17: 10}
_NO_TIMES: Final = ("0000-00-00", "TIME_NOW", "TIME_NA", "00:00:00Z")


def dig(resource: JsonObject, path: str) -> JsonValue:
    """The value at a path of names joined by `/`; None when a part of the path is not there."""
    value: JsonValue = resource
    for name in path.split("/"):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def text(resource: JsonObject, *paths: str) -> str | None:
    """The first non-empty text at one of the paths, blanks normalised (messages hold U+00A0, contract 2)."""
    for path in paths:
        value = dig(resource, path)
        if isinstance(value, str) and (plain := value.replace("\u00a0", " ").strip()):
            return plain
    return None


def number(resource: JsonObject, *paths: str) -> float | None:
    """The first number at one of the paths; metric values are text on some firmware."""
    for path in paths:
        value = dig(resource, path)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def whole(resource: JsonObject, *paths: str) -> int | None:
    """The first number at one of the paths, rounded."""
    found = number(resource, *paths)
    return None if found is None else round(found)


def flag(resource: JsonObject, *paths: str) -> bool | None:
    """The first truth value at one of the paths."""
    return next((value for path in paths if isinstance(value := dig(resource, path), bool)), None)


def objects(resource: JsonObject, path: str) -> list[JsonObject]:
    """The objects of an array; empty when it is not there."""
    value = dig(resource, path)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(resource: JsonObject, path: str) -> list[str]:
    """The texts of an array; empty when it is not there."""
    value = dig(resource, path)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def link(resource: JsonObject, path: str) -> str | None:
    """The address of a link."""
    return text(resource, f"{path}/@odata.id")


def links(resource: JsonObject, path: str) -> list[str]:
    """The addresses of an array of links."""
    return [found for item in objects(resource, path) if (found := text(item, "@odata.id"))]


def health(resource: JsonObject) -> str | None:
    """Health of a resource with all below it; None means unknown, not well (contract 12.1)."""
    return text(resource, "Status/HealthRollup", "Status/Health")


def time_of(resource: JsonObject, *paths: str) -> str | None:
    """A time as the iDRAC tells it; None for the placeholders that stand for no time (contract 2)."""
    found = text(resource, *paths)
    return None if found is None or found.startswith(_NO_TIMES) else found


def worst(healths: Iterable[str | None]) -> str | None:
    """The worst of several healths."""
    known = set(healths)
    return next((one for one in ("Critical", "Warning", "OK") if one in known), None)


def generation_of(*texts_of_models: str | None) -> int | None:
    """iDRAC generation by the PowerEdge generation at the start of a model ("14G Monolithic"); None when unknown.

    Firmware versions say nothing: iDRAC10 began again at 1.x (contract 1).
    """
    for model in texts_of_models:
        if model and (found := _GENERATION.match(model)):
            return _BY_POWEREDGE.get(int(found[1]))
    return None


def action_of(resource: JsonObject, name: str) -> JsonObject | None:
    """An action of a resource by its name without version: also below Oem, also `OemManager.v1_0_0#…` (contract 1)."""
    actions = resource.get("Actions")
    if not isinstance(actions, dict):
        return None
    oem = actions.get("Oem")
    for group in (actions, oem if isinstance(oem, dict) else {}):
        for key, value in group.items():
            if key.rpartition("#")[2] == name and isinstance(value, dict) and isinstance(value.get("target"), str):
                return value
    return None

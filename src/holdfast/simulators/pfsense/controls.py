"""Control parameters of a request: taken out of its data before anything else is validated (contract §7.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.simulators.pfsense.answers import ApiError, invalid
from holdfast.simulators.pfsense.schema import Endpoint
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Work

_FLAGS = (
    "SORT_REGULAR",
    "SORT_NUMERIC",
    "SORT_STRING",
    "SORT_LOCALE_STRING",
    "SORT_NATURAL",
    "SORT_FLAG_CASE",
)


@dataclass
class Control:
    """What a request says about how, not what."""

    limit: int = 0
    offset: int = 0
    reverse: bool = False
    append: bool = False
    remove: bool = False


def _flag(data: dict[str, Any], name: str) -> bool | None:
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, bool):
        raise invalid(f"ENDPOINT_{name.upper()}_FIELD_INVALID_TYPE", f"Field `{name}` must be of type `boolean`.")
    del data[name]
    return value


def _number(data: dict[str, Any], name: str) -> int | None:
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(f"ENDPOINT_{name.upper()}_FIELD_INVALID_TYPE", f"Field `{name}` must be of type `integer`.")
    del data[name]
    return value


def take(work: Work, endpoint: Endpoint, method: str, data: Value, headers: Mapping[str, str]) -> Control:
    """Check and remove the control parameters that this version knows; the others stay as unknown fields.

    Raises:
        ApiError: 400 for a wrong type or value, or `dry_run` on a GET; 500 for a dry run of PUT (contract §7.4).
    """
    persona = work.machine.persona
    control = Control(limit=endpoint.default_limit)
    if method == "PUT" and isinstance(data, dict) and data:
        raise invalid(
            "ENDPOINT_REQUEST_DATA_MUST_BE_INDEXED_ARRAY",
            "A PUT must carry a list of objects.",
        )
    dry_header = persona.has_dry_run and "dry-run" in headers.get("Prefer", "").lower()
    if isinstance(data, dict):
        _take_from_body(work, method, data, control)
    if dry_header or work.dry_run:
        if method == "GET":
            raise invalid(
                "ENDPOINT_DRY_RUN_NOT_SUPPORTED_ON_GET", "The `dry_run` parameter is not supported on GET requests."
            )
        if method == "PUT":
            raise ApiError(500, "MODEL_CACHE_MODELSET_MISSING_SIGNATURE", "The set of objects has no signature.")
        work.dry_run = True
    return control


def _take_from_body(work: Work, method: str, data: dict[str, Any], control: Control) -> None:
    persona = work.machine.persona
    if persona.has_plural_delete:
        runs_async = _flag(data, "async")
        work.wait_apply = runs_async is False
        control.reverse = bool(_flag(data, "reverse"))
    if persona.has_sorting:
        _take_sorting(work, data)
    if persona.has_plural_delete:
        control.append = bool(_flag(data, "append"))
        control.remove = bool(_flag(data, "remove"))
    limit, offset = _number(data, "limit"), _number(data, "offset")
    control.limit = limit if limit is not None else control.limit
    control.offset = offset or 0
    if persona.has_dry_run and _flag(data, "dry_run"):
        work.dry_run = True
    if method in ("POST", "PATCH", "DELETE"):
        work.apply = data.get("apply") is True
    placement = data.get("placement")
    if (
        method in ("POST", "PATCH")
        and isinstance(placement, int)
        and not isinstance(placement, bool)
        and placement >= 0
    ):
        work.placement = placement


def _take_sorting(work: Work, data: dict[str, Any]) -> None:
    model = work.schema.models[work.endpoint_model]
    wanted = data.get("sort_by")
    if wanted is not None:
        names = wanted if isinstance(wanted, list) else [wanted]
        for name in names:
            if not isinstance(name, str):
                raise invalid("ENDPOINT_SORT_BY_FIELD_INVALID_TYPE", "Field `sort_by` must be of type `string`.")
            if name not in model.fields:
                raise invalid(
                    "ENDPOINT_SORT_BY_FIELD_NON_EXISTENT_FIELD", "Field `sort_by` names no field of this object."
                )
        work.sort_by = tuple(names)
        del data["sort_by"]
    for name, known, current in (
        ("sort_order", ("SORT_ASC", "SORT_DESC"), "UNKNOWN_SORT_ORDER"),
        ("sort_flags", _FLAGS, "UNKNOWN_SORT_FLAGS"),
    ):
        value = data.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise invalid(f"ENDPOINT_{name.upper()}_FIELD_INVALID_TYPE", f"Field `{name}` must be of type `string`.")
        if value not in known:
            raise invalid(
                f"ENDPOINT_{name.upper()}_FIELD_{current}", f"Field `{name}` must be one of: [{', '.join(known)}]."
            )
        setattr(work, name, value)
        del data[name]

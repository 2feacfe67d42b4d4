"""Closed argument models made from a tool function's signature, and errors that never repeat a value."""

from __future__ import annotations

import asyncio
import inspect
from difflib import get_close_matches
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, create_model

from holdfast.control.spec import ToolSpec
from holdfast.control.wellformed import broken_text_in
from holdfast.cutting import cut
from holdfast.errors import InputError

TARGET: Final = "target"
DRY_RUN: Final = "dry_run"
PLAN_ID: Final = "plan_id"
_OWN: Final = frozenset({TARGET, DRY_RUN, PLAN_ID})

_TargetArgument = Annotated[
    str | None,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$"),
    Field(description="Configured target; needed when there are several."),
]
_DryRunArgument = Annotated[bool, Field(description="Only plan; change nothing.")]
_PlanArgument = Annotated[
    str | None, StringConstraints(pattern=r"^[A-Za-z0-9_-]{4,64}$"), Field(description="Apply this earlier plan.")
]

_MAX_SHOWN = 4
_LONG_CHARS: Final = 1000
"""Longer texts are looked through in a thread: an argument may be a file, whose grammar takes long to read."""


class Arguments(BaseModel):
    """Base of all argument models: closed, and silent about values in its errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def arguments_model(spec: ToolSpec) -> type[BaseModel]:
    """The argument model of a tool: the function's keyword arguments and those that control adds."""
    if (known := spec._cache.get("arguments")) is not None:
        return known
    fields: dict[str, Any] = {}
    for parameter in list(spec.signature.parameters.values())[1:]:
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise TypeError(f"{spec.name}: argument {parameter.name} must be keyword-only")
        if parameter.name in _OWN:
            raise TypeError(f"{spec.name}: the argument {parameter.name} is control's own; name it otherwise")
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[parameter.name] = (parameter.annotation, default)
    if spec.kind != "estate" and not spec.fleet:
        fields[TARGET] = (_TargetArgument, None)
    if spec.writes:
        fields[DRY_RUN] = (_DryRunArgument, False)
        fields[PLAN_ID] = (_PlanArgument, None)
    model = create_model(f"{spec.name}_arguments", __base__=Arguments, **fields)
    spec._cache["arguments"] = model
    return model


async def validated_arguments(spec: ToolSpec, given: dict[str, object]) -> dict[str, object]:
    """As `validate_arguments`; long texts do not hold the event loop up."""
    if any(isinstance(value, str) and len(value) > _LONG_CHARS for value in given.values()):
        return await asyncio.to_thread(validate_arguments, spec, given)
    return validate_arguments(spec, given)


def validate_arguments(spec: ToolSpec, given: dict[str, object]) -> dict[str, object]:
    """The arguments of a call, validated.

    Raises:
        InputError: With the field, the rule and what is allowed; never the value. Nothing was executed.
    """
    model = arguments_model(spec)
    if (broken := broken_text_in(given)) is not None:
        raise InputError(
            f"Invalid arguments for {spec.name}: {_safe(broken)}: half of a character (a lone surrogate), which no "
            "appliance can be sent. Nothing was executed.",
            next_step="Repeat with whole characters.",
        )
    try:
        validated = model.model_validate(given)
    except ValidationError as error:
        raise _readable(spec, model, error) from None
    return {name: getattr(validated, name) for name in model.model_fields}


def _readable(spec: ToolSpec, model: type[BaseModel], error: ValidationError) -> InputError:
    """No name of a tool or an argument stands right before a colon: after that of a secret, redaction would hide what
    is wrong with it.
    """
    problems: list[str] = []
    found = error.errors(include_url=False, include_input=False, include_context=False)
    for problem in found[:_MAX_SHOWN]:
        field = ".".join(cut(str(part), 40) for part in problem["loc"]) or "arguments"
        if problem["type"] == "extra_forbidden":
            close = get_close_matches(field, list(model.model_fields), n=1)
            problems.append(f"{_safe(field)} (unknown argument{f'; did you mean {close[0]}?' if close else ''})")
        elif problem["type"] == "missing":
            problems.append(f"{field} (required)")
        else:
            problems.append(f"{_safe(field)} ({problem['msg'].removeprefix('Value error, ')})")
    if len(found) > _MAX_SHOWN:
        problems.append(f"and {len(found) - _MAX_SHOWN} more")
    return InputError(
        f"{spec.name} was called with invalid arguments: {'; '.join(problems)}. Nothing was executed.",
        next_step=f"Allowed arguments: {', '.join(model.model_fields)}.",
    )


def _safe(name: str) -> str:
    """An argument name as given by the caller, fit to be shown."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-.") else "?" for c in name)

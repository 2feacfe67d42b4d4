"""What the tools sent, against the vendor's own description of the method's arguments."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft7Validator

from tests.support.schemas import schema_lines


@cache
def _methods() -> dict[str, list[dict[str, Any]]]:
    return {line["method"]: line["accepts"] for line in schema_lines("truenas-25.10.jsonl")}


@cache
def _validator(method: str, position: int) -> Draft7Validator:
    return Draft7Validator(_methods()[method][position])


def problems(method: str, params: list[object]) -> list[str]:
    """Why the vendor would refuse these arguments; a method that it does not describe is a problem too."""
    accepts = _methods().get(method)
    if accepts is None:
        return [f"{method} is not described"]
    if len(params) > len(accepts):
        return [f"{method} takes {len(accepts)} arguments"]
    return [
        f"{method}[{position}]: {error.message}"
        for position, value in enumerate(params)
        for error in _validator(method, position).iter_errors(value)
    ]

"""What the tools sent, against the descriptions of the methods' arguments.

25.10 and the half of 25.04 that the vendor describes are held to the vendor's files. The other half of 25.04 (methods
declared in the old style) and 26 are held to what the contract derives from those files.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from jsonschema import Draft202012Validator

from holdfast.simulators.truenas.facts import vendor_facts
from holdfast.simulators.truenas.releases import facts_of
from tests.simulators.truenas.answers import VENDOR_RELEASES, plain, vendor_rows

VENDOR: Final = "vendor"
CONTRACT: Final = "contract"


@cache
def description(release: str, method: str) -> tuple[str, tuple[Draft202012Validator, ...], int] | None:
    """Who describes a method of a release, a validator for each of its arguments, and how many must be given."""
    if release in VENDOR_RELEASES and (row := vendor_rows(release).get(method)) is not None:
        required = sum(bool(param["required"]) for param in row["params"])
        return VENDOR, tuple(Draft202012Validator(plain(schema)) for schema in row["accepts"]), required
    fact = facts_of(release).get(method)
    if fact is None:
        return None
    expand = vendor_facts().expand
    validators = tuple(Draft202012Validator(plain(expand(param.schema))) for param in fact.params)
    return CONTRACT, validators, sum(param.required for param in fact.params)


def _read(value: Any) -> Any:
    """The value as the middleware reads it: times as text (the schemas call them date-time strings)."""
    if isinstance(value, list):
        return [_read(item) for item in value]
    if isinstance(value, dict):
        return "2026-11-23T00:00:00Z" if set(value) == {"$date"} else {key: _read(item) for key, item in value.items()}
    return value


def problems(release: str, method: str, params: list[object]) -> list[str]:
    """Why the release would refuse these arguments; a method that it does not describe is a problem too."""
    found = description(release, method)
    if found is None:
        return [f"{method} is not described"]
    _, accepts, required = found
    if not required <= len(params) <= len(accepts):
        return [f"{method} takes {required} to {len(accepts)} arguments, not {len(params)}"]
    return [
        f"{method}[{position}]: {error.message}"
        for position, (validator, value) in enumerate(zip(accepts, params, strict=False))
        for error in validator.iter_errors(_read(value))
    ]

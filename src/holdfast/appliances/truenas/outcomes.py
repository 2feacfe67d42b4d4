"""What the result of a job says went wrong although the job is a SUCCESS (contract 7, 12, 15.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from holdfast.cutting import cut, redacted
from holdfast.transport.values import JsonObject, JsonValue


def failed_parts(result: JsonValue) -> tuple[list[str], list[str]]:
    """Of `pool.dataset.unlock`: the datasets that were unlocked, and one sentence for each that was not."""
    shown: JsonObject = result if isinstance(result, dict) else {}
    failed, unlocked = shown.get("failed"), shown.get("unlocked")
    done = [str(name) for name in unlocked] if isinstance(unlocked, list) else []
    told: list[str] = []
    for name, why in failed.items() if isinstance(failed, dict) else ():
        reason = why.get("error") if isinstance(why, dict) else why
        told.append(f"{name} was not unlocked: {reason}")
    return done, told


def _unlock(result: JsonValue) -> tuple[bool, list[str]]:
    done, told = failed_parts(result)
    return not told or bool(done), told


def _control(result: JsonValue) -> tuple[bool, list[str]]:
    return result is not False, ["TrueNAS says that it did not work."] if result is False else []


def _bulk(result: JsonValue) -> tuple[bool, list[str]]:
    parts = result if isinstance(result, list) else []
    told = [
        f"Part {number} failed: {cut(str(part['error']), 200)}"
        for number, part in enumerate(parts, 1)
        if isinstance(part, dict) and part.get("error")
    ]
    return len(told) < len(parts) or not told, told


_BY_METHOD: Final[dict[str, Callable[[JsonValue], tuple[bool, list[str]]]]] = {
    "pool.dataset.unlock": _unlock,
    "service.control": _control,
    "core.bulk": _bulk,
    "app.upgrade_bulk": _bulk,
}


def tells(method: str) -> bool:
    """Whether the result of this method's jobs has to be looked at before a SUCCESS is believed."""
    return method in _BY_METHOD


def read_result(method: str, result: JsonValue) -> tuple[bool, list[str]]:
    """Whether anything of a job that ended as SUCCESS worked, and what went wrong, one sentence each."""
    return _BY_METHOD[method](result)


def errors_in(log: str | None) -> list[str]:
    """Lines of a job's log that tell of errors: a transfer that skipped files is a SUCCESS (contract 12)."""
    found = [cut(line.strip(), 200) for line in (log or "").splitlines() if "ERROR" in line]
    return [f"Its log tells of an error: {line}" for line in found[:5]]


def end_of(text: str, most: int) -> str:
    """At most the last `most` characters; secrets are out before it is cut, so that none is left in part."""
    return text if len(text) <= most else redacted(text, complete=True)[-most:]

"""TrueNAS's error frames as errors of the common tree (contract 4). `trace` never leaves this module."""

from __future__ import annotations

import re
from typing import Final

from holdfast.cutting import cut
from holdfast.errors import (
    ApplianceError,
    ApplianceFaultError,
    AuthenticationError,
    BusyError,
    ConflictError,
    Executed,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
    ValidationError,
)
from holdfast.transport import JsonRpcError
from holdfast.transport.values import JsonObject, JsonValue

ENOENT: Final = 2
ENOMETHOD: Final = 201
ENOTAUTHENTICATED: Final = 207

_BRACKETED: Final = re.compile(r"^\[\w+\]\s*")
_SHOWN: Final = 5

_BY_ERRNO: Final[dict[int, tuple[type[ApplianceError], str | None]]] = {
    1: (PermissionDeniedError, None),
    2: (NotFoundError, "List the objects to find the right name or id."),
    11: (BusyError, "Repeat in a few seconds."),
    13: (PermissionDeniedError, "Give the account a role that allows this method."),
    16: (BusyError, None),
    17: (ConflictError, None),
    22: (ValidationError, "Correct the values named."),
    28: (ConflictError, "There is not enough space."),
    30: (ConflictError, None),
    39: (ConflictError, None),
    64: (UnsupportedError, "The appliance's policy forbids this network activity."),
    95: (UnsupportedError, None),
    103: (UnavailableError, None),
    109: (UnavailableError, None),
    110: (UnavailableError, None),
    111: (UnavailableError, None),
    113: (UnavailableError, None),
    201: (UnsupportedError, "This release does not have the method."),
    203: (UnavailableError, None),
    204: (UnavailableError, None),
    205: (ConflictError, "Unlock the dataset first."),
    207: (AuthenticationError, None),
    209: (ConflictError, "Reboot the system first."),
    210: (UnavailableError, None),
}


class NotLoggedInError(AuthenticationError):
    """The session has ended; the call was not executed, and one new login is in order."""

    code = "not_logged_in"


def error_of(error: JsonRpcError, method: str) -> ApplianceError | OverloadedError:
    """The typed error behind an error frame."""
    if error.rpc_code == -32601:
        return UnsupportedError(
            f"TrueNAS has no method {method} on this release.",
            status=error.rpc_code,
            executed=Executed.NO,
            next_step="Use another tool, or update the appliance; truenas_system_info tells its release.",
        )
    if error.rpc_code == -32000:
        return OverloadedError("TrueNAS takes no more concurrent calls on this connection. Nothing was executed.")
    data: JsonObject = error.data if isinstance(error.data, dict) else {}
    if error.rpc_code == -32602:
        return _invalid(data, method)
    if error.rpc_code == -32001:
        return _by_errno(data, method)
    return ApplianceFaultError(
        f"TrueNAS could not answer {method} ({error.rpc_code}).",
        status=error.rpc_code,
        vendor_code=str(error.rpc_code),
    )


def lacks_method(error: UnsupportedError) -> bool:
    """Whether the error says that this release has no such method; then nothing was executed."""
    return error.status in (-32601, ENOMETHOD)


def refused_values(extra: JsonValue) -> str | None:
    """What `extra` of a validation failure says is wrong: each attribute by the last part of its path, and why. None
    when it says nothing. No attribute stands right before a colon: after a secret's name, redaction would hide why.
    """
    found = [
        f"{attribute.rpartition('.')[2]} ({message})" if attribute else message
        for attribute, message, _ in _problems(extra)
    ]
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "; ".join([*found[:_SHOWN], *more]) or None


def _problems(extra: JsonValue) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    for item in extra if isinstance(extra, list) else []:
        if isinstance(item, list) and len(item) == 3:
            attribute, message, number = item
            found.append((str(attribute or ""), cut(str(message), 200), number if isinstance(number, int) else 0))
    return found


def _invalid(data: JsonObject, method: str) -> ApplianceError:
    problems = _problems(data.get("extra"))
    if any(number == ENOENT for _, _, number in problems):
        return NotFoundError(
            f"TrueNAS: {'; '.join(message for _, message, _ in problems)}",
            status=-32602,
            next_step="List the objects to find the right name or id.",
            executed=Executed.NO,
        )
    return ValidationError(
        f"TrueNAS refused the values given to {method} because of {refused_values(data.get('extra')) or _reason(data)}",
        status=-32602,
        next_step="Correct the values named.",
        executed=Executed.NO,
    )


def _reason(data: JsonObject) -> str:
    reason = data.get("reason")
    return cut(_BRACKETED.sub("", reason), 400) if isinstance(reason, str) else "no reason given"


def _by_errno(data: JsonObject, method: str) -> ApplianceError:
    number = data.get("error")
    name = data.get("errname")
    errno = number if isinstance(number, int) else 0
    reason = _reason(data)
    vendor_code = name if isinstance(name, str) else f"errno {errno}"  # it marks what came in an error frame
    if errno == ENOTAUTHENTICATED or (errno == 13 and "Session is expired" in reason):
        return NotLoggedInError("The session with TrueNAS has ended.", vendor_code=vendor_code)
    if "MatchNotFound" in reason:
        return NotFoundError(
            f"TrueNAS found no match for {method}.",
            vendor_code=vendor_code,
            next_step="List the objects to find the right name or id.",
        )
    if errno == 16:
        return _busy(reason, data, vendor_code)
    kind, step = _BY_ERRNO.get(errno, (ApplianceFaultError, None))
    problems = refused_values(data.get("extra"))
    return kind(f"TrueNAS: {problems or reason}", status=errno or None, vendor_code=vendor_code, next_step=step)


def _busy(reason: str, data: JsonObject, vendor_code: str | None) -> ApplianceError:
    """EBUSY means five things; the reason tells which (contract 4)."""
    if "Rate Limit" in reason:
        return RateLimitedError(
            "TrueNAS limits logins from this address.", vendor_code=vendor_code, retry_after_s=600, status=16
        )
    if "already being performed" in reason or "another user" in reason:
        return BusyError(f"TrueNAS: {reason}", vendor_code=vendor_code, status=16, next_step="Wait for that job.")
    if data.get("extra") or "depend" in reason or "clone" in reason:
        return ConflictError(
            f"TrueNAS: {reason}", vendor_code=vendor_code, status=16, next_step="Something depends on it; decide first."
        )
    return BusyError(f"TrueNAS: {reason}", vendor_code=vendor_code, status=16)

"""Redfish and Dell errors as errors of the common tree, with what is known of their execution (contract 5, 11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from holdfast.appliances.idrac.messages import (
    ABOUT_VALUES,
    MOST_SHOWN,
    WRONG_TYPE,
    Message,
    messages_of,
    most_specific,
    properties_of,
    told,
)
from holdfast.errors import (
    ApplianceError,
    ApplianceFaultError,
    AuthenticationError,
    BusyError,
    ConflictError,
    Executed,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
    ValidationError,
)
from holdfast.resilience import Outcome, Retry, Verdict
from holdfast.transport import Reply, classify
from holdfast.transport.values import JsonObject, as_object


class NotReadyError(UnavailableError):
    """The iDRAC is starting, or collects its inventory: wait and repeat."""

    code = "not_ready"
    default_next_step = "Repeat in half a minute; after an update or a reset it can take ten minutes."


class SessionPoolFullError(UnavailableError):
    """All sessions of the iDRAC are taken (RAC0218)."""

    code = "sessions_full"


class LockdownError(PermissionDeniedError):
    """System lockdown mode refuses every change (SYS406)."""

    code = "lockdown"
    default_next_step = "An administrator of the iDRAC must end lockdown mode first."


class HiddenFailureError(ApplianceFaultError):
    """Success by status, an error in the body: part of it may have been executed (contract 5)."""

    code = "hidden_failure"
    default_executed = Executed.UNKNOWN
    default_next_step = "Read the state back: part of it may have been applied."


class ValueRefusedError(ValidationError):
    """The iDRAC refuses a value, a property or a query option.

    Attributes:
        ids: Ids of all its messages.
        properties: What it is about, as far as it is told: `Boot/BootSourceOverrideTarget`.
    """

    default_next_step = "Correct what is named and call again."
    ids: frozenset[str] = frozenset()
    properties: tuple[str, ...] = ()

    def wrong_type(self, name: str) -> bool:
        """Whether a property of this name is of a type that this firmware does not take; or one that is not told."""
        about = {one.rpartition("/")[2] for one in self.properties}
        return bool(self.ids & WRONG_TYPE) and (not about or name in about)


_NOT_READY: Final = frozenset({"SYS518", "SWC0700", "RAC964", "ServiceTemporarilyUnavailable"})
_BUSY: Final = frozenset(
    {"RED023", "SYS431", "LC062", "RAC0679", "SYS408", "LC068", "SYS011", "JCP019", "RED014", "SYS098", "ResourceInUse"}
)
_INVALID: Final = ABOUT_VALUES | {"SYS405", "SYS434", "SYS436", "SYS437", "SYS440", "SYS432", "SYS439", "SYS418"}
_NOT_FOUND: Final = frozenset({"SYS403", "JCP022", "SUP024", "ResourceMissingAtURI", "ResourceNotFound"})
_UNSUPPORTED: Final = frozenset({"SYS402", "SYS419", "LIC501", "ActionNotSupported"})
"""Also without the licence, which comes as 400, 403 or 503 (contract 1)."""
_PROVEN_503: Final = frozenset({"SYS518", "RAC0218", "ServiceTemporarilyUnavailable"})
_SUCCESS: Final = frozenset(
    {"Success", "Created", "NoOperation", "SYS413", "SYS414", "SYS043", "SYS053", "SYS069", "SUP020"}
    | {"JCP001", "JCP007", "JCP027", "JCP033", "JCP037", "RED001", "PR19", "GeneralError", ""}
)
"""Messages that are no failure, whatever their severity; the last two say nothing (contract 5.2)."""
_REFUSALS: Final = _BUSY | _NOT_FOUND | _UNSUPPORTED | _INVALID | _PROVEN_503
"""Messages that say, whatever the status, that the request was refused as it was."""


def body_of(reply: Reply) -> JsonObject:
    """The JSON object of a reply; empty where there is none. HTML is an error of the web server, not of Redfish."""
    if not reply.body.strip():
        return {}
    if reply.is_html and not reply.ok:
        return {}
    return as_object(reply.json(), "body")


def hidden_failure(body: JsonObject) -> HiddenFailureError | None:
    """The error in a body that came with a status of success; None when it tells of success too."""
    if "error" not in body:
        return None
    bad = [message for message in messages_of(body) if message.severity != "OK" and message.id not in _SUCCESS]
    found = most_specific(bad)
    if found is None:
        return None
    return HiddenFailureError(f"iDRAC{_about(bad)}: {told(bad) or found.id}", details=_facts(found, bad))


def error_of(reply: Reply) -> ApplianceError:
    """The error that a reply with a status of 400 or more stands for."""
    try:
        messages = messages_of(body_of(reply))
    except ProtocolError:
        messages = []
    found = most_specific(messages)
    ids = frozenset(message.id for message in messages)
    kind = _kind(reply.status, ids)
    refused = issubclass(kind, ValueRefusedError)
    said = told(messages) if refused else found.text if found else ""
    error = kind(
        f"iDRAC{_about(messages) if refused else ''}: {said or f'HTTP {reply.status}'}",
        status=reply.status,
        vendor_code=found.id if found else None,
        retry_after_s=_retry_after(reply, messages),
        next_step=_advice(kind, found),
        executed=Executed.NO if _not_executed(reply.status, ids) else Executed.UNKNOWN,
        details=_facts(found, messages),
    )
    if isinstance(error, ValueRefusedError):
        error.ids, error.properties = ids, properties_of(messages)
    return error


def _advice(kind: type[ApplianceError], found: Message | None) -> str | None:
    """What the iDRAC says to do, as its own words; nothing where it would be wrong to follow it at once."""
    if found is None or not found.resolution or issubclass(kind, AuthenticationError | LockdownError):
        return None
    return f"The iDRAC says: {found.resolution}"


def _about(messages: Sequence[Message]) -> str:
    names = properties_of(messages)
    return f" refuses {', '.join(names[:MOST_SHOWN])}" if names else ""


def _facts(found: Message | None, messages: Sequence[Message]) -> dict[str, str | int | float | bool | None]:
    return {
        "message_id": found.id or None if found else None,
        "properties": ",".join(properties_of(messages)[:MOST_SHOWN]) or None,
    }


def _not_executed(status: int, ids: frozenset[str]) -> bool:
    """Whether an error proves that nothing was executed (contract 11); an error of the server proves nothing."""
    if status in (401, 403, 404, 405, 409, 412, 415, 428, 429, 501):
        return True
    if status == 503:
        return bool(ids & _PROVEN_503)
    if status == 400:
        return bool(ids - {"", "GeneralError", "InternalError"})
    return bool(ids & _REFUSALS)


def _kind(status: int, ids: frozenset[str]) -> type[ApplianceError]:
    by_id: tuple[tuple[frozenset[str], type[ApplianceError]], ...] = (
        (frozenset({"RAC0218"}), SessionPoolFullError),
        (frozenset({"SYS406"}), LockdownError),
        (_NOT_READY, NotReadyError),
        (_BUSY, BusyError),
        (_NOT_FOUND, NotFoundError),
        (_UNSUPPORTED, UnsupportedError),
        (_INVALID, ValueRefusedError),
        (frozenset({"RAC0506", "InsufficientPrivilege"}), PermissionDeniedError),
    )
    if status == 401 and "RAC0218" not in ids:
        return AuthenticationError
    for known, kind in by_id:
        if ids & known:
            return kind
    by_status: dict[int, type[ApplianceError]] = {
        400: ValueRefusedError,
        403: PermissionDeniedError,
        404: NotFoundError,
        405: UnsupportedError,
        406: UnsupportedError,
        409: ConflictError,
        412: ConflictError,
        415: UnsupportedError,
        428: ConflictError,
        429: RateLimitedError,
        501: UnsupportedError,
        502: UnavailableError,
        503: UnavailableError,
        504: UnavailableError,
    }
    return by_status.get(status, ApplianceFaultError)


def _retry_after(reply: Reply, messages: Sequence[Message]) -> float | None:
    if (said := reply.retry_after_s()) is not None:
        return said
    for message in messages:
        if message.id == "ServiceTemporarilyUnavailable" and message.arguments and message.arguments[0].isdigit():
            return float(message.arguments[0])
    return None


def verdict_of(error: BaseException) -> Verdict:
    """What a failed attempt means: an iDRAC that is not ready, or has no session left, is alive (contract 9)."""
    if isinstance(error, NotReadyError | SessionPoolFullError):
        return Verdict(Outcome.NEUTRAL, Retry.IF_SAFE, error.retry_after_s)
    return classify(error)

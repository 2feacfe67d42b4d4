"""Redfish and Dell errors as errors of the common tree (contract 5).

The last part of a MessageId decides; its registry and version differ between firmwares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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
from holdfast.transport import Reply
from holdfast.transport.values import JsonObject, JsonValue, as_object


class NotReadyError(UnavailableError):
    """The iDRAC is starting, or collects its inventory: wait and repeat. Nothing was executed."""

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


@dataclass(frozen=True)
class Message:
    """One entry of `@Message.ExtendedInfo`; `id` is the last part of the MessageId."""

    id: str
    text: str
    severity: str
    resolution: str
    vendor: bool
    arguments: tuple[str, ...]


_NOT_READY: Final = frozenset({"SYS518", "SWC0700", "RAC964", "ServiceTemporarilyUnavailable"})
_BUSY: Final = frozenset(
    {"RED023", "SYS431", "LC062", "RAC0679", "SYS408", "LC068", "SYS011", "JCP019", "RED014", "SYS098", "ResourceInUse"}
)
_INVALID: Final = frozenset(
    {"SYS029", "SYS405", "SYS407", "SYS417", "SYS409", "SYS410", "SYS424", "SYS425", "SYS426", "SYS427", "SYS428"}
    | {"SYS429", "SYS434", "SYS436", "SYS437", "SYS440", "SYS432", "SYS439", "SYS418"}
)
_NOT_FOUND: Final = frozenset({"SYS403", "JCP022", "SUP024", "ResourceMissingAtURI", "ResourceNotFound"})
_UNSUPPORTED: Final = frozenset({"SYS402", "SYS419", "ActionNotSupported"})


def messages_of(value: JsonValue) -> list[Message]:
    """All messages of a body: below `error`, or at the top level; a list or a single object."""
    if not isinstance(value, dict):
        return []
    error = value.get("error")
    holder = error if isinstance(error, dict) else value
    found = holder.get("@Message.ExtendedInfo")
    entries = found if isinstance(found, list) else [found]
    messages = [_message(entry) for entry in entries if isinstance(entry, dict)]
    if not messages and isinstance(error, dict):
        messages = [_message({"MessageId": error.get("code"), "Message": error.get("message")})]
    return messages


def _message(entry: JsonObject) -> Message:
    full = _text(entry.get("MessageId"))
    arguments = entry.get("MessageArgs")
    return Message(
        id=full.rpartition(".")[2],
        text=_text(entry.get("Message")),
        severity=_text(entry.get("Severity")),
        resolution=_text(entry.get("Resolution")),
        vendor=full.lower().startswith("idrac"),
        arguments=tuple(str(a) for a in arguments) if isinstance(arguments, list) else (),
    )


def _text(value: JsonValue) -> str:
    return value.replace("\u00a0", " ").strip()[:400] if isinstance(value, str) else ""


def most_specific(messages: list[Message]) -> Message | None:
    """The vendor's own message that is no mere information, else the first one (contract 5)."""
    for message in messages:
        if message.vendor and message.severity in ("Critical", "Warning"):
            return message
    return next((message for message in messages if message.vendor), messages[0] if messages else None)


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
    bad = [message for message in messages_of(body) if message.severity in ("Warning", "Critical")]
    found = most_specific(bad)
    if found is None:
        return None
    return HiddenFailureError(f"iDRAC: {found.text or found.id}", details={"message_id": found.id})


def error_of(reply: Reply) -> ApplianceError:
    """The error that a reply with a status of 400 or more stands for."""
    try:
        messages = messages_of(body_of(reply))
    except ProtocolError:
        messages = []
    found = most_specific(messages)
    ids = {message.id for message in messages}
    text = found.text if found and found.text else f"HTTP {reply.status}"
    kind = _kind(reply.status, ids)
    step = found.resolution if found and found.resolution and found.resolution != "None." else None
    return kind(
        f"iDRAC: {text}",
        status=reply.status,
        vendor_code=found.id if found else None,
        retry_after_s=_retry_after(reply, messages),
        next_step=None if issubclass(kind, AuthenticationError) else step,
        executed=Executed.NO if kind is not ApplianceFaultError else None,
        details={"message_id": found.id if found else None},
    )


def _kind(status: int, ids: set[str]) -> type[ApplianceError]:
    by_id: tuple[tuple[frozenset[str], type[ApplianceError]], ...] = (
        (frozenset({"RAC0218"}), SessionPoolFullError),
        (frozenset({"SYS406"}), LockdownError),
        (_NOT_READY, NotReadyError),
        (_BUSY, BusyError),
        (_NOT_FOUND, NotFoundError),
        (_UNSUPPORTED, UnsupportedError),
        (_INVALID, ValidationError),
        (frozenset({"RAC0506", "InsufficientPrivilege"}), PermissionDeniedError),
    )
    if status == 401:
        return AuthenticationError
    for known, kind in by_id:
        if ids & known:
            return kind
    by_status: dict[int, type[ApplianceError]] = {
        400: ValidationError,
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


def _retry_after(reply: Reply, messages: list[Message]) -> float | None:
    if (said := reply.retry_after_s()) is not None:
        return said
    for message in messages:
        if message.id == "ServiceTemporarilyUnavailable" and message.arguments and message.arguments[0].isdigit():
            return float(message.arguments[0])
    return None

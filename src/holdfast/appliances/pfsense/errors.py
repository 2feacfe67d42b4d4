"""pfSense's answers as errors of the common tree (contract 5): the `response_id` decides, not the status."""

from __future__ import annotations

import re
from typing import Final

from holdfast.cutting import cut
from holdfast.errors import (
    ApplianceError,
    ApplianceFaultError,
    AttemptTimeoutError,
    AuthenticationError,
    BusyError,
    ConflictError,
    DeadlineError,
    Executed,
    HoldfastError,
    NotFoundError,
    NotSentError,
    PermissionDeniedError,
    RefusedError,
    UnavailableError,
    UnsupportedError,
    ValidationError,
)
from holdfast.resilience import Outcome, Retry, Verdict
from holdfast.transport import Reply
from holdfast.transport import classify as by_table
from holdfast.transport.values import JsonObject, JsonValue, as_object


class ConfigLockedError(BusyError):
    """Another write held pfSense's configuration lock for about 61 s (contract 5.1)."""

    code = "config_locked"
    default_executed = Executed.UNKNOWN


class ApplyQueueFullError(BusyError):
    """Too many apply jobs are queued; an object sent with the same request is saved, its apply is not."""

    code = "apply_queue_full"
    default_executed = Executed.UNKNOWN


LOGIN: Final = "login"
"""Detail of an error that a login met, before the call itself was sent."""
_TRACE: Final = re.compile(r"(?:Stack trace:|#\d+ ).*", re.DOTALL)

_BY_ID: Final[dict[str, tuple[type[ApplianceError], str | None]]] = {
    "ENDPOINT_REST_API_IS_NOT_ENABLED": (UnsupportedError, "Enable the REST API under System > REST API."),
    "ENDPOINT_UNAVAILABLE": (UnavailableError, "The REST API package is being replaced; try again in a minute."),
    "MODEL_WRITE_CONFIG_LOCKED": (ConfigLockedError, "Read the state back, then repeat if it is unchanged."),
    "DISPATCHER_TOO_MANY_QUEUED_PROCESSES": (ApplyQueueFullError, "Repeat only the apply, later."),
    "ENDPOINT_CLIENT_NOT_ALLOWED_BY_ACL": (
        PermissionDeniedError,
        "Allow this machine's address in the REST API's access list.",
    ),
    "ENDPOINT_INTERFACE_NOT_ALLOWED": (PermissionDeniedError, "Allow the interface in the REST API's settings."),
    "ENDPOINT_METHOD_NOT_ALLOWED_IN_READ_ONLY_MODE": (
        PermissionDeniedError,
        "The REST API is in read-only mode; only the web interface can end that.",
    ),
    "MODEL_MISSING_REQUIRED_PACKAGE": (UnsupportedError, "Install the pfSense package that provides this."),
    "DISPATCHER_MISSING_REQUIRED_PACKAGE": (UnsupportedError, "Install the pfSense package that provides this."),
    "FOREIGN_MODEL_FIELD_VALUE_NOT_FOUND": (ValidationError, "A field names an object that does not exist."),
    "QUERY_FILTER_NOT_FOUND": (ValidationError, None),
    "FIELD_MUST_BE_UNIQUE": (ConflictError, "Another object has this value already; change that one, or take another."),
    "MODEL_FIELDS_NOT_UNIQUE_TOGETHER": (ConflictError, "Another object has these values already."),
    "MODEL_MANY_MINIMUM_REACHED": (ConflictError, "pfSense keeps at least one object of this kind."),
    "MODEL_CANNOT_DELETE_PROTECTED_OBJECT": (ConflictError, "pfSense protects this object from deletion."),
}

_BY_STATUS: Final[dict[int, type[ApplianceError]]] = {
    400: ValidationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: UnsupportedError,
    406: UnsupportedError,
    409: ConflictError,
    415: UnsupportedError,
    422: ValidationError,
    424: UnsupportedError,
    503: UnavailableError,
}


class LockOutError(RefusedError):
    """The change would cut off the address that Holdfast speaks from."""

    code = "lock_out"


class MovedError(ConflictError):
    """The object is no longer what the plan was made for; nothing was sent."""

    code = "moved"


def locked_out(error: HoldfastError) -> NotSentError:
    """A connection that fails after a 401: what login protection looks like from outside (contract 3.6).

    The block drops packets silently, those of connections that are open as well.
    """
    return NotSentError(
        "pfSense refused the credential (401) and now drops connections: this address is probably locked out by "
        "login protection, the firewall itself is not down.",
        next_step="Correct the credential first. The block ends by itself after 120 s or more; "
        "Status > System Logs > Authentication shows it, Diagnostics > Tables > sshguard lifts it.",
        executed=error.executed,
        details={"connection": cut(error.message, 200)},
    )


def executed_by(error: ApplianceError) -> Executed:
    """Whether the write that met this answer took effect (contract 5.1, 9).

    What failed at the login came before it. nginx's own 5xx say nothing of what PHP did; a package that is missing in
    the apply step, and 500, may come after the object was stored. "Unavailable" comes before anything ran.
    """
    if error.vendor_code == "ENDPOINT_UNAVAILABLE" or error.details.get(LOGIN):
        return Executed.NO
    if isinstance(error, UnavailableError) or error.status == 424:
        return Executed.UNKNOWN
    return error.executed


def classify(error: BaseException) -> Verdict:
    """What an error says about the firewall (contract 9): one that comes with an envelope was answered by it.

    Of those count only the ones that say that the API itself is not there now.
    """
    if isinstance(error, ApplianceFaultError):
        return Verdict(Outcome.NEUTRAL, Retry.NEVER)
    return by_table(error)


def may_still_come(error: HoldfastError) -> bool:
    """Whether PHP may still be at work on a write that ended so: nginx gives up long before PHP does (contract 2)."""
    if isinstance(error, UnavailableError):
        return error.status == 504
    return isinstance(error, AttemptTimeoutError | DeadlineError)


def envelope_of(reply: Reply) -> JsonObject:
    """The envelope of a successful reply.

    Raises:
        HoldfastError: The reply is an error, nginx's HTML, or no envelope at all.
    """
    if reply.is_html and reply.status != 200:
        raise _from_nginx(reply)
    envelope = as_object(reply.json())
    if reply.status != 200 or envelope.get("response_id") != "SUCCESS":
        raise _from_envelope(reply, envelope)
    return envelope


def _from_nginx(reply: Reply) -> ApplianceError:
    status = reply.status
    if status == 404:
        return UnsupportedError(
            "pfSense has no such endpoint: the REST API package is missing or too old (HTML 404).",
            status=status,
            next_step="Install or update the package pfSense-pkg-RESTAPI; a pfSense upgrade removes it.",
        )
    if status == 401:
        return AuthenticationError("The web server in front refused the credential (401).", status=status)
    return UnavailableError(
        f"pfSense's web server answered {status}: PHP is restarting, or took over 180 s.",
        status=status,
        next_step="Repeat a read in a minute; before repeating a write read the state back.",
        retry_after_s=reply.retry_after_s(),
    )


def _from_envelope(reply: Reply, envelope: JsonObject) -> ApplianceError:
    said = envelope.get("response_id")
    vendor_code = said if isinstance(said, str) else None
    message = envelope.get("message")
    text = cut(_TRACE.sub("", message).strip(), 400) if isinstance(message, str) else ""
    shown = f"pfSense: {text or vendor_code or f'HTTP {reply.status}'}"
    if reply.status == 401:
        return AuthenticationError(
            "pfSense refused the credential (401).",
            status=401,
            vendor_code=vendor_code,
            next_step="The operator checks: the credential; that its method is on (System > REST API > Settings, "
            "Authentication Methods; at first only Basic); that its user is neither disabled nor expired. Then "
            "the server is restarted. It is not tried again: three refusals make pfSense block this address.",
        )
    if vendor_code == "AUTH_AUTHORIZATION_FAILED":
        return PermissionDeniedError(
            shown, status=reply.status, vendor_code=vendor_code, next_step="Grant the privilege to the key's user."
        )
    if reply.status == 409:
        shown += _referring(envelope.get("data"))
    kind, step = _BY_ID.get(vendor_code or "", (_BY_STATUS.get(reply.status, ApplianceFaultError), None))
    if kind is ApplianceFaultError:
        step = "pfsense_read_log log=restapi or log=system may tell why; a write is read back before it is repeated."
    return kind(
        shown,
        status=reply.status,
        vendor_code=vendor_code,
        next_step=step,
        retry_after_s=reply.retry_after_s(),
        details={"response_id": vendor_code},
    )


def _referring(data: JsonValue) -> str:
    """Who still refers to an object that cannot be deleted: the answer lists them (contract 5)."""
    if not isinstance(data, list) or not data:
        return ""
    names = []
    for item in data[:5]:
        if isinstance(item, dict):
            told = next((item[key] for key in ("name", "descr", "network", "interface") if item.get(key)), None)
            names.append(str(told) if told is not None else "an object without a name")
    more = f" and {len(data) - 5} more" if len(data) > 5 else ""
    return f" It is used by: {', '.join(names)}{more}."

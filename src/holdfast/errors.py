"""The one exception tree of Holdfast.

::

    HoldfastError
    ├── ConfigError                 a file, flag or environment that cannot be used
    ├── InputError                  arguments of a call that are wrong
    │   ├── UnknownTargetError
    │   └── UnknownToolError
    ├── RefusedError                Holdfast itself said no
    │   ├── ReadOnlyError           the target's mode does not allow it
    │   ├── NotConfirmedError       no person confirmed it
    │   ├── PlanError               the plan is unknown, used, expired, altered or outdated
    │   ├── KillSwitchError         writes are stopped
    │   ├── LedgerError             the ledger cannot be written
    │   └── PolicyError             this principal may not
    ├── TransportError
    │   ├── NotSentError            nothing left this machine (also a ConnectionError)
    │   ├── LostReplyError          sent, no usable answer (also a ConnectionError)
    │   ├── AttemptTimeoutError     sent, no answer in time (a LostReplyError and a TimeoutError)
    │   ├── TlsError                the peer's identity is not the expected one
    │   ├── ProtocolError           an answer that is not the protocol's
    │   │   ├── LoginPageError      a web page where JSON was expected
    │   │   └── RedirectError       a redirect, never followed
    │   └── LimitError              an answer over a size, depth or ratio limit
    ├── DeadlineError               the whole call ran out of time (also a TimeoutError)
    ├── CircuitOpenError            not sent: the circuit is open (see `holdfast.transport.guarded`)
    ├── OverloadedError             not sent: too many calls wait for this appliance
    └── ApplianceError              the appliance answered with an error
        ├── AuthenticationError     the credential was refused
        │   └── QuarantinedError    not sent: this credential was refused before
        ├── PermissionDeniedError   logged in, not allowed
        ├── NotFoundError
        ├── ConflictError           exists already, in use, or moved meanwhile
        ├── BusyError               locked by something that ends by itself
        ├── RateLimitedError
        ├── ValidationError         the appliance refused the values
        ├── UnsupportedError        not on this release, or not installed
        ├── UnavailableError        502, 503, 504: try again
        └── ApplianceFaultError     500 and its kin
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Executed(StrEnum):
    """Whether the operation that failed took effect on the appliance."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


class HoldfastError(Exception):
    """Base of every error that Holdfast raises on purpose.

    Args:
        message: What happened, one sentence, without secrets.
        next_step: What the reader can do about it; the class's own when omitted.
        executed: Whether the operation took effect; the class's own when omitted.
        retry_after_s: Seconds after which trying again makes sense, if known.
        target: Name of the configured target concerned, if any.
        details: Short machine-readable facts (status code, vendor code, field); no secrets.
    """

    code: ClassVar[str] = "error"
    default_executed: ClassVar[Executed] = Executed.NO
    default_next_step: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        next_step: str | None = None,
        executed: Executed | None = None,
        retry_after_s: float | None = None,
        target: str | None = None,
        details: Mapping[str, str | int | float | bool | None] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step if next_step is not None else self.default_next_step
        self.executed = executed if executed is not None else self.default_executed
        self.retry_after_s = retry_after_s
        self.target = target
        self.details = dict(details or {})

    def __str__(self) -> str:
        return self.message


class ConfigError(HoldfastError):
    """A configuration file, flag or environment that cannot be used."""

    code = "config"


class InputError(HoldfastError):
    """Arguments of a call that are wrong; nothing was executed."""

    code = "invalid_argument"
    default_next_step = "Correct the arguments and call again."


class UnknownTargetError(InputError):
    """No configured target has this name."""

    code = "unknown_target"


class UnknownToolError(InputError):
    """No tool has this name, or it is not enabled here."""

    code = "unknown_tool"


class RefusedError(HoldfastError):
    """Holdfast itself refused; nothing was executed."""

    code = "refused"


class ReadOnlyError(RefusedError):
    """The target's mode does not allow changes."""

    code = "read_only"
    default_next_step = 'The operator can set mode = "operate" for this target in holdfast.toml and restart the server.'


class NotConfirmedError(RefusedError):
    """No person confirmed the change."""

    code = "not_confirmed"
    default_next_step = "Tell the user what happened, and do not try another way."


class PlanError(RefusedError):
    """The plan is unknown, used, expired, altered or outdated."""

    code = "plan_refused"
    default_next_step = "Make a new plan: call the tool with dry_run=true and without plan_id, and read it."


class KillSwitchError(RefusedError):
    """The operator's kill switch stops all writes."""

    code = "kill_switch"
    default_next_step = "Only the operator can release the kill switch (holdfast release)."


class LedgerError(RefusedError):
    """The ledger cannot be written, so nothing may be changed."""

    code = "ledger_unavailable"


class PolicyError(RefusedError):
    """The policy does not allow this principal to do this."""

    code = "policy"


class TransportError(HoldfastError):
    """Bytes did not make it there and back."""

    code = "transport"


class NotSentError(TransportError, ConnectionError):
    """Proof that nothing of the request reached the appliance: refused, no route, DNS, connect time-out."""

    code = "unreachable"
    default_next_step = "Check that the appliance is up and reachable; the call is safe to repeat."


class LostReplyError(TransportError, ConnectionError):
    """The request was sent, or may have been, and no usable answer came back."""

    code = "lost_reply"
    default_executed = Executed.UNKNOWN


class AttemptTimeoutError(LostReplyError, TimeoutError):
    """The request was sent and no complete answer came within the attempt's time."""

    code = "timeout"


class TlsError(TransportError):
    """The peer's certificate is not the expected one; no credential was sent."""

    code = "tls"
    default_next_step = (
        "Verify the appliance's certificate, then set ca_file or pin_sha256 for the target (holdfast trust NAME)."
    )


class ProtocolError(TransportError):
    """The answer does not follow the appliance's protocol."""

    code = "protocol"
    default_executed = Executed.UNKNOWN


class LoginPageError(ProtocolError):
    """A web page came where the API's answer was expected."""

    code = "login_page"


class RedirectError(ProtocolError):
    """The appliance answered with a redirect; redirects are never followed."""

    code = "redirect"


class LimitError(TransportError):
    """The answer is larger, deeper or more compressed than allowed."""

    code = "limit"
    default_executed = Executed.UNKNOWN


class DeadlineError(HoldfastError, TimeoutError):
    """The call as a whole ran out of time."""

    code = "deadline"
    default_executed = Executed.UNKNOWN


class CircuitOpenError(HoldfastError):
    """Not sent: the circuit of this appliance is open after repeated failures."""

    code = "circuit_open"
    default_next_step = "Wait for retry_after_s, then repeat; circuits_list shows the state."


class OverloadedError(HoldfastError):
    """Not sent: too many calls already wait for this appliance."""

    code = "overloaded"
    default_next_step = "Repeat when earlier calls have ended."


class ApplianceError(HoldfastError):
    """The appliance answered with an error.

    Args beyond those of `HoldfastError`:
        status: HTTP status or the protocol's error number, if any.
        vendor_code: The appliance's own code for the error, if any.
    """

    code = "appliance"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        vendor_code: str | None = None,
        next_step: str | None = None,
        executed: Executed | None = None,
        retry_after_s: float | None = None,
        target: str | None = None,
        details: Mapping[str, str | int | float | bool | None] | None = None,
    ) -> None:
        super().__init__(
            message,
            next_step=next_step,
            executed=executed,
            retry_after_s=retry_after_s,
            target=target,
            details=details,
        )
        self.status = status
        self.vendor_code = vendor_code


class AuthenticationError(ApplianceError):
    """The appliance refused the credential. Never retried."""

    code = "authentication"
    default_next_step = "The operator must correct the credential of this target; it is not tried again until then."


class QuarantinedError(AuthenticationError):
    """Not sent: this credential was refused before and has not changed since."""

    code = "quarantined"


class PermissionDeniedError(ApplianceError):
    """Logged in, but the account lacks a permission."""

    code = "permission_denied"


class NotFoundError(ApplianceError):
    """The object does not exist, or is invisible to this account."""

    code = "not_found"


class ConflictError(ApplianceError):
    """The object exists already, is in use, or was changed meanwhile."""

    code = "conflict"


class BusyError(ApplianceError):
    """Something that ends by itself holds the object or the appliance."""

    code = "busy"


class RateLimitedError(ApplianceError):
    """The appliance asks for fewer requests."""

    code = "rate_limited"


class ValidationError(ApplianceError):
    """The appliance refused the values sent."""

    code = "validation"


class UnsupportedError(ApplianceError):
    """This release of the appliance does not have it, or it is not installed."""

    code = "unsupported"


class UnavailableError(ApplianceError):
    """The appliance is up but cannot answer now (502, 503, 504 and their kin)."""

    code = "unavailable"


class ApplianceFaultError(ApplianceError):
    """The appliance failed internally."""

    code = "appliance_fault"
    default_executed = Executed.UNKNOWN

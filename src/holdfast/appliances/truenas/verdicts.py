"""What an error frame proves: whether the call's work had begun (contract 4, 12), and what it means for the circuit and
for trying again (contract 11).
"""

from __future__ import annotations

from typing import Final

from holdfast.errors import (
    ApplianceError,
    ApplianceFaultError,
    BusyError,
    OverloadedError,
    RateLimitedError,
    UnavailableError,
)
from holdfast.resilience import Outcome, Retry, Verdict
from holdfast.transport import JsonRpcError, classify

_REFUSED: Final = frozenset({-32700, -32600, -32601, -32602, -32000})
"""Codes of calls that were not begun: envelope, method or values refused, or no place on the socket (contract 4)."""
_NOT_BEGUN: Final = {
    13: ("Not authorized", "Session is expired"),
    16: ("Rate Limit Exceeded", "already being performed"),
    201: ("",),
    207: ("",),
}
"""Error number of −32001 → what its reason says where the call was refused before its work: the account, the login, a
job's lock (contract 4). The same numbers with other words come out of the work itself."""


def begun(error: JsonRpcError) -> bool:
    """Whether the call's work may have begun, and with it whatever it changes: a method that failed late leaves behind
    what it did first (a dataset whose mounting failed, contract 12).
    """
    if error.rpc_code in _REFUSED:
        return False
    data = error.data if isinstance(error.data, dict) else {}
    number, reason = data.get("error"), data.get("reason")
    said = reason if isinstance(reason, str) else ""
    words = _NOT_BEGUN.get(number, ()) if error.rpc_code == -32001 and isinstance(number, int) else ()
    return not any(word in said for word in words)


_TRANSIENT: Final = frozenset({11, 110, 111, 113, 203, 204})
"""Error numbers after which a read may be tried again (contract 11, rule 4); 16 is told at once."""


def verdict(error: BaseException) -> Verdict:
    """As `transport.classify`, but an error frame is an answer: whatever a cloud provider or a disk did to a call, the
    appliance is there. Only what keeps Holdfast out counts against it: the transport, a 502, and its refusal of logins
    (contract 11, rules 3, 4 and 6).
    """
    match error:
        case OverloadedError():
            return Verdict(Outcome.NEUTRAL, Retry.ALWAYS)  # -32000: not started
        case RateLimitedError(vendor_code=str()):
            return Verdict(Outcome.FAILURE, Retry.NEVER, error.retry_after_s)
        case (
            ApplianceFaultError(vendor_code=str()) | UnavailableError(vendor_code=str()) | BusyError(vendor_code=str())
        ):
            return Verdict(Outcome.NEUTRAL, _again(error))
        case _:
            return classify(error)


def _again(error: ApplianceError) -> Retry:
    return Retry.IF_SAFE if error.status in _TRANSIENT else Retry.NEVER

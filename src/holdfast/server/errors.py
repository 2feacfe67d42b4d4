"""Errors as the model reads them: what happened, whether it was executed, when and how to go on."""

from __future__ import annotations

from holdfast.errors import Executed, HoldfastError

_EXECUTED = {
    Executed.NO: "Nothing was executed.",
    Executed.YES: "It was executed.",
    Executed.UNKNOWN: "Whether it was executed is unknown; read the state back before repeating.",
}
_ENDS = (".", "!", "?", "…", ":")


def error_text(error: HoldfastError) -> str:
    """One short paragraph, then the facts that a program would want."""
    executed = _EXECUTED[error.executed]
    said = executed in error.message or (error.executed is Executed.NO and "Nothing was sent" in error.message)
    message = error.message if error.message.endswith(_ENDS) else f"{error.message}."
    parts = [message] if said else [message, executed]
    if error.retry_after_s is not None:
        parts.append(f"Retry after {error.retry_after_s:g} s.")
    if error.next_step:
        parts.append(f"Next: {error.next_step}")
    facts = [f"code={error.code}", f"executed={error.executed}"]
    if error.target:
        facts.append(f"target={error.target}")
    facts += [f"{key}={value}" for key, value in error.details.items() if value is not None]
    return f"{' '.join(parts)} [{' '.join(facts)}]"

"""The time that an attempt may take."""

from __future__ import annotations

from holdfast.errors import DeadlineError, Executed
from holdfast.resilience import remaining_s


def time_left(wanted_s: float) -> float:
    """`wanted_s`, or what is left of the enclosing deadline (`holdfast.resilience.remaining_s`) when that is less.

    Raises:
        DeadlineError: Nothing is left; nothing was sent.
    """
    left = remaining_s()
    if left is None:
        return wanted_s
    if left <= 0:
        raise DeadlineError("The call ran out of time before this request was sent.", executed=Executed.NO)
    return min(left, wanted_s)

"""What shows that a secret was set although nobody is shown it: the secret itself for accounts that may write (contract
14), or a field that moves with it.
"""

from __future__ import annotations

from holdfast.appliances.truenas.jobs import MASK
from holdfast.appliances.truenas.writes import Seen
from holdfast.transport.values import JsonObject


def stamped(before: JsonObject, now: JsonObject, stamp: str, state: JsonObject) -> Seen:
    """What a field tells that is written anew with every secret: one that has moved shows that it was set; one that has
    not shows it only of a call that failed (a time is told in seconds).

    Args:
        before: The object's row when the change was planned.
        now: Its row.
        stamp: The field.
        state: What is told of the object.
    """
    then, later = before.get(stamp), now.get(stamp)
    told = stamp in before and stamp in now and MASK not in (then, later)
    return Seen(True if told and then != later else None, state, unmoved=told and then == later)


def secret_set(before: JsonObject, now: JsonObject, secret: JsonObject, stamp: str | None, state: JsonObject) -> Seen:
    """Whether an object has the `secret` that was sent; by `stamp`, as `stamped`, or by what is shown of itself."""
    if stamp is not None:
        return stamped(before, now, stamp, state)
    shown = [now.get(name) for name in secret]
    if any(value is None or value == MASK for value in shown):
        return Seen(None, state)
    return Seen(all(now[name] == value for name, value in secret.items()), state)

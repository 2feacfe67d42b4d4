"""What is known of a write once it was attempted, and what it means when nothing of it is seen (contract 2, 9)."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.errors import may_still_come
from holdfast.control.change import Applied, Observed
from holdfast.errors import HoldfastError
from holdfast.transport.values import JsonObject

T = TypeVar("T")
_SAVED_NOTHING: Final = (
    "pfSense answered with success and stored nothing. Either the account has the privilege 'Deny Config Write' "
    "(user-config-readonly), or somebody else wrote at the same moment and won."
)
_MAY_COME: Final = (
    "It is not there now, but PHP goes on when the web server has given up waiting, for up to 15 minutes, and may "
    "still do it: look again later, and do not repeat it before."
)


@dataclass
class Sent:
    """What is known once the write was attempted."""

    answered: bool = False
    before: list[JsonObject] = field(default_factory=list)
    may_come: bool = False

    async def made(self, work: Awaitable[T]) -> T:
        """The answer to the write; notes that there was one, or that the write may still be carried out without."""
        try:
            answer = await work
        except HoldfastError as error:
            self.may_come = may_still_come(error)
            raise
        self.answered = True
        return answer

    def nothing(self, state: JsonObject) -> Observed:
        """What it means that the state is as it was before."""
        if self.may_come:
            return Observed("unknown", state, note=_MAY_COME)
        return Observed("not_applied", state, note=_SAVED_NOTHING if self.answered else None)


def applied(client: HTTPPfSenseClient, subsystem: str | None) -> Applied:
    """What the answer to a write means: live at once, or only after the subsystem's apply step."""
    client.forget()
    if subsystem is None:
        return Applied(details={"live": True})
    client.waiting.add(subsystem)
    step = f"Not live yet: pfsense_apply_changes subsystem={subsystem}"
    return Applied(details={"live": False, "pending": subsystem, "next": step})

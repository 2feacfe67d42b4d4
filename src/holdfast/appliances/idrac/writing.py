"""What changes something at an iDRAC: sent once, one at a time (contract 7, 9, 11)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from holdfast.appliances.idrac.errors import body_of, hidden_failure
from holdfast.appliances.idrac.inflight import InFlight
from holdfast.appliances.idrac.reading import action_of, text
from holdfast.appliances.idrac.sending import Requests
from holdfast.appliances.idrac.settings import IDracSettings
from holdfast.errors import ConflictError, Executed, NotFoundError, UnsupportedError
from holdfast.resilience import Operation
from holdfast.transport import ConnectionPool, Part, Request
from holdfast.transport.values import JsonObject, get_str

UPLOAD_TIMEOUT_S: Final = 3600.0
"""An image may take an hour on a slow line (contract 9)."""
WRITER_S: Final = 300.0
"""Longest wait for the writes before, seconds; a call's own time usually ends before."""
_JOB: Final = re.compile(r"(?:JID|RID)_[0-9]{1,20}")
_TASK: Final = re.compile(r"/(?:Jobs|Tasks|TaskMonitors)/([0-9a-z][0-9a-z-]{0,35})/?$")
"""Where a Location names another vendor's task; its ids have no form of their own."""


@dataclass(frozen=True)
class Answered:
    """What a write was answered.

    Attributes:
        status: HTTP status.
        body: JSON object of the body; empty without one.
        location: Path that `Location` names, if any.
        job: Id of the job that goes on with the work, if one was named.
    """

    status: int
    body: JsonObject
    location: str | None
    job: str | None


class Writing(Requests):
    """Sends what changes something.

    Args:
        config, pool, on_secret: See `Requests`.
    """

    def __init__(
        self,
        config: IDracSettings | Mapping[str, object],
        *,
        pool: ConnectionPool | None = None,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(config, pool=pool, on_secret=on_secret)
        self._writer = InFlight(1)

    def gone(self) -> None:
        """What a write was sent to is not there: addresses found before may be wrong."""

    async def write(
        self, method: str, link: str, body: JsonObject | None = None, *, still: JsonObject | None = None
    ) -> Answered:
        """POST, PATCH or DELETE, sent once; one writer at a time for each iDRAC.

        A PATCH carries the entity tag that the resource has now. When the tag has moved meanwhile (412) or was needed
        (428) nothing was executed: if what would be changed has not moved, it is sent again, once. Actions carry none:
        iDRAC10 refuses it there (contract 7).

        Args:
            method: POST, PATCH or DELETE.
            link: Where to.
            body: What is sent.
            still: Values that a resource to PATCH must still have when no other change of ours is under way.

        Raises:
            ConflictError: It has others; nothing was sent.
            HiddenFailureError: Success by its status, an error in its body.
        """
        target = self._own(link)
        async with self._writer.place(WRITER_S):
            try:
                if method == "PATCH":
                    return await self._patch(target, body or {}, still or {})
                return await self._send(method, target, body)
            except NotFoundError:
                self.gone()
                raise

    async def upload(self, link: str, parts: Sequence[Part], *, tagged: bool = False) -> Answered:
        """POST a multipart body, sent once, streamed from disk.

        Args:
            link: Where to.
            parts: The body.
            tagged: Whether the address wants its own entity tag back (the old push of firmware, contract 7).
        """
        target = self._own(link)
        async with self._writer.place(WRITER_S):
            etag = (await self._entity(target))[1] if tagged else None
            request = self._request(target, method="POST", etag=etag)
            request = replace(request, json=None, multipart=tuple(parts), attempt_timeout_s=UPLOAD_TIMEOUT_S)
            return await self._once("POST", request, total_s=UPLOAD_TIMEOUT_S)

    async def _patch(self, target: str, body: JsonObject, still: JsonObject) -> Answered:
        before, etag = await self._entity(target)
        if any(before.get(name) != value for name, value in still.items()):
            raise ConflictError(
                "It was changed by somebody else meanwhile. Nothing was sent.",
                executed=Executed.NO,
                next_step="Call again: it starts from what is there now.",
            )
        try:
            return await self._send("PATCH", target, body, etag)
        except ConflictError as error:
            if error.status not in (412, 428):
                raise
            now, etag = await self._entity(target)
            if any(now.get(name) != before.get(name) for name in body):
                raise
            return await self._send("PATCH", target, body, etag)

    async def _entity(self, target: str) -> tuple[JsonObject, str | None]:
        request = self._request(target)
        reply = await self._guard.run(Operation("GET", retry_safe=True), lambda: self._attempt(request))
        body = body_of(reply)
        return body, reply.headers.get("ETag") or text(body, "@odata.etag")

    async def _send(self, method: str, target: str, body: JsonObject | None, etag: str | None = None) -> Answered:
        return await self._once(method, self._request(target, method=method, json=body, etag=etag))

    async def _once(self, method: str, request: Request, total_s: float | None = None) -> Answered:
        limit = request.attempt_timeout_s
        operation = Operation(method, retry_safe=False, attempt_timeout_s=limit, total_timeout_s=total_s)
        reply = await self._guard.run(operation, lambda: self._attempt(request, changes=True))
        answered = body_of(reply)
        failure = hidden_failure(answered)
        if failure is not None:
            raise failure
        location = reply.headers.get("Location")
        place = self._own(location) if location else None
        return Answered(reply.status, answered, place, _job_of(place, answered))

    async def action(self, resource: JsonObject, name: str, body: JsonObject) -> Answered:
        """Carry out an action that the resource offers.

        Raises:
            UnsupportedError: It does not offer it.
        """
        return await self.write("POST", self.target_of(resource, name), body)

    @staticmethod
    def target_of(resource: JsonObject, name: str) -> str:
        """Address of an action that a resource offers; a capability is an action that exists."""
        found = action_of(resource, name)
        if found is None:
            raise UnsupportedError(f"This iDRAC does not offer {name} here: firmware, licence or hardware lack it.")
        return get_str(found, "target")


def _job_of(location: str | None, body: JsonObject) -> str | None:
    for source in (location, text(body, "@odata.id"), text(body, "ReturnValue"), text(body, "Id")):
        if source is not None and (found := _JOB.search(source)):
            return found[0]
    task = _TASK.search(location) if location is not None else None
    return task[1] if task is not None else None

"""The middleware in front of a simulator: records what arrives and applies the faults of requests and replies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from holdfast.simulators.base import ARRIVAL, Arrival, Simulator, noted_authorised
from holdfast.simulators.rack import answers
from holdfast.simulators.rack.faults import ActiveFault, FaultBoard
from holdfast.simulators.rack.link import Link, LinkTransport
from holdfast.simulators.rack.shapers import SHAPED, CutAfter, shaper_for

SOCKET_METHOD: Final = "WEBSOCKET"
"""The method that faults see for messages of an open WebSocket: `write` and `any` match it."""
BODY_CAP: Final = 64 * 1024
ARRIVALS_KEPT: Final = 20_000
_STREAMED_TYPE: Final = "multipart/"


class Gate:
    """Stands in front of one simulator's application."""

    def __init__(self, simulator: Simulator, board: FaultBoard) -> None:
        self._simulator = simulator
        self._state = simulator.state
        self._board = board

    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer one request: the body of the middleware."""
        arrival = self._record(request)
        link = _link_of(request)
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        counted = not upgrade and not self._simulator.records_arrivals
        with self._in_flight(arrival) if counted else contextlib.nullcontext():
            try:
                await _keep_body(request, arrival)
            except (ConnectionError, web.RequestPayloadError):
                return answers.none(link)
            return await self._faulty_answer(request, handler, arrival, link, upgrade=upgrade)

    @contextlib.contextmanager
    def _in_flight(self, arrival: Arrival) -> Iterator[None]:
        state = self._state
        writes = int(self._simulator.changes(arrival.method, arrival.path))
        state.in_flight += 1
        state.max_in_flight = max(state.max_in_flight, state.in_flight)
        state.writes_in_flight += writes
        state.max_writes_in_flight = max(state.max_writes_in_flight, state.writes_in_flight)
        try:
            yield
        finally:
            state.in_flight -= 1
            state.writes_in_flight -= writes

    def _record(self, request: web.Request) -> Arrival:
        arrival = Arrival(
            method=request.method,
            path=request.rel_url.raw_path,
            query=dict(request.query),
            body=b"",
            authorised=False,
            headers=dict(request.headers),
        )
        request[ARRIVAL] = arrival
        if self._simulator.records_arrivals:
            return arrival
        self._state.arrivals.append(arrival)
        self._state.arrivals_total += 1
        if len(self._state.arrivals) > ARRIVALS_KEPT:
            del self._state.arrivals[: ARRIVALS_KEPT // 2]
        return arrival

    def _strike(self, fault: str, arrival: Arrival) -> ActiveFault | None:
        return self._board.strike(fault, arrival.method, arrival.path)

    async def _faulty_answer(
        self, request: web.Request, handler: Handler, arrival: Arrival, link: Link | None, *, upgrade: bool
    ) -> web.StreamResponse:
        if not self._board.active():
            return await self._sent(request, await self._execute(request, handler, arrival, link, upgrade=upgrade))
        if latency := self._strike("latency", arrival):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(latency.healed.wait(), latency.number("seconds"))
        if self._strike("drop-before", arrival):
            return answers.none(link)
        stall = self._strike("stall", arrival)
        if stall and not stall.flag("execute"):
            await stall.healed.wait()
        if (synthetic := await self._answer_of_the_rack(request, arrival, link)) is not None:
            return await self._sent(request, synthetic)
        if upgrade:
            self.arm_lost_reply(link, arrival.path)
            lost = None
        elif (lost := self._strike("lost-reply", arrival)) and link is not None:
            # A handler may begin to send its answer itself; the first byte of it is already too much.
            link.lose_next_reply(lost, lambda: True, due=True)
        cut = self._arm_cut(arrival, link)
        response = await self._execute(request, handler, arrival, link, upgrade=upgrade)
        if stall and stall.flag("execute"):
            await stall.healed.wait()
        if lost:
            return answers.none(link)
        if self._strike("malformed-json", arrival):
            response = answers.halved(response)
        if cut is not None and (length := answers.body_length(request, response)) is not None:
            if length == 0:
                return answers.none(link)
            cut.limit(length - 1)
        return await self._sent(request, response)

    async def _answer_of_the_rack(
        self, request: web.Request, arrival: Arrival, link: Link | None
    ) -> web.StreamResponse | None:
        if fault := self._strike("http-503", arrival):
            response: web.StreamResponse = answers.unavailable(fault, self._simulator.clock.now())
        elif self._strike("login-page", arrival):
            response = answers.login_page()
        elif fault := self._strike("redirect", arrival):
            response = answers.redirect(fault)
        elif self._strike("garbage", arrival):
            response = answers.garbage(link)
        elif fault := self._strike("oversize", arrival):
            response = await answers.oversize(fault, request, link)
        else:
            return None
        arrival.status = response.status
        return response

    def arm_lost_reply(self, link: Link | None, path: str) -> None:
        """Lose the reply to the next message of a WebSocket, if such a fault is on then for its path."""
        for fault in self._board.active():
            if fault.kind.name == "lost-reply" and link is not None:
                link.lose_next_reply(
                    fault, lambda: self._board.strike("lost-reply", SOCKET_METHOD, path) is not None, due=False
                )

    def _arm_cut(self, arrival: Arrival, link: Link | None) -> CutAfter | None:
        """Prepare the fault of the reply's bytes; before execution, as a handler may send its answer itself."""
        if link is None:
            return None
        for name in SHAPED:
            if fault := self._strike(name, arrival):
                shaper = shaper_for(fault, link)
                link.shape(shaper, fault, head_first=True)
                return shaper if isinstance(shaper, CutAfter) else None
        return None

    async def _execute(
        self, request: web.Request, handler: Handler, arrival: Arrival, link: Link | None, *, upgrade: bool
    ) -> web.StreamResponse:
        arrival.executed = True
        if upgrade and link is not None:
            link.socket_path = arrival.path
        response: web.StreamResponse
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            response = answer
        except ConnectionError:
            # The connection ended while the handler was sending its answer itself.
            return answers.none(link)
        except Exception:
            arrival.status = 500
            raise
        finally:
            if link is not None:
                link.socket_path = None
        self._note_answer(request, arrival, response)
        return response

    def _note_answer(self, request: web.Request, arrival: Arrival, response: web.StreamResponse) -> None:
        arrival.status = response.status
        noted = noted_authorised(request)
        arrival.authorised = noted if noted is not None else response.status != 401

    async def _sent(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Send an answer to its end while the request still counts as in flight."""
        if not response.prepared:
            # When the connection is gone, aiohttp finds out again in its own attempt to finish the answer.
            with contextlib.suppress(ConnectionError):
                await response.prepare(request)
                await response.write_eof()
        if isinstance(response, web.HTTPException):
            raise response
        return response


def _link_of(request: web.Request) -> Link | None:
    """The connection of a request; None when it is gone already."""
    transport = request.transport
    return transport.link if isinstance(transport, LinkTransport) else None


async def _keep_body(request: web.Request, arrival: Arrival) -> None:
    """Read a small body ahead, where the handler finds it again; bodies that handlers stream are left to them."""
    if not request.can_read_body:
        return
    length = request.content_length
    arrival.body_complete = False
    if request.content_type.startswith(_STREAMED_TYPE) or (length is not None and length > BODY_CAP):
        return
    body = await request.read()
    arrival.body = body[:BODY_CAP]
    arrival.body_complete = len(body) <= BODY_CAP

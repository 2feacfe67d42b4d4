"""Calls over a pipe that does exactly what is said: which answer is whose, what is refused unsent, and every end."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from holdfast.errors import (
    AttemptTimeoutError,
    Executed,
    HoldfastError,
    InputError,
    KillSwitchError,
    LimitError,
    LostReplyError,
    NotSentError,
    OverloadedError,
    ProtocolError,
)
from holdfast.transport import JsonRpcError, JsonRpcSocket, Limits, asked_before_sending
from holdfast.transport.rpcfailures import READ_BACK
from holdfast.transport.wire import WireClosed
from tests.support.realtime import REAL_TIME


class Pipe:
    """Both ends of a `Wire`: what was sent, and what comes."""

    def __init__(self) -> None:
        self.sent: list[dict[str, object]] = []
        self.coming: asyncio.Queue[str | WireClosed] = asyncio.Queue()
        self.closed_with: list[int] = []

    async def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    async def receive(self) -> str:
        found = await self.coming.get()
        if isinstance(found, WireClosed):
            raise found
        return found

    async def close(self, code: int) -> None:
        self.closed_with.append(code)

    def answers(self, **message: object) -> None:
        self.coming.put_nowait(json.dumps({"jsonrpc": "2.0"} | message))


class Noted:
    """What a socket told its owner."""

    def __init__(self) -> None:
        self.notifications: list[tuple[str, object]] = []
        self.ends: list[tuple[int, str]] = []


@asynccontextmanager
async def connected(
    *, most: int = 64, chars: int = 1000, listening: bool = True
) -> AsyncIterator[tuple[JsonRpcSocket, Pipe, Noted]]:
    pipe, noted = Pipe(), Noted()
    socket = JsonRpcSocket(
        pipe,
        limits=Limits(),
        max_request_chars=chars,
        max_pending=most,
        on_notification=(lambda method, params: noted.notifications.append((method, params))) if listening else None,
        on_close=(lambda code, reason: noted.ends.append((code, reason))) if listening else None,
        target="truenas.nas",
    )
    async with socket:
        yield socket, pipe, noted


async def begun(socket: JsonRpcSocket, method: str = "m", **options: object) -> asyncio.Task[object]:
    """A call that was written and waits."""
    task: asyncio.Task[object] = asyncio.create_task(socket.call(method, **options))  # type: ignore[arg-type]  # passed on
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def failed(task: asyncio.Task[object]) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught:
        await asyncio.wait_for(task, 5)
    return caught.value


async def test_a_call_is_written_as_it_is_and_its_answer_is_its_result() -> None:
    async with connected() as (socket, pipe, _):
        for params, result in (((1, "a"), None), ({"b": 2}, {"c": []}), ((), 0)):
            task = await begun(socket, params=params)
            written = pipe.sent[-1]
            assert written["params"] == (dict(params) if isinstance(params, dict) else list(params))
            pipe.answers(id=written["id"], result=result)
            assert await task == result
        assert len({str(call["id"]) for call in pipe.sent}) == 3
        assert socket.pending == 0


@pytest.mark.parametrize("key", [7, "seven"])
async def test_the_id_of_a_call_may_be_chosen_but_not_one_in_use(key: int | str) -> None:
    async with connected() as (socket, pipe, _):
        task = await begun(socket, request_id=key)
        for wrong in (key, True):
            with pytest.raises(InputError, match="not in use"):
                await socket.call("m", request_id=wrong)
        assert len(pipe.sent) == 1
        pipe.answers(id=key, result=1)
        assert await task == 1
        again = await begun(socket, request_id=key)
        pipe.answers(id=key, result=2)
        assert await again == 2


@REAL_TIME
async def test_an_answer_belongs_to_the_call_of_its_id_and_to_no_other() -> None:
    async with connected() as (socket, pipe, _):
        task = await begun(socket, request_id=1)
        for stray in ({"id": 2}, {"id": "1"}, {"id": True}, {"id": None}, {"id": 1.0}, {"id": [1]}, {}):
            pipe.answers(result="stray", **stray)
        pipe.answers(id=1, result="own")
        assert await task == "own"
        pipe.answers(id=1, result="late")
        await asyncio.sleep(0.01)
        assert socket.unmatched >= 6


async def test_an_error_without_an_id_belongs_to_the_only_call_and_among_several_to_nobody() -> None:
    async with connected() as (socket, pipe, _):
        alone = await begun(socket)
        pipe.answers(id=None, error={"code": -32600, "message": "Invalid"})
        assert isinstance(await failed(alone), JsonRpcError)
        several = [await begun(socket), await begun(socket)]
        pipe.answers(id=None, error={"code": -32600, "message": "Invalid"})
        for task, call in zip(several, pipe.sent[1:], strict=True):
            pipe.answers(id=call["id"], result="fine")
            assert await task == "fine"


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        ({"code": -32001, "message": "canary", "data": {"x": 1}}, -32001, "canary"),
        ({"code": "no number", "message": 5}, 0, ""),
        ({}, 0, ""),
    ],
)
async def test_an_error_of_the_appliance_is_told_with_what_of_it_can_be_read(
    error: dict[str, object], code: int, text: str
) -> None:
    async with connected() as (socket, pipe, _):
        task = await begun(socket)
        pipe.answers(id=pipe.sent[0]["id"], error=error)
        found = await failed(task)
    assert isinstance(found, JsonRpcError)
    assert (found.rpc_code, found.rpc_message, found.data) == (code, text, error.get("data"))
    assert found.target == "truenas.nas"


@pytest.mark.parametrize(("safe", "executed"), [(True, Executed.NO), (False, Executed.UNKNOWN)])
async def test_an_answer_with_neither_result_nor_error_is_none(safe: bool, executed: Executed) -> None:
    for message in ({}, {"error": None}, {"error": "text"}):
        async with connected() as (socket, pipe, _):
            task = await begun(socket, safe=safe)
            pipe.answers(id=pipe.sent[0]["id"], **message)
            found = await failed(task)
        assert isinstance(found, ProtocolError)
        assert (found.executed, found.target) == (executed, "truenas.nas")
        assert "neither result nor error" in str(found)


async def test_a_notification_reaches_its_listener_and_a_request_of_the_peer_does_not() -> None:
    async with connected() as (socket, pipe, noted):
        pipe.answers(method="collection_update", params=[1])
        pipe.answers(method="no_params")
        pipe.answers(method="request", id=5)
        pipe.answers(method=5)
        task = await begun(socket)
        pipe.answers(id=pipe.sent[0]["id"], result=1, method="not an answer")
        pipe.answers(id=pipe.sent[0]["id"], result=2)
        assert await task == 2
        assert noted.notifications == [("collection_update", [1]), ("no_params", None)]
    async with connected(listening=False) as (socket, pipe, _):
        pipe.answers(method="nobody listens")
        task = await begun(socket)
        pipe.answers(id=pipe.sent[0]["id"], result=1)
        assert await task == 1


@pytest.mark.parametrize(
    ("text", "error"), [("[]", ProtocolError), ("{", ProtocolError), ("[" * 70 + "]" * 70, LimitError)]
)
async def test_what_is_no_message_ends_the_socket_and_every_call_on_it(text: str, error: type[HoldfastError]) -> None:
    async with connected() as (socket, pipe, noted):
        tasks = [await begun(socket), await begun(socket, safe=True)]
        pipe.coming.put_nowait(text)
        for task, executed in zip(tasks, (Executed.UNKNOWN, Executed.NO), strict=True):
            found = await failed(task)
            assert (type(found), found.executed) == (error, executed)
        await asyncio.wait_for(socket.wait_closed(), 5)
        await asyncio.sleep(0)
        assert (socket.closed, socket.close_code, socket.close_reason) == (True, 1002, "")
        assert pipe.closed_with == [1002]
        assert noted.ends == [(1002, "")]
        with pytest.raises(NotSentError):
            await socket.call("m")
        assert len(pipe.sent) == 2


async def test_the_end_of_the_pipe_ends_the_calls_on_it_once() -> None:
    async with connected() as (socket, pipe, noted):
        assert (socket.closed, socket.close_code, socket.close_reason) == (False, None, "")
        waits = asyncio.create_task(socket.wait_closed())
        await asyncio.sleep(0)
        assert not waits.done()
        task = await begun(socket)
        pipe.coming.put_nowait(WireClosed(1001, "going away"))
        found = await failed(task)
        assert isinstance(found, LostReplyError)
        await asyncio.wait_for(waits, 5)
        await socket.close(4000)
        await asyncio.sleep(0)
        assert (socket.close_code, socket.close_reason) == (1001, "going away")
        assert noted.ends == [(1001, "going away")]
        assert pipe.closed_with[0] == 1000


async def test_a_call_that_was_too_long_is_told_as_that_only_where_it_was_alone() -> None:
    async with connected() as (socket, pipe, _):
        task = await begun(socket)
        pipe.coming.put_nowait(WireClosed(1009, ""))
        assert isinstance(await failed(task), InputError)
    async with connected() as (socket, pipe, _):
        tasks = [await begun(socket), await begun(socket)]
        pipe.coming.put_nowait(WireClosed(1009, ""))
        for one in tasks:
            assert isinstance(await failed(one), LostReplyError)
    async with connected() as (socket, pipe, _):
        answered, waiting = await begun(socket), await begun(socket)
        pipe.answers(id=pipe.sent[0]["id"], result=1)
        pipe.coming.put_nowait(WireClosed(1009, ""))
        assert await answered == 1
        assert isinstance(await failed(waiting), InputError)


async def test_closing_tells_the_peer_and_fails_the_calls_that_wait() -> None:
    async with connected() as (socket, pipe, noted):
        task = await begun(socket)
        await socket.close(4001)
        found = await failed(task)
        assert found.details == {"close_code": 4001}
        assert pipe.closed_with == [4001]
        await asyncio.sleep(0)
        assert noted.ends == [(4001, "")]
    assert socket._reader.done()


async def test_no_more_calls_wait_than_may() -> None:
    async with connected(most=2) as (socket, pipe, _):
        tasks = [await begun(socket), await begun(socket)]
        with pytest.raises(OverloadedError, match="2 calls already wait"):
            await socket.call("m")
        assert (len(pipe.sent), socket.pending) == (2, 2)
        pipe.answers(id=pipe.sent[0]["id"], result=1)
        assert await tasks[0] == 1
        third = await begun(socket)
        assert len(pipe.sent) == 3
        for task in (tasks[1], third):
            task.cancel()
            await asyncio.wait([task])
        assert socket.pending == 0


async def test_a_call_is_as_long_as_the_appliance_takes_and_is_json_or_not_sent() -> None:
    async with connected(chars=100) as (socket, pipe, _):
        frame = len(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "m", "params": [""]}, separators=(",", ":")))
        task = await begun(socket, params=("x" * (100 - frame),), request_id=1)
        assert len(pipe.sent) == 1
        task.cancel()
        await asyncio.wait([task])
        for params, told in (
            (("x" * (101 - frame),), "101 characters long; the appliance takes 100"),
            ((float("nan"),), "cannot be written as JSON"),
            (("\ud800",), "cannot be written as JSON"),
            ((object(),), "cannot be written as JSON"),
        ):
            with pytest.raises(InputError, match=told):
                await socket.call("m", params, request_id=1)  # type: ignore[arg-type]  # some wrong on purpose
        assert len(pipe.sent) == 1
        assert socket.pending == 0


@REAL_TIME
@pytest.mark.parametrize(
    ("safe", "executed", "todo"),
    [(True, Executed.NO, AttemptTimeoutError("x").next_step), (False, Executed.UNKNOWN, READ_BACK)],
)
async def test_a_call_without_an_answer_ends_at_its_time(safe: bool, executed: Executed, todo: str | None) -> None:
    async with connected() as (socket, pipe, _):
        with pytest.raises(AttemptTimeoutError) as caught:
            await socket.call("m", timeout_s=0.05, safe=safe)
        error = caught.value
        assert str(error) == "No answer to m came within 0.1 s."
        assert (error.executed, error.next_step, error.target) == (executed, todo, "truenas.nas")
        assert error.details == {"timeout_s": 0.05}
        assert (socket.pending, len(pipe.sent)) == (0, 1)


async def test_before_a_call_that_may_change_something_is_written_it_is_asked_whether_it_may() -> None:
    def stopped() -> None:
        raise KillSwitchError("Writes are stopped.")

    async with connected() as (socket, pipe, _):
        with asked_before_sending(stopped):
            with pytest.raises(KillSwitchError):
                await socket.call("m")
            assert (pipe.sent, socket.pending) == ([], 0)
            task = await begun(socket, safe=True)
        assert len(pipe.sent) == 1
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize(("before", "error"), [(True, NotSentError), (False, LostReplyError)])
async def test_a_call_that_could_not_be_written_tells_whether_it_was(
    before: bool, error: type[HoldfastError], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(text: str) -> None:
        raise WireClosed(1006, "", before_sending=before)

    async with connected() as (socket, pipe, _):
        monkeypatch.setattr(pipe, "send", broken)
        with pytest.raises(error):
            await socket.call("m")
        assert socket.pending == 0


async def test_an_error_with_a_foreign_id_is_not_that_of_the_only_call() -> None:
    async with connected() as (socket, pipe, _):
        task = await begun(socket, request_id=1)
        pipe.answers(id=99, error={"code": -32600, "message": "Invalid"})
        pipe.answers(id=1, result="own")
        assert await task == "own"
        assert socket.unmatched == 1


async def test_a_second_answer_to_one_call_is_dropped_and_the_socket_lives_on() -> None:
    async with connected() as (socket, pipe, _):
        task = await begun(socket, request_id=1)
        pipe.answers(id=1, result="first")
        pipe.answers(id=1, result="second")
        assert await task == "first"
        assert (socket.unmatched, socket.closed) == (1, False)


async def test_a_time_out_that_is_told_before_the_call_was_written_is_passed_on() -> None:
    error = AttemptTimeoutError("The switch could not be read in time.", executed=Executed.NO)

    def slow() -> None:
        raise error

    async with connected() as (socket, pipe, _):
        with asked_before_sending(slow), pytest.raises(AttemptTimeoutError) as caught:
            await socket.call("m")
        assert caught.value is error
        assert pipe.sent == []


@REAL_TIME
async def test_nothing_is_left_for_the_loop_to_complain_about(monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context["message"]))

    async def stuck(text: str) -> None:
        await asyncio.Event().wait()

    async with connected(listening=False) as (socket, pipe, _):
        pipe.answers(method="nobody listens")
        monkeypatch.setattr(pipe, "send", stuck)
        task = await begun(socket)
        await asyncio.sleep(0.01)
        socket._finish(WireClosed(1006, ""))  # while the call is still being written
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        del task
    assert (socket.close_code, pipe.closed_with) == (1006, [1000])
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []


async def test_a_socket_is_closed_when_its_block_is_left() -> None:
    async with connected() as (socket, pipe, _):
        pass
    assert (socket.closed, socket.close_code, pipe.closed_with) == (True, 1000, [1000])

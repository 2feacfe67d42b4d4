"""`JsonRpcSocket`: concurrent calls on one socket, and the truth about each when it breaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from holdfast.errors import (
    AttemptTimeoutError,
    DeadlineError,
    Executed,
    HoldfastError,
    InputError,
    LimitError,
    LostReplyError,
    NotSentError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
)
from holdfast.resilience import deadline_scope
from holdfast.transport import ConnectionPool, JsonRpcError, JsonRpcSocket, JsonValue, Limits, TlsSettings
from holdfast.transport.websocket import open_wire
from holdfast.transport.wire import WireClosed
from tests.support.realtime import REAL_TIME
from tests.transport.proofs import Stopwatch
from tests.transport.rpcpeer import BINARY, TEXT, Link, RpcPeer, Script, answer, closing, echoing, frame, rpc_peer


@asynccontextmanager
async def _socket(script: Script, **options: object) -> AsyncIterator[tuple[JsonRpcSocket, RpcPeer]]:
    async with rpc_peer(script) as server, ConnectionPool() as pool:
        socket = await JsonRpcSocket.connect(server.url, pool=pool, **options)  # type: ignore[arg-type]  # passed on
        async with socket:
            yield socket, server


async def test_a_call_is_answered_with_its_result() -> None:
    async with _socket(echoing) as (socket, server):
        assert await socket.call("pool.query", [[], {"limit": 1}]) == [[], {"limit": 1}]
        assert await socket.call("core.ping") == []
        assert await socket.call("named", {"a": 1}) == {"a": 1}
        assert server.calls[0] == {"jsonrpc": "2.0", "id": 1, "method": "pool.query", "params": [[], {"limit": 1}]}
        assert [call["id"] for call in server.calls] == [1, 2, 3]
        assert (socket.closed, socket.pending, socket.unmatched) == (False, 0, 0)


async def test_the_opening_asks_for_no_compression_and_carries_the_given_headers() -> None:
    async with _socket(echoing, headers={"X-Extra": "1"}) as (_, server):
        head = server.links[0].head.lower()
    assert head.startswith(b"get /api/current http/1.1\r\n")
    assert b"x-extra: 1" in head
    assert b"sec-websocket-extensions" not in head
    assert b"cookie" not in head
    assert b"origin" not in head


async def test_answers_are_matched_by_id_whatever_their_order() -> None:
    async def backwards(link: Link, _server: RpcPeer) -> None:
        calls = [await link.receive() for _ in range(20)]
        for call in reversed(calls):
            await link.write(answer(call["id"], call["params"]))
        await link.receive()

    async with _socket(backwards) as (socket, _):
        results = await asyncio.gather(*(socket.call("m", [number]) for number in range(20)))
    assert results == [[number] for number in range(20)]


async def test_the_caller_may_choose_the_id_but_not_one_in_use() -> None:
    release = asyncio.Event()

    async def on_release(link: Link, _server: RpcPeer) -> None:
        call = await link.receive()
        await release.wait()
        await link.write(answer(call["id"], "late"))
        await link.receive()

    async with _socket(on_release) as (socket, _):
        task = asyncio.create_task(socket.call("m", request_id="op-1"))
        await asyncio.sleep(0)
        with pytest.raises(InputError):
            await socket.call("m", request_id="op-1")
        with pytest.raises(InputError):
            await socket.call("m", request_id=True)
        release.set()
        assert await task == "late"


async def test_an_error_of_the_appliance_is_told_with_its_code_and_data_but_not_in_its_text() -> None:
    body = {"code": -32001, "message": "Method call error", "data": {"errname": "EBUSY", "trace": "canary"}}

    async def fails(link: Link, _server: RpcPeer) -> None:
        call = await link.receive()
        await link.write(frame(json.dumps({"jsonrpc": "2.0", "id": call["id"], "error": body}).encode()))
        await link.receive()

    async with _socket(fails, target="nas1") as (socket, _):
        with pytest.raises(JsonRpcError) as caught:
            await socket.call("pool.create")
    error = caught.value
    assert (error.rpc_code, error.rpc_message, error.data) == (-32001, "Method call error", body["data"])
    assert (error.target, error.executed) == ("nas1", Executed.UNKNOWN)
    assert "canary" not in str(error) + repr(error)


async def test_notifications_come_in_order_and_a_failing_listener_does_not_end_the_socket() -> None:
    heard: list[tuple[str, JsonValue]] = []
    complaints: list[dict[str, object]] = []

    def listen(method: str, params: JsonValue) -> None:
        heard.append((method, params))
        if len(heard) == 1:
            raise ValueError("listener")

    async def notify(link: Link, server: RpcPeer) -> None:
        for number in range(3):
            message = {"jsonrpc": "2.0", "method": "collection_update", "params": {"id": number}}
            await link.write(frame(json.dumps(message).encode()))
        await echoing(link, server)

    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    async with _socket(notify, on_notification=listen) as (socket, _):
        assert await socket.call("m", [1]) == [1]
    assert heard == [("collection_update", {"id": number}) for number in range(3)]
    assert len(complaints) == 1


# -- what happens to calls when the socket breaks ----------------------------------------------------------------------


async def _read_then_cut(link: Link, _server: RpcPeer) -> None:
    await link.receive()
    link.cut()


async def _read_then_end(link: Link, _server: RpcPeer) -> None:
    await link.receive()


async def _cut_mid_frame(link: Link, _server: RpcPeer) -> None:
    await link.receive()
    await link.write(frame(b'{"jsonrpc": "2.0", "id": 1, "resu', length=500))
    link.cut()


async def _cut_mid_header(link: Link, _server: RpcPeer) -> None:
    await link.receive()
    await link.write(b"\x81\x7e\x01")
    link.cut()


def _then(data: bytes) -> Script:
    async def script(link: Link, _server: RpcPeer) -> None:
        await link.receive()
        await link.write(data)
        await asyncio.sleep(5)

    return script


BREAKS: dict[str, tuple[Script, type[HoldfastError]]] = {
    "cut after the call": (_read_then_cut, LostReplyError),
    "end after the call": (_read_then_end, LostReplyError),
    "cut in a frame": (_cut_mid_frame, LostReplyError),
    "cut in a frame's header": (_cut_mid_header, LostReplyError),
    "closed with 1000": (_then(closing(1000)), LostReplyError),
    "closed with 1001": (_then(closing(1001, "going away")), LostReplyError),
    "closed with 1006 in a frame": (_then(closing(1006)), HoldfastError),
    "closed with 1008": (_then(closing(1008, "You are not allowed")), PermissionDeniedError),
    "closed with 1011": (_then(closing(1011, "exception")), LostReplyError),
    "closed with 1012": (_then(closing(1012)), LostReplyError),
    "closed without a code": (_then(frame(b"", 8)), LostReplyError),
    "a binary message": (_then(frame(b"{}", BINARY)), ProtocolError),
    "no JSON": (_then(frame(b"<html>")), ProtocolError),
    "a JSON array": (_then(frame(b"[]")), ProtocolError),
    "truncated JSON": (_then(frame(b'{"jsonrpc": "2.0", "id": 1, "result": [')), ProtocolError),
    "invalid UTF-8": (_then(frame(b"\xff\xfe")), ProtocolError),
    "NaN": (_then(frame(b'{"id": 1, "result": NaN}')), ProtocolError),
    "neither result nor error": (_then(frame(b'{"jsonrpc": "2.0", "id": 1}')), ProtocolError),
    "reserved bits": (_then(frame(b"{}", flags=0x40)), ProtocolError),
    "an unknown opcode": (_then(frame(b"{}", 5)), ProtocolError),
    "a continuation of nothing": (_then(frame(b"{}", 0)), ProtocolError),
    "an announced size over the limit": (_then(frame(b"x", length=1 << 40)), LimitError),
    "fragments over the limit": (_then(frame(b"x" * 900, final=False) + frame(b"x" * 900, 0)), LimitError),
    "a depth bomb": (_then(frame(b'{"id": 1, "result": ' + b"[" * 300 + b"]" * 300 + b"}")), LimitError),
    "a long number": (_then(frame(b'{"id": 1, "result": ' + b"1" * 500 + b"}")), LimitError),
}


@REAL_TIME
@pytest.mark.parametrize("name", BREAKS)
async def test_a_broken_socket_tells_of_each_call_that_nobody_knows_whether_it_was_executed(name: str) -> None:
    script, wanted = BREAKS[name]
    limits = Limits(wire_bytes=1000)
    async with _socket(script, limits=limits) as (socket, _):
        with pytest.raises(wanted) as caught:
            await socket.call("pool.export", [1], timeout_s=3)
        assert caught.value.executed is Executed.UNKNOWN
        if name != "neither result nor error":
            await asyncio.wait_for(socket.wait_closed(), 3)
            with pytest.raises((NotSentError, PermissionDeniedError)) as again:
                await socket.call("pool.export", [1])
            assert again.value.executed is Executed.NO
        assert socket.pending == 0


async def test_a_call_declared_safe_is_known_to_have_changed_nothing() -> None:
    async with _socket(_read_then_cut) as (socket, _):
        with pytest.raises(LostReplyError) as caught:
            await socket.call("pool.query", safe=True)
    assert (caught.value.executed, caught.value.next_step) == (Executed.NO, None)


@REAL_TIME
async def test_a_socket_cut_before_the_call_is_proof_that_nothing_was_sent() -> None:
    async def cut_at_once(link: Link, _server: RpcPeer) -> None:
        link.cut()

    async with _socket(cut_at_once) as (socket, server):
        await asyncio.wait_for(socket.wait_closed(), 3)
        assert (socket.closed, socket.close_code) == (True, 1006)
        with pytest.raises(NotSentError) as caught:
            await socket.call("pool.export", [1])
        assert caught.value.details == {"close_code": 1006}
        assert not server.calls


class _FailingWire:
    """A wire on which nothing can be sent any more, though nobody has noticed its end yet."""

    def __init__(self, *, before_sending: bool) -> None:
        self.before_sending = before_sending

    async def send(self, text: str) -> None:
        raise WireClosed(1006, "", before_sending=self.before_sending)

    async def receive(self) -> str:
        await asyncio.Event().wait()
        raise WireClosed(1006, "")

    async def close(self, code: int) -> None:
        pass


@pytest.mark.parametrize(("before_sending", "wanted"), [(True, NotSentError), (False, LostReplyError)])
async def test_a_write_that_fails_is_unknown_unless_it_failed_before_its_first_byte(
    before_sending: bool, wanted: type[HoldfastError]
) -> None:
    socket = JsonRpcSocket(
        _FailingWire(before_sending=before_sending),
        limits=Limits(),
        max_request_chars=100,
        max_pending=1,
        on_notification=None,
        on_close=None,
        target=None,
    )
    async with socket:
        with pytest.raises(wanted) as caught:
            await socket.call("m")
    assert caught.value.executed is (Executed.NO if before_sending else Executed.UNKNOWN)


async def test_a_closed_websocket_knows_that_nothing_was_written() -> None:
    async with rpc_peer(echoing) as server, ConnectionPool() as pool:
        wire = await open_wire(
            server.url,
            pool=pool,
            tls=TlsSettings(),
            limits=Limits(),
            headers={},
            proxy=None,
            target=None,
            open_timeout_s=5,
            connect_timeout_s=5,
            ping_interval_s=20,
        )
        await wire.close(1000)
        with pytest.raises(WireClosed) as caught:
            await wire.send("{}")
        assert caught.value.before_sending


async def test_the_reason_and_code_of_the_end_are_kept_and_told_once() -> None:
    ends: list[tuple[int, str]] = []
    script = _then(closing(1008, "You are not allowed to access this resource"))
    async with _socket(script, on_close=lambda code, reason: ends.append((code, reason))) as (socket, _):
        with pytest.raises(PermissionDeniedError):
            await socket.call("m")
        assert (socket.close_code, socket.close_reason) == (1008, "You are not allowed to access this resource")
    await asyncio.sleep(0)
    assert ends == [(1008, "You are not allowed to access this resource")]


async def test_all_waiting_calls_fail_when_the_socket_breaks() -> None:
    async def cut_after_five(link: Link, _server: RpcPeer) -> None:
        for _ in range(5):
            await link.receive()
        link.cut()

    async with _socket(cut_after_five) as (socket, _):
        results = await asyncio.gather(*(socket.call("m", [n]) for n in range(5)), return_exceptions=True)
        assert all(isinstance(result, LostReplyError) for result in results)
        assert socket.pending == 0


@pytest.mark.parametrize("code", [1007, 1009])
async def test_a_socket_closed_because_a_call_was_too_long_says_so_when_it_can_only_be_that_call(code: int) -> None:
    async with _socket(_then(closing(code, "Max message length is 64 kB"))) as (socket, _):
        with pytest.raises(InputError) as caught:
            await socket.call("core.bulk", ["x" * 1000])
        assert caught.value.executed is Executed.NO

    async def two_then_close(link: Link, _server: RpcPeer) -> None:
        await link.receive()
        await link.receive()
        await link.write(closing(code))
        await asyncio.sleep(5)

    async with _socket(two_then_close) as (socket, _):
        results = await asyncio.gather(socket.call("a"), socket.call("b"), return_exceptions=True)
        assert all(isinstance(result, LostReplyError) for result in results)


@REAL_TIME
async def test_closing_the_socket_ends_waiting_calls_and_tells_the_peer() -> None:
    async def read_on(link: Link, _server: RpcPeer) -> None:
        while True:
            await link.receive()

    async with _socket(read_on) as (socket, server):
        task = asyncio.create_task(socket.call("m"))
        await asyncio.sleep(0.02)
        await socket.close()
        await socket.close()
        with pytest.raises(LostReplyError):
            await task
        assert server.links[0].closed_with == 1000
        assert socket.close_code == 1000


# -- time and size -----------------------------------------------------------------------------------------------------


async def _never_answer(link: Link, _server: RpcPeer) -> None:
    while True:
        await link.receive()


@REAL_TIME
async def test_a_call_that_is_never_answered_ends_at_its_own_time_and_the_socket_lives_on() -> None:
    async def only_second(link: Link, _server: RpcPeer) -> None:
        first = await link.receive()
        second = await link.receive()
        await link.write(answer(first["id"], "late") + answer(second["id"], "ok"))
        await link.receive()

    async with _socket(only_second) as (socket, _):
        watch = Stopwatch()
        with pytest.raises(AttemptTimeoutError) as caught:
            await socket.call("slow", timeout_s=0.1)
        assert watch.elapsed_s() < 0.2
        assert (caught.value.executed, socket.pending) == (Executed.UNKNOWN, 0)
        assert await socket.call("fast") == "ok"
        assert socket.unmatched == 1  # the late answer went to nobody


@REAL_TIME
async def test_the_enclosing_deadline_bounds_a_call() -> None:
    async with _socket(_never_answer) as (socket, server):
        watch = Stopwatch()
        with deadline_scope(0.1), pytest.raises(AttemptTimeoutError):
            await socket.call("slow", timeout_s=30)
        assert watch.elapsed_s() < 0.2
        with deadline_scope(0), pytest.raises(DeadlineError) as caught:
            await socket.call("slow")
        assert caught.value.executed is Executed.NO
        assert len(server.calls) == 0


@REAL_TIME
async def test_a_dripping_answer_does_not_outlive_the_call() -> None:
    async def drip(link: Link, _server: RpcPeer) -> None:
        await link.receive()
        whole = frame(b'{"id": 1, "result": "' + b"x" * 500 + b'"}')
        for byte in whole:
            await link.write(bytes([byte]))
            await asyncio.sleep(0.01)

    async with _socket(drip) as (socket, _):
        watch = Stopwatch()
        with pytest.raises(AttemptTimeoutError):
            await socket.call("m", timeout_s=0.1)
        assert watch.elapsed_s() < 0.2


@REAL_TIME
async def test_a_peer_that_answers_no_ping_is_given_up() -> None:
    async def deaf(link: Link, server: RpcPeer) -> None:
        link.pong = False
        await _never_answer(link, server)

    async with _socket(deaf, ping_interval_s=0.1) as (socket, server):
        watch = Stopwatch()
        with pytest.raises(LostReplyError):
            await socket.call("m", timeout_s=10)
        assert watch.elapsed_s() < 1
        assert server.links[0].pings == 1
        assert socket.close_code == 1006


@REAL_TIME
async def test_a_peer_that_answers_pings_keeps_an_idle_socket_open() -> None:
    async with _socket(_never_answer, ping_interval_s=0.05) as (socket, server):
        await asyncio.sleep(0.3)
        assert not socket.closed
        assert server.links[0].pings >= 3


@REAL_TIME
async def test_a_cancelled_call_leaves_nothing_behind() -> None:
    async with _socket(_never_answer) as (socket, _):
        task = asyncio.create_task(socket.call("m"))
        await asyncio.sleep(0.02)
        assert socket.pending == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (socket.pending, socket.closed) == (0, False)


async def test_no_more_calls_wait_than_allowed() -> None:
    async with _socket(_never_answer, max_pending=2) as (socket, _):
        tasks = [asyncio.create_task(socket.call("m")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await socket.call("m")
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_a_call_that_is_too_long_or_no_json_is_refused_before_it_is_sent() -> None:
    async with _socket(echoing, max_request_chars=200) as (socket, server):
        with pytest.raises(InputError, match="200"):
            await socket.call("m", ["x" * 200])
        frame_of_m = '{"jsonrpc":"2.0","id":9,"method":"m","params":[""]}'
        exactly = ["é" * (200 - len(frame_of_m))]  # characters are counted, not bytes
        assert await socket.call("m", exactly, request_id=9) == exactly
        for wrong in (float("nan"), object(), "\ud800"):
            with pytest.raises(InputError):
                await socket.call("m", [wrong])  # type: ignore[list-item]  # wrong on purpose
        assert len(server.calls) == 1
        assert socket.pending == 0
        socket.max_request_chars = 65536
        assert await socket.call("m", ["x" * 60_000]) == ["x" * 60_000]


async def test_an_error_without_an_id_belongs_to_the_only_waiting_call() -> None:
    error = b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "parse error"}}'
    async with _socket(_then(frame(error))) as (socket, _):
        with pytest.raises(JsonRpcError) as caught:
            await socket.call("m", timeout_s=3)
        assert caught.value.rpc_code == -32700


async def test_answers_that_nobody_asked_for_are_counted_and_dropped() -> None:
    strange = [b'{"id": 77, "result": 1}', b'{"id": true, "result": 1}', b'{"id": "1", "result": 1}', b'{"id": [1]}']

    async def chatter(link: Link, server: RpcPeer) -> None:
        for text in strange:
            await link.write(frame(text))
        await echoing(link, server)

    async with _socket(chatter) as (socket, _):
        assert await socket.call("m", ["x"]) == ["x"]
        assert socket.unmatched == len(strange)


async def test_large_and_fragmented_messages_are_put_together() -> None:
    async def in_pieces(link: Link, _server: RpcPeer) -> None:
        call = await link.receive()
        whole = json.dumps({"id": call["id"], "result": "x" * 3_000_000}).encode()
        await link.write(frame(whole[:10], TEXT, final=False))
        await link.write(frame(b"", 9))
        await link.write(frame(whole[10:2_000_000], 0, final=False) + frame(whole[2_000_000:], 0))
        await link.receive()

    async with _socket(in_pieces) as (socket, _):
        assert await socket.call("m") == "x" * 3_000_000


async def test_many_calls_at_once_do_not_mix_their_answers() -> None:
    async with _socket(echoing, max_pending=500) as (socket, _):
        results = await asyncio.gather(*(socket.call("m", [number, "x" * number]) for number in range(300)))
    assert [result[0] for result in results if isinstance(result, list)] == list(range(300))

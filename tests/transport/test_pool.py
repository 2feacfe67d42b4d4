"""The shared pool: its limits hold over targets, sessions and errors; it belongs to one loop."""

from __future__ import annotations

import asyncio
import os
import resource

import pytest

from holdfast.errors import Executed, LostReplyError, NotSentError, OverloadedError
from holdfast.transport import ConnectionPool, HttpTransport, Reply, Request
from tests.support.realtime import REAL_TIME
from tests.transport.peers import OK, Exchange, peer, transport_to


class _Crowd:
    """Answers when told to, and remembers how many requests were there at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.go = asyncio.Event()

    async def __call__(self, exchange: Exchange) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.go.wait()
            await exchange.write(OK)
        finally:
            self.now -= 1

    async def settle(self, wanted: int) -> None:
        """Wait until as many are there as may be, and then a little longer for one too many."""
        for _ in range(500):
            if self.now >= wanted:
                break
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)


async def _all(tasks: list[asyncio.Task[Reply]]) -> None:
    replies = await asyncio.wait_for(asyncio.gather(*tasks), 20)
    assert all(reply.status == 200 for reply in replies)


@pytest.mark.parametrize("fresh", [False, True])
async def test_no_more_requests_are_in_flight_to_a_host_than_allowed(fresh: bool) -> None:
    crowd = _Crowd()
    async with peer(crowd) as server, ConnectionPool(limit=100, limit_per_host=5) as pool:
        http = HttpTransport(server.url, pool=pool)
        tasks = [
            asyncio.create_task(http.send(Request("POST", "/", fresh_connection=fresh and number % 2 == 0)))
            for number in range(20)
        ]
        await crowd.settle(5)
        assert (crowd.now, pool.in_flight) == (5, 5)
        crowd.go.set()
        await _all(tasks)
        assert (crowd.most, pool.in_flight) == (5, 0)


async def test_no_more_requests_are_in_flight_over_all_hosts_and_keep_alives_than_allowed() -> None:
    crowd = _Crowd()
    async with peer(crowd) as one, peer(crowd) as two, ConnectionPool(limit=7, limit_per_host=5) as pool:
        targets = [HttpTransport(one.url, pool=pool, keepalive_s=4), HttpTransport(two.url, pool=pool, keepalive_s=50)]
        tasks = [asyncio.create_task(targets[number % 2].send(Request("GET", "/"))) for number in range(20)]
        await crowd.settle(7)
        assert (crowd.now, pool.in_flight) == (7, 7)
        crowd.go.set()
        await _all(tasks)
        assert crowd.most == 7


async def test_two_targets_at_one_address_share_its_limit() -> None:
    crowd = _Crowd()
    async with peer(crowd) as server, ConnectionPool(limit_per_host=3) as pool:
        targets = [HttpTransport(server.url, pool=pool, keepalive_s=seconds) for seconds in (4.0, 15.0)]
        tasks = [asyncio.create_task(targets[number % 2].send(Request("GET", "/"))) for number in range(8)]
        await crowd.settle(3)
        assert crowd.now == 3
        crowd.go.set()
        await _all(tasks)


@REAL_TIME
async def test_a_call_that_gets_no_connection_in_time_was_not_sent_and_is_not_the_appliances_fault() -> None:
    crowd = _Crowd()
    async with peer(crowd) as server, ConnectionPool(limit_per_host=1) as pool:
        http = HttpTransport(server.url, pool=pool)
        first = asyncio.create_task(http.send(Request("GET", "/")))
        await crowd.settle(1)
        with pytest.raises(OverloadedError):
            await http.send(Request("POST", "/", attempt_timeout_s=0.05))
        crowd.go.set()
        await first
        assert len(server.arrivals) == 1
        assert (await http.send(Request("GET", "/"))).status == 200


async def test_cancelled_and_failed_calls_give_their_slots_back() -> None:
    async def die(exchange: Exchange) -> None:
        exchange.reset()

    crowd = _Crowd()
    async with peer(crowd) as server, peer(die) as dead, ConnectionPool(limit=2, limit_per_host=1) as pool:
        http = HttpTransport(server.url, pool=pool)
        tasks = [asyncio.create_task(http.send(Request("GET", "/"))) for _ in range(3)]
        await crowd.settle(1)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        for _ in range(3):
            with pytest.raises(LostReplyError):
                await HttpTransport(dead.url, pool=pool).send(Request("GET", "/"))
        assert pool.in_flight == 0
        crowd.go.set()
        assert (await http.send(Request("GET", "/"))).status == 200


async def test_a_call_cancelled_while_it_waits_for_the_pool_does_not_keep_its_host_blocked() -> None:
    crowd = _Crowd()
    async with peer(crowd) as one, peer(OK) as two, ConnectionPool(limit=1, limit_per_host=1) as pool:
        first = asyncio.create_task(HttpTransport(one.url, pool=pool).send(Request("GET", "/")))
        await crowd.settle(1)
        http = HttpTransport(two.url, pool=pool)
        second = asyncio.create_task(http.send(Request("GET", "/")))
        await asyncio.sleep(0)
        third = asyncio.create_task(http.send(Request("GET", "/", attempt_timeout_s=5)))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        crowd.go.set()
        await _all([first, third])


async def test_connections_are_shared_by_transports_with_equal_settings() -> None:
    async with peer(OK) as server, ConnectionPool() as pool:
        for _ in range(3):
            await HttpTransport(server.url, pool=pool).send(Request("GET", "/"))
        assert server.connections == 1


@REAL_TIME
async def test_a_name_is_resolved_once_while_its_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    asked: list[object] = []
    real = loop.getaddrinfo

    async def counting(host: str, *args: object, **kwargs: object) -> object:
        asked.append(host)
        return await real(host, *args, **kwargs)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(loop, "getaddrinfo", counting)
    async with peer(OK) as server:
        for ttl, wanted in ((300, 1), (0, 4)):
            asked.clear()
            async with ConnectionPool(dns_ttl_s=ttl) as pool:
                http = HttpTransport(f"http://localhost:{server.port}", pool=pool)
                for _ in range(4):
                    await http.send(Request("GET", "/", fresh_connection=True))
                    await asyncio.sleep(0.002)
            # Pooled and fresh connections keep their answers apart; here all are fresh.
            assert asked.count("localhost") == wanted


async def test_running_out_of_file_handles_is_not_taken_for_the_appliances_fault() -> None:
    async with peer(OK) as server, ConnectionPool() as pool:
        http = HttpTransport(server.url, pool=pool)
        await http.send(Request("GET", "/", fresh_connection=True))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = os.dup(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
        try:
            with pytest.raises(OverloadedError) as caught:
                await http.send(Request("POST", "/", fresh_connection=True))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            os.close(highest)
        assert caught.value.executed is Executed.NO
        assert http.requests_sent == 1


async def test_cookies_are_not_kept_or_sent_back() -> None:
    answer = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: PVEAuthCookie=x; Path=/\r\n\r\n")
    async with peer(answer) as server, transport_to(server.url) as http:
        reply = await http.send(Request("GET", "/"))
        await http.send(Request("GET", "/"))
    assert reply.headers["set-cookie"].startswith("PVEAuthCookie")
    assert "cookie" not in server.arrivals[1].headers


async def test_a_closed_pool_sends_nothing() -> None:
    async with peer(OK) as server, ConnectionPool() as pool:
        http = HttpTransport(server.url, pool=pool)
        await http.send(Request("GET", "/"))
        await pool.close()
        await pool.close()
        assert pool.closed
        with pytest.raises(NotSentError):
            await http.send(Request("GET", "/"))
        assert len(server.arrivals) == 1


def test_a_pool_made_outside_of_a_loop_belongs_to_the_loop_of_its_first_use() -> None:
    pool = ConnectionPool()

    async def use() -> int:
        async with peer(OK) as server:
            status = (await HttpTransport(server.url, pool=pool).send(Request("GET", "/"))).status
            await pool.close()
            return status

    async def use_elsewhere() -> None:
        pool.slot("127.0.0.1", 1)

    assert asyncio.run(use()) == 200
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(use_elsewhere())


def test_a_pool_that_was_never_used_can_be_closed_anywhere() -> None:
    asyncio.run(ConnectionPool().close())


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit_per_host": 0}, {"dns_ttl_s": -1}])
def test_limits_that_allow_nothing_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        ConnectionPool(**wrong)


async def test_many_hosts_leave_no_trace_in_the_pool() -> None:
    async with peer(OK) as server, ConnectionPool() as pool:
        for name in ("127.0.0.1", "localhost"):
            await HttpTransport(f"http://{name}:{server.port}", pool=pool).send(Request("GET", "/"))
        assert not pool._hosts

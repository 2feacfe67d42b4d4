"""Faults do what they say, and only to what they are aimed at (contract section 18.7)."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.truenas import create
from holdfast.simulators.truenas.faults import KNOWN
from holdfast.simulators.world import default_world
from tests.simulators.truenas.peer import standing
from tests.support.realtime import REAL_TIME

NEW = {"name": "tank/new"}


async def test_a_call_cut_after_sending_was_not_executed() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("cut-after-send", method="pool.dataset.create")
        await peer.call("core.ping")
        await peer.send("pool.dataset.create", NEW)
        with pytest.raises(ConnectionError, match="1006"):
            await peer.frame()
        peer = await stand.login()
        assert await peer.call("pool.dataset.query", [["id", "=", "tank/new"]]) == []
        assert await peer.call("pool.dataset.create", NEW), "it strikes once"


async def test_a_call_cut_after_commit_was_executed() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("cut-after-commit", method="pool.dataset.*")
        await peer.send("pool.dataset.create", NEW)
        with pytest.raises(ConnectionError, match="1006"):
            await peer.frame()
        assert stand.simulator.state.arrivals[-1].executed is True
        peer = await stand.login()
        assert len(await peer.call("pool.dataset.query", [["id", "=", "tank/new"]])) == 1


async def test_a_job_cut_after_commit_is_found_again_by_its_request_id() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("cut-after-commit", method="service.control")
        await peer.send("service.control", "START", "ftp", id="lost-1")
        with pytest.raises(ConnectionError):
            await peer.frame()
        peer = await stand.login()
        rows = await peer.call("core.get_jobs", [["message_ids", "rin", "lost-1"]])
        assert (await peer.wait_job(rows[0]["id"]))["state"] == "SUCCESS"


async def test_a_truncated_frame_never_completes() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("truncated-frame", method="system.info")
        await peer.send("system.info")
        with pytest.raises(ConnectionError):
            await peer.frame()


async def test_too_many_calls_are_refused_and_not_started() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("too-many-calls", method="pool.dataset.create")
        error = await peer.refused("pool.dataset.create", NEW)
        assert (error.code, error.message) == (-32000, "Maximum number of concurrent calls (20) has exceeded")
        assert error.data == {}
        assert stand.simulator.state.arrivals[-1].executed is False


async def test_the_twenty_first_call_in_flight_is_refused() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("slow-call", method="system.info", delay_s=30)
        numbers = [await peer.send("system.info") for _ in range(21)]
        frame = await peer.frame()
        assert (frame["id"], frame["error"]["code"]) == (numbers[-1], -32000)
        assert stand.simulator.state.in_flight == 20
        stand.simulator.clear_faults()
        stand.clock.advance(31)
        for number in numbers[:10]:
            assert "result" in await peer.answer(number)
        for number in numbers[10:20]:
            assert "result" in await peer.answer(number)


async def test_failing_calls_and_jobs_fail_as_told() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("call-fails", method="pool.query", errno=5, reason="broken")
        error = await peer.refused("pool.query")
        assert (error.code, error.errno, error.data["reason"]) == (-32001, 5, "[EUNKNOWN] broken")
        stand.simulator.set_fault("job-fails", method="disk.wipe", validation=True, reason="no")
        row = await peer.job("disk.wipe", "sdh", "QUICK")
        assert (row["state"], row["exc_info"]["type"]) == ("FAILED", "VALIDATION")
        assert row["exc_info"]["extra"] == [["data", "no", 22]]
        stand.simulator.set_fault("job-fails", method="service.control", after_work=True)
        row = await peer.job("service.control", "START", "ftp")
        assert row["state"] == "FAILED"
        assert await peer.call("service.started", "ftp") is True, "the work was done all the same"


async def test_refused_values_are_named_and_start_no_job() -> None:
    async with standing() as stand:
        peer = await stand.login()
        for method, params in (("pool.dataset.create", (NEW,)), ("disk.wipe", ("sdh", "QUICK"))):
            stand.simulator.set_fault("values-refused", method=method, attribute="data.name", reason="not so")
            error = await peer.refused(method, *params)
            assert (error.code, error.message, error.errno) == (-32602, "Invalid params", 22)
            assert error.data["extra"] == [["data.name", "not so", 22]]
            assert error.data["trace"]["class"] == "ValidationErrors"
            assert stand.simulator.state.arrivals[-1].executed is False
        assert await peer.call("core.get_jobs") == []
        assert await peer.call("pool.dataset.query", [["id", "=", "tank/new"]]) == []


@REAL_TIME
async def test_a_slow_job_takes_its_time() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("slow-job", method="disk.wipe", seconds=30)
        number = await peer.call("disk.wipe", "sdh", "QUICK")
        await asyncio.sleep(0.05)
        assert (await peer.call("core.get_jobs", [["id", "=", number]]))[0]["state"] == "RUNNING"
        stand.clock.advance(31)
        assert (await peer.wait_job(number))["state"] == "SUCCESS"


async def test_rate_limited_logins_answer_ebusy() -> None:
    async with standing() as stand:
        stand.simulator.set_fault("rate-limited", method="auth.login_ex")
        peer = await stand.connect()
        login = {"mechanism": "API_KEY_PLAIN", **stand.simulator.credentials}
        assert (await peer.refused("auth.login_ex", login)).data["reason"] == "[EBUSY] Rate Limit Exceeded"


async def test_a_standby_node_redirects() -> None:
    async with standing() as stand:
        stand.simulator.set_fault("standby", url="https://192.0.2.9")
        peer = await stand.connect()
        answer = await peer.call("auth.login_ex", {"mechanism": "API_KEY_PLAIN", **stand.simulator.credentials})
        assert answer == {"response_type": "REDIRECT", "urls": ["https://192.0.2.9"]}


async def test_a_revoked_key_answers_expired() -> None:
    async with standing() as stand:
        stand.simulator.set_fault("key-revoked")
        peer = await stand.connect()
        answer = await peer.call("auth.login_ex", {"mechanism": "API_KEY_PLAIN", **stand.simulator.credentials})
        assert answer == {"response_type": "EXPIRED"}


async def test_while_the_middleware_is_away_everything_is_502() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("restart", down_s=30.0)
        with pytest.raises(ConnectionError, match="1006"):
            await peer.frame()
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await stand.connect()
        assert caught.value.status == 502
        async with stand.http.get(f"{stand.url}/api/versions") as answer:
            assert answer.status == 502
        stand.clock.advance(31)
        assert await (await stand.login()).call("core.ping") == "pong"


async def test_one_upgrade_can_fail_with_502() -> None:
    async with standing() as stand:
        stand.simulator.set_fault("upgrade-502")
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await stand.connect()
        await stand.connect()


async def test_dropped_sockets_forget_nothing() -> None:
    async with standing() as stand:
        peer = await stand.login()
        number = await peer.call("disk.wipe", "sdh", "QUICK")
        stand.simulator.set_fault("drop-sockets")
        with pytest.raises(ConnectionError, match="1006"):
            await peer.frame()
        peer = await stand.login()
        assert (await peer.wait_job(number))["state"] == "SUCCESS"


async def test_terminated_sessions_close_in_good_order() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("terminate-sessions")
        with pytest.raises(ConnectionError, match="1000"):
            await peer.frame()


async def test_a_booting_box_says_so() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("booting")
        assert (await peer.call("system.state"), await peer.call("system.ready")) == ("BOOTING", False)
        stand.simulator.clear_faults()
        assert await peer.call("system.state") == "READY"


async def test_a_required_reboot_is_explained() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("reboot-required", code="X", reason="because")
        reasons = (await peer.call("system.reboot.info"))["reboot_required_reasons"]
        assert reasons == [{"code": "X", "reason": "because"}]


def test_unknown_faults_and_options_are_refused_and_all_are_described() -> None:
    simulator = create(default_world(), SimulatedClock(lambda: 1.8e9), "truenas")
    with pytest.raises(LookupError):
        simulator.set_fault("no-such-fault")
    with pytest.raises(ValueError, match="volume"):
        simulator.set_fault("slow-call", volume=11)
    assert set(simulator.fault_names) == set(KNOWN)
    assert all(text.endswith(".") for text in simulator.fault_names.values())

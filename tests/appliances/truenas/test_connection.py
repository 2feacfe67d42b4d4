"""One long-lived socket: how many calls it carries, and what becomes of them when it is cut, again and again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from holdfast.appliances.kinds import settings_classes
from holdfast.appliances.truenas.client import TrueNASClient
from holdfast.appliances.truenas.pace import JITTER_S, LOGINS, WINDOW_S
from holdfast.appliances.truenas.settings import TrueNASSettings
from holdfast.appliances.truenas.tools import TOOLSETS
from holdfast.config import parse_config
from holdfast.control.caller import Caller
from holdfast.control.dispatch import Clocks
from holdfast.errors import (
    CircuitOpenError,
    HoldfastError,
    LostReplyError,
    RateLimitedError,
    TransportError,
    UnavailableError,
)
from holdfast.resilience import deadline_scope
from holdfast.resilience.testing import ManualClock
from holdfast.server.application import Application, Serving
from holdfast.simulators.truenas.simulator import TrueNASSimulator
from holdfast.transport.values import JsonArray, as_list
from tests.appliances.truenas.harness import box, calls_of, client_of, ended, nas
from tests.support.realtime import REAL_TIME
from tests.support.rooms import Room, says_yes

SERVER_LIMIT = 20
"""Calls of `auth.login_ex` that TrueNAS takes from one address in 60 s (contract 6)."""


class Time(ManualClock):
    """Virtual time of the client; the simulator's runs along."""

    def __init__(self, made: Room) -> None:
        super().__init__()
        self._made = made

    def advance(self, seconds: float) -> None:
        """Let time pass at both ends."""
        super().advance(seconds)
        self._made.clock.advance(seconds)


@asynccontextmanager
async def client(made: Room, time: ManualClock, **changes: object) -> AsyncIterator[TrueNASClient]:
    """A client of its own over the room's simulator, in virtual time."""
    target = made.application.connections.target("truenas", None)
    assert isinstance(target, TrueNASSettings)
    async with TrueNASClient(target.model_copy(update=changes), clock=time.clock) as opened:
        yield opened


def logins(made: Room) -> int:
    return calls_of(made, "auth.login_ex")


@REAL_TIME
async def test_one_socket_sustains_eight_reads_at_a_time_and_never_carries_more(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("slow-call", method="pool.*", delay_s=0.15)
        await asyncio.gather(
            *(made.call("truenas_list_datasets", limit=number) for number in range(1, 33)),
            *(made.call("truenas_get_pool", pool="tank") for _ in range(8)),
            *(made.call("truenas_create_snapshot", dataset="tank/vms", name=f"s{number}") for number in range(4)),
        )
        assert box(made).box.most_on_a_socket == 8
        assert made.running.state.max_in_flight == 8
        assert logins(made) == 1


@REAL_TIME
async def test_subscriptions_that_begin_and_end_at_the_same_time_take_places_among_the_eight(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        client = await client_of(made)
        for method in ("core.*subscribe", "pool.query"):
            made.running.fault("slow-call", method=method, delay_s=0.05)

        async def follow() -> None:
            async with client.subscribed("core.get_jobs"):
                await asyncio.sleep(0.3)

        await asyncio.gather(*(follow() for _ in range(14)), *(client.pools() for _ in range(28)))
        assert made.running.state.max_in_flight == 8
        assert box(made).box.sessions[0].subscriptions == {}


@REAL_TIME
async def test_a_cut_under_eight_reads_costs_one_login_and_no_answer(tmp_path: Path) -> None:
    async with nas(tmp_path) as made, client(made, Time(made)) as opened:
        await opened.call("core.ping")
        made.running.fault("slow-call", method="pool.dataset.query", delay_s=0.15)
        calls = [asyncio.create_task(opened.call("pool.dataset.query", [], {"limit": n})) for n in range(1, 25)]
        await asyncio.sleep(0.05)
        made.running.fault("drop-sockets")
        answers = await asyncio.gather(*calls)
        assert [len(as_list(answer, "rows")) for answer in answers][:3] == [1, 2, 3]
        assert logins(made) == 2
        assert box(made).box.most_on_a_socket == 8


@REAL_TIME
@pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])
async def test_a_storm_of_cuts_hangs_nobody_doubles_no_write_and_stays_far_below_the_login_limit(
    persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        time = Time(made)
        namespace = "zfs.snapshot" if persona == "25.04" else "pool.snapshot"
        async with client(made, time, retry_max_attempts=6) as opened:
            began = time.now
            over = asyncio.Event()

            async def cut() -> None:
                while not over.is_set():
                    await asyncio.sleep(0.02)
                    made.running.fault("drop-sockets")

            async def write(number: int) -> str:
                name = f"w{number}"
                try:
                    await opened.write(f"{namespace}.create", {"dataset": "tank/vms", "name": name})
                except HoldfastError as error:
                    return f"{error.executed}"
                return "done"

            async def read(number: int) -> str:
                try:
                    await opened.call("pool.dataset.query", [], {"limit": number + 1})
                except HoldfastError as error:
                    return type(error).__name__
                return "done"

            made.running.fault("slow-call", method="pool.dataset.query", delay_s=0.005)
            storm = asyncio.create_task(cut())
            reads: list[str] = []
            writes: list[str] = []
            async with asyncio.timeout(60):
                for wave in range(12):
                    reads += await asyncio.gather(*(read(n) for n in range(10)))
                    writes += await asyncio.gather(*(write(wave * 5 + n) for n in range(5)))
                    time.advance(1.0)
            over.set()
            await storm
            box(made).clear_faults()
            spent = time.now - began
            attempts = logins(made)
            rows = await settled(opened, time, f"{namespace}.query")
        made_names = [str(row["snapshot_name"]) for row in rows if isinstance(row, dict)]
        sent = [json.loads(one.body)["params"][0]["name"] for one in made.arrivals if one.method.endswith("hot.create")]
        # Nothing was sent twice, what was called done is there, and what is there was sent.
        assert len(sent) == len(set(sent))
        assert {f"w{number}" for number, said in enumerate(writes) if said == "done"} <= set(made_names)
        assert {name for name in made_names if name.startswith("w")} <= set(sent)
        # What was told as not executed was not.
        unsent = {f"w{number}" for number, said in enumerate(writes) if said == "no"}
        assert not unsent & set(made_names)
        assert set(writes) <= {"done", "no", "unknown"}
        assert len(reads) == 120
        calls_a_login = 2 if persona == "26" else 1
        assert attempts <= calls_a_login * LOGINS * (spent // WINDOW_S + 1)
        assert most_in_a_minute(made) <= calls_a_login * LOGINS <= SERVER_LIMIT * 0.6
        assert box(made).box.most_on_a_socket <= 8


async def settled(opened: TrueNASClient, time: ManualClock, method: str) -> JsonArray:
    """Snapshots once the storm is over: its last cut may still be under way, retries cost a budget, and in leaps of
    virtual time the appliance closes sockets as idle, because pings go by real time.
    """
    for _ in range(10):
        try:
            return as_list(await opened.call(method, [["dataset", "=", "tank/vms"]], {"limit": 200}), "rows")
        except (LostReplyError, CircuitOpenError, RateLimitedError):
            time.advance(WINDOW_S + JITTER_S)
            await opened.reconnect()
    raise AssertionError("the storm does not end")


@REAL_TIME
@pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])
@pytest.mark.parametrize(
    ("tool", "arguments", "method"),
    [
        ("truenas_run_cloud_sync", {"task": "1"}, "cloudsync.sync"),
        ("truenas_set_permissions", {"path": "/mnt/tank/home", "mode": "750"}, "filesystem.setperm"),
        ("truenas_stop_app", {"app": "syncthing"}, "app.stop"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
async def test_a_job_through_cuts_is_started_at_most_once_and_told_as_what_became_of_it(
    tool: str, arguments: dict[str, object], method: str, persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        made.running.fault("slow-job", method=method, seconds=3.0)

        async def cut() -> None:
            for pause_s in (0.03, 0.05):
                await asyncio.sleep(pause_s)
                made.running.fault("drop-sockets")

        storm = asyncio.create_task(cut())
        async with asyncio.timeout(60):
            answer = await made.call(tool, **arguments)
        await storm
        executed = sum(one.executed is True for one in made.arrivals if one.method == method)
        assert calls_of(made, method) <= 1
        if answer["outcome"] == "started":
            await ended(made, int(str(answer["task"])))
        true = {"applied": {1}, "started": {1}, "not_applied": {0}, "unknown": {0, 1}}
        assert executed in true[str(answer["outcome"])], answer


def most_in_a_minute(made: Room) -> int:
    moments = box(made).box.login_moments
    return max((sum(start <= moment < start + 60 for moment in moments) for start in moments), default=0)


async def test_a_call_that_cannot_wait_for_its_turn_to_log_in_is_told_so_and_nothing_was_sent(tmp_path: Path) -> None:
    async with nas(tmp_path) as made, client(made, time := Time(made), retry_max_attempts=1) as opened:
        for _ in range(LOGINS):
            await opened.call("core.ping")
            await opened.reconnect()
        before = len(made.arrivals)
        with deadline_scope(5), pytest.raises(RateLimitedError) as refused:
            await opened.write("pool.snapshot.create", {"dataset": "tank/vms", "name": "late"})
        assert refused.value.executed == "no"
        wait_s = refused.value.retry_after_s
        assert wait_s is not None
        assert WINDOW_S - 2 <= wait_s <= WINDOW_S + JITTER_S
        assert len(made.arrivals) == before
        time.advance(WINDOW_S)
        await opened.call("core.ping")
        assert logins(made) == LOGINS + 1


async def probed() -> None:
    """Wait for the end of probes that rejected calls were the occasion for: they go over real sockets."""
    running = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__qualname__", "") == "Prober._ask"]
    if running:
        await asyncio.wait(running)


@REAL_TIME
@pytest.mark.parametrize("down_s", [3.0, 21.7])
@pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])
async def test_while_calls_keep_coming_the_first_answer_comes_within_5_s_of_its_return(
    persona: str, down_s: float, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        time = Time(made)
        async with client(made, time) as opened:
            await opened.call("system.version_short")
            back_at = time.now + down_s
            made.running.fault("restart", down_s=down_s)
            for _ in range(400):
                try:
                    await opened.call("system.version_short")
                except (CircuitOpenError, UnavailableError, TransportError):
                    await probed()
                    time.advance(0.25)
                else:
                    break
            # The simulator's clock also runs with the real one, so that it is back a little earlier.
            assert time.now <= back_at + 5.0, time.now - back_at
            assert logins(made) <= (4 if persona == "26" else 2)


async def test_two_systems_have_two_sockets_and_circuits_that_do_not_touch_each_other(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        other = await made.rack.add("truenas", persona="26")
        tables = []
        for name, running in (("first", made.running), ("second", other)):
            lines = [f'{key} = "{value}"' for key, value in running.credentials.items()]
            lines += ['host = "127.0.0.1"', f"port = {running.port}", f'ca_file = "{tmp_path / "ca.pem"}"']
            lines += ['mode = "operate"', "retry_min_wait = 0", "retry_max_wait = 0"]
            tables.append("\n".join([f"[targets.truenas.{name}]", *lines]))
        tables.append(f'[control]\nstate_dir = "{tmp_path / "two"}"')
        config = parse_config("\n".join(tables), settings_classes())
        application = Application(config, Serving(toolsets=("all",)), clocks=Clocks(now=made.clock.now))
        caller = Caller(principal="tester", ask=says_yes)
        async with application.running():

            async def ask(tool: str, target: str, **arguments: object) -> dict[str, object]:
                return dict(await application.dispatcher.call(tool, {"target": target, **arguments}, caller))

            for target in ("first", "second"):
                await ask("truenas_list_pools", target)
            simulators = [made.simulator, other.simulator]
            sessions = []
            for simulator in simulators:
                assert isinstance(simulator, TrueNASSimulator)
                sessions.append([session for session in simulator.box.sessions if session.credential is not None])
            assert [len(held) for held in sessions] == [1, 1]

            made.rack.fault(made.running.name, "refuse")
            for _ in range(8):
                with pytest.raises(HoldfastError):
                    await ask("truenas_list_alerts", "first")
            with pytest.raises(CircuitOpenError):
                await ask("truenas_list_alerts", "first")
            # The other one neither notices nor logs in again, and takes writes.
            done = await ask("truenas_create_snapshot", "second", dataset="tank/vms", name="only-here")
            assert done["outcome"] == "applied"
            second = [session for session in other.simulator.box.sessions if session.credential is not None]  # type: ignore[attr-defined]  # a TrueNAS
            assert second == sessions[1]
            states = {str(row["name"]): row["state"] for row in await circuits(application, caller)}
            assert [state for name, state in sorted(states.items()) if "truenas" in name] == ["open", "closed"], states
            assert not any(one.method == "pool.snapshot.create" for one in made.arrivals)


async def test_the_page_for_users_names_every_toolset() -> None:
    page = (Path(__file__).parents[3] / "docs" / "truenas.md").read_text()
    assert [toolset.name for toolset in TOOLSETS if f"`{toolset.name}`" not in page] == []


async def circuits(application: Application, caller: Caller) -> list[dict[str, object]]:
    answer = await application.dispatcher.call("circuits_list", {}, caller)
    items = answer["items"]
    assert isinstance(items, list)
    return [dict(row) for row in items if isinstance(row, dict)]

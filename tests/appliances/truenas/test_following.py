"""Subscriptions: jobs that tell when they move, logs that are read to their end, and sockets that take feeds along."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from holdfast.appliances.truenas.client import TrueNASClient
from holdfast.appliances.truenas.feeds import CAPACITY, Feed, Feeds
from holdfast.appliances.truenas.jobs import Job, wait_for
from holdfast.simulators.truenas.methods.apps import Apps
from tests.appliances.truenas.harness import box, calls_of, nas, raw, sent
from tests.support.realtime import REAL_TIME
from tests.support.rooms import Room


async def client_of(made: Room) -> TrueNASClient:
    client = await made.application.connections.client(made.application.connections.target("truenas", None))
    assert isinstance(client, TrueNASClient)
    return client


def never(waits: list[float]) -> Callable[[float], Awaitable[None]]:
    """A sleep that only short pauses come back from: what ends a long one is a notification."""

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if seconds >= 1:
            await asyncio.Event().wait()

    return sleep


@REAL_TIME
@pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])
async def test_a_job_wakes_who_waits_for_it_by_telling_that_it_moved(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        client = await client_of(made)
        box(made).timing.job_step_s = 0.05
        number = await raw(made, "app.stop", "syncthing")
        assert isinstance(number, int)
        seen: list[Job] = []

        async def report(job: Job, waited: float) -> None:
            seen.append(job)

        waits: list[float] = []
        ended = await asyncio.wait_for(
            wait_for(client, number, limit_s=600, sleep=never(waits), report=report, follow=True), 10
        )
        assert ended.state == "SUCCESS"
        assert seen[-1].ended
        assert 5.0 in waits, "it looked without being told"
        assert calls_of(made, "core.subscribe") == calls_of(made, "core.unsubscribe") == 1
        assert box(made).box.sessions[0].subscriptions == {}


async def test_an_account_that_may_not_subscribe_waits_by_looking(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        number = await raw(made, "app.stop", "syncthing")
        made.running.fault("call-fails", method="core.subscribe", errno=13, reason="Not authorized")
        answer = await made.call("truenas_wait_job", job=number, wait_s=30)
        assert answer["succeeded"] is True


@REAL_TIME
async def test_a_job_that_ended_before_the_subscription_stood_is_not_waited_for(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        client = await client_of(made)
        number = await raw(made, "app.stop", "syncthing")
        assert isinstance(number, int)
        made.running.fault("slow-call", method="core.subscribe", delay_s=0.5, count=1)
        ended = await asyncio.wait_for(wait_for(client, number, limit_s=600, sleep=never([]), follow=True), 10)
        assert ended.state == "SUCCESS"


@REAL_TIME
async def test_a_socket_that_breaks_while_a_job_is_followed_only_ends_the_telling(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("slow-job", method="app.stop", seconds=20)
        number = await raw(made, "app.stop", "syncthing")
        broken = False

        async def sleep(seconds: float) -> None:
            nonlocal broken
            if not broken:
                broken = True
                made.running.fault("drop-sockets")
                await asyncio.sleep(0.05)
            made.clock.advance(seconds)
            await asyncio.sleep(0)

        assert isinstance(number, int)
        ended = await asyncio.wait_for(
            wait_for(await client_of(made), number, limit_s=60, sleep=sleep, follow=True), 10
        )
        assert (ended.state, broken) == ("SUCCESS", True)


@REAL_TIME
async def test_a_job_that_tells_its_progress_all_the_time_is_not_asked_all_the_time(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        client = await client_of(made)
        made.running.fault("job-stuck", method="app.stop")
        number = await raw(made, "app.stop", "syncthing")
        assert isinstance(number, int)
        before = calls_of(made, "core.get_jobs")
        job = box(made).box.jobs.jobs[number]

        async def chatter() -> None:
            for _ in range(200):
                box(made).box.events.emit(
                    "core.get_jobs", "changed", key=number, fields=job.row(with_message_ids=True, raw_result=True)
                )
                await asyncio.sleep(0.005)

        talking = asyncio.create_task(chatter())
        ended = await wait_for(client, number, limit_s=1, sleep=asyncio.sleep, follow=True)
        await talking
        assert not ended.ended
        assert calls_of(made, "core.get_jobs") - before <= 8


@pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])
async def test_the_end_of_an_apps_log_is_read_and_the_subscription_given_up(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        app = box(made).box.get(Apps).apps["jellyfin"]
        app["logs"] = [f"line {number}" for number in range(400)]
        answer = await made.call("truenas_app_log", app="jellyfin", lines=50)
        lines = answer["lines"]
        assert isinstance(lines, list)
        assert "line 399" in str(lines[-1])
        assert len(lines) == 50
        (argument,) = [params[0] for method, params in sent(made) if method == "core.subscribe"]
        assert str(argument).startswith("app.container_log_follow:{")
        assert calls_of(made, "core.unsubscribe") == 1


async def test_a_log_of_long_lines_is_cut_to_what_an_answer_holds_and_says_so(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        box(made).box.get(Apps).apps["jellyfin"]["logs"] = [f"{number} {'x' * 5000}" for number in range(300)]
        answer = await made.call("truenas_app_log", app="jellyfin", lines=300)
        lines = answer["lines"]
        assert isinstance(lines, list)
        assert 20 < len(lines) < 60
        assert "left out" in str(answer["notes"])


async def test_a_log_that_the_server_ends_at_once_says_why(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        client = await client_of(made)
        async with client.subscribed('app.container_log_follow:{"app_name": "no", "container_id": "x"}') as feed:
            for _ in range(200):
                await feed.pause(0.02, asyncio.sleep)
                if feed.ended:
                    break
            assert feed.ended
            assert "not found" in str(feed.reason)


async def test_one_of_several_containers_has_to_be_named(tmp_path: Path) -> None:
    compose = {"services": {"web": {"image": "nginx:1"}, "db": {"image": "postgres:17"}}}
    async with nas(tmp_path) as made:
        await made.call("truenas_install_app", app="two", compose=compose)
        error = await made.fails("truenas_app_log", app="two")
        assert "db, web" in error.message
        assert (await made.fails("truenas_app_log", app="two", service="cache")).code == "not_found"
        assert (await made.call("truenas_app_log", app="two", service="db"))["service"] == "db"


async def test_the_log_of_a_job_is_fetched_and_a_job_without_one_says_so(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        run = await made.call("truenas_run_cloud_sync", task="1", test_only=True)
        number = run["details"]["job"]  # type: ignore[index,call-overload]
        answer = await made.call("truenas_job_log", job=number)
        assert answer["lines"], answer
        other = await raw(made, "app.stop", "syncthing")
        answer = await made.call("truenas_job_log", job=other)
        assert "no log" in str(answer["notes"])
        assert calls_of(made, "core.job_download_logs") == 1


async def test_secrets_in_an_apps_settings_are_in_no_answer_and_not_in_a_plan(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        values = {"TZ": "UTC", "admin_password": "hunter2-hunter2"}
        said = str(await made.call("truenas_update_app", app="jellyfin", values=values))
        said += str(await made.call("truenas_get_app_config", app="jellyfin"))
        said += str(await made.call("truenas_update_app", app="jellyfin", values={"TZ": "CET"}, dry_run=True))
        assert "hunter2" not in said
        assert "UTC" in said


async def test_secrets_in_command_lines_and_environments_of_apps_are_hidden_and_the_rest_is_shown(
    tmp_path: Path,
) -> None:
    services = {
        "a": {
            "image": "a:1",
            "command": ["run", "--token", "hunter2-a", "--api-key=hunter2-b", "--verbose", "--port", "80"],
        },
        "b": {"image": "b:1", "entrypoint": "serve --password hunter2-c --db-password=hunter2-d --name lab"},
        "c": {"image": "c:1", "environment": ["POSTGRES_PASSWORD=hunter2-e", "TZ=UTC"]},
        "d": {
            "image": "d:1",
            "environment": {"DB_PASS": "hunter2-f"},
            "healthcheck": {"test": ["CMD", "x", "--secret=hunter2-g"]},
        },
    }
    async with nas(tmp_path) as made:
        await made.call("truenas_install_app", app="mine", compose={"services": services})
        said = str(await made.call("truenas_get_app_config", app="mine"))
        assert "hunter2" not in said
        for word in ("--verbose", "'--port', '80'", "--name lab", "TZ=UTC", "serve"):
            assert word in said


async def test_a_custom_apps_compose_file_is_checked_and_replaced(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await made.call("truenas_install_app", app="mine", compose={"services": {"web": {"image": "nginx:1"}}})
        error = await made.fails("truenas_update_app", app="mine", compose={"services": {"web": {}}})
        assert (error.code, calls_of(made, "app.update")) == ("invalid_argument", 0)
        assert (await made.fails("truenas_update_app", app="mine", values={"TZ": "UTC"})).code == "invalid_argument"
        done = await made.call("truenas_update_app", app="mine", compose={"services": {"web": {"image": "nginx:2"}}})
        assert done["outcome"] == "applied"
        detail = await made.call("truenas_get_app", app="mine")
        assert detail["containers"][0]["image"] == "nginx:2"  # type: ignore[index,call-overload]


async def test_an_image_in_use_is_not_deleted(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        page = await made.call("truenas_list_app_images")
        tag = page["items"][0]["tags"][0]  # type: ignore[index,call-overload]
        error = await made.fails("truenas_delete_app_image", image=tag)
        assert (error.code, calls_of(made, "app.image.delete")) == ("conflict", 0)


def test_a_feed_keeps_the_newest_of_what_nobody_takes() -> None:
    feeds = Feeds()
    feed = feeds.add("x")
    for number in range(CAPACITY + 5):
        feeds.notified("collection_update", {"collection": "x", "id": number})
    taken = feed.take()
    assert (len(taken), taken[-1]["id"]) == (CAPACITY, CAPACITY + 4)
    feeds.notified("collection_update", {"collection": "y", "id": 1})
    feeds.notified("collection_update", ["not", "an", "object"])
    feeds.notified("something_else", {"collection": "x"})
    assert feed.take() == []


def test_feeds_of_the_same_name_end_together_with_the_socket_and_not_with_each_other() -> None:
    feeds = Feeds()
    first, second = feeds.add("x"), feeds.add("x")
    feeds.remove("x", first)
    feeds.notified("collection_update", {"collection": "x"})
    assert (len(first.take()), len(second.take())) == (0, 1)
    feeds.lost()
    assert (first.ended, second.ended) == (False, True)


async def test_a_pause_is_cut_short_by_news_and_cancelled_with_its_caller() -> None:
    feed = Feed()
    feed.put({"id": 1})
    assert await asyncio.wait_for(feed.pause(600, asyncio.sleep), 5) is True
    feed.take()
    waiting = asyncio.create_task(feed.pause(600, asyncio.sleep))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    feed.end()
    assert await feed.pause(0, asyncio.sleep) is False

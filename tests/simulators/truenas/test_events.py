"""Subscriptions, notifications and event sources (contract sections 3 and 9)."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulators.truenas.peer import standing
from tests.support.realtime import REAL_TIME


async def test_changes_of_a_namespace_are_notified_and_unsubscribing_ends_it() -> None:
    async with standing() as stand:
        peer = await stand.login()
        number = await peer.call("core.subscribe", "sharing.nfs.query")
        made = await peer.call("sharing.nfs.create", {"path": "/mnt/tank/home"})
        added = await peer.event("sharing.nfs.query", "added")
        assert (added["id"], added["fields"]["path"]) == (made["id"], "/mnt/tank/home")
        await peer.call("sharing.nfs.update", made["id"], {"ro": True})
        assert (await peer.event("sharing.nfs.query", "changed"))["fields"]["ro"] is True
        await peer.call("sharing.nfs.delete", made["id"])
        removed = await peer.event("sharing.nfs.query", "removed")
        assert removed["id"] == made["id"]
        assert "fields" not in removed
        assert await peer.call("core.unsubscribe", number) is None
        await peer.call("sharing.nfs.create", {"path": "/mnt/tank/home"})
        assert peer.events == []


async def test_subscribing_needs_the_role_of_the_query() -> None:
    async with standing() as stand:
        key = stand.simulator.add_account("nfs", "SHARING_NFS_READ")
        peer = await stand.login(username="nfs", api_key=key)
        assert await peer.call("core.subscribe", "sharing.nfs.query")
        assert await peer.call("core.subscribe", "core.get_jobs")
        assert (await peer.refused("core.subscribe", "pool.query")).errno == 13
        assert (await peer.refused("core.subscribe", "no.such.event")).errno == 13


@REAL_TIME
async def test_realtime_numbers_come_at_their_interval() -> None:
    async with standing() as stand:
        peer = await stand.login()
        name = 'reporting.realtime:{"interval": 30}'
        await peer.call("core.subscribe", name)
        first = await peer.event(name)
        assert first["fields"]["memory"]["physical_memory_total"] == stand.box.server.memory_bytes
        await asyncio.sleep(0.05)
        assert peer.events == []
        stand.clock.advance(30)
        assert (await peer.event(name))["msg"] == "added"


@pytest.mark.parametrize("argument", ['{"interval": 1}', '{"interval": "5"}', "{not json"])
async def test_a_bad_argument_still_gets_an_id_and_then_the_news_that_it_ended(argument: str) -> None:
    async with standing() as stand:
        peer = await stand.login()
        name = f"reporting.realtime:{argument}"
        number = await peer.send("core.subscribe", name)
        answer = await peer.answer(number)
        assert isinstance(answer["result"], str)
        frames = [frame for frame in peer.events if frame["method"] == "notify_unsubscribed"]
        if not frames:
            frames = [await peer.frame()]
        params = frames[0]["params"]
        assert params["collection"] == name
        assert params["error"]["error"] == 22
        assert params["error"]["trace"] is None


async def test_the_log_of_an_app_comes_only_as_events() -> None:
    async with standing() as stand:
        peer = await stand.login()
        app = (await peer.call("app.query", [["name", "=", "jellyfin"]]))[0]
        container = app["active_workloads"]["container_details"][0]["id"]
        name = f'app.container_log_follow:{{"app_name": "jellyfin", "container_id": "{container}"}}'
        await peer.call("core.subscribe", name)
        assert (await peer.event(name))["fields"]["data"] == "jellyfin started\n"
        stand.clock.advance(5)
        assert (await peer.event(name))["fields"]["data"] == "jellyfin: alive\n"


async def test_a_subscription_to_a_missing_container_is_ended() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("core.subscribe", 'app.container_log_follow:{"app_name": "jellyfin", "container_id": "x"}')
        frame = peer.events.pop() if peer.events else await peer.frame()
        assert (frame["method"], frame["params"]["error"]["errname"]) == ("notify_unsubscribed", "ENOENT")


async def test_the_server_can_end_a_subscription() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("core.subscribe", "pool.query")
        stand.simulator.set_fault("notify-unsubscribed", collection="pool.*")
        frame = await peer.frame()
        assert (frame["method"], frame["params"]["collection"]) == ("notify_unsubscribed", "pool.query")


@pytest.mark.parametrize(("persona", "name"), [("25.10", "zfs.pool.scan"), ("26", "pool.scan")])
async def test_a_scrub_tells_its_progress_under_the_releases_name(persona: str, name: str) -> None:
    async with standing(persona) as stand:
        peer = await stand.login()
        await peer.call("core.subscribe", name)
        await peer.call("pool.scrub.scrub", "tank", "START")
        event = await peer.event(name)
        assert event["fields"]["name"] == "tank"
        assert event["fields"]["scan"]["function"] == "SCRUB"


async def test_a_reboot_is_announced_and_ends_with_ready() -> None:
    async with standing() as stand:
        stand.simulator.timing.boot_s = 100
        stand.simulator.timing.restart_s = 0
        peer = await stand.login()
        boot_id = await peer.call("system.boot_id")
        await peer.call("core.subscribe", "system.reboot")
        await peer.call("system.reboot", "maintenance")
        assert (await peer.event("system.reboot"))["fields"] == {"reason": "maintenance"}
        with pytest.raises(ConnectionError, match="1006"):
            await peer.frame()
        peer = await stand.login()
        assert await peer.call("system.state") == "BOOTING"
        assert await peer.call("system.boot_id") != boot_id
        await peer.call("core.subscribe", "system.ready")
        stand.clock.advance(50)
        await peer.socket.ping()
        stand.clock.advance(51)
        await peer.event("system.ready")
        assert await peer.call("system.state") == "READY"

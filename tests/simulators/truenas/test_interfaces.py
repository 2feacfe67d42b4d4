"""Network changes: staged, committed with a timer, checked in or rolled back (contract section 15.9)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.simulators.truenas.peer import Peer, Stand, standing
from tests.support.realtime import REAL_TIME

SECOND = {"aliases": [{"type": "INET", "address": "10.30.0.5", "netmask": 24}]}
MOVED = {"aliases": [{"type": "INET", "address": "10.20.0.99", "netmask": 24}]}


async def addresses(peer: Peer, name: str) -> tuple[list[str], list[str]]:
    """(configured, applied) addresses of an interface."""
    row: dict[str, Any] = await peer.call("interface.get_instance", name)
    applied = [alias["address"] for alias in row["state"]["aliases"] if alias["type"] != "LINK"]
    return [alias["address"] for alias in row["aliases"]], applied


async def kept_awake(stand: Stand, peer: Peer, seconds: float) -> None:
    """Let time pass without the proxy cutting the socket."""
    while seconds > 0:
        await peer.call("core.ping")
        stand.clock.advance(min(seconds, 50))
        seconds -= 50


async def test_a_staged_change_is_not_applied_until_it_is_committed() -> None:
    async with standing() as stand:
        peer = await stand.login()
        assert await peer.call("interface.has_pending_changes") is False
        await peer.call("interface.update", "eno2", SECOND)
        assert await peer.call("interface.has_pending_changes") is True
        assert await addresses(peer, "eno2") == (["10.30.0.5"], [])
        assert await peer.call("interface.checkin_waiting") is None
        await peer.call("interface.commit", {"checkin_timeout": 60})
        assert await addresses(peer, "eno2") == (["10.30.0.5"], ["10.30.0.5"])
        assert 55 <= await peer.call("interface.checkin_waiting") <= 60


async def test_without_a_check_in_the_change_goes_back_by_itself() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("interface.update", "eno2", SECOND)
        await peer.call("interface.commit", {"checkin_timeout": 60})
        await kept_awake(stand, peer, 61)
        assert await addresses(peer, "eno2") == ([], [])
        assert await peer.call("interface.has_pending_changes") is False
        assert await peer.call("interface.checkin_waiting") is None


async def test_a_check_in_keeps_the_change() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("interface.update", "eno2", SECOND)
        await peer.call("interface.commit", {"checkin_timeout": 60})
        await peer.call("interface.checkin")
        await kept_awake(stand, peer, 200)
        assert await addresses(peer, "eno2") == (["10.30.0.5"], ["10.30.0.5"])
        assert await peer.call("interface.has_pending_changes") is False


async def test_cancelling_the_timer_still_allows_going_back_later() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("interface.update", "eno2", SECOND)
        await peer.call("interface.commit", {"checkin_timeout": 60})
        await peer.call("interface.cancel_rollback")
        await kept_awake(stand, peer, 100)
        assert await peer.call("interface.has_pending_changes") is True
        await peer.call("interface.rollback")
        assert await addresses(peer, "eno2") == ([], [])


async def test_moving_the_management_address_drops_the_sockets() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("interface.update", "eno1", MOVED)
        assert await peer.call("interface.commit", {"checkin_timeout": 60}) is None
        with pytest.raises(ConnectionError, match="1006"):
            await peer.frame()
        peer = await stand.login()
        assert await peer.call("interface.websocket_local_ip") == "10.20.0.99"
        assert await peer.call("interface.checkin_waiting") > 0
        await peer.call("interface.checkin")


async def test_a_restart_forgets_the_timer_and_leaves_the_new_configuration() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("interface.update", "eno2", SECOND)
        await peer.call("interface.commit", {"checkin_timeout": 60})
        stand.simulator.set_fault("restart", down_s=0.0)
        stand.clock.advance(61)
        peer = await stand.login()
        assert await peer.call("interface.has_pending_changes") is False
        assert await peer.call("interface.checkin_waiting") is None
        assert await addresses(peer, "eno2") == (["10.30.0.5"], ["10.30.0.5"])


@pytest.mark.parametrize("timer", [True, False])
async def test_the_answer_to_a_commit_can_be_lost_with_the_timer_armed_or_not(timer: bool) -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("interface-commit-lost", timer=timer)
        await peer.call("interface.update", "eno2", SECOND)
        await peer.send("interface.commit", {"checkin_timeout": 60})
        with pytest.raises(ConnectionError, match="1006"):
            await peer.frame()
        peer = await stand.login()
        assert await peer.call("interface.has_pending_changes") is True
        assert (await peer.call("interface.checkin_waiting") is not None) is timer
        assert await addresses(peer, "eno2") == (["10.30.0.5"], ["10.30.0.5"])


@REAL_TIME
async def test_a_box_that_a_commit_made_unreachable_comes_back_when_it_rolls_back() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("new-address-dead")
        await peer.call("interface.update", "eno1", MOVED)
        await peer.call("interface.commit", {"checkin_timeout": 60})
        with pytest.raises(ConnectionError, match="1006"):
            await peer.frame()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await stand.connect()
        stand.clock.advance(61)
        peer = await stand.login()
        assert await peer.call("interface.websocket_local_ip") == stand.box.server.host_ip


async def test_settings_saved_with_the_change_go_back_with_it() -> None:
    async with standing() as stand:
        peer = await stand.login()
        assert (await peer.refused("interface.save_network_config", {"ipv4gateway": "10.20.0.7"})).code == -32001
        await peer.call("interface.update", "eno2", SECOND)
        await peer.call("interface.save_network_config", {"ipv4gateway": "10.20.0.7"})
        await peer.call("interface.rollback")
        config = await peer.call("network.configuration.config")
        assert config["ipv4gateway"] == stand.box.world.firewall_lan_ip


@pytest.mark.parametrize(
    ("name", "data", "path"),
    [
        ("eno2", {"aliases": [{"type": "INET", "address": "10.20.0.50", "netmask": 24}]}, "interface_update.aliases.0"),
        ("eno2", {"aliases": [{"type": "INET", "address": "no", "netmask": 24}]}, "interface_update.aliases.0"),
        ("eno1", {"ipv4_dhcp": True}, "interface_update.aliases"),
    ],
)
async def test_impossible_settings_are_refused_before_they_are_staged(
    name: str, data: dict[str, Any], path: str
) -> None:
    async with standing() as stand:
        peer = await stand.login()
        error = await peer.refused("interface.update", name, data)
        assert error.data["extra"][0][0] == path
        assert await peer.call("interface.has_pending_changes") is False


async def test_what_dhcp_would_take_away_is_told_before_the_commit() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("network.configuration.update", {"ipv4gateway": "", "nameserver1": ""})
        await peer.call("interface.update", "eno1", {"ipv4_dhcp": True, "aliases": []})
        await peer.call("interface.commit", {"rollback": False})
        peer = await stand.login()
        await peer.call("interface.update", "eno1", {"ipv4_dhcp": False, **MOVED})
        assert await peer.call("interface.network_config_to_be_removed") == ["ipv4gateway", "nameserver1"]


async def test_25_04_has_the_older_names() -> None:
    async with standing("25.04") as stand:
        peer = await stand.login()
        assert await peer.call("interface.default_route_will_be_removed") is False
        assert (await peer.refused("interface.network_config_to_be_removed")).code == -32601


async def test_the_web_interface_has_a_rollback_timer_of_its_own() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("system.general.update", {"ui_httpsport": 8443, "rollback_timeout": 60})
        assert 55 <= await peer.call("system.general.checkin_waiting") <= 60
        stand.clock.advance(61)
        peer = await stand.login()
        assert (await peer.call("system.general.config"))["ui_httpsport"] == 443

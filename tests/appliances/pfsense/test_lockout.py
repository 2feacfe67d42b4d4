"""The guard keeps Holdfast from cutting off the address that it speaks from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.appliances.pfsense.conftest import Open, firewall
from tests.appliances.pfsense.elsewhere import tracker_of
from tests.support.rooms import Room

OWN = 'own_address = "10.20.0.50"'
BLOCK = {"action": "block", "interface": ["lan"], "source": "any", "destination": "any", "description": "shut"}


@pytest.fixture
async def lan(tmp_path: Path) -> AsyncIterator[Room]:
    """Holdfast speaks from the LAN."""
    async with firewall(tmp_path, settings=OWN) as made:
        yield made


async def test_a_rule_that_would_block_the_own_address_is_refused(lan: Room) -> None:
    error = await lan.fails("pfsense_create_rule", **BLOCK, position="first")
    assert error.code == "lock_out"
    assert "10.20.0.50" in str(error)
    assert "allow_lockout" in str(error.next_step)
    assert [a for a in lan.writes() if b"dry_run" not in a.body] == []


async def test_the_same_rule_is_made_when_it_is_forced(lan: Room) -> None:
    answer = await lan.call("pfsense_create_rule", **BLOCK, position="first", allow_lockout=True)
    assert answer["outcome"] == "applied"


async def test_the_same_rule_behind_the_one_that_lets_us_in_is_made(lan: Room) -> None:
    assert (await lan.call("pfsense_create_rule", **BLOCK, position="last"))["outcome"] == "applied"


async def test_a_disabled_rule_cuts_nobody_off(lan: Room) -> None:
    answer = await lan.call("pfsense_create_rule", **BLOCK, position="first", disabled=True)
    assert answer["outcome"] == "applied"
    ref = answer["after"]["ref"]  # type: ignore[index,call-overload]
    assert (await lan.fails("pfsense_enable_rule", ref=ref, enabled=True)).code == "lock_out"


async def test_the_rule_that_lets_us_in_is_not_deleted_changed_or_moved_behind_a_block(lan: Room) -> None:
    ref = tracker_of(lan, "Default allow LAN to any rule")
    assert (await lan.fails("pfsense_delete_rule", ref=ref)).code == "lock_out"
    assert (await lan.fails("pfsense_update_rule", ref=ref, changes={"source": "10.20.0.9"})).code == "lock_out"
    assert (await lan.call("pfsense_create_rule", **BLOCK, position="last"))["outcome"] == "applied"
    assert (await lan.fails("pfsense_move_rule", ref=ref, position="last")).code == "lock_out"


async def test_an_alias_is_not_changed_so_that_its_rule_blocks_us(lan: Room) -> None:
    block = {**BLOCK, "source": "bad"}
    await lan.call("pfsense_create_alias", name="bad", type="host", entries=["203.0.113.9"])
    assert (await lan.call("pfsense_create_rule", **block, position="first"))["outcome"] == "applied"
    assert (await lan.fails("pfsense_update_alias", ref="bad", add=["10.20.0.50"])).code == "lock_out"
    assert (await lan.call("pfsense_update_alias", ref="bad", add=["203.0.113.10"]))["outcome"] == "applied"


async def test_a_port_forward_does_not_take_our_connection_away(lan: Room) -> None:
    port = str(lan.running.port)
    forward = {"forward_to": "10.20.0.60", "protocol": "tcp", "destination_port": port, "interface": "lan"}
    error = await lan.fails("pfsense_create_port_forward", **forward, destination="lan:ip")
    assert error.code == "lock_out"


@pytest.mark.parametrize("changes", [{"enable": False}, {"ipaddr": "10.20.0.2"}])
async def test_the_interface_that_carries_us_is_neither_switched_off_nor_readdressed(
    lan: Room, changes: dict[str, Any]
) -> None:
    error = await lan.fails("pfsense_update_object", kind="interface", ref="lan", changes=changes)
    assert error.code == "lock_out"


async def test_another_interface_may_be_changed(lan: Room) -> None:
    answer = await lan.call("pfsense_update_object", kind="interface", ref="opt1", changes={"enable": False})
    assert answer["outcome"] == "applied"


async def test_no_interface_is_cut_where_it_cannot_be_told_which_one_carries_us(open_firewall: Open) -> None:
    async with open_firewall() as fw:
        error = await fw.fails("pfsense_update_object", kind="interface", ref="opt1", changes={"enable": False})
        assert error.code == "lock_out"
        assert "may carry" in str(error)


async def test_the_interface_that_carries_us_is_not_put_into_a_bridge(lan: Room) -> None:
    bridge = {"members": ["lan", "opt1"], "descr": "both"}
    error = await lan.fails("pfsense_create_object", kind="bridge", fields=bridge)
    assert error.code == "lock_out"


async def test_a_rule_of_a_group_that_holds_our_interface_counts(lan: Room) -> None:
    error = await lan.fails("pfsense_create_rule", **{**BLOCK, "interface": ["INSIDE"]})
    assert error.code == "lock_out"


async def test_the_way_back_to_us_is_not_routed_elsewhere(open_firewall: Open) -> None:
    async with open_firewall(settings='own_address = "10.99.3.4"') as fw:
        error = await fw.fails("pfsense_delete_static_route", ref="10.99.0.0/16 via LAB_GW")
        assert error.code == "lock_out"
        made = await fw.fails("pfsense_create_static_route", network="10.99.3.0/24", gateway="LAB_GW")
        assert made.code == "lock_out"

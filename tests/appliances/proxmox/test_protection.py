"""What is refused to protect the operator's guests and Holdfast itself, and what is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.guests import find_guest
from holdfast.appliances.proxmox.here import Here
from holdfast.appliances.proxmox.protection import guard_guest, guard_node, guard_service
from holdfast.errors import RefusedError
from tests.appliances.proxmox.harness import client_of, pve_room, simulator_of
from tests.support.rooms import Room

NOWHERE = Here("elsewhere", frozenset(), frozenset())
BUILD = frozenset({"bc:24:11:5e:01:10"})
"""Hardware address of the guest `build`, 110 on pve2."""


@pytest.fixture
async def pve(tmp_path: Path) -> AsyncIterator[Room]:
    async with pve_room(tmp_path) as made:
        (await client_of(made)).here = NOWHERE
        yield made


async def ctx_of(pve: Room, here: Here = NOWHERE) -> Ctx:
    client = await client_of(pve)
    client.here = here
    return cast("Ctx", SimpleNamespace(client=client))


async def guarded(pve: Room, guest: str, here: Here = NOWHERE, *, interrupts: bool = True) -> None:
    ctx = await ctx_of(pve, here)
    await guard_guest(ctx, await find_guest(ctx.client, guest), interrupts=interrupts)


async def refuses(call: Awaitable[None], because: str) -> None:
    with pytest.raises(RefusedError, match=because):
        await call


def set_config(pve: Room, vmid: int, **options: str) -> None:
    cluster = simulator_of(pve).cluster
    cluster.guests[vmid].config.update(options)
    cluster.touch(cluster.guests[vmid])
    pve.clock.advance(30)


async def test_guests_are_protected_by_id_by_name_and_by_tag_whatever_its_case_and_for_every_change(
    tmp_path: Path,
) -> None:
    settings = 'protected_guests = ["110", "dns"]\nprotected_tags = ["Vault", "keep"]'
    async with pve_room(tmp_path, settings=settings) as pve:
        set_config(pve, 101, tags="prod;vault")
        set_config(pve, 102, tags="Keep")
        for guest in ("build", "110", "dns", "web", "db"):
            await refuses(guarded(pve, guest), "is protected by the operator")
            await refuses(guarded(pve, guest, interrupts=False), "is protected by the operator")
        await guarded(pve, "wiki")
        await guarded(pve, "120")


async def test_the_own_guest_is_known_by_name_and_hardware_address_together(pve: Room) -> None:
    await refuses(guarded(pve, "build", Here("build", BUILD, frozenset())), "runs in: it would cut off its own hand")
    await guarded(pve, "build", Here("build", BUILD, frozenset()), interrupts=False)
    await guarded(pve, "build", Here("build", frozenset({"00:11:22:33:44:55"}), frozenset()))
    asked = len(pve.arrivals)
    await guarded(pve, "build", Here("other", BUILD, frozenset()))
    assert not [arrival for arrival in pve.arrivals[asked:] if arrival.path.endswith("/config")]
    container = Here("dns", frozenset({"bc:24:11:5e:01:03"}), frozenset())
    await refuses(guarded(pve, "dns", container), "runs in")


async def test_only_what_a_guests_network_cards_say_is_its_hardware_address(pve: Room) -> None:
    set_config(pve, 110, description="mac=00:11:22:33:44:55")
    await guarded(pve, "build", Here("build", frozenset({"00:11:22:33:44:55"}), frozenset()))
    set_config(pve, 110, net1="virtio=00:11:22:33:44:55,bridge=vmbr0")
    await refuses(guarded(pve, "build", Here("build", frozenset({"00:11:22:33:44:55"}), frozenset())), "runs in")


@pytest.mark.parametrize("own", ["build", "110"])
async def test_a_named_own_guest_is_taken_at_its_word(own: str, tmp_path: Path) -> None:
    async with pve_room(tmp_path, settings=f'own_guest = "{own}"') as pve:
        await refuses(guarded(pve, "build"), "runs in")
        await guarded(pve, "wiki", Here("wiki", frozenset({"bc:24:11:5e:01:12"}), frozenset()))
        await refuses(guard_node(await ctx_of(pve), "pve2"), "runs on pve2, or in a guest there")
        await guard_node(await ctx_of(pve), "pve1")


async def test_the_own_node_is_known_by_name_without_asking_and_by_address(pve: Room) -> None:
    asked = len(pve.arrivals)
    await refuses(guard_node(await ctx_of(pve, Here("pve2", frozenset(), frozenset())), "pve2"), "runs on pve2")
    assert len(pve.arrivals) == asked
    there = await ctx_of(pve, Here("elsewhere", frozenset(), frozenset({"10.20.0.12"})))
    asked = len(pve.arrivals)
    await refuses(guard_node(there, "pve2"), "runs on pve2")
    assert [arrival.path for arrival in pve.arrivals[asked:]] == ["/api2/json/cluster/status"]
    await guard_node(there, "pve1")


async def test_a_named_own_node_is_not_stopped_wherever_this_machine_seems_to_be(tmp_path: Path) -> None:
    async with pve_room(tmp_path, settings='own_node = "pve1"') as pve:
        await refuses(guard_node(await ctx_of(pve), "pve1"), "runs on pve1")
        await guard_node(await ctx_of(pve), "pve2")


async def test_the_node_of_the_own_guest_is_not_stopped_and_every_other_one_may_be(pve: Room) -> None:
    ctx = await ctx_of(pve, Here("build", BUILD, frozenset()))
    await refuses(guard_node(ctx, "pve2"), "runs on pve2, or in a guest there")
    await guard_node(ctx, "pve1")
    container = await ctx_of(pve, Here("wiki", frozenset({"bc:24:11:5e:01:12"}), frozenset()))
    await refuses(guard_node(container, "pve2"), "runs on pve2")
    await guard_node(await ctx_of(pve, Here("build", frozenset(), frozenset())), "pve2")


async def test_another_guest_of_the_same_name_does_not_hide_the_own_one(pve: Room) -> None:
    for vmid, mac in ((110, BUILD), (111, frozenset({"bc:24:11:5e:01:11"}))):
        set_config(pve, 111 if vmid == 110 else 110, name="build")
        await refuses(guard_node(await ctx_of(pve, Here("build", mac, frozenset())), "pve2"), "runs on pve2")


async def test_however_many_guests_a_node_has_the_own_one_is_found(tmp_path: Path) -> None:
    async with pve_room(tmp_path, settings='own_guest = "111"') as pve:
        for vmid in (104, 105, 106):
            made = await pve.call(
                "proxmox_create_vm", node="pve2", name=f"n{vmid}", storage="local-lvm", disk_gib=1, vmid=vmid
            )
            assert made["outcome"] == "applied"
        pve.clock.advance(30)
        await refuses(guard_node(await ctx_of(pve), "pve2"), "runs on pve2")


@pytest.mark.parametrize("service", ["pveproxy", "pvedaemon", "pve-cluster", "corosync"])
def test_what_serves_the_api_is_not_stopped_and_anything_else_may_be(service: str) -> None:
    with pytest.raises(RefusedError, match=f"Without {service} nobody reaches the API of pve1"):
        guard_service("pve1", service, "stop")
    guard_service("pve1", service, "restart")
    guard_service("pve1", "postfix", "stop")

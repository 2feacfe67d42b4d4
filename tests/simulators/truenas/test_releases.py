"""What differs between releases (contract sections 1 and 16)."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.truenas import create
from holdfast.simulators.truenas.persona import PERSONAS
from holdfast.simulators.truenas.releases import facts_of
from holdfast.simulators.world import World, default_world
from tests.simulators.truenas.peer import Stand, standing


async def get(stand: Stand, path: str) -> tuple[int, Any]:
    """Status and JSON of a GET."""
    async with stand.http.get(stand.url + path, allow_redirects=False) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status == 200 else None


@pytest.mark.parametrize(
    ("persona", "newest"), [("25.04", "v25.04.2"), ("25.10", "v25.10.5"), ("26", "v26.0.0"), ("27", "v27.0.0")]
)
async def test_the_version_list_ends_with_the_newest(persona: str, newest: str) -> None:
    async with standing(persona) as stand:
        status, versions = await get(stand, "/api/versions")
        assert (status, versions[0], versions[-1]) == (200, "v25.04.0", newest)
        for version in versions:
            peer = await stand.login(f"/api/{version}")
            assert await peer.call("core.ping") == "pong"
        async with stand.http.get(f"{stand.url}/api/v99.0.0") as answer:
            assert answer.status == 404


async def test_the_boot_id_is_open_since_25_10_and_changes_with_the_boot_only() -> None:
    async with standing("25.04") as stand:
        assert (await get(stand, "/api/boot_id"))[0] == 302
    async with standing("25.10") as stand:
        _, first = await get(stand, "/api/boot_id")
        stand.simulator.set_fault("restart", down_s=0.0)
        assert (await get(stand, "/api/boot_id"))[1] == first
        stand.simulator.timing.restart_s = 0
        stand.simulator.set_fault("reboot")
        assert (await get(stand, "/api/boot_id"))[1] != first


@pytest.mark.parametrize(("persona", "status"), [("25.10", 401), ("26", 404)])
async def test_rest_is_gone_from_26(persona: str, status: int) -> None:
    async with standing(persona) as stand:
        assert (await get(stand, "/api/v2.0/system/info"))[0] == status


@pytest.mark.parametrize(
    ("method", "present"),
    [
        ("zfs.snapshot.query", {"25.04"}),
        ("pool.snapshot.query", {"25.10", "26", "27"}),
        ("zfs.resource.snapshot.query", {"26", "27"}),
        ("service.control", {"25.10", "26", "27"}),
        ("service.restart", {"25.04", "25.10"}),
        ("update.check_available", {"25.04"}),
        ("update.status", {"25.10", "26", "27"}),
        ("virt.instance.query", {"25.04", "25.10"}),
        ("container.query", {"26", "27"}),
        ("pool.dataset.destroy_snapshots", {"25.04", "25.10"}),
        ("interface.save_default_route", {"25.04"}),
        ("interface.save_network_config", {"25.10", "26", "27"}),
        ("smb.status", {"25.04", "26", "27"}),
        ("smart.test.results", {"25.04"}),
        ("zpool.query", {"26", "27"}),
        ("privilege.become_readonly", {"26", "27"}),
        ("boot.environment.query", {"25.04", "25.10", "26", "27"}),
        ("auth.login_with_api_key", {"25.04", "25.10", "26"}),
        ("auth.login_ex", {"25.04", "25.10", "26", "27"}),
        ("vm.reset", {"27"}),
    ],
)
def test_a_method_exists_exactly_where_the_ledger_says(method: str, present: set[str]) -> None:
    found = {persona for persona in PERSONAS if served(persona, method)}
    assert found == present


def served(persona: str, method: str) -> bool:
    """Whether a box of this release serves the method."""
    box = create(default_world(), SimulatedClock(lambda: 1.8e9), "truenas", persona).box
    return box.dispatcher.fact(persona, method) is not None


@pytest.mark.parametrize("persona", list(PERSONAS))
def test_every_fact_has_a_handler(persona: str) -> None:
    box = create(default_world(), SimulatedClock(lambda: 1.8e9), "truenas", persona).box
    assert set(facts_of(persona)) - set(box.dispatcher.handlers) == set()
    assert len(box.dispatcher.served(persona)) > 590


async def test_a_pinned_older_version_takes_and_gives_the_older_shapes() -> None:
    async with standing("26") as stand:
        new, old = await stand.login(), await stand.login("/api/v25.10.3")
        assert (await new.call("smb.config"))["minimum_protocol"] == "SMB2"
        config = await old.call("smb.config")
        assert (config["enable_smb1"], "minimum_protocol" in config) == (False, False)
        assert (await old.call("system.general.config"))["ui_certificate"]["name"] == "truenas_default"
        config = await new.call("system.general.config")
        assert (config["ui_certificate"], config["ui_certificate_name"]) == (1, "truenas_default")
        assert (
            await old.refused("pool.snapshot.create", {"dataset": "tank", "name": "x", "suspend_vms": True})
        ).code == -32602
        assert await new.call("pool.snapshot.create", {"dataset": "tank", "name": "x", "suspend_vms": False})


async def test_a_method_without_models_in_the_pinned_version_is_errno_201() -> None:
    async with standing("25.10") as stand:
        peer = await stand.login("/api/v25.04.2")
        error = await peer.refused("service.control", "START", "ftp")
        assert (error.code, error.errno, error.data["errname"]) == (-32001, 201, "ENOMETHOD")


async def test_a_deleted_plugin_is_gone_from_every_version() -> None:
    async with standing("26") as stand:
        peer = await stand.login("/api/v25.10.0")
        assert (await peer.refused("virt.instance.query")).code == -32601


@pytest.mark.parametrize(("persona", "gone"), [("25.10", False), ("26", True)])
async def test_a_dropped_socket_cancels_calls_only_from_26(persona: str, gone: bool) -> None:
    async with standing(persona) as stand:
        peer, other = await stand.login(), await stand.login()
        stand.simulator.set_fault("slow-call", method="filesystem.mkdir", delay_s=20)
        await peer.send("filesystem.mkdir", {"path": "/mnt/tank/home/late"})
        await other.call("core.ping")
        await peer.socket.close()
        for _ in range(50):
            if len(await other.call("auth.sessions")) == 1:
                break
        stand.clock.advance(21)
        rows = await other.call("filesystem.listdir", "/mnt/tank/home", [["name", "=", "late"]])
        assert (rows == []) is gone


async def test_27_keeps_the_old_login_for_clients_pinned_to_26() -> None:
    async with standing("27") as stand:
        key = stand.simulator.credentials["api_key"]
        assert (await (await stand.connect()).refused("auth.login_with_api_key", key)).code == -32601
        pinned = await stand.connect("/api/v26.0.0")
        assert await pinned.call("auth.login_with_api_key", key) is True
        peer = await stand.login()
        assert isinstance(await peer.call("pool.snapshottask.run", 1), int), "a job from 27 on"


async def test_methods_tell_whether_a_reader_may_call_them() -> None:
    async with standing() as stand:
        peer = await stand.login()
        methods = await peer.call("core.get_methods")
        assert "READONLY_ADMIN" in methods["pool.query"]["roles"]
        assert "READONLY_ADMIN" not in methods["pool.dataset.delete"]["roles"]
        assert methods["config.save"]["downloadable"] is True
        assert methods["pool.query"]["accepts"][0]["_name_"] == "filters"
        assert methods["pool.create"]["job"] is True
        key = stand.simulator.add_account("reader", "READONLY_ADMIN")
        reader = await stand.login(username="reader", api_key=key)
        mine = await reader.call("core.get_methods")
        assert all(
            "READONLY_ADMIN" in row["roles"] or row["no_authz_required"] or row["no_auth_required"]
            for row in mine.values()
        )


async def test_the_world_is_seen_from_the_nas() -> None:
    async with standing() as stand:
        peer = await stand.login()
        world: World = stand.box.world
        server = world.server("nas1")
        info = await peer.call("system.info")
        assert (info["system_serial"], info["system_product"]) == (server.service_tag, server.model)
        assert (info["hostname"], info["physmem"]) == ("nas1", server.memory_bytes)
        serials = {row["serial"] for row in await peer.call("disk.query")}
        assert set(server.disk_serials) <= serials
        macs = {row["state"]["link_address"] for row in await peer.call("interface.query")}
        assert macs == set(server.host_macs)
        paths = {row["path"] for row in await peer.call("sharing.nfs.query")}
        paths |= {row["path"] for row in await peer.call("sharing.smb.query")}
        assert paths == {share.path for share in world.shares}
        assert (await peer.call("core.arp", {}))[world.firewall_lan_ip] == world.firewall_macs[0]


def test_an_unknown_persona_and_a_world_without_a_nas_are_refused() -> None:
    clock = SimulatedClock(lambda: 1.8e9)
    with pytest.raises(LookupError, match=r"25\.04"):
        create(default_world(), clock, "truenas", "13.0")
    with pytest.raises(LookupError, match="no TrueNAS"):
        create(World(), clock, "truenas")

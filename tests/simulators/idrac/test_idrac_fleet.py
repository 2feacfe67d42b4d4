"""Simulators in numbers, and their place in the world."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.idrac import IDracSimulator, create
from holdfast.simulators.rack import Rack
from holdfast.simulators.world import World, default_world
from tests.simulators.idrac.bench import CHS, NOW, ROOT, SYS, bench
from tests.support.racks import shared_authority


def _clock() -> SimulatedClock:
    return SimulatedClock(lambda: NOW)


def _large_world(count: int) -> World:
    world = default_world()
    servers = tuple(
        replace(
            world.servers[number % 4],
            hostname=f"host{number}",
            bmc_ip=f"10.20.{number // 250}.{number % 250}",
            service_tag=f"{number:07X}",
        )
        for number in range(count)
    )
    return replace(world, servers=servers)


def test_two_hundred_simulators_share_what_they_can() -> None:
    world, clock = _large_world(200), _clock()
    # What the first of each generation builds is there for all.
    for server in world.servers[:4]:
        create(world, clock, server.hostname)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        simulators = [create(world, clock, server.hostname) for server in world.servers]
        each = (tracemalloc.get_traced_memory()[0] - before) / len(simulators)
    finally:
        tracemalloc.stop()
    assert each < 64 * 1024
    assert len({id(simulator.bmc.routes) for simulator in simulators}) == 3
    tags = {simulator.bmc.server.service_tag for simulator in simulators}
    assert len(tags) == 200


def test_a_simulator_stands_in_front_of_the_server_that_its_name_means() -> None:
    world, clock = default_world(), _clock()

    def tag(name: str, persona: str | None = None) -> str:
        return create(world, clock, name, persona).bmc.server.hostname

    assert tag("idrac") == "pve1"
    assert tag("idrac2") == "pve2"
    assert tag("idrac4") == "nas1"
    assert tag("idrac5") == "pve1"
    assert tag("pve3") == "pve3"
    assert tag("idrac-nas1") == "nas1"
    assert tag("idrac", "8") == "pve3"
    assert tag("idrac", "idrac10") == "nas1"
    assert create(world, clock, "idrac-nas1").persona == "10"
    assert create(world, clock, "pve1", "8").persona == "8"


def test_an_unknown_persona_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no iDRAC persona"):
        create(default_world(), _clock(), "idrac", "11")


async def test_what_one_simulator_is_told_does_not_reach_another() -> None:
    async with Rack("idrac:9*2", authority=shared_authority()) as rack:
        first, second = (rack[name].simulator for name in ("idrac", "idrac2"))
        assert isinstance(first, IDracSimulator)
        assert isinstance(second, IDracSimulator)
        first.bmc.attributes.set("SSH.1.Enable", "Disabled")
        first.bmc.bios.stage({"LogicalProc": "Disabled"})
        first.bmc.raid.remove(next(iter(first.bmc.raid.volumes)))
        first.set_fault("component", id="PSU.Slot.1", health="Critical")
        assert second.bmc.setting("SSH.1.Enable") == "Enabled"
        assert second.bmc.bios.pending == {}
        assert len(second.bmc.raid.volumes) == 2
        assert second.bmc.health.overall == "OK"
        assert second.bmc.lclog.own == []


async def test_the_rack_lists_the_faults_of_the_appliance_with_a_line_each() -> None:
    async with Rack("idrac", authority=shared_authority()) as rack:
        assert {"sessions-full", "not-ready", "bmc-reset", "job-fails", "lockdown", "slow"} <= set(
            rack["idrac"].own_faults
        )
        summaries = rack["idrac"].simulator.fault_names.values()
        assert all(summary.endswith(".") for summary in summaries)


@pytest.mark.parametrize("hostname", ["pve1", "pve2", "pve3", "nas1"])
async def test_serial_numbers_and_macs_are_those_of_the_world(hostname: str) -> None:
    async with bench(None, name=hostname) as at:
        server = at.simulator.bmc.server
        system = (await at.get(SYS)).body
        assert system["SKU"] == server.service_tag
        assert system["SerialNumber"] != server.service_tag
        assert str(system["UUID"]).startswith("4c4c4544-")
        assert system["HostName"] == hostname
        assert system["Model"] == server.model
        nics = (await at.get(f"{SYS}/EthernetInterfaces?$expand=*($levels=1)")).members
        assert [nic["MACAddress"] for nic in nics] == [mac.upper() for mac in server.host_macs]
        enclosure = f"{ROOT}/Chassis/{at.simulator.bmc.hw.enclosure}"
        drives = (await at.get(enclosure)).at("Links", "Drives")
        assert isinstance(drives, list)
        serials = [(await at.get(link["@odata.id"])).body["SerialNumber"] for link in drives]
        assert serials == list(server.disk_serials)
        dimms = (await at.get(f"{SYS}/Memory?$expand=*($levels=1)")).members
        assert sum(int(str(dimm["CapacityMiB"])) for dimm in dimms) == server.memory_bytes // 1024**2
        summary = (await at.get(SYS)).at("MemorySummary", "TotalSystemMemoryGiB")
        assert summary == server.memory_bytes / 1024**3


async def test_the_first_chassis_of_a_newer_system_has_no_power() -> None:
    async with bench("9") as at:
        chassis = (await at.get(SYS)).at("Links", "Chassis")
        assert isinstance(chassis, list)
        first, last = [(await at.get(link["@odata.id"])).body for link in chassis]
        assert "Power" not in first
        assert (last["@odata.id"], "Power" in last) == (CHS, True)


def test_the_uuid_spells_the_service_tag_as_dell_does() -> None:
    world = default_world()
    server = replace(world.servers[0], hostname="db-11", service_tag="7QXAMP3")
    simulator = create(replace(world, servers=(server,)), _clock(), "db-11")
    assert simulator.bmc.hw.uuid == "4c4c4544-0051-5810-8041-b7c04f4d5033"


async def test_a_persona_goes_by_ids_that_only_its_links_tell() -> None:
    async with bench("9-renamed") as at:
        (system,) = (await at.get(f"{ROOT}/Systems")).members
        assert "Embedded" not in str(system["@odata.id"])
        assert (await at.get(SYS)).status == 404
        body = await at.get(str(system["@odata.id"]))
        assert "System.Embedded.1" not in body.raw.decode()
        reset = body.at("Actions", "#ComputerSystem.Reset", "target")
        assert (await at.post(str(reset), {"ResetType": "ForceOff"})).status == 204
        assert (await at.get(str(system["@odata.id"]))).body["PowerState"] == "Off"
        bios = str(body.at("Bios", "@odata.id"))
        content = {
            "Attributes": {"LogicalProc": "Disabled"},
            "@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"},
        }
        staged = await at.patch(f"{bios}/Settings", content)
        assert (await at.get(staged.headers["Location"])).status == 202


async def test_times_can_be_made_as_long_as_real_ones() -> None:
    async with bench("9") as at:
        at.simulator.scale_time(10)
        await at.post(f"{SYS}/Actions/ComputerSystem.Reset", {"ResetType": "GracefulShutdown"})
        at.wait(590)
        assert (await at.get(SYS)).body["PowerState"] == "PoweringOff"
        at.wait(20)
        assert (await at.get(SYS)).body["PowerState"] == "Off"


async def test_what_a_client_did_is_counted() -> None:
    async with bench("9") as at:
        at.fault("sessions-full", leave=1)
        login = {"UserName": "root", "Password": at.simulator.credentials["password"]}
        assert (await at.post(f"{ROOT}/SessionService/Sessions", login, auth=None)).status == 201
        assert (at.simulator.sessions_open, at.simulator.sessions_opened) == (8, 8)
        await at.get(SYS)
        await at.patch(SYS, {"AssetTag": "A1"})
        assert at.simulator.mutations == 2
        at.wait(1801)
        assert at.simulator.sessions_open == 0


async def test_a_host_header_that_is_none_of_its_names_is_refused_when_checked() -> None:
    async with bench("9") as at:
        at.simulator.bmc.attributes.set("WebServer.1.HostHeaderCheck", "Enabled")
        assert (await at.get(ROOT)).status == 400
        name = f"idrac-{at.simulator.bmc.server.service_tag}.rack.example"
        assert (await at.get(ROOT, headers={"Host": name})).status == 200
        at.simulator.bmc.attributes.set("WebServer.1.ManualDNSEntry", "127.0.0.1, other")
        assert (await at.get(ROOT)).status == 200

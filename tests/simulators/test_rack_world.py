"""The world that all simulators show is consistent in itself, and large when it has to be."""

from __future__ import annotations

import ipaddress
import re

import pytest

from holdfast.simulators.rack import Rack
from holdfast.simulators.world import default_world, with_servers

MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


@pytest.mark.parametrize("count", [0, 1000])
def test_no_address_or_serial_is_used_twice(count: int) -> None:
    world = with_servers(default_world(), count)
    macs = [mac for server in world.servers for mac in (*server.host_macs, server.bmc_mac)]
    macs += [guest.mac for guest in world.guests] + list(world.firewall_macs)
    ips = [neighbour.ip for neighbour in world.neighbours()]
    serials = [server.service_tag for server in world.servers]
    serials += [serial for server in world.servers for serial in server.disk_serials]
    for values in (macs, ips, serials, [server.hostname for server in world.servers]):
        assert len(set(values)) == len(values)
    assert all(MAC.fullmatch(mac) for mac in macs)
    assert all(ipaddress.ip_address(ip).is_private for ip in ips)
    assert all(re.fullmatch("[0-9A-Z]{7}", server.service_tag) for server in world.servers)
    assert len(world.servers) == max(count, 4)


def test_neighbours_are_on_their_networks_and_online_as_the_world_says() -> None:
    world = default_world()
    neighbours = {neighbour.hostname: neighbour for neighbour in world.neighbours() if neighbour.what != "firewall"}
    networks = {"lan": world.lan_network, "bmc": world.bmc_network}
    for neighbour in neighbours.values():
        assert ipaddress.ip_address(neighbour.ip) in ipaddress.ip_network(networks[neighbour.network])
    assert not neighbours["pve3"].online
    assert neighbours["pve3-bmc"].online
    assert neighbours["pve3-bmc"].mac == world.server("pve3").bmc_mac
    assert neighbours["web"].what == "guest"
    assert "build" not in neighbours


def test_the_firewalls_own_addresses_are_on_its_inner_interface() -> None:
    world = default_world()
    own = [neighbour for neighbour in world.neighbours() if neighbour.what == "firewall"]
    assert [(one.ip, one.mac) for one in own] == [
        ("10.20.0.1", world.firewall_lan_mac),
        ("10.20.9.1", world.firewall_lan_mac),
    ]
    assert world.firewall_wan_mac != world.firewall_lan_mac
    assert [(vlan.tag, vlan.network) for vlan in world.vlans] == [(9, world.bmc_network)]


def test_disks_follow_what_the_server_is_for() -> None:
    world = default_world()
    nas, node = world.server("nas1"), world.server("pve1")
    assert {disk.media for disk in nas.disks} == {"HDD"}
    assert {disk.media for disk in node.disks} == {"SSD"}
    assert [disk.serial for disk in nas.disks] == list(nas.disk_serials)
    assert [disk.slot for disk in node.disks] == [0, 1, 2, 3]


def test_an_unknown_server_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        default_world().server("pve9")


def test_added_servers_are_bare_and_the_others_stay() -> None:
    world = default_world()
    larger = with_servers(world, 10)
    assert larger.servers[:4] == world.servers
    assert {server.role for server in larger.servers[4:]} == {"bare"}
    assert with_servers(world, 3) is world


def test_a_rack_has_a_server_for_every_bmc_asked_for() -> None:
    assert len(Rack("idrac*200").world.servers) == 200
    assert len(Rack("idrac*2", "pfsense").world.servers) == 4
    assert len(Rack("idrac*9", world=default_world()).world.servers) == 4

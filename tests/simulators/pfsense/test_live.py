"""What runs: the world seen from the firewall, services, VPNs, logs, diagnostics (contract §13)."""

from __future__ import annotations

import re

import pytest

from tests.simulators.pfsense.caller import Caller
from tests.simulators.pfsense.conftest import Start


async def test_the_arp_table_shows_the_worlds_addresses_and_nobody_who_is_off(fw: Caller) -> None:
    rows = {row["ip_address"]: row for row in await fw.get("/diagnostics/arp_table")}
    for neighbour in fw.sim.world.neighbours():
        if neighbour.online:
            assert rows[neighbour.ip]["mac_address"] == neighbour.mac
        else:
            assert neighbour.ip not in rows
    assert rows["10.20.0.1"]["permanent"] is True
    assert rows["10.20.9.11"]["interface"] == "BMC"


async def test_an_arp_entry_can_be_deleted(fw: Caller) -> None:
    [entry] = await fw.get("/diagnostics/arp_table?ip_address=10.20.0.11")
    await fw("DELETE", f"/diagnostics/arp_table/entry?id={entry['id']}")
    assert await fw.get("/diagnostics/arp_table?ip_address=10.20.0.11") == []


async def test_leases_are_the_worlds_machines(fw: Caller) -> None:
    rows = {row["mac"]: row for row in await fw.get("/status/dhcp_server/leases")}
    server = fw.sim.world.server("pve1")
    assert rows[server.host_macs[0]] == {
        "id": rows[server.host_macs[0]]["id"],
        "ip": server.host_ip,
        "mac": server.host_macs[0],
        "hostname": "pve1",
        "if": "lan",
        "starts": "",
        "ends": "",
        "active_status": "static",
        "online_status": "active/online",
        "descr": "PowerEdge R640",
    }
    assert rows[fw.sim.world.server("pve3").host_macs[0]]["online_status"] == "idle/offline"
    by_name = {row["hostname"]: row for row in rows.values()}
    assert by_name["mail"]["active_status"] == "active"
    assert by_name["build"]["active_status"] == "expired"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", by_name["mail"]["ends"])


async def test_leases_can_be_removed_by_query_and_the_others_stay(fw: Caller) -> None:
    before = await fw.get("/status/dhcp_server/leases")
    await fw("DELETE", "/status/dhcp_server/leases?active_status=expired")
    after = await fw.get("/status/dhcp_server/leases")
    assert {row["mac"] for row in before} - {row["mac"] for row in after} == {
        row["mac"] for row in before if row["active_status"] == "expired"
    }


async def test_a_new_static_mapping_becomes_a_lease_when_it_is_applied(fw: Caller) -> None:
    wanted = {"parent_id": "lan", "mac": "00:1b:21:0a:0b:0c", "ipaddr": "10.20.0.60", "hostname": "printer"}
    await fw.post("/services/dhcp_server/static_mapping", wanted)
    assert await fw.get("/status/dhcp_server/leases?hostname=printer") == []
    await fw.post("/services/dhcp_server/apply", {})
    fw.clock.advance(3)
    assert len(await fw.get("/status/dhcp_server/leases?hostname=printer")) == 1


async def test_interface_counters_grow_with_time(fw: Caller) -> None:
    before = {row["name"]: row for row in await fw.get("/status/interfaces")}
    assert before["wan"]["macaddr"] == fw.sim.world.firewall_wan_mac
    assert before["opt1"]["macaddr"] == before["lan"]["macaddr"] == fw.sim.world.firewall_lan_mac
    assert before["wan"]["gateway"] == fw.sim.world.firewall_wan_gateway
    assert isinstance(before["lan"]["mtu"], str)
    fw.clock.advance(10)
    after = {row["name"]: row for row in await fw.get("/status/interfaces")}
    assert after["lan"]["inbytes"] > before["lan"]["inbytes"]


async def test_a_new_interface_takes_a_free_device_and_the_next_id(fw: Caller) -> None:
    free = [row["if"] for row in await fw.get("/interface/available_interfaces") if row["in_use_by"] is None]
    assert "igb2" in free
    assert "igb1.9" not in free
    wanted = {"if": "igb2", "descr": "DMZ", "enable": True, "typev4": "static", "ipaddr": "10.21.0.1", "subnet": 24}
    made = await fw.post("/interface", wanted)
    assert made["id"] == "opt2"
    again = await fw("POST", "/interface", wanted | {"descr": "DMZ2"})
    assert again.error == (400, "FIELD_MUST_BE_UNIQUE")
    taken = await fw("POST", "/interface", wanted | {"if": "igb3", "descr": "DMZ3"})
    assert taken.error == (400, "INTERFACE_IPADDR_ALREADY_IN_USE")


async def test_an_interface_in_a_group_cannot_be_deleted(fw: Caller) -> None:
    assert (await fw("DELETE", "/interface?id=opt1")).error == (
        409,
        "NETWORK_INTERFACE_CANNOT_BE_DELETED_WHILE_IN_USE",
    )


async def test_services_are_found_by_position_and_answer_what_they_became(fw: Caller) -> None:
    services = await fw.get("/status/services")
    assert [row["id"] for row in services] == list(range(len(services)))
    unbound = next(row for row in services if row["name"] == "unbound")
    stopped = await fw.post("/status/service", {"id": unbound["id"], "action": "stop"})
    assert stopped == unbound | {"status": False}
    assert (await fw.post("/status/service", {"id": unbound["id"], "action": "restart"}))["status"] is True
    assert (await fw("POST", "/status/service", {"name": "unbound", "action": "stop"})).error == (
        400,
        "MODEL_REQUIRES_ID",
    )
    assert (await fw("POST", "/status/service", {"id": 99, "action": "stop"})).error[0] == 404
    assert (await fw("POST", "/status/service", {"id": 0, "action": "reload"})).error == (400, "FIELD_INVALID_CHOICE")


async def test_instances_of_openvpn_share_a_name(fw: Caller) -> None:
    rows = [row for row in await fw.get("/status/services") if row["name"] == "openvpn"]
    assert [row["description"] for row in rows] == ["OpenVPN client: provider", "OpenVPN server: remote access"]
    assert [row["enabled"] for row in rows] == [False, True]


async def test_before_2_8_package_services_are_never_enabled(start: Start) -> None:
    for persona, enabled in (("2.7", False), ("2.8", True)):
        fw = await start(persona)
        rows = {row["name"]: row for row in await fw.get("/status/services")}
        assert (rows["wireguard"]["enabled"], rows["wireguard"]["status"]) == (enabled, True)


async def test_vpn_status_follows_configuration_and_service(fw: Caller) -> None:
    [tunnel] = await fw.get("/status/ipsec/sas")
    assert tunnel["remote_host"] == "203.0.113.40"
    assert tunnel["child_sas"][0]["remote_ts"] == ["10.40.0.0/24"]
    [child] = await fw.get("/status/ipsec/child_sas")
    assert (child["parent_id"], child["id"]) == (0, 0)
    assert (await fw.get("/status/ipsec/child_sa?parent_id=0&id=0"))["name"] == "con1_1"
    ipsec = next(row["id"] for row in await fw.get("/status/services") if row["name"] == "ipsec")
    await fw.post("/status/service", {"id": ipsec, "action": "stop"})
    assert await fw.get("/status/ipsec/sas") == []


async def test_an_openvpn_client_can_be_disconnected(fw: Caller) -> None:
    [connection] = await fw.get("/status/openvpn/server/connections")
    assert connection["common_name"] == "alice"
    where = f"?parent_id={connection['parent_id']}&id={connection['id']}"
    assert (await fw("DELETE", f"/status/openvpn/server/connection{where}")).status == 200
    assert await fw.get("/status/openvpn/server/connections") == []


async def test_wireguard_shows_tunnels_and_peers_without_their_secrets(fw: Caller) -> None:
    [tunnel] = await fw.get("/status/wireguard/tunnels")
    configured = (await fw.get("/vpn/wireguard/tunnels"))[0]
    assert tunnel["public_key"] == configured["publickey"]
    assert "privatekey" not in configured
    assert [peer["descr"] for peer in tunnel["peers"]] == ["alice laptop", "site b"]
    assert [peer["latest_handshake"] > 0 for peer in tunnel["peers"]] == [False, True]
    assert all("preshared_key" not in peer for peer in tunnel["peers"])


async def test_a_wireguard_address_belongs_to_one_tunnel(fw: Caller) -> None:
    private = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    wanted = {"privatekey": private, "listenport": "51821", "addresses": [{"address": "10.31.0.1", "mask": 24}]}
    reply = await fw("POST", "/vpn/wireguard/tunnel", wanted)
    assert reply.error == (409, "WIREGUARD_TUNNEL_ADDRESS_AND_MASK_ALREADY_IN_USE")
    del wanted["addresses"]
    assert (await fw("POST", "/vpn/wireguard/tunnel", wanted | {"privatekey": "x"})).error[0] == 400
    made = await fw.post("/vpn/wireguard/tunnel", wanted)
    assert made["name"] == "tun_wg1"
    assert len(made["publickey"]) == 44


async def test_status_endpoints_of_a_package_need_the_package(fw: Caller) -> None:
    del fw.sim.machine.packages.installed["pfSense-pkg-WireGuard"]
    assert (await fw("GET", "/status/wireguard/tunnels")).error == (404, "MODEL_MISSING_REQUIRED_PACKAGE")


async def test_packages_can_be_installed_and_removed(fw: Caller) -> None:
    offered = {row["name"]: row for row in await fw.get("/system/package/available")}
    assert offered["pfSense-pkg-bind"]["installed"] is False
    made = await fw.post("/system/package", {"name": "pfSense-pkg-bind"})
    assert made["installed_version"] == made["latest_version"]
    assert (await fw.get("/services/bind/views")) == []
    assert (await fw("POST", "/system/package", {"name": "pfSense-pkg-bind"})).error[0] == 400
    unknown = await fw("POST", "/system/package", {"name": "pfSense-pkg-none"})
    assert unknown.error == (404, "FOREIGN_MODEL_FIELD_VALUE_NOT_FOUND")
    await fw("DELETE", f"/system/package?id={made['id']}")
    assert "pfSense-pkg-bind" not in {row["name"] for row in await fw.get("/system/packages")}
    behind = {row["shortname"] for row in await fw.get("/system/packages") if row["update_available"]}
    assert behind == {"haproxy", "acme"}


async def test_a_log_gives_its_newest_lines_in_order_and_pages_back_in_time(fw: Caller) -> None:
    everything = await fw.get("/status/logs/firewall")
    assert len(everything) == 6000
    newest = await fw.get("/status/logs/firewall?limit=5")
    assert [row["text"] for row in newest] == [row["text"] for row in everything[-5:]]
    before = await fw.get("/status/logs/firewall?limit=5&offset=5")
    assert [row["text"] for row in before] == [row["text"] for row in everything[-10:-5]]
    oldest = await fw.get("/status/logs/firewall?limit=5&reverse=true")
    assert [row["text"] for row in oldest] == [row["text"] for row in everything[:5]]
    assert await fw.get("/status/logs/firewall?limit=5&offset=7000") == []


async def test_a_filter_on_a_log_scans_everything_and_gives_the_oldest_matches(fw: Caller) -> None:
    rows = await fw.get("/status/logs/firewall?text__contains=,udp,&limit=3")
    assert [row["id"] for row in rows] == [3, 7, 11]


async def test_before_2_8_a_limit_on_a_log_gives_the_oldest_lines(start: Start) -> None:
    fw = await start("2.7")
    rows = await fw.get("/status/logs/system?limit=2")
    assert [row["id"] for row in rows] == [0, 1]


@pytest.mark.parametrize("kind", ["system", "auth", "dhcp", "openvpn", "packages/restapi"])
async def test_every_log_has_lines_with_a_time(fw: Caller, kind: str) -> None:
    rows = await fw.get(f"/status/logs/{kind}?limit=3")
    assert len(rows) == 3
    assert all(re.match(r"<\d+>1 2026-\d\d-\d\dT", row["text"]) for row in rows)


async def test_failed_logins_are_in_the_log(fw: Caller) -> None:
    await fw("GET", "/system/version", headers={"X-API-Key": "bad"})
    [last] = await fw.get("/status/logs/auth?limit=1")
    assert "127.0.0.1" in last["text"]
    assert "bad" not in last["text"]


async def test_ping_reaches_who_is_there(fw: Caller) -> None:
    here = await fw.post("/diagnostics/ping", {"host": "pve1", "count": 2})
    assert (here["result_code"], "2 packets received, 0.0% packet loss" in here["output"]) == (0, True)
    assert set(here) == {"output", "result_code"}
    gone = await fw.post("/diagnostics/ping", {"host": "10.20.0.13"})
    assert (gone["result_code"], "100.0% packet loss" in gone["output"]) == (2, True)
    assert (await fw.post("/diagnostics/ping", {"host": "no.such.name"}))["result_code"] == 68
    assert (await fw("POST", "/diagnostics/ping", {"host": "x", "count": 11})).error[0] == 400


async def test_ping_came_with_2_7(start: Start) -> None:
    fw = await start("2.6")
    assert (await fw("POST", "/diagnostics/ping", {"host": "pve1"})).status == 404


async def test_the_shell_remembers_what_was_run(fw: Caller) -> None:
    assert await fw.post("/diagnostics/command_prompt", {"command": "echo hi"}) == {"output": "hi", "result_code": 0}
    assert (await fw.post("/diagnostics/command_prompt", {"command": "whoami"}))["output"] == "root"
    assert (await fw.post("/diagnostics/command_prompt", {"command": "false"}))["result_code"] == 1
    unknown = await fw.post("/diagnostics/command_prompt", {"command": "rm -rf /"})
    assert unknown["result_code"] == 127
    assert fw.sim.machine.runtime.commands == ["echo hi", "whoami", "false", "rm -rf /"]


async def test_tables_hold_aliases_with_those_nested_in_them(fw: Caller) -> None:
    tables = {row["id"]: row["entries"] for row in await fw.get("/diagnostics/tables")}
    assert tables["rack_hosts"] == ["10.20.0.11", "10.20.0.12", "10.20.0.13", "10.20.0.14"]
    assert "web_ports" not in tables
    await fw("DELETE", "/diagnostics/table?id=rack_hosts")
    assert (await fw.get("/diagnostics/table?id=rack_hosts"))["entries"] == []


async def test_killing_one_state_kills_all_between_the_two_addresses(fw: Caller) -> None:
    states = await fw.get("/firewall/states")
    first = states[0]
    await fw("DELETE", f"/firewall/state?id={first['id']}")
    left = await fw.get("/firewall/states")
    assert first["source"] not in {row["source"] for row in left}
    assert len(left) < len(states)


async def test_wake_on_lan_is_remembered(fw: Caller) -> None:
    await fw.post("/services/wake_on_lan/send", {"interface": "lan", "mac_addr": "AA:BB:CC:DD:EE:FF"})
    assert fw.sim.machine.runtime.woken == ["aa:bb:cc:dd:ee:ff"]
    reply = await fw("POST", "/services/wake_on_lan/send", {"interface": "lan", "mac_addr": "AA:BB"})
    assert reply.error == (400, "MAC_ADDRESS_VALIDATOR_FAILED")


async def test_carp_is_switched_for_the_whole_node(fw: Caller) -> None:
    vip = "/firewall/virtual_ip?id=0"
    assert (await fw.get(vip))["carp_status"] == "master"
    await fw("PATCH", "/status/carp", {"enable": True, "maintenance_mode": True})
    assert (await fw.get(vip))["carp_status"] == "backup"
    await fw("PATCH", "/status/carp", {"enable": False})
    assert (await fw.get(vip))["carp_status"] == "disabled"
    assert (await fw.get("/firewall/virtual_ip?id=1"))["carp_status"] is None


async def test_the_size_of_the_state_table_can_be_set(fw: Caller) -> None:
    before = await fw.get("/firewall/states/size")
    assert before["currentstates"] == len(await fw.get("/firewall/states?limit=0"))
    assert (await fw("PATCH", "/firewall/states/size", {"maximumstates": 1000})).data["maximumstates"] == 1000
    assert (await fw("PATCH", "/firewall/states/size", {"maximumstates": 5})).error[0] == 400


async def test_an_enum_shows_what_a_field_may_hold_now(fw: Caller) -> None:
    wanted = {"model_name": "FirewallRule", "model_field": "interface"}
    choices = (await fw.post("/system/enum", wanted))["choices"]
    assert {"wan", "lan", "opt1", "any", "INSIDE"} <= set(choices)
    assert (await fw("POST", "/system/enum", {"model_name": "X", "model_field": "y"})).error[0] == 404


async def test_system_status_has_the_units_of_the_contract(fw: Caller) -> None:
    status = await fw.get("/status/system")
    assert re.fullmatch(r"(\d+ Days? )?(\d\d Hours? )?\d\d Minutes? \d\d Seconds?", status["uptime"])
    assert len(status["cpu_load_avg"]) == 3
    assert 0 <= status["cpu_usage"] <= 100

"""Asked over the wire, the four appliances tell of one and the same rack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from holdfast.simulators.rack import Rack
from holdfast.simulators.world import World
from tests.support import running_rack


class Asker:
    """Asks each appliance as its documentation says, without Holdfast's clients."""

    def __init__(self, rack: Rack, session: aiohttp.ClientSession) -> None:
        self.rack = rack
        self._session = session

    async def get(self, name: str, path: str) -> Any:
        running = self.rack[name]
        given = running.credentials
        headers = {}
        if running.kind == "pfsense":
            headers["X-API-Key"] = given["api_key"]
        elif running.kind == "proxmox":
            headers["Authorization"] = f"PVEAPIToken={given['token_id']}={given['token_secret']}"
        else:
            headers["Authorization"] = aiohttp.encode_basic_auth(given["username"], given["password"])
        async with self._session.get(running.url + path, headers=headers) as answer:
            assert answer.status == 200, (path, answer.status, await answer.text())
            return await answer.json()

    async def call(self, *calls: tuple[str, list[Any]]) -> list[Any]:
        """JSON-RPC calls to TrueNAS over one socket, after logging in."""
        running = self.rack["truenas"]
        url = running.url.replace("https", "wss") + "/api/current"
        login = {
            "mechanism": "API_KEY_PLAIN",
            "username": running.credentials["username"],
            "api_key": running.credentials["api_key"],
        }
        results = []
        async with self._session.ws_connect(url) as socket:
            for number, (method, params) in enumerate([("auth.login_ex", [login]), *calls]):
                await socket.send_json({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
                answer = await socket.receive_json(timeout=10)
                assert "result" in answer, answer
                results.append(answer["result"])
        assert results[0]["response_type"] == "SUCCESS"
        return results[1:]


@asynccontextmanager
async def asking(*members: str) -> AsyncIterator[Asker]:
    async with running_rack(*members) as rack:
        connector = aiohttp.TCPConnector(ssl=rack.authority.client_context())
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Asker(rack, session)


def macs_by_ip(world: World, *, online: bool) -> dict[str, str]:
    return {one.ip: one.mac for one in world.neighbours() if one.online or not online}


async def test_the_firewalls_arp_table_is_the_worlds() -> None:
    async with asking("pfsense") as ask:
        table = (await ask.get("pfsense", "/api/v2/diagnostics/arp_table?limit=0"))["data"]
        told = {row["ip_address"]: row["mac_address"] for row in table}
        world = ask.rack.world
        assert macs_by_ip(world, online=True).items() <= told.items()
        assert world.server("pve3").host_ip not in told


async def test_a_guest_has_the_same_mac_in_its_configuration_as_in_the_arp_table() -> None:
    async with asking("proxmox", "pfsense") as ask:
        table = (await ask.get("pfsense", "/api/v2/diagnostics/arp_table?limit=0"))["data"]
        seen = {row["mac_address"].lower() for row in table}
        for guest in ask.rack.world.guests:
            if guest.node in ask.rack.world.offline_nodes:
                continue
            config = (await ask.get("proxmox", f"/api2/json/nodes/{guest.node}/{guest.kind}/{guest.vmid}/config"))[
                "data"
            ]
            assert guest.mac in config["net0"].lower()
            assert (guest.mac in seen) is guest.running


async def test_each_bmc_reports_its_hosts_addresses_tag_and_disks() -> None:
    async with asking("idrac*4") as ask:
        for number, server in enumerate(ask.rack.world.servers, start=1):
            name = "idrac" if number == 1 else f"idrac{number}"
            system = await ask.get(name, "/redfish/v1/Systems/System.Embedded.1")
            assert system["SKU"] == server.service_tag
            nics = await ask.get(name, "/redfish/v1/Systems/System.Embedded.1/EthernetInterfaces")
            macs = set()
            for member in nics["Members"]:
                interface = await ask.get(name, member["@odata.id"])
                macs.add((interface.get("PermanentMACAddress") or interface["MACAddress"]).lower())
            assert macs == set(server.host_macs)
            own = await ask.get(name, "/redfish/v1/Managers/iDRAC.Embedded.1/EthernetInterfaces")
            interface = await ask.get(name, own["Members"][0]["@odata.id"])
            assert interface["PermanentMACAddress"].lower() == server.bmc_mac
            bays = {
                serial for serial in await drives(ask, name) if not serial.startswith("M2")
            }  # but those of its BOSS
        assert bays == {disk.serial for disk in server.disks}


async def drives(ask: Asker, name: str) -> set[str]:
    serials = set()
    for controller in (await ask.get(name, "/redfish/v1/Systems/System.Embedded.1/Storage"))["Members"]:
        for drive in (await ask.get(name, controller["@odata.id"]))["Drives"]:
            serials.add((await ask.get(name, drive["@odata.id"]))["SerialNumber"])
    return serials


async def test_the_storage_system_has_the_tag_that_its_bmc_reports() -> None:
    async with asking("truenas") as ask:
        server = next(one for one in ask.rack.world.servers if one.role == "truenas")
        [info] = await ask.call(("system.info", []))
        assert info["system_serial"] == server.service_tag

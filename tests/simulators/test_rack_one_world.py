"""Asked over the wire, the four appliances tell of one and the same rack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from tests.support import running_rack

from holdfast.simulators.rack import Rack
from holdfast.simulators.world import World


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

"""The iDRAC tools against a Redfish service that others wrote: discovery, inventory, power, virtual media."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from holdfast.appliances.kinds import settings_classes
from holdfast.config import parse_config
from holdfast.control.caller import Caller
from holdfast.control.dispatch import Clocks
from holdfast.errors import HoldfastError
from holdfast.server.application import Application, Serving
from tests.appliances.idrac.test_foreign_redfish import PASSWORD, USER, Emulator, emulator
from tests.support.rooms import says_yes

__all__ = ["emulator"]


class Tools:
    """The application over the emulator, in operate mode; the person behind it confirms everything."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        return await self.application.dispatcher.call(tool, arguments, Caller("tester", ask=says_yes))

    async def fails(self, tool: str, **arguments: object) -> HoldfastError:
        try:
            answer = await self.call(tool, **arguments)
        except HoldfastError as error:
            return error
        raise AssertionError(f"{tool} should have failed, but answered {answer}")


@asynccontextmanager
async def tools(
    emulator: Emulator, tmp_path: Path, image_source: str = "https://mirror.example/"
) -> AsyncIterator[Tools]:
    config = parse_config(
        f"""
[targets.idrac.lab]
host = "127.0.0.1"
port = {emulator.port}
ca_file = "{emulator.ca_file}"
username = "{USER}"
password = "{PASSWORD}"
mode = "operate"
retry_min_wait = 0
retry_max_wait = 0
image_sources = ["{image_source}"]

[control]
state_dir = "{tmp_path / "state"}"
""",
        settings_classes(),
    )

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 1.0))  # the emulator lives in real time: its power takes seconds

    application = Application(config, Serving(toolsets=("all",)), clocks=Clocks(sleep=sleep))
    async with application.running():
        yield Tools(application)


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """A web server of the standard library on loopback; its URL."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


async def test_it_is_discovered_and_described_without_assuming_what_it_is(emulator: Emulator, tmp_path: Path) -> None:
    async with tools(emulator, tmp_path) as lab:
        info = await lab.call("idrac_system_info")
        (system,) = (await lab.call("idrac_list_systems"))["items"]
        assert system["power_state"] == info["power_state"]
        health = await lab.call("idrac_get_health")
        assert health["health"] == "OK"
        assert "idrac_generation" not in health
        assert "All sessions" not in str(health["notes"])
        (row,) = (await lab.call("idrac_fleet_health"))["items"]
        assert row["result"] == "ok"


async def test_what_it_lists_is_read_and_what_it_only_advertises_is_unsupported(
    emulator: Emulator, tmp_path: Path
) -> None:
    async with tools(emulator, tmp_path) as lab:
        (port,) = (await lab.call("idrac_list_inventory", section="nics"))["items"]
        assert len(port["mac_address"]) == 17
        assert (await lab.call("idrac_list_inventory", section="pcie"))["items"] == []
        for section in ("processors", "memory", "storage", "adapters", "firmware", "power_supplies"):
            error = await lab.fails("idrac_list_inventory", section=section)
            assert error.code == "unsupported", (section, error)
        thermals = await lab.call("idrac_get_thermals")
        assert [one["celsius"] for one in thermals["temperatures"]]
        assert all(fan["rpm"] > 0 for fan in thermals["fans"])
        assert (await lab.call("idrac_get_manager"))["firmware"]


async def test_what_it_does_not_have_is_said_by_every_tool_that_needs_it(emulator: Emulator, tmp_path: Path) -> None:
    async with tools(emulator, tmp_path) as lab:
        calls: tuple[tuple[str, dict[str, object]], ...] = (
            ("idrac_list_jobs", {}),
            ("idrac_list_logs", {}),
            ("idrac_get_timeline", {}),
            ("idrac_list_telemetry", {}),
            ("idrac_list_bios", {}),
            ("idrac_list_updates", {}),
            ("idrac_set_lockdown", {"enabled": True}),
            ("idrac_clear_jobs", {}),
        )
        for tool, arguments in calls:
            assert (await lab.fails(tool, **arguments)).code == "unsupported", tool


async def test_power_is_switched_and_the_effect_is_seen(emulator: Emulator, tmp_path: Path) -> None:
    async with tools(emulator, tmp_path) as lab:
        await lab.call("idrac_set_power", action="off_force")  # it may have kept its state from an earlier run
        for action, state in (("on", "On"), ("off_force", "Off"), ("on", "On"), ("off_graceful", "Off")):
            answer = await lab.call("idrac_set_power", action=action)
            assert answer["outcome"] == "applied", (action, answer)
            assert (await lab.call("idrac_system_info"))["power_state"] == state
        assert (await lab.call("idrac_set_power", action="off_force"))["outcome"] == "nothing_to_do"
        assert (await lab.fails("idrac_set_power", action="nmi")).code == "conflict"


async def test_a_restart_that_leaves_no_mark_is_sent_and_not_claimed_to_be_seen(
    emulator: Emulator, tmp_path: Path
) -> None:
    async with tools(emulator, tmp_path) as lab:
        await lab.call("idrac_set_power", action="on")
        answer = await lab.call("idrac_set_power", action="restart_force")
        assert answer["outcome"] == "applied"
        assert "no time of its last restart" in str(answer)


async def test_an_image_is_inserted_fetched_and_ejected(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "a.iso").write_bytes(bytes(2048))
    with web_server(tmp_path / "web") as url:
        async with tools(emulator, tmp_path, url) as lab:
            inserted = await lab.call("idrac_insert_media", image=f"{url}a.iso")
            assert inserted["outcome"] == "applied"
            slots = (await lab.call("idrac_list_media"))["items"]
            assert [slot["slot"] for slot in slots if slot["inserted"]] == ["Cd"]
            assert (await lab.call("idrac_eject_media"))["outcome"] == "applied"
            assert not any(slot["inserted"] for slot in (await lab.call("idrac_list_media"))["items"])
            refused = await lab.fails("idrac_insert_media", image="http://127.0.0.1:1/b.iso")
            assert refused.code == "refused"

"""A client that others wrote (the DMTF's `redfish_utilities`) finds its way through every persona.

It comes with the protocol validator. It knows nothing of Dell, so that what it finds was found by links alone.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.idrac import IDracSimulator, create
from holdfast.simulators.world import default_world
from tests.simulators.idrac.bench import NOW
from tests.support.racks import running_in_thread

redfish = importlib.import_module("redfish")
messages = importlib.import_module("redfish.messages.messages")
utilities = importlib.import_module("redfish_utilities")

EVERY = ("8", "9", "9-renamed", "10")


@pytest.fixture(autouse=True)
def _no_bundle_or_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def _foreign(persona: str, folder: Path) -> Iterator[tuple[Any, IDracSimulator]]:
    """The foreign client, logged in by a session, and the simulator (whose clock stands still)."""
    clock = SimulatedClock(lambda: NOW)
    simulator = create(default_world(), clock, "idrac", persona)
    simulator.bmc.host.state = "On"
    with running_in_thread(simulator) as thread:
        who = simulator.credentials
        ca_file = folder / "ca.pem"
        thread.running.authority.write_ca(ca_file)
        context = redfish.redfish_client(
            base_url=thread.running.url,
            username=who["username"],
            password=who["password"],
            cafile=str(ca_file),
            max_retry=0,
        )
        context.login(auth="session")
        try:
            yield context, simulator
        finally:
            context.logout()
    assert simulator.bmc.sessions.members == {}


@pytest.mark.parametrize("persona", EVERY)
def test_it_finds_the_whole_inventory(persona: str, tmp_path: Path) -> None:
    with _foreign(persona, tmp_path) as (context, simulator):
        inventory = utilities.get_system_inventory(context)
        hw = simulator.bmc.hw
        for kind, serials in (
            ("Drives", {disk.serial for disk in hw.disks}),
            ("Memory", {dimm.serial for dimm in hw.dimms}),
        ):
            assert {item["SerialNumber"] for chassis in inventory for item in chassis[kind]} >= serials
        firmware = utilities.get_firmware_inventory(context)
        assert len(firmware) > 10


@pytest.mark.parametrize("persona", EVERY)
def test_it_reads_sensors_logs_and_the_manager(persona: str, tmp_path: Path) -> None:
    with _foreign(persona, tmp_path) as (context, simulator):
        readings = [row for chassis in utilities.get_sensors(context) for row in chassis["Readings"]]
        names = {row["Name"] for row in readings}
        assert "System Board Inlet Temp" in names
        entries = utilities.get_log_entries(context, log_service_id="Sel")
        assert len(entries) == len(simulator.bmc.sel)
        manager = utilities.get_manager(context)
        assert manager.dict["FirmwareVersion"] == simulator.bmc.persona.firmware


@pytest.mark.parametrize("persona", EVERY)
def test_it_adds_and_removes_a_user_by_slot_or_by_post(persona: str, tmp_path: Path) -> None:
    with _foreign(persona, tmp_path) as (context, simulator):
        utilities.add_user(context, "alien", "Far-from-sea-1", "ReadOnly")
        assert "alien" in {user["UserName"] for user in utilities.get_users(context)}
        # A slot that was filled without `Enabled` stays disabled; a new member is enabled.
        may_log_in = simulator.bmc.accounts.login("alien", "Far-from-sea-1") is not None
        assert may_log_in is (persona == "10")
        utilities.delete_user(context, "alien")
        assert simulator.bmc.accounts.named("alien") is None


@pytest.mark.parametrize("persona", EVERY)
def test_it_turns_the_power_off(persona: str, tmp_path: Path) -> None:
    with _foreign(persona, tmp_path) as (context, simulator):
        utilities.system_reset(context, reset_type="ForceOff")
        assert simulator.bmc.host.state == "Off"


@pytest.mark.parametrize("persona", EVERY)
def test_it_boots_once_from_the_network(persona: str, tmp_path: Path) -> None:
    with _foreign(persona, tmp_path) as (context, simulator):
        if persona == "10":
            # The newest generation takes this at another resource, which only Dell's own clients know.
            with pytest.raises(messages.RedfishOperationFailedError, match="read-only"):
                utilities.set_system_boot(context, ov_target="Pxe", ov_enabled="Once")
            return
        utilities.set_system_boot(context, ov_target="Pxe", ov_enabled="Once")
        assert (simulator.bmc.boot.target, simulator.bmc.boot.enabled) == ("Pxe", "Once")


@pytest.mark.parametrize("persona", EVERY)
def test_it_inserts_and_ejects_media(persona: str, tmp_path: Path) -> None:
    with _foreign(persona, tmp_path) as (context, simulator):
        utilities.insert_virtual_media(context, "https://files.example/a.iso")
        (slot,) = [slot for slot in simulator.bmc.media.slots.values() if slot.image]
        utilities.eject_virtual_media(context, slot.id)
        assert slot.image is None


@pytest.mark.parametrize("persona", EVERY)
def test_it_stages_bios_settings(persona: str, tmp_path: Path) -> None:
    with _foreign(persona, tmp_path) as (context, simulator):
        current, future = utilities.get_system_bios(context)
        assert current["LogicalProc"] == "Enabled"
        utilities.set_system_bios(context, {"LogicalProc": "Disabled"})
        assert simulator.bmc.bios.pending == {"LogicalProc": "Disabled"}
        del future


@pytest.mark.parametrize("persona", EVERY)
def test_it_starts_an_update(persona: str, tmp_path: Path) -> None:
    with _foreign(persona, tmp_path) as (context, simulator):
        reply = utilities.simple_update(context, "https://files.example/BIOS_7XK1N_WN64_9.16.2.EXE")
        assert reply.status == 202
        (job,) = simulator.bmc.jobs.jobs.values()
        assert job.id in reply.getheader("Location")
